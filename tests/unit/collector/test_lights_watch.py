"""Lamps found by power alone, on a street that physics lights: what must be found, and what must never be."""

from __future__ import annotations

import json
import math
from collections.abc import Callable

import pytest

from collector.core.lights_inventory import Group, PowerPoint
from collector.core.lights_watch import GroupWatch
from config.city import Circuit
from tests.unit.collector.lights_street import DAY_S, EPOCH_S, NOMINAL_V, OFF_S, ON_S, Street

SEEDS = (1, 2, 3)
HALF_PAST_TEN_S = 22.5 * 3600
Finding = tuple[int, bool, bool, bool]
"""(lamps out, cycling, tapped, tapped while off)."""
QUIET: Finding = (0, False, False, False)


def watch(*circuits: str, lamps: int = 24, lamp_type: str = "sodium") -> GroupWatch:
    names = circuits or ("A",)
    made = tuple(
        Circuit.model_validate({"id": name, "lamp_type": lamp_type, "lamps": lamps // len(names), "lamp_power_w": 170})
        for name in names
    )
    return GroupWatch.of(Group("+".join(names), made, (PowerPoint("m/p1", ("m/u1",)),)))


def day_of(at_s: float) -> str:
    return f"{int((at_s - 12 * 3600) // DAY_S):05}"


def run(
    street: Street,
    seen: GroupWatch,
    nights: int,
    *,
    first: int = 0,
    part: Callable[[float], tuple[str, ...]] = lambda _: ("A",),
    tap_w: Callable[[float], float] = lambda _: 0.0,
) -> list[tuple[float, Finding]]:
    """Return (days since the start, finding) whenever what is found changes, from the first change on.

    Args:
        part: Second of the night to the circuits that burn; each has the same share of the lamps, in order.
    """
    changes: list[tuple[float, Finding]] = []
    last = (seen.out.lamps, seen.cycling.active, seen.tapped, seen.tapped_off)
    per_circuit = street.lamps // len(seen.group.circuits)
    for at_s, midnight_s, volts, is_on in street.times(nights, first):
        lit = part(at_s - midnight_s) if is_on else ()
        true_w = street.power_w(at_s, midnight_s + ON_S, 0, per_circuit * len(lit)) if lit else 0.0
        power_w = street.measured(true_w + tap_w(at_s))
        at_ms = round((EPOCH_S + at_s) * 1000)
        seen.observe(at_ms, day_of(at_s), power_w, math.log(volts / NOMINAL_V), frozenset(lit), None)
        finding = (seen.out.lamps, seen.cycling.active, seen.tapped, seen.tapped_off)
        if finding != last:
            changes.append((at_s / DAY_S, finding))
            last = finding
    return changes


def third_off(of_night_s: float) -> tuple[str, ...]:
    return ("A", "B", "C") if of_night_s < HALF_PAST_TEN_S else ("A", "B")


@pytest.mark.parametrize("seed", SEEDS)
def test_one_dead_lamp_of_24_is_found_within_two_nights(seed: int) -> None:
    street = Street(seed)
    died_s = 9 * DAY_S + ON_S + 4 * 3600
    street.each[5].dead_from_s = died_s
    changes = run(street, watch(), 12)
    assert [finding for _, finding in changes] == [(1, False, False, False)]
    assert died_s / DAY_S < changes[0][0] < died_s / DAY_S + 2


@pytest.mark.parametrize("seed", SEEDS)
def test_ninety_nights_of_steps_outages_and_ageing_find_nothing(seed: int) -> None:
    street = Street(seed, ageing_per_year=0.03)
    for night in range(3, 90, 11):
        first_s = night * DAY_S + ON_S + street.random.uniform(0, 9 * 3600)
        street.outages.append((first_s, first_s + street.random.uniform(5, 1200)))
    seen = watch("A", "B", "C")
    assert run(street, seen, 90, part=third_off) == []
    assert set(seen.model.states) == {"A,B,C", "A,B"}
    assert all(base.settled for base in seen.model.states.values())


@pytest.mark.parametrize("seed", SEEDS)
def test_a_lamp_that_cycles_for_ninety_nights_is_never_called_out(seed: int) -> None:
    street = Street(seed, ageing_per_year=0.03)
    street.each[7].cycles_from_s = 12 * DAY_S
    changes = run(street, watch("A", "B", "C"), 90, part=third_off)
    assert [finding for _, finding in changes] == [(0, True, False, False)]
    assert changes[0][0] < 14


@pytest.mark.parametrize("seed", SEEDS)
def test_a_dead_lamp_beside_a_cycling_one_is_found_within_two_nights(seed: int) -> None:
    street = Street(seed, outages=[(9 * DAY_S + ON_S + 3600, 9 * DAY_S + ON_S + 3700)])
    street.each[2].cycles_from_s = 8 * DAY_S
    street.each[5].dead_from_s = 10 * DAY_S + ON_S + 7200
    changes = run(street, watch("A", "B", "C"), 13, part=third_off)
    assert [finding for _, finding in changes] == [(0, True, False, False), (1, True, False, False)]
    assert changes[1][0] < 12.8


@pytest.mark.parametrize(
    "drift",
    [
        lambda at_s: 0.1 * math.sin(2 * math.pi * at_s / DAY_S / 80),
        lambda at_s: -0.1 + 0.2 * at_s / DAY_S / 60,
        lambda at_s: 0.1 * math.sin(2 * math.pi * at_s / 18_000),
    ],
    ids=["a season", "a ramp", "five hours"],
)
def test_the_exponent_is_learned_from_any_slow_drift(drift: Callable[[float], float]) -> None:
    seen = watch()
    street = Street(4, drift=drift, step_s=120)
    assert run(street, seen, 60) == []
    # What the choke and the arc of the test's own street come to between 207 V and 253 V.
    assert 1.2 < seen.model.exponent.value < 1.6
    street.each[1].dead_from_s = 60 * DAY_S
    assert [finding for _, finding in run(street, seen, 2, first=60)] == [(1, False, False, False)]


def test_led_lamps_have_no_exponent() -> None:
    seen = watch(lamp_type="led")
    street = Street(5, led=True)
    street.each[0].dead_from_s = 10 * DAY_S
    changes = run(street, seen, 12)
    assert [finding for _, finding in changes] == [(1, False, False, False)]
    assert abs(seen.model.exponent.value) < 0.05


def test_about_three_of_71_lamps_are_counted_and_the_count_does_not_waver() -> None:
    street = Street(6, lamps=71)
    for lamp in street.each[10:13]:
        lamp.dead_from_s = 9 * DAY_S
    seen = watch(lamps=71)
    changes = run(street, seen, 14)
    assert len(changes) == 1
    assert abs(changes[0][1][0] - 3) <= 1
    assert seen.out.watts == pytest.approx(3 * 170, rel=0.3)


def test_mended_lamps_clear_it_after_two_nights_and_one_of_two_does_not() -> None:
    street = Street(7)
    for lamp in street.each[:2]:
        lamp.dead_from_s = 9 * DAY_S
    street.each[0].mended_s = 12 * DAY_S
    street.each[1].mended_s = 15 * DAY_S
    changes = run(street, watch(), 20)
    assert [finding[0] for _, finding in changes] == [2, 1, 0]
    assert 17 <= changes[-1][0] < 18


def test_a_lamp_that_fails_while_the_base_is_learned_does_not_lower_it() -> None:
    street = Street(8)
    street.each[0].dead_from_s = 3 * DAY_S + ON_S - 3600
    changes = run(street, watch(), 9)
    assert [finding[0] for _, finding in changes] == [1]


def test_a_tap_is_found_lit_and_unlit_and_its_end() -> None:
    def tap_w(at_s: float) -> float:
        return 900.0 if 9.6 * DAY_S < at_s < 11.4 * DAY_S else 0.0

    changes = run(Street(9), watch(), 14, tap_w=tap_w)
    found = [finding[2:] for _, finding in changes]
    assert found[0] == (False, True)
    assert (True, True) in found
    assert found[-1] == (False, False)
    assert all(finding[0] == 0 for _, finding in changes)


def test_what_the_cabinet_itself_takes_is_no_tap() -> None:
    assert run(Street(10), watch(), 12, tap_w=lambda _: 60.0) == []


def test_a_restart_at_any_time_changes_nothing() -> None:
    def street() -> Street:
        made = Street(11)
        made.each[4].dead_from_s = 8 * DAY_S + OFF_S - 3600
        return made

    whole = run(street(), watch(), 12)
    again, seen, interrupted = street(), watch(), []
    for night in range(12):
        interrupted += run(again, seen, 1, first=night)
        kept = json.loads(json.dumps(seen.dump()))
        seen = GroupWatch.restored(seen.group, kept)
    assert interrupted == whole != []


def test_after_logged_relamping_a_new_base_is_learned() -> None:
    street = Street(12)
    seen = watch()
    run(street, seen, 9)
    before = seen.expected_w(["A"], None, 0.0)
    seen.relamped()
    street.watts = 100.0
    assert run(street, seen, 9, first=9) == []
    assert seen.expected_w(["A"], None, 0.0) == pytest.approx(before * 100 / 170, rel=0.02)


def test_state_is_bounded_whatever_comes() -> None:
    seen = watch()
    for number in range(4000):
        dim = number % 90 + 10
        for step in range(4):
            at_ms = (number * 4 + step) * 400_000
            seen.observe(at_ms, f"{number // 20:05}", 4000.0 + number, 0.0, frozenset("A"), dim)
    assert len(seen.model.states) <= 16
    assert len(json.dumps(seen.dump())) < 60_000
