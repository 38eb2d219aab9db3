"""The circuit breaker of one device: a dead one costs its line at most a twentieth of its time, all dead ones a fifth.

Only for moments after a change of supply it may cost half, since whether the supply is back must be known at once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

PROBE_SHARE: Final = 19
"""The pause after a probe is this many times what the probe cost: 1 part in 20."""
LINE_SHARE: Final = 5
"""All dead devices of a line together: 1 part in 5. When a phase is lost, all of its meters are."""
SHORTEST_PAUSE_S: Final = 2.0
NEIGHBOUR_AFTER_S: Final = 1.0
LONGEST_PAUSE_S: Final = 300.0
HASTE_S: Final = 20.0
"""After a change of supply probes follow one another quickly for this long: a meter needs seconds to start."""
HASTES: Final = 4
HASTE_REFILL_S: Final = 120.0
HASTE_STEP_S: Final = 5.0
"""Changes nearer than this are the bounce of one contact."""


@dataclass(slots=True)
class Breaker:
    """Counts failed reads of one device and says whether it may be asked; times are monotonic seconds.

    Attributes:
        open_after_failures: It opens after this many failures in a row,
        open_after_s: and not before they have lasted this long.
        first_failure_s: When the present row of failures began; None while reads succeed.
        probe_at_s: While open: when one read may try the device again; None while closed.
    """

    open_after_failures: int = 3
    open_after_s: float = 5.0
    failures: int = 0
    first_failure_s: float | None = None
    probe_at_s: float | None = None
    _hastened_s: float = -math.inf
    _hastes: float = HASTES
    _refilled_s: float = -math.inf

    @property
    def is_open(self) -> bool:
        """Whether the device is set aside."""
        return self.probe_at_s is not None

    def allows(self, now_s: float) -> bool:
        """Return whether a read may go out: always while closed, one probe at its time while open."""
        return self.probe_at_s is None or now_s >= self.probe_at_s

    def is_hasty(self, now_s: float) -> bool:
        """Return whether the supply has changed a moment ago, so that probes come soon and often."""
        return now_s - self._hastened_s < HASTE_S

    def hasten(self, now_s: float) -> bool:
        """Probe at once, and often for a while: what the device is fed from has changed.

        Returns:
            False if it was hastened just before, or too often: an input that chatters gets HASTES times HASTE_S, then
            one of them every HASTE_REFILL_S.
        """
        if now_s - self._hastened_s < HASTE_STEP_S:
            return False
        self._hastes = min(HASTES, self._hastes + (now_s - self._refilled_s) / HASTE_REFILL_S)
        self._refilled_s = now_s
        if self._hastes < 1:
            return False
        self._hastes -= 1
        self._hastened_s = now_s
        if self.probe_at_s is not None:
            self.probe_at_s = min(self.probe_at_s, now_s)
        return True

    def succeed(self) -> bool:
        """Take note of a read that gave an answer, and return whether that ends an open time."""
        was_open = self.is_open
        self.failures = 0
        self.first_failure_s = None
        self.probe_at_s = None
        return was_open

    def hurry(self, now_s: float) -> None:
        """Probe soon: a neighbour has come back, and is read first."""
        if self.probe_at_s is not None:
            self.probe_at_s = min(self.probe_at_s, now_s + NEIGHBOUR_AFTER_S)

    def fail(self, ended_s: float, cost_s: float, dead: int = 1) -> bool:
        """Take note of a failed read, and return whether it opens the breaker.

        Args:
            ended_s: When the read was given up.
            cost_s: How long it held the line.
            dead: How many devices of the line are set aside, this one included.
        """
        self.failures += 1
        if self.first_failure_s is None:
            self.first_failure_s = ended_s - cost_s
        was_open = self.is_open
        lasted = ended_s - self.first_failure_s >= self.open_after_s
        if was_open or (self.failures >= self.open_after_failures and lasted):
            share = 1 if self.is_hasty(ended_s) else max(PROBE_SHARE, LINE_SHARE * dead - 1)
            pause_s = min(max(share * cost_s, SHORTEST_PAUSE_S), LONGEST_PAUSE_S)
            self.probe_at_s = ended_s + pause_s
        return self.is_open and not was_open
