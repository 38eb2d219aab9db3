"""Runs the test file of a rule through the alarm engine, in virtual time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from collector.core.alarm_engine import AlarmEngine
from collector.core.alarm_record import Effects, Notice, Transition
from collector.core.notice import headline
from collector.core.received import Received
from collector.core.rules_evidence import own_device, resolve_point
from config.agent import Place
from config.city import Area, Cabinet, CabinetDevices, City, Crew
from config.rules import Feed, Rule, RuleCase, RuleTest
from contract.batch import Batch, ClockState, Priority
from contract.codec import batch_body, columns, decode_batch, stamped
from contract.reading import BAD_CAUSES, Block, Cause, Value

START_MS: Final = 1_798_722_000_000
"""2027-01-01 12:00 in Asia/Ho_Chi_Minh: any time does; rule tests count seconds from it."""
GATEWAY: Final = "gw-test"
SITE: Final = "c-test"
_EPOCH: Final = "0" * 32


def city_of(case: RuleCase) -> City:
    """Return the city of a rule test: one cabinet with a meter `m` and inputs `d`, behind one gateway."""
    cabinet = Cabinet(
        id=SITE,
        name="C-TEST",
        street="Test",
        ward="w",
        crew="crew",
        gateway=GATEWAY,
        devices=CabinetDevices(meter="m", io="d"),
        cabinet_class=case.cabinet_class,
        lamps=24,
    )
    return City(
        city="Test",
        place=Place(latitude=13.98, longitude=108.0, timezone="Asia/Ho_Chi_Minh"),
        crews=(Crew(id="crew", name="Crew"),),
        wards=(Area(id="w", name="Ward"),),
        cabinets=(cabinet,),
    )


def _is_bad(value: object) -> bool:
    return isinstance(value, str) and value in BAD_CAUSES


def _blocks(cabinet: Cabinet, feed: Feed, at_ms: int) -> list[Block]:
    by_device: dict[str, dict[str, Value]] = {}
    for point, value in feed.values.items():
        device, _, key = (resolve_point(cabinet, point) or point).partition("/")
        by_device.setdefault(device, {})[key] = value
    return [
        Block(
            device=device,
            observed_at_ms=at_ms,
            keys=tuple(values),
            values=tuple(None if _is_bad(value) else value for value in values.values()),
            causes={key: Cause(str(value)) for key, value in values.items() if _is_bad(value)},
        )
        for device, values in by_device.items()
    ]


def batch_of(blocks: Sequence[Block], *, seq: int, sent_ms: int) -> Batch:
    """Return blocks as the batch that comes out of the wire."""
    body = batch_body(
        epoch=_EPOCH, seq=seq, priority=Priority.NORMAL, clock=ClockState.SYNCED, device_columns=columns(blocks)
    )
    return decode_batch(stamped(body, sent_ms=sent_ms, lowest_seq=1))


_Event = tuple[int, int, Literal["batch", "own", "presence"], object]


def _events(case: RuleCase, cabinet: Cabinet) -> list[_Event]:
    events: list[_Event] = []
    for feed in case.feeds:
        count = 0
        while feed.from_s + count * feed.every_s < feed.to_s:
            at_ms = START_MS + round((feed.from_s + count * feed.every_s) * 1000)
            arrives_ms = at_ms + round(feed.late_s * 1000)
            blocks = _blocks(cabinet, feed, at_ms)
            events += ((at_ms, len(events), "own", block) for block in blocks if block.device == own_device(SITE))
            read = [block for block in blocks if block.device != own_device(SITE)]
            if read:
                batch = batch_of(read, seq=len(events) + 1, sent_ms=arrives_ms)
                item = Received(gateway=GATEWAY, batch=batch, channel=feed.channel, received_ms=arrives_ms)
                events.append((arrives_ms, len(events), "batch", item))
            count += 1
    for presence in case.presence:
        at_ms = START_MS + round(presence.at_s * 1000)
        events.append((at_ms, len(events), "presence", presence.online))
    return sorted(events, key=lambda event: event[:2])


def run_case(rules: Sequence[Rule], case: RuleCase) -> tuple[list[Transition], list[Notice]]:
    """Return every transition and notice that a course of events gives, in order."""
    city = city_of(case)
    due = [(START_MS + span.from_s * 1000, START_MS + span.to_s * 1000) for span in case.lamps_due]

    def lamps_due(_cabinet: Cabinet, now_ms: int) -> bool:
        return any(first <= now_ms < end for first, end in due)

    engine = AlarmEngine(city, rules, lamps_due, START_MS)
    total = engine.connected(START_MS)
    end_ms = START_MS + round(case.until_s * 1000)
    for at_ms, _, kind, event in [*_events(case, city.cabinets[0]), (end_ms, 0, "end", None)]:
        total.add(_tick_until(engine, at_ms))
        if isinstance(event, Received):
            total.add(engine.step(event))
        elif isinstance(event, Block):
            total.add(engine.observe(GATEWAY, event, at_ms))
        elif kind == "presence":
            total.add(engine.online(GATEWAY, bool(event), at_ms))
    return total.transitions, total.notices


def _tick_until(engine: AlarmEngine, at_ms: int) -> Effects:
    total = Effects()
    last_ms = -1
    while (deadline_ms := engine.next_deadline()) is not None and last_ms < deadline_ms <= at_ms:
        total.add(engine.tick(deadline_ms))
        last_ms = deadline_ms
    total.add(engine.tick(at_ms))
    return total


def findings(rules: Sequence[Rule], test: RuleTest) -> list[str]:
    """Return what does not come out as a rule's test file says; nothing is what one wants."""
    found: list[str] = []
    by_name = {rule.rule: rule for rule in rules}
    for case in test.cases:
        transitions, notices = run_case(rules, case)
        changes = [
            f"{(step.observed_at_ms - START_MS) / 1000:g} s {step.rule} {step.kind}"
            for step in transitions
            if step.kind in {"raised", "cleared"}
        ]
        told = [f"{(notice.at_ms - START_MS) / 1000:g} s {notice.rule} {notice.kind}" for notice in notices]
        wanted = [f"{step.at_s:g} s {step.rule} {step.change}" for step in case.alarms]
        wanted_told = [f"{notice.at_s:g} s {notice.rule} {notice.notice}" for notice in case.notices]
        for what, is_, should in (("alarms", changes, wanted), ("notices", told, wanted_told)):
            if is_ != should:
                found.append(f"{test.tests}: {case.case}: {what} are {is_}, expected {should}")
        for notice, expected in zip(notices, case.notices, strict=False):
            is_over = notice.kind == "restored"
            words = headline(by_name[notice.rule], notice.name, notice.facts, "en", is_over=is_over)
            if expected.contains and expected.contains not in words:
                found.append(f"{test.tests}: {case.case}: '{words}' does not contain '{expected.contains}'")
    return found
