"""The simulated world, built from the configuration: cabinets, devices on lines, faults, actions."""

from __future__ import annotations

import fnmatch
import threading
from dataclasses import asdict, replace
from typing import Any

from firmware_sim.actions import Action
from firmware_sim.core.cabinet import Cabinet, CabinetDesign
from firmware_sim.core.codec import Request, Transport
from firmware_sim.core.counter import Counter
from firmware_sim.core.electrical import PHASES
from firmware_sim.core.faults import Fault, FaultName, suits
from firmware_sim.core.instrument import Instrument
from firmware_sim.core.lamps import CircuitDesign
from firmware_sim.core.measuring import Measuring
from firmware_sim.core.noise import Noise
from firmware_sim.core.sdm630 import Sdm630
from firmware_sim.core.server import Device
from firmware_sim.core.solar_post import SolarPost, SolarPostDesign
from firmware_sim.core.station import BROADCAST, Outcome, Station
from firmware_sim.core.twin import Twin
from firmware_sim.core.waveshare import WaveshareRelayD
from firmware_sim.findings import TEXTS, no_such
from firmware_sim.instrument_line import built
from firmware_sim.models import (
    AnalogInputsConfig,
    CabinetConfig,
    InstrumentLineConfig,
    LampControllerConfig,
    MeterConfig,
    RelayConfig,
    RtuLineConfig,
    SimulatorConfig,
    SolarPostConfig,
    TwinConfig,
)
from firmware_sim.steps import ActionError, Targets
from firmware_sim.twins import MODELS
from firmware_sim.twins.cabinet_parts import CabinetAnalogInputs, CabinetLamp, Transducer

ALL = "*"


def _design(config: CabinetConfig, simulator: SimulatorConfig, start_unix_s: float) -> CabinetDesign:
    return CabinetDesign(
        id=config.id,
        circuits=tuple(CircuitDesign(**circuit.model_dump()) for circuit in config.circuits),
        inputs=config.inputs,
        nominal_v=config.nominal_v,
        voltage_v=config.voltage_v,
        frequency_hz=config.frequency_hz,
        control_phase=config.control_phase,
        meter_supply=config.meter_supply,
        meter_start_s=config.meter_start_s,
        battery_s=config.battery_s,
        latitude_deg=simulator.place.latitude,
        longitude_deg=simulator.place.longitude,
        dark_below_deg=config.photocell_dark_below_deg,
        start_unix_s=start_unix_s,
        input_link=config.input_link,
        base_load_w=config.base_load_w,
        rcd_ma=config.rcd_ma,
        standing_leak_ma=config.standing_leak_ma,
        mean_temperature_c=config.mean_temperature_c,
    )


class World:
    """All cabinets and devices. Every call holds one lock, since lines run in threads of their own."""

    def __init__(self, config: SimulatorConfig, start_unix_s: float) -> None:
        self.config = config
        self.now_s = 0.0
        self.cabinets: dict[str, Cabinet] = {}
        self.posts: dict[str, SolarPost] = {}
        self.stations: dict[str, Station] = {}
        self.units: dict[str, dict[int, Station]] = {line.id: {} for line in config.lines}
        self.instruments: dict[str, dict[str, Instrument]] = {
            line.id: built(line, config.seed) for line in config.lines if isinstance(line, InstrumentLineConfig)
        }
        self._line_of: dict[str, str] = {}
        self._transport: dict[str, Transport] = {
            line.id: line.framing for line in config.lines if not isinstance(line, InstrumentLineConfig)
        }
        self._connected = {line.id for line in config.lines if line.kind == "tcp"}
        self._meters: dict[str, list[Sdm630]] = {}
        self._lock = threading.Lock()
        lines = {line.id: line for line in config.lines}
        for cabinet_config in config.cabinets:
            cabinet = Cabinet(_design(cabinet_config, config, config.start_unix_s or start_unix_s))
            self.cabinets[cabinet_config.id] = cabinet
            for device in cabinet_config.devices:
                name, missing = f"{cabinet_config.id}/{device.id}", device.missing or 0.0
                if isinstance(device, MeterConfig):
                    self._add_meter(cabinet, cabinet_config, device, lines.get(device.line))
                else:
                    self._add(name, device.line, device.unit, self._part(cabinet, device, name), missing)
        for post_config in config.posts:
            self._add_post(post_config, config.start_unix_s or start_unix_s)
        for counter in config.devices:
            if isinstance(counter, TwinConfig):
                twin = MODELS[counter.model](
                    counter.unit,
                    Noise(config.seed, f"{counter.id}/noise"),
                    sigma=counter.noise,
                    values=counter.values,
                )
                twin.holes_read_zero = counter.holes == "zero"
                self._add(counter.id, counter.line, counter.unit, twin, counter.missing)
                continue
            for unit in range(counter.unit, counter.unit + counter.count):
                name = counter.id if counter.count == 1 else f"{counter.id}-{unit}"
                registers = Counter(unit, mode=counter.mode, registers=counter.registers)
                registers.max_words = counter.max_registers
                self._add(name, counter.line, unit, registers, counter.missing)

    def _part(
        self, cabinet: Cabinet, device: RelayConfig | AnalogInputsConfig | LampControllerConfig, name: str
    ) -> Device:
        noise = Noise(self.config.seed, f"{name}/noise")
        if isinstance(device, RelayConfig):
            return WaveshareRelayD(cabinet, unit=device.unit)
        if isinstance(device, AnalogInputsConfig):
            channels = {number: Transducer(**one.model_dump()) for number, one in device.channels.items()}
            return CabinetAnalogInputs(cabinet, channels, noise, sigma=device.noise, unit=device.unit)
        return CabinetLamp(cabinet, cabinet.circuits[device.circuit], device.lamp, noise, unit=device.unit)

    def _add_post(self, config: SolarPostConfig, start_unix_s: float) -> None:
        facts = config.model_dump(exclude={"devices"})
        place = self.config.place
        design = SolarPostDesign(
            **facts, latitude_deg=place.latitude, longitude_deg=place.longitude, start_unix_s=start_unix_s
        )
        post = self.posts[config.id] = SolarPost(design)
        for device in config.devices:
            name = f"{config.id}/{device.id}"
            twin = MODELS[device.kind](device.unit, Noise(self.config.seed, f"{name}/noise"))
            twin.follows = post.charger if device.kind == "epever-tracer" else post.contacts
            self._add(name, device.line, device.unit, twin, device.missing)

    def _add_meter(self, cabinet: Cabinet, config: CabinetConfig, device: MeterConfig, line: object) -> None:
        name = f"{config.id}/{device.id}"
        serial = line if isinstance(line, RtuLineConfig) else RtuLineConfig(id="none", kind="rtu")
        meter = Sdm630(
            cabinet,
            Noise(self.config.seed, f"{name}/noise"),
            sigma=config.noise,
            unit=device.unit,
            baud=serial.baud,
            parity=serial.parity,
            stop_bits=serial.stop_bits,
            holes_read_zero=device.holes == "zero",
        )
        self._meters.setdefault(config.id, []).append(meter)
        missing = config.missing if device.missing is None else device.missing
        self._add(name, device.line, device.unit, meter, missing)

    def _add(self, name: str, line: str, unit: int, device: Device, missing: float) -> None:
        station = Station(name, unit, device, Noise(self.config.seed, f"{name}/faults"), missing=missing)
        self.stations[name] = station
        self.units[line][unit] = station
        self._line_of[name] = line

    def answer(self, line: str, request: Request, now_s: float) -> tuple[Station, Outcome] | None:
        """Hand a request to the unit that it names; None if nobody on the line has that number."""
        with self._lock:
            if request.unit == BROADCAST and request.transport != "tcp":
                for station in self.units[line].values():
                    station.broadcast(request, now_s)
                return None
            found = self.units[line].get(request.unit)
            return (found, found.exchange(request, now_s)) if found is not None else None

    def advance(self, now_s: float) -> None:
        """Let simulated time pass in every cabinet."""
        with self._lock:
            for cabinet in self.cabinets.values():
                cabinet.advance(now_s)
            for post in self.posts.values():
                post.advance(now_s)

    def apply(self, action: Action, now_s: float) -> None:
        """Carry out an action at a simulated time.

        Raises:
            ActionError: It names something that is not there.
        """
        with self._lock:
            for cabinet in self.cabinets.values():
                cabinet.advance(now_s)
            for post in self.posts.values():
                post.advance(now_s)
            self.now_s = now_s
            action.apply(self)

    def cabinets_named(self, targets: Targets) -> list[Cabinet]:
        """Return the cabinets; "*" is all."""
        return [self.cabinets[name] for name in _names(targets, self.cabinets, "cabinet")]

    def posts_named(self, targets: Targets) -> list[SolarPost]:
        """Return the solar posts; "*" is all."""
        return [self.posts[name] for name in _names(targets, self.posts, "post")]

    @property
    def _serial(self) -> dict[str, Instrument]:
        return {name: one for line in self.instruments.values() for name, one in line.items()}

    def _members(self, targets: Targets) -> list[tuple[str, Station | Instrument]]:
        """Return devices and instruments by name; "*" is all, "c-1/*" all of one cabinet."""
        known: dict[str, Station | Instrument] = {**self.stations, **self._serial}
        return [(name, known[name]) for name in _names(targets, known, "device")]

    def faults_named(self, targets: Targets, fault: FaultName | None) -> list[dict[FaultName, Fault]]:
        """Return the faults by name of devices and instruments."""
        found = []
        for name, one in self._members(targets):
            if isinstance(one, Instrument):
                has_meaning = fault is None or one.suits(fault)
            else:
                line = self._line_of[name]
                connected = line in self._connected
                has_meaning = fault is None or suits(fault, self._transport[line], connected=connected)
            if not has_meaning:
                raise ActionError("fault", TEXTS.text("no_meaning", fault=fault, name=name))
            found.append(one.named if isinstance(one, Instrument) else one.faults)
        return found

    def set_missing(self, targets: Targets, share: float) -> None:
        """Set the share of answers that do not come."""
        for _, one in self._members(targets):
            if isinstance(one, Instrument):
                one.faults = replace(one.faults, missing=share)
            else:
                one.missing = share

    def measuring_named(self, targets: Targets) -> list[Measuring]:
        """Return the instruments of whatever protocol."""
        found: list[Measuring] = []
        for name, one in self._members(targets):
            measuring = one if isinstance(one, Instrument) else one.device
            if not isinstance(measuring, Measuring):
                raise ActionError("device", TEXTS.text("no_instrument", name=name))
            found.append(measuring)
        return found

    def instruments_named(self, targets: Targets) -> list[Instrument]:
        """Return the instruments that speak something else than Modbus; "*" is all."""
        known = self._serial
        return [known[name] for name in _names(targets, known, "device")]

    def line_named(self, name: str) -> str:
        """Return the line's name if there is such a line."""
        if name not in self.units:
            raise ActionError("line", no_such("line", name, self.units))
        return name

    def set_noise(self, cabinet: Cabinet, sigma: float) -> None:
        """Set the relative error of a cabinet's meters."""
        for meter in self._meters.get(cabinet.design.id, []):
            meter.sigma = sigma

    def status(self, now_s: float) -> dict[str, Any]:
        """Return the truth behind the registers, for tests and people."""
        self.advance(now_s)
        with self._lock:
            return {
                "now_s": now_s,
                "cabinets": {name: _truth(cabinet) for name, cabinet in self.cabinets.items()},
                "posts": {name: _post_truth(post) for name, post in self.posts.items()},
                "devices": {
                    name: {
                        "line": self._line_of[name],
                        "unit": station.unit,
                        "missing_share": station.missing,
                        "active_faults": sorted(fault.name for fault in station.active_faults(now_s)),
                        **asdict(station.counters),
                        **_measuring(station.device),
                    }
                    for name, station in self.stations.items()
                },
            }


def _names(targets: Targets, known: dict[str, Any], kind: str) -> list[str]:
    found: list[str] = []
    for target in (targets,) if isinstance(targets, str) else targets:
        names = fnmatch.filter(known, target) if ALL in target else [target] if target in known else []
        if not names:
            raise ActionError(kind, no_such(kind, target, known))
        found += names
    return list(dict.fromkeys(found))


def _measuring(device: Device) -> dict[str, Any]:
    """Return what an instrument's quantities truly are, and which of them it measures wrongly."""
    return device.measuring() if isinstance(device, Twin) else {}


def _post_truth(post: SolarPost) -> dict[str, Any]:
    return {
        "charge": post.charge(),
        "flashing": post.is_flashing(),
        "load_w": post.load_w(),
        "light": post.light,
        "capacity": post.capacity,
        "door_open": post.door_open,
    }


def _truth(cabinet: Cabinet) -> dict[str, Any]:
    state = cabinet.electrical()
    return {
        "mains_ok": cabinet.mains_ok(),
        "main_breaker_closed": cabinet.breaker_closed,
        "door_open": cabinet.door_open,
        "dark": cabinet.dark(),
        "selector": cabinet.selector,
        "meter_powered": cabinet.meter_powered(),
        "board_powered": cabinet.board_powered(),
        "voltage_v": list(state.voltage_v),
        "current_a": [state.current_a(phase) for phase in PHASES],
        "power_w": [load.real for load in state.load_va],
        "reactive_var": [load.imag for load in state.load_va],
        "energy_wh": sum(state.energy_wh),
        "rcd_tripped": cabinet.rcd_tripped,
        "leak_ma": cabinet.leak_ma(),
        "pilot_v": cabinet.pilot_v(),
        "battery_v": cabinet.battery.voltage_v(cabinet.now_s),
        "lux": cabinet.lux(),
        "temperature_c": cabinet.inside_c(),
        "relays": [int(closed) for closed in cabinet.relay.closed],
        "inputs": [int(bit) for bit in cabinet.inputs()],
        "contactors": [int(cabinet.contactor_closed(number)) for number in range(1, 9)],
        "circuits": {
            name: {
                "lit": circuit.lit,
                "warmth": circuit.warmth,
                "dead_lamps": circuit.dead_lamps,
                "fuse_blown": circuit.fuse_blown,
                "cycling_lamps": circuit.cycling_lamps,
                "cut_lamps": circuit.cut_lamps,
                "tap_w": circuit.tap_w,
                "light_share": circuit.light_share(),
            }
            for name, circuit in cabinet.circuits.items()
        },
    }
