"""`edge-agent check` points at what is wrong, in the reader's language."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from config.language import _Preference
from edge_agent.cli.commands import edge_agent

HEAD = "gateway: g\nplace: {latitude: 1, longitude: 1, timezone: UTC}\nlines:\n"
HEAD += "- {id: bus, kind: serial, port: /dev/null}\n"
HEAD += "- {id: lan, kind: tcp, host: h}\n"


def _found(folder: Path, text: str) -> list[str]:
    file = folder / "agent.yaml"
    file.write_text(HEAD + text, "utf-8")
    result = CliRunner().invoke(edge_agent, ["check", "--config", str(file)])
    return [line.removeprefix(f"{folder}/") for line in result.stdout.splitlines()]


def test_units_that_no_device_or_two_answer_to_are_warned_of(tmp_path: Path) -> None:
    found = _found(
        tmp_path,
        "devices:\n"
        "- {id: a, profile: eastron-sdm630, line: bus, unit: 0}\n"
        "- {id: b, profile: eastron-sdm630, line: bus, unit: 248}\n"
        "- {id: c, profile: eastron-sdm630, line: bus, unit: 7}\n"
        "- {id: d, profile: waveshare-relay-d, line: bus, unit: 7}\n"
        "- {id: e, profile: eastron-sdm630, line: lan, unit: 7}\n"
        "- {id: f, profile: waveshare-relay-d, line: lan, unit: 255}\n",
    )
    assert [line.partition(":")[2][:30] for line in found] == [
        "7:53: warning: unit 0 is a cal",
        "8:53: warning: unit 248 is res",
        "10:56: warning: unit 7 of line",
    ]


def test_a_file_that_is_not_there_is_told_where_it_is_named(tmp_path: Path) -> None:
    found = _found(
        tmp_path,
        "devices: [{id: a, profile: ./mine.yaml, line: bus}]\n"
        "commands: {allow: [{point: a/k1}]}\n"
        "lighting: {schedule_file: schedul.yaml, outputs: [a/k1]}\n",
    )
    assert found == [
        "agent.yaml:6:28: error: ./mine.yaml: cannot be read: there is no such file",
        f"agent.yaml:8:27: error: {tmp_path}/schedul.yaml: cannot be read: there is no such file",
    ]


@pytest.mark.parametrize(
    ("point", "message"),
    [
        ("relais/k1", "no device 'relais'; there are: relay; did you mean 'relay'?"),
        (
            "relay/k9",
            "no point 'k9'; there are: k1, k2, k3, k4, k5, k6, k7, k8, di1, di2, di3, di4, di5, di6, di7, di8",
        ),
        ("relay/di1", "'relay/di1' cannot be written"),
    ],
)
def test_a_write_that_can_never_be_is_no_permission(point: str, message: str, tmp_path: Path) -> None:
    found = _found(
        tmp_path,
        "devices: [{id: relay, profile: waveshare-relay-d, line: bus}]\n"
        f"commands: {{key_file: agent.yaml, allow: [{{point: {point}}}]}}\n",
    )
    assert [line.startswith(f"agent.yaml:7:50: error: {message}") for line in found] == [True], found


def test_what_a_check_finds_is_said_in_vietnamese(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMPLIGHTER_LANG", "vi")
    found = _found(
        tmp_path,
        "devices: [{id: a, profile: waveshare-relay, line: bus, unit: 0}]\ncommands: {allow: [{point: a/k1}]}\n",
    )
    assert found[0].startswith("agent.yaml:6:28: lỗi: không có kiểu thiết bị 'waveshare-relay'; hiện có: ")
    assert found[0].endswith("có phải là 'waveshare-relay-d'?")


def test_a_technician_over_a_bare_line_reads_the_language_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LAMPLIGHTER_LANG")
    monkeypatch.setenv("LC_ALL", "C")
    monkeypatch.setattr(_Preference, "language", None)
    assert "lỗi: không có khóa 'zz'" in _found(tmp_path, "language: vi\nzz: 1\n")[0]


def test_a_place_that_makes_nothing_of_a_point_is_told_where_it_stands(tmp_path: Path) -> None:
    found = _found(
        tmp_path,
        "devices:\n"
        "- {id: a, profile: radar-level-ld8001h, line: bus, adjust: {distanz: {scale: 2}}}\n"
        "- {id: b, profile: waveshare-relay-d, line: bus, unit: 2, adjust: {di1: {scale: 2}}}\n"
        "- {id: c, profile: eastron-sdm630, line: bus, unit: 3, adjust: {u1: {mounting_height_m: 2}}}\n"
        "- {id: d, profile: radar-level-ld8001h, line: bus, unit: 4, adjust: {distance: {mounting_height_m: 2}}}\n"
        "- {id: e, profile: radar-level-ld8001h, line: bus, unit: 5, adjust: {distance: {mounting_height_m: 2}},\n"
        "   points: [distance]}\n",
    )
    assert [line.partition("agent.yaml:")[2] for line in found[:4]] == [
        "7:70: error: no point 'distanz'; there are: distance, level, mounting_height; did you mean 'distance'?",
        "8:73: error: 'di1' is no number, nothing can be reckoned from it",
        "9:69: error: 'u1' is no distance in m (its unit: V)",
        "10:3: error: two points are named level",
    ]
    assert not any("error" in line for line in found[4:])
