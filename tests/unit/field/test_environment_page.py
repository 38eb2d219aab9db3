"""The page of water, air, level and soil names what there is, and its examples are what they say."""

from __future__ import annotations

import re
from pathlib import Path

from click.testing import CliRunner

from collector.cli import main
from config.agent import AgentConfig
from config.loader import load_text
from config.profile import ModbusProfile, load_profile, shipped_profiles
from drivers.registry import device_points

PAGE = (Path(__file__).parents[3] / "docs" / "water-and-air.md").read_text("utf-8")
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
CLASSES = {"water", "air", "level", "waste", "soil"}


def _rows() -> dict[str, str]:
    return dict(re.findall(r"^\| `([a-z0-9-]+)` \| .*? \| .*? \| (.*?) \|", PAGE, re.MULTILINE))


def test_the_page_names_every_modbus_instrument_of_these_classes() -> None:
    there = {
        name
        for name in shipped_profiles()
        if isinstance(profile := load_profile(name), ModbusProfile) and profile.device_class in CLASSES
    }
    assert set(_rows()) == there


def test_the_page_says_of_each_whether_it_is_refused_when_wrong() -> None:
    for name, refuses in _rows().items():
        profile = load_profile(name)
        assert isinstance(profile, ModbusProfile)
        assert (profile.probe is None) == (refuses == "-"), name
        for text in re.findall(r"without `(.*?)`", refuses):
            assert profile.probe is not None
            assert profile.probe.contains == text, name


def test_the_example_gives_a_level_and_a_fill() -> None:
    config = load_text(EXAMPLES[0], Path("agent.yaml"), AgentConfig)
    found = {
        device.id: [(point.key, point.spec.unit) for point in device_points(device, load_profile(device.profile))]
        for device in config.devices
    }
    assert found["drain-3"][0] == ("level", "m")
    assert found["bin-12"][0] == ("fill", "%")


def test_the_rule_of_the_page_passes_its_own_test(tmp_path: Path) -> None:
    (tmp_path / "flood.yaml").write_text(EXAMPLES[1], "utf-8")
    (tmp_path / "flood_test.yaml").write_text(EXAMPLES[2], "utf-8")
    result = CliRunner().invoke(main, ["rules", "test", str(tmp_path / "flood.yaml")])
    assert (result.exit_code, result.output) == (0, "flood: 1 cases as expected\n")
