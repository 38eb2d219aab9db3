"""Sensors on an SDI-12 line, with a codec of their own. A pseudo-terminal shows neither breaks nor parity."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar, Final

from firmware_sim.core.instrument import MAX_REQUEST_BYTES, Instrument
from firmware_sim.core.instrument_faults import Sent
from firmware_sim.core.measuring import Quantity
from firmware_sim.twins.weather_instruments import crc_characters, next_address

ANSWER_S: Final = 0.009
"""A sensor holds the line at mark for 8.33 ms before it answers."""
_MOST_CHARACTERS: Final = {"M": 35, "V": 35, "C": 75, "R": 75}


class Sdi12Sensor(Instrument):
    """Whatever `order` names; measures for `measure_s`, sends a service request after M, none after C.

    Source: the command table of SDI-12 1.4 as makers print it.
    """

    quantities: ClassVar[Mapping[str, Quantity]] = {"measure_s": 2.0}
    order: ClassVar[tuple[str, ...]] = ()
    form: ClassVar[str] = "{:+.2f}"
    identity: ClassVar[str] = "14"
    check_at = -3
    seven_bits = True
    has_addresses = True
    most_characters: Mapping[str, int] = _MOST_CHARACTERS
    _kind = ""
    _ready_s = math.inf
    _taken: tuple[str, ...] = ()
    _with_crc = False

    def requests(self, heard: bytearray) -> list[bytes]:
        """Take what ends in an exclamation mark."""
        found = []
        while (end := heard.find(b"!")) >= 0:
            found.append(bytes(heard[:end]).lstrip(b"\0\xff"))
            del heard[: end + 1]
        del heard[:-MAX_REQUEST_BYTES]
        return found

    def frame(self, *, invalid: bool) -> bytes:
        """Return nothing: a sensor never talks unasked."""
        del invalid
        return b""

    def of_another(self, data: bytes) -> bytes:
        """Return the same of the next address."""
        text = data.decode("ascii").rstrip("\r\n")
        body = next_address(self.address) + (text[1:-3] if self.has_check(data) else text[1:])
        return f"{body}{crc_characters(body) if self.has_check(data) else ''}\r\n".encode("ascii")

    def has_check(self, data: bytes) -> bool:
        """Return whether these are values with CRC."""
        return self._with_crc and (b"+" in data or b"-" in data)

    def answer(self, request: bytes, now_s: float) -> list[Sent]:
        """Carry a command out, if it is for this sensor."""
        text = request.decode("ascii", "replace")
        if text[:1] not in {self.address, "?"}:
            return []
        command = text[1:]
        if not command:
            return [self._line(self.address)]
        if text[:1] == "?":
            return []
        if command[0] == "A" and len(command) == 2 and command[1].isalnum():
            self.address = command[1]
            return [self._line(self.address)]
        if command == "I":
            return [self._line(f"{self.address}{self.identity}")]
        if command[0] == "D" and command[1:].isdigit() and len(command) == 2:
            return [self._data(int(command[1]), now_s)]
        return self._measure(command, now_s)

    def _measure(self, command: str, now_s: float) -> list[Sent]:
        kind, with_crc = command[0], command[1:2] == "C"
        number = command[2 if with_crc else 1 :]
        if kind not in _MOST_CHARACTERS or number not in {"", "0"} or (kind == "R") != (number == "0"):
            # Further measurements: none here.
            return [self._line(f"{self.address}000{'00' if kind == 'C' else '0'}")] if kind in {"M", "C"} else []
        self._kind, self._with_crc = kind, with_crc
        if self.before_frame is not None:
            self.before_frame(self)
        self._taken = () if self.is_invalid() else tuple(self.form.format(self.number(name)) for name in self.order)
        if kind == "R":
            self._ready_s = now_s
            return [self._data(0, now_s)]
        measure_s = max(0.0, self.number("measure_s"))
        wait_s = min(999, math.ceil(measure_s))
        self._ready_s = now_s + measure_s
        count = len(self.order)
        said = f"{self.address}{wait_s:03d}{count:02d}" if kind == "C" else f"{self.address}{wait_s:03d}{count:d}"
        sent = [self._line(said)]
        if kind in {"M", "V"} and wait_s:
            sent.append(Sent(measure_s, f"{self.address}\r\n".encode("ascii")))
        return sent

    def _data(self, number: int, now_s: float) -> Sent:
        if now_s < self._ready_s:
            # Asked too soon: the measurement is given up.
            self._ready_s, self._taken = math.inf, ()
        parts, most = [""], self.most_characters.get(self._kind, 35)
        for value in self._taken:
            if len(parts[-1]) + len(value) > most:
                parts.append("")
            parts[-1] += value
        text = self.address + (parts[number] if number < len(parts) else "")
        return self._line(text + (crc_characters(text) if self._with_crc else ""))

    @staticmethod
    def _line(text: str) -> Sent:
        return Sent(ANSWER_S, f"{text}\r\n".encode("ascii"))


class Vegapuls21(Sdi12Sensor):
    """m, m, °C, dB, code: five values after 12 s.

    Source: supplement of the maker's instructions; warm-up and measuring time of a C 21.
    """

    order = ("level", "distance", "temperature", "reliability", "status")
    quantities: ClassVar[Mapping[str, Quantity]] = {
        "level": 1.25, "distance": 6.75, "temperature": 25.5, "reliability": 14.0, "status": 0.0,
        "measure_s": 11.2,
    }  # fmt: skip
    form = "{:+g}"
    identity = "14VEGA    PSC 2100143210123"


class SoilProbe(Sdi12Sensor):
    """%, °C, µS/cm: three values after 2 s."""

    order = ("moisture", "temperature", "conductivity")
    quantities: ClassVar[Mapping[str, Quantity]] = {
        "moisture": 31.25, "temperature": 24.5, "conductivity": 410.0, "measure_s": 2.0,
    }  # fmt: skip
    identity = "13SIMULATESOIL  001"


MODELS: Final[dict[str, type[Instrument]]] = {"vegapuls-21": Vegapuls21, "sdi12-soil": SoilProbe}
