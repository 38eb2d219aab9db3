"""A circuit of street lamps: ballast, capacitor, dead and cycling lamps, fuse, cut cable, taps, wet insulation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

from firmware_sim.core.arc import START_POWER, Arc, Driver

LampKind = Literal["sodium", "led"]

_START_REACTIVE: Final = 1.56
_BALLAST_POWER_FACTOR: Final = 0.45
_MAGNETIC_EXPONENT: Final = 1.8
_REACTIVE_EXPONENT: Final = 2.0
_RESISTIVE_EXPONENT: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitDesign:
    """How a circuit was built: `lamp_power_w` includes the ballast, `power_factor` the capacitor."""

    id: str
    phase: int
    contactor: int
    lamps: int
    lamp_power_w: float
    lamp_kind: LampKind = "sodium"
    power_factor: float = 0.85
    warm_up_s: float = 420.0


@dataclass(slots=True)
class LampRecord:
    """What a lamp with a controller of its own has done since the start: seconds, Ws, times that it was lit."""

    burned_s: float = 0.0
    energy_ws: float = 0.0
    starts: int = 0
    is_burning: bool = False


class Circuit:
    """One circuit; its lamps warm and cool together, but for those that cycle.

    Active power rises from 30 % with the warmth of the arcs; the ballast draws 1.4 times its nominal current at the
    start.

    Attributes:
        dead_lamps: They take no power, and leave their capacitors in the circuit.
        cycling_lamps: Sodium lamps at the end of their life, which go out hot and start again.
        cut_lamps: Lamps behind a cut in the cable, gone with their capacitors.
        cable_open: Whether the cable is cut somewhere, which the pilot line shows.
        fuse_blown: Nothing flows.
        tap_w: Power of a foreign load behind the contactor, at nominal voltage.
        leak_ma: Current to earth through wet insulation at nominal voltage.
        levels: Per cent of light of each lamp, counted from 1; 100 where nothing is told. Electronic drivers only.
        records: What the lamps with controllers have done, by number.
    """

    def __init__(self, design: CircuitDesign, nominal_v: float) -> None:
        self.design = design
        self.nominal_v = nominal_v
        self.dead_lamps = 0
        self.cycling_lamps = 0
        self.cut_lamps = 0
        self.cable_open = False
        self.fuse_blown = False
        self.tap_w = 0.0
        self.leak_ma = 0.0
        self.levels: dict[int, float] = {}
        self.records: dict[int, LampRecord] = {}
        self._steady = Arc(design.warm_up_s) if self._is_arc else Driver()
        self._cycling = Arc(design.warm_up_s, cycling=True)

    @property
    def _is_arc(self) -> bool:
        return self.design.lamp_kind == "sodium"

    @property
    def lit(self) -> bool:
        """Whether its sound lamps burn."""
        return self._steady.lit

    @property
    def warmth(self) -> float:
        """How warm its sound lamps are, 0 to 1."""
        return self._steady.warmth

    @property
    def cycling_lit(self) -> bool:
        """Whether its cycling lamps burn at the moment."""
        return self._cycling.lit

    @property
    def connected_lamps(self) -> int:
        """Lamps that the cable still reaches, dead ones included."""
        return self.design.lamps - self.cut_lamps

    def _cyclers(self) -> int:
        return min(self.cycling_lamps, self._alive()) if self._is_arc else 0

    def _alive(self) -> int:
        return self.connected_lamps - min(self.dead_lamps, self.connected_lamps)

    def is_alive(self, number: int) -> bool:
        """Return whether a lamp, counted from 1 at the cabinet, can burn; those of the lowest numbers die first."""
        return self.dead_lamps < number <= self.connected_lamps

    def let_cycle(self, lamps: int) -> None:
        """Let some lamps cycle from now on; they are as warm as the others."""
        if not self.cycling_lamps and lamps:
            self._cycling.lit, self._cycling.warmth = self._steady.lit, self._steady.warmth
        self.cycling_lamps = min(lamps, self.design.lamps)

    def light_share(self) -> float:
        """Return the mean level of its sound lamps, 0 to 1."""
        alive = self._alive()
        if not self.levels or not alive:
            return 1.0
        lowered = sum(1.0 - level / 100.0 for number, level in self.levels.items() if self.is_alive(number))
        return 1.0 - lowered / alive

    def lamp_power_w(self, number: int, voltage_v: float) -> float:
        """Return the power of one lamp with an electronic driver."""
        if not self._fed_v(voltage_v) or not self.lit or not self.is_alive(number):
            return 0.0
        return self.design.lamp_power_w * self.levels.get(number, 100.0) / 100.0

    def _fed_v(self, voltage_v: float) -> float:
        return 0.0 if self.fuse_blown else voltage_v

    def advance(self, elapsed_s: float, voltage_v: float) -> complex:
        """Let time pass at a constant voltage (0: switched off); return the energy taken in VA s (P + jQ).

        The result does not depend on how the time is cut into steps.
        """
        voltage = self._fed_v(voltage_v)
        share = voltage / self.nominal_v
        steady_lit_s, steady_warm_s = self._steady.advance(elapsed_s, share)
        energy = (self._capacitor_va(voltage) + self._tap_va(voltage)) * elapsed_s
        energy += self._energy_vas(self._alive() - self._cyclers(), voltage, steady_lit_s, steady_warm_s)
        if self.cycling_lamps:
            energy += self._energy_vas(self._cyclers(), voltage, *self._cycling.advance(elapsed_s, share))
        for number, record in self.records.items():
            power_w = self.lamp_power_w(number, voltage)
            record.starts += power_w > 0.0 and not record.is_burning
            record.is_burning = power_w > 0.0
            record.burned_s += elapsed_s if power_w > 0.0 else 0.0
            record.energy_ws += power_w * elapsed_s
        return energy

    def _energy_vas(self, lamps: int, voltage_v: float, lit_s: float, warm_s: float) -> complex:
        full, cold = self._burning_va(lamps, voltage_v, 1.0), self._burning_va(lamps, voltage_v, 0.0)
        return cold * lit_s + (full - cold) * warm_s

    def load_va(self, voltage_v: float) -> complex:
        """Return the apparent power drawn now, P + jQ in VA."""
        voltage = self._fed_v(voltage_v)
        load = self._capacitor_va(voltage) + self._tap_va(voltage)
        if self._steady.lit:
            load += self._burning_va(self._alive() - self._cyclers(), voltage, self._steady.warmth)
        if self._cyclers() and self._cycling.lit:
            load += self._burning_va(self._cyclers(), voltage, self._cycling.warmth)
        return load

    def leaks_ma(self, voltage_v: float) -> float:
        """Return the current that this circuit sends to earth."""
        return self.leak_ma * self._fed_v(voltage_v) / self.nominal_v

    def _tap_va(self, voltage_v: float) -> complex:
        return complex(self.tap_w * (voltage_v / self.nominal_v) ** _RESISTIVE_EXPONENT)

    def _nominal_reactive_var(self, power_factor: float) -> float:
        return self.design.lamp_power_w * math.tan(math.acos(power_factor))

    def _capacitor_va(self, voltage_v: float) -> complex:
        """Return what the capacitors give back; a dead sodium lamp leaves its own in the circuit."""
        if not self._is_arc:
            return 0j
        one = self._nominal_reactive_var(_BALLAST_POWER_FACTOR) - self._nominal_reactive_var(self.design.power_factor)
        return complex(0.0, -one * self.connected_lamps * (voltage_v / self.nominal_v) ** _REACTIVE_EXPONENT)

    def _burning_va(self, lamps: int, voltage_v: float, warmth: float) -> complex:
        """Return what burning lamps and their ballasts draw, without capacitors."""
        if not self._is_arc:
            # An electronic driver holds its power over voltage and leads a little.
            one = complex(self.design.lamp_power_w, -self._nominal_reactive_var(self.design.power_factor))
            return lamps * self.light_share() * one
        ratio = voltage_v / self.nominal_v
        power = self.design.lamp_power_w * (START_POWER + (1.0 - START_POWER) * warmth)
        ballast = self._nominal_reactive_var(_BALLAST_POWER_FACTOR)
        reactive = ballast * (_START_REACTIVE + (1.0 - _START_REACTIVE) * warmth)
        return lamps * complex(power * ratio**_MAGNETIC_EXPONENT, reactive * ratio**_REACTIVE_EXPONENT)
