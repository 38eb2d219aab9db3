"""Power meters: one physical load, many register maps."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar, Final

from firmware_sim.core.measuring import Quantity
from firmware_sim.core.server import READ_HOLDING, READ_INPUT_REGISTERS
from firmware_sim.core.twin import Twin, float_words, integer_words, placed

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
    """The map that a solar inverter brings: whole tenths of volts from 0x61, nothing elsewhere.

    Source: issue 355 of mbmd.
    """

    functions: ClassVar[frozenset[int]] = frozenset({READ_HOLDING})

    def words(self, function: int, now_s: float) -> Mapping[int, int]:
        """Return the registers of function 3."""
        del function, now_s
        return placed((0x61, [round(10 * volts) for volts in self.phases("u")]))


class EastronSdm72v2(PowerMeter):
    """Eastron SDM72D-M version 2: float32 input registers, high word first, kWh. Source: mbmd sdm72v2.go."""

    functions: ClassVar[frozenset[int]] = frozenset({READ_INPUT_REGISTERS})
    max_words = 60

    def words(self, function: int, now_s: float) -> Mapping[int, int]:
        """Return the registers of function 4."""
        del function, now_s
        power, reactive = self.phases("p"), self.phases("q")
        apparent = [self.apparent(phase) for phase in (1, 2, 3)]
        factors = [self.power_factor(phase) for phase in (1, 2, 3)]
        imported, exported = self.number("energy_import") / 1000, self.number("energy_export") / 1000
        return placed(
            (0x00, _floats([*self.phases("u"), *self.phases("i"), *power, *apparent, *reactive, *factors])),
            (0x34, _floats([sum(power)])),
            (0x38, _floats([sum(apparent)])),
            (0x3C, _floats([sum(reactive), sum(power) / sum(apparent) if sum(apparent) else 1.0])),
            (0x46, _floats([self.seen("frequency"), imported, exported])),
            (0x156, _floats([imported + exported])),
        )


class EastronSdm72(PowerMeter):
    """Eastron SDM72D-M, first version: totals alone. Source: mbmd sdm72.go."""

    functions: ClassVar[frozenset[int]] = frozenset({READ_INPUT_REGISTERS})
    max_words = 60

    def words(self, function: int, now_s: float) -> Mapping[int, int]:
        """Return the registers of function 4."""
        del function, now_s
        imported, exported = self.number("energy_import") / 1000, self.number("energy_export") / 1000
        return placed(
            (0x34, _floats([sum(self.phases("p"))])),
            (0x48, _floats([imported, exported])),
            (0x156, _floats([imported + exported])),
        )


class Schneider(PowerMeter):
    """The registers that iEM3000, PM3200 and PM5000 share: floats in kW, kvar, kVA, energies in Wh of 64 bits.

    Documented register n has wire address n - 1. What is not measured reads as NaN.
    Source: mbmd iem3000.go; SolarNetwork PM3200Register and PM5100Register.
    """

    functions: ClassVar[frozenset[int]] = frozenset({READ_HOLDING})
    neutral: ClassVar[bool] = False
    shift: ClassVar[int] = 1

    def words(self, function: int, now_s: float) -> Mapping[int, int]:
        """Return the registers of function 3."""
        del function, now_s
        power, reactive = self.phases("p"), self.phases("q")
        apparent = sum(self.apparent(phase) for phase in (1, 2, 3))
        imported = self.number("energy_import")
        share = [imported / 3] * 3
        documented: list[tuple[int, Sequence[int]]] = [
            (3000, _floats([*self.phases("i"), 0.4 if self.neutral else math.nan, 0.02 if self.neutral else math.nan])),
            (3028, _floats(self.phases("u"))),
            (3054, _floats([*(watts / 1000 for watts in power), sum(power) / 1000])),
            (3068, _floats([sum(reactive) / 1000])),
            (3076, _floats([apparent / 1000])),
            (3110, _floats([self.seen("frequency")])),
            (3204, integer_words(imported, 4)),
            (3208, integer_words(self.number("energy_export"), 4)),
            *((3518 + 4 * place, integer_words(value, 4)) for place, value in enumerate(share)),
        ]
        return placed(*((number - self.shift, words) for number, words in documented))


class SchneiderPm5000(Schneider):
    """PM5000: neutral and ground current too."""

    neutral = True


class SchneiderShifted(Schneider):
    """A map read one off: what a driver sees that takes documented numbers for wire addresses."""

    shift = 0


class CarloGavazzi(PowerMeter):
    """The 32-bit integers, low word first, that the meters of this make share; energies in tenths of a kWh.

    Source: mbmd carlogavazzi-*.go.
    """

    functions: ClassVar[frozenset[int]] = frozenset({READ_INPUT_REGISTERS})
    factors_at: ClassVar[int] = 0x2E
    frequency_at: ClassVar[int] = 0x33
    import_at: ClassVar[int] = 0x34
    phases_at: ClassVar[int] = 0x40
    export_at: ClassVar[int] = 0x4E

    def words(self, function: int, now_s: float) -> Mapping[int, int]:
        """Return the registers."""
        del function, now_s
        power = self.phases("p")
        factors = [1000 * self.power_factor(phase) for phase in (1, 2, 3)]
        imported = self.number("energy_import")
        return placed(
            (0x00, _swapped_integers(10 * volts for volts in self.phases("u"))),
            (0x0C, _swapped_integers(1000 * amperes for amperes in self.phases("i"))),
            (0x12, _swapped_integers(10 * watts for watts in power)),
            (0x28, _swapped_integers([10 * sum(power)])),
            (self.factors_at, [word for value in (*factors, sum(factors) / 3) for word in integer_words(value, 1)]),
            (self.frequency_at, [round(10 * self.seen("frequency"))]),
            (self.import_at, _swapped_integers([imported / 100])),
            (self.phases_at, _swapped_integers([imported / 300] * 3)),
            (self.export_at, _swapped_integers([self.number("energy_export") / 100])),
        )


class CarloGavazziEm24(CarloGavazzi):
    """EM24 with RS-485."""

    factors_at = 0x32
    frequency_at = 0x37
    import_at = 0x42
    phases_at = 0x46
    export_at = 0x5C


class CarloGavazziEm340(CarloGavazzi):
    """EM330, EM340; functions 3 and 4 read the same."""

    functions: ClassVar[frozenset[int]] = frozenset({READ_HOLDING, READ_INPUT_REGISTERS})
    max_words = 50


class CarloGavazziEm24E1(CarloGavazzi):
    """EM24 with Ethernet; its model code and the application it is set to. Source also: dbus-modbus-client."""

    functions: ClassVar[frozenset[int]] = frozenset({READ_HOLDING})
    quantities: ClassVar[Mapping[str, Quantity]] = {**LOAD, "model_code": 1651.0, "application": 7.0}

    def words(self, function: int, now_s: float) -> Mapping[int, int]:
        """Return the registers of function 3."""
        identity = placed((0x0B, [round(self.number("model_code"))]), (0xA000, [round(self.number("application"))]))
        return {**super().words(function, now_s), **identity}


class CarloGavazziEm24E1Other(CarloGavazziEm24E1):
    """The same meter, set to another application."""

    quantities: ClassVar[Mapping[str, Quantity]] = {**CarloGavazziEm24E1.quantities, "application": 3.0}


def _floats(values: Sequence[float]) -> list[int]:
    return [word for value in values for word in float_words(value)]


def _swapped_integers(values: Iterable[float]) -> list[int]:
    return [word for value in values for word in integer_words(value, 2, low_word_first=True)]


MODELS: Final[dict[str, type[Twin]]] = {
    "carlo-gavazzi-em24": CarloGavazziEm24,
    "carlo-gavazzi-em24-e1": CarloGavazziEm24E1,
    "carlo-gavazzi-em24-e1-other": CarloGavazziEm24E1Other,
    "carlo-gavazzi-em340": CarloGavazziEm340,
    "chint-dtsu666": ChintDtsu666,
    "chint-dtsu666-h": ChintDtsu666H,
    "chint-dtsu666-integer": ChintDtsu666Integer,
    "eastron-sdm72": EastronSdm72,
    "eastron-sdm72v2": EastronSdm72v2,
    "schneider-iem3000": Schneider,
    "schneider-pm3200": Schneider,
    "schneider-pm5000": SchneiderPm5000,
    "schneider-shifted": SchneiderShifted,
}
