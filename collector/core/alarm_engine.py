"""The alarm engine: readings and silence in, transitions and notices out. Time is an argument.

`step`, `online`, `tick` and `acknowledge` return what must be committed together; `next_deadline` says when to `tick`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from collector.core import alarm_history
from collector.core.alarm_book import WINDOW_CHECK_MS, AlarmBook
from collector.core.alarm_gateway import SAVE_INTERVAL_MS, GatewayState
from collector.core.alarm_notices import NoticePlan
from collector.core.alarm_record import Alarm, Effects
from collector.core.alarm_silence import SilenceWatch
from collector.core.alarm_states import Trigger, after
from collector.core.alarm_watch import Change, Verdict
from collector.core.received import Received
from collector.core.rules_evidence import facts_of, with_cause
from config.city import Cabinet, City
from config.rules import GatewayOfflineRule, Rule
from contract.batch import ClockState
from contract.reading import Block

FUTURE_MS: Final = 60_000
"""A reading further in the future is evaluated at its receipt."""
LATE_MS: Final = 60_000
"""Sent later than this after it was observed, a reading is late."""
WAITING_DEVICES: Final = 512


class AlarmEngine:
    """All alarms of a city.

    Args:
        city: The inventory; only its gateways and points are kept, so memory is bounded by it.
        rules: What raises alarms.
        lamps_due: The collector's own evaluation of a cabinet's schedule at a time; None: it has none.
        started_ms: Own time of the start: no gateway is offline within its rule's grace of it.
    """

    def __init__(
        self,
        city: City,
        rules: Sequence[Rule],
        lamps_due: Callable[[Cabinet, int], bool | None],
        started_ms: int,
    ) -> None:
        cabinets: dict[str, list[Cabinet]] = {}
        for cabinet in city.cabinets:
            cabinets.setdefault(cabinet.gateway, []).append(cabinet)
        self._rules = tuple(rules)
        self._gateways = {name: GatewayState.of(name, members, rules) for name, members in cabinets.items()}
        self._book = AlarmBook(NoticePlan(city, lamps_due))
        offline = next((rule for rule in rules if isinstance(rule, GatewayOfflineRule)), None)
        self._silence = SilenceWatch(self._book, self._gateways, offline, started_ms)

    def step(self, item: Received) -> Effects:
        """Evaluate one batch; batches of gateways that are not in the inventory give nothing."""
        effects = Effects()
        gateway = self._gateways.get(item.gateway)
        if gateway is None:
            return effects
        before = _fingerprint(gateway)
        self._silence.heard(gateway, item.received_ms, effects)
        if (item.batch.epoch, item.batch.seq) not in gateway.seen:
            self._evaluate(gateway, item, effects)
        self._settle(gateway, item.received_ms, effects)
        if before != _fingerprint(gateway) or item.received_ms - gateway.saved_ms > SAVE_INTERVAL_MS:
            effects.gateways.add(gateway.name)
        if gateway.name in effects.gateways:
            gateway.saved_ms = item.received_ms
        return effects

    def observe(self, gateway_name: str, block: Block, now_ms: int) -> Effects:
        """Take what the collector itself knows: no sign of life, and never late. Of other gateways nothing is kept.

        Args:
            gateway_name: Whose cabinet it is about.
            block: Of a device that `rules_evidence.own_device` named.
            now_ms: Own time.
        """
        effects = Effects()
        gateway = self._gateways.get(gateway_name)
        if gateway is None or block.device not in gateway.layout.devices:
            return effects
        before = _fingerprint(gateway)
        # On the gateway's own line of time, whatever its clock says, so that delays run as those of its readings do.
        at_ms = gateway.event_now_ms(now_ms) or now_ms
        self._judge(gateway, block, block.keys, at_ms, now_ms, now_ms, False, effects)
        self._settle(gateway, now_ms, effects)
        if before != _fingerprint(gateway):
            effects.gateways.add(gateway.name)
        return effects

    def online(self, gateway_name: str, is_online: bool, received_ms: int) -> Effects:
        """Take a gateway's retained presence or its last will."""
        effects = Effects()
        gateway = self._gateways.get(gateway_name)
        if gateway is not None:
            if is_online:
                gateway.will_ms = None
            else:
                self._silence.will(gateway, received_ms, effects)
            self._settle(gateway, received_ms, effects)
        return effects

    def connected(self, now_ms: int) -> Effects:
        """Begin to count silence again, after the rule's grace."""
        self._silence.connected(now_ms)
        return self._look_again(now_ms)

    def disconnected(self, now_ms: int) -> Effects:
        """Count no silence while the broker is away."""
        self._silence.disconnected()
        return self._look_again(now_ms)

    def resumed(self, now_ms: int) -> Effects:
        """Go on after a pause of the whole process: silence during it means nothing."""
        self._silence.resumed(now_ms)
        return self._look_again(now_ms)

    def clock_set(self, by_ms: int) -> Effects:
        """Take it that our own clock was set by so much: delays, holds and silences go on as they were."""
        effects = Effects()
        for gateway in self._gateways.values():
            gateway.shift(by_ms)
            effects.gateways.add(gateway.name)
        self._silence.shift(by_ms)
        return effects

    def tick(self, now_ms: int) -> Effects:
        """Let time pass: delays that silence completes, holds, silent gateways, the beginning of a window."""
        effects = Effects()
        for gateway in self._gateways.values():
            if gateway.deadline_ms is not None and gateway.deadline_ms <= now_ms:
                self._settle(gateway, now_ms, effects)
        self._silence.tick_fleet(now_ms, effects)
        return effects

    def next_deadline(self) -> int | None:
        """Return the own time at which `tick` has something to do; None: nothing but readings can change anything."""
        return min((gateway.deadline_ms for gateway in self._gateways.values() if gateway.deadline_ms), default=None)

    def acknowledge(self, site: str, name: str, by: str, now_ms: int) -> Effects:
        """Take somebody's word that they know of an alarm; nothing happens where there is none to know of."""
        effects = Effects()
        for alarm in self._every_alarm():
            if alarm.key == (site, name):
                state = after(alarm.state, Trigger.ACKNOWLEDGE)
                if state is not alarm.state:
                    alarm.state, alarm.acknowledged_by = state, by[:64]
                    self._book.note(alarm, "acknowledged", now_ms, now_ms, effects, by=alarm.acknowledged_by)
        return effects

    def alarms(self) -> list[Alarm]:
        """Return every alarm whose condition holds, or that somebody has yet to acknowledge."""
        return [alarm for alarm in self._every_alarm() if alarm.watch.active or alarm.state != "normal"]

    def dump(self, gateway_name: str) -> dict[str, Any]:
        """Return one gateway's state as plain JSON data; the empty name gives the fleet's."""
        if not gateway_name:
            return self._silence.fleet.dump() if self._silence.fleet else {}
        return self._gateways[gateway_name].dump()

    def load(self, gateway_name: str, data: dict[str, Any]) -> None:
        """Take back what `dump` gave; a gateway that the inventory no longer has is dropped.

        Raises:
            KeyError, TypeError, ValueError, IndexError, AttributeError: It is not what `dump` gave; nothing was taken.
        """
        if not gateway_name:
            if self._silence.fleet and data:
                self._silence.fleet.restore(data)
        elif gateway_name in self._gateways:
            cabinets = tuple(self._gateways[gateway_name].layout.cabinets.values())
            restored = GatewayState.of(gateway_name, cabinets, self._rules)
            restored.restore(data)
            self._gateways[gateway_name] = restored

    def loaded(self, now_ms: int) -> None:
        """Bring loaded own times out of the future, where a clock that was wrong before a restart has put them."""
        for gateway in self._gateways.values():
            gateway.not_after(now_ms)
        if self._silence.fleet is not None:
            self._silence.fleet.not_after(now_ms)

    def _every_alarm(self) -> Iterator[Alarm]:
        for gateway in self._gateways.values():
            yield from gateway.alarms.values()
        if self._silence.fleet is not None:
            yield self._silence.fleet

    def _look_again(self, now_ms: int) -> Effects:
        effects = Effects()
        for gateway in self._gateways.values():
            self._settle(gateway, now_ms, effects)
        return effects

    def _rows(self, gateway: GatewayState, item: Received) -> list[tuple[int, Block]]:
        """Return (observed_at_ms, block) of the devices that matter, in the order of time over all of them."""
        rows: list[tuple[int, Block]] = []
        for device, columns in item.batch.d.items():
            if device not in gateway.layout.devices:
                continue
            if item.batch.clk is ClockState.WAITING:
                rows += _placed_at_receipt(gateway, columns.blocks(device), item, columns.t0)
            else:
                rows += ((block.observed_at_ms, block) for block in columns.blocks(device))
        rows.sort(key=lambda row: row[0])
        return rows

    def _evaluate(self, gateway: GatewayState, item: Received, effects: Effects) -> None:
        batch = item.batch
        rows = self._rows(gateway, item)
        if item.channel == "history":
            alarm_history.follow(gateway, batch.epoch, batch.seq)
        went_to_history = [self._take(gateway, item, block, observed_at_ms, effects) for observed_at_ms, block in rows]
        if gateway.history is not None and any(went_to_history):
            gateway.history.batch = (batch.epoch, batch.seq)
        # A batch without wall time comes again with it.
        if batch.clk is not ClockState.WAITING:
            gateway.seen.add(batch.epoch, batch.seq, batch.lo)

    def _take(self, gateway: GatewayState, item: Received, block: Block, observed_at_ms: int, effects: Effects) -> bool:
        """Judge one block on the line that it belongs to, and return whether any of it was history."""
        received_ms = item.received_ms
        is_waiting = item.batch.clk is ClockState.WAITING
        at_ms = min(observed_at_ms, received_ms)
        if item.channel == "history" and not is_waiting:
            alarm_history.take(self._book, gateway, block, at_ms, received_ms, effects)
            return True
        if observed_at_ms > received_ms + FUTURE_MS:
            observed_at_ms = received_ms
        newer, older = gateway.live.newer(block, observed_at_ms)
        if newer:
            late = not is_waiting and item.batch.sent - observed_at_ms > LATE_MS
            self._take_live(gateway, block, newer, at_ms, observed_at_ms, received_ms, late, effects)
        if older and not is_waiting:
            alarm_history.take(self._book, gateway, block, at_ms, received_ms, effects, older)
            return True
        return False

    def _take_live(
        self,
        gateway: GatewayState,
        block: Block,
        keys: Sequence[str],
        at_ms: int,
        observed_at_ms: int,
        received_ms: int,
        late: bool,
        effects: Effects,
    ) -> None:
        self._judge(gateway, block, keys, at_ms, observed_at_ms, received_ms, late, effects)
        gateway.live.polled(block.device, at_ms, observed_at_ms)
        gateway.tick_clock(at_ms, received_ms)

    def _judge(
        self,
        gateway: GatewayState,
        block: Block,
        keys: Sequence[str],
        at_ms: int,
        observed_at_ms: int,
        received_ms: int,
        late: bool,
        effects: Effects,
    ) -> None:
        verdicts = gateway.live.take(block, keys, at_ms, observed_at_ms)
        for key, verdict in verdicts.items():
            alarm = gateway.alarms[key]
            on_ms, off_ms = round(alarm.rule.on_delay_s * 1000), round(alarm.rule.off_delay_s * 1000)
            self._apply(gateway, alarm, alarm.watch.advance(at_ms, on_ms), received_ms, effects)
            if verdict is not Verdict.UNKNOWN:
                alarm.late_evidence = late
            if verdict is Verdict.PRESENT:
                alarm.late = alarm.late and late
                self._present(gateway, alarm, at_ms, received_ms, effects)
            change = alarm.watch.observe(verdict, at_ms, on_ms, off_ms)
            if change is not None and change.kind == "cleared":
                is_brief = alarm.notice == "held"
                facts = facts_of(gateway.live.views[key[0]], alarm.rule)
                alarm.facts = with_cause(facts, alarm.facts) if is_brief else facts
            self._apply(gateway, alarm, change, received_ms, effects)

    def _present(self, gateway: GatewayState, alarm: Alarm, at_ms: int, now_ms: int, effects: Effects) -> None:
        """Take the facts of a condition that holds; once crews were told, they change only where it grows worse."""
        facts = facts_of(gateway.live.views[alarm.site], alarm.rule)
        if not alarm.watch.active or alarm.notice != "told":
            alarm.facts, alarm.worse_ms = facts, None
        elif alarm.grows_worse(facts, at_ms, round(alarm.rule.on_delay_s * 1000)):
            alarm.facts, alarm.worse_ms = facts, None
            self._book.plan.worse(gateway, alarm, now_ms, effects)
            effects.alarms[alarm.key] = alarm
            effects.gateways.add(gateway.name)

    def _apply(self, gateway: GatewayState, alarm: Alarm, change: Change | None, now_ms: int, effects: Effects) -> None:
        if change is not None:
            self._book.apply(gateway, alarm, change, now_ms, effects)

    def _settle(self, gateway: GatewayState, now_ms: int, effects: Effects) -> None:
        """Bring one gateway to the own time `now_ms`, and set when it must be looked at again."""
        event_now_ms = gateway.event_now_ms(now_ms)
        if event_now_ms is not None:
            for key, alarm in gateway.alarms.items():
                if alarm.watch.pending_ms is not None and not alarm.watch.active and key[1] in gateway.layout.rules:
                    change = alarm.watch.advance(event_now_ms, round(alarm.rule.on_delay_s * 1000))
                    self._apply(gateway, alarm, change, now_ms, effects)
        self._silence.mature(gateway, now_ms, effects)
        history_ms = alarm_history.deadline_ms(gateway)
        if history_ms is not None and now_ms >= history_ms:
            alarm_history.close(self._book, gateway, now_ms, effects)
        self._book.settle(gateway, now_ms, effects)
        gateway.deadline_ms = self._deadline(gateway, now_ms)

    def _deadline(self, gateway: GatewayState, now_ms: int) -> int | None:
        due = [self._silence.deadline_ms(gateway), alarm_history.deadline_ms(gateway)]
        for alarm in gateway.alarms.values():
            if alarm.watch.active:
                waits = alarm.notice == "none"
                due.append(now_ms + WINDOW_CHECK_MS if waits else alarm.hold_until_ms)
            elif alarm.watch.pending_ms is not None:
                due.append(gateway.own_ms(alarm.watch.pending_ms + round(alarm.rule.on_delay_s * 1000)))
        return min((time_ms for time_ms in due if time_ms is not None), default=None)


def _fingerprint(gateway: GatewayState) -> tuple[object, ...]:
    """Return what must not be lost in a restart, of conditions that are moving."""
    history_at_ms = gateway.history.last_at_ms if gateway.history else None
    alarms = gateway.alarms.values()
    return (
        history_at_ms,
        *((alarm.watch.since_ms, alarm.watch.pending_ms, alarm.notice, alarm.late) for alarm in alarms),
    )


def _placed_at_receipt(
    gateway: GatewayState, blocks: Iterator[Block], item: Received, first_ms: int
) -> Iterator[tuple[int, Block]]:
    """Yield the rows of a batch without wall time at their age before the receipt; repeats of its epoch are dropped."""
    epoch, newest = gateway.waiting
    if epoch != item.batch.epoch:
        newest = {}
    for block in blocks:
        if block.observed_at_ms <= newest.get(block.device, -1):
            continue
        if block.device in newest or len(newest) < WAITING_DEVICES:
            newest[block.device] = block.observed_at_ms
        age_ms = (item.batch.age_ms or 0) - (block.observed_at_ms - first_ms)
        yield item.received_ms - max(0, age_ms), block
    gateway.waiting = (item.batch.epoch, newest)
