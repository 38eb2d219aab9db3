"""The simulated clock: real time since the start, times a factor."""

from __future__ import annotations

import time


class SimulatedClock:
    """Seconds of simulated time since the start; a factor of 60 makes a minute of a second."""

    def __init__(self, factor: float = 1.0) -> None:
        self.factor = factor
        self._start_s = time.monotonic()

    def now_s(self) -> float:
        """Return the simulated seconds since the start."""
        return (time.monotonic() - self._start_s) * self.factor

    def wait_s(self, at_s: float) -> float:
        """Return the real seconds until a simulated time."""
        return max(0.0, at_s / self.factor - (time.monotonic() - self._start_s))
