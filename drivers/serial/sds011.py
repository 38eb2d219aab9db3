"""Nova SDS011 particle sensor: ten bytes a second. Pure.

Source: frames captured from a sensor [C]. 9600 8N1, little endian, tenths of µg/m³.
"""

from __future__ import annotations

from typing import Final

from drivers.errors import Fault, FrameError
from drivers.serial.fields import Fields

MEASUREMENT: Final = 0xC0
FIELDS: Final = frozenset({"pm2_5", "pm10", "id"})
"""µg/m³, and the sensor's number as four hexadecimal digits."""


class Sds011Form:
    """AA C0, PM2.5, PM10, the sensor's number, the low byte of the sum of these six, AB."""

    head = b"\xaa"
    max_bytes = 10

    def length(self, begun: bytes) -> int:
        """Return 10."""
        del begun
        return 10

    def fields(self, frame: bytes) -> Fields:
        """Return the two masses and the number."""
        if frame[9] != 0xAB:
            raise FrameError(Fault.NOISE, "no tail")
        if sum(frame[2:8]) & 0xFF != frame[8]:
            raise FrameError(Fault.CRC, "wrong sum")
        if frame[1] != MEASUREMENT:
            raise FrameError(Fault.WRONG_FUNCTION, f"frame {frame[1]:02X} is no measurement")
        return {
            "pm2_5": int.from_bytes(frame[2:4], "little") / 10,
            "pm10": int.from_bytes(frame[4:6], "little") / 10,
            "id": frame[6:8].hex().upper(),
        }
