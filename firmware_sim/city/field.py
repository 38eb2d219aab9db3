"""What stands in the field of a planned city: the simulator's cabinets and posts, and the gateways' configurations."""

from __future__ import annotations

import random
from typing import Any, Final

from firmware_sim.city.plan import LATITUDE, LONGITUDE, TIMEZONE, Site

Document = dict[str, Any]

METER, RELAY, ANALOG, DIMMER, FIRST_LAMP = 1, 2, 3, 10, 11
PHASES: Final = (1, 2, 3)

# Inputs of each kind of cabinet: the simulator's signal, and what the gateway calls it.
_FEEDBACK: Final = {number: (f"contactor_feedback_{number}", f"contactor_{number}_closed") for number in (1, 2, 3)}
_REST: Final = [("main_breaker_ok", "main_breaker_ok"), ("rcd_trip", "rcd_trip")]
_DOOR: Final = [("door_open", "door_open"), ("selector_auto", "selector_auto")]
_MAINS: Final = ("mains_ok", "mains_ok")
_WIRING: Final[dict[str, list[tuple[str, str]]]] = {
    "three": [_MAINS, *_FEEDBACK.values(), *_DOOR, *_REST],
    "one": [_MAINS, _FEEDBACK[1], *_DOOR, *_REST, ("photocell_dark", "photocell_dark"), ("spd_fail", "spd_fail")],
    "traffic_signal": [
        _MAINS,
        ("controller_ok", "controller_ok"),
        ("flashing_mode", "flashing_mode"),
        ("lamp_fault", "lamp_fault"),
        ("door_open", "door_open"),
        ("battery_ok", "battery_ok"),
    ],
    "warning_ac": [
        _MAINS,
        ("controller_ok", "flash_ok"),
        ("door_open", "door_open"),
        ("battery_ok", "battery_ok"),
    ],
}
_ANALOG: Final[list[tuple[str, float, float, str, str, float]]] = [
    # signal, its value at 4 mA and at 20 mA, the gateway's name and unit, how much of that the signal's unit is
    ("leak_ma", 0.0, 3000.0, "leakage", "A", 0.001),
    ("pilot_v", 0.0, 30.0, "pilot_voltage", "V", 1.0),
    ("lux", 0.0, 2000.0, "illuminance", "lx", 1.0),
    ("temperature_c", -20.0, 80.0, "temperature", "°C", 1.0),
    ("battery_v", 0.0, 16.0, "battery_voltage", "V", 1.0),
]
_UNDER_RANGE: Final = 0.0125
"""Of the span: the 3.8 mA to which a sound transducer goes below its range. A loop that is broken has 0 mA."""


def wiring(site: Site) -> list[tuple[str, str]]:
    """Return the inputs of a site's relay board in order: signal, name at the gateway."""
    if site.post_class in {"lighting", "alley"}:
        return _WIRING["three" if len(site.contactors) == len(PHASES) else "one"]
    return _WIRING[site.post_class]


def circuit_id(contactor: int) -> str:
    """Return the name of what a contactor, counted from 0, switches."""
    return "ABC"[contactor]


def has_analog_inputs(site: Site) -> bool:
    """Return whether a cabinet has the analogue inputs: alleys and posts do without."""
    return site.post_class == "lighting"


def simulated_line(site: Site, port: int) -> Document:
    """Return the port behind which a site's devices stand."""
    return {"id": site.gateway, "kind": "tcp", "port": port}


def simulated_post(site: Site) -> Document:
    """Return a warning post on the sun."""
    draw = random.Random(site.seed)
    return {
        "id": site.id,
        "charge": round(draw.uniform(0.6, 1.0), 2),
        "devices": [
            {"id": "charger", "kind": "epever-tracer", "line": site.gateway, "unit": 1},
            {"id": "inputs", "kind": "advantech-adam-4150", "line": site.gateway, "unit": 2},
        ],
    }


def simulated_cabinet(site: Site) -> Document:
    """Return a cabinet of the simulator; its voltages, noise and insulation are drawn from the site's seed."""
    draw = random.Random(site.seed)
    volts = [round(min(239.0, max(222.0, draw.gauss(231.0, 3.0))), 1) for _ in PHASES]
    cabinet: Document = {
        "id": site.id,
        "noise": 0.005,
        "battery_s": 14_400,
        "voltage_v": volts,
        "inputs": {number: signal for number, (signal, _) in enumerate(wiring(site), start=1)},
    }
    if site.post_class == "traffic_signal":
        cabinet["base_load_w"] = [draw.randrange(120, 400, 10), 0, 0]
    elif site.post_class == "warning_ac":
        cabinet["base_load_w"] = [12, 0, 0]
    else:
        cabinet["standing_leak_ma"] = round(draw.uniform(3.0, 20.0), 1)
        cabinet["circuits"] = _simulated_circuits(site)
    cabinet["devices"] = _simulated_devices(site)
    return cabinet


def _simulated_circuits(site: Site) -> list[Document]:
    """Return one circuit for each phase of each contactor; A1, A2, A3 hang on one of three poles."""
    kind = {} if site.post_class == "lighting" else {"lamp_kind": "led", "power_factor": 0.95}
    circuits = []
    for number, lamps in enumerate(site.contactors):
        fed = [phase for phase in PHASES if lamps[phase - 1]]
        for phase in fed:
            name = circuit_id(number) if len(fed) == 1 else f"{circuit_id(number)}{phase}"
            facts = {"phase": phase, "contactor": number + 1, "lamps": lamps[phase - 1]}
            circuits.append({"id": name, **facts, "lamp_power_w": site.lamp_power_w, **kind})
    return circuits


def _simulated_devices(site: Site) -> list[Document]:
    line = site.gateway
    devices: list[Document] = []
    if site.post_class != "warning_ac":
        devices.append({"kind": "sdm630", "line": line, "unit": METER})
    devices.append({"kind": "waveshare-relay-d", "line": line, "unit": RELAY})
    if has_analog_inputs(site):
        channels = {
            number: {"signal": signal, "low": low, "high": high}
            for number, (signal, low, high, *_) in enumerate(_ANALOG, start=1)
        }
        devices.append({"kind": "waveshare-analog-input-8", "line": line, "unit": ANALOG, "channels": channels})
    if site.reporting:
        lamp: Document = {"kind": "generic-lamp-controller", "line": line, "circuit": "A"}
        devices.append({"id": "dimmer", **lamp, "unit": DIMMER})
        devices += [
            {"id": lamp_id(number), **lamp, "unit": FIRST_LAMP + number - 1, "lamp": number}
            for number in range(1, site.lamps + 1)
        ]
    return devices


def lamp_id(number: int) -> str:
    """Return the name of a lamp that reports, counted from 1."""
    return f"lamp-{number:02}"


def gateway_devices(site: Site) -> list[Document]:
    """Return the devices of a gateway's configuration."""
    if site.post_class == "warning_solar":
        return [
            {"id": "charger", "profile": "epever-tracer", "line": "bus", "unit": 1},
            {
                "id": "inputs",
                "profile": "advantech-adam-4150",
                "line": "bus",
                "unit": 2,
                "points": ["di1", "di2"],
                "names": {"di1": "flash_ok", "di2": "door_open"},
            },
        ]
    devices: list[Document] = []
    if site.post_class != "warning_ac":
        devices.append({"id": "meter", "profile": "eastron-sdm630", "line": "bus", "unit": METER})
    names = {f"di{number}": name for number, (_, name) in enumerate(wiring(site), start=1)}
    relay: Document = {"id": "relay", "profile": "waveshare-relay-d", "line": "bus", "unit": RELAY}
    # What is never switched is not even read.
    points = {} if site.contactors else {"points": list(names)}
    devices.append({**relay, **points, "names": names})
    if has_analog_inputs(site):
        devices.append(_analog_inputs())
    if site.reporting:
        lamp: Document = {"profile": "generic-lamp-controller", "line": "bus"}
        slow = {"intervals": {"fast_s": 15, "normal_s": 60, "slow_s": 300}}
        devices.append({"id": "dimmer", **lamp, "unit": DIMMER})
        devices += [
            {"id": lamp_id(number), **lamp, "unit": FIRST_LAMP + number - 1, **slow}
            for number in range(1, site.lamps + 1)
        ]
    return devices


def _analog_inputs() -> Document:
    adjust = {}
    for number, (_, least, most, _, unit, factor) in enumerate(_ANALOG, start=1):
        low, high = least * factor, most * factor
        scale = (high - low) / 0.016
        under = low - _UNDER_RANGE * (high - low)
        adjust[f"ai{number}"] = {
            "scale": round(scale, 6),
            "offset": round(low - 0.004 * scale, 6),
            "unit": unit,
            "low": round(under, 6),
        }
    return {
        "id": "analog",
        "profile": "waveshare-analog-input-8",
        "line": "bus",
        "unit": ANALOG,
        "points": list(adjust),
        "names": {f"ai{number}": name for number, (_, _, _, name, _, _) in enumerate(_ANALOG, start=1)},
        "adjust": adjust,
    }


def _lighting(site: Site) -> Document:
    circuits = []
    for number, lamps in enumerate(site.contactors):
        circuit: Document = {
            "id": circuit_id(number),
            "output": f"relay/k{number + 1}",
            "feedback": f"relay/contactor_{number + 1}_closed",
            "power": [f"meter/p{phase}" for phase in PHASES if lamps[phase - 1]],
            "full_power_w": sum(lamps) * site.lamp_power_w,
        }
        if site.reporting:
            # Electronic drivers may be dimmed as soon as they burn.
            circuit.update({"dimmer": "dimmer/level", "full_power_before_dim_s": 0})
        circuits.append(circuit)
    senses = {"lux": "analog/illuminance"} if has_analog_inputs(site) else {}
    if "photocell_dark" in dict(wiring(site)):
        senses["photocell"] = "relay/photocell_dark"
    return {
        "schedule_file": "schedule.yaml",
        "circuits": circuits,
        "selector": "relay/selector_auto",
        "mains_ok": "relay/mains_ok",
        **senses,
    }


def agent_document(site: Site, *, port: int, mqtt_port: int, fast_s: float) -> Document:
    """Return a gateway's configuration; its paths count from its own folder."""
    document: Document = {
        "gateway": site.gateway,
        "language": "vi",
        "place": {"latitude": LATITUDE, "longitude": LONGITUDE, "timezone": TIMEZONE},
        "state_dir": "state",
        "runtime_dir": "run",
        "mqtt": {"host": "127.0.0.1", "port": mqtt_port},
        "clock": {"require_sync": False},
        # One commit and one message a round of polls: what changes its state goes at once all the same.
        "spool": {"commit_interval_s": max(1.0, min(fast_s, 60.0))},
        "intervals": {"fast_s": fast_s, "normal_s": 5.0 * fast_s, "slow_s": 60.0},
        "lines": [{"id": "bus", "kind": "tcp", "host": "127.0.0.1", "port": port}],
        "devices": gateway_devices(site),
    }
    if site.contactors:
        writable: list[Document] = [{"point": f"relay/k{number + 1}"} for number in range(len(site.contactors))]
        if site.reporting:
            writable.append({"point": "dimmer/level", "low": 0, "high": 100})
        document["commands"] = {"key_file": f"../../keys/{site.gateway}.key", "allow": writable}
        document["lighting"] = _lighting(site)
    return document
