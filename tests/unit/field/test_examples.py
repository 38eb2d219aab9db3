"""Every example of an agent's configuration names profiles and points that are there."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.agent import AgentConfig
from config.loader import load_document
from config.profile import load_profile
from drivers.registry import device_points

EXAMPLES = Path(__file__).parents[3] / "config" / "examples"


@pytest.mark.parametrize("name", ["agent.yaml", "traffic-signal.yaml"])
def test_an_example_fits_its_profiles(name: str) -> None:
    config = load_document(EXAMPLES / name, AgentConfig)
    assert [device_points(device, load_profile(device.profile)) for device in config.devices]


def test_a_traffic_signal_is_switched_by_nobody() -> None:
    config = load_document(EXAMPLES / "traffic-signal.yaml", AgentConfig)
    assert config.commands.allow == ()
    assert config.lighting is None
