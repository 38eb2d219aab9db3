from __future__ import annotations

from itertools import count

import pytest

from edge_agent.core.counter_steps import LEARN_ANEW_POLLS, CounterSteps, Step


def amounts(steps: CounterSteps, values: list[float], *, restarts: int = 0, every_ms: int = 5000) -> list[float | None]:
    clock = count(steps._last_ms + every_ms, every_ms)
    taken = [steps.take(value, next(clock), restarts) for value in values]
    return [None if step is None else step.amount for step in taken]


def test_a_rising_counter_is_followed_from_its_first_reading() -> None:
    assert amounts(CounterSteps(), [100, 100, 103, 110]) == [0, 0, 3, 7]


def test_a_single_low_reading_books_nothing_before_and_after() -> None:
    steps = CounterSteps()
    assert amounts(steps, [100, 0, 102]) == [0, None, 2]
    assert amounts(steps, [0, 0, 0, 0, 104]) == [None, None, None, None, 2]


def test_a_drop_without_a_restart_is_not_followed_after_three_polls() -> None:
    assert amounts(CounterSteps(), [100, *[5] * 10]) == [0, *[None] * 10]


def test_a_drop_after_a_restart_is_followed_after_three_polls_that_agree() -> None:
    steps = CounterSteps(greatest_rate=1.0)
    assert amounts(steps, [100, 101]) == [0, 1]
    assert amounts(steps, [3, 4, 5, 7], restarts=1) == [None, None, 5, 2]


def test_polls_that_fall_among_themselves_do_not_agree() -> None:
    steps = CounterSteps()
    amounts(steps, [100])
    assert amounts(steps, [9, 7, 5, 4, 4, 5], restarts=1) == [None, None, None, None, None, 0]


def test_another_meter_with_another_count_books_nothing() -> None:
    steps = CounterSteps(greatest_rate=1.0)
    amounts(steps, [100_000])
    assert amounts(steps, [50_000, 50_000, 50_000, 50_004], restarts=1) == [None, None, 0, 4]
    steps = CounterSteps(greatest_rate=1.0)
    amounts(steps, [100])
    assert amounts(steps, [9_000, 9_000, 9_001, 9_003], restarts=1) == [None, None, 0, 2]


def test_without_a_rating_a_reset_books_only_what_is_counted_from_there() -> None:
    steps = CounterSteps()
    amounts(steps, [100])
    assert amounts(steps, [3, 3, 4, 6], restarts=1) == [None, None, 0, 2]


def test_a_meter_that_shows_zero_while_it_starts_does_not_book_its_whole_count_afterwards() -> None:
    steps = CounterSteps()
    amounts(steps, [500_000])
    assert amounts(steps, [0, 0, 0, 0, 500_002, 500_003], restarts=1) == [None, None, 0, 0, 2, 1]


def test_a_counter_that_was_reset_passes_its_old_count_in_small_steps() -> None:
    steps = CounterSteps()
    amounts(steps, [10])
    booked = amounts(steps, [0, 0, 0, *(float(value) for value in range(1, 30))], restarts=1)
    assert sum(value for value in booked if value) == 29


def test_a_step_above_the_rating_is_refused() -> None:
    steps = CounterSteps(greatest_rate=2.0)
    # 5 s at 2 per second allow 10, and half as much again.
    assert amounts(steps, [100, 115, 131, 131]) == [0, 15, None, 16]
    assert steps.refused == 1


def test_after_an_outage_the_rise_of_that_time_is_possible() -> None:
    steps = CounterSteps(greatest_rate=2.0)
    steps.take(100, 0, 0)
    assert steps.take(100 + 7200, 3_600_000, 1) == Step(amount=7200, since_ms=3_600_000)


def test_a_roll_over_with_and_without_a_rating() -> None:
    assert amounts(CounterSteps(rolls_over_at=1000), [995, 3]) == [0, 8]
    assert amounts(CounterSteps(rolls_over_at=1000, greatest_rate=2.0), [995, 3]) == [0, 8]
    assert amounts(CounterSteps(rolls_over_at=1000, greatest_rate=1.0), [995, 3]) == [0, None]
    assert amounts(CounterSteps(rolls_over_at=1000), [600, 3]) == [0, None]


def test_a_lower_count_that_stays_is_followed_in_the_end_and_books_nothing() -> None:
    steps = CounterSteps()
    booked = amounts(steps, [100, *[5] * LEARN_ANEW_POLLS, 6])
    assert booked == [0, *[None] * (LEARN_ANEW_POLLS - 1), 0, 1]


@pytest.mark.parametrize("greatest_rate", [None, 5.0])
def test_what_follows_a_reset_is_not_certain(greatest_rate: float | None) -> None:
    steps = CounterSteps(greatest_rate=greatest_rate)
    steps.take(100, 0, 0)
    taken = [steps.take(1, 5000 * number, 1) for number in (1, 2, 3)]
    assert taken[2] is not None
    assert taken[2].is_certain is False
