"""Confirmed changes of alarms: their states, their transitions, and what follows for notices."""

from __future__ import annotations

from collector.core.alarm_gateway import GatewayState
from collector.core.alarm_notices import NoticePlan, suppressed
from collector.core.alarm_record import Alarm, Effects, Path, Transition, TransitionKind
from collector.core.alarm_states import AlarmState, Trigger, after
from collector.core.alarm_watch import Change

WINDOW_CHECK_MS = 30_000
"""How often the schedule is asked about an alarm that nobody was told of."""


class AlarmBook:
    """Carries out what the evidence has confirmed.

    Args:
        plan: Decides which alarms become notices.
    """

    def __init__(self, plan: NoticePlan) -> None:
        self.plan = plan
        self.fleet: Alarm | None = None

    def apply(self, gateway: GatewayState | None, alarm: Alarm, change: Change, now_ms: int, effects: Effects) -> None:
        """Carry out a confirmed change of one alarm's condition; its watch has changed already."""
        if change.kind == "raised":
            alarm.late = alarm.late_evidence
            alarm.state = after(alarm.state, Trigger.RAISE)
            alarm.acknowledged_by = ""
            alarm.cleared_ms = None
            alarm.thread = f"{alarm.site}/{alarm.name}/{change.onset_ms}"
            alarm.hold_from_ms = now_ms
        else:
            alarm.state = after(alarm.state, Trigger.CLEAR)
            alarm.cleared_ms = change.onset_ms
            alarm.remember(change.since_ms, change.onset_ms)
        self.note(alarm, change.kind, change.onset_ms, now_ms, effects)
        if change.kind == "cleared":
            self.plan.cleared(gateway, alarm, change.since_ms, change.onset_ms, now_ms, effects)

    def note(
        self,
        alarm: Alarm,
        kind: TransitionKind,
        observed_at_ms: int,
        now_ms: int,
        effects: Effects,
        *,
        path: Path = "live",
        by: str = "",
    ) -> None:
        """Write one step of an alarm's history, and have the alarm shown and saved."""
        effects.transitions.append(
            Transition(
                rule=alarm.name,
                site=alarm.site,
                observed_at_ms=observed_at_ms,
                kind=kind,
                known_ms=now_ms,
                path=path,
                state=alarm.state,
                late=alarm.late or path == "history",
                by=by,
            )
        )
        effects.alarms[alarm.key] = alarm
        effects.gateways.add(alarm.gateway)

    def settle(self, gateway: GatewayState, now_ms: int, effects: Effects) -> None:
        """Suppress, release and tell of one gateway's alarms, as they are now."""
        fleet_is_silent = self.fleet is not None and self.fleet.watch.active
        for alarm in gateway.alarms.values():
            active = alarm.watch.active
            if not active and alarm.state is not AlarmState.SUPPRESSED:
                continue
            explained = suppressed(gateway, alarm, fleet_is_silent)
            if alarm.state is AlarmState.SUPPRESSED and not explained:
                alarm.state = after(alarm.state, Trigger.UNSUPPRESS_ACTIVE if active else Trigger.UNSUPPRESS_NORMAL)
                alarm.hold_from_ms = now_ms
                self.note(alarm, "released", now_ms, now_ms, effects)
            elif explained and active and alarm.state is not after(alarm.state, Trigger.SUPPRESS):
                alarm.state = after(alarm.state, Trigger.SUPPRESS)
                self.note(alarm, "suppressed", now_ms, now_ms, effects)
            if active:
                before = alarm.notice
                self.plan.consider(gateway, alarm, now_ms, effects)
                if alarm.notice != before:
                    effects.gateways.add(gateway.name)
