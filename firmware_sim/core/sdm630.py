"""The Eastron SDM630 energy meter: float32 input registers, high word first.

Source: the register list of the domain notes (public decoders of the SDM family, Eastron's SDM630-Modbus
protocol for the averages and sums). Simulated only, except for the frame in tests/unit/firmware_sim that
was recorded from a real meter.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from firmware_sim.core.cabinet import Cabinet
from firmware_sim.core.electrical import PHASES, Electrical
from firmware_sim.core.noise import Noise
from firmware_sim.core.server import ILLEGAL_ADDRESS, ILLEGAL_VALUE, READ_HOLDING, READ_INPUT_REGISTERS, Device, Refusal

MAX_VALUES: Final = 30
"""Float values in one request; more are refused with exception 3."""

_BAUD_CODES: Final = {2400: 0, 4800: 1, 9600: 2, 19200: 3, 38400: 4}
_FORMAT_CODES: Final = {("N", 1): 0, ("E", 1): 1, ("O", 1): 2, ("N", 2): 3}


@dataclass(frozen=True, slots=True)
class Measured:
    """One measurement of the meter, with its error, in the units of its registers."""

    voltage_v: tuple[float, ...]
    current_a: tuple[float, ...]
    power_w: tuple[float, ...]
    reactive_var: tuple[float, ...]
    neutral_a: float
    frequency_hz: float
    truth: Electrical

    def apparent_va(self, phase: int) -> float:
        """Return the apparent power of a phase, never below its active power."""
        return math.hypot(self.power_w[phase], self.reactive_var[phase])

    def power_factor(self, phase: int) -> float:
        """Return the power factor of a phase, 1 without load."""
        apparent = self.apparent_va(phase)
        return self.power_w[phase] / apparent if apparent > 0.0 else 1.0

    def angle_deg(self, phase: int) -> float:
        """Return the angle of the current behind the voltage."""
        return math.degrees(math.atan2(self.reactive_var[phase], self.power_w[phase]))

    def total_power_factor(self) -> float:
        """Return the power factor of the sums, 1 without load."""
        apparent = math.hypot(sum(self.power_w), sum(self.reactive_var))
        return sum(self.power_w) / apparent if apparent > 0.0 else 1.0

    def total_angle_deg(self) -> float:
        """Return the angle of the sums."""
        return math.degrees(math.atan2(sum(self.reactive_var), sum(self.power_w)))


def measure(truth: Electrical, sigma: float, noise: Noise) -> Measured:
    """Return the state as a meter with a relative error of standard deviation `sigma` sees it.

    Energy counters carry no noise, since a counter never runs back. The frequency's own wander is
    a tenth of sigma, as in a grid that holds 50 +- 0.2 Hz.
    """

    def seen(value: float, share: float = 1.0) -> float:
        return value * (1.0 + sigma * share * noise.gauss()) if sigma > 0.0 else value

    return Measured(
        voltage_v=tuple(max(0.0, seen(volts)) for volts in truth.voltage_v),
        current_a=tuple(max(0.0, seen(truth.current_a(phase))) for phase in PHASES),
        power_w=tuple(seen(load.real) for load in truth.load_va),
        reactive_var=tuple(seen(load.imag) for load in truth.load_va),
        neutral_a=max(0.0, seen(truth.neutral_a())),
        frequency_hz=seen(truth.frequency_hz, 0.1),
        truth=truth,
    )


Value = Callable[[Measured], float]


def _per_phase(address: int, value: Callable[[Measured, int], float]) -> dict[int, Value]:
    def of_phase(phase: int) -> Value:
        return lambda measured: value(measured, phase)

    return {address + 2 * phase: of_phase(phase) for phase in PHASES}


def _between(one: int, other: int) -> Value:
    return lambda measured: measured.truth.line_v(one, other) * _voltage_error(measured, one)


def _voltage_error(measured: Measured, phase: int) -> float:
    true_v = measured.truth.voltage_v[phase]
    return measured.voltage_v[phase] / true_v if true_v > 0.0 else 1.0


def _kilo(values: Sequence[float]) -> float:
    return sum(values) / 1000.0


INPUT_VALUES: Final[dict[int, Value]] = {
    **_per_phase(0x00, lambda m, phase: m.voltage_v[phase]),
    **_per_phase(0x06, lambda m, phase: m.current_a[phase]),
    **_per_phase(0x0C, lambda m, phase: m.power_w[phase]),
    **_per_phase(0x12, lambda m, phase: m.apparent_va(phase)),
    **_per_phase(0x18, lambda m, phase: m.reactive_var[phase]),
    **_per_phase(0x1E, lambda m, phase: m.power_factor(phase)),
    **_per_phase(0x24, lambda m, phase: m.angle_deg(phase)),
    0x2A: lambda m: sum(m.voltage_v) / 3.0,
    0x2E: lambda m: sum(m.current_a) / 3.0,
    0x30: lambda m: sum(m.current_a),
    0x34: lambda m: sum(m.power_w),
    0x38: lambda m: math.hypot(sum(m.power_w), sum(m.reactive_var)),
    0x3C: lambda m: sum(m.reactive_var),
    0x3E: Measured.total_power_factor,
    0x42: Measured.total_angle_deg,
    0x46: lambda m: m.frequency_hz,
    0x48: lambda m: _kilo(m.truth.energy_wh),
    0x4A: lambda _: 0.0,
    0x4C: lambda m: _kilo(m.truth.reactive_import_varh),
    0x4E: lambda m: _kilo(m.truth.reactive_export_varh),
    0xC8: _between(0, 1),
    0xCA: _between(1, 2),
    0xCC: _between(2, 0),
    0xCE: lambda m: (m.truth.line_v(0, 1) + m.truth.line_v(1, 2) + m.truth.line_v(2, 0)) / 3.0,
    0xE0: lambda m: m.neutral_a,
    0x156: lambda m: _kilo(m.truth.energy_wh),
    0x158: lambda m: _kilo(m.truth.reactive_import_varh) + _kilo(m.truth.reactive_export_varh),
    **_per_phase(0x15A, lambda m, phase: m.truth.energy_wh[phase] / 1000.0),
}
"""Input registers: volts, amperes, W, VA, var, degrees, Hz, kWh, kvarh."""


def _hole(_: Measured) -> float:
    return 0.0


class Sdm630(Device):
    """The meter of a cabinet; silent while its supply is dead and during its start."""

    functions: ClassVar[frozenset[int]] = frozenset({READ_HOLDING, READ_INPUT_REGISTERS})
    max_words = 2 * MAX_VALUES

    def __init__(
        self,
        cabinet: Cabinet,
        noise: Noise,
        *,
        sigma: float = 0.0,
        unit: int = 1,
        baud: int = 9600,
        parity: str = "N",
        stop_bits: int = 1,
        holes_read_zero: bool = False,
    ) -> None:
        self.cabinet = cabinet
        self.sigma = sigma
        self._noise = noise
        self._holes_read_zero = holes_read_zero
        self._settings: dict[int, float] = {
            0x12: _FORMAT_CODES.get((parity, stop_bits), 0),
            0x14: unit,
            0x1C: _BAUD_CODES.get(baud, 2),
        }

    def powered(self, now_s: float) -> bool:
        """Return whether mains feed the meter."""
        self.cabinet.advance(now_s)
        return self.cabinet.meter_powered()

    def read_words(self, function: int, address: int, count: int, now_s: float) -> Sequence[int]:
        """Return float32 values as two words each; reads start and end between values.

        Public decoders read the first 60 registers of real meters at once, over addresses that no list
        names; with `holes_read_zero` these read 0 up to the last known register.
        """
        if address % 2:
            raise Refusal(ILLEGAL_ADDRESS)
        if count % 2:
            raise Refusal(ILLEGAL_VALUE)
        wanted = range(address, address + count, 2)
        known = self._settings if function == READ_HOLDING else INPUT_VALUES
        unknown = [register for register in wanted if register not in known]
        if unknown and (not self._holes_read_zero or unknown[-1] > max(known)):
            raise Refusal(ILLEGAL_ADDRESS)
        if function == READ_HOLDING:
            values = [self._settings.get(register, 0.0) for register in wanted]
        else:
            self.cabinet.advance(now_s)
            measured = measure(self.cabinet.electrical(), self.sigma, self._noise)
            values = [INPUT_VALUES.get(register, _hole)(measured) for register in wanted]
        return struct.unpack(f">{count}H", struct.pack(f">{count // 2}f", *values))
