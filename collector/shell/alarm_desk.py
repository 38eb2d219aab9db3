"""The alarm desk: engine, alarm state on disk, outbox and alarm topics behind one small interface."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import orjson
import structlog

from collector.core.alarm_engine import AlarmEngine
from collector.core.alarm_record import Alarm, Effects, Notice
from collector.core.notice import alarm_text, render
from collector.core.point_names import PointNames
from collector.core.received import Received
from collector.shell.alarm_store import AlarmStore, Outgoing, Shown, Urgency
from collector.shell.desk import AlarmStateError
from collector.shell.notify import ChannelRoad, Notifier, roads_of
from collector.shell.own_evidence import OwnEvidence
from config.agent import Place
from config.city import Cabinet, City
from config.collector import CrewChannels
from config.loader import load_document
from config.rules import Rule
from contract import lights
from contract.lights import Calendar
from contract.state import Meta, Online
from contract.topics import alarm_topic

PRUNE_INTERVAL_MS: Final = 3_600_000
LOUD_SEVERITY: Final = 2
CLOCK_SET_MS: Final = 5_000
"""A difference that is more than a clock's usual correction."""
STOOD_STILL_MS: Final = 30_000
RETIRED_MS: Final = 86_400_000
"""For a day after its end an alarm's topic is cleared again at each connection: the first time may have been lost."""
_log = structlog.get_logger("alarms")


def wall_ms() -> int:
    """Return milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000


def monotonic_ms() -> int:
    """Return milliseconds of a clock that nobody sets."""
    return time.monotonic_ns() // 1_000_000


class AlarmDesk:
    """Evaluates, commits, then publishes and notifies. Used by one thread."""

    def __init__(
        self,
        *,
        state_dir: Path,
        city: City,
        rules: Sequence[Rule],
        notify: Sequence[CrewChannels],
        publish: Callable[[str, bytes | None], None],
        root: str,
        now_ms: Callable[[], int] = wall_ms,
        steady_ms: Callable[[], int] | None = None,
        roads: Sequence[ChannelRoad] | None = None,
        own_evidence: OwnEvidence | None = None,
        rolled_out: Callable[[str], Calendar | None] = lambda _gateway: None,
    ) -> None:
        """Open alarms.db and take the state up where it was left.

        Args:
            state_dir: Where alarms.db lies.
            city: The inventory.
            rules: What raises alarms.
            notify: How crews are reached.
            publish: Publishes a retained message, None to clear it; called after the commit only.
            root: The topic tree's root.
            now_ms: The collector's clock.
            steady_ms: A clock that nobody sets, by which the other is seen to be set; the machine's beside `wall_ms`.
            roads: Instead of `notify`, for tests.
            own_evidence: What other parts of the collector know of cabinets, taken at each tick.
            rolled_out: The calendar that a gateway is known to run by; None: that of its file.

        Raises:
            sqlite3.Error: alarms.db cannot be used.
            OSError: A url_file cannot be read.
            ConfigErrors: A schedule file is wrong.
        """
        self._city, self._publish, self._root = city, publish, root
        self._rules = {rule.rule: rule for rule in rules}
        self._cabinets = {cabinet.id: cabinet for cabinet in city.cabinets}
        self._wards = {ward.id: ward.name for ward in city.wards}
        self._zone = ZoneInfo(city.place.timezone)
        self._roads = roads_of(city, notify) if roads is None else tuple(roads)
        self._names = PointNames()
        self._languages = {crew.id: crew.language for crew in city.crews}
        self._engine = AlarmEngine(city, rules, Schedules(city, rolled_out).lamps_due, now_ms())
        self._store = AlarmStore(state_dir)
        for gateway, body in self._store.engine_states().items():
            try:
                self._engine.load(gateway, orjson.loads(body))
            except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
                # A gateway begins anew rather than that nobody is told of any.
                _log.error("alarm state of a gateway cannot be read", gateway=gateway, error=repr(error)[:200])
        self._engine.loaded(now_ms())
        self._adopt()
        retired = self._store.retire({alarm.key for alarm in self._engine.alarms() if alarm.watch.active}, now_ms())
        if retired:
            _log.warning("alarms ended whose site or rule is gone", count=retired)
        self._notifier = Notifier(self._store, self._roads, city.place.timezone, now_ms)
        self._uncommitted = Effects()
        self._own_evidence = own_evidence or OwnEvidence()
        self._pruned_ms = 0
        self._now_ms = now_ms
        self._steady_ms = steady_ms or (monotonic_ms if now_ms is wall_ms else None)
        self._clocks: tuple[int, int] | None = None

    def described(self, gateway: str, meta: Meta) -> None:
        """Take the names of a gateway's points."""
        self._names.learn(gateway, meta)

    def start(self) -> None:
        """Begin to notify; what a crash left in the outbox goes out now."""
        self._notifier.start()

    def close(self) -> None:
        """Commit what is left and end."""
        try:
            self._commit(Effects())
        except AlarmStateError as error:
            _log.error("alarm state not saved at the end", error=str(error))
        self._notifier.close()
        self._store.close()

    def evaluate(self, items: Sequence[Received]) -> None:
        """Step every item and commit the alarm state once.

        Raises:
            AlarmStateError: The commit failed; none of the items may be confirmed. The next commit takes it along.
        """
        self._uncommitted.add(self._mind_clocks())
        for item in items:
            # At once: where a later item fails, what this one gave must not be lost, for its repeat gives nothing.
            self._uncommitted.add(self._engine.step(item))
        self._commit(Effects())

    def online(self, gateway: str, online: Online, received_ms: int) -> None:
        """Take what a gateway or its last will says."""
        self._commit(self._engine.online(gateway, online.online, received_ms))

    def connected(self, now_ms: int) -> None:
        """Count silence again, and publish every alarm as it is."""
        self._commit(self._engine.connected(now_ms))
        for shown in self._store.shown():
            # By our own clock: the gateway's, which dates the end, may be days behind.
            ended_ms = shown.body.get("ended") or shown.changed_ms
            if shown.active or now_ms - ended_ms < RETIRED_MS:
                self._show(shown)

    def disconnected(self, now_ms: int) -> None:
        """Count no silence while the broker is away."""
        self._commit(self._engine.disconnected(now_ms))

    def tick(self, now_ms: int) -> None:
        """Let time pass, and take acknowledgements and what the collector itself knows."""
        effects = self._mind_clocks()
        for gateway, block in self._own_evidence.take():
            effects.add(self._engine.observe(gateway, block, now_ms))
        effects.add(self._engine.tick(now_ms))
        left = self._store.acknowledgements()
        for _, site, name, by in left:
            effects.add(self._engine.acknowledge(site, name, by, now_ms))
        self._commit(effects)
        if left:
            self._store.acknowledged(left[-1][0])
        if now_ms - self._pruned_ms > PRUNE_INTERVAL_MS:
            self._pruned_ms = now_ms
            given_up = self._store.prune(now_ms)
            if given_up:
                _log.error("messages given up that no service took", count=given_up)

    def _mind_clocks(self) -> Effects:
        """Notice that our clock was set or that we stood still: neither is a gateway's silence."""
        effects = Effects()
        if self._steady_ms is None:
            return effects
        now_ms, steady_ms = self._now_ms(), self._steady_ms()
        before = self._clocks or (now_ms, steady_ms)
        self._clocks = (now_ms, steady_ms)
        passed_ms = steady_ms - before[1]
        by_ms = now_ms - before[0] - passed_ms
        if abs(by_ms) > CLOCK_SET_MS:
            _log.warning("our clock was set", by_s=by_ms / 1000)
            effects.add(self._engine.clock_set(by_ms))
            self._store.clock_set(by_ms)
        if passed_ms > STOOD_STILL_MS:
            _log.warning("the alarm desk stood still", for_s=passed_ms / 1000)
            effects.add(self._engine.resumed(now_ms))
        return effects

    def _adopt(self) -> None:
        """Take messages along to the channels that there are now; a changed URL is a new channel."""
        channels: dict[str, list[str]] = {}
        for road in self._roads:
            channels.setdefault(road.crew, []).append(road.channel)
        moved, dropped = self._store.adopt(channels)
        if moved or dropped:
            _log.warning("messages of channels that are gone", moved=moved, dropped=dropped)

    def _commit(self, effects: Effects) -> None:
        self._uncommitted.add(effects)
        effects = self._uncommitted
        if not effects:
            return
        shown = [self._shown(alarm) for alarm in effects.alarms.values()]
        try:
            self._store.commit(
                states={gateway: self._engine.dump(gateway) for gateway in effects.gateways},
                shown=shown,
                transitions=effects.transitions,
                outgoing=[message for notice in effects.notices for message in self._messages(notice)],
            )
        except sqlite3.Error as error:
            raise AlarmStateError(f"alarms.db: {error}") from error
        self._uncommitted = Effects()
        for alarm in shown:
            self._show(alarm)
        if effects.notices:
            self._notifier.wake()

    def _show(self, shown: Shown) -> None:
        payload = orjson.dumps(shown.body) if shown.active else None
        self._publish(alarm_topic(self._root, shown.site, shown.name), payload)

    def _cabinets_of(self, rule: Rule, site: str, gateway: str) -> tuple[Cabinet, ...]:
        # A gateway is often named like its cabinet.
        if rule.kind != "gateway_offline":
            return (self._cabinets[site],)
        return tuple(cabinet for cabinet in self._city.cabinets if gateway and cabinet.gateway == gateway)

    def _shown(self, alarm: Alarm) -> Shown:
        active = alarm.watch.active
        since_ms = alarm.watch.since_ms if active else None
        changed_ms = since_ms or alarm.cleared_ms or 0
        body: dict[str, Any] = {
            "alarm": alarm.name,
            "rule": alarm.rule.rule,
            "site": alarm.site,
            "gateway": alarm.gateway,
            "severity": alarm.rule.severity,
            "state": str(alarm.state),
            "active": active,
            "since": since_ms,
            "acknowledged_by": alarm.acknowledged_by,
            "text": alarm_text(
                alarm, self._cabinets_of(alarm.rule, alarm.site, alarm.gateway), self._names.of(alarm.gateway)
            ),
        }
        if not active:
            body["ended"] = self._now_ms()
        return Shown(
            site=alarm.site, name=alarm.name, active=active, state=str(alarm.state), changed_ms=changed_ms, body=body
        )

    def _messages(self, notice: Notice) -> list[Outgoing]:
        rule = self._rules[notice.rule]
        cabinets = self._cabinets_of(rule, notice.site, notice.gateway)
        messages: list[Outgoing] = []
        for road in self._roads:
            if road.crew not in notice.crews:
                continue
            # Of a gateway that several crews' cabinets stand behind, each hears of its own.
            own = tuple(cabinet for cabinet in cabinets if cabinet.crew == road.crew)
            names = self._names.of(notice.gateway)
            message = render(notice, rule, own or cabinets, self._wards, self._zone, road.language, names)
            messages.append(
                Outgoing(
                    identity=f"{notice.thread}/{notice.kind}{notice.part}/{road.crew}/{road.channel}",
                    thread=notice.thread,
                    crew=road.crew,
                    channel=road.channel,
                    title=message.title,
                    body=message.body,
                    written_ms=notice.at_ms,
                    urgency=_urgency(notice),
                )
            )
        return messages


def _urgency(notice: Notice) -> Urgency:
    if notice.kind == "raised":
        return "alarm" if notice.severity <= LOUD_SEVERITY else "warning"
    return "over" if notice.wakes else "quiet"


class Schedules:
    """The collector's own evaluation of when lamps are due, for gateways that are silent."""

    def __init__(self, city: City, rolled_out: Callable[[str], Calendar | None] = lambda _gateway: None) -> None:
        """Read every schedule file that the inventory names.

        Args:
            city: The inventory.
            rolled_out: The calendar that a gateway is known to run by, which stands above every file.

        Raises:
            ConfigErrors: One of them is wrong.
        """
        self._place = city.place
        self._rolled_out = rolled_out
        self._default = city.calendar
        files = {file for file in (city.calendar, *(c.calendar for c in city.cabinets)) if file is not None}
        self._schedules = {file: load_document(file, Calendar) for file in files}

    def lamps_due(self, cabinet: Cabinet, at_ms: int) -> bool | None:
        """Return whether a cabinet's lamps are due at a time; None without a schedule."""
        calendar = self.calendar_of(cabinet)
        return None if calendar is None else lights.lamps_due(calendar, self.place_of(cabinet), at_ms)

    def calendar_of(self, cabinet: Cabinet) -> Calendar | None:
        """Return the calendar that a cabinet's gateway runs by, as far as the centre knows; None: there is none."""
        calendar = self._rolled_out(cabinet.gateway)
        file = cabinet.calendar or self._default
        if calendar is not None or file is None:
            return calendar
        return self._schedules[file]

    def place_of(self, cabinet: Cabinet) -> Place:
        """Return where a cabinet stands, else the city's middle; on the city's clocks."""
        if cabinet.place is None:
            return self._place
        return Place(latitude=cabinet.place.latitude, longitude=cabinet.place.longitude, timezone=self._place.timezone)
