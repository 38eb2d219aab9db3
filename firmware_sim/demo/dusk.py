"""Where on Earth the sun sets at a given moment: the demonstration's city stands there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from firmware_sim.core.sun import elevation_deg

LATITUDE: Final = 13.983
"""Pleiku's: in the tropics the sun sets every day, at every longitude once."""
SUNSET_ELEVATION_DEGREES: Final = -0.833
"""The upper limb on a flat horizon with mean refraction: 34' + 16'."""
DEGREES_A_SECOND: Final = 1.0 / 240.0


@dataclass(frozen=True, slots=True)
class DuskPlace:
    """Degrees (WGS 84) and the nautical time zone of a place."""

    latitude: float
    longitude: float
    timezone: str


def place_of_dusk(moment: datetime) -> DuskPlace:
    """Return the place at Pleiku's latitude where the sun sets at a moment (UTC), to a second or two.

    Eastward of the place where it is noon the sun stands ever lower: there dusk and night follow.
    """
    unix_s = moment.timestamp()
    mean_noon = 180.0 - unix_s % 86_400.0 * DEGREES_A_SECOND
    # The true noon is at most 4.2 degrees off, and here the sun sets 75 to 105 degrees eastward of it.
    west, east = mean_noon + 30.0, mean_noon + 150.0
    while east - west > 1e-6:
        middle = (west + east) / 2.0
        if elevation_deg(unix_s, LATITUDE, middle) < SUNSET_ELEVATION_DEGREES:
            east = middle
        else:
            west = middle
    longitude = (east + 180.0) % 360.0 - 180.0
    hours = round(longitude / 15.0)
    # POSIX counts zones west of Greenwich as positive.
    return DuskPlace(LATITUDE, round(longitude, 6), f"Etc/GMT{-hours:+d}" if hours else "Etc/GMT")
