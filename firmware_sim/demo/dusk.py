"""Where on Earth the sun sets at a given moment: the demonstration's city stands there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from astral import Observer
from astral.sun import elevation, sunset

LATITUDE: Final = 13.983
"""Pleiku's: in the tropics the sun sets every day, at every longitude once."""
SUNSET_ELEVATION_DEGREES: Final = -0.833
"""The upper limb on a flat horizon with mean refraction: 34' + 16'."""
SECONDS_A_DEGREE: Final = 240.0


@dataclass(frozen=True, slots=True)
class DuskPlace:
    """Degrees (WGS 84) and the nautical time zone of a place."""

    latitude: float
    longitude: float
    timezone: str


def _sunset_near(longitude: float, moment: datetime) -> datetime:
    days: list[date] = [(moment + timedelta(days=offset)).date() for offset in (-1, 0, 1)]
    times = [sunset(Observer(LATITUDE, longitude, 0), date=day, tzinfo=UTC) for day in days]
    return min(times, key=lambda time: abs(time - moment))


def place_of_dusk(moment: datetime) -> DuskPlace:
    """Return the place at Pleiku's latitude where the sun sets at a moment (UTC), to a tenth of a second.

    The Earth turns a degree in 240 s, so each step of the search leaves only what the sun's declination
    makes of the difference.
    """
    longitude = 0.0
    for _ in range(6):
        error_s = (_sunset_near(longitude, moment) - moment).total_seconds()
        longitude = (longitude + error_s / SECONDS_A_DEGREE + 180.0) % 360.0 - 180.0
    # The event formula is some seconds off; the sun's own elevation decides, as it does in the lighting schedule.
    west, east = longitude - 1.0, longitude + 1.0
    while east - west > 1e-6:
        middle = (west + east) / 2.0
        if elevation(Observer(LATITUDE, middle, 0), moment, with_refraction=False) < SUNSET_ELEVATION_DEGREES:
            east = middle
        else:
            west = middle
    longitude = (east + 180.0) % 360.0 - 180.0
    hours = round(longitude / 15.0)
    # POSIX counts zones west of Greenwich as positive.
    return DuskPlace(LATITUDE, round(longitude, 6), f"Etc/GMT{-hours:+d}" if hours else "Etc/GMT")
