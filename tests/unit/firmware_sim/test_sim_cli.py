from __future__ import annotations

import json
import re
import string
from pathlib import Path
from typing import get_args

import pytest
from click.testing import CliRunner

from firmware_sim.actions import Action
from firmware_sim.cli import main
from firmware_sim.cli.control import command_of
from firmware_sim.cli.texts import TEXTS
from firmware_sim.core.cabinet import SIGNALS
from firmware_sim.core.faults import FAULT_NAMES

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


def test_a_scenario_that_is_not_there_is_told_where_it_is_named(tmp_path: Path) -> None:
    file = tmp_path / "simulator.yaml"
    file.write_text("lines:\n  - {id: a, kind: rtu}\nscenario: night.yaml\n", encoding="utf-8")
    result = CliRunner().invoke(main, ["run", str(file)])
    assert (result.exit_code, result.stderr) == (3, f"{file}:3:11: there is no file {tmp_path}/night.yaml\n")


def test_wrong_usage_ends_with_2() -> None:
    assert CliRunner().invoke(main, ["scenario", "show"]).exit_code == 2
    assert CliRunner().invoke(main, ["dance"]).exit_code == 2


def test_words_become_a_command() -> None:
    assert command_of("phase_lost", ["cabinet=c-117", "phase=2", "voltage_v=112.5"]) == {
        "do": "phase_lost",
        "cabinet": "c-117",
        "phase": 2,
        "voltage_v": 112.5,
    }
    assert command_of("fault", ['device=["a/b","c/d"]'])["device"] == ["a/b", "c/d"]
    for word in ("phase", "=2"):
        with pytest.raises(ValueError, match=word):
            command_of("phase_lost", [word])


def test_a_command_to_nobody_ends_with_1(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["control", str(tmp_path / "nobody"), "status"])
    assert result.exit_code == 1
    assert result.stderr == f"no simulator listens at {tmp_path}/nobody: No such file or directory\n"
    vietnamese = CliRunner().invoke(main, ["control", "nobody", "status"], env={"LAMPLIGHTER_LANG": "vi"})
    assert vietnamese.stderr.startswith("không có trình giả lập nào")
    assert CliRunner().invoke(main, ["control", "x", "voltage", "phase"]).exit_code == 2


def test_the_documentation_names_every_word_that_the_files_know() -> None:
    text = (EXAMPLES.parents[1] / "docs" / "simulator.md").read_text(encoding="utf-8")
    words = set(re.findall(r"`([a-z0-9_]+)`", text))
    actions = {word for part in get_args(get_args(Action)[0]) for word in get_args(part.model_fields["do"].annotation)}
    assert len(actions) == 57
    signals = {name for name in SIGNALS if not re.fullmatch(r"contactor_feedback_[2-8]", name)}
    assert actions | set(FAULT_NAMES) | signals <= words


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
