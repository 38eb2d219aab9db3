"""Every shipped rule loads, and behaves as the test file beside it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from collector.core.rules_run import findings
from config.errors import ConfigErrors
from config.rules import TEST_SUFFIX, ThresholdRule, load_rule, load_rule_test, load_rules, shipped_rules

_FILES = shipped_rules()
_THRESHOLD = """\
rule: hot
kind: threshold
severity: 2
points: [io/temp]
above: 60
clear_at: {clear_at}
on_delay_s: 5
off_delay_s: 5
window: always
raised: {{en: "TOO HOT {{values}}", vi: "QUÁ NÓNG {{values}}"}}
cleared: {{en: COOL, vi: ĐÃ NGUỘI}}
advice: {{en: Check the fan., vi: Kiểm tra quạt.}}
"""
_THRESHOLD_TEST = """\
tests: hot
cases:
  - case: hot for six seconds
    until_s: 60
    feeds:
      - {from_s: 0, to_s: 6, values: {io/temp: 61}}
      - {from_s: 6, to_s: 60, values: {io/temp: 40}}
    alarms:
      - {at_s: 0, rule: hot, change: raised}
      - {at_s: 6, rule: hot, change: cleared}
    notices:
      - {at_s: 5, rule: hot, notice: raised, contains: TOO HOT temp 61}
      - {at_s: 11, rule: hot, notice: restored, contains: COOL}
"""


@pytest.mark.parametrize("file", _FILES, ids=[file.stem for file in _FILES])
def test_a_shipped_rule_does_what_its_test_file_says(file: Path) -> None:
    test = load_rule_test(file.with_name(file.stem + TEST_SUFFIX))
    assert test.tests == load_rule(file).rule
    assert findings(load_rules(), test) == []


def test_every_shipped_rule_has_both_languages_and_its_own_file_name() -> None:
    for file in _FILES:
        rule = load_rule(file)
        assert rule.rule == file.stem
        for text in (rule.raised, rule.cleared, rule.advice):
            assert text.en != text.vi


def test_a_new_threshold_rule_needs_nothing_but_a_file(tmp_path: Path) -> None:
    file = tmp_path / "hot.yaml"
    file.write_text(_THRESHOLD.format(clear_at=55), "utf-8")
    test_file = tmp_path / "hot_test.yaml"
    test_file.write_text(_THRESHOLD_TEST, "utf-8")
    rules = load_rules([file])
    assert isinstance(rules[0], ThresholdRule)
    assert findings(rules, load_rule_test(test_file)) == []


def test_a_wrong_expectation_is_found(tmp_path: Path) -> None:
    file = tmp_path / "hot.yaml"
    file.write_text(_THRESHOLD.format(clear_at=55), "utf-8")
    test_file = tmp_path / "hot_test.yaml"
    test_file.write_text(_THRESHOLD_TEST.replace("at_s: 11", "at_s: 12").replace("temp 61}", "temp 62}"), "utf-8")
    found = findings(load_rules([file]), load_rule_test(test_file))
    assert len(found) == 2
    assert "expected" in found[0]
    assert "does not contain" in found[1]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("clear_at: 55", "clear_at: 61"), "no deadband"),
        (("above: 60", "above: 60\nbelow: 10"), "either above or below"),
        (("{values}", "{value}"), "no fact"),
        (("severity: 2", "severity: 5"), "at most 4"),
        (("on_delay_s", "on_dela_s"), "did you mean 'on_delay_s'"),
        (("window: always", "window: always\nsuppressed_by: [nothing]"), "yaml:10:16: suppressed_by names nothing"),
    ],
)
def test_a_mistake_in_a_rule_is_named_with_its_place(tmp_path: Path, change: tuple[str, str], words: str) -> None:
    file = tmp_path / "hot.yaml"
    file.write_text(_THRESHOLD.format(clear_at=55).replace(*change), "utf-8")
    with pytest.raises(ConfigErrors) as caught:
        load_rules([file])
    assert words in str(caught.value)
    assert f"{file}:" in str(caught.value)


def test_rules_that_hide_each_other_in_a_circle_are_refused(tmp_path: Path) -> None:
    files: list[Path] = []
    for number, cause in enumerate(("b", "c", "a")):
        name = "abc"[number]
        text = _THRESHOLD.format(clear_at=55).replace("window: always", f"window: always\nsuppressed_by: [{cause}]")
        files.append(tmp_path / f"{name}.yaml")
        files[-1].write_text(text.replace("rule: hot", f"rule: {name}"), "utf-8")
    with pytest.raises(ConfigErrors) as caught:
        load_rules(files)
    assert "a.yaml:10:16: suppressed_by goes in a circle" in str(caught.value)
    assert "a > b > c > a" in str(caught.value)
