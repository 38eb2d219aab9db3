"""The parts that lights are reckoned with: groups, cells, sets of minutes, counters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.core.lights_cells import MAX_SAMPLES, CellWriter
from collector.core.lights_cycling import CyclingWatch
from collector.core.lights_energy import ROLLS_OVER_AT_WH, energy_of
from collector.core.lights_inventory import groups_of
from collector.core.lights_ledger import DAY_MINUTES, HELD_MINUTES, DayLedger, Minutes, beginnings, count, held
from tests.unit.collector.lights_gateway import city_of

HOUR_MS = 3_600_000
CIRCUIT = {"lamp_type": "sodium", "lamps": 10, "lamp_power_w": 100}


def groups(*circuits: dict[str, object]) -> list[tuple[str, list[str]]]:
    cabinet = city_of(circuits=[CIRCUIT | circuit for circuit in circuits]).cabinets[0]
    return [(group.name, [power.point for power in group.powers]) for group in groups_of(cabinet)]


def test_circuits_of_own_phases_are_judged_alone() -> None:
    assert groups({"id": "A", "phases": [1]}, {"id": "B", "phases": [2]}) == [
        ("A", ["meter/p1"]),
        ("B", ["meter/p2"]),
    ]


def test_circuits_that_share_a_power_point_are_judged_together_and_chains_of_them_too() -> None:
    chain: tuple[dict[str, object], ...] = (
        {"id": "A", "phases": [1]},
        {"id": "B", "phases": [3]},
        {"id": "C", "phases": [1, 3]},
    )
    assert groups(*chain) == [("A+B+C", ["meter/p1", "meter/p3"])]


def test_a_meter_of_its_own_and_the_voltages_that_drive_it() -> None:
    cabinet = city_of(circuits=[CIRCUIT | {"id": "A", "phases": [2], "power": ["meter-b/p_total"]}]).cabinets[0]
    power = groups_of(cabinet)[0].powers[0]
    assert (power.point, power.voltages) == ("meter-b/p_total", ("meter/u2",))


def test_the_smallest_lamp_is_what_a_group_counts_in() -> None:
    small = CIRCUIT | {"id": "B", "phases": [1], "lamp_power_w": 50}
    group = groups_of(city_of(circuits=[CIRCUIT | {"id": "A", "phases": [1]}, small]).cabinets[0])[0]
    assert group.least_lamps(["A", "B"]) == 30
    assert group.least_lamps(["A"]) == 10
    assert group.lamps(["A", "B"]) == 20


def test_the_exponent_begins_as_the_kinds_of_lamps_suggest() -> None:
    led = CIRCUIT | {"id": "B", "phases": [1], "lamp_type": "led"}
    cabinet = city_of(circuits=[CIRCUIT | {"id": "A", "phases": [1]}, led]).cabinets[0]
    assert groups_of(cabinet)[0].exponent == pytest.approx(0.9)


def test_one_false_reading_decides_no_cell_and_fast_meters_are_thinned() -> None:
    writer = CellWriter(300_000)
    for number in range(3000):
        assert writer.add(number * 100, 0.0, 1e9 if number == 7 else 8.0) is None
    assert len(writer.samples) == MAX_SAMPLES
    done = writer.add(300_000, 0.0, 8.0)
    assert done is not None
    assert (done.y, done.samples) == (8.0, 3000)


def test_three_dips_a_night_are_a_cycling_lamp_and_two_or_a_long_one_are_none() -> None:
    def watched(dips: list[tuple[int, int]]) -> bool:
        watch = CyclingWatch()
        for minute in range(400):
            is_low = any(first <= minute < end for first, end in dips)
            watch.observe(minute * 60_000, 8.0 - (0.05 if is_low else 0.0), 24)
        return watch.active

    assert watched([(50, 56), (90, 96), (130, 136)])
    assert not watched([(50, 56), (90, 96)])
    assert not watched([(50, 56), (90, 96), (130, 330)])


@given(st.lists(st.tuples(st.integers(0, DAY_MINUTES - 1), st.booleans()), max_size=40), st.randoms())
def test_minutes_do_not_depend_on_the_order_of_what_was_seen(seen: list[tuple[int, bool]], chooser: object) -> None:
    shuffled = list(seen)
    chooser.shuffle(shuffled)  # type: ignore[attr-defined] # hypothesis' Random
    one, other = Minutes(), Minutes()
    for minute, value in seen:
        one.note(minute, value)
    for minute, value in [*shuffled, *shuffled]:
        other.note(minute, value)
    assert (one.on(), one.known()) == (other.on(), other.known())
    assert one.on() & ~one.known() == 0


@given(st.sets(st.integers(0, DAY_MINUTES - 1), max_size=30))
def test_a_state_is_held_over_short_holes_only(minutes: set[int]) -> None:
    bits = sum(1 << minute for minute in minutes)
    expected = {m + h for m in minutes for h in range(HELD_MINUTES + 1) if m + h < DAY_MINUTES}
    assert held(bits) == sum(1 << minute for minute in expected)


def test_a_switching_minute_counts_at_the_beginning_and_not_at_the_end() -> None:
    seen = Minutes()
    for minute, value in ((9, False), (10, False), (10, True), (11, True), (12, True), (12, False), (13, False)):
        seen.note(minute, value)
    assert count(seen.on()) == 2
    assert beginnings(seen.on()) == 1


def test_the_gateway_s_own_counter_keeps_its_first_and_last_whatever_comes_between() -> None:
    ledger = DayLedger("2027-01-01", 0)
    for at_ms, value in ((500, 5.0), (100, 1.0), (300, 3.0), (900, 9.0)):
        ledger.note_counter("switch_count_a", at_ms, value)
    assert ledger.counters["switch_count_a"] == (100, 1.0, 900, 9.0)


def hourly(*wh: float) -> list[tuple[int, float]]:
    return [(number * HOUR_MS, value) for number, value in enumerate(wh)]


def test_energy_is_the_sum_of_possible_steps() -> None:
    assert energy_of(hourly(100, 1100, 2100, 3100), 1000).wh == 3000
    assert energy_of([], 1000).wh == 0
    assert energy_of(hourly(5), 1000).first_ms == 0


def test_one_reading_of_zero_or_of_too_much_books_nothing() -> None:
    for lie in (0.0, 9e9, 1_000_000.0):
        energy = energy_of(hourly(50_000, 51_000, lie, 53_000, 54_000), 1000)
        assert (energy.wh, energy.rejected, energy.resets) == (4000, 1, 0)


def test_the_first_reading_may_be_the_one_that_lies() -> None:
    assert energy_of(hourly(0, 51_000, 52_000, 53_000), 1000).wh == 2000


def test_a_counter_that_began_anew_counts_from_nothing_once_three_readings_say_so() -> None:
    energy = energy_of(hourly(50_000, 51_000, 400, 1400, 2400), 1000)
    assert (energy.wh, energy.resets) == (1000 + 400 + 2000, 1)
    # Two readings are no proof yet.
    assert energy_of(hourly(50_000, 51_000, 400, 1400), 1000).wh == 1000


def test_a_changed_meter_stands_anywhere_and_books_only_what_it_counts() -> None:
    energy = energy_of(hourly(50_000, 51_000, 7000, 8000, 9000), 1000)
    assert (energy.wh, energy.resets) == (3000, 1)
    energy = energy_of(hourly(50_000, 51_000, 900_000, 901_000, 902_000), 1000)
    assert (energy.wh, energy.rejected) == (3000, 1)


@pytest.mark.parametrize("end_wh", ROLLS_OVER_AT_WH)
def test_a_counter_that_rolls_over_goes_on(end_wh: float) -> None:
    energy = energy_of(hourly(end_wh - 500, 500, 1500), 1000)
    assert energy.wh == pytest.approx(2000)
    assert energy.resets == 0


@given(st.lists(st.floats(0, 1e7), min_size=2, max_size=30))
def test_no_course_of_readings_makes_more_energy_than_can_flow(values: list[float]) -> None:
    greatest_w = 1000.0
    energy = energy_of(hourly(*values), greatest_w)
    assert 0 <= energy.wh <= (len(values) - 1) * (1.5 * greatest_w + 200)
