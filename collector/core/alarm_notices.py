"""When crews are told: the window, the hold in which a higher cause may show, and what one cause amounts to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from collector.core.alarm_gateway import GatewayState
from collector.core.alarm_record import Alarm, Effects, Notice, NoticeKind
from collector.core.alarm_states import AlarmState
from collector.core.rules_evidence import LAMPS_DUE
from config.city import Cabinet, City

SILENT_MS: Final = 90_000
"""After this the gateway's own `lamps_due` is no longer believed."""
LATE_HOLD_MS: Final = 15_000
"""A late loss waits at least this long for its restore, which is often on the way too."""
_HIDDEN: Final = frozenset({AlarmState.SHELVED, AlarmState.SUPPRESSED, AlarmState.OUT_OF_SERVICE})


class NoticePlan:
    """Decides which alarms become notices.

    Args:
        city: Whose crews are told.
        lamps_due: The collector's own evaluation of a cabinet's schedule at a time; None: it has none.
    """

    def __init__(self, city: City, lamps_due: Callable[[Cabinet, int], bool | None]) -> None:
        self._lamps_due = lamps_due
        self._all_crews = tuple(crew.id for crew in city.crews)

    def cabinets_of(self, gateway: GatewayState | None, alarm: Alarm) -> tuple[Cabinet, ...]:
        """Return the cabinets that an alarm concerns."""
        if gateway is None:
            return ()
        if alarm.rule.kind == "gateway_offline":
            return tuple(gateway.layout.cabinets.values())
        return (gateway.layout.cabinets[alarm.site],)

    def window_open(self, gateway: GatewayState | None, alarm: Alarm, at_ms: int, now_ms: int) -> bool:
        """Return whether crews are to hear of this alarm at a time; where nobody knows, they are."""
        if alarm.rule.window == "always" or gateway is None:
            return True
        return any(self._due(gateway, cabinet, at_ms, now_ms) for cabinet in self.cabinets_of(gateway, alarm))

    def _due(self, gateway: GatewayState, cabinet: Cabinet, at_ms: int, now_ms: int) -> bool:
        if not cabinet.is_switched:
            return True
        sample = gateway.live.samples.get(LAMPS_DUE)
        said = bool(sample.value) if sample is not None and sample.usable else None
        heard = gateway.heard_ms is not None and now_ms - gateway.heard_ms <= SILENT_MS
        if said is not None and heard and now_ms - at_ms <= SILENT_MS:
            return said
        due = self._lamps_due(cabinet, at_ms)
        if due is None:
            due = said
        return True if due is None else due

    def consider(self, gateway: GatewayState | None, alarm: Alarm, now_ms: int, effects: Effects) -> None:
        """Hold, drop or give the notice of an active alarm."""
        if alarm.state in _HIDDEN:
            if alarm.notice == "held":
                alarm.notice, alarm.hold_until_ms = "none", None
            return
        since_ms = alarm.watch.since_ms or now_ms
        if alarm.notice == "none":
            is_open = self.window_open(gateway, alarm, now_ms, now_ms)
            if not is_open and not (alarm.late and self.window_open(gateway, alarm, since_ms, now_ms)):
                return
            hold_ms = max(round(alarm.rule.notice_hold_s * 1000), LATE_HOLD_MS if alarm.late else 0)
            alarm.notice, alarm.hold_until_ms = "held", max(alarm.hold_from_ms + hold_ms, now_ms)
        if alarm.notice == "held" and alarm.hold_until_ms is not None and now_ms >= alarm.hold_until_ms:
            alarm.notice, alarm.hold_until_ms = "told", None
            self._give("raised", gateway, alarm, since_ms, None, now_ms, effects)

    def worse(self, gateway: GatewayState, alarm: Alarm, now_ms: int, effects: Effects) -> None:
        """Tell again of an alarm that crews know of: more of the cabinet's phases are missing."""
        if alarm.state not in _HIDDEN and self.window_open(gateway, alarm, now_ms, now_ms):
            since_ms = alarm.watch.since_ms or now_ms
            self._give("raised", gateway, alarm, since_ms, None, now_ms, effects, part=alarm.facts.get("phases", ""))

    def cleared(
        self, gateway: GatewayState | None, alarm: Alarm, since_ms: int, until_ms: int, now_ms: int, effects: Effects
    ) -> None:
        """Tell that an alarm is over, if crews knew of it or a brief one is worth a word."""
        held = alarm.notice == "held"
        told = alarm.notice == "told"
        alarm.notice, alarm.hold_until_ms = "none", None
        if told:
            self._give("restored", gateway, alarm, since_ms, until_ms, now_ms, effects)
        elif held and alarm.rule.if_brief == "tell":
            self._give("brief", gateway, alarm, since_ms, until_ms, now_ms, effects)

    def late_pair(
        self,
        gateway: GatewayState,
        alarm: Alarm,
        since_ms: int,
        until_ms: int,
        now_ms: int,
        effects: Effects,
        facts: dict[str, str],
    ) -> None:
        """Tell of what began and ended before anybody here could know: one notice that wakes nobody."""
        if alarm.rule.if_brief == "tell" and self.window_open(gateway, alarm, since_ms, now_ms):
            thread = f"{alarm.site}/{alarm.name}/{since_ms}"
            self._give(
                "brief", gateway, alarm, since_ms, until_ms, now_ms, effects, thread=thread, late=True, facts=facts
            )

    def _give(
        self,
        kind: NoticeKind,
        gateway: GatewayState | None,
        alarm: Alarm,
        since_ms: int,
        until_ms: int | None,
        now_ms: int,
        effects: Effects,
        *,
        thread: str | None = None,
        late: bool | None = None,
        facts: dict[str, str] | None = None,
        part: str = "",
    ) -> None:
        cabinets = self.cabinets_of(gateway, alarm)
        crews = tuple(dict.fromkeys(cabinet.crew for cabinet in cabinets)) or self._all_crews
        effects.notices.append(
            Notice(
                kind=kind,
                rule=alarm.rule.rule,
                name=alarm.name,
                site=alarm.site,
                gateway=alarm.gateway,
                thread=alarm.thread if thread is None else thread,
                crews=crews,
                severity=alarm.rule.severity,
                since_ms=since_ms,
                until_ms=until_ms,
                late=alarm.late if late is None else late,
                wakes=kind != "brief",
                at_ms=now_ms,
                facts=dict(alarm.facts if facts is None else facts),
                part=part,
            )
        )


def suppressed(gateway: GatewayState, alarm: Alarm, fleet_is_silent: bool) -> bool:
    """Return whether a higher cause that is active explains an alarm.

    A gateway's own alarm is explained when all of its cabinets have the cause: of the others it would be news.
    """
    names: Sequence[str] = alarm.rule.suppressed_by
    if alarm.rule.kind == "gateway_offline":
        if fleet_is_silent:
            return True
        sites = tuple(gateway.layout.cabinets)
        return any(all(_active(gateway, site, name) for site in sites) for name in names)
    return any(_active(gateway, alarm.site, name) or _active(gateway, gateway.name, name) for name in names)


def _active(gateway: GatewayState, site: str, name: str) -> bool:
    alarm = gateway.alarms.get((site, name))
    return alarm is not None and alarm.watch.active


def explained_in_history(gateway: GatewayState, alarm: Alarm, at_ms: int) -> bool:
    """Return whether a higher cause was active at a past event time, as far as the live line or history knows."""
    for name in alarm.rule.suppressed_by:
        higher = gateway.alarms.get((alarm.site, name))
        if higher is not None and higher.knows_of(at_ms, 5_000):
            return True
        watch = gateway.history.watches.get((alarm.site, name)) if gateway.history else None
        if watch is not None and watch.active:
            return True
    return False
