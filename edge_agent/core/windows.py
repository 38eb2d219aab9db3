"""What is made of the good samples of one period: mean, median, vector mean of a direction, rise of a counter. Pure."""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass, field
from statistics import median
from typing import Final, Protocol

from edge_agent.core.counter_steps import Step

MAX_MEDIAN_SAMPLES: Final = 7_200
"""A median keeps every sample of its period: an hour at half a second."""
CALM: Final = 1e-6
"""A resultant below this share of the summed lengths has no direction."""


DIGITS: Final = 12
"""A double has more, but what lies beyond is the noise of its arithmetic, and costs bytes on the wire."""


def plain(value: float) -> float:
    """Return a number without the noise of arithmetic: 5.79254 for 5.792540000000001."""
    return float(f"{value:.{DIGITS}g}")


class Window(Protocol):
    """The samples of one point in one period."""

    def result(self) -> float | None:
        """Return the value of the period; None if its samples have none."""
        ...

    def clear(self) -> None:
        """Begin the next period."""
        ...


@dataclass(slots=True)
class MeanWindow:
    """The arithmetic mean."""

    _count: int = 0
    _mean: float = 0.0

    def add(self, value: float) -> None:
        """Take a sample."""
        self._count += 1
        # Running mean: a sum of large equal values would lose the small differences, or overflow.
        self._mean += value / self._count - self._mean / self._count

    def result(self) -> float | None:
        """Return the mean."""
        return plain(self._mean) if self._count else None

    def clear(self) -> None:
        """Begin the next period."""
        self._count, self._mean = 0, 0.0


@dataclass(slots=True)
class MedianWindow:
    """The median: a level over which waves, spray and passing things go."""

    _samples: array[float] = field(default_factory=lambda: array("d"))

    def add(self, value: float) -> None:
        """Take a sample; more than MAX_MEDIAN_SAMPLES are not kept."""
        if len(self._samples) < MAX_MEDIAN_SAMPLES:
            self._samples.append(value)

    def result(self) -> float | None:
        """Return the median."""
        return plain(median(self._samples)) if self._samples else None

    def clear(self) -> None:
        """Begin the next period."""
        del self._samples[:]


@dataclass(slots=True)
class DirectionWindow:
    """The direction of the mean vector, from 0° to less than 360°: the mean of 350° and 10° is 0°, not 180°."""

    _x: float = 0.0
    _y: float = 0.0
    _length: float = 0.0

    def add(self, direction_deg: float, length: float = 1.0) -> None:
        """Take a direction, weighted by the speed beside it."""
        angle = math.radians(direction_deg)
        self._x += length * math.cos(angle)
        self._y += length * math.sin(angle)
        self._length += length

    def result(self) -> float | None:
        """Return the direction; None in a calm, and where directions cancel out."""
        if math.hypot(self._x, self._y) <= CALM * self._length:
            return None
        degrees = plain(math.degrees(math.atan2(self._y, self._x)) % 360.0)
        # A tiny negative angle becomes 360.0 by rounding.
        return 0.0 if degrees >= 360.0 else degrees

    def clear(self) -> None:
        """Begin the next period."""
        self._x = self._y = self._length = 0.0


@dataclass(slots=True)
class RiseWindow:
    """How far a counter rose.

    Attributes:
        is_certain: Whether no step was one after a reset, nor one over a gap.
    """

    longest_ms: float
    is_certain: bool = True
    _seen: bool = False
    _total: float = 0.0

    def add(self, step: Step) -> None:
        """Take a step."""
        self._seen = True
        self._total += step.amount
        if not step.is_certain or step.since_ms > self.longest_ms:
            self.is_certain = False

    def result(self) -> float | None:
        """Return the rise."""
        return plain(self._total) if self._seen else None

    def clear(self) -> None:
        """Begin the next period."""
        self._seen, self._total, self.is_certain = False, 0.0, True
