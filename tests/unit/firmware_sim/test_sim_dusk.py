from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import ephem
import pytest

from firmware_sim.demo.dusk import place_of_dusk


@pytest.mark.parametrize("month", range(1, 13))
@pytest.mark.parametrize("hour", range(1, 24, 5))
def test_the_sun_goes_down_there_at_that_moment(month: int, hour: int) -> None:
    moment = datetime(2027, month, 21, hour, 17, 43, tzinfo=UTC)
    place = place_of_dusk(moment)
    observer, heights = ephem.Observer(), []
    observer.lat, observer.lon, observer.pressure = math.radians(place.latitude), math.radians(place.longitude), 0
    for seconds in (-2, 0, 2):
        observer.date = (moment + timedelta(seconds=seconds)).replace(tzinfo=None)
        heights.append(math.degrees(ephem.Sun(observer).alt))
    # Two seconds are 0.008 degrees: the demonstration waits for dusk to the second.
    assert heights[0] > -0.833 > heights[2]
    assert abs(place.longitude) <= 180
    # The clock of its nautical zone shows an evening.
    hours = -int(place.timezone.removeprefix("Etc/GMT") or 0)
    assert 17 <= (moment + timedelta(hours=hours)).hour <= 18
