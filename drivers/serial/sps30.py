"""Sensirion SPS30 particle sensor by SHDLC. Pure.

Source: frames captured by PyPMS, and the maker's public description of SHDLC [C]; the meaning of the bits of the state
byte is not in our sources: any that is set makes the answer worthless. 115200 8N1.
"""

from __future__ import annotations

import struct
from typing import Final

from contract.reading import Cause
from drivers.errors import Fault, FrameError
from drivers.modbus.values import shortest_float32
from drivers.serial.fields import FOREIGN, Fields, RefusalError

FLAG: Final = 0x7E
ESCAPE: Final = 0x7D
_ESCAPED: Final = frozenset({0x7E, 0x7D, 0x11, 0x13})
START: Final = 0x00
READ: Final = 0x03
MAX_STUFFED_BYTES: Final = 2 * (255 + 5)

_SIZES: Final = ("pm1", "pm2_5", "pm4", "pm10", "n0_5", "n1", "n2_5", "n4", "n10", "typical_size")
FIELDS: Final = frozenset(_SIZES)
"""µg/m³, particles per cm³, µm."""


def frame(command: int, data: bytes = b"", address: int = 0) -> bytes:
    """Return a request: the check byte is made before the stuffing."""
    body = bytes((address, command, len(data))) + data
    body += bytes((~sum(body) & 0xFF,))
    stuffed = b"".join(bytes((ESCAPE, byte ^ 0x20)) if byte in _ESCAPED else bytes((byte,)) for byte in body)
    return bytes((FLAG,)) + stuffed + bytes((FLAG,))


START_REQUEST: Final = frame(START, b"\x01\x03")
"""Measure, and answer in floats."""
READ_REQUEST: Final = frame(READ)


def unstuffed(data: bytes) -> bytes:
    """Return what stands between two flags, in one pass: replacing one pair after another would escape twice.

    Raises:
        FrameError: An escape before nothing or before what needs none, or a byte that must be escaped stands alone.
    """
    plain = bytearray()
    escaped = False
    for byte in data:
        if escaped:
            if byte ^ 0x20 not in _ESCAPED:
                raise FrameError(Fault.NOISE, f"7D {byte:02X} is no stuffing")
            plain.append(byte ^ 0x20)
            escaped = False
        elif byte == ESCAPE:
            escaped = True
        elif byte in _ESCAPED:
            raise FrameError(Fault.NOISE, f"{byte:02X} stands unescaped")
        else:
            plain.append(byte)
    if escaped:
        raise FrameError(Fault.TRUNCATED, "ends in an escape")
    return bytes(plain)


def answer_data(body: bytes, command: int, address: int = 0) -> bytes:
    """Return the data of an answer: address, command, state, length, data, check.

    Raises:
        FrameError: It is damaged, or another's.
        RefusalError: The sensor's state byte is not 0.
    """
    if len(body) < 5 or body[3] != len(body) - 5:
        raise FrameError(Fault.WRONG_LENGTH, "length does not fit")
    if ~sum(body[:-1]) & 0xFF != body[-1]:
        raise FrameError(Fault.CRC, "wrong check byte")
    if body[0] != address:
        raise FrameError(Fault.WRONG_UNIT, f"answer of address {body[0]}")
    if body[1] != command:
        raise FrameError(Fault.WRONG_FUNCTION, f"answer to command {body[1]:02X}")
    if body[2]:
        raise RefusalError("state", state=f"{body[2]:02X}")
    return body[4:-1]


class ShdlcScanner:
    """Finds the answers to one command between flags; a flag may end one frame and begin the next."""

    def __init__(self, command: int, address: int = 0) -> None:
        self.damaged = self.foreign = 0
        self.noise = 0
        self.refusal: FrameError | None = None
        self.answered = False
        self.command = command
        self.address = address
        self._kept = bytearray()

    def feed(self, data: bytes) -> list[Fields]:
        """Take bytes; return the values of each answer that is now whole. One without data says: nothing new."""
        found: list[Fields] = []
        for byte in data:
            if byte != FLAG:
                if len(self._kept) < MAX_STUFFED_BYTES:
                    self._kept.append(byte)
                else:
                    self.noise += 1
                continue
            body = bytes(self._kept)
            self._kept.clear()
            if body:
                found += self._frame(body)
        return found

    def _frame(self, body: bytes) -> list[Fields]:
        try:
            data = answer_data(unstuffed(body), self.command, self.address)
            fields = _values(data) if self.command == READ and data else {}
        except RefusalError as error:
            self.answered, self.refusal = True, error
            return []
        except FrameError as error:
            is_sound = error.fault in FOREIGN
            self.foreign += is_sound
            self.damaged += not is_sound
            self.noise += 0 if is_sound else len(body)
            return []
        self.answered = True
        return [fields] if fields else []

    def waiting(self) -> int:
        """Return how many bytes of a frame that is not whole yet are kept."""
        return len(self._kept)


def _values(data: bytes) -> Fields:
    if len(data) != 40:
        raise FrameError(Fault.WRONG_LENGTH, f"{len(data)} bytes are no ten floats")
    numbers = struct.unpack(">10f", data)
    return {
        name: shortest_float32(number) if abs(number) < 1e30 else Cause.SENTINEL
        for name, number in zip(_SIZES, numbers, strict=True)
    }
