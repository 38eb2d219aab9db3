"""What the utility's side of a cabinet does: phases, voltages, sags and swells."""

from __future__ import annotations

import math
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Disturbance:
    """A sag or swell: the voltage of a phase is `share` of what it was, until a simulated time."""

    share: float
    until_s: float


@dataclass(slots=True)
class Supply:
    """What the utility's side does; phase k of three has index k - 1."""

    mains: bool = True
    present: list[bool] = field(default_factory=lambda: [True] * 3)
    voltage_v: list[float] = field(default_factory=lambda: [230.0] * 3)
    phantom_v: list[float] = field(default_factory=lambda: [0.0] * 3)
    frequency_hz: float = 50.0
    disturbed: list[Disturbance | None] = field(default_factory=lambda: [None] * 3)

    def phase_v(self, phase: int) -> float:
        """Return the voltage to neutral in front of the main breaker."""
        if not self.mains:
            return 0.0
        if not self.present[phase]:
            return self.phantom_v[phase]
        disturbance = self.disturbed[phase]
        return self.voltage_v[phase] * (disturbance.share if disturbance is not None else 1.0)

    def next_change_s(self) -> float:
        """Return when the next sag or swell ends, infinity for never."""
        return min((one.until_s for one in self.disturbed if one is not None), default=math.inf)

    def end_disturbances(self, now_s: float) -> None:
        """Let every sag and swell end that is over."""
        self.disturbed = [None if one is None or one.until_s <= now_s else one for one in self.disturbed]
