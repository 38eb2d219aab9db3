"""What holds of the alarm engine whatever a cabinet does: in virtual time, with every course that Hypothesis finds."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from functools import cache

from hypothesis import example, given, settings
from hypothesis import strategies as st

from collector.core.alarm_engine import AlarmEngine
from collector.core.alarm_record import Effects
from collector.core.alarm_watch import Verdict
from collector.core.received import Channel, Received
from collector.core.rules_evidence import CabinetView, Sample, judge
from config.rules import load_rules
from contract.reading import BAD_CAUSES, Cause, Value
from tests.unit.collector.alarm_parts import GOOD, LOST, START_MS, cabinet, city, received

RULES = {rule.rule: rule for rule in load_rules()}
CITY = city(cabinet(1))
STATES: dict[str, Mapping[str, Value]] = {
    "good": GOOD,
    "dead": {**GOOD, "m/u1": 1.0, "m/u2": 0.0, "m/u3": 2.0, "d/mains_ok": False},
    "gone": LOST,
    "phase": {**GOOD, "m/u2": 112.0},
    "high": {**GOOD, "m/u3": 256.0},
    "sagging": {**GOOD, "m/u1": 170.0, "m/u2": 175.0, "m/u3": 172.0},
    "mute": {**LOST, "d/mains_ok": True},
    "blind": {**LOST, "d/mains_ok": "timeout"},
}
Course = list[tuple[str, int]]
courses = st.lists(st.tuples(st.sampled_from(sorted(STATES)), st.integers(1, 70)), min_size=1, max_size=6)
Told = list[tuple[int, str, str, str]]


def readings(course: Course) -> list[tuple[int, Mapping[str, Value]]]:
    found: list[tuple[int, Mapping[str, Value]]] = []
    for name, seconds in course:
        found += [(len(found) + second, STATES[name]) for second in range(seconds)]
    return [(second, values) for second, (_, values) in enumerate(found)]


@cache
def batch_at(name: str, second: int) -> Received:
    return received(STATES[name], second, seq=second + 1)


def batches(course: Course) -> list[Received]:
    names = [name for name, seconds in course for _ in range(seconds)]
    return [batch_at(name, second) for second, name in enumerate(names)]


def fresh() -> AlarmEngine:
    engine = AlarmEngine(CITY, tuple(RULES.values()), lambda _cabinet, _now_ms: True, START_MS)
    engine.connected(START_MS)
    return engine


def run(
    items: list[Received],
    *,
    until_s: int,
    restart_at: Callable[[int], bool] = lambda _index: False,
) -> Effects:
    """Step the batches in the order of their receipt with a tick at every deadline, as the collector does."""
    engine, total = fresh(), Effects()
    for index, item in enumerate(sorted(items, key=lambda item: item.received_ms)):
        _tick(engine, total, item.received_ms)
        total.add(engine.step(item))
        if restart_at(index):
            kept = json.loads(json.dumps(engine.dump("gw-1")))
            engine = fresh()
            engine.load("gw-1", kept)
    _tick(engine, total, START_MS + until_s * 1000)
    return total


def _tick(engine: AlarmEngine, total: Effects, now_ms: int) -> None:
    last_ms = -1
    while (due_ms := engine.next_deadline()) is not None and last_ms < due_ms <= now_ms:
        total.add(engine.tick(due_ms))
        last_ms = due_ms
    total.add(engine.tick(now_ms))


def changes(total: Effects) -> Told:
    kinds = {"raised", "cleared", "onset_corrected"}
    return [
        (step.observed_at_ms - START_MS, step.site, step.rule, step.kind)
        for step in total.transitions
        if step.kind in kinds
    ]


def told(total: Effects) -> Told:
    return [(notice.since_ms - START_MS, notice.site, notice.rule, notice.kind) for notice in total.notices]


def verdicts(course: Course, rule_name: str) -> dict[int, Verdict]:
    """Return what each second's readings say by themselves, apart from the engine."""
    found: dict[int, Verdict] = {}
    samples: dict[str, Sample] = {}
    view = CabinetView(CITY.cabinets[0], samples)
    for second, values in readings(course):
        for point, value in values.items():
            cause = Cause(str(value)) if isinstance(value, str) and value in BAD_CAUSES else Cause.OK
            old = samples.get(point)
            at_ms = second * 1000
            kept = value if cause is Cause.OK else old.value if old else None
            changed_ms = old.changed_ms if old and old.value == kept else at_ms
            samples[point] = Sample(kept, cause, at_ms, changed_ms, at_ms)
        found[second] = judge(view, RULES[rule_name])
    return found


@settings(max_examples=100, deadline=None)
@given(courses)
def test_raise_and_clear_alternate(course: Course) -> None:
    total = run(batches(course), until_s=1_200)
    for key in {(site, rule) for _, site, rule, _ in changes(total)}:
        kinds = [kind for _, site, rule, kind in changes(total) if (site, rule) == key]
        assert kinds == [("raised", "cleared")[index % 2] for index in range(len(kinds))]


@settings(max_examples=100, deadline=None)
@given(courses)
def test_nothing_is_raised_before_its_on_delay_nor_against_evidence_within_it(course: Course) -> None:
    total = run(batches(course), until_s=1_200)
    for step in total.transitions:
        rule = RULES[step.rule]
        if step.kind == "raised":
            assert step.known_ms - step.observed_at_ms >= round(rule.on_delay_s * 1000)
            if rule.kind in {"mains_lost", "phase_loss", "threshold"}:
                said = verdicts(course, step.rule)
                first = (step.observed_at_ms - START_MS) // 1000
                assert said[first] is Verdict.PRESENT
                within = range(first, min(len(said), first + round(rule.on_delay_s)))
                assert {said[second] for second in within} <= {Verdict.PRESENT, Verdict.UNKNOWN}


@settings(max_examples=100, deadline=None)
@given(courses)
def test_nothing_is_cleared_without_evidence_for_all_of_its_off_delay(course: Course) -> None:
    total = run(batches(course), until_s=1_200)
    for step in total.transitions:
        rule = RULES[step.rule]
        if step.kind == "cleared" and rule.kind in {"mains_lost", "phase_loss", "threshold"}:
            said = verdicts(course, step.rule)
            first = (step.observed_at_ms - START_MS) // 1000
            assert first + rule.off_delay_s < len(said) or rule.off_delay_s == 0
            within = {said[second] for second in range(first, first + round(rule.off_delay_s) + 1)}
            assert Verdict.ABSENT in within or Verdict.UNKNOWN in within
            assert not within & {Verdict.PRESENT, Verdict.BETWEEN}


@settings(max_examples=100, deadline=None)
@given(courses, st.integers(1, 60))
def test_readings_without_a_value_change_nothing_but_what_is_said_of_the_meter(course: Course, seconds: int) -> None:
    end = sum(length for _, length in course)
    blind = [received(dict.fromkeys(GOOD, "crc"), end + second) for second in range(seconds)]
    before = run(batches(course), until_s=end + 200)
    after = run([*batches(course), *blind], until_s=end + 200)
    about = {"mains-lost", "phase-loss", "overvoltage", "sensor-conflict"}
    assert [step for step in changes(after) if step[2] in about] == [
        step for step in changes(before) if step[2] in about
    ]


@settings(max_examples=100, deadline=None)
@given(courses, st.integers(0, 2**32), st.sampled_from(["live", "event", "history"]))
def test_repeats_at_any_time_by_any_topic_change_nothing(course: Course, seed: int, channel: Channel) -> None:
    items = batches(course)
    draw = random.Random(seed)
    repeats = [
        Received(
            gateway=item.gateway,
            batch=item.batch,
            channel=channel,
            received_ms=item.received_ms + draw.choice((0, 1, 700, 5_000, 61_000, 400_000)),
        )
        for item in items
        if draw.random() < 0.5
    ]
    end = len(items) + 600
    # The heartbeats of the repeats alone would keep the gateway in touch: both runs get the same ones.
    beats = [received({"x/none": 0}, second) for second in range(len(items), end, 10)]
    once, twice = run([*items, *beats], until_s=end), run([*items, *repeats, *beats], until_s=end)
    assert changes(twice) == changes(once)
    assert told(twice) == told(once)


@settings(max_examples=100, deadline=None)
@given(courses, st.integers(0, 2**32))
@example([("dead", 1), ("blind", 7)], 1)
def test_neighbours_that_change_places_end_in_the_same_alarms(course: Course, seed: int) -> None:
    # Long enough for a stretch of late readings to be closed.
    course = [*course, ("good", 200)]
    items = batches(course)
    draw = random.Random(seed)
    swapped = list(items)
    for index in range(0, len(items) - 201, 2):
        if draw.random() < 0.5:
            first, second = swapped[index], swapped[index + 1]
            swapped[index] = Received(
                gateway="gw-1", batch=second.batch, channel=second.channel, received_ms=second.received_ms
            )
            swapped[index + 1] = Received(
                gateway="gw-1", batch=first.batch, channel=first.channel, received_ms=second.received_ms + 1
            )
    total = run(swapped, until_s=len(items))
    for key in {(site, rule) for _, site, rule, _ in changes(total)}:
        live = [step for step in total.transitions if (step.site, step.rule) == key and step.path == "live"]
        kinds = [step.kind for step in live if step.kind in {"raised", "cleared"}]
        assert kinds == [("raised", "cleared")[index % 2] for index in range(len(kinds))]
    ends = {(step.site, step.rule): step.kind for step in total.transitions if step.kind in {"raised", "cleared"}}
    plain = run(items, until_s=len(items))
    assert {key for key, kind in ends.items() if kind == "raised"} == {
        key
        for key, kind in {
            (step.site, step.rule): step.kind for step in plain.transitions if step.kind in {"raised", "cleared"}
        }.items()
        if kind == "raised"
    }


@settings(max_examples=100, deadline=None)
@given(courses, st.integers(0, 2**32))
def test_a_restart_at_any_step_gives_the_same_alarms_and_the_same_notices(course: Course, seed: int) -> None:
    items = batches(course)
    end = len(items) + 80
    draw = random.Random(seed)
    chosen = {index for index in range(len(items)) if draw.random() < 0.2}
    plain = run(items, until_s=end)
    restarted = run(items, until_s=end, restart_at=lambda index: index in chosen)
    assert changes(restarted) == changes(plain)
    assert told(restarted) == told(plain)


@settings(max_examples=100, deadline=None)
@given(courses)
def test_every_restore_that_is_told_follows_its_loss(course: Course) -> None:
    total = run(batches(course), until_s=1_200)
    open_threads: set[str] = set()
    for notice in total.notices:
        if notice.kind == "raised":
            assert notice.thread not in open_threads
            open_threads.add(notice.thread)
        elif notice.kind == "restored":
            open_threads.remove(notice.thread)
    closed = {step.rule for step in total.transitions if step.kind == "cleared"}
    assert all(any(thread.split("/")[1] == rule for rule in RULES) for thread in open_threads)
    assert closed <= set(RULES)
