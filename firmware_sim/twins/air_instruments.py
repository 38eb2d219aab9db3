"""Particle and gas sensors on a serial line, with codecs of their own."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from typing import ClassVar, Final

from firmware_sim.core.instrument import MAX_REQUEST_BYTES, Instrument
from firmware_sim.core.instrument_faults import Sent
from firmware_sim.core.measuring import Quantity

ANSWER_S: Final = 0.005


def _word(value: float) -> int:
    return max(0, min(0xFFFF, round(value)))


class PlantowerPms5003(Instrument):
    """µg/m³ and particles in 0.1 L; a frame a second, or when asked in passive mode.

    Source: frames captured by PyPMS.
    """

    quantities: ClassVar[Mapping[str, Quantity]] = {
        "pm1": 5.0, "pm2_5": 8.0, "pm10": 11.0,
        "n0_3": 900.0, "n0_5": 300.0, "n1": 60.0, "n2_5": 12.0, "n5": 3.0, "n10": 1.0,
    }  # fmt: skip
    talks_every_s = 1.0
    has_kinds = True

    def of_another_kind(self, data: bytes) -> bytes:
        """Return the eight bytes that answer a change of mode."""
        del data
        body = b"BM\x00\x04\xe1\x00"
        return body + sum(body).to_bytes(2, "big")

    def frame(self, *, invalid: bool) -> bytes:
        """Return 32 bytes."""
        masses = [_word(self.number(name)) for name in ("pm1", "pm2_5", "pm10")]
        counts = [_word(self.number(name)) for name in ("n0_3", "n0_5", "n1", "n2_5", "n5", "n10")]
        # The masses for the factory's dust are others above 30 µg/m³: whoever takes them for those of air is found out.
        factory = [_word(mass * 1.5 + 1) for mass in masses]
        body = b"BM\x00\x1c" + b"".join(word.to_bytes(2, "big") for word in (*factory, *masses, *counts))
        body += b"\x97" + (b"\x01" if invalid else b"\x00")
        return body + (sum(body) % 65536).to_bytes(2, "big")

    def requests(self, heard: bytearray) -> list[bytes]:
        """Take requests of seven bytes."""
        return _fixed(heard, b"BM", 7)

    def answer(self, request: bytes, now_s: float) -> list[Sent]:
        """Answer the passive read."""
        del now_s
        sound = (sum(request[:5]) % 65536).to_bytes(2, "big") == request[5:]
        return [Sent(ANSWER_S, self.measured())] if sound and request[2] == 0xE2 else []


class NovaSds011(Instrument):
    """µg/m³; a frame a second. A failed fan shows the largest numbers.

    Source: frames captured from a sensor.
    """

    quantities: ClassVar[Mapping[str, Quantity]] = {"pm2_5": 0.6, "pm10": 0.9, "id": "58D9"}
    talks_every_s = 1.0
    check_at = -2
    has_kinds = True

    def of_another_kind(self, data: bytes) -> bytes:
        """Return an answer to a command."""
        return data[:1] + b"\xc5" + data[2:]

    def frame(self, *, invalid: bool) -> bytes:
        """Return ten bytes."""
        fine, coarse = (_word(10 * self.number(name)) for name in ("pm2_5", "pm10"))
        if invalid:
            fine, coarse = 9999, 19990
        body = struct.pack("<HH", fine, coarse) + bytes.fromhex(str(self.values["id"]))
        return b"\xaa\xc0" + body + bytes((sum(body) % 256, 0xAB))


class SensirionSps30(Instrument):
    """µg/m³, particles per cm³, µm; answers in SHDLC, once it was started, with a new value a second.

    Source: frames captured by PyPMS.
    """

    names: ClassVar[tuple[str, ...]] = (
        "pm1", "pm2_5", "pm4", "pm10", "n0_5", "n1", "n2_5", "n4", "n10", "typical_size",
    )  # fmt: skip
    quantities: ClassVar[Mapping[str, Quantity]] = {
        "pm1": 5.25, "pm2_5": 9.5, "pm4": 12.75, "pm10": 13.25,
        "n0_5": 26.5, "n1": 37.0, "n2_5": 41.5, "n4": 42.5, "n10": 42.75, "typical_size": 0.75,
        "new_value_s": 1.0,
    }  # fmt: skip
    check_at = -2
    has_addresses = True
    has_kinds = True
    started = False
    _newest_s = -math.inf

    def of_another(self, data: bytes) -> bytes:
        """Return the same of address 1."""
        body = _plain(data[1:-1])
        return self._shdlc(body[1], body[2], body[4:-1], address=1)

    def of_another_kind(self, data: bytes) -> bytes:
        """Return the same as an answer to command 80."""
        body = _plain(data[1:-1])
        return self._shdlc(0x80, body[2], body[4:-1])

    def requests(self, heard: bytearray) -> list[bytes]:
        """Take what stands between two 7E."""
        found = []
        while (begin := heard.find(b"~")) >= 0 and (end := heard.find(b"~", begin + 1)) >= 0:
            body = bytes(heard[begin + 1 : end])
            del heard[: end if not body else end + 1]
            if body:
                found.append(_plain(body))
        del heard[:-MAX_REQUEST_BYTES]
        return found

    def answer(self, request: bytes, now_s: float) -> list[Sent]:
        """Start, or give the newest value."""
        if len(request) < 4 or request[2] != len(request) - 4 or sum(request) % 256 != 0xFF or request[0] != 0:
            return []
        command = request[1]
        if command == 0x00 and request[3:-1] == b"\x01\x03":
            state = 0x43 if self.started else 0x00
            self.started = True
            return [Sent(ANSWER_S, self._shdlc(command, state, b""))]
        if command != 0x03:
            return [Sent(ANSWER_S, self._shdlc(command, 0x02, b""))]
        if not self.started:
            return [Sent(ANSWER_S, self._shdlc(command, 0x43, b""))]
        if now_s - self._newest_s < self.number("new_value_s"):
            return [Sent(ANSWER_S, self._shdlc(command, 0, b""))]
        self._newest_s = now_s
        return [Sent(ANSWER_S, self.measured())]

    def frame(self, *, invalid: bool) -> bytes:
        """Return the answer with ten floats."""
        numbers = [math.nan if invalid else self.number(name) for name in self.names]
        return self._shdlc(0x03, 0, struct.pack(">10f", *numbers))

    @staticmethod
    def _shdlc(command: int, state: int, data: bytes, *, address: int = 0) -> bytes:
        body = bytes((address, command, state, len(data))) + data
        body += bytes((0xFF - sum(body) % 256,))
        for plain, stuffed in ((b"}", b"}]"), (b"~", b"}^"), (b"\x11", b"}1"), (b"\x13", b"}3")):
            body = body.replace(plain, stuffed)
        return b"~" + body + b"~"


def _plain(body: bytes) -> bytes:
    parts = body.split(b"}")
    return parts[0] + b"".join(bytes((part[0] ^ 0x20,)) + part[1:] for part in parts[1:] if part)


class WinsenGas(Instrument):
    """The raw number of a Winsen gas sensor; answers command 86 in its question mode.

    Source: frames captured from an MH-Z19B; the mode byte of the ZE03 from the library winsen-ze03.
    """

    quantities: ClassVar[Mapping[str, Quantity]] = {"raw": 636.0}
    question_mode: ClassVar[int | None] = None
    has_kinds = True
    asked = True

    def requests(self, heard: bytearray) -> list[bytes]:
        """Take requests of nine bytes."""
        return _fixed(heard, b"\xff\x01", 9)

    def answer(self, request: bytes, now_s: float) -> list[Sent]:
        """Answer 86; take a mode."""
        del now_s
        if (sum(request[1:]) % 256) != 0:
            return []
        if request[2] == 0x78:
            self.asked = request[3] == self.question_mode
            return []
        return [Sent(ANSWER_S, self.measured())] if request[2] == 0x86 and self.asked else []

    def frame(self, *, invalid: bool) -> bytes:
        """Return nine bytes; the protocol cannot say that there is no value."""
        del invalid
        return self._answer_of(0x86, _word(self.number("raw")).to_bytes(2, "big") + b"\x42\x00\x00\x00")

    def of_another_kind(self, data: bytes) -> bytes:
        """Return the same as an answer to another command."""
        return self._answer_of(0x99, data[2:-1])

    @staticmethod
    def _answer_of(command: int, data: bytes) -> bytes:
        body = bytes((command,)) + data
        return b"\xff" + body + bytes((256 - sum(body) % 256 & 0xFF,))


class WinsenZe03(WinsenGas):
    """A ZE03 talks until its mode byte 4 makes it wait for questions; what it says by itself is not simulated."""

    quantities: ClassVar[Mapping[str, Quantity]] = {"raw": 209.0}
    question_mode = 4
    asked = False


class WinsenZe07Ch2o(WinsenGas):
    """Formaldehyde in µg/m³ and ppb; waits for questions after mode byte 41.

    Source: the maker's manual, tables 5 to 8: 0.042 mg/m³ are 32 ppb in its example.
    """

    quantities: ClassVar[Mapping[str, Quantity]] = {"ch2o": 42.0, "ch2o_ppb": 32.0}
    question_mode = 0x41
    asked = False

    def frame(self, *, invalid: bool) -> bytes:
        """Return nine bytes."""
        del invalid
        first, last = (_word(self.number(name)).to_bytes(2, "big") for name in ("ch2o", "ch2o_ppb"))
        return self._answer_of(0x86, first + b"\x00\x00" + last)


class WinsenZh03b(WinsenGas):
    """PM2.5, PM10, PM1 in µg/m³, in this order; waits for questions after mode byte 41.

    Source: the public tool PyPMS (ZH0xx).
    """

    quantities: ClassVar[Mapping[str, Quantity]] = {"pm2_5": 35.0, "pm10": 52.0, "pm1": 21.0}
    question_mode = 0x41
    asked = False

    def frame(self, *, invalid: bool) -> bytes:
        """Return nine bytes."""
        del invalid
        masses = b"".join(_word(self.number(name)).to_bytes(2, "big") for name in ("pm2_5", "pm10", "pm1"))
        return self._answer_of(0x86, masses)


def _fixed(heard: bytearray, head: bytes, size: int) -> list[bytes]:
    """Take requests of one size; what precedes them goes."""
    found = []
    while (begin := heard.find(head)) >= 0 and len(heard) >= begin + size:
        found.append(bytes(heard[begin : begin + size]))
        del heard[: begin + size]
    del heard[:-MAX_REQUEST_BYTES]
    return found


MODELS: Final[dict[str, type[Instrument]]] = {
    "plantower-pms5003": PlantowerPms5003,
    "nova-sds011": NovaSds011,
    "sensirion-sps30": SensirionSps30,
    "winsen-mh-z19b": WinsenGas,
    "winsen-ze03": WinsenZe03,
    "winsen-ze07-ch2o": WinsenZe07Ch2o,
    "winsen-zh03b": WinsenZh03b,
}
