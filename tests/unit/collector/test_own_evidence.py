"""What the collector itself knows reaches the alarms on the gateway's own line of time, and is no sign of life."""

from __future__ import annotations

import pytest

from collector.core.alarm_engine import AlarmEngine
from collector.core.alarm_record import Effects
from collector.core.rules_evidence import own_device
from collector.shell.own_evidence import OwnEvidence
from config.rules import load_rules
from contract.reading import Block, Value
from tests.unit.collector.alarm_parts import GOOD, START_MS, cabinet, city, received

RULES = load_rules()


def own(values: dict[str, Value], at_s: float, site: str = "c-1") -> Block:
    return Block(
        device=own_device(site),
        observed_at_ms=START_MS + round(at_s * 1000),
        keys=tuple(values),
        values=tuple(values.values()),
        causes={},
    )


def engine_with(offset_s: float | None) -> AlarmEngine:
    engine = AlarmEngine(city(cabinet(1), cabinet(2)), RULES, lambda _cabinet, _at: True, START_MS)
    engine.connected(START_MS)
    if offset_s is not None:
        engine.step(received(GOOD, 0, offset_s=offset_s))
    return engine


def raised(effects: Effects) -> list[str]:
    return [step.rule for step in effects.transitions if step.kind == "raised"]


@pytest.mark.parametrize("offset_s", [None, 0.0, -3600.0, 50.0])
def test_a_delay_counts_our_own_time_whatever_the_gateways_clock_says(offset_s: float | None) -> None:
    engine = engine_with(offset_s)
    told: list[tuple[int, str]] = []
    for at_s in range(0, 901, 30):
        now_ms = START_MS + at_s * 1000
        effects = engine.observe("gw-1", own({"want_differs": 1, "want_told": "rev 1 ≠ 2"}, at_s), now_ms)
        effects.add(engine.tick(now_ms))
        told += [(at_s, rule) for rule in raised(effects) if rule == "calendar-differs"]
    assert told == [(600, "calendar-differs")]


def test_it_is_no_sign_of_life() -> None:
    engine = engine_with(0.0)
    names: list[str] = []
    for at_s in range(30, 1201, 30):
        now_ms = START_MS + at_s * 1000
        effects = engine.observe("gw-1", own({"want_differs": 0}, at_s), now_ms)
        effects.add(engine.tick(now_ms))
        names += raised(effects)
    assert "gateway-offline" in names


def test_other_gateways_and_cabinets_are_none_of_its_business() -> None:
    engine = engine_with(0.0)
    assert not engine.observe("gw-9", own({"want_refused": 1}, 1), START_MS + 1000).transitions
    assert not engine.observe("gw-1", own({"want_refused": 1}, 1, site="c-2"), START_MS + 1000).transitions
    effects = engine.observe("gw-2", own({"want_refused": 1}, 1, site="c-2"), START_MS + 1000)
    assert [(step.site, step.rule) for step in effects.transitions] == [("c-2", "calendar-refused")]


def test_it_outlives_a_restart() -> None:
    engine = engine_with(0.0)
    engine.observe("gw-1", own({"want_refused": 1, "want_told": "no"}, 1), START_MS + 1000)
    after = engine_with(None)
    after.load("gw-1", engine.dump("gw-1"))
    assert [alarm.rule.rule for alarm in after.alarms()] == ["calendar-refused"]
    effects = after.observe("gw-1", own({"want_refused": 0}, 60), START_MS + 60_000)
    assert [(step.rule, step.kind) for step in effects.transitions] == [("calendar-refused", "cleared")]


def test_the_newest_of_each_point_waits_and_what_is_beyond_the_bound_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collector.shell.own_evidence.MAX_WAITING", 3)
    evidence = OwnEvidence()
    evidence.put("gw", "c", {"a": 1, "b": 1}, 1000)
    evidence.put("gw", "c", {"a": 2}, 2000)
    evidence.put("gw", "c-2", {"x": 1, "y": 1}, 2000)
    taken = [(block.device, dict(zip(block.keys, block.values, strict=True))) for _, block in evidence.take()]
    assert taken == [("centre:c", {"a": 2}), ("centre:c-2", {"x": 1, "y": 1})]
    assert evidence.take() == []


def test_no_gateway_can_name_such_a_device() -> None:
    with pytest.raises(ValueError, match="centre:c-1"):
        received({"centre:c-1/want_refused": 1}, 0)
