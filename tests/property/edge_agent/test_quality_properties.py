"""What judging, averaging, thinning and counting may never do, whatever the instrument shows."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from contract.reading import BAD_CAUSES, Block, Cause, Value
from edge_agent.core.averages import COMPLETE, Averaged, DeviceAverages
from edge_agent.core.counter_steps import CounterSteps
from edge_agent.core.quality import Correction, DeviceJudge, PointJudge, rank_of
from edge_agent.core.report_on_change import ReportOnChange
from edge_agent.core.windows import DirectionWindow, MeanWindow
from tests.unit.edge_agent.virtual_agent import spec

HOUR_MS = 1_795_003_200_000
NUMBERS = st.floats(-1e6, 1e6)
SAMPLES = st.lists(
    st.tuples(st.integers(1, 60_000), st.one_of(NUMBERS, st.sampled_from(list(Cause)[1:]))), min_size=1, max_size=60
)
"""Milliseconds since the sample before, and a good value or a cause."""


def block(at_ms: int, sample: float | Cause) -> Block:
    value: Value | None = sample if not isinstance(sample, Cause) else None if sample in BAD_CAUSES else 1.0
    return Block(
        device="probe",
        observed_at_ms=HOUR_MS + at_ms,
        keys=("t",),
        values=(value,),
        causes={"t": sample} if isinstance(sample, Cause) else {},
        monotonic_ms=at_ms,
    )


def blocks(samples: list[tuple[int, float | Cause]]) -> list[Block]:
    made, at_ms = [], 0
    for after_ms, sample in samples:
        at_ms += after_ms
        made.append(block(at_ms, sample))
    return made


@given(SAMPLES, st.booleans(), st.booleans(), st.booleans())
def test_no_cause_becomes_better_and_only_bad_values_are_none(
    samples: list[tuple[int, float | Cause]], works: bool, warm: bool, calibrated: bool
) -> None:
    corrections = (Correction(from_ms=0, a=2.0, b=1.0),) if calibrated else ()
    point = PointJudge.of(spec("t", max_rate=5.0, flat_after_s=30, low=-1e5, high=1e5), corrections)
    assert point is not None
    judge = DeviceJudge({"t": point}, 60_000)
    if warm:
        judge.found(0)
    for one in blocks(samples):
        judged = judge.judge(one, one.observed_at_ms, in_maintenance=works)
        readings = {reading.point: reading for reading in judged.readings()}
        before, after = one.causes.get("t", Cause.OK), readings["probe/t"].cause
        assert rank_of(after) >= rank_of(before)
        if before in BAD_CAUSES:
            assert after is before
        if works and after not in BAD_CAUSES:
            assert after is Cause.MAINTENANCE
        if calibrated:
            assert readings["probe/t_raw"].value == one.values[0]


@given(SAMPLES, st.integers(0, 100), st.integers(1, 300))
def test_nothing_is_silent_for_longer_and_no_change_above_the_deadband_is_lost(
    samples: list[tuple[int, float | Cause]], deadband: int, silence_s: int
) -> None:
    on_change = ReportOnChange({"t": spec("t", deadband=deadband, max_silence_s=silence_s)})
    told: Block | None = None
    for one in blocks(samples):
        parts = on_change.pick(one)
        assert len(parts) <= 1
        if parts:
            assert parts[0].values == one.values
            assert parts[0].causes == one.causes
            told = one
            continue
        assert told is not None
        assert one.monotonic_ms - told.monotonic_ms < 1000 * silence_s
        assert told.causes == one.causes
        (was,), (value,) = told.values, one.values
        if isinstance(was, float) and isinstance(value, float):
            assert abs(value - was) <= deadband
        else:
            assert was == value


@given(SAMPLES)
def test_an_average_lies_between_its_good_samples_and_needs_three_quarters_of_them(
    samples: list[tuple[int, float | Cause]],
) -> None:
    made = DeviceAverages("probe", [Averaged(key="t", spec=spec("t"), interval_s=5.0)], (60,))
    good: dict[int, list[float]] = {}
    last_end_ms = 0
    for one in blocks(samples):
        ended = made.observe(one, one.observed_at_ms)
        for period in ended:
            assert period.observed_at_ms % 60_000 == 0
            assert last_end_ms < period.observed_at_ms <= one.observed_at_ms
            last_end_ms = period.observed_at_ms
            inside = good.get(period.observed_at_ms, [])
            (value,) = period.values
            if isinstance(value, float):
                assert len(inside) >= COMPLETE * 12
                slack = 1e-9 * max(map(abs, inside))
                assert min(inside) - slack <= value <= max(inside) + slack
            else:
                assert period.causes == {"t_avg_60s": Cause.INCOMPLETE}
        (value,) = one.values
        if not one.causes and isinstance(value, float):
            good.setdefault((one.observed_at_ms // 60_000 + 1) * 60_000, []).append(value)


@given(st.lists(st.floats(0, 1000), min_size=1, max_size=200), st.floats(0.1, 50))
def test_no_counter_books_more_than_the_rating_allows(counts: list[float], rating: float) -> None:
    steps = CounterSteps(greatest_rate=rating)
    for number, value in enumerate(counts):
        step = steps.take(value, 5000 * number, number // 7)
        if step is not None:
            assert 0 <= step.amount <= 1.5 * rating * max(step.since_ms, 1) / 1000 + 1e-6


@given(st.lists(st.floats(0, 100), min_size=1, max_size=100), st.data())
def test_disturbed_single_readings_book_nothing_of_their_own(rises: list[float], data: st.DataObject) -> None:
    steps, true = CounterSteps(greatest_rate=100.0), 10_000.0
    booked, last_ms = 0.0, 0
    steps.take(true, 0, 0)
    for number, rise in enumerate(rises, 1):
        true += rise
        if data.draw(st.booleans()):
            wrong = data.draw(st.sampled_from([0.0, true / 2, true + 1e6]))
            assert steps.take(wrong, last_ms + 2000, 0) is None
        last_ms = 5000 * number
        step = steps.take(true, last_ms, 0)
        assert step is not None
        booked += step.amount
    assert math.isclose(booked, true - 10_000.0, abs_tol=1e-6)


@given(st.lists(st.tuples(st.floats(0, 360), st.floats(0, 60)), min_size=1, max_size=50))
def test_a_mean_direction_is_a_direction_and_turns_with_the_wind(winds: list[tuple[float, float]]) -> None:
    window, turned = DirectionWindow(), DirectionWindow()
    for direction, speed in winds:
        window.add(direction, speed)
        turned.add(direction + 90.0, speed)
    value, other = window.result(), turned.result()
    if value is None or other is None:
        return
    assert 0 <= value < 360
    length = math.hypot(window._x, window._y) / window._length
    assert abs((other - value - 90.0 + 180.0) % 360.0 - 180.0) <= 1e-6 / length


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=50))
def test_a_mean_of_any_finite_numbers_is_finite(values: list[float]) -> None:
    window = MeanWindow()
    for value in values:
        window.add(value)
    result = window.result()
    assert result is not None
    assert math.isfinite(result)
