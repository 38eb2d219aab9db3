"""Messages from the outbox to people: one thread a channel, so that a slow service delays no other."""

from __future__ import annotations

import hashlib
import random
import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

import structlog

from collector.core.notice import sent_late_note
from collector.shell.alarm_store import AlarmStore, Waiting
from collector.shell.notify_sender import AppriseSender, Sender
from config.city import City
from config.collector import Channel, CrewChannels
from config.language import Language

FIRST_RETRY_S: Final = 5.0
LONGEST_RETRY_S: Final = 300.0
LOOK_INTERVAL_S: Final = 1.0
LATE_MS: Final = 300_000
"""A message that waited longer says when it was written."""
_log = structlog.get_logger("notify")


@dataclass(frozen=True, slots=True)
class ChannelRoad:
    """A channel of a crew: its name in the outbox, and what sends."""

    crew: str
    channel: str
    language: Language
    sender: Sender


def channel_name(url: str) -> str:
    """Return a channel's name in the outbox: stable, and telling nothing of the secrets in its URL."""
    return hashlib.sha256(url.encode()).hexdigest()[:16]


def roads_of(city: City, notify: Sequence[CrewChannels]) -> tuple[ChannelRoad, ...]:
    """Return every crew's channels.

    Raises:
        OSError: A url_file cannot be read.
    """
    languages = {crew.id: crew.language for crew in city.crews}
    roads: list[ChannelRoad] = []
    for entry in notify:
        for channel in entry.channels:
            url = channel_url(channel)
            roads.append(
                ChannelRoad(entry.crew, channel_name(url), languages.get(entry.crew, "vi"), AppriseSender(url))
            )
    return tuple(roads)


def channel_url(channel: Channel) -> str:
    """Return a channel's URL, which may be a secret.

    Raises:
        OSError: Its url_file cannot be read.
    """
    if channel.url is not None:
        return channel.url
    with open(str(channel.url_file), encoding="utf-8") as secret:  # noqa: PTH123 - checked with the configuration
        return secret.readline().strip()


class Notifier:
    """Sends what the outbox holds until it is closed.

    At least once: a message is marked sent after its service took it, so that a crash in between sends it a second
    time rather than never. Each failed try waits twice as long as the last, up to five minutes, without end.
    """

    def __init__(self, store: AlarmStore, roads: Sequence[ChannelRoad], zone: str, now_ms: Callable[[], int]) -> None:
        self._store = store
        self._zone = ZoneInfo(zone)
        self._now_ms = now_ms
        self._closing = threading.Event()
        self._wakes: list[threading.Event] = []
        self._threads: list[threading.Thread] = []
        for channel, road in {road.channel: road for road in roads}.items():
            wake = threading.Event()
            self._wakes.append(wake)
            name = f"notify-{road.crew}-{channel[:4]}"
            # A daemon: a service that answers a byte a minute must not hold the collector's end.
            self._threads.append(threading.Thread(target=self._run, args=(road, wake), name=name, daemon=True))

    def start(self) -> None:
        """Begin to send."""
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """Look at the outbox now."""
        for event in self._wakes:
            event.set()

    def close(self) -> None:
        """End after the messages under way, or leave them to the next start."""
        self._closing.set()
        self.wake()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(5.0)

    def _run(self, road: ChannelRoad, wake: threading.Event) -> None:
        failing = False
        while not self._closing.is_set():
            wake.clear()
            try:
                while not self._closing.is_set():
                    waiting = self._store.due(road.channel, self._now_ms())
                    if waiting is None:
                        break
                    failing = self._send(road, waiting, failing)
            except Exception as error:  # noqa: BLE001 - whatever it was, the crew's next message must still go out
                _log.error("outbox cannot be used", crew=road.crew, error=f"{type(error).__name__}: {error}"[:200])
            road.sender.rest()
            wake.wait(LOOK_INTERVAL_S)

    def _send(self, road: ChannelRoad, waiting: Waiting, failing: bool) -> bool:
        body = waiting.body
        if self._now_ms() - waiting.written_ms > LATE_MS:
            note = sent_late_note(waiting.written_ms, self._now_ms(), self._zone, road.language)
            body = f"{note} {body}"
        error = "not taken by the service"
        try:
            taken = road.sender.send(waiting.title, body, waiting.urgency)
        except Exception as reason:  # noqa: BLE001 - a plug-in of one service must not end the channel
            # Only the kind: a message of a plug-in may quote the URL with its secret.
            taken, error = False, type(reason).__name__
        if taken:
            self._write(road, lambda: self._store.sent(waiting.id, self._now_ms()))
            if failing:
                _log.info("crew can be reached again", crew=road.crew, channel=road.channel)
            return False
        pause_s = min(LONGEST_RETRY_S, FIRST_RETRY_S * 2 ** min(waiting.attempts, 10)) * random.uniform(0.8, 1.0)  # noqa: S311 - spreads retries, guards nothing
        self._write(road, lambda: self._store.failed(waiting.id, self._now_ms() + round(pause_s * 1000), error))
        if not failing:
            _log.error("crew cannot be reached", crew=road.crew, channel=road.channel, error=error)
        return True

    def _write(self, road: ChannelRoad, write: Callable[[], None]) -> None:
        """Write what became of a message, however long the disk refuses: what is not marked sent would go out again."""
        refused = False
        while True:
            try:
                write()
            except sqlite3.Error as error:
                if not refused:
                    _log.error("outbox cannot be written", crew=road.crew, error=str(error))
                refused = True
            else:
                return
            if self._closing.wait(LOOK_INTERVAL_S):
                return
