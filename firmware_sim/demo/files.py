"""The configuration files of the demonstration; they stay in `.demo` for a look."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import yaml

from firmware_sim.demo.dusk import DuskPlace

RTU_CABINET: Final = "c-117"
TCP_CABINET: Final = "c-118"
GATEWAYS: Final = {RTU_CABINET: "gw-117", TCP_CABINET: "gw-118"}
CREWS: Final = {
    RTU_CABINET: {"id": "crew-1", "name": "Đội chiếu sáng 1", "language": "vi"},
    TCP_CABINET: {"id": "crew-2", "name": "Lighting crew 2", "language": "en"},
}
"""Each cabinet's crew, one in each language."""
SHORTENED: Final = {
    "mains-lost": {"notice_hold_s": 10},
    "overvoltage": {"on_delay_s": 5, "off_delay_s": 5},
}
"""The shipped rules wait 45 s for news from the neighbours, and 60 s for a voltage to settle."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Free ports on loopback."""

    broker: int
    modbus: int
    webhook: int


def _write_rules(folder: Path) -> None:
    """Copy the shipped alarm rules, the two that the demonstration waits for with shorter times."""
    folder.mkdir()
    for file in sorted(Path(str(files("config") / "alarms")).glob("*.yaml")):
        if file.name.endswith("_test.yaml"):
            continue
        rule: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
        rule.update(SHORTENED.get(rule["rule"], {}))
        _write(folder / file.name, rule)


def _write(file: Path, document: dict[str, Any]) -> None:
    file.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def write_all(folder: Path, place: DuskPlace, ports: Ports, language: str) -> None:
    """Write every file; JSON is YAML, so each can be read and edited as such."""
    _write_rules(folder / "rules")
    documents: dict[str, Any] = {
        "sim.yaml": _simulator(folder, place, ports),
        "city.yaml": _city(place),
        "collector.yaml": _collector(folder, ports),
        "schedule.yaml": {"program": "demo-night", "periods": [{"on": "sunset", "off": "sunrise"}]},
        **{f"{gateway}.yaml": _agent(folder, place, ports, cabinet, language) for cabinet, gateway in GATEWAYS.items()},
    }
    for name, document in documents.items():
        _write(folder / name, document)


def _simulator(folder: Path, place: DuskPlace, ports: Ports) -> dict[str, Any]:
    return {
        "seed": 117,
        "place": {"latitude": place.latitude, "longitude": place.longitude},
        "lines": [
            {"id": "bus-117", "kind": "rtu", "link": str(folder / "bus-117"), "baud": 19200},
            {"id": "lan-118", "kind": "tcp", "port": ports.modbus},
        ],
        "cabinets": [
            {
                "id": cabinet,
                "noise": 0.005,
                "missing": 0.01,
                "circuits": [
                    {"id": "A", "phase": 1, "contactor": 1, "lamps": 24, "lamp_power_w": 170},
                    {"id": "B", "phase": 2, "contactor": 1, "lamps": 24, "lamp_power_w": 170},
                ],
                "devices": [
                    {"kind": "sdm630", "line": line, "unit": 1},
                    {"kind": "waveshare-relay-d", "line": line, "unit": 2},
                ],
            }
            for cabinet, line in ((RTU_CABINET, "bus-117"), (TCP_CABINET, "lan-118"))
        ],
    }


def _mqtt(ports: Ports) -> dict[str, Any]:
    return {"host": "127.0.0.1", "port": ports.broker, "allow_mqtt311": True}


def _agent(folder: Path, place: DuskPlace, ports: Ports, cabinet: str, language: str) -> dict[str, Any]:
    line: dict[str, Any] = (
        {"id": "bus", "kind": "serial", "port": str(folder / "bus-117"), "baud": 19200}
        if cabinet == RTU_CABINET
        else {"id": "bus", "kind": "tcp", "host": "127.0.0.1", "port": ports.modbus}
    )
    gateway = GATEWAYS[cabinet]
    return {
        "gateway": gateway,
        "language": language,
        "place": {"latitude": place.latitude, "longitude": place.longitude, "timezone": place.timezone},
        "state_dir": str(folder / gateway),
        "runtime_dir": str(folder / gateway),
        "mqtt": _mqtt(ports),
        "clock": {"require_sync": False},
        "intervals": {"fast_s": 1, "normal_s": 2, "slow_s": 10},
        "lines": [line],
        "devices": [
            {"id": "meter", "profile": "eastron-sdm630", "line": "bus", "unit": 1},
            {
                "id": "relay",
                "profile": "waveshare-relay-d",
                "line": "bus",
                "unit": 2,
                "names": {"di1": "mains_ok", "di2": "contactor_1_closed", "di3": "door_open", "di4": "photocell_dark"},
            },
        ],
        "commands": {"allow": [{"point": "relay/k1"}]},
        "lighting": {"schedule_file": str(folder / "schedule.yaml"), "outputs": ["relay/k1"], "start_wait_s": 0},
    }


def _city(place: DuskPlace) -> dict[str, Any]:
    streets = {RTU_CABINET: "Lê Duẩn", TCP_CABINET: "Hùng Vương"}
    return {
        "city": "Demo",
        "place": {"latitude": place.latitude, "longitude": place.longitude, "timezone": place.timezone},
        "crews": list(CREWS.values()),
        "wards": [{"id": "pleiku", "name": "Phường Pleiku"}],
        "feeders": [{"id": "f-471", "name": "Tuyến 471"}],
        "schedule_file": "schedule.yaml",
        "cabinets": [
            {
                "id": cabinet,
                "name": cabinet.upper(),
                "street": streets[cabinet],
                "ward": "pleiku",
                "feeder": "f-471",
                "crew": CREWS[cabinet]["id"],
                "gateway": gateway,
                "devices": {"meter": "meter", "io": "relay"},
                "lamps": 48,
                "place": {"latitude": place.latitude, "longitude": place.longitude},
            }
            for cabinet, gateway in GATEWAYS.items()
        ],
    }


def _collector(folder: Path, ports: Ports) -> dict[str, Any]:
    return {
        "city_file": "city.yaml",
        "state_dir": str(folder / "collector"),
        "mqtt": _mqtt(ports),
        "store": {"kind": "sqlite"},
        "notify": [
            {"crew": crew["id"], "channels": [{"url": f"json://127.0.0.1:{ports.webhook}/{crew['id']}"}]}
            for crew in CREWS.values()
        ],
        "rule_files": [str(file) for file in sorted((folder / "rules").glob("*.yaml"))],
    }
