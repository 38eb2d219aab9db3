"""Every example of an agent's configuration names profiles and points that are there."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.agent import AgentConfig
from config.loader import load_document
from config.profile import load_profile
from drivers.registry import device_points
from edge_agent.cli.checking_field import Profiles
from edge_agent.cli.checking_quality import check_quality
from edge_agent.shell.devices import build_fleet
from edge_agent.shell.quality import DeviceStages
from tests.unit.edge_agent.virtual_agent import VirtualClock

EXAMPLES = Path(__file__).parents[3] / "config" / "examples"


@pytest.mark.parametrize("name", ["agent.yaml", "traffic-signal.yaml", "water-station.yaml"])
def test_an_example_fits_its_profiles(name: str) -> None:
    config = load_document(EXAMPLES / name, AgentConfig)
    assert [device_points(device, load_profile(device.profile)) for device in config.devices]


def test_a_traffic_signal_is_switched_by_nobody() -> None:
    config = load_document(EXAMPLES / "traffic-signal.yaml", AgentConfig)
    assert config.commands.allow == ()
    assert config.lighting is None


def test_what_the_water_station_makes_of_its_points_can_be_made() -> None:
    config = load_document(EXAMPLES / "water-station.yaml", AgentConfig)
    found: list[str] = []
    profiles: Profiles = {device.profile: load_profile(device.profile) for device in config.devices}
    check_quality(config, profiles, lambda _severity, _place, message: found.append(message))
    assert found == []
    fleet = build_fleet(config, EXAMPLES, VirtualClock())
    made = {device.id: set(DeviceStages(device).made) for device in fleet.devices}
    assert made["ph-1"] == {"ph_raw", "ph_avg_300s", "ph_avg_3600s"}
    assert {"wind_direction_avg_300s", "rain_total_rise_3600s"} <= made["wx"]
