"""A circuit of street lamps: arc warm-up, hot restrike, ballast, capacitor, dead lamps, fuse."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

LampKind = Literal["sodium", "led"]

SUSTAIN_SHARE: Final = 0.70
"""Of nominal voltage: below it a burning arc goes out."""
IGNITE_SHARE: Final = 0.85
"""Of nominal voltage: below it a cold lamp does not start."""
RESTRIKE_WARMTH: Final = 0.5
"""A hot arc tube starts again only when it has cooled to this share of its working warmth."""

_START_POWER: Final = 0.30
_START_REACTIVE: Final = 1.56
_BALLAST_POWER_FACTOR: Final = 0.45
_MAGNETIC_EXPONENT: Final = 1.8
_REACTIVE_EXPONENT: Final = 2.0


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


class Circuit:
    """One circuit; its lamps warm and cool together.

    Warmth runs from 0 (cold) to 1: a burning lamp nears 1 and has 99 % of its power after `warm_up_s`.
    Active power rises from 30 % with it; the ballast draws 1.4 times its nominal current at the start.
    """

    def __init__(self, design: CircuitDesign, nominal_v: float) -> None:
        self.design = design
        self.nominal_v = nominal_v
        self.dead_lamps = 0
        self.fuse_blown = False
        self.lit = False
        self.warmth = 0.0
        self._heating_s = design.warm_up_s / math.log(100.0 * (1.0 - _START_POWER))
        self._cooling_s = design.warm_up_s / 7.0 / math.log(1.0 / RESTRIKE_WARMTH)

    @property
    def _is_arc(self) -> bool:
        return self.design.lamp_kind == "sodium"

    def advance(self, elapsed_s: float, voltage_v: float) -> complex:
        """Let time pass at a constant voltage (0: switched off); return the energy taken in VA s (P + jQ).

        The result does not depend on how the time is cut into steps.
        """
        voltage = 0.0 if self.fuse_blown else voltage_v
        needed = SUSTAIN_SHARE if self.lit else IGNITE_SHARE
        if voltage < needed * self.nominal_v:
            self.lit = False
            self._cool(elapsed_s)
            return self._capacitor_va(voltage) * elapsed_s
        energy = 0j
        if not self.lit:
            wait_s = self._restrike_wait_s()
            if wait_s > elapsed_s:
                self._cool(elapsed_s)
                return self._capacitor_va(voltage) * elapsed_s
            self._cool(wait_s)
            self.lit = True
            energy += self._capacitor_va(voltage) * wait_s
            elapsed_s -= wait_s
        warm_s = self._burn(elapsed_s)
        full, cold = self._burning_va(voltage, 1.0), self._burning_va(voltage, 0.0)
        return energy + cold * elapsed_s + (full - cold) * warm_s

    def load_va(self, voltage_v: float) -> complex:
        """Return the apparent power drawn now, P + jQ in VA."""
        voltage = 0.0 if self.fuse_blown else voltage_v
        return self._burning_va(voltage, self.warmth) if self.lit else self._capacitor_va(voltage)

    def _restrike_wait_s(self) -> float:
        if not self._is_arc or self.warmth <= RESTRIKE_WARMTH:
            return 0.0
        return self._cooling_s * math.log(self.warmth / RESTRIKE_WARMTH)

    def _cool(self, elapsed_s: float) -> None:
        self.warmth = self.warmth * math.exp(-elapsed_s / self._cooling_s) if self._is_arc else 0.0

    def _burn(self, elapsed_s: float) -> float:
        """Warm the lamps and return the integral of their warmth over the time."""
        if not self._is_arc:
            self.warmth = 1.0
            return elapsed_s
        missing = 1.0 - self.warmth
        left = missing * math.exp(-elapsed_s / self._heating_s)
        self.warmth = 1.0 - left
        return elapsed_s - self._heating_s * (missing - left)

    def _nominal_reactive_var(self, power_factor: float) -> float:
        return self.design.lamp_power_w * math.tan(math.acos(power_factor))

    def _capacitor_va(self, voltage_v: float) -> complex:
        """Return what the capacitors give back; a dead sodium lamp leaves its own in the circuit."""
        if not self._is_arc:
            return 0j
        one = self._nominal_reactive_var(_BALLAST_POWER_FACTOR) - self._nominal_reactive_var(self.design.power_factor)
        return complex(0.0, -one * self.design.lamps * (voltage_v / self.nominal_v) ** _REACTIVE_EXPONENT)

    def _burning_va(self, voltage_v: float, warmth: float) -> complex:
        alive = self.design.lamps - self.dead_lamps
        if not self._is_arc:
            # An electronic driver holds its power over voltage and leads a little.
            return alive * complex(self.design.lamp_power_w, -self._nominal_reactive_var(self.design.power_factor))
        ratio = voltage_v / self.nominal_v
        power = self.design.lamp_power_w * (_START_POWER + (1.0 - _START_POWER) * warmth)
        ballast = self._nominal_reactive_var(_BALLAST_POWER_FACTOR)
        reactive = ballast * (_START_REACTIVE + (1.0 - _START_REACTIVE) * warmth)
        lamp = complex(power * ratio**_MAGNETIC_EXPONENT, reactive * ratio**_REACTIVE_EXPONENT)
        return alive * lamp + self._capacitor_va(voltage_v)
