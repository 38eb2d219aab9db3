"""Where the sun stands, and the dark of a lighting day.

After J. Meeus, Astronomical Algorithms, 2nd edition: chapters 12 (sidereal time) and 25 (the sun to 0.01 degrees). The
elevation decides, and not a formula of events: near the poles events are missing, or lie past midnight or noon, and
event formulas are minutes off there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Final

from contract.lights.moments import NOON_S
from contract.lights.wall_time import wall_ms

SUNSET_ELEVATION_DEGREES: Final = -0.833
"""The upper limb on a flat horizon with mean refraction: 34' + 16'."""
_DAY_MS: Final = 86_400_000
_J2000_MS: Final = 946_728_000_000
"""2000-01-01 12:00 UTC."""
_DELTA_T_DAYS: Final = 69.0 / 86_400
"""Terrestrial time is 69 s ahead of UTC since 2017 (IERS); the sun moves 3 arc seconds in it."""


@dataclass(frozen=True, slots=True)
class Dark:
    """The dark around one solar midnight.

    Where the sun stays down it begins or ends at solar noon, and the dark of the neighbouring day continues it.

    Attributes:
        sunset_ms: Where it begins, milliseconds since 1970 UTC, to the second.
        sunrise_ms: Where it ends.
        sets: Whether the sun really sets there.
        rises: Whether it really rises there.
    """

    sunset_ms: int
    sunrise_ms: int
    sets: bool = True
    rises: bool = True


def elevation_degrees(latitude: float, longitude: float, at_ms: int) -> float:
    """Return the true elevation of the sun's centre, without refraction, in degrees; to about 0.01.

    Args:
        latitude: Degrees north.
        longitude: Degrees east.
        at_ms: Milliseconds since 1970 UTC, in this century or the next.
    """
    ascension, declination, sidereal = _equatorial(at_ms)
    hour_angle = sidereal + math.radians(longitude) - ascension
    north = math.radians(latitude)
    sine = math.sin(north) * math.sin(declination) + math.cos(north) * math.cos(declination) * math.cos(hour_angle)
    return math.degrees(math.asin(max(-1.0, min(1.0, sine))))


def _equatorial(at_ms: int) -> tuple[float, float, float]:
    """Return the sun's apparent right ascension and declination, and sidereal time at Greenwich, in radians."""
    days = (at_ms - _J2000_MS) / _DAY_MS
    century = (days + _DELTA_T_DAYS) / 36_525.0
    mean_longitude = 280.46646 + (36_000.76983 + 0.0003032 * century) * century
    anomaly = math.radians(357.52911 + (35_999.05029 - 0.0001537 * century) * century)
    centre = (
        (1.914602 - (0.004817 + 0.000014 * century) * century) * math.sin(anomaly)
        + (0.019993 - 0.000101 * century) * math.sin(2 * anomaly)
        + 0.000289 * math.sin(3 * anomaly)
    )
    node = math.radians(125.04 - 1934.136 * century)
    # Aberration and the greatest term of nutation.
    nutation = -0.00478 * math.sin(node)
    apparent = math.radians(mean_longitude + centre - 0.00569 + nutation)
    obliquity = math.radians(23.439291 - 0.0130042 * century + 0.00256 * math.cos(node))
    ascension = math.atan2(math.cos(obliquity) * math.sin(apparent), math.cos(apparent))
    declination = math.asin(math.sin(obliquity) * math.sin(apparent))
    sidereal = math.radians((280.46061837 + 360.98564736629 * days + nutation * math.cos(obliquity)) % 360.0)
    return ascension, declination, sidereal


@lru_cache(maxsize=2048)
def dark_of(latitude: float, longitude: float, zone: str, day: date) -> Dark | None:
    """Return the dark of a lighting day; None where the sun stays up.

    Args:
        latitude: Degrees north.
        longitude: Degrees east.
        zone: IANA name of the wall's clock.
        day: The lighting day: its dark is the one around the solar midnight next to midnight on the wall.
    """
    midnight_ms = wall_ms(zone, day, NOON_S)
    # Solar midnights are numbered so that a noon between two of them belongs to both.
    number = math.floor((midnight_ms + longitude * 240_000) / _DAY_MS + 0.5)
    before_ms, middle_ms, after_ms = (_transit_ms(longitude, number + part) for part in (-0.5, 0, 0.5))
    is_dark = [_is_dark(latitude, longitude, at_ms) for at_ms in (before_ms, middle_ms, after_ms)]
    if is_dark[1]:
        sunset_ms = before_ms if is_dark[0] else _edge_ms(latitude, longitude, middle_ms, before_ms)
        sunrise_ms = after_ms if is_dark[2] else _edge_ms(latitude, longitude, middle_ms, after_ms)
        return Dark(sunset_ms, sunrise_ms, sets=not is_dark[0], rises=not is_dark[2])
    # At the poles themselves the sun may come up or go down once a year, at any hour.
    if is_dark[0]:
        return Dark(before_ms, _edge_ms(latitude, longitude, before_ms, middle_ms), sets=False)
    if is_dark[2]:
        return Dark(_edge_ms(latitude, longitude, after_ms, middle_ms), after_ms, rises=False)
    return None


def _transit_ms(longitude: float, number: float) -> int:
    """Return a solar midnight (whole numbers) or noon (halves), counted from 1970 at Greenwich."""
    at_ms = number * _DAY_MS - longitude * 240_000
    wanted = math.pi if number == int(number) else 0.0
    for _ in range(2):
        ascension, _, sidereal = _equatorial(round(at_ms))
        late = (sidereal + math.radians(longitude) - ascension - wanted + math.pi) % math.tau - math.pi
        at_ms -= late / math.tau * _DAY_MS
    return round(at_ms)


def _is_dark(latitude: float, longitude: float, at_ms: int) -> bool:
    return elevation_degrees(latitude, longitude, at_ms) < SUNSET_ELEVATION_DEGREES


def _edge_ms(latitude: float, longitude: float, dark_ms: int, light_ms: int) -> int:
    """Return where dark and light meet between a dark and a light instant, to the second."""
    while abs(light_ms - dark_ms) > 250:
        middle_ms = (light_ms + dark_ms) // 2
        if _is_dark(latitude, longitude, middle_ms):
            dark_ms = middle_ms
        else:
            light_ms = middle_ms
    return round(light_ms / 1000) * 1000
