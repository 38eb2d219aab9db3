"""`edge-agent check` of instruments and pulse counters."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from config.agent import AgentConfig
from config.loader import load_text
from edge_agent.cli.commands import edge_agent
from edge_agent.shell.devices import build_fleet
from tests.unit.edge_agent.virtual_agent import VirtualClock

AGENT = """\
gateway: gw-1
lines:
  - {id: air, kind: serial, port: /dev/null}
  - {id: sdi, kind: serial, port: /dev/null, baud: 1200, data_bits: 7, parity: E}
  - {id: bus, kind: serial, port: /dev/null}
  - {id: tcp, kind: tcp, host: 192.0.2.1}
devices:
  - {id: pm, profile: plantower-pms5003, line: air}
  - {id: soil, profile: generic-sdi12-soil, line: sdi}
  - {id: level, profile: vegapuls-21, line: sdi, address: "1"}
  - {id: io, profile: waveshare-relay-d, line: bus, intervals: {fast_s: 0.05}}
counters:
  - {id: rain, source: io/di1, en: Rain, vi: Mưa, quantity_per_pulse: 0.2, unit: mm, shortest_pulse_s: 0.2}
doubts:
  - {points: [pm/pm2_5], witness: soil/moisture, above: 70}
"""


def check(folder: Path, text: str) -> tuple[int, str]:
    file = folder / "agent.yaml"
    unique = text
    for number in range(text.count("/dev/null")):
        unique = unique.replace("port: /dev/null", f"port: {folder}/tty{number}", 1)
        (folder / f"tty{number}").touch()
    file.write_text(unique, encoding="utf-8")
    result = CliRunner().invoke(edge_agent, ["check", "--config", str(file)])
    return result.exit_code, result.output


def test_a_sound_file_has_no_finding(tmp_path: Path) -> None:
    code, output = check(tmp_path, AGENT)
    assert (code, "error" in output, "warning" in output) == (0, False, False), output


@pytest.mark.parametrize(
    ("before", "after", "code", "message"),
    [
        ("line: air}", "line: tcp}", 3, "'plantower' needs a line of kind serial"),
        ("generic-sdi12-soil, line: sdi", "generic-sdi12-soil, line: air", 3, "talks by itself: it cannot share line"),
        ('address: "1"', 'address: "0"', 3, "address 0 on line 'sdi' is already that of 'soil'"),
        ("baud: 1200, data_bits: 7, parity: E", "baud: 1200", 1, "SDI-12 is 1200 baud, 7 data bits, even parity"),
        ("source: io/di1", "source: io/di77", 3, "'io/di77' is no input"),
        ("source: io/di1", "source: soil/moisture", 3, "'soil/moisture' is no input"),
        ("source: io/di1", "source: box/di1", 3, "box"),
        ("fast_s: 0.05", "fast_s: 1", 1, "read every 1 s; every 0.075 s is needed for pulses of 0.2 s"),
        ("shortest_pulse_s: 0.2", "shortest_pulse_s: 0.04", 3, "no pulse lasts long enough"),
        ("{id: rain", "{id: soil", 3, "'soil' is already the id of a device"),
    ],
)
def test_what_cannot_be_is_found(tmp_path: Path, before: str, after: str, code: int, message: str) -> None:
    assert before in AGENT
    found, output = check(tmp_path, AGENT.replace(before, after))
    assert message in output
    assert found == code


def test_a_wrong_profile_of_an_instrument_is_found(tmp_path: Path) -> None:
    from config.profile import shipped_profiles

    profile = shipped_profiles()["nova-sds011"].read_text("utf-8")
    (tmp_path / "mine.yaml").write_text(profile.replace("field: pm10", "field: pm11"), "utf-8")
    code, output = check(tmp_path, AGENT.replace("plantower-pms5003", "./mine.yaml"))
    assert code == 3
    assert "no field 'pm11'; there are id, pm10, pm2_5" in output


def test_the_examples_of_the_page_for_technicians_are_sound(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "instruments.md").read_text("utf-8")
    merged: dict[str, Any] = {"gateway": "gw-1", "lines": [], "devices": [], "counters": [], "doubts": []}
    blocks = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        for key, items in yaml.safe_load(block).items():
            merged[key] += items
    merged["lines"].append({"id": "bus-1", "kind": "serial", "port": "bus"})
    for number, line in enumerate(merged["lines"]):
        line["port"] = str(tmp_path / f"port{number}")
        (tmp_path / f"port{number}").touch()
    code, output = check(tmp_path, yaml.safe_dump(merged))
    assert (code, output.count("error") + output.count("warning")) == (0, 0), output


STATION = """\
gateway: gw-1
lines: [{id: met, kind: serial, port: /dev/null, baud: 4800}]
devices:
  - {id: met, profile: renke-rs-fsxcs, line: met}
"""


def test_who_does_not_say_which_modules_are_fitted_is_refused(tmp_path: Path) -> None:
    code, output = check(tmp_path, STATION)
    assert (code, "4:5: error: profile 'renke-rs-fsxcs' answers 0 for modules that are not fitted" in output) == (
        3,
        True,
    )
    config = load_text(STATION, tmp_path / "agent.yaml", AgentConfig)
    with pytest.raises(ValueError, match="device 'met': profile 'renke-rs-fsxcs' answers 0"):
        build_fleet(config, tmp_path, VirtualClock())
    assert check(tmp_path, STATION.replace("line: met}", "line: met, points: [wind_speed, wind_direction]}"))[0] == 0
