"""What `edge-agent check` finds of the lights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from edge_agent.cli.commands import edge_agent

BASE: dict[str, Any] = {
    "gateway": "gw-1",
    "place": {"latitude": 13.983, "longitude": 108.0, "timezone": "Asia/Ho_Chi_Minh"},
    "lines": [{"id": "bus", "kind": "tcp", "host": "127.0.0.1"}],
    "devices": [
        {"id": "meter", "profile": "eastron-sdm630", "line": "bus", "unit": 1},
        {"id": "relay", "profile": "waveshare-relay-d", "line": "bus", "unit": 2, "names": {"di1": "closed"}},
    ],
    "commands": {"allow": [{"point": "relay/k1"}]},
}
SOUND = {
    "schedule_file": "s.yaml",
    "circuits": [
        {"id": "A", "output": "relay/k1", "feedback": "relay/closed", "power": ["meter/p1"], "full_power_w": 1700}
    ],
}


def findings(folder: Path, lighting: dict[str, Any], schedule: str = "periods: [{on: sunset, off: sunrise}]\n") -> Any:
    (folder / "s.yaml").write_text(schedule, "utf-8")
    file = folder / "agent.yaml"
    file.write_text(yaml.safe_dump(BASE | {"lighting": lighting}), "utf-8")
    done = CliRunner().invoke(edge_agent, ["check", "--config", str(file), "--json"], env={"LAMPLIGHTER_LANG": "en"})
    return [(one["severity"], one["message"]) for one in json.loads(done.stdout)["findings"]]


def changed(**facts: Any) -> dict[str, Any]:
    return SOUND | {"circuits": [SOUND["circuits"][0] | facts]}  # type: ignore[operator]  # a list of one mapping


def test_a_sound_cabinet_has_no_finding(tmp_path: Path) -> None:
    assert findings(tmp_path, SOUND) == []


@pytest.mark.parametrize(
    ("lighting", "message"),
    [
        (changed(feedback="relay/di9"), "no point 'di9'"),
        (changed(feedback="meter/p1"), "'meter/p1' is no state that is on or off"),
        (changed(power=["meter/u1"]), "'meter/u1' is no number in W"),
        (changed(power=["relay/closed"]), "'relay/closed' is no number in W"),
        (SOUND | {"photocell": "meter/p1"}, "'meter/p1' is no state that is on or off"),
        (SOUND | {"lux": "meter/p1"}, "'meter/p1' is no number in lx"),
        (SOUND | {"selector": "relay/auto"}, "no point 'auto'"),
    ],
)
def test_a_point_that_cannot_say_what_it_is_asked_for_is_told(
    tmp_path: Path, lighting: dict[str, Any], message: str
) -> None:
    told = findings(tmp_path, lighting)
    assert any(severity == "error" and message in text for severity, text in told), told


def test_levels_of_other_circuits_are_told(tmp_path: Path) -> None:
    schedule = "levels: {100: [B, C], 67: [B]}\nperiods: [{on: sunset, off: sunrise}]\n"
    told = findings(tmp_path, SOUND, schedule)
    assert [severity for severity, _ in told] == ["warning"]
    assert "levels name B, C" in told[0][1]
