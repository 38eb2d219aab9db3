"""How high the sun stands, for the photocell."""

from __future__ import annotations

import math
from typing import Final

_J2000_UNIX_S: Final = 946728000.0  # 2000-01-01 12:00 UTC
_DAY_S: Final = 86400.0


def elevation_deg(unix_s: float, latitude_deg: float, longitude_deg: float) -> float:
    """Return the sun's geometric elevation in degrees, without refraction, good to 0.02 degrees.

    Source: low-precision solar coordinates, The Astronomical Almanac, page C5, 1950-2050.
    """
    days = (unix_s - _J2000_UNIX_S) / _DAY_S
    mean_longitude = math.radians((280.460 + 0.9856474 * days) % 360.0)
    anomaly = math.radians((357.528 + 0.9856003 * days) % 360.0)
    ecliptic = mean_longitude + math.radians(1.915 * math.sin(anomaly) + 0.020 * math.sin(2.0 * anomaly))
    obliquity = math.radians(23.439 - 0.0000004 * days)
    right_ascension = math.atan2(math.cos(obliquity) * math.sin(ecliptic), math.cos(ecliptic))
    declination = math.asin(math.sin(obliquity) * math.sin(ecliptic))
    sidereal_deg = (280.46061837 + 360.98564736629 * days + longitude_deg) % 360.0
    hour_angle = math.radians(sidereal_deg) - right_ascension
    latitude = math.radians(latitude_deg)
    return math.degrees(
        math.asin(
            math.sin(latitude) * math.sin(declination)
            + math.cos(latitude) * math.cos(declination) * math.cos(hour_angle)
        )
    )
