"""A lighting cabinet: supply, breaker, contactors, circuits, inputs, meter supply, energy.

Wiring: supply - `mains_ok` relay - (meter) - main breaker - residual-current device - contactors - circuits.
The contactor coils are fed from one phase behind the breaker, so a contactor drops with that phase. The
meter is fed by the phases that it measures; gateway and relay board stand on a battery.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from firmware_sim.core.lamps import Circuit, CircuitDesign
from firmware_sim.core.sun import elevation_deg

Selector = Literal["auto", "manual_on", "manual_off"]
Photocell = Literal["dark", "light", "sun"]
ContactorState = Literal["sound", "welded", "jammed"]
MeterSupply = Literal["upstream", "downstream"]

CHANNELS: Final = 8
PHASES: Final = (0, 1, 2)
COIL_HOLDS_SHARE: Final = 0.65
"""Of nominal voltage: below it a contactor's coil lets go."""
MAINS_OK_SHARE: Final = 0.70
"""Of nominal voltage: the supply relay drops when no phase reaches it."""
METER_LIVES_V: Final = 100.0
"""The meter works while any of its phases has this voltage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CabinetDesign:
    """How a cabinet was built. `inputs` maps the input (1-8) to a signal's name."""

    id: str
    circuits: tuple[CircuitDesign, ...] = ()
    inputs: Mapping[int, str] = field(default_factory=dict)
    nominal_v: float = 230.0
    voltage_v: tuple[float, float, float] = (230.0, 230.0, 230.0)
    frequency_hz: float = 50.0
    control_phase: int = 1
    meter_supply: MeterSupply = "upstream"
    meter_start_s: float = 2.0
    battery_s: float | None = None
    latitude_deg: float = 0.0
    longitude_deg: float = 0.0
    dark_below_deg: float = -3.0
    start_unix_s: float = 0.0
    input_link: bool = False


@dataclass(slots=True)
class Supply:
    """What the utility's side does; phase k of three has index k - 1."""

    mains: bool = True
    present: list[bool] = field(default_factory=lambda: [True] * 3)
    voltage_v: list[float] = field(default_factory=lambda: [230.0] * 3)
    phantom_v: list[float] = field(default_factory=lambda: [0.0] * 3)
    frequency_hz: float = 50.0

    def phase_v(self, phase: int) -> float:
        """Return the voltage to neutral in front of the main breaker."""
        if not self.mains:
            return 0.0
        return self.voltage_v[phase] if self.present[phase] else self.phantom_v[phase]


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


class RelayOutputs:
    """The relay board's eight outputs with their flash timers and the input link of the factory."""

    def __init__(self, *, linked: bool) -> None:
        self.closed = [False] * CHANNELS
        self.linked = [linked] * CHANNELS
        self._back_at_s: list[float] = [math.inf] * CHANNELS

    def set(self, channel: int, closed: bool) -> None:
        """Switch an output; a running flash of it ends."""
        self.closed[channel] = closed
        self._back_at_s[channel] = math.inf

    def flash(self, channel: int, closed: bool, until_s: float) -> None:
        """Switch an output until a time, then back to the opposite state."""
        self.closed[channel] = closed
        self._back_at_s[channel] = until_s

    def next_change_s(self) -> float:
        """Return when the next flash ends, infinity for never."""
        return min(self._back_at_s)

    def end_flashes(self, now_s: float) -> None:
        """Switch back every output whose flash has ended."""
        for channel, at_s in enumerate(self._back_at_s):
            if at_s <= now_s:
                self.set(channel, not self.closed[channel])

    def open_all(self) -> None:
        """Open every output, as a board without supply does; it wakes with them open."""
        for channel in range(CHANNELS):
            self.set(channel, closed=False)

    def follow(self, inputs: list[bool]) -> None:
        """Let each linked output follow its input."""
        for channel, linked in enumerate(self.linked):
            if linked and self.closed[channel] != inputs[channel]:
                self.set(channel, inputs[channel])


class Cabinet:
    """The state of one cabinet; `advance` before reading it, and before and after changing it."""

    def __init__(self, design: CabinetDesign) -> None:
        self.design = design
        self.supply = Supply(voltage_v=list(design.voltage_v), frequency_hz=design.frequency_hz)
        self.circuits = {item.id: Circuit(item, design.nominal_v) for item in design.circuits}
        self.relay = RelayOutputs(linked=design.input_link)
        self.contactors: list[ContactorState] = ["sound"] * CHANNELS
        self.breaker_closed = True
        self.door_open = False
        self.photocell: Photocell = "sun"
        self.selector: Selector = "auto"
        self.rcd_tripped = False
        self.spd_failed = False
        self.extra_load_w = [0.0, 0.0, 0.0]
        self._now_s = 0.0
        self._meter_since_s = -math.inf
        self._board_alive_until_s = math.inf
        self._energy_ws = [0.0] * 3
        self._reactive_import = [0.0] * 3
        self._reactive_export = [0.0] * 3
        self.advance(0.0)

    @property
    def now_s(self) -> float:
        """The simulated time, seconds since the start."""
        return self._now_s

    def advance(self, now_s: float) -> None:
        """Let simulated time pass up to `now_s`; the past changes nothing."""
        while (change_s := min(self.relay.next_change_s(), self._relays_drop_s())) <= now_s:
            self._step(max(self._now_s, change_s))
            self.relay.end_flashes(self._now_s)
            if not self.board_powered():
                self.relay.open_all()
        self._step(max(self._now_s, now_s))
        if any(self.relay.linked) and self.board_powered():
            self.relay.follow(self.inputs())
            self._step(self._now_s)

    def _step(self, to_s: float) -> None:
        elapsed_s = to_s - self._now_s
        for circuit in self.circuits.values():
            phase = circuit.design.phase - 1
            self._count(phase, circuit.advance(elapsed_s, self._circuit_v(circuit)))
        for phase in PHASES:
            if self.load_v(phase) > 0.0:
                self._energy_ws[phase] += self.extra_load_w[phase] * elapsed_s
        self._now_s = to_s
        if not self._meter_supplied():
            self._meter_since_s = math.inf
        elif self._meter_since_s == math.inf:
            self._meter_since_s = to_s
        if self.mains_ok():
            self._board_alive_until_s = math.inf
        elif self._board_alive_until_s == math.inf and self.design.battery_s is not None:
            self._board_alive_until_s = to_s + self.design.battery_s

    def _count(self, phase: int, energy: complex) -> None:
        self._energy_ws[phase] += energy.real
        self._reactive_import[phase] += max(0.0, energy.imag)
        self._reactive_export[phase] += max(0.0, -energy.imag)

    def load_v(self, phase: int) -> float:
        """Return the voltage behind the main breaker and the residual-current device."""
        return self.supply.phase_v(phase) if self.breaker_closed and not self.rcd_tripped else 0.0

    def contactor_closed(self, number: int) -> bool:
        """Return whether contactor 1-8 is closed, which is also what its feedback contact says."""
        state = self.contactors[number - 1]
        if state != "sound":
            return state == "welded"
        automatic = self.selector == "auto"
        wanted = self.relay.closed[number - 1] if automatic else self.selector == "manual_on"
        coil_v = self.load_v(self.design.control_phase - 1)
        return wanted and coil_v >= COIL_HOLDS_SHARE * self.design.nominal_v

    def _circuit_v(self, circuit: Circuit) -> float:
        if not self.contactor_closed(circuit.design.contactor):
            return 0.0
        return self.load_v(circuit.design.phase - 1)

    def mains_ok(self) -> bool:
        """Return whether the supply relay in front of the breaker holds: any phase is good."""
        return any(self.supply.phase_v(phase) >= MAINS_OK_SHARE * self.design.nominal_v for phase in PHASES)

    def _meter_v(self, phase: int) -> float:
        if self.design.meter_supply == "downstream" and not self.breaker_closed:
            return 0.0
        return self.supply.phase_v(phase)

    def _meter_supplied(self) -> bool:
        return any(self._meter_v(phase) >= METER_LIVES_V for phase in PHASES)

    def meter_powered(self) -> bool:
        """Return whether the meter has supply and has finished its start."""
        start_s = self.design.meter_start_s if self._meter_since_s > 0.0 else 0.0
        return self._now_s >= self._meter_since_s + start_s

    def board_powered(self) -> bool:
        """Return whether the relay board has mains or a battery that is not yet empty."""
        return self._now_s < self._board_alive_until_s

    def _relays_drop_s(self) -> float:
        """Return when the battery's end opens the relays, infinity if all are open for good."""
        at_rest = not any(self.relay.closed) and self.relay.next_change_s() == math.inf
        return math.inf if at_rest else self._board_alive_until_s

    def dark(self) -> bool:
        """Return what the photocell says."""
        if self.photocell != "sun":
            return self.photocell == "dark"
        unix_s = self.design.start_unix_s + self._now_s
        height = elevation_deg(unix_s, self.design.latitude_deg, self.design.longitude_deg)
        return height < self.design.dark_below_deg

    def inputs(self) -> list[bool]:
        """Return the eight digital inputs; one without wire is open."""
        return [
            SIGNALS[self.design.inputs[number]](self) if number in self.design.inputs else False
            for number in range(1, CHANNELS + 1)
        ]

    def electrical(self) -> Electrical:
        """Return the true electrical state at the meter."""
        load = [0j, 0j, 0j]
        for circuit in self.circuits.values():
            load[circuit.design.phase - 1] += circuit.load_va(self._circuit_v(circuit))
        for phase in PHASES:
            if self.load_v(phase) > 0.0:
                load[phase] += self.extra_load_w[phase]
        return Electrical(
            voltage_v=tuple(self._meter_v(phase) for phase in PHASES),
            load_va=tuple(load),
            frequency_hz=self.supply.frequency_hz,
            energy_wh=tuple(value / 3600.0 for value in self._energy_ws),
            reactive_import_varh=tuple(value / 3600.0 for value in self._reactive_import),
            reactive_export_varh=tuple(value / 3600.0 for value in self._reactive_export),
        )


def _feedback(number: int) -> Callable[[Cabinet], bool]:
    return lambda cabinet: cabinet.contactor_closed(number)


SIGNALS: Final[dict[str, Callable[[Cabinet], bool]]] = {
    "mains_ok": Cabinet.mains_ok,
    "door_open": lambda cabinet: cabinet.door_open,
    "photocell_dark": Cabinet.dark,
    "selector_auto": lambda cabinet: cabinet.selector == "auto",
    "main_breaker_ok": lambda cabinet: cabinet.breaker_closed,
    "rcd_trip": lambda cabinet: cabinet.rcd_tripped,
    "spd_fail": lambda cabinet: cabinet.spd_failed,
    **{f"contactor_feedback_{number}": _feedback(number) for number in range(1, CHANNELS + 1)},
}
"""The signals that an input can be wired to."""

DEFAULT_INPUTS: Final[dict[int, str]] = {
    1: "mains_ok",
    2: "contactor_feedback_1",
    3: "door_open",
    4: "photocell_dark",
    5: "selector_auto",
    6: "main_breaker_ok",
    7: "rcd_trip",
    8: "spd_fail",
}
"""How the inputs of a cabinet are wired unless its configuration says otherwise."""
