"""Counts the pulses of a polled input: rain gauges and water meters on a relay board or PLC. Pure.

An amount is booked for each interval and never averaged; all amounts together are the total, over any restart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

CLOCK_STEP_S: Final = 1e-6
"""Times are sums of floats: 0.15 - 0.1 is less than 0.05."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """What must survive a restart; its parts belong together, so they are kept together.

    Attributes:
        pulses: Counted since the counter was made.
        booked: Those of them that are already in an amount.
        level: The input's debounced level; None before the first.
    """

    pulses: int = 0
    booked: int = 0
    level: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """What one interval gave.

    Attributes:
        amount: Pulses of the interval times the quantity of each.
        total: All pulses times the quantity of each.
        pulses: All pulses.
        is_complete: Whether the input was seen all the time; otherwise a pulse may have been missed.
        was_seen: Whether it was seen at all in the interval.
    """

    amount: float
    total: float
    pulses: int
    is_complete: bool
    was_seen: bool


class PulseCounter:
    """One input.

    A new level counts once it has been seen for `debounce_s`, in two samples at least if that is not 0: contacts
    bounce, and a single sample may be a disturbance. What a restart or a gap hid is counted as one pulse at most, if
    the level afterwards shows it.
    """

    def __init__(
        self, *, quantity: float, debounce_s: float, shortest_pulse_s: float, counts: bool = True, saved: Count | None
    ) -> None:
        """Continue from what was saved.

        Args:
            quantity: What one pulse is worth, in the counter's unit.
            debounce_s: How long a new level must be seen, in seconds.
            shortest_pulse_s: Longest pause between two samples in which no pulse can hide, in seconds.
            counts: The level that a pulse begins with: True for a contact that closes.
            saved: What was kept at the last booking.
        """
        saved = saved or Count()
        self._quantity = quantity
        self._debounce_s = debounce_s
        self._shortest_pulse_s = shortest_pulse_s
        self._counts = counts
        self._pulses, self._booked, self._level = saved.pulses, saved.booked, saved.level
        self._new_since_s: float | None = None
        self._seen_s: float | None = None
        self._is_complete = False
        self._was_seen = False

    @property
    def count(self) -> Count:
        """What must be kept."""
        return Count(pulses=self._pulses, booked=self._booked, level=self._level)

    def sample(self, level: bool | None, at_s: float) -> None:
        """Take one reading of the input; None for one that is not GOOD.

        Args:
            level: What it showed.
            at_s: When, on a clock that never jumps, in seconds. An older one than the last is passed over.
        """
        if level is None:
            self._new_since_s = None
            return
        if self._seen_s is not None and at_s < self._seen_s:
            return
        if self._seen_s is None or at_s - self._seen_s > self._shortest_pulse_s + CLOCK_STEP_S:
            self._is_complete = False
            # Whatever was begun before the gap may have ended in it.
            self._new_since_s = None
        self._seen_s = at_s
        self._was_seen = True
        if self._level is None:
            self._level = level
        elif level == self._level:
            self._new_since_s = None
        else:
            self._take_new(level, at_s)

    def _take_new(self, level: bool, at_s: float) -> None:
        if self._new_since_s is None:
            self._new_since_s = at_s
            if self._debounce_s > 0:
                return
        if at_s - self._new_since_s >= self._debounce_s - CLOCK_STEP_S:
            self._level = level
            self._new_since_s = None
            self._pulses += level is self._counts

    def book(self, at_s: float) -> Booking | None:
        """Close the interval and return what it gave; None if the input was never seen.

        Args:
            at_s: Now, on the clock of the samples.
        """
        if self._level is None:
            return None
        seen = self._seen_s is not None and at_s - self._seen_s <= self._shortest_pulse_s + CLOCK_STEP_S
        booking = Booking(
            amount=self._worth(self._pulses - self._booked),
            total=self._worth(self._pulses),
            pulses=self._pulses,
            is_complete=self._is_complete and seen,
            was_seen=self._was_seen,
        )
        self._booked = self._pulses
        self._is_complete = seen
        self._was_seen = False
        return booking

    def _worth(self, pulses: int) -> float:
        # 3 x 0.2 is 0.6000000000000001.
        return float(f"{pulses * self._quantity:.12g}")


def slowest_sampling_s(shortest_pulse_s: float, debounce_s: float) -> float:
    """Return the longest pause between samples that counts every pulse, in seconds; below 0 if none does.

    A pulse, and the pause after it, must be long enough for a first sample and for one that is `debounce_s` later.
    """
    if debounce_s <= 0:
        return shortest_pulse_s
    return (shortest_pulse_s - debounce_s) / 2
