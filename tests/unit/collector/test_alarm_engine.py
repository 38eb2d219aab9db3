"""The alarm engine in virtual time: what a rule's test file cannot say."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence

import pytest

from collector.core.alarm_engine import AlarmEngine
from collector.core.alarm_record import Effects
from collector.core.received import Received
from config.city import Cabinet, City
from config.rules import load_rules
from contract.batch import ClockState
from contract.reading import Value
from tests.unit.collector.alarm_parts import EPOCH, GOOD, LOST, START_MS, batch, blocks, cabinet, city, received

RULES = load_rules()
DEAD: dict[str, Value] = {"m/u1": 0.0, "m/u2": 0.0, "m/u3": 0.0, "d/mains_ok": False, "control/lamps_due": 1}


def always(_cabinet: Cabinet, _now_ms: int) -> bool | None:
    return True


class Night:
    """An engine, its time, and everything that came of it."""

    def __init__(
        self, inventory: City | None = None, lamps_due: Callable[[Cabinet, int], bool | None] = always
    ) -> None:
        self.inventory = inventory or city()
        self.lamps_due = lamps_due
        self.engine = AlarmEngine(self.inventory, RULES, lamps_due, START_MS)
        self.total = self.engine.connected(START_MS)

    def until(self, at_s: float) -> None:
        end_ms = START_MS + round(at_s * 1000)
        last_ms = -1
        while (due_ms := self.engine.next_deadline()) is not None and last_ms < due_ms <= end_ms:
            self.total.add(self.engine.tick(due_ms))
            last_ms = due_ms
        self.total.add(self.engine.tick(end_ms))

    def take(self, *items: Received) -> Effects:
        effects = Effects()
        for item in sorted(items, key=lambda item: item.received_ms):
            self.until((item.received_ms - START_MS) / 1000)
            effects.add(self.engine.step(item))
        self.total.add(effects)
        return effects

    def changes(self, *, path: str | None = None) -> list[tuple[float, str, str, str]]:
        return [
            ((step.observed_at_ms - START_MS) / 1000, step.site, step.rule, step.kind)
            for step in self.total.transitions
            if step.kind in {"raised", "cleared", "onset_corrected"} and path in {None, step.path}
        ]

    def told(self) -> list[tuple[float, str, str, str]]:
        return [
            ((notice.at_ms - START_MS) / 1000, notice.site, notice.name, notice.kind) for notice in self.total.notices
        ]


def series(
    values: Mapping[str, Value], first: int, end: int, step: int = 1, *, gateway: str = "gw-1", offset_s: float = 0.0
) -> list[Received]:
    return [received(values, at_s, gateway=gateway, offset_s=offset_s) for at_s in range(first, end, step)]


def test_one_gateway_looks_after_several_cabinets() -> None:
    inventory = city(cabinet(1, gateway="gw-1"), cabinet(2, gateway="gw-1", meter="m2", io="d2", crew="south"))
    night = Night(inventory)
    both = {**GOOD, "m2/u1": 230.0, "m2/u2": 230.0, "m2/u3": 230.0, "d2/mains_ok": True}
    half = {**both, "m2/u1": 0.0, "m2/u2": 0.0, "m2/u3": 0.0, "d2/mains_ok": False}
    night.take(*series(both, 0, 10), *series(half, 10, 80), *series(both, 80, 120))
    assert night.changes() == [(10.0, "c-2", "mains-lost", "raised"), (80.0, "c-2", "mains-lost", "cleared")]
    assert [(notice.site, notice.crews) for notice in night.total.notices] == [("c-2", ("south",))] * 2


def test_unknown_gateways_and_points_give_nothing_and_are_not_kept() -> None:
    night = Night()
    stranger = night.take(*series(DEAD, 0, 20, gateway="gw-stranger"))
    other = night.take(*series({"x/u1": 0.0, "m/temperature": 99.0}, 20, 40))
    assert not stranger.transitions
    assert not other.transitions
    assert "x/u1" not in str(night.engine.dump("gw-1"))


def test_a_late_loss_and_its_restore_are_one_notice_that_wakes_nobody() -> None:
    night = Night()
    night.take(*series(GOOD, 0, 10))
    lost = [received(DEAD, at_s, channel="event", late_s=400 - at_s) for at_s in range(60, 70)]
    back = [received(GOOD, at_s, channel="event", late_s=401 - at_s) for at_s in range(100, 115)]
    night.take(*lost, *back)
    night.take(*series(GOOD, 402, 500))
    assert [change for change in night.changes() if change[2] == "mains-lost"] == [
        (60.0, "c-1", "mains-lost", "raised"),
        (100.0, "c-1", "mains-lost", "cleared"),
    ]
    mains = [notice for notice in night.total.notices if notice.rule == "mains-lost"]
    assert [(notice.kind, notice.wakes, notice.late) for notice in mains] == [("brief", False, True)]
    assert mains[0].since_ms == START_MS + 60_000
    assert mains[0].until_ms == START_MS + 100_000


def test_a_late_loss_that_still_holds_wakes_with_its_true_beginning() -> None:
    night = Night()
    night.take(*series(GOOD, 0, 10))
    night.take(*[received(DEAD, at_s, channel="event", late_s=300 - at_s) for at_s in range(60, 70)])
    night.take(*series(DEAD, 301, 400))
    mains = [notice for notice in night.total.notices if notice.rule == "mains-lost"]
    assert [(notice.kind, notice.wakes) for notice in mains] == [("raised", True)]
    assert mains[0].since_ms == START_MS + 60_000
    assert mains[0].at_ms <= START_MS + 347_000


def test_history_moves_the_beginning_of_a_live_loss_back() -> None:
    night = Night()
    night.take(*series(GOOD, 0, 10))
    night.take(*series(DEAD, 400, 420))
    # The last ten minutes come first, then the oldest.
    recent = [received(DEAD, at_s, channel="history", late_s=421 - at_s) for at_s in range(300, 400)]
    night.take(*recent)
    old_good = [received(GOOD, at_s, channel="history", late_s=425 - at_s) for at_s in range(10, 200)]
    old_dead = [received(DEAD, at_s, channel="history", late_s=425 - at_s) for at_s in range(200, 300)]
    night.take(*old_good, *old_dead)
    corrected = [change for change in night.changes() if change[3] == "onset_corrected"]
    assert corrected == [
        (300.0, "c-1", "mains-lost", "onset_corrected"),
        (200.0, "c-1", "mains-lost", "onset_corrected"),
    ]
    night.take(*series(DEAD, 430, 480))
    told = [notice for notice in night.total.notices if notice.rule == "mains-lost"]
    assert [(notice.kind, notice.since_ms) for notice in told] == [("raised", START_MS + 200_000)]


def test_a_loss_in_an_outage_whose_restore_was_seen_live_is_told_once() -> None:
    night = Night()
    night.take(*series(GOOD, 0, 10))
    night.take(*series(GOOD, 400, 420))
    lost = [received(DEAD, at_s, channel="history", late_s=421 - at_s) for at_s in range(100, 400)]
    night.take(*lost)
    night.take(*series(GOOD, 422, 600))
    mains = [notice for notice in night.total.notices if notice.rule == "mains-lost"]
    assert [(notice.kind, notice.wakes) for notice in mains] == [("brief", False)]
    assert (mains[0].since_ms, mains[0].until_ms) == (START_MS + 100_000, START_MS + 400_000)


def test_what_was_seen_live_and_comes_again_as_history_is_told_once() -> None:
    night = Night()
    live = [*series(GOOD, 0, 10), *series(DEAD, 10, 100), *series(GOOD, 100, 130)]
    night.take(*live)
    before = (list(night.changes()), list(night.told()))
    again = [
        Received(gateway=item.gateway, batch=item.batch, channel="history", received_ms=START_MS + 131_000 + number)
        for number, item in enumerate(live)
    ]
    night.take(*again)
    night.take(*series(GOOD, 132, 300))
    assert (night.changes(), night.told()) == before


def test_live_readings_between_those_of_history_disturb_neither() -> None:
    night = Night()
    night.take(*series(GOOD, 0, 10))
    late = [
        *(received(DEAD, at_s, channel="history", late_s=500.5) for at_s in range(60, 100)),
        *(received(GOOD, at_s, channel="history", late_s=500.5) for at_s in range(100, 140)),
    ]
    night.take(*late, *series(GOOD, 540, 800))
    mains = [change for change in night.changes() if change[2] == "mains-lost"]
    assert mains == [(60.0, "c-1", "mains-lost", "raised"), (100.0, "c-1", "mains-lost", "cleared")]
    assert [told[1:] for told in night.told() if told[2] == "mains-lost"] == [("c-1", "mains-lost", "brief")]


def test_single_lost_batches_make_no_outage_of_what_was_well_between() -> None:
    night = Night()
    glitch = [received(DEAD, at_s, channel="history", late_s=100.5) for at_s in (20, 22, 24, 26)]
    well = series(GOOD, 0, 200)
    lost = {START_MS + at_s * 1000 for at_s in (20, 22, 24, 26)}
    live = [item for item in well if item.received_ms not in lost]
    numbers = {item.received_ms: item.batch.seq for item in well}
    placed = [
        Received(
            gateway=item.gateway,
            batch=item.batch.model_copy(update={"seq": numbers[item.received_ms - 100_500]}),
            channel=item.channel,
            received_ms=item.received_ms,
        )
        for item in glitch
    ]
    night.take(*live, *placed)
    assert night.changes() == []
    assert night.told() == []


def test_a_clock_that_runs_ahead_is_evaluated_at_its_receipt() -> None:
    night = Night()
    ahead = 3_600.0
    night.take(*series(GOOD, 0, 10, offset_s=ahead), *series(DEAD, 10, 60, offset_s=ahead))
    assert night.changes() == [(10.0, "c-1", "mains-lost", "raised")]
    # Its clock is set right: what it reads now is older than what it claimed, and counts all the same.
    night.take(*series(GOOD, 60, 80))
    assert night.changes()[-1] == (60.0, "c-1", "mains-lost", "cleared")


def test_a_clock_that_is_a_little_ahead_never_puts_an_event_into_the_future() -> None:
    night = Night()
    night.take(*series(GOOD, 0, 10, offset_s=30.0), *series(DEAD, 10, 60, offset_s=30.0))
    assert night.changes() == [(10.0, "c-1", "mains-lost", "raised")]
    assert all(step.observed_at_ms <= step.known_ms for step in night.total.transitions)


def test_a_slow_clock_is_not_late() -> None:
    night = Night()
    night.take(*series(GOOD, 0, 10, offset_s=-7200.0), *series(DEAD, 10, 60, offset_s=-7200.0))
    assert [step.late for step in night.total.transitions if step.rule == "mains-lost"] == [False]
    assert [notice.kind for notice in night.total.notices] == ["raised"]


def test_a_batch_without_wall_time_is_evaluated_by_its_age_and_its_repeat_is_not() -> None:
    night = Night()
    night.take(*series(GOOD, 0, 10))
    unplaced = batch(blocks(DEAD, START_MS - 10**9), sent_ms=0, clock=ClockState.WAITING, age_ms=5_000)
    for at_s in (30, 40, 60):
        waiting = unplaced.model_copy(update={"age_ms": 5_000 + (at_s - 30) * 1000})
        night.take(Received(gateway="gw-1", batch=waiting, channel="event", received_ms=START_MS + at_s * 1000))
    night.until(70)
    assert night.changes() == [(25.0, "c-1", "mains-lost", "raised")]


def test_silence_completes_an_on_delay_and_never_an_off_delay() -> None:
    night = Night()
    night.take(*series(GOOD, 0, 10), received(DEAD, 10))
    night.until(13)
    assert night.changes() == [(10.0, "c-1", "mains-lost", "raised")]
    night.take(received(GOOD, 20))
    night.until(80)
    assert len(night.changes()) == 1
    # 120 s without a word: the clearing evidence begins anew.
    night.take(received(GOOD, 140))
    assert all(change[3] != "cleared" or change[2] != "mains-lost" for change in night.changes())
    night.take(*series(GOOD, 141, 155))
    assert (140.0, "c-1", "mains-lost", "cleared") in night.changes()


def test_a_meter_that_stays_mute_does_not_hold_a_lost_mains_for_ever() -> None:
    night = Night()
    mute = {**LOST, "d/mains_ok": True}
    night.take(*series(GOOD, 0, 10), *series(LOST, 10, 100), *series(mute, 100, 300))
    mains = [change for change in night.changes() if change[2] == "mains-lost"]
    assert [change[3] for change in mains] == ["raised", "cleared"]
    assert ("c-1", "meter-comm", "raised") in {told[1:] for told in night.told()}


def test_an_input_that_stays_open_when_the_mains_come_back_neither_holds_the_alarm_nor_hides_itself() -> None:
    night = Night()
    open_input = {**GOOD, "d/mains_ok": False}
    night.take(*series(GOOD, 0, 10), *series(LOST, 10, 100), *series(open_input, 100, 200))
    assert ("c-1", "mains-lost", "restored") in {told[1:] for told in night.told()}
    assert ("c-1", "sensor-conflict", "raised") in {told[1:] for told in night.told()}


def test_a_phase_lost_for_a_moment_is_told_with_its_name() -> None:
    night = Night()
    night.take(*series(GOOD, 0, 10), *series({**GOOD, "m/u2": 112.0}, 10, 25), *series(GOOD, 25, 60))
    (brief,) = night.total.notices
    assert (brief.kind, brief.rule, brief.facts["phases"]) == ("brief", "phase-loss", "L2")
    assert brief.facts["voltages"] == "L1 230 V, L2 231 V, L3 229 V"


def test_a_second_phase_that_fails_later_is_told_once_in_the_same_thread() -> None:
    night = Night()
    one, two = {**GOOD, "m/u2": 112.0}, {**GOOD, "m/u2": 112.0, "m/u3": 90.0}
    # Three seconds are no change, as they are no alarm.
    night.take(*series(GOOD, 0, 10), *series(one, 10, 80), *series(two, 80, 83), *series(one, 83, 100))
    night.take(*series(two, 100, 200), *series(one, 200, 220), *series(two, 220, 240), *series(GOOD, 240, 260))
    told = [(notice.at_ms - START_MS, notice.kind, notice.facts["phases"]) for notice in night.total.notices]
    assert told == [(60_000, "raised", "L2"), (105_000, "raised", "L2, L3"), (250_000, "restored", "")]
    assert len({notice.thread for notice in night.total.notices}) == 1
    assert len({notice.part for notice in night.total.notices if notice.kind == "raised"}) == 2


def test_what_history_tells_of_carries_the_facts_of_then() -> None:
    night = Night()
    night.take(*series(GOOD, 0, 10), *series({**GOOD, "m/u3": 90.0}, 10, 20), *series(GOOD, 20, 40))
    late = [
        *(received({**GOOD, "m/u2": 112.0}, at_s, channel="history", late_s=500.5) for at_s in range(60, 100)),
        *(received(GOOD, at_s, channel="history", late_s=500.5) for at_s in range(100, 140)),
    ]
    night.take(*late[:60])
    night.engine.load("gw-1", json.loads(json.dumps(night.engine.dump("gw-1"))))
    night.take(*late[60:], *series(GOOD, 700, 800))
    told = [(notice.kind, notice.facts["phases"]) for notice in night.total.notices if notice.rule == "phase-loss"]
    assert told == [("brief", "L3"), ("brief", "L2")]


def test_a_gateway_with_a_broken_charger_loses_no_mains_by_a_poll_that_failed() -> None:
    night = Night()
    well: dict[str, Value] = {**GOOD, "agent/power_source": "battery"}
    del well["d/mains_ok"]
    mute: dict[str, Value] = {**well, "m/u1": "timeout", "m/u2": "crc", "m/u3": "timeout"}
    night.take(*series(well, 0, 600, 10))
    for at_s in range(600, 1_200, 60):
        night.take(*series(mute, at_s, at_s + 11, 10), *series(well, at_s + 20, at_s + 60, 10))
    assert night.changes() == []
    night.take(*series(mute, 1_200, 1_300, 10))
    assert ("c-1", "mains-lost", "raised") in {change[1:] for change in night.changes()}


def test_a_change_of_supply_and_one_failed_poll_are_a_last_gasp() -> None:
    night = Night()
    well: dict[str, Value] = {"m/u1": 230.0, "m/u2": 230.0, "m/u3": 230.0, "agent/power_source": "mains"}
    night.take(*series(well, 0, 300, 10))
    night.take(received({"m/u1": "timeout", "m/u2": "timeout", "m/u3": "timeout"}, 300))
    night.take(received({"agent/power_source": "battery"}, 300.5, channel="event"))
    night.until(400)
    assert ("c-1", "mains-lost", "raised") in {told[1:] for told in night.told()}


def test_most_of_the_fleet_silent_at_once_is_one_message_about_ourselves() -> None:
    inventory = city(*(cabinet(number) for number in range(1, 11)))
    night = Night(inventory)
    for at_s in range(0, 200, 10):
        night.take(*(received(GOOD, at_s, gateway=f"gw-{number}") for number in range(1, 11)))
    for at_s in range(200, 260, 10):
        night.take(*(received(GOOD, at_s, gateway=f"gw-{number}") for number in range(1, 4)))
    for at_s in range(260, 500, 10):
        night.take(received(GOOD, at_s, gateway="gw-1"))
    raised = [told for told in night.told() if told[3] == "raised"]
    assert [told[1:] for told in raised] == [("collector", "gateways-offline", "raised")]
    assert set(night.total.notices[0].crews) == {"north", "south"}
    for at_s in range(500, 700, 10):
        night.take(*(received(GOOD, at_s, gateway=f"gw-{number}") for number in range(1, 11)))
    assert [told[1:] for told in night.told()] == [
        ("collector", "gateways-offline", "raised"),
        ("collector", "gateways-offline", "restored"),
    ]


def test_after_the_fleet_is_back_a_gateway_that_is_not_gets_its_own_message() -> None:
    inventory = city(*(cabinet(number) for number in range(1, 7)))
    night = Night(inventory)
    for at_s in range(0, 200, 10):
        night.take(*(received(GOOD, at_s, gateway=f"gw-{number}") for number in range(1, 7)))
    night.until(400)
    for at_s in range(400, 700, 10):
        night.take(*(received(GOOD, at_s, gateway=f"gw-{number}") for number in range(1, 6)))
    raised = [told[1:] for told in night.told() if told[3] == "raised"]
    assert raised == [("collector", "gateways-offline", "raised"), ("gw-6", "gateway-offline", "raised")]


def test_while_the_broker_is_away_no_gateway_is_offline() -> None:
    night = Night()
    night.take(*series(GOOD, 0, 200, 10))
    night.total.add(night.engine.disconnected(START_MS + 200_000))
    night.until(2_000)
    assert night.changes() == []
    night.total.add(night.engine.connected(START_MS + 2_000_000))
    night.until(2_119)
    assert night.changes() == []
    night.until(2_121)
    assert night.changes() == [(190.0, "gw-1", "gateway-offline", "raised")]


def test_the_window_begins_while_the_gateway_is_silent() -> None:
    night = Night(lamps_due=lambda _cabinet, now_ms: now_ms >= START_MS + 3_600_000)
    day: dict[str, Value] = {**DEAD, "control/lamps_due": 0}
    night.take(*series(GOOD, 0, 5), *series(day, 5, 30))
    night.until(3_599)
    assert not [told for told in night.told() if told[2] == "mains-lost"]
    night.until(3_640)
    told = [told for told in night.told() if told[2] == "mains-lost"]
    assert [entry[1:] for entry in told] == [("c-1", "mains-lost", "raised")]
    assert 3_600 <= told[0][0] <= 3_630


def test_where_nobody_knows_whether_lamps_are_due_crews_are_told() -> None:
    night = Night(lamps_due=lambda _cabinet, _now_ms: None)
    unsaid = {key: value for key, value in DEAD.items() if key != "control/lamps_due"}
    night.take(*series(unsaid, 0, 60))
    assert [told[1:] for told in night.told()] == [("c-1", "mains-lost", "raised")]


def test_an_acknowledged_alarm_ends_normal_and_an_unknown_one_changes_nothing() -> None:
    night = Night()
    night.take(*series(GOOD, 0, 10), *series(DEAD, 10, 80))
    effects = night.engine.acknowledge("c-1", "mains-lost", "Lan", START_MS + 80_000)
    assert [(step.kind, step.by, step.state) for step in effects.transitions] == [("acknowledged", "Lan", "acked")]
    assert not night.engine.acknowledge("c-1", "mains-lost", "Lan", START_MS + 81_000)
    assert not night.engine.acknowledge("c-9", "mains-lost", "Lan", START_MS + 81_000)
    night.take(*series(GOOD, 81, 100))
    assert night.engine.alarms() == []


@pytest.mark.parametrize("polls", [[3], [4, 4], [4, 1, 4]])
def test_fewer_than_five_failed_polls_are_no_silent_meter(polls: Sequence[int]) -> None:
    night = Night()
    mute = {**LOST, "d/mains_ok": True}
    at_s = 0
    for count in polls:
        night.take(*series(GOOD, at_s, at_s + 5), *series(mute, at_s + 5, at_s + 5 + count))
        at_s += 5 + count
    night.take(*series(GOOD, at_s, at_s + 100))
    assert night.changes() == []


def test_memory_is_bounded_by_the_inventory_whatever_a_gateway_sends() -> None:
    night = Night()
    night.take(*series(GOOD, 0, 10))
    size = len(str(night.engine.dump("gw-1")))
    for at_s in range(10, 2_000, 10):
        stray: dict[str, Value] = {f"x{at_s}/p{number}": 1.0 for number in range(20)}
        night.take(received({**GOOD, **stray}, at_s))
        night.take(received(DEAD, at_s + 1, channel="history", late_s=3))
    assert len(str(night.engine.dump("gw-1"))) < 6 * size


def test_the_epoch_of_the_tests_is_one_of_the_contract() -> None:
    assert batch(blocks(GOOD, START_MS), sent_ms=START_MS).epoch == EPOCH
