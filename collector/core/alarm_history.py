"""The second rule state of a gateway: readings that came too late for the live one write alarm history.

History comes in stretches (the last ten minutes first, then oldest first); each stretch is judged by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from collector.core.alarm_book import AlarmBook
from collector.core.alarm_gateway import GatewayState
from collector.core.alarm_notices import explained_in_history
from collector.core.alarm_record import Effects, Key
from collector.core.alarm_timeline import HistoryLine, Timeline
from collector.core.alarm_watch import Change, Verdict, Watch
from collector.core.rules_evidence import CabinetView, facts_of, judge, with_cause
from contract.reading import Block

STRETCH_GAP_MS: Final = 150_000
"""Two heartbeats and a half: readings further apart prove nothing of what lies between."""
BACKWARD_MS: Final = 5_000
"""Batches of different priority overlap by a few commits; further back a new stretch begins."""
IDLE_MS: Final = 90_000
"""Own time without history after which a stretch is over."""
SAME_MS: Final = 5_000
"""Onsets this near are one: the live line may have missed the first readings."""
JOIN_MS: Final = 60_000
"""A late onset that reaches this near to a live one is its beginning."""


def take(
    book: AlarmBook,
    gateway: GatewayState,
    block: Block,
    at_ms: int,
    received_ms: int,
    effects: Effects,
    only: Sequence[str] | None = None,
) -> None:
    """Evaluate one late block on the second line.

    Args:
        book: Gets what it confirms.
        gateway: Whose block it is.
        block: The readings.
        at_ms: Event time.
        received_ms: Own time of the receipt.
        effects: Gets transitions of the history path, corrected onsets and late notices.
        only: The points to take; all if None.
    """
    line = gateway.history
    if line is None or not line.last_at_ms - BACKWARD_MS <= at_ms <= line.last_at_ms + STRETCH_GAP_MS:
        close(book, gateway, received_ms, effects)
        line = gateway.history = HistoryLine(Timeline(gateway.layout), at_ms, received_ms)
    newer, _ = line.timeline.newer(block, block.observed_at_ms)
    keys = newer if only is None else [key for key in newer if key in only]
    if not keys:
        return
    line.last_at_ms = max(line.last_at_ms, at_ms)
    line.received_ms = received_ms
    verdicts = line.timeline.take(block, keys, at_ms, block.observed_at_ms)
    line.timeline.polled(block.device, at_ms, block.observed_at_ms)
    for key, verdict in verdicts.items():
        _judge(book, gateway, line, key, verdict, at_ms, received_ms, effects)


def follow(gateway: GatewayState, epoch: str, seq: int) -> None:
    """Prepare for a batch: where batches between were evaluated live, no delay runs on over the hole."""
    line = gateway.history
    if line is None:
        return
    last_epoch, last_seq = line.batch
    if epoch != last_epoch or gateway.seen.any_between(epoch, last_seq, seq):
        for watch in line.watches.values():
            watch.pending_ms = watch.last_absent_ms = None


def _judge(
    book: AlarmBook,
    gateway: GatewayState,
    line: HistoryLine,
    key: Key,
    verdict: Verdict,
    at_ms: int,
    now_ms: int,
    effects: Effects,
) -> None:
    rule = gateway.layout.rules[key[1]]
    watch = line.watches.setdefault(key, Watch())
    on_ms, off_ms = round(rule.on_delay_s * 1000), round(rule.off_delay_s * 1000)
    view = line.timeline.views[key[0]]
    if verdict is Verdict.PRESENT:
        line.facts[key] = facts_of(view, rule)
    for change in (watch.advance(at_ms, on_ms), watch.observe(verdict, at_ms, on_ms, off_ms)):
        if change is not None:
            _apply(book, gateway, line, key, change, view, now_ms, effects)
    if watch.since_ms is not None and key not in line.known:
        _join(book, gateway, line, key, watch.since_ms, at_ms, now_ms, effects)


def _apply(
    book: AlarmBook,
    gateway: GatewayState,
    line: HistoryLine,
    key: Key,
    change: Change,
    view: CabinetView,
    now_ms: int,
    effects: Effects,
) -> None:
    """Write a confirmed change of the second line; `view` is what shows that a condition is over."""
    alarm = gateway.alarms[key]
    if change.kind == "raised":
        if alarm.knows_of(change.onset_ms, SAME_MS):
            line.known.add(key)
        else:
            book.note(alarm, "raised", change.onset_ms, now_ms, effects, path="history")
    elif key in line.known:
        line.known.discard(key)
    else:
        book.note(alarm, "cleared", change.onset_ms, now_ms, effects, path="history")
        explained = explained_in_history(gateway, alarm, change.since_ms)
        alarm.remember(change.since_ms, change.onset_ms)
        if not explained:
            facts = with_cause(facts_of(view, alarm.rule), line.facts.get(key, {}))
            book.plan.late_pair(gateway, alarm, change.since_ms, change.onset_ms, now_ms, effects, facts)


def _join(
    book: AlarmBook,
    gateway: GatewayState,
    line: HistoryLine,
    key: Key,
    since_ms: int,
    at_ms: int,
    now_ms: int,
    effects: Effects,
) -> None:
    """Correct the onset of a live alarm that history shows to have begun earlier."""
    alarm = gateway.alarms[key]
    live = alarm.watch
    if live.since_ms is not None:
        if since_ms < live.since_ms <= at_ms + JOIN_MS:
            live.since_ms = since_ms
            line.known.add(key)
            book.note(alarm, "onset_corrected", since_ms, now_ms, effects)
    elif live.pending_ms is not None and since_ms < live.pending_ms <= at_ms + JOIN_MS:
        live.pending_ms = since_ms
        line.known.add(key)
        effects.gateways.add(gateway.name)


def close(book: AlarmBook, gateway: GatewayState, now_ms: int, effects: Effects) -> None:
    """End a stretch: what still held at its end and is not so where the live line resumed ended there.

    Where the live line ran all the time (batches changed places), it ended with the stretch if the live line denies it.
    """
    line = gateway.history
    if line is None:
        return
    for key, watch in line.active():
        alarm = gateway.alarms[key]
        resumed_ms = gateway.resumed_ms
        follows = line.last_at_ms <= resumed_ms <= line.last_at_ms + STRETCH_GAP_MS
        inside = gateway.clock is not None and resumed_ms < line.last_at_ms < gateway.clock[0]
        denied = inside and judge(gateway.live.views[key[0]], alarm.rule) is Verdict.ABSENT
        if (follows or denied) and key not in line.known and not alarm.watch.active and alarm.watch.pending_ms is None:
            end_ms = resumed_ms if follows else line.last_at_ms
            change = Change("cleared", end_ms, watch.since_ms or end_ms)
            _apply(book, gateway, line, key, change, gateway.live.views[key[0]], now_ms, effects)
    gateway.history = None
    effects.gateways.add(gateway.name)


def deadline_ms(gateway: GatewayState) -> int | None:
    """Return the own time at which a gateway's stretch is over."""
    return gateway.history.received_ms + IDLE_MS if gateway.history else None
