"""How light and how warm it is outside, from the height of the sun."""

from __future__ import annotations

import math
from typing import Final

_HORIZON_LUX: Final = 400.0
_OVERHEAD_LUX: Final = 100_000.0
_TWILIGHT_DECADES_A_DEGREE: Final = 0.345


def illuminance_lux(elevation_deg: float) -> float:
    """Return the light of a clear sky on the ground: 400 lux at sunrise, 3.4 at the end of civil twilight (-6 degrees).

    Rough, and always rising with the sun, which is what a photocell needs.
    """
    if elevation_deg <= 0.0:
        return _HORIZON_LUX * math.pow(10.0, _TWILIGHT_DECADES_A_DEGREE * elevation_deg)
    return _HORIZON_LUX + (_OVERHEAD_LUX - _HORIZON_LUX) * math.pow(math.sin(math.radians(elevation_deg)), 1.15)


def cabinet_temperature_c(elevation_deg: float, mean_c: float) -> float:
    """Return the temperature in a closed cabinet: 4 K below the mean at night, 16 K above it under a high sun."""
    return mean_c - 4.0 + 20.0 * max(0.0, math.sin(math.radians(elevation_deg)))
