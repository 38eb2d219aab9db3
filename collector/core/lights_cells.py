"""Samples of power into cells of time: the median of each, so that one false reading decides nothing."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import Any

MAX_SAMPLES = 64
"""Of one cell; a meter that is read faster is thinned."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell.

    Attributes:
        start_ms: Where it begins.
        x: Median of ln(U / Un).
        y: Median of ln P.
        samples: How many it rests on.
    """

    start_ms: int
    x: float
    y: float
    samples: int


@dataclass(slots=True)
class CellWriter:
    """Collects samples in order of time.

    Attributes:
        length_ms: Of a cell.
        start_ms: Where the open cell begins; None while there is none.
    """

    length_ms: int
    start_ms: int | None = None
    samples: list[tuple[float, float]] = field(default_factory=list)
    count: int = 0

    def add(self, at_ms: int, x: float, y: float) -> Cell | None:
        """Take a sample and return the cell that it ends."""
        start_ms = at_ms - at_ms % self.length_ms
        done = self.close() if self.start_ms is not None and start_ms != self.start_ms else None
        self.start_ms = start_ms
        self.count += 1
        if len(self.samples) < MAX_SAMPLES:
            self.samples.append((x, y))
        else:
            self.samples[self.count % MAX_SAMPLES] = (x, y)
        return done

    def close(self) -> Cell | None:
        """End the open cell; None if it has no sample."""
        done = None
        if self.start_ms is not None and self.samples:
            x = statistics.median(sample[0] for sample in self.samples)
            y = statistics.median(sample[1] for sample in self.samples)
            done = Cell(self.start_ms, x, y, self.count)
        self.drop()
        return done

    def drop(self) -> None:
        """Forget the open cell: what it holds is of two different states."""
        self.start_ms, self.samples, self.count = None, [], 0

    def dump(self) -> list[Any]:
        """Return it as plain JSON data."""
        return [self.start_ms, self.samples, self.count]

    def restore(self, data: list[Any]) -> None:
        """Take back what `dump` gave."""
        start_ms, samples, count = data
        self.start_ms = None if start_ms is None else int(start_ms)
        self.samples = [(float(x), float(y)) for x, y in samples[:MAX_SAMPLES]]
        self.count = int(count)
