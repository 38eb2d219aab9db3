"""When a circuit may be switched: not all at once, not hot lamps, not right after the supply came back."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Stagger:
    """Keeps circuits apart. All times are boot-clock seconds.

    Attributes:
        gap_s: Between two different circuits.
        start_s: Nothing is switched before.
    """

    gap_s: float
    start_s: float
    _last_s: float = float("-inf")
    _last_circuit: str = ""

    def opens_s(self, circuit: str) -> float:
        """Return when this circuit may be switched."""
        gap_s = 0.0 if circuit == self._last_circuit else self.gap_s
        return max(self.start_s, self._last_s + gap_s)

    def switched(self, circuit: str, at_s: float) -> None:
        """Take that a circuit was just told to switch, whether it did or not: its inrush may follow."""
        self._last_circuit, self._last_s = circuit, max(at_s, self._last_s)


@dataclass(slots=True)
class Lamps:
    """How warm the lamps of one circuit are. All times are boot-clock seconds.

    Attributes:
        rest_s: They cool this long before they are struck again.
        full_power_s: They burn this long before they are dimmed.
    """

    rest_s: float
    full_power_s: float
    _lit_s: float | None = None
    _dark_s: float | None = None

    def burn(self, is_on: bool, at_s: float, *, since_long: bool = False) -> None:
        """Take that they burn, or do not; `since_long`: they were seen so at the start and nobody put them out."""
        if is_on and self._lit_s is None:
            self._lit_s, self._dark_s = float("-inf") if since_long else at_s, None
        elif not is_on and self._dark_s is None:
            self._dark_s, self._lit_s = float("-inf") if since_long else at_s, None

    def supply_lost(self, at_s: float) -> None:
        """Take that the supply went: they strike anew when it comes back."""
        self._lit_s = None
        self._dark_s = at_s

    def strikes_s(self) -> float:
        """Return when they may be struck."""
        return float("-inf") if self._dark_s is None else self._dark_s + self.rest_s

    def may_dim(self, now_s: float) -> bool:
        """Return whether they are warm enough to be dimmed."""
        return self._lit_s is not None and now_s >= self._lit_s + self.full_power_s
