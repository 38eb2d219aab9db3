"""The schedule against evaluations that share nothing with it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from contract.lights import Calendar, lamps_due, next_change_ms
from contract.state import Place

PLEIKU = Place(latitude=13.983, longitude=108.0, timezone="Asia/Ho_Chi_Minh")
BERLIN = Place(latitude=52.52, longitude=13.40, timezone="Europe/Berlin")
TROMSO = Place(latitude=69.65, longitude=18.96, timezone="Europe/Oslo")
APIA = Place(latitude=-13.83, longitude=-171.77, timezone="Pacific/Apia")
PLACES = [PLEIKU, BERLIN, TROMSO, APIA]
YEAR_FIRST_MS = round(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1000)
YEAR_MS = 365 * 86_400_000
DUSK_TO_DAWN = Calendar.model_validate({"periods": [{"on": "sunset", "off": "sunrise"}]})

clock_times = st.integers(0, 24 * 60 - 1).map(lambda minutes: f"{minutes // 60:02}:{minutes % 60:02}")
sun_times = st.tuples(st.sampled_from(["sunset", "sunrise"]), st.integers(-90, 90)).map(
    lambda pair: f"{pair[0]}{pair[1]:+d}" if pair[1] else pair[0]
)
moments = clock_times | sun_times
schedules = st.lists(st.fixed_dictionaries({"on": moments, "off": moments}), min_size=1, max_size=4).map(
    lambda periods: Calendar.model_validate({"periods": periods})
)
fixed_schedules = st.lists(st.tuples(clock_times, clock_times), min_size=1, max_size=4)
instants = st.integers(YEAR_FIRST_MS, YEAR_FIRST_MS + YEAR_MS)


def minutes_after_noon(text: str) -> int:
    hours, minutes = text.split(":")
    return (int(hours) * 60 + int(minutes) - 720) % 1440


@given(periods=fixed_schedules, now_ms=instants, place=st.sampled_from(PLACES))
def test_fixed_times_are_those_of_the_clock_on_the_wall(
    periods: list[tuple[str, str]], now_ms: int, place: Place
) -> None:
    zone = ZoneInfo(place.timezone)
    local = datetime.fromtimestamp(now_ms / 1000, zone)
    days = [local + timedelta(days=offset) for offset in (-1, 0, 1)]
    assume(len({day.utcoffset() for day in days}) == 1)
    now = (local.hour * 60 + local.minute - 720) % 1440
    expected = any(minutes_after_noon(on) <= now < minutes_after_noon(off) for on, off in periods)
    program = Calendar.model_validate({"periods": [{"on": on, "off": off} for on, off in periods]})
    assert lamps_due(program, place, now_ms) is expected


@given(program=schedules, now_ms=instants, place=st.sampled_from(PLACES))
def test_the_next_change_is_a_change_and_none_comes_before(program: Calendar, now_ms: int, place: Place) -> None:
    due = lamps_due(program, place, now_ms)
    change = next_change_ms(program, place, now_ms)
    end = min(change if change is not None else now_ms + 3 * 86_400_000, now_ms + 3 * 86_400_000)
    for step in range(60):
        assert lamps_due(program, place, now_ms + (end - now_ms) * step // 60) is due
    if change is not None:
        assert change > now_ms
        assert lamps_due(program, place, change - 1) is due
        assert lamps_due(program, place, change) is not due


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.timezone)
@pytest.mark.parametrize("offset", ["", "-10", "+25"])
def test_a_year_of_dusk_to_dawn_has_no_glitch(place: Place, offset: str) -> None:
    program = Calendar.model_validate({"periods": [{"on": f"sunset{offset}", "off": f"sunrise{offset}"}]})
    now_ms, lengths = YEAR_FIRST_MS, []
    while now_ms < YEAR_FIRST_MS + YEAR_MS:
        change = next_change_ms(program, place, now_ms)
        assert change is not None
        lengths.append(change - now_ms)
        now_ms = change
    expected_changes = 730 if place is not TROMSO else 730 - 2 * 115
    assert abs(len(lengths) - expected_changes) < 50
    # The shortest day and night of a town at 70 degrees north last about ten minutes.
    assert min(lengths[1:]) > (600_000 if place is TROMSO else 4 * 3_600_000)
