"""Gateways that are not heard: one alarm a gateway, or one about ourselves when most of the fleet falls silent."""

from __future__ import annotations

from collections.abc import Mapping

from collector.core.alarm_book import AlarmBook
from collector.core.alarm_gateway import GatewayState
from collector.core.alarm_record import FLEET_NAME, FLEET_SITE, Alarm, Effects
from collector.core.alarm_watch import Change
from config.rules import GatewayOfflineRule


class SilenceWatch:
    """Raises and clears the alarms about silent gateways.

    Args:
        book: Carries out what is confirmed.
        gateways: All gateways of the inventory, by name.
        rule: What silence means; None: nothing is ever said about it.
        started_ms: Own time of the start.
    """

    def __init__(
        self,
        book: AlarmBook,
        gateways: Mapping[str, GatewayState],
        rule: GatewayOfflineRule | None,
        started_ms: int,
    ) -> None:
        self._book = book
        self._gateways = gateways
        self._rule = rule
        self._grace_from_ms = started_ms
        self._is_connected = False
        self.fleet = Alarm(rule=rule, site=FLEET_SITE, gateway="", name=FLEET_NAME) if rule else None
        book.fleet = self.fleet

    def connected(self, now_ms: int) -> None:
        """Begin the grace of a connection to the broker."""
        self._is_connected = True
        self._grace_from_ms = max(self._grace_from_ms, now_ms)

    def disconnected(self) -> None:
        """While we are away ourselves, no silence counts."""
        self._is_connected = False

    def resumed(self, now_ms: int) -> None:
        """Begin the grace anew: while we did not run, nobody could be heard."""
        if self._is_connected:
            self._grace_from_ms = max(self._grace_from_ms, now_ms)

    def shift(self, by_ms: int) -> None:
        """Move own times along with a clock that was set."""
        self._grace_from_ms += by_ms
        if self.fleet is not None:
            self.fleet.shift(by_ms)

    def heard(self, gateway: GatewayState, received_ms: int, effects: Effects) -> None:
        """Take a batch as a heartbeat."""
        gateway.heard_ms = max(received_ms, gateway.heard_ms or 0)
        gateway.will_ms = None
        alarm = self._alarm(gateway)
        if alarm is None or self._rule is None or not alarm.watch.active:
            return
        if gateway.beats == 0:
            alarm.watch.pending_ms = received_ms
        gateway.beats += 1
        first_ms = alarm.watch.pending_ms or received_ms
        effects.gateways.add(gateway.name)
        if gateway.beats < self._rule.heartbeats or received_ms - first_ms < round(self._rule.off_delay_s * 1000):
            return
        since_ms = alarm.watch.since_ms or first_ms
        alarm.watch.since_ms = alarm.watch.pending_ms = None
        self._book.apply(gateway, alarm, Change("cleared", first_ms, since_ms), received_ms, effects)
        self._judge_fleet(received_ms, effects)

    def will(self, gateway: GatewayState, received_ms: int, effects: Effects) -> None:
        """Take the broker's word that the gateway's connection broke: it only starts a hold."""
        if gateway.will_ms is None:
            gateway.will_ms = received_ms
            gateway.beats = 0
            effects.gateways.add(gateway.name)

    def deadline_ms(self, gateway: GatewayState) -> int | None:
        """Return the own time at which silence becomes an alarm; None: not as things are."""
        alarm = self._alarm(gateway)
        if alarm is None or self._rule is None or not self._is_connected or alarm.watch.active:
            return None
        matures: list[int] = []
        if gateway.heard_ms is not None:
            matures.append(gateway.heard_ms + round(self._rule.on_delay_s * 1000))
        if gateway.will_ms is not None:
            matures.append(gateway.will_ms + round(self._rule.will_hold_s * 1000))
        if not matures:
            return None
        return max(min(matures), self._grace_from_ms + round(self._rule.start_grace_s * 1000))

    def mature(self, gateway: GatewayState, now_ms: int, effects: Effects) -> None:
        """Raise the alarm of a gateway whose deadline has passed."""
        deadline_ms = self.deadline_ms(gateway)
        alarm = self._alarm(gateway)
        if deadline_ms is None or alarm is None or now_ms < deadline_ms:
            return
        last_ms = _last_contact(gateway)
        gateway.beats = 0
        alarm.watch.since_ms = last_ms
        alarm.watch.pending_ms = None
        cabinets = gateway.layout.cabinets.values()
        alarm.facts = {"site": gateway.name, "lamps": str(sum(cabinet.lamps for cabinet in cabinets))}
        self._book.apply(gateway, alarm, Change("raised", last_ms, last_ms), now_ms, effects)
        self._judge_fleet(now_ms, effects)

    def tick_fleet(self, now_ms: int, effects: Effects) -> None:
        """Give the fleet's notice when it is due."""
        if self.fleet is not None and self.fleet.watch.active and self.fleet.notice != "told":
            self._book.plan.consider(None, self.fleet, now_ms, effects)
            effects.gateways.add("")

    def _judge_fleet(self, now_ms: int, effects: Effects) -> None:
        fleet, rule = self.fleet, self._rule
        if fleet is None or rule is None:
            return
        known = [gateway for gateway in self._gateways.values() if _last_contact(gateway)]
        silent = [gateway for gateway in known if (alarm := self._alarm(gateway)) and alarm.watch.active]
        if fleet.watch.since_ms is not None:
            if len(silent) <= rule.fleet_share * len(known):
                change = Change("cleared", now_ms, fleet.watch.since_ms)
                fleet.watch.since_ms = None
                self._book.apply(None, fleet, change, now_ms, effects)
                self._settle(silent, now_ms, effects)
            return
        newest_ms = max((_last_contact(gateway) for gateway in silent), default=0)
        window_ms = round(rule.fleet_window_s * 1000)
        together = [gateway for gateway in silent if _last_contact(gateway) >= newest_ms - window_ms]
        if len(together) >= rule.fleet_least and len(together) > rule.fleet_share * len(known):
            since_ms = min(_last_contact(gateway) for gateway in together)
            fleet.watch.since_ms = since_ms
            fleet.facts = {"site": FLEET_SITE, "fleet": f"{len(silent)}/{len(known)}"}
            self._book.apply(None, fleet, Change("raised", since_ms, since_ms), now_ms, effects)
            fleet.hold_from_ms -= round(fleet.rule.notice_hold_s * 1000)
            self._settle(silent, now_ms, effects)
            self.tick_fleet(now_ms, effects)

    def _settle(self, gateways: list[GatewayState], now_ms: int, effects: Effects) -> None:
        for gateway in gateways:
            self._book.settle(gateway, now_ms, effects)
            gateway.deadline_ms = now_ms

    def _alarm(self, gateway: GatewayState) -> Alarm | None:
        return gateway.alarms.get((gateway.name, self._rule.rule)) if self._rule else None


def _last_contact(gateway: GatewayState) -> int:
    """Return the own time of the last sign of a gateway; 0 if there never was one."""
    return gateway.heard_ms or gateway.will_ms or 0
