"""Discharge lamps that burn together: ignition, warm-up, hot restrike, and the lamp that has reached its end."""

from __future__ import annotations

import math
from typing import Final

SUSTAIN_SHARE: Final = 0.70
"""Of nominal voltage: below it a burning arc goes out."""
IGNITE_SHARE: Final = 0.85
"""Of nominal voltage: below it a cold lamp does not start."""
RESTRIKE_WARMTH: Final = 0.5
"""A hot arc tube starts again only when it has cooled to this share of its working warmth."""
CYCLING_WARMTH: Final = 0.97
"""An old sodium lamp's arc voltage rises as it warms; at this warmth it is more than the ballast can sustain."""
START_POWER: Final = 0.30
"""Of rated power: what a cold arc takes."""


class Arc:
    """The state of lamps that warm and cool together.

    Warmth runs from 0 (cold) to 1: a burning lamp nears 1 and has 99 % of its power after `warm_up_s`. With `cycling`
    it goes out as soon as it is warm, cools, starts again, and so on while it has voltage.
    """

    def __init__(self, warm_up_s: float, *, cycling: bool = False) -> None:
        self.lit = False
        self.warmth = 0.0
        self._cycling = cycling
        self._heating_s = warm_up_s / math.log(100.0 * (1.0 - START_POWER))
        self._cooling_s = warm_up_s / 7.0 / math.log(1.0 / RESTRIKE_WARMTH)

    def advance(self, elapsed_s: float, voltage_share: float) -> tuple[float, float]:
        """Let time pass at a constant voltage (of nominal; 0: switched off).

        Returns:
            Seconds that it burned, and the integral of its warmth over them.
        """
        lit_s = warm_s = 0.0
        left_s = elapsed_s
        while True:
            if voltage_share < (SUSTAIN_SHARE if self.lit else IGNITE_SHARE):
                self.lit = False
                self._cool(left_s)
                return lit_s, warm_s
            if not self.lit:
                wait_s = self._restrike_wait_s()
                if wait_s > left_s:
                    self._cool(left_s)
                    return lit_s, warm_s
                self._cool(wait_s)
                left_s -= wait_s
                self.lit = True
            burns_s = min(left_s, self._burns_on_s())
            warm_s += self._burn(burns_s)
            lit_s += burns_s
            left_s -= burns_s
            if not self._cycling or self._burns_on_s() > 0.0:
                return lit_s, warm_s
            self.lit = False

    def _burns_on_s(self) -> float:
        if not self._cycling:
            return math.inf
        # A billionth short of the limit is the limit: rounding must not leave steps of no length.
        missing, end = 1.0 - self.warmth, 1.0 - CYCLING_WARMTH
        return 0.0 if missing <= end * (1.0 + 1e-9) else self._heating_s * math.log(missing / end)

    def _restrike_wait_s(self) -> float:
        if self.warmth <= RESTRIKE_WARMTH:
            return 0.0
        return self._cooling_s * math.log(self.warmth / RESTRIKE_WARMTH)

    def _cool(self, elapsed_s: float) -> None:
        self.warmth *= math.exp(-elapsed_s / self._cooling_s)

    def _burn(self, elapsed_s: float) -> float:
        missing = 1.0 - self.warmth
        left = missing * math.exp(-elapsed_s / self._heating_s)
        self.warmth = 1.0 - left
        return elapsed_s - self._heating_s * (missing - left)


class Driver:
    """Lamps with an electronic driver: full light at once whenever there is voltage."""

    def __init__(self) -> None:
        self.lit = False
        self.warmth = 0.0

    def advance(self, elapsed_s: float, voltage_share: float) -> tuple[float, float]:
        """Let time pass; return as Arc.advance does."""
        self.lit = voltage_share >= (SUSTAIN_SHARE if self.lit else IGNITE_SHARE)
        self.warmth = float(self.lit)
        return (elapsed_s, elapsed_s) if self.lit else (0.0, 0.0)
