"""What holds of any calendar: nothing is remembered, nothing blinks, sensors stay within their limits."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from contract.lights import (
    Calendar,
    Sensors,
    lamps_due,
    lit_circuits,
    next_change_ms,
    plan,
    planning,
    resolve,
    resolving,
    sun_table,
)
from contract.lights.sun import dark_of, elevation_degrees
from contract.state import Place

PLEIKU = Place(latitude=13.983, longitude=108.0, timezone="Asia/Ho_Chi_Minh")
MADRID = Place(latitude=40.4168, longitude=-3.7038, timezone="Europe/Madrid")
TROMSO = Place(latitude=69.6492, longitude=18.9553, timezone="Europe/Oslo")
APIA = Place(latitude=-13.83, longitude=-171.77, timezone="Pacific/Apia")
PLACES = [PLEIKU, MADRID, TROMSO, APIA]
FIRST_MS = round(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1000)
YEAR_MS = 365 * 86_400_000
MINUTE_MS = 60_000
DAY_MS = 86_400_000

clocks = st.integers(0, 24 * 60 - 1).map(lambda minutes: f"{minutes // 60:02}:{minutes % 60:02}")
suns = st.tuples(st.sampled_from(["sunset", "sunrise"]), st.integers(-90, 90)).map(
    lambda pair: f"{pair[0]}{pair[1]:+d}" if pair[1] else pair[0]
)
bounded = st.fixed_dictionaries({"at": suns, "not_before": clocks})
moments: st.SearchStrategy[Any] = clocks | suns | bounded | st.sampled_from(["noon", "next-noon"])
periods = st.fixed_dictionaries(
    {"on": moments, "off": moments},
    optional={"level": st.sampled_from([33, 67, 100]), "dim": st.sampled_from([30, 70, 100])},
)
programs = st.lists(periods, max_size=4)
whens = st.one_of(
    st.fixed_dictionaries(
        {"weekdays": st.lists(st.sampled_from(["mon", "tue", "sat", "sun"]), min_size=1, unique=True)}
    ),
    st.fixed_dictionaries({"yearly": st.sampled_from([["11-01..02-15"], ["05-16..06-30"], ["03-28"], ["10-24"]])}),
    st.fixed_dictionaries({"nth_weekday": st.just([{"nth": -1, "weekday": "sun"}, {"nth": 2, "weekday": "wed"}])}),
)
sensor_rules = st.none() | st.fixed_dictionaries(
    {"photocell_minutes": st.integers(0, 90), "dark_day": st.sampled_from([None, {}, {"level": 33}])}
)


@st.composite
def calendars(draw: st.DrawFn) -> Calendar:
    names = [f"p{number}" for number in range(draw(st.integers(1, 3)))]
    rules = [
        {
            "id": f"r{number}",
            "program": draw(st.sampled_from(names)),
            "when": draw(whens),
            "exception": draw(st.booleans()),
        }
        for number in range(draw(st.integers(0, 3)))
    ]
    return Calendar.model_validate(
        {
            "programs": [{"id": name, "periods": draw(programs)} for name in names],
            "rules": rules,
            "default": draw(st.sampled_from([*names, None])),
            "sensors": draw(sensor_rules),
        }
    )


places = st.sampled_from(PLACES)
instants = st.integers(FIRST_MS, FIRST_MS + YEAR_MS)
sensors = st.builds(
    Sensors, photocell_dark=st.sampled_from([None, True, False]), dark_day=st.sampled_from([None, True, False])
)


def forget() -> None:
    """Empty what is kept between calls, as a restart does."""
    for cached in (
        resolving._pieces,
        resolving._first_other,
        resolving._first_light_other,
        planning._chosen,
        planning.stretches_of,
        dark_of,
    ):
        cached.cache_clear()


@settings(max_examples=60)
@given(calendar=calendars(), place=places, seen=sensors, clock=st.lists(instants, min_size=2, max_size=8))
def test_what_the_clock_showed_before_does_not_count(
    calendar: Calendar, place: Place, seen: Sensors, clock: list[int]
) -> None:
    forwards = [resolve(calendar, place, at_ms, seen) for at_ms in clock]
    again = []
    for at_ms in reversed(clock):
        forget()
        again.append(resolve(calendar.model_copy(), place, at_ms, seen))
    assert forwards == again[::-1]


@settings(max_examples=40)
@given(
    calendar=calendars(),
    place=places,
    start_ms=instants,
    steps=st.lists(st.tuples(st.integers(1, 200), st.integers(-3 * DAY_MS, 3 * DAY_MS)), min_size=1, max_size=3),
)
def test_a_step_of_the_clock_replays_no_switch(
    calendar: Calendar, place: Place, start_ms: int, steps: list[tuple[int, int]]
) -> None:
    # An agent that asks each minute, whose clock is set several times in between.
    now_ms, told = start_ms, lamps_due(calendar, place, start_ms)
    for minutes, step_ms in steps:
        end_ms, planned, edge_ms = now_ms + minutes * MINUTE_MS, 0, next_change_ms(calendar, place, now_ms)
        while edge_ms is not None and edge_ms <= end_ms:
            planned += lamps_due(calendar, place, edge_ms - 1) is not lamps_due(calendar, place, edge_ms)
            edge_ms = next_change_ms(calendar, place, edge_ms)
        switched = 0
        while now_ms < end_ms:
            now_ms += MINUTE_MS
            switched += told is not (told := lamps_due(calendar, place, now_ms))
        assert switched <= planned
        assert (planned - switched) % 2 == 0
        # However many edges the step leaps over, one answer follows: that of the time the clock shows now.
        now_ms += step_ms
        answers = [lamps_due(calendar, place, now_ms) for _ in range(3)]
        forget()
        assert answers == [lamps_due(calendar.model_copy(), place, now_ms)] * 3
        told = answers[-1]


@settings(max_examples=60)
@given(calendar=calendars(), place=places, seen=sensors, now_ms=instants)
def test_the_answer_holds_until_it_says(calendar: Calendar, place: Place, seen: Sensors, now_ms: int) -> None:
    now = resolve(calendar, place, now_ms, seen)
    end_ms = min(now.until_ms or now_ms + 3 * DAY_MS, now_ms + 3 * DAY_MS)
    for part in range(40):
        later = resolve(calendar, place, now_ms + (end_ms - now_ms) * part // 40, seen)
        assert later == now
    if now.until_ms is not None:
        assert now.until_ms > now_ms
        assert resolve(calendar, place, now.until_ms - 1, seen) == now
        after = resolve(calendar, place, now.until_ms, seen)
        assert (after.level, after.dim, after.reason, after.program, after.rule) != (
            now.level,
            now.dim,
            now.reason,
            now.program,
            now.rule,
        )


@given(
    place=places,
    first=suns.filter(lambda text: text.startswith("sunset")) | st.just("noon"),
    last=suns.filter(lambda text: text.startswith("sunrise")) | st.just("next-noon"),
    cuts=st.lists(clocks, min_size=1, max_size=4, unique=True),
    light=st.lists(st.tuples(st.sampled_from([33, 67, 100]), st.sampled_from([None, 30, 70])), min_size=5, max_size=5),
    day=st.integers(0, 364).map(lambda number: date(2026, 1, 1) + timedelta(days=number)),
)
def test_periods_that_touch_never_blink(
    place: Place, first: str, last: str, cuts: list[str], light: list[tuple[int, int | None]], day: date
) -> None:
    whole = Calendar.model_validate({"periods": [{"on": first, "off": last}]})
    (night,) = plan(whole, place, day, 1)
    assume(night.steps)
    begins_ms, ends_ms = night.steps[0].start_ms, night.steps[-1].end_ms
    # The same night in pieces: a cut outside of it would make its neighbours turn, and be no piece of the night.
    after_noon = {cut: plan(_until(cut), place, day, 1)[0].steps for cut in cuts if cut != "12:00"}
    inside = [cut for cut, steps in after_noon.items() if begins_ms < steps[0].end_ms < ends_ms]
    edges = [first, *sorted(inside, key=lambda cut: after_noon[cut][0].end_ms), last]
    pieces = [
        {"on": on, "off": off, "level": level, "dim": dim}
        for on, off, (level, dim) in zip(edges, edges[1:], light, strict=False)
    ]
    calendar = Calendar.model_validate({"periods": pieces})
    (parts,) = plan(calendar, place, day, 1)
    assert (parts.steps[0].start_ms, parts.steps[-1].end_ms) == (begins_ms, ends_ms)
    for before, after in pairwise(parts.steps):
        assert before.end_ms == after.start_ms
        for at_ms in (before.end_ms - 1, before.end_ms, before.end_ms + 1):
            assert lamps_due(calendar, place, at_ms)


def _until(cut: str) -> Calendar:
    return Calendar.model_validate({"periods": [{"on": "noon", "off": cut}]})


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.timezone)
def test_an_underpass_burns_through_every_noon_of_a_year(place: Place) -> None:
    calendar = Calendar.model_validate({"periods": [{"on": "noon", "off": "next-noon"}]})
    assert next_change_ms(calendar, place, FIRST_MS) is None
    assert resolve(calendar, place, FIRST_MS).level == 100


@given(calendar=calendars(), place=places, seen=sensors, now_ms=instants)
def test_sensors_act_only_within_their_limits(calendar: Calendar, place: Place, seen: Sensors, now_ms: int) -> None:
    alone = resolve(calendar, place, now_ms)
    now = resolve(calendar, place, now_ms, seen)
    if (now.level, now.dim) == (alone.level, alone.dim):
        return
    rules = calendar.sensors
    assert rules is not None
    assert alone.reason != "exception"
    if now.reason == "dark_day":
        assert seen.dark_day
        assert alone.level == 0
        assert elevation_degrees(place.latitude, place.longitude, now_ms) > -0.84
        assert rules.dark_day is not None
        assert now.level == rules.dark_day.level
        return
    assert now.reason == "photocell"
    assert seen.photocell_dark is (now.level > 0)
    days = [datetime.fromtimestamp(now_ms / 1000, UTC).date() + timedelta(days=offset) for offset in (-2, -1, 0, 1)]
    darks = [dark_of(place.latitude, place.longitude, place.timezone, day) for day in days]
    events = [event for dark in darks if dark is not None for event in (dark.sunset_ms, dark.sunrise_ms)]
    assert min(abs(now_ms - event) for event in events) <= rules.photocell_minutes * MINUTE_MS


@settings(max_examples=40)
@given(calendar=calendars(), place=places, seen=sensors, now_ms=instants)
def test_the_kept_table_of_the_sun_gives_the_same(calendar: Calendar, place: Place, seen: Sensors, now_ms: int) -> None:
    first = datetime.fromtimestamp(now_ms / 1000, UTC).date() - timedelta(days=3)
    table = type(kept := sun_table(place, first, 12)).model_validate_json(kept.model_dump_json())
    assert resolve(calendar, place, now_ms, seen, sun=table) == resolve(calendar, place, now_ms, seen)
    other = sun_table(PLEIKU if place is not PLEIKU else APIA, first, 12)
    assert resolve(calendar, place, now_ms, seen, sun=other) == resolve(calendar, place, now_ms, seen)


@given(
    fixed=st.lists(st.tuples(clocks, clocks, st.integers(1, 100)), min_size=1, max_size=5), minute=st.integers(0, 1439)
)
def test_of_periods_that_overlap_the_brightest_holds(fixed: list[tuple[str, str, int]], minute: int) -> None:
    calendar = Calendar.model_validate(
        {"periods": [{"on": on, "off": off, "level": level} for on, off, level in fixed]}
    )
    now_ms = round(datetime(2026, 11, 24, 5, tzinfo=UTC).timestamp() * 1000) + minute * MINUTE_MS

    def after_noon(text: str) -> int:
        return (int(text[:2]) * 60 + int(text[3:]) - 720) % 1440

    expected = max((level for on, off, level in fixed if after_noon(on) <= minute < after_noon(off)), default=0)
    assert resolve(calendar, PLEIKU, now_ms).level == expected


@given(
    sizes=st.lists(st.tuples(st.integers(1, 100), st.integers(0, 6)), min_size=1, max_size=5),
    first=st.integers(0, 100),
    second=st.integers(0, 100),
)
def test_a_brighter_level_burns_whatever_a_darker_one_burns(
    sizes: list[tuple[int, int]], first: int, second: int
) -> None:
    names = list("ABCDEF")
    counts = sorted(count for _, count in sizes)
    levels = dict(zip(sorted({level for level, _ in sizes}), (names[:count] for count in counts), strict=False))
    calendar = Calendar.model_validate({"levels": levels, "periods": [{"on": "sunset", "off": "sunrise"}]})
    low, high = sorted((first, second))
    assert lit_circuits(calendar, low, [*names, "Z"]) <= lit_circuits(calendar, high, [*names, "Z"])
    assert lit_circuits(calendar, 0, names) == frozenset()
    assert ("Z" in lit_circuits(calendar, low, ["Z"])) is (low > 0)
