from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from config.points import PointSpec
from contract.reading import Block, Cause, Value
from edge_agent.core.averages import LATE_MS, Averaged, DeviceAverages
from edge_agent.core.windows import DirectionWindow, MeanWindow, MedianWindow
from tests.unit.edge_agent.virtual_agent import spec

HOUR_MS = 1_795_003_200_000
"""A full hour of UTC."""


def block(second: float, causes: dict[str, Cause] | None = None, **values: Value | None) -> Block:
    at_ms = HOUR_MS + round(second * 1000)
    return Block(
        device="probe",
        observed_at_ms=at_ms,
        keys=tuple(values),
        values=tuple(values.values()),
        causes=causes or {},
        monotonic_ms=at_ms - HOUR_MS + 5_000_000,
    )


def averages(
    point: PointSpec, interval_s: float = 5.0, periods_s: Sequence[int] = (60,), **more: Any
) -> DeviceAverages:
    return DeviceAverages("probe", [Averaged(key=point.key, spec=point, interval_s=interval_s, **more)], periods_s)


def told(
    made: DeviceAverages, blocks: Sequence[Block]
) -> list[tuple[float, dict[str, Value | None], dict[str, Cause]]]:
    return [
        ((ended.observed_at_ms - HOUR_MS) / 1000, dict(zip(ended.keys, ended.values, strict=True)), dict(ended.causes))
        for one in blocks
        for ended in made.observe(one, one.observed_at_ms)
    ]


def test_a_period_ends_at_the_full_minute_and_is_stamped_with_its_end() -> None:
    made = averages(spec("t"))
    blocks = [block(second, t=float(second)) for second in range(0, 65, 5)]
    ended = [one for sample in blocks for one in made.observe(sample, sample.observed_at_ms)]
    assert [(one.observed_at_ms - HOUR_MS, one.keys, one.values) for one in ended] == [
        (60_000, ("t_avg_60s",), (27.5,))
    ]
    # The same moment on both clocks, so that delivery stamps it so.
    assert ended[0].monotonic_ms == 5_060_000


def test_a_start_in_the_middle_of_a_period_shows_in_it() -> None:
    made = averages(spec("t"))
    blocks = [block(second, t=1.0) for second in range(20, 125, 5)]
    assert told(made, blocks) == [
        (60.0, {"t_avg_60s": None}, {"t_avg_60s": Cause.INCOMPLETE}),
        (120.0, {"t_avg_60s": 1.0}, {}),
    ]


@pytest.mark.parametrize(("good", "complete"), [(9, True), (8, False), (12, True), (0, False)])
def test_three_quarters_of_the_samples_must_be_good(good: int, complete: bool) -> None:
    made = averages(spec("t"))
    blocks = [
        block(second, t=3.0) if second < 5 * good else block(second, {"t": Cause.RATE}, t=900.0)
        for second in range(0, 60, 5)
    ]
    ((_, values, causes),) = told(made, [*blocks, block(60, t=3.0)])
    assert values == {"t_avg_60s": 3.0 if complete else None}
    assert causes == ({} if complete else {"t_avg_60s": Cause.INCOMPLETE})


@pytest.mark.parametrize("cause", [Cause.MAINTENANCE, Cause.WARM_UP, Cause.FLAT, Cause.SUSPECT, Cause.CLOCK])
def test_nothing_uncertain_enters_an_average(cause: Cause) -> None:
    made = averages(spec("t"))
    blocks = [block(second, t=3.0) for second in range(0, 50, 5)]
    blocks += [block(second, {"t": cause}, t=1e6) for second in (50, 55)]
    ((_, values, _),) = told(made, [*blocks, block(60, t=3.0)])
    assert values == {"t_avg_60s": 3.0}


def test_reads_beside_the_deadlines_make_no_period_complete() -> None:
    made = averages(spec("t"))
    blocks = [block(second / 10, t=1.0) for second in range(0, 200, 5)]
    ((_, values, _),) = told(made, [*blocks, block(60, t=1.0)])
    assert values == {"t_avg_60s": None}


def test_a_silent_device_ends_its_periods_by_the_clock_after_waiting_for_late_samples() -> None:
    made = averages(spec("t"))
    for second in range(0, 60, 5):
        made.observe(block(second, t=2.0), HOUR_MS + second * 1000)
    assert made.advance(HOUR_MS + 60_000 + LATE_MS - 1, 5_064_999, wait_ms=LATE_MS) == []
    (ended,) = made.advance(HOUR_MS + 60_000 + LATE_MS, 5_065_000, wait_ms=LATE_MS)
    assert (ended.observed_at_ms, ended.monotonic_ms, ended.values) == (HOUR_MS + 60_000, 5_060_000, (2.0,))
    (empty,) = made.advance(HOUR_MS + 125_000, 5_125_000, wait_ms=LATE_MS)
    assert empty.causes == {"t_avg_60s": Cause.INCOMPLETE}


def test_periods_of_several_lengths_end_together_in_one_block() -> None:
    made = averages(spec("t"), periods_s=(60, 300))
    blocks = [block(second, t=float(second // 60)) for second in range(0, 305, 5)]
    ended = told(made, blocks)
    assert [at for at, _, _ in ended] == [60.0, 120.0, 180.0, 240.0, 300.0]
    assert ended[-1][1] == {"t_avg_60s": 4.0, "t_avg_300s": pytest.approx(2.0)}


def test_a_clock_that_steps_forward_leaves_an_incomplete_period_and_no_flood() -> None:
    made = averages(spec("t"))
    blocks = [block(second, t=1.0) for second in (0, 5, 10)]
    blocks += [block(86_400 + second, t=1.0) for second in range(15, 65, 5)]
    ended = told(made, blocks)
    assert [(at, values["t_avg_60s"]) for at, values, _ in ended] == [(60.0, None), (86_460.0, 1.0)]


def test_a_clock_that_is_set_back_begins_the_period_anew() -> None:
    made = averages(spec("t"))
    blocks = [block(3600 + second, t=9.0) for second in range(0, 50, 5)]
    blocks += [block(second, t=1.0) for second in range(0, 65, 5)]
    clock = iter(range(0, 10**9, 5000))
    rising = [replace(one, monotonic_ms=next(clock)) for one in blocks]
    assert told(made, rising) == [(60.0, {"t_avg_60s": 1.0}, {})]
    assert made.late == 0


def test_a_read_that_ends_after_its_period_was_closed_is_counted_as_late_and_ends_nothing_again() -> None:
    made = averages(spec("t"))
    for second in range(0, 55, 5):
        made.observe(block(second, t=2.0), HOUR_MS + second * 1000)
    assert len(made.advance(HOUR_MS + 65_000, 5_065_000, wait_ms=LATE_MS)) == 1
    late = block(59.9, t=1e6)
    assert made.observe(late, late.observed_at_ms) == []
    assert made.late == 1
    ended = told(made, [block(second, t=3.0) for second in range(70, 125, 5)])
    assert ended == [(120.0, {"t_avg_60s": 3.0}, {})]


def test_a_sample_of_the_next_period_ends_the_last_one_although_the_clock_was_looked_at_since() -> None:
    made = averages(spec("t"))
    for second in range(0, 60, 5):
        made.observe(block(second, t=2.0), HOUR_MS + second * 1000)
    assert made.advance(HOUR_MS + 60_500, 5_060_500, wait_ms=LATE_MS) == []
    assert told(made, [block(60.1, t=1e6)]) == [(60.0, {"t_avg_60s": 2.0}, {})]


def test_while_the_time_is_not_known_nothing_is_averaged() -> None:
    made = averages(spec("t"))
    for second in range(0, 50, 5):
        made.observe(block(second, t=1.0), HOUR_MS + second * 1000)
    made.forget()
    ended = told(made, [block(second, t=1.0) for second in range(55, 125, 5)])
    assert [values["t_avg_60s"] for _, values, _ in ended] == [None, 1.0]


def test_a_level_gets_its_median() -> None:
    made = averages(spec("level", average="median"))
    waves = [1.0, 1.0, 1.1, 9.0, 1.0, 1.2, 1.0, 1.1, 1.0, 1.1, 1.0, 1.1]
    blocks = [block(5 * index, level=value) for index, value in enumerate([*waves, 1.0])]
    ((_, values, _),) = told(made, blocks)
    assert values == {"level_avg_60s": pytest.approx(1.05)}


def test_wind_from_both_sides_of_north_is_from_north_and_weighs_by_its_speed() -> None:
    point = spec("dir", unit="°", average="direction", average_with="speed")
    made = averages(point, speed_key="speed")
    blocks = [block(5 * index, dir=350.0 if index % 2 else 10.0, speed=2.0) for index in range(12)]
    ((_, values, _),) = told(made, [*blocks, block(60, dir=0.0, speed=1.0)])
    assert math.cos(math.radians(float(values["dir_avg_60s"] or 0))) == pytest.approx(1.0)
    made = averages(point, speed_key="speed")
    blocks = [block(5 * index, dir=90.0 if index % 2 else 0.0, speed=3.0 if index % 2 else 1.0) for index in range(12)]
    ((_, values, _),) = told(made, [*blocks, block(60, dir=0.0, speed=1.0)])
    assert values["dir_avg_60s"] == pytest.approx(math.degrees(math.atan2(3, 1)))


def test_a_calm_has_no_direction_and_a_direction_without_its_speed_does_not_count() -> None:
    point = spec("dir", unit="°", average="direction", average_with="speed")
    calm = averages(point, speed_key="speed")
    ended = told(calm, [block(5 * index, dir=77.0, speed=0.0) for index in range(13)])
    assert ended[0][2] == {"dir_avg_60s": Cause.INCOMPLETE}
    blind = averages(point, speed_key="speed")
    blocks = [block(5 * index, {"speed": Cause.SENTINEL}, dir=77.0, speed=None) for index in range(13)]
    assert told(blind, blocks)[0][2] == {"dir_avg_60s": Cause.INCOMPLETE}


def test_a_counter_is_booked_as_its_rise_and_the_rises_add_up() -> None:
    made = averages(spec("energy", average="counter"))
    blocks = [block(second, energy=1000.0 + 2 * second) for second in range(0, 185, 5)]
    ended = told(made, blocks)
    assert [values["energy_rise_60s"] for _, values, _ in ended] == [110.0, 120.0, 120.0]
    # Of the period in which counting began some may be missing.
    assert [causes for _, _, causes in ended] == [{"energy_rise_60s": Cause.SUSPECT}, {}, {}]


def test_a_rise_over_a_gap_is_kept_and_uncertain() -> None:
    made = averages(spec("energy", average="counter"))
    blocks = [block(second, energy=float(second)) for second in range(0, 60, 5)]
    blocks += [block(second, energy=float(second)) for second in range(150, 245, 5)]
    ended = told(made, blocks)
    assert [(at, values["energy_rise_60s"]) for at, values, _ in ended] == [(60.0, 55.0), (180.0, 120.0), (240.0, 60.0)]
    suspect = {"energy_rise_60s": Cause.SUSPECT}
    assert [causes for _, _, causes in ended] == [suspect, suspect, {}]


def test_windows_without_samples_have_no_value() -> None:
    for window in (MeanWindow(), MedianWindow(), DirectionWindow()):
        assert window.result() is None
        window.add(5.0)
        assert window.result() == pytest.approx(5.0)
        window.clear()
        assert window.result() is None
