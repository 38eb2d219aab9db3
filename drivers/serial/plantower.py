"""Plantower particle sensors PMS5003, PMS7003, PMSA003: 32 bytes a second, or on request. Pure.

Source: frames captured by the public tool PyPMS, and its reading of the makers' manuals [C]. 9600 8N1.
"""

from __future__ import annotations

import struct
from typing import Final

from contract.reading import Cause
from drivers.errors import Fault, FrameError
from drivers.serial.fields import Fields

HEAD: Final = b"\x42\x4d"
FRAME_BYTES: Final = 32
COMMAND_ANSWER_BYTES: Final = 8
"""Answers to mode commands stand in the stream between the measurements."""
READ_REQUEST: Final = bytes.fromhex("424de200000171")
SLEEP_REQUEST: Final = bytes.fromhex("424de400000173")
WAKE_REQUEST: Final = bytes.fromhex("424de400010174")

_PARTICLES: Final = (
    "pm1_cf1", "pm2_5_cf1", "pm10_cf1", "pm1", "pm2_5", "pm10", "n0_3", "n0_5", "n1", "n2_5", "n5", "n10",
)  # fmt: skip
FIELDS: Final = frozenset(_PARTICLES)
"""µg/m³ with the factor for the factory's dust (cf1) and for air, then particles above so many µm in 0.1 L."""


class PlantowerForm:
    """A head, a length, thirteen numbers, the sum of all bytes before it; big endian."""

    head = HEAD
    max_bytes = FRAME_BYTES

    def length(self, begun: bytes) -> int:
        """Return 32 for a measurement, 8 for the answer to a command."""
        if len(begun) < 4:
            return 0
        length = 4 + int.from_bytes(begun[2:4], "big")
        if length not in (FRAME_BYTES, COMMAND_ANSWER_BYTES):
            raise FrameError(Fault.WRONG_LENGTH, f"no Plantower frame has {length} bytes")
        return length

    def fields(self, frame: bytes) -> Fields:
        """Return twelve fields; the sensor's own error byte makes all of them BAD."""
        if sum(frame[:-2]) != int.from_bytes(frame[-2:], "big"):
            raise FrameError(Fault.CRC, "wrong sum")
        if len(frame) == COMMAND_ANSWER_BYTES:
            return {}
        *numbers, version_and_error = struct.unpack(">13H", frame[4:-2])
        if version_and_error & 0xFF:
            return dict.fromkeys(_PARTICLES, Cause.DEVICE)
        return dict(zip(_PARTICLES, map(int, numbers), strict=True))
