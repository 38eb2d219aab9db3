"""How far a counter went on between two readings: energy, water, run time. Pure.

A counter is never averaged; its rise is booked. The rules on a falling counter and on too great a step are those that
the notes on street lighting give for energy counters: a drop counts only after three polls that agree, and evidence of
a restart; a step of more than 1.5 times what the rating allows is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

AGREEING_POLLS: Final = 3
LEARN_ANEW_POLLS: Final = 60
"""Without evidence of a restart a lower count must be shown this often before it is followed, and nothing is booked."""
RATING_MARGIN: Final = 1.5
NEAR_ROLL_OVER: Final = 0.1
"""Without a rating a roll-over is a step from the last tenth of the range to its first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one reading adds.

    Attributes:
        amount: In the counter's unit, 0 or more.
        since_ms: How much time it spans, in milliseconds; 0 for the first reading.
        is_certain: Whether the counter simply went on; not with the first reading, nor across a reset.
    """

    amount: float
    since_ms: int
    is_certain: bool = True


@dataclass(slots=True)
class CounterSteps:
    """Follows one counter.

    Attributes:
        rolls_over_at: After this count it begins at 0 again.
        greatest_rate: What the installation can draw at most, in unit per second.
        refused: Readings that were not followed.
    """

    rolls_over_at: float | None = None
    greatest_rate: float | None = None
    refused: int = 0
    _last: float | None = None
    _last_ms: int = 0
    _restarts: int = 0
    _odd: float = 0.0
    _odd_polls: int = 0
    _before_drop: float | None = None
    _before_ms: int = 0
    _drop_to: float = 0.0
    _since_drop: float = 0.0

    def take(self, value: float, monotonic_ms: int, restarts: int) -> Step | None:
        """Return what a reading adds; None if it is not followed.

        Args:
            value: The count, in its unit.
            monotonic_ms: When, on the boot clock.
            restarts: How often the device was found so far: more than before is evidence of a restart.
        """
        if self._last is None:
            # What the period had before this reading is not known.
            return self._follow(value, monotonic_ms, restarts, 0.0, is_certain=False)
        elapsed_ms = max(1, monotonic_ms - self._last_ms)
        rise = value - self._last
        if rise >= 0 and self._is_returned(value, rise, monotonic_ms):
            return self._return(value, monotonic_ms, restarts)
        if rise >= 0 and self._is_possible(rise, elapsed_ms):
            return self._follow(value, monotonic_ms, restarts, rise)
        has_restarted = restarts > self._restarts
        if rise < 0 and not has_restarted and self.rolls_over_at is not None:
            rolled = rise + self.rolls_over_at
            if self._has_rolled_over(value, rolled, elapsed_ms):
                return self._follow(value, monotonic_ms, restarts, rolled)
        agrees = self._odd_polls > 0 and value >= self._odd
        self._odd_polls = self._odd_polls + 1 if agrees else 1
        self._odd = value
        self.refused += 1
        needed = AGREEING_POLLS if has_restarted else LEARN_ANEW_POLLS
        if self._odd_polls < needed or (rise >= 0 and not has_restarted):
            return None
        return self._restart(value, monotonic_ms, restarts, elapsed_ms)

    def _is_possible(self, rise: float, elapsed_ms: int) -> bool:
        return self.greatest_rate is None or rise <= RATING_MARGIN * self.greatest_rate * elapsed_ms / 1000

    def _has_rolled_over(self, value: float, rolled: float, elapsed_ms: int) -> bool:
        if self.rolls_over_at is None or self._last is None or rolled < 0:
            return False
        if self.greatest_rate is not None:
            return self._is_possible(rolled, elapsed_ms)
        margin = NEAR_ROLL_OVER * self.rolls_over_at
        return self._last >= self.rolls_over_at - margin and value <= margin

    def _is_returned(self, value: float, rise: float, monotonic_ms: int) -> bool:
        """Return whether the count is back where it was before a drop, in one step: the drop was none."""
        if self._before_drop is None or self._last is None:
            return False
        is_there = self._last < self._before_drop <= value and rise >= 0.5 * (self._before_drop - self._drop_to)
        return is_there and self._is_possible(value - self._before_drop, monotonic_ms - self._before_ms)

    def _return(self, value: float, monotonic_ms: int, restarts: int) -> Step:
        before = self._before_drop or 0.0
        amount = max(0.0, value - before - self._since_drop)
        self._before_drop = None
        # What is booked was drawn since the last reading before the drop.
        self._last_ms = self._before_ms
        return self._follow(value, monotonic_ms, restarts, amount, is_certain=False)

    def _restart(self, value: float, monotonic_ms: int, restarts: int, elapsed_ms: int) -> Step:
        dropped = self._last is not None and value < self._last
        # From 0 on it counted again; but only a rating tells a reset counter from another meter with another count.
        from_zero = dropped and self.greatest_rate is not None and self._is_possible(value, elapsed_ms)
        amount = value if from_zero else 0.0
        self._before_drop, self._before_ms = (self._last if dropped else None), self._last_ms
        self._drop_to, self._since_drop = value, 0.0
        return self._follow(value, monotonic_ms, restarts, amount, is_certain=False)

    def _follow(
        self, value: float, monotonic_ms: int, restarts: int, amount: float, *, is_certain: bool = True
    ) -> Step:
        since_ms = 0 if self._last is None else monotonic_ms - self._last_ms
        self._last, self._last_ms, self._restarts, self._odd_polls = value, monotonic_ms, restarts, 0
        self._since_drop += amount
        if self._before_drop is not None and value >= self._before_drop:
            self._before_drop = None
        return Step(amount=amount, since_ms=since_ms, is_certain=is_certain)
