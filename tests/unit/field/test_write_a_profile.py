"""docs/write-a-profile.md: every example is a profile that loads, and gives the values that the page says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from click.testing import CliRunner

from config.loader import load_text
from config.points import NumberType, RegisterPoint, RegisterType, WordOrder
from config.profile import ModbusProfile
from contract.reading import Cause
from drivers.modbus.explain_registers import explain_registers, parse_registers
from edge_agent.cli.commands import edge_agent
from edge_agent.core.profile_review import review

PAGE = (Path(__file__).parents[3] / "docs" / "write-a-profile.md").read_text("utf-8")
BLOCKS = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
WHOLE = [block for block in BLOCKS if block.startswith("profile:")]
POINTS = [block for block in BLOCKS if block.startswith("#")]
KEYS = [block for block in BLOCKS if block not in WHOLE and block not in POINTS]
HEAD = """\
profile: example
version: "1"
device_class: test
en: example
vi: ví dụ
source: {manual: m, page: p, origin: composed, verified_by: manual}
"""
OTHERS = """\
points:
  - {key: frequency, en: f, vi: f, unit: Hz, table: holding, address: 0, type: uint16, scale: 0.01}
  - {key: model, en: m, vi: m, table: holding, address: 1, type: string, registers: 3}
  - {key: timeout, en: t, vi: t, unit: s, table: holding, address: 8, type: uint16}
"""
READINGS = [
    (comment, line) for block in POINTS for comment, line in re.findall(r"^# (.*)\n(- \{.*\})$", block, re.MULTILINE)
]


def profile_of(text: str) -> ModbusProfile:
    return load_text(text, Path("example.yaml"), ModbusProfile)


def test_the_page_has_examples_of_every_kind() -> None:
    assert (len(WHOLE), len(KEYS)) == (1, 4)
    assert len(READINGS) == sum(block.count("- {") for block in POINTS) >= 20


def test_the_whole_example_is_without_a_doubt(tmp_path: Path) -> None:
    assert review(profile_of(WHOLE[0])) == []
    file = tmp_path / "my-meter.yaml"
    file.write_text(WHOLE[0], "utf-8")
    shown = CliRunner(env={"LAMPLIGHTER_LANG": "en"}).invoke(edge_agent, ["profile", "check", str(file)])
    assert shown.exit_code == 0
    # What the page shows is what the command prints.
    for line in shown.stdout.replace(str(file), "./my-meter.yaml").splitlines():
        assert f"       {line}" in PAGE.splitlines()
    command = ["decode", str(file), "--registers", "40001=0x4366,40002=0x3333"]
    for line in CliRunner(env={"LAMPLIGHTER_LANG": "en"}).invoke(edge_agent, command).stdout.splitlines():
        assert f"       {line}" in PAGE.splitlines()


@pytest.mark.parametrize("block", KEYS)
def test_the_other_keys_load(block: str) -> None:
    (key,) = yaml.safe_load(block)
    assert getattr(profile_of(HEAD + block + OTHERS), key)


@pytest.mark.parametrize(("comment", "line"), READINGS)
def test_an_example_gives_what_its_comment_says(comment: str, line: str) -> None:
    profile = profile_of(HEAD + "points:\n" + line + "\n")
    assert [doubt for doubt in review(profile) if doubt.severity != "note"] == []
    (spec,) = profile.points
    registers, _, wanted = comment.partition(" -> ")
    found = explain_registers(profile, parse_registers(" ".join(f"{spec.table}:{one}" for one in registers.split())))
    assert found.problems == ()
    ((_, point),) = found.points
    assert point.needs == ()
    if wanted.startswith("bad "):
        assert (point.value, point.cause) == (None, Cause(wanted.removeprefix("bad ")))
    else:
        assert (str(point.value).lower(), point.cause) == (wanted.lower(), Cause.OK)


def used(key: str) -> set[Any]:
    points = [one for block in POINTS for one in yaml.safe_load(block)]
    return {str(point[key]) for point in points if key in point}


def test_no_form_of_a_value_is_left_out() -> None:
    assert used("order") | {"ABCD"} == set(get_args(WordOrder))
    left_out = set(get_args(RegisterType)) - used("type")
    # The unsigned and signed kinds of one width differ in nothing but the sign.
    assert left_out == {"uint64"}
    assert set(get_args(NumberType)) <= set(get_args(RegisterType))
    for key in (
        "bits",
        "labels",
        "quality",
        "exponent",
        "addend",
        "sentinels",
        "registers",
        "writable",
        "urgent_levels",
    ):
        assert key in RegisterPoint.model_fields
        assert used(key), key
