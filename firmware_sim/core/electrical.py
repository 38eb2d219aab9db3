"""What a meter sees of a cabinet: volts, loads, energies."""

from __future__ import annotations

import cmath
import math
from dataclasses import dataclass
from typing import Final

PHASES: Final = (0, 1, 2)


@dataclass(frozen=True, slots=True)
class Electrical:
    """The true electrical state at the meter: volts, amperes, P + jQ per phase; energies since the start."""

    voltage_v: tuple[float, ...]
    load_va: tuple[complex, ...]
    frequency_hz: float
    energy_wh: tuple[float, ...]
    reactive_import_varh: tuple[float, ...]
    reactive_export_varh: tuple[float, ...]

    def current_a(self, phase: int) -> float:
        """Return the current of a phase."""
        volts = self.voltage_v[phase]
        return abs(self.load_va[phase]) / volts if volts > 1.0 else 0.0

    def neutral_a(self) -> float:
        """Return the neutral's current: the sum of the phase currents at 120 degrees, without harmonics."""
        total = 0j
        for phase in PHASES:
            if self.voltage_v[phase] > 1.0:
                angle = cmath.exp(-2j * math.pi * phase / 3.0)
                total += (self.load_va[phase] / self.voltage_v[phase]).conjugate() * angle
        return abs(total)

    def line_v(self, one: int, other: int) -> float:
        """Return the voltage between two phases."""
        first = self.voltage_v[one] * cmath.exp(-2j * math.pi * one / 3.0)
        return abs(first - self.voltage_v[other] * cmath.exp(-2j * math.pi * other / 3.0))
