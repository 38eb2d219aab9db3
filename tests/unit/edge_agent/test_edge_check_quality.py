"""`edge-agent check` of averages, calibrations and maintenance switches; how a calibrated device is built and read."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from click.testing import CliRunner

from config.agent import AgentConfig
from config.loader import load_text
from contract.reading import Cause, Quality
from edge_agent.cli.commands import edge_agent
from edge_agent.shell.devices import build_fleet
from edge_agent.shell.read_now import read_device
from tests.unit.edge_agent.virtual_agent import MemoryBus, MemoryDriver, VirtualClock

AGENT = """\
gateway: gw-1
lines:
  - {id: bus, kind: serial, port: /dev/null}
  - {id: air, kind: serial, port: /dev/zero}
devices:
  - id: ph-1
    profile: generic-ph
    line: bus
    unit: 3
    averages: {points: [ph], periods_s: [60, 300]}
  - {id: io, profile: waveshare-relay-d, line: bus, unit: 2}
counters:
  - {id: rain, source: io/di1, en: Rain, vi: Mưa, quantity_per_pulse: 0.2, unit: mm, shortest_pulse_s: 5}
calibrations:
  - {point: ph-1/ph, a: 1.02, b: -0.1, valid_from: 2026-11-10T08:00+07:00, by: N. T. Hoa}
  - {point: ph-1/ph, a: 1.03, b: -0.1, valid_from: 2026-11-11T08:00+07:00, by: N. T. Hoa}
maintenance:
  - {switch: io/di8, devices: [ph-1, rain]}
"""


def check(folder: Path, text: str) -> tuple[int, list[str]]:
    file = folder / "agent.yaml"
    file.write_text(text, encoding="utf-8")
    result = CliRunner().invoke(edge_agent, ["check", "--config", str(file)])
    return result.exit_code, [line.removeprefix(f"{folder}/agent.yaml:") for line in result.stdout.splitlines()]


def test_a_sound_file_has_no_error(tmp_path: Path) -> None:
    _, found = check(tmp_path, AGENT)
    assert [line for line in found if "error" in line] == []


def test_a_calibration_that_is_over_is_told_if_no_other_follows(tmp_path: Path) -> None:
    over = "valid_from: 2026-11-11T08:00+07:00, valid_to: 2026-11-12T08:00+07:00"
    _, found = check(tmp_path, AGENT.replace("valid_from: 2026-11-11T08:00+07:00", over))
    assert [line for line in found if "warning" in line and "ended on 2026-11-12T08:00+07:00" in line]
    over = "valid_from: 2026-11-10T08:00+07:00, valid_to: 2026-11-11T08:00+07:00"
    _, found = check(tmp_path, AGENT.replace("valid_from: 2026-11-10T08:00+07:00", over))
    assert [line for line in found if "ended on" in line] == []
    over = "valid_from: 2026-11-11T08:00+07:00, valid_to: 2026-11-11T08:00+07:00"
    code, found = check(tmp_path, AGENT.replace("valid_from: 2026-11-11T08:00+07:00", over))
    assert (code, [line for line in found if "not later than valid_from" in line] != []) == (3, True)


@pytest.mark.parametrize(
    ("before", "after", "where", "word"),
    [
        ("points: [ph],", "points: [pH],", "pH]", "begins with a letter"),
        ("points: [ph],", "points: [ph, do],", "do]", "no point 'do'"),
        ("[60, 300]", "[60, 61]", "61]", "whole part of an hour"),
        ("[60, 300]", "[60, 60]", "60]}", "twice"),
        ("points: [ph]", "ratings: {ph: 1}, points: [ph]", "1}, points", "no counter"),
        ("unit: 3", "unit: 3\n    intervals: {normal_s: 90}", "ph], periods", "every 90 s"),
        ("point: ph-1/ph, a: 1.02", "point: ph-2/ph, a: 1.02", "ph-2/ph", "no device 'ph-2'"),
        ("point: ph-1/ph, a: 1.02", "point: ph-1/x, a: 1.02", "ph-1/x", "no point 'x'"),
        ("point: ph-1/ph, a: 1.02", "point: io/di1, a: 1.02", "io/di1, a: 1.02", "cannot be calibrated"),
        ("a: 1.02", "a: 0", "0, b: -0.1", "every value the same"),
        ("2026-11-11T08:00+07:00", "2026-11-10T01:00Z", "2026-11-10T01:00Z", "in the order of time"),
        ("2026-11-11T08:00+07:00", "2026-11-11", "2026-11-11,", "with its zone"),
        ("io/di8", "io/di9", "io/di9", "no input"),
        ("io/di8", "ph-1/ph", "ph-1/ph, devices", "no input"),
        ("io/di8", "rain/total", "rain/total", "polled device"),
        ("io/di8", "x/di8", "x/di8", "no device 'x'"),
        ("[ph-1, rain]", "[ph-1, rein]", "rein]", "no device 'rein'"),
    ],
)
def test_each_mistake_is_found_where_it_stands(tmp_path: Path, before: str, after: str, where: str, word: str) -> None:
    assert before in AGENT
    text = AGENT.replace(before, after, 1)
    start = text.rindex(where)
    line, column = text.count("\n", 0, start) + 1, start - text.rfind("\n", 0, start)
    code, found = check(tmp_path, text)
    assert code == 3
    assert any(told.startswith(f"{line}:{column}: error") and word in told for told in found), found


def test_limits_of_a_calibrated_point_hold_for_what_the_correction_gives(tmp_path: Path) -> None:
    config = load_text(AGENT, tmp_path / "agent.yaml", AgentConfig)
    clock = VirtualClock()
    fleet = build_fleet(config, tmp_path, clock)
    device = fleet.find("ph-1")
    assert device is not None
    assert (device.specs["ph"].low, device.specs["ph"].high) == (None, None)
    assert (device.limits["ph"].low, device.limits["ph"].high) == (0, 14)
    # The driver in memory stands for the one on the line: it has the same points.
    driver = MemoryDriver("ph-1", [], clock, MemoryBus(clock))
    driver.points = device.driver.points
    for raw, value, cause in ((14.0, None, Cause.RANGE), (5.78, 5.8534, Cause.OK)):
        driver.values = {"ph": raw}
        object.__setattr__(device, "driver", driver)
        readings = {reading.point: reading for reading in asyncio.run(read_device(device, []))}
        assert readings["ph-1/ph"].value == value
        assert readings["ph-1/ph"].cause is cause
        assert (readings["ph-1/ph_raw"].value, readings["ph-1/ph_raw"].quality) == (raw, Quality.GOOD)
    asyncio.run(fleet.close())
