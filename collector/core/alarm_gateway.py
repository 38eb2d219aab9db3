"""Everything the alarm engine keeps of one gateway, and how it is saved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from collector.core.alarm_record import Alarm, Key
from collector.core.alarm_seen import SeenBatches
from collector.core.alarm_timeline import HistoryLine, Layout, Timeline
from config.city import Cabinet
from config.rules import GatewayOfflineRule, Rule

RESUME_GAP_MS: Final = 60_000
"""A live line that was silent this long resumes: what lay between may still come as history."""
SAVE_INTERVAL_MS: Final = 10_000
"""A gateway whose alarms do not move is saved this often: repeats of what lies between judge the same again."""


@dataclass(slots=True)
class GatewayState:
    """One gateway.

    Attributes:
        heard_ms: Own time of its last batch; None if it was never heard.
        will_ms: Own time of its last will, if nothing was heard since.
        beats: Batches since its offline alarm was raised.
        clock: Newest (event time, own time of its receipt) of the live line.
        resumed_ms: Event time of the first live reading after the last silence.
        seen: The batches that were evaluated.
        waiting: Epoch, and the newest placeholder time by device, of batches without wall time.
        deadline_ms: Own time at which it must be looked at again.
    """

    name: str
    layout: Layout
    live: Timeline
    alarms: dict[Key, Alarm]
    history: HistoryLine | None = None
    heard_ms: int | None = None
    will_ms: int | None = None
    beats: int = 0
    clock: tuple[int, int] | None = None
    resumed_ms: int = 0
    waiting: tuple[str, dict[str, int]] = ("", {})
    deadline_ms: int | None = None
    saved_ms: int = 0
    seen: SeenBatches = field(default_factory=SeenBatches)

    @classmethod
    def of(cls, name: str, cabinets: Sequence[Cabinet], rules: Sequence[Rule]) -> GatewayState:
        """Return a gateway of which nothing is known yet."""
        layout = Layout.of(cabinets, rules)
        alarms: dict[Key, Alarm] = {}
        for rule in rules:
            sites = [name] if isinstance(rule, GatewayOfflineRule) else [cabinet.id for cabinet in cabinets]
            for site in sites:
                alarms[(site, rule.rule)] = Alarm(rule=rule, site=site, gateway=name)
        return cls(name=name, layout=layout, live=Timeline(layout), alarms=alarms)

    def event_now_ms(self, now_ms: int) -> int | None:
        """Return the event time that it is by now: the newest reading's, plus own time since its receipt."""
        if self.clock is None:
            return None
        return self.clock[0] + max(0, now_ms - self.clock[1])

    def own_ms(self, event_ms: int) -> int:
        """Return the own time at which an event time is reached."""
        return event_ms if self.clock is None else self.clock[1] + event_ms - self.clock[0]

    def tick_clock(self, at_ms: int, received_ms: int) -> None:
        """Take the event time of a live reading."""
        if self.clock is None or at_ms - self.clock[0] > RESUME_GAP_MS:
            self.resumed_ms = at_ms
        if self.clock is None or at_ms > self.clock[0]:
            self.clock = (at_ms, received_ms)

    def shift(self, by_ms: int) -> None:
        """Move own times along with a clock that was set: no silence and no hold gets longer or shorter by it."""
        self.heard_ms = None if self.heard_ms is None else self.heard_ms + by_ms
        self.will_ms = None if self.will_ms is None else self.will_ms + by_ms
        self.clock = None if self.clock is None else (self.clock[0], self.clock[1] + by_ms)
        self.deadline_ms = None if self.deadline_ms is None else self.deadline_ms + by_ms
        self.saved_ms += by_ms
        if self.history is not None:
            self.history.received_ms += by_ms
        for alarm in self.alarms.values():
            alarm.shift(by_ms)

    def not_after(self, now_ms: int) -> None:
        """Bring own times out of the future."""
        self.heard_ms = None if self.heard_ms is None else min(self.heard_ms, now_ms)
        self.will_ms = None if self.will_ms is None else min(self.will_ms, now_ms)
        self.clock = None if self.clock is None else (self.clock[0], min(self.clock[1], now_ms))
        self.deadline_ms = None if self.deadline_ms is None else min(self.deadline_ms, now_ms)
        if self.history is not None:
            self.history.received_ms = min(self.history.received_ms, now_ms)
        for alarm in self.alarms.values():
            alarm.not_after(now_ms)

    def dump(self) -> dict[str, Any]:
        """Return what a restart needs, as plain JSON data."""
        return {
            "heard": self.heard_ms,
            "will": self.will_ms,
            "beats": self.beats,
            "clock": self.clock,
            "resumed": self.resumed_ms,
            "deadline": self.deadline_ms,
            "waiting": self.waiting,
            "seen": self.seen.dump(),
            "live": self.live.dump(),
            "alarms": [[*key, alarm.dump()] for key, alarm in self.alarms.items() if _worth_keeping(alarm)],
            "history": self.history.dump() if self.history else None,
        }

    def restore(self, data: dict[str, Any]) -> None:
        """Take back what `dump` gave; rules and cabinets that no longer exist are dropped."""
        self.heard_ms, self.will_ms, self.beats = data["heard"], data["will"], data["beats"]
        self.clock = (data["clock"][0], data["clock"][1]) if data["clock"] else None
        self.resumed_ms, self.deadline_ms = data["resumed"], data["deadline"]
        self.waiting = (data["waiting"][0], dict(data["waiting"][1]))
        self.seen = SeenBatches.restored(data["seen"])
        self.live.restore(data["live"])
        for site, rule, kept in data["alarms"]:
            if (site, rule) in self.alarms:
                self.alarms[(site, rule)].restore(kept)
        if data["history"]:
            self.history = HistoryLine.restored(self.layout, data["history"])


def _worth_keeping(alarm: Alarm) -> bool:
    return bool(
        alarm.watch.active
        or alarm.watch.pending_ms is not None
        or alarm.state != "normal"
        or alarm.notice != "none"
        or alarm.episodes
    )
