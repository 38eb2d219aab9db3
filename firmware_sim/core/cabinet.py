"""A cabinet: supply, breaker, contactors, circuits, inputs, meter supply, energy, battery, pilot line, earth current.

Wiring: supply - `mains_ok` relay - (meter) - main breaker - residual-current device - contactors - circuits.
The contactor coils are fed from one phase behind the breaker, so a contactor drops with that phase. The
meter is fed by the phases that it measures; gateway, relay board and pilot line stand on a battery.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from firmware_sim.core.battery import Battery
from firmware_sim.core.electrical import PHASES, Electrical
from firmware_sim.core.lamps import Circuit, CircuitDesign
from firmware_sim.core.relay_outputs import CHANNELS, RelayOutputs
from firmware_sim.core.sky import cabinet_temperature_c, illuminance_lux
from firmware_sim.core.sun import elevation_deg
from firmware_sim.core.supply import Supply

Selector = Literal["auto", "manual_on", "manual_off"]
Photocell = Literal["dark", "light", "sun"]
ContactorState = Literal["sound", "welded", "jammed", "bypassed"]
SignalController = Literal["running", "flashing", "dark"]
MeterSupply = Literal["upstream", "downstream"]

COIL_HOLDS_SHARE: Final = 0.65
"""Of nominal voltage: below it a contactor's coil lets go."""
MAINS_OK_SHARE: Final = 0.70
"""Of nominal voltage: the supply relay drops when no phase reaches it."""
METER_LIVES_V: Final = 100.0
"""The meter works while any of its phases has this voltage."""
PILOT_SOURCE_V: Final = 24.0
"""What feeds the pilot loop; the resistor at its end leaves half of it while the loop is whole."""
FLASHING_SHARE: Final = 0.25
"""Of a signal controller's load: the amber lamps alone, half of the time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CabinetDesign:
    """How a cabinet was built. `inputs` maps the input (1-8) to a signal's name.

    `base_load_w` is what each phase feeds day and night besides lamps; `standing_leak_ma` what sound insulation lets
    through while every circuit is fed; `rcd_ma` what the residual-current device bears.
    """

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
    base_load_w: tuple[float, float, float] = (0.0, 0.0, 0.0)
    rcd_ma: float = 300.0
    standing_leak_ma: float = 0.0
    mean_temperature_c: float = 26.0


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
        self.battery = Battery(design.battery_s)
        self.earth_leak_ma = 0.0
        self.stuck_inputs: dict[int, bool] = {}
        self.controller: SignalController = "running"
        self.signal_lamp_failed = False
        self.daylight = 1.0
        self.temperature_c: float | None = None
        self._now_s = 0.0
        self._meter_since_s = -math.inf
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
        while (change_s := self._next_change_s()) <= now_s:
            self._step(max(self._now_s, change_s))
            self.relay.end_flashes(self._now_s)
            self.supply.end_disturbances(self._now_s)
            if not self.board_powered():
                self.relay.open_all()
            # What the change makes of lamps and earth current begins here, not at the next look.
            self._step(self._now_s)
        self._step(max(self._now_s, now_s))
        if any(self.relay.linked) and self.board_powered():
            self.relay.follow(self.inputs())
            self._step(self._now_s)

    def _next_change_s(self) -> float:
        return min(self.relay.next_change_s(), self.supply.next_change_s(), self._relays_drop_s())

    def _step(self, to_s: float) -> None:
        elapsed_s = to_s - self._now_s
        for circuit in self.circuits.values():
            phase = circuit.design.phase - 1
            self._count(phase, circuit.advance(elapsed_s, self.circuit_v(circuit)))
        for phase in PHASES:
            self._energy_ws[phase] += self._other_load_w(phase) * elapsed_s
        self._now_s = to_s
        if not self._meter_supplied():
            self._meter_since_s = math.inf
        elif self._meter_since_s == math.inf:
            self._meter_since_s = to_s
        self.battery.feed(to_s, mains=self.mains_ok())
        if not self.rcd_tripped and self.leak_ma() >= self.design.rcd_ma:
            self.rcd_tripped = True
            self._step(to_s)

    def _count(self, phase: int, energy: complex) -> None:
        self._energy_ws[phase] += energy.real
        self._reactive_import[phase] += max(0.0, energy.imag)
        self._reactive_export[phase] += max(0.0, -energy.imag)

    def load_v(self, phase: int) -> float:
        """Return the voltage behind the main breaker and the residual-current device."""
        return self.supply.phase_v(phase) if self.breaker_closed and not self.rcd_tripped else 0.0

    def _other_load_w(self, phase: int) -> float:
        """Return what a phase feeds besides lamps."""
        if self.load_v(phase) <= 0.0:
            return 0.0
        share = {"running": 1.0, "flashing": FLASHING_SHARE, "dark": 0.0}[self.controller]
        return self.extra_load_w[phase] + self.design.base_load_w[phase] * share

    def contactor_closed(self, number: int) -> bool:
        """Return whether contactor 1-8 is closed, which is also what its feedback contact says."""
        state = self.contactors[number - 1]
        if state in {"welded", "jammed"}:
            return state == "welded"
        automatic = self.selector == "auto"
        wanted = self.relay.closed[number - 1] if automatic else self.selector == "manual_on"
        coil_v = self.load_v(self.design.control_phase - 1)
        return wanted and coil_v >= COIL_HOLDS_SHARE * self.design.nominal_v

    def circuit_v(self, circuit: Circuit) -> float:
        """Return the voltage behind a circuit's contactor; a wire laid round it feeds the lamps as well."""
        number = circuit.design.contactor
        if not self.contactor_closed(number) and self.contactors[number - 1] != "bypassed":
            return 0.0
        return self.load_v(circuit.design.phase - 1)

    def leak_ma(self) -> float:
        """Return what flows to earth behind the residual-current device, which measures it."""
        fed = [self.circuit_v(circuit) for circuit in self.circuits.values()]
        wet = sum(circuit.leaks_ma(volts) for circuit, volts in zip(self.circuits.values(), fed, strict=True))
        standing = self.design.standing_leak_ma * sum(volts > 0.0 for volts in fed) / max(1, len(fed))
        live = any(self.load_v(phase) > 0.0 for phase in PHASES)
        return wet + standing + (self.earth_leak_ma if live else 0.0)

    def pilot_v(self) -> float:
        """Return the voltage on the pilot loop through the cables: half of its source, or all of it behind a cut."""
        cut = any(circuit.cable_open for circuit in self.circuits.values())
        return PILOT_SOURCE_V if cut else PILOT_SOURCE_V / 2.0

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
        return self._now_s < self.battery.empty_at_s()

    def _relays_drop_s(self) -> float:
        """Return when the battery's end opens the relays, infinity if all are open for good."""
        at_rest = not any(self.relay.closed) and self.relay.next_change_s() == math.inf
        return math.inf if at_rest else self.battery.empty_at_s()

    def dark(self) -> bool:
        """Return what the photocell says."""
        if self.photocell != "sun":
            return self.photocell == "dark"
        return self.lux() < illuminance_lux(self.design.dark_below_deg)

    def _sun_deg(self) -> float:
        unix_s = self.design.start_unix_s + self._now_s
        return elevation_deg(unix_s, self.design.latitude_deg, self.design.longitude_deg)

    def lux(self) -> float:
        """Return the daylight on the cabinet's light sensor."""
        return illuminance_lux(self._sun_deg()) * self.daylight

    def inside_c(self) -> float:
        """Return the temperature in the cabinet."""
        if self.temperature_c is not None:
            return self.temperature_c
        return cabinet_temperature_c(self._sun_deg(), self.design.mean_temperature_c)

    def inputs(self) -> list[bool]:
        """Return the eight digital inputs; one without wire is open."""
        return [self._input(number) for number in range(1, CHANNELS + 1)]

    def _input(self, number: int) -> bool:
        if number in self.stuck_inputs:
            return self.stuck_inputs[number]
        return number in self.design.inputs and SIGNALS[self.design.inputs[number]](self)

    def electrical(self) -> Electrical:
        """Return the true electrical state at the meter."""
        load = [0j, 0j, 0j]
        for circuit in self.circuits.values():
            load[circuit.design.phase - 1] += circuit.load_va(self.circuit_v(circuit))
        for phase in PHASES:
            load[phase] += self._other_load_w(phase)
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
    "battery_ok": lambda cabinet: cabinet.battery.is_ok(cabinet.now_s),
    "controller_ok": lambda cabinet: cabinet.controller == "running" and cabinet.mains_ok(),
    "flashing_mode": lambda cabinet: cabinet.controller == "flashing" and cabinet.mains_ok(),
    "lamp_fault": lambda cabinet: cabinet.signal_lamp_failed,
    **{f"contactor_feedback_{number}": _feedback(number) for number in range(1, CHANNELS + 1)},
}
"""The signals that an input can be wired to."""

ANALOG_SIGNALS: Final[dict[str, Callable[[Cabinet], float]]] = {
    "leak_ma": Cabinet.leak_ma,
    "pilot_v": Cabinet.pilot_v,
    "lux": Cabinet.lux,
    "temperature_c": Cabinet.inside_c,
    "battery_v": lambda cabinet: cabinet.battery.voltage_v(cabinet.now_s),
}
"""The quantities that an analogue input can be wired to, through a transducer of 4 to 20 mA."""

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
