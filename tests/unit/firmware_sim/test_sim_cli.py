from __future__ import annotations

import json
import string
from pathlib import Path

import pytest
from click.testing import CliRunner

from firmware_sim.cli import main
from firmware_sim.cli.texts import TEXTS

EXAMPLES = Path(__file__).parents[3] / "config" / "examples"
SCENARIO = str(EXAMPLES / "scenario.yaml")


def places(text: str) -> set[str | None]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("key", TEXTS.keys())
def test_both_languages_name_the_same_facts(key: str) -> None:
    english, vietnamese = TEXTS._table[key]["en"], TEXTS._table[key]["vi"]
    assert places(english) == places(vietnamese)
    assert english != vietnamese


def test_check_tells_how_many_steps_are_sound() -> None:
    result = CliRunner().invoke(main, ["scenario", "check", SCENARIO, "--config", str(EXAMPLES / "simulator.yaml")])
    assert result.exit_code == 0
    assert "11" in result.output
    as_json = CliRunner().invoke(main, ["scenario", "check", SCENARIO, "--json"])
    assert json.loads(as_json.output) == {"ok": True, "file": SCENARIO, "steps": 11}


def test_check_ends_with_3_and_names_the_place(tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("steps:\n  - {cabinet: c-1, do: voltage, voltage_v: high}\n", encoding="utf-8")
    result = CliRunner().invoke(main, ["scenario", "check", str(bad)])
    assert result.exit_code == 3
    assert f"{bad}:2:44: " in result.stderr
    as_json = CliRunner().invoke(main, ["scenario", "check", str(bad), "--json"])
    assert as_json.exit_code == 3
    (finding,) = json.loads(as_json.output)["errors"]
    assert (finding["file"], finding["line"], finding["column"]) == (str(bad), 2, 44)


def test_run_ends_with_3_on_a_bad_configuration(tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("lines: []\n", encoding="utf-8")
    result = CliRunner().invoke(main, ["run", str(bad)])
    assert result.exit_code == 3
    assert f"{bad}:1:8: " in result.stderr


def test_wrong_usage_ends_with_2() -> None:
    assert CliRunner().invoke(main, ["scenario", "show"]).exit_code == 2
    assert CliRunner().invoke(main, ["dance"]).exit_code == 2


def test_show_prints_the_time_line_in_order() -> None:
    result = CliRunner().invoke(main, ["scenario", "show", SCENARIO])
    assert result.exit_code == 0
    rows = result.output.splitlines()[1:]
    times = [float(row.split()[0]) for row in rows]
    assert times == sorted(times)
    assert len(times) == 12
    assert rows[1].split() == ["60", "mains_lost", "c-117"]
    as_json = CliRunner().invoke(main, ["scenario", "show", SCENARIO, "--json"])
    steps = json.loads(as_json.output)["steps"]
    assert steps[1] == {"at_s": 60.0, "cabinet": "c-117", "do": "mains_lost"}
    assert steps[-2]["do"] == "clear_fault"
    assert steps[-2]["at_s"] == 360.0
