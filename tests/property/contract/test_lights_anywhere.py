"""A calendar that is accepted can be resolved at any time and place; what is not accepted is told, and nothing else."""

from __future__ import annotations

import copy
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

import orjson
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from config.errors import ConfigErrors
from config.loader import load_text
from contract.codec import PayloadError, decode, encode
from contract.lights import Calendar, Sensors, lamps_due, lighting_day, next_change_ms, plan, resolve
from contract.lights.wall_time import wall_ms
from contract.state import Place

DAY_MS = 86_400_000
END_MS = 4_102_444_800_000
SAMPLE: dict[str, Any] = {
    "name": "x",
    "levels": {"100": ["A", "B"], "67": ["A"]},
    "programs": [
        {
            "id": "a",
            "periods": [
                {"on": {"at": "sunset-10", "not_before": "17:15", "not_after": "18:30"}, "off": "22:30"},
                {"on": "22:30", "off": "sunrise+5", "level": 67, "dim": 70},
            ],
        },
        {"id": "b", "periods": []},
    ],
    "rules": [
        {"id": "r", "program": "b", "exception": True, "when": {"dates": ["2027-02-05"], "weekdays": ["fri"]}},
        {"id": "s", "program": "b", "when": {"yearly": ["12-24..01-02"], "ranges": ["2026-12-20..2027-01-05"]}},
        {"id": "t", "program": "b", "when": {"nth_weekday": [{"nth": -1, "weekday": "sun", "months": [3]}]}},
        {"id": "u", "program": "b", "when": {"holidays": [{"country": "VN", "days_before": 2}]}},
    ],
    "default": "a",
    "sensors": {"photocell_minutes": 30, "dark_day": {"on_below_lux": 20, "level": 67}},
    "expanded": {"first": "2026-01-01", "last": "2027-12-31", "dates": {"u": ["2027-02-06"]}},
}
ODD: list[Any] = [
    *(
        None,
        True,
        -1,
        0,
        101,
        10**12,
        0.5,
        "",
        "x",
        "24:00",
        "sunset-361",
        "sunset+5",
        "2027-02-30",
        "02-29",
        "12-24..",
    ),
    *([], {}, [[]], ["A"], [1], {"at": "noon"}, {"zz": 1}, "b", "u"),
]
places = st.builds(
    Place,
    latitude=st.floats(-90, 90) | st.sampled_from([-90.0, -66.56, 0.0, 66.56, 90.0]),
    longitude=st.floats(-180, 180) | st.sampled_from([-180.0, 180.0]),
    timezone=st.sampled_from(sorted(available_timezones())),
)
# From a clock that has lost its battery to the end of what the wire can say.
instants = st.integers(0, END_MS - 2 * DAY_MS)


def places_in(data: Any, above: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [above, *(place for key, value in inner for place in places_in(value, (*above, key)))]


@st.composite
def damaged(draw: st.DrawFn) -> Any:
    data = copy.deepcopy(SAMPLE)
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.sampled_from([place for place in places_in(data) if place]))
        part = data
        for key in place[:-1]:
            part = part[key]  # type: ignore[index] # the keys were found in it
        if draw(st.booleans()) and isinstance(part, dict):
            part.pop(str(place[-1]), None)
        else:
            part[place[-1]] = copy.deepcopy(draw(st.sampled_from(ODD)))  # type: ignore[index] # the same
    return data


def read(text: bytes) -> Calendar | None:
    """Return the calendar of a payload; None if it is refused, and then by the reader of files as well."""
    try:
        return decode(text, Calendar)
    except PayloadError:
        with pytest.raises(ConfigErrors):
            load_text(text.decode(), Path("c.yaml"), Calendar)
        return None


@settings(max_examples=150)
@given(data=damaged(), place=places, now_ms=instants, dark=st.sampled_from([None, True, False]))
def test_what_is_accepted_resolves_and_what_is_not_is_told(
    data: Any, place: Place, now_ms: int, dark: bool | None
) -> None:
    calendar = read(orjson.dumps(data))
    if calendar is None:
        return
    assert decode(encode(calendar), Calendar) == calendar
    now = resolve(calendar, place, now_ms, Sensors(photocell_dark=dark, dark_day=dark))
    assert 0 <= now.level <= 100
    assert now.until_ms is None or now.until_ms > now_ms
    alone = resolve(calendar, place, now_ms)
    assert (alone.level > 0) is lamps_due(calendar, place, now_ms)
    change_ms = next_change_ms(calendar, place, now_ms)
    assert change_ms is None or change_ms > now_ms


@settings(max_examples=150)
@given(place=places, now_ms=instants)
def test_every_instant_lies_in_one_lighting_day_of_every_zone(place: Place, now_ms: int) -> None:
    day = lighting_day(place.timezone, now_ms)
    assert wall_ms(place.timezone, day, 0) <= now_ms < wall_ms(place.timezone, day + timedelta(days=1), 0)


@settings(max_examples=60)
@given(place=places, day=st.dates(date(2024, 1, 1), date(2099, 1, 1)))
def test_the_nights_of_a_place_follow_one_another(place: Place, day: date) -> None:
    dusk = Calendar.model_validate({"periods": [{"on": "sunset", "off": "sunrise"}]})
    # A wall whose noon is the sun's midnight has no evenings: such a pair of place and zone is a slip of the pen.
    noon_ms = wall_ms(place.timezone, day, 0) + place.longitude * 240_000
    assume(abs(noon_ms % DAY_MS - DAY_MS / 2) < 9 * 3_600_000)
    steps = [step for night in plan(dusk, place, day, 5) for step in night.steps]
    for step in steps:
        assert 0 < step.end_ms - step.start_ms <= 25 * 3_600_000
    for before, after in pairwise(steps):
        assert before.end_ms <= after.start_ms
