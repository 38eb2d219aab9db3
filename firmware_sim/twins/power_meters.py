"""Power meters: one physical load, many register maps."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import ClassVar, Final

from firmware_sim.core.server import READ_HOLDING
from firmware_sim.core.twin import Quantity, Twin, float_words, placed

LOAD: Final[Mapping[str, Quantity]] = {
    **{f"u{phase}": 230.0 for phase in (1, 2, 3)},
    **{f"i{phase}": 20.0 for phase in (1, 2, 3)},
    **{f"p{phase}": 4000.0 for phase in (1, 2, 3)},
    **{f"q{phase}": 1500.0 for phase in (1, 2, 3)},
    "frequency": 50.0,
    "energy_import": 12_345_678.0,
    "energy_export": 0.0,
}
"""V, A, W, var, Hz, Wh."""


class PowerMeter(Twin):
    """A meter of a three-phase load."""

    quantities: ClassVar[Mapping[str, Quantity]] = LOAD

    def phases(self, letter: str) -> list[float]:
        """Return a quantity of the three phases as the meter sees it."""
        return [self.seen(f"{letter}{phase}") for phase in (1, 2, 3)]

    def apparent(self, phase: int) -> float:
        """Return the apparent power of a phase in VA, never below its active power."""
        return math.hypot(self.number(f"p{phase}"), self.number(f"q{phase}"))

    def power_factor(self, phase: int) -> float:
        """Return the power factor of a phase, 1 without load."""
        apparent = self.apparent(phase)
        return self.number(f"p{phase}") / apparent if apparent else 1.0


class ChintDtsu666(PowerMeter):
    """Chint DTSU666: float32 at 0x2000 with the decimal point of each row, energies in kWh at 0x1000.

    Source: public decoder of mbmd (dtsu666.go) and a copy of the manual.
    """

    functions: ClassVar[frozenset[int]] = frozenset({READ_HOLDING})

    def words(self, function: int, now_s: float) -> Mapping[int, int]:
        """Return the registers of function 3."""
        del function, now_s
        voltage, current, power, reactive = (self.phases(letter) for letter in "uipq")
        root = 3**0.5
        rows: list[float] = [
            *(root * 10 * volts for volts in voltage),
            *(10 * volts for volts in voltage),
            *(1000 * amperes for amperes in current),
            *(10 * watts for watts in (sum(power), *power)),
            *(10 * var for var in (sum(reactive), *reactive)),
        ]
        factors = [1000 * self.power_factor(phase) for phase in (1, 2, 3)]
        return placed(
            (0x1018, _floats([0.0, 0.0, 0.0, self.number("energy_import") / 1000])),
            (0x1028, _floats([self.number("energy_export") / 1000])),
            (0x2000, _floats(rows)),
            (0x202A, _floats([sum(factors) / 3, *factors])),
            (0x2044, _floats([100 * self.seen("frequency")])),
        )


class ChintDtsu666H(ChintDtsu666):
    """The -H model: the same addresses without decimal points, volts and hertz as they are.

    Source: issue 2 of the public integration ha_chint_pm.
    """

    def words(self, function: int, now_s: float) -> Mapping[int, int]:
        """Return the registers of function 3."""
        unscaled = placed((0x2006, _floats(self.phases("u"))), (0x2044, _floats([self.seen("frequency")])))
        return {**super().words(function, now_s), **unscaled}


class ChintDtsu666Integer(PowerMeter):
    """The map that a solar inverter brings: whole tenths of volts from 0x61; the rest reads zero.

    Source: issue 355 of mbmd.
    """

    functions: ClassVar[frozenset[int]] = frozenset({READ_HOLDING})
    holes_read_zero = True

    def words(self, function: int, now_s: float) -> Mapping[int, int]:
        """Return the registers of function 3."""
        del function, now_s
        return placed((0x61, [round(10 * volts) for volts in self.phases("u")]))


def _floats(values: Sequence[float]) -> list[int]:
    return [word for value in values for word in float_words(value)]


MODELS: Final[dict[str, type[Twin]]] = {
    "chint-dtsu666": ChintDtsu666,
    "chint-dtsu666-h": ChintDtsu666H,
    "chint-dtsu666-integer": ChintDtsu666Integer,
}
