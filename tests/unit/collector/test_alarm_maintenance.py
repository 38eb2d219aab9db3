"""Readings under maintenance are stored, and neither raise an alarm nor end one."""

from __future__ import annotations

from dataclasses import replace

from collector.core.received import Received
from contract.reading import BAD_CAUSES, Cause, Value
from tests.unit.collector.alarm_parts import GOOD, START_MS, batch, blocks
from tests.unit.collector.test_alarm_engine import DEAD, Night, series


def maintained(values: dict[str, Value], first: int, end: int, cause: Cause = Cause.MAINTENANCE) -> list[Received]:
    """Return a reading each second whose meter and inputs somebody works on."""
    items = []
    for at_s in range(first, end):
        at_ms = START_MS + at_s * 1000
        marked = [
            block if block.device == "control" else replace(block, causes=dict.fromkeys(block.keys, cause))
            for block in blocks(values, at_ms)
        ]
        made = batch(marked, sent_ms=at_ms)
        items.append(Received(gateway="gw-1", batch=made, channel="live", received_ms=at_ms))
    return items


def test_a_meter_that_is_taken_off_under_maintenance_raises_nothing() -> None:
    night = Night()
    night.take(*series(GOOD, 0, 10), *maintained(DEAD, 10, 300), *series(GOOD, 300, 320))
    assert night.changes() == []


def test_without_the_mark_the_same_readings_do_raise() -> None:
    night = Night()
    night.take(*series(GOOD, 0, 10), *series(DEAD, 10, 300))
    assert ("c-1", "mains-lost", "raised") in [change[1:] for change in night.changes()]


def test_an_alarm_that_was_there_before_is_held_until_good_readings_end_it() -> None:
    night = Night()
    night.take(*series(GOOD, 0, 10), *series(DEAD, 10, 60), *maintained(GOOD, 60, 200))
    assert [change[2:] for change in night.changes()] == [("mains-lost", "raised")]
    night.take(*series(GOOD, 200, 240))
    assert [change[2:] for change in night.changes()] == [("mains-lost", "raised"), ("mains-lost", "cleared")]


def test_readings_of_a_clock_that_is_not_sure_are_evidence_all_the_same() -> None:
    night = Night()
    night.take(*series(GOOD, 0, 10), *maintained(DEAD, 10, 300, Cause.CLOCK))
    assert ("c-1", "mains-lost", "raised") in [change[1:] for change in night.changes()]


def test_maintenance_is_no_cause_that_takes_the_value() -> None:
    assert Cause.MAINTENANCE not in BAD_CAUSES
