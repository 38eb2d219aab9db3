"""The ISA-18.2 table: complete, sound, and drawn in the manual as it is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from collector.core.alarm_states import TRANSITIONS, AlarmState, Trigger, after, drawn
from collector.core.rules_run import findings
from config.loader import load_text
from config.rules import RuleTest, ThresholdRule

_MANUAL = Path(__file__).parents[3] / "docs" / "alarms.md"
_MARKS = re.compile(r"(<!-- states: begin -->\n).*?(<!-- states: end -->)", re.DOTALL)


def _with_table(text: str) -> str:
    return _MARKS.sub(lambda found: found[1] + drawn() + found[2], text)


def test_the_manual_shows_the_table_as_it_is() -> None:
    text = _MANUAL.read_text("utf-8")
    assert drawn() in text
    assert _with_table(text) == text


def test_every_state_is_reached_and_left() -> None:
    assert {target for (state, _), target in TRANSITIONS.items() if target is not state} == set(AlarmState)
    assert {state for (state, _), target in TRANSITIONS.items() if target is not state} == set(AlarmState)
    assert {trigger for _, trigger in TRANSITIONS} == set(Trigger)


@pytest.mark.parametrize("state", [AlarmState.SHELVED, AlarmState.SUPPRESSED, AlarmState.OUT_OF_SERVICE])
@pytest.mark.parametrize("trigger", [Trigger.RAISE, Trigger.CLEAR, Trigger.ACKNOWLEDGE])
def test_a_hidden_alarm_stays_hidden_while_its_condition_comes_and_goes(state: AlarmState, trigger: Trigger) -> None:
    assert after(state, trigger) is state


@pytest.mark.parametrize(
    ("triggers", "end"),
    [
        ((Trigger.RAISE, Trigger.ACKNOWLEDGE, Trigger.CLEAR), AlarmState.NORMAL),
        ((Trigger.RAISE, Trigger.CLEAR), AlarmState.RTN_UNACKED),
        ((Trigger.RAISE, Trigger.CLEAR, Trigger.RAISE), AlarmState.UNACKED),
        ((Trigger.RAISE, Trigger.CLEAR, Trigger.ACKNOWLEDGE), AlarmState.NORMAL),
        ((Trigger.RAISE, Trigger.SUPPRESS, Trigger.CLEAR, Trigger.UNSUPPRESS_NORMAL), AlarmState.NORMAL),
        ((Trigger.RAISE, Trigger.ACKNOWLEDGE, Trigger.SUPPRESS, Trigger.UNSUPPRESS_ACTIVE), AlarmState.UNACKED),
        ((Trigger.SHELVE, Trigger.RAISE, Trigger.UNSHELVE_ACTIVE), AlarmState.UNACKED),
        ((Trigger.REMOVE, Trigger.SHELVE, Trigger.RETURN_NORMAL), AlarmState.NORMAL),
        ((Trigger.ACKNOWLEDGE,), AlarmState.NORMAL),
    ],
)
def test_a_course_of_triggers(triggers: tuple[Trigger, ...], end: AlarmState) -> None:
    state = AlarmState.NORMAL
    for trigger in triggers:
        state = after(state, trigger)
    assert state is end


def test_the_manual_s_example_of_a_rule_passes_its_own_test() -> None:
    rule_text, test_text = re.findall(r"```yaml\n(.*?)```", _MANUAL.read_text("utf-8"), re.DOTALL)
    rule = load_text(rule_text, _MANUAL, ThresholdRule)
    alone = rule.model_copy(update={"suppressed_by": ()})
    assert findings([alone], load_text(test_text, _MANUAL, RuleTest)) == []
    assert yaml.safe_load(test_text)["tests"] == rule.rule


if __name__ == "__main__":
    _MANUAL.write_text(_with_table(_MANUAL.read_text("utf-8")), "utf-8")
