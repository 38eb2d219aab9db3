"""Retries of a channel: back-off without end, errors that tell no secret, and one word when it works again."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from collector.shell.alarm_store import AlarmStore, Outgoing
from collector.shell.notify import (
    FIRST_RETRY_S,
    LATE_MS,
    LONGEST_RETRY_S,
    ChannelRoad,
    Notifier,
    channel_name,
    roads_of,
)
from collector.shell.notify_sender import AppriseSender
from collector.shell.notify_worker import url_for
from config.collector import Channel, CrewChannels
from tests.unit.collector.alarm_parts import START_MS, city


class Service:
    """A way to a crew that fails as it is told to."""

    def __init__(self, outcomes: list[bool | Exception]) -> None:
        self.outcomes = outcomes
        self.bodies: list[str] = []

    def send(self, title: str, body: str, urgency: str) -> bool:
        assert title
        assert urgency == "alarm"
        self.bodies.append(body)
        outcome = self.outcomes.pop(0) if self.outcomes else True
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def rest(self) -> None:
        """It has no process."""


def prepared(tmp_path: Path, service: Service) -> tuple[AlarmStore, Notifier, ChannelRoad, list[int]]:
    store = AlarmStore(tmp_path)
    row = Outgoing(
        identity="i", thread="t", crew="north", channel="a", title="MẤT ĐIỆN", body="từ 20:00", written_ms=START_MS
    )
    store.commit(states={}, shown=[], transitions=[], outgoing=[row])
    clock = [START_MS]
    road = ChannelRoad("north", "a", "vi", service)
    return store, Notifier(store, [road], "Asia/Ho_Chi_Minh", lambda: clock[0]), road, clock


def test_each_failure_waits_longer_up_to_five_minutes_and_it_never_ends(tmp_path: Path) -> None:
    service = Service([False] * 20)
    store, notifier, road, clock = prepared(tmp_path, service)
    pauses: list[float] = []
    while len(pauses) < 20:
        waiting = store.due("a", clock[0])
        assert waiting is not None
        assert notifier._send(road, waiting, failing=True)
        assert store.due("a", clock[0]) is None
        before = clock[0]
        while store.due("a", clock[0]) is None:
            clock[0] += 100
        pauses.append((clock[0] - before) / 1000)
    for number, pause_s in enumerate(pauses):
        longest_s = min(LONGEST_RETRY_S, FIRST_RETRY_S * 2**number)
        assert 0.8 * longest_s <= pause_s <= longest_s + 0.2
    waiting = store.due("a", clock[0])
    assert waiting is not None
    assert not notifier._send(road, waiting, failing=True)
    assert store.waiting_count() == 0
    assert len(service.bodies) == 21
    store.close()


def test_a_late_message_says_when_it_was_written_in_its_first_line(tmp_path: Path) -> None:
    service = Service([])
    store, notifier, road, clock = prepared(tmp_path, service)
    clock[0] += LATE_MS + 1
    waiting = store.due("a", clock[0])
    assert waiting is not None
    notifier._send(road, waiting, failing=False)
    assert service.bodies == ["[Gửi muộn, lập lúc 20:00] từ 20:00"]
    store.close()


def test_what_a_plug_in_raises_is_kept_by_its_kind_alone(tmp_path: Path) -> None:
    service = Service([ValueError("https://user:hunter2@example.invalid refused")])
    store, notifier, road, clock = prepared(tmp_path, service)
    waiting = store.due("a", clock[0])
    assert waiting is not None
    assert notifier._send(road, waiting, failing=False)
    kept = store._database.execute("SELECT error FROM outbox").fetchall()
    assert kept == [("ValueError",)]
    store.close()


def test_a_url_that_is_none_is_a_failure_and_no_crash() -> None:
    sender = AppriseSender("nonsense")
    assert sender.send("title", "body", "alarm") is False
    sender.rest()


def test_a_disk_that_refuses_the_mark_sends_no_message_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collector.shell.notify.LOOK_INTERVAL_S", 0.001)
    service = Service([])
    store, notifier, road, clock = prepared(tmp_path, service)
    refusals = [sqlite3.OperationalError("database or disk is full")] * 5
    really = store.sent

    def sent(identity: int, now_ms: int) -> None:
        if refusals:
            raise refusals.pop()
        really(identity, now_ms)

    monkeypatch.setattr(store, "sent", sent)
    waiting = store.due("a", clock[0])
    assert waiting is not None
    assert not notifier._send(road, waiting, failing=False)
    assert store.waiting_count() == 0
    assert len(service.bodies) == 1
    store.close()


def test_a_message_that_wakes_nobody_says_so_where_the_service_knows_how() -> None:
    assert url_for("tgram://token/chat", "quiet") == "tgram://token/chat?silent=yes"
    assert url_for("ntfys://host/topic?priority=max&auth=x", "quiet") == "ntfys://host/topic?auth=x&priority=low"
    assert url_for("ntfys://host/topic?priority=max", "alarm") == "ntfys://host/topic?priority=max"
    assert url_for("json://host/crew?silent=no", "quiet") == "json://host/crew?silent=no"


def test_roads_have_names_that_tell_nothing(tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text("json://user:hunter2@127.0.0.1/x\n", "utf-8")
    notify = [
        CrewChannels(crew="north", channels=(Channel(url_file=file), Channel(url="json://127.0.0.1/y"))),
        CrewChannels(crew="south", channels=(Channel(url="json://127.0.0.1/y"),)),
    ]
    roads = roads_of(city(), notify)
    assert [(road.crew, road.language) for road in roads] == [("north", "vi"), ("north", "vi"), ("south", "en")]
    assert roads[0].channel == channel_name("json://user:hunter2@127.0.0.1/x")
    assert "hunter2" not in roads[0].channel
    assert roads[1].channel == roads[2].channel
