"""A written city: its simulator runs, and `edge-agent read` of its gateways finds every device that stands there."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from edge_agent.cli.commands import edge_agent
from firmware_sim.app import Simulator, running
from firmware_sim.city.files import CityOptions, write_city
from firmware_sim.city.names import names
from firmware_sim.city.plan import numbers_for, plan_city
from firmware_sim.scenario import load_config
from tests.servers.waiting import free_port

pytestmark = pytest.mark.system


def is_free(port: int) -> bool:
    with socket.socket() as one:
        try:
            one.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def consecutive_ports(count: int) -> int:
    """Return the first of so many ports that are free in a row."""
    while True:
        first = free_port()
        if first + count < 65_536 and all(is_free(port) for port in range(first, first + count)):
            return first


def read(file: Path, device: str) -> dict[str, Any]:
    told = CliRunner().invoke(edge_agent, ["read", "--config", str(file), "--json", device])
    assert told.exit_code == 0, told.output
    return {reading["point"].partition("/")[2]: reading["value"] for reading in json.loads(told.stdout)["readings"]}


def test_a_technician_reads_every_device_of_a_city(short_path: Path) -> None:
    plan = plan_city(numbers_for(1, alley_lamps=3, signals=1, warnings=1), 7, names())
    folder = short_path / "city"
    write_city(plan, folder, CityOptions(first_port=consecutive_ports(len(plan.sites)), account="huong"))
    with running(Simulator(load_config(folder / "simulator.yaml"))) as simulator:
        for cabinet in simulator.world.cabinets.values():
            cabinet.relay.set(0, closed=True)
        agent = {site.id: folder / "gateways" / site.gateway / "agent.yaml" for site in plan.sites}
        relay, meter, analog = (read(agent["c-001"], device) for device in ("relay", "meter", "analog"))
        assert (relay["mains_ok"], relay["contactor_1_closed"], relay["door_open"]) == (True, True, False)
        assert 210.0 < meter["u1"] < 250.0
        assert meter["p1"] > 100.0
        assert analog["pilot_voltage"] == pytest.approx(12.0, abs=0.01)
        dimmer, lamp = read(agent["a-01"], "dimmer"), read(agent["a-01"], "lamp-02")
        assert (dimmer["level"], dimmer["power"]) == (100, 180.0)
        assert (lamp["burning"], lamp["lamp_fault"], lamp["power"]) == (True, False, 60.0)
        signal, flasher = read(agent["t-01"], "relay"), read(agent["w-01"], "inputs")
        assert (signal["controller_ok"], signal["flashing_mode"], signal["battery_ok"]) == (True, False, True)
        assert flasher == {"flash_ok": True, "door_open": False}
        assert read(agent["w-01"], "charger")["battery_charge"] > 50
