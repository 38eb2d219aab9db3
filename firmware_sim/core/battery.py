"""The battery behind gateway, relay board and pilot line: a 12 V lead-acid block on a float charger."""

from __future__ import annotations

import math
from typing import Final

FLOAT_V: Final = 13.6
"""On mains, charged."""
FULL_V: Final = 12.8
"""Without charger, full."""
EMPTY_V: Final = 10.5
"""Where the electronics let go: 1.75 V a cell."""
OK_ON_FLOAT_V: Final = 13.0
"""The charger's contact reports a battery that does not reach this on float, as with a short-circuited cell."""
OK_DISCHARGING_V: Final = 11.0
"""The charger's contact reports a battery below this without mains."""
_ENDLESS_S: Final = 14_400.0
"""What a sound battery of no stated size bears once it is worn: four hours times its capacity."""


class Battery:
    """How long it bears and what its voltage shows.

    Attributes:
        full_s: How long a sound one bears its load; None bears any outage.
        capacity: Of a sound one, 0 to 1. A worn battery shows its full voltage on float and betrays itself only when
            it must give.
        lost_v: What its voltage lacks: 2.1 V for a short-circuited cell.
    """

    def __init__(self, full_s: float | None) -> None:
        self.full_s = full_s
        self.capacity = 1.0
        self.lost_v = 0.0
        self._since_s = math.inf

    def _bears_s(self) -> float:
        if self.lost_v >= FULL_V - EMPTY_V:
            return 0.0
        if self.full_s is None:
            return math.inf if self.capacity >= 1.0 and not self.lost_v else _ENDLESS_S * self.capacity
        return self.full_s * self.capacity

    def feed(self, now_s: float, *, mains: bool) -> None:
        """Tell whether there are mains now; an outage begins when they go."""
        if mains:
            self._since_s = math.inf
        elif self._since_s == math.inf:
            self._since_s = now_s

    def empty_at_s(self) -> float:
        """Return when it lets go, infinity for never."""
        return math.inf if self._since_s == math.inf else self._since_s + self._bears_s()

    def voltage_v(self, now_s: float) -> float:
        """Return its voltage; it falls evenly from full to empty."""
        if self._since_s == math.inf:
            return FLOAT_V - self.lost_v
        bears_s = self._bears_s()
        used = 1.0 if bears_s <= 0.0 else min(1.0, (now_s - self._since_s) / bears_s)
        return max(0.0, FULL_V - self.lost_v - (FULL_V - self.lost_v - EMPTY_V) * used)

    def is_ok(self, now_s: float) -> bool:
        """Return what the charger's contact says."""
        on_float = self._since_s == math.inf
        return self.voltage_v(now_s) >= (OK_ON_FLOAT_V if on_float else OK_DISCHARGING_V)
