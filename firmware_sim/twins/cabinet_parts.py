"""Instruments that are part of a cabinet or a post: their quantities are what its physics gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from firmware_sim.core.cabinet import ANALOG_SIGNALS, Cabinet
from firmware_sim.core.lamps import Circuit, LampRecord
from firmware_sim.core.noise import Noise
from firmware_sim.twins.analog_inputs import WaveshareAnalogInput8
from firmware_sim.twins.lamp_controllers import GenericLampController

_CONTROLLER_LIVES_V: Final = 100.0
_LOWEST_V: Final = 180.0
_HIGHEST_V: Final = 264.0
_LAMP_FAULT: Final = 1
_VOLTAGE_FAULT: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Transducer:
    """A converter to 4-20 mA: `low` gives 4 mA, `high` 20; past its ends it goes to 3.8 and 20.5 mA and no further."""

    signal: str
    low: float
    high: float

    def current_ma(self, value: float) -> float:
        """Return the current of its loop."""
        return min(20.5, max(3.8, 4.0 + 16.0 * (value - self.low) / (self.high - self.low)))


class CabinetAnalogInputs(WaveshareAnalogInput8):
    """The analogue input module of a cabinet, on its battery; a channel without a transducer reads 0."""

    def __init__(
        self, cabinet: Cabinet, channels: Mapping[int, Transducer], noise: Noise, *, sigma: float, unit: int
    ) -> None:
        super().__init__(unit, noise, sigma=sigma)
        self.cabinet = cabinet
        self.channels = channels
        self.values.update({f"ai{channel}": 0.0 for channel in range(1, 9)})
        self.follows = self._currents

    def powered(self, now_s: float) -> bool:
        """Return whether mains or battery feed the module."""
        self.cabinet.advance(now_s)
        return self.cabinet.board_powered()

    def _currents(self, now_s: float) -> Mapping[str, float]:
        self.cabinet.advance(now_s)
        return {
            f"ai{channel}": one.current_ma(ANALOG_SIGNALS[one.signal](self.cabinet))
            for channel, one in self.channels.items()
        }


class CabinetLamp(GenericLampController):
    """The controller of lamp number `lamp` of a circuit, fed by that circuit: silent while the contactor is open.

    Without a number it is the cabinet's own dimmer of all drivers of the circuit, fed by the battery.
    """

    def __init__(self, cabinet: Cabinet, circuit: Circuit, lamp: int | None, noise: Noise, *, unit: int) -> None:
        super().__init__(unit, noise)
        self.cabinet = cabinet
        self.circuit = circuit
        self.lamps = range(1, circuit.design.lamps + 1) if lamp is None else range(lamp, lamp + 1)
        self._is_group = lamp is None
        for number in self.lamps:
            circuit.records.setdefault(number, LampRecord())
            circuit.levels.setdefault(number, 100.0)
        self.follows = self._state

    def powered(self, now_s: float) -> bool:
        """Return whether it has supply."""
        self.cabinet.advance(now_s)
        if self._is_group:
            return self.cabinet.board_powered()
        return self._voltage_v() >= _CONTROLLER_LIVES_V and self.lamps[0] <= self.circuit.connected_lamps

    def _voltage_v(self) -> float:
        return 0.0 if self.circuit.fuse_blown else self.cabinet.circuit_v(self.circuit)

    def _state(self, now_s: float) -> Mapping[str, float]:
        self.cabinet.advance(now_s)
        volts, records = self._voltage_v(), [self.circuit.records[number] for number in self.lamps]
        levels = [self.circuit.levels[number] for number in self.lamps]
        powers_w = [self.circuit.lamp_power_w(number, volts) for number in self.lamps]
        power_w, power_factor = sum(powers_w), self.circuit.design.power_factor
        has_failed = any(level > 0.0 >= power for level, power in zip(levels, powers_w, strict=True))
        is_off_range = not _LOWEST_V <= volts <= _HIGHEST_V
        # Without voltage nothing can be told about the lamps.
        faults = (_LAMP_FAULT * has_failed | _VOLTAGE_FAULT * is_off_range) if volts > 0.0 else 0
        return {
            "level": max(levels),
            "burning": float(power_w > 0.0),
            "level_now": max(level if power > 0.0 else 0.0 for level, power in zip(levels, powers_w, strict=True)),
            "faults": float(faults),
            "voltage": volts,
            "current": power_w / (volts * power_factor) if volts > 0.0 else 0.0,
            "power": power_w,
            "energy": sum(record.energy_ws for record in records) / 3600.0,
            "burning_hours": max(record.burned_s for record in records) / 3600.0,
            "starts": float(max(record.starts for record in records)),
            "temperature": self.cabinet.inside_c() + (15.0 if power_w > 0.0 else 0.0),
            "power_factor": power_factor,
        }

    def dim(self, level: float, now_s: float) -> None:
        """Dim the lamps; what they took until now is counted first."""
        self.cabinet.advance(now_s)
        for number in self.lamps:
            self.circuit.levels[number] = level
        self.cabinet.advance(now_s)
        self.look(now_s)
