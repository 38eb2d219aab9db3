"""SDI-12 1.4: the commands of a data recorder and the answers of sensors. Pure.

Source: the standard's command table and times as the makers' manuals print them (Vaisala WXT530 appendix, VEGAPULS C 21
and C 22 supplement), captured answers with CRC [C].
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from drivers.errors import Fault
from drivers.serial.sixbit import checked
from drivers.serial.texts import frame_error

MAX_ANSWER_BYTES: Final = 128
"""Address, 75 characters of values after a concurrent measurement, CRC, CR LF; an echo of the command before it."""
MAX_WAIT_S: Final = 999
MAX_VALUES: Final = 99
DATA_COMMANDS: Final = 10

_ADDRESS: Final = re.compile(r"[0-9A-Za-z]$")
_VALUE: Final = re.compile(rb"[+-]\d{1,7}(?:\.\d{0,7})?|[+-]\.\d{1,7}")
_MEASURING: Final = re.compile(r"(M|C)([1-9]?)$|(V)$")
_READING: Final = re.compile(r"R([0-9])$")


def check_address(address: str) -> str:
    """Return an address.

    Raises:
        ValueError: It is no digit and no letter.
    """
    if not _ADDRESS.match(address):
        raise ValueError(f"'{address}' is no SDI-12 address: one of 0-9, A-Z, a-z")
    return address


@dataclass(frozen=True, slots=True)
class Measurement:
    """A command that makes a sensor measure, or read without waiting.

    Attributes:
        name: As fields of profiles name it: M, M1 to M9, C, C1 to C9, V, R0 to R9.
        crc: Whether its data carry a CRC; a verification has none.
    """

    name: str
    crc: bool

    def __post_init__(self) -> None:
        if not (_MEASURING.match(self.name) or _READING.match(self.name)):
            raise ValueError(f"'{self.name}' is no measurement: M, M1 to M9, C, C1 to C9, V, R0 to R9")

    @property
    def is_concurrent(self) -> bool:
        """Whether other sensors may be asked while it measures; it sends no service request then."""
        return self.name.startswith("C")

    @property
    def is_continuous(self) -> bool:
        """Whether the values come at once, without a measurement."""
        return self.name.startswith("R")

    @property
    def data_has_crc(self) -> bool:
        """Whether the values come with a CRC."""
        return self.crc and self.name != "V"

    def command(self, address: str) -> bytes:
        """Return the command: aM!, aMC1!, aCC!, aRC0!, aV!."""
        letter, number = self.name[0], self.name[1:]
        return f"{address}{letter}{'C' if self.data_has_crc else ''}{number}!".encode("ascii")


def data_command(address: str, number: int) -> bytes:
    """Return aD0! to aD9!."""
    return f"{address}D{number}!".encode("ascii")


def identify_command(address: str) -> bytes:
    """Return aI!."""
    return f"{address}I!".encode("ascii")


def acknowledge_command(address: str) -> bytes:
    """Return a!, which a sensor answers with its address alone."""
    return f"{address}!".encode("ascii")


def change_address_command(address: str, wanted: str) -> bytes:
    """Return aAb!."""
    return f"{address}A{wanted}!".encode("ascii")


ADDRESS_QUERY: Final = b"?!"
"""Answered by every sensor at once: use it with one on the line."""


@dataclass(frozen=True, slots=True)
class Announced:
    """What a sensor answers to a measurement command: ready in so many seconds, with so many values."""

    wait_s: int
    values: int


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a sensor is: the standard's version times ten, vendor, model, its version, the rest (a serial number)."""

    sdi12: str
    vendor: str
    model: str
    version: str
    rest: str


def body_of(line: bytes, address: str) -> bytes:
    """Return an answer without the address that it begins with.

    Raises:
        FrameError: It is another's, or no printable ASCII (a character of wrong parity is read as NUL).
    """
    if not line or not all(0x20 <= byte < 0x7F for byte in line):
        raise frame_error(Fault.CRC, "not_text")
    if address != "?" and line[:1] != address.encode("ascii"):
        raise frame_error(Fault.WRONG_UNIT, "other_address", found=chr(line[0]))
    return line[1:]


def announced(body: bytes, *, concurrent: bool = False) -> Announced:
    """Return what atttn (one digit of values) or, for a concurrent measurement, atttnn says.

    Raises:
        FrameError: It is not that.
    """
    if not (body.isdigit() and len(body) == (5 if concurrent else 4)):
        raise frame_error(Fault.WRONG_LENGTH, "no_announcement")
    return Announced(int(body[:3]), int(body[3:]))


def values_of(body: bytes, *, crc: bool, address: str) -> tuple[float, ...]:
    """Return the values of a data answer, each with its sign; none if it has none.

    Raises:
        FrameError: Damaged, or not values alone.
    """
    if crc:
        whole = checked(address.encode("ascii") + body)
        if whole is None:
            raise frame_error(Fault.CRC, "wrong_crc")
        body = whole[1:]
    found = _VALUE.findall(body)
    if b"".join(found) != body:
        raise frame_error(Fault.CRC if crc else Fault.NOISE, "not_values")
    return tuple(float(text) for text in found)


def identity_of(body: bytes) -> Identity:
    """Return who a sensor is.

    Raises:
        FrameError: Too short.
    """
    text = body.decode("ascii")
    if len(text) < 19 or not text[:2].isdigit():
        raise frame_error(Fault.WRONG_LENGTH, "no_identity")
    return Identity(text[:2], text[2:10].strip(), text[10:16].strip(), text[16:19].strip(), text[19:].strip())
