"""`collector rules test` as CONTRIBUTING promises it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from collector.cli import main
from config.rules import shipped_rules
from tests.unit.collector.test_alarm_rule_files import _THRESHOLD, _THRESHOLD_TEST


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["rules", "test", *arguments])


@pytest.fixture
def rule(tmp_path: Path) -> Path:
    (tmp_path / "hot_test.yaml").write_text(_THRESHOLD_TEST, "utf-8")
    file = tmp_path / "hot.yaml"
    file.write_text(_THRESHOLD.format(clear_at=55), "utf-8")
    return file


def test_without_a_file_all_shipped_rules_are_tested() -> None:
    result = _run()
    assert result.exit_code == 0
    assert [line.partition(":")[0] for line in result.stdout.splitlines()] == [file.stem for file in shipped_rules()]


def test_a_rule_is_tested_by_its_file_or_that_of_its_test(rule: Path) -> None:
    for file in (rule, rule.with_name("hot_test.yaml")):
        result = _run(str(file))
        assert (result.exit_code, result.stdout) == (0, "hot: 1 cases as expected\n")


def test_what_does_not_come_out_is_shown(rule: Path) -> None:
    rule.with_name("hot_test.yaml").write_text(_THRESHOLD_TEST.replace("at_s: 11", "at_s: 12"), "utf-8")
    result = _run(str(rule))
    assert result.exit_code == 1
    assert "hot for six seconds: notices are" in result.stdout


def test_a_mistake_in_a_rule_or_a_missing_test_is_told_with_its_place(rule: Path) -> None:
    rule.write_text(_THRESHOLD.format(clear_at="warm"), "utf-8")
    result = _run(str(rule))
    assert result.exit_code == 3
    assert f"{rule}:6:11: clear_at: must be a number" in result.output
    rule.write_text(_THRESHOLD.format(clear_at=55), "utf-8")
    rule.with_name("hot_test.yaml").unlink()
    result = _run(str(rule))
    assert result.exit_code == 3
    assert "hot_test.yaml:1:1: cannot be read: there is no such file" in result.output


def test_a_changed_rule_stands_in_for_the_shipped_one_of_its_name(tmp_path: Path) -> None:
    shipped = next(file for file in shipped_rules() if file.stem == "overvoltage")
    for name in ("overvoltage.yaml", "overvoltage_test.yaml"):
        text = shipped.with_name(name).read_text("utf-8")
        (tmp_path / name).write_text(text.replace("above: 1.10", "above: 1.20"), "utf-8")
    result = _run(str(tmp_path / "overvoltage.yaml"))
    assert result.exit_code == 1
    assert _run().exit_code == 0


def test_a_test_file_of_another_rule_is_refused(rule: Path) -> None:
    rule.with_name("hot_test.yaml").write_text(_THRESHOLD_TEST.replace("tests: hot", "tests: cold"), "utf-8")
    result = _run(str(rule))
    assert result.exit_code == 3
    assert "tests 'cold', but the rule beside it is 'hot'" in result.output


def test_the_new_rule_of_the_page_passes_its_own_test(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "alarms.md").read_text("utf-8")
    section = page.partition("## A new rule")[2]
    rule_text, test_text = re.findall(r"^```yaml\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    (tmp_path / "cabinet-hot.yaml").write_text(rule_text, "utf-8")
    (tmp_path / "cabinet-hot_test.yaml").write_text(test_text, "utf-8")
    result = _run(str(tmp_path / "cabinet-hot.yaml"))
    assert (result.exit_code, result.stdout) == (0, "cabinet-hot: 1 cases as expected\n")
