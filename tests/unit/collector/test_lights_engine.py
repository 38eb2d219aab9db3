"""The lights of a cabinet by its gateway's batches: faults of switching, days, history, restarts."""

from __future__ import annotations

import itertools
import json
import random

import pytest

from collector.core.lights_cabinet import DayPlan
from collector.core.lights_engine import LightsEngine, Saved
from collector.core.lights_summary import NightSummary
from collector.core.received import Received
from collector.core.rules_run import batch_of
from contract.reading import Value
from tests.unit.collector.lights_gateway import (
    CABINET,
    GATEWAY,
    Gateway,
    block,
    city_of,
    days_after,
    engine_of,
    feed,
    ms_of,
    raised,
)
from tests.unit.collector.lights_street import DAY_S, OFF_S, ON_S

NOON_S = DAY_S / 2
RESET_S = 27 * 3600


def summary(engine: LightsEngine, day: float, now_s: float) -> NightSummary:
    saved = list(engine.due_for_saving(ms_of(now_s), everything=True))
    return saved[0].days[days_after(day)][1]


def one_night(gateway: Gateway, first_s: float = NOON_S, end_s: float = NOON_S + DAY_S) -> list[tuple[str, bool]]:
    return raised(feed(engine_of(), gateway.batches(first_s, end_s)))


def test_a_quiet_night_finds_nothing_and_comes_to_its_plan() -> None:
    gateway, engine = Gateway(step_s=60), engine_of()
    assert raised(feed(engine, gateway.batches(NOON_S, NOON_S + DAY_S - 60))) == []
    night = summary(engine, 0, NOON_S + DAY_S)
    assert night.planned == {"A": 660, "B": 660, "C": 270}
    for name, minutes in night.planned.items():
        assert abs(night.burning[name] - minutes) <= 2
    assert night.switchings == {"A": 1, "B": 1, "C": 1}
    assert (night.unlit, night.rejected) == (0, 0)
    # A batch may be missing in the very minute in which lamps are due.
    assert night.unknown <= 2
    assert night.plan_wh == pytest.approx((660 + 660 + 270) / 60 * 8 * 170)
    assert night.energy_wh == pytest.approx(gateway.energy_wh - 5_000_000, rel=0.002)
    assert night.full_wh == pytest.approx(3 * (660 + 20) / 60 * 8 * 170)


def test_a_welded_contactor_is_stuck_on_until_it_opens() -> None:
    def closed(at_s: float, name: str, wanted: bool) -> bool:
        return wanted or (name == "B" and OFF_S < at_s < OFF_S + 7200)

    changes = feed(engine_of(), Gateway(closed=closed).batches(NOON_S, NOON_S + DAY_S))
    assert ("stuck_on", True) in raised(changes)
    assert ("stuck_on", False) in raised(changes)[-2:]
    assert next(words for _, name, holds, words in changes if name == "stuck_on" and holds) == "B"
    # The sun is up by then: the same lamps burn by day, which the rule lets the first explain.
    assert {name for name, _ in raised(changes)} == {"stuck_on", "day_burn"}


def test_lamps_that_draw_without_a_contact_are_stuck_on_too() -> None:
    gateway = Gateway(
        closed=lambda _at_s, _name, _wanted: None,
        burning=lambda at_s, name, wanted: wanted or (name == "A" and OFF_S < at_s < OFF_S + 900),
    )
    assert one_night(gateway) == [("stuck_on", True), ("stuck_on", False)]


def test_a_contactor_that_does_not_close() -> None:
    gateway = Gateway(closed=lambda at_s, name, wanted: wanted and not (name == "A" and at_s < ON_S + 3600))
    assert one_night(gateway) == [("contactor_no_close", True), ("contactor_no_close", False)]


def test_a_blown_fuse_behind_a_closed_contactor() -> None:
    gateway = Gateway(burning=lambda at_s, name, closed: closed and not (name == "B" and 20 * 3600 < at_s < 21 * 3600))
    assert one_night(gateway) == [("line_open", True), ("line_open", False)]


def test_without_a_contact_a_dark_circuit_did_not_close() -> None:
    gateway = Gateway(
        closed=lambda _at_s, _name, _wanted: None,
        burning=lambda at_s, name, wanted: wanted and not (name == "B" and 20 * 3600 < at_s < 21 * 3600),
    )
    assert one_night(gateway) == [("contactor_no_close", True), ("contactor_no_close", False)]


def test_a_hand_at_the_selector_is_nobody_s_fault() -> None:
    gateway = Gateway(
        closed=lambda at_s, _name, wanted: wanted or OFF_S < at_s < OFF_S + 3600,
        more=lambda at_s: {"selector_local": OFF_S < at_s < OFF_S + 3600},
    )
    assert one_night(gateway) == []


@pytest.mark.parametrize("reason", ["override by huong", "dark_day"])
def test_who_asked_for_light_by_day_gets_no_alarm(reason: str) -> None:
    def more(at_s: float) -> dict[str, Value]:
        asked = OFF_S + 7200 < at_s < OFF_S + 14_400
        return {"wanted_a": True, "reason_a": reason} if asked else {}

    def closed(at_s: float, name: str, wanted: bool) -> bool:
        return wanted or (name == "A" and OFF_S + 7200 < at_s < OFF_S + 14_400)

    assert one_night(Gateway(closed=closed, more=more)) == []
    reason = "program"
    assert one_night(Gateway(closed=closed, more=more)) == [("day_burn", True), ("day_burn", False)]


def test_a_mains_loss_is_dark_minutes_and_no_fault_of_the_lamps() -> None:
    gateway, engine = Gateway(mains=lambda at_s: not 20 * 3600 <= at_s < 21 * 3600), engine_of()
    assert raised(feed(engine, gateway.batches(NOON_S, NOON_S + DAY_S))) == []
    night = summary(engine, 0, NOON_S + DAY_S)
    assert 55 <= night.unlit <= 65
    assert night.unknown <= 2


def test_a_silent_gateway_is_unknown_and_not_dark_until_its_history_comes() -> None:
    gateway, engine = Gateway(), engine_of()
    before = list(gateway.batches(NOON_S, 20 * 3600))
    lost = list(gateway.batches(20 * 3600, 22 * 3600, "history"))
    after = list(gateway.batches(22 * 3600, NOON_S + DAY_S))
    feed(engine, iter(before + after))
    night = summary(engine, 0, NOON_S + DAY_S)
    assert 100 <= night.unknown <= 120
    assert night.unlit == 0
    assert raised(feed(engine, iter(lost))) == []
    night = summary(engine, 0, NOON_S + DAY_S)
    assert night.unlit == 0
    assert night.unknown <= 2


def test_nights_of_a_silent_gateway_are_unknown_and_minutes_to_come_are_not() -> None:
    engine = engine_of()
    feed(engine, Gateway().batches(NOON_S, NOON_S + 3600))
    list(engine.due_for_saving(ms_of(NOON_S + 3600), everything=True))
    evening_s = DAY_S + 20 * 3600
    saved = next(iter(engine.due_for_saving(ms_of(evening_s), everything=True)))
    assert {day: (night.due, night.unknown) for day, (_, night) in saved.days.items()} == {
        days_after(0): (660, 660),
        days_after(1): (121, 121),
    }
    later = next(iter(engine.due_for_saving(ms_of(evening_s + DAY_S), everything=True)))
    assert later.days[days_after(1)][1].unknown == 660


def test_the_gateway_s_own_hours_and_counts_know_of_what_was_lost() -> None:
    def more(at_s: float) -> dict[str, Value]:
        lit_s = min(max(0.0, at_s - ON_S), OFF_S - ON_S)
        return {"on_hours_a": 4000 + lit_s / 3600, "switch_count_a": 900 + (at_s > ON_S) + 4 * (at_s > 21 * 3600)}

    gateway, engine = Gateway(more=more), engine_of()
    feed(engine, gateway.batches(NOON_S, 20 * 3600))
    feed(engine, gateway.batches(26 * 3600, NOON_S + DAY_S))
    night = summary(engine, 0, NOON_S + DAY_S)
    assert night.burning["A"] == pytest.approx(660, abs=2)
    assert night.burning["B"] < 400
    assert night.switchings == {"A": 5, "B": 2, "C": 1}


def test_a_city_is_saved_share_by_share_and_what_has_news_first() -> None:
    cabinets = [
        city_of(id=f"c-{number}", devices={"meter": f"m-{number}", "io": "relay"}, circuits=[]).cabinets[0]
        for number in range(60)
    ]
    engine = engine_of(city_of().model_copy(update={"cabinets": tuple(cabinets)}))
    now_ms = ms_of(NOON_S)
    batch = batch_of([block("relay", now_ms, {"mains_ok": True})], seq=1, sent_ms=now_ms)
    engine.take(Received(gateway=GATEWAY, batch=batch, channel="live", received_ms=now_ms))
    shares = [[each.cabinet for each in engine.due_for_saving(now_ms + number)] for number in range(5)]
    assert [len(share) for share in shares] == [16, 16, 16, 12, 0]
    engine._cabinets["c-59"].saved_ms = 0
    assert next(each.cabinet for each in engine.due_for_saving(now_ms + 400_000)) == "c-59"


def test_history_wakes_nobody_whatever_it_tells() -> None:
    gateway = Gateway(
        closed=lambda _at_s, _name, _wanted: False,
        burning=lambda _at_s, _name, _closed: True,
    )
    engine = engine_of()
    changes = feed(engine, gateway.batches(NOON_S, NOON_S + DAY_S, "history"))
    assert raised(changes) == []
    now_s = NOON_S + DAY_S
    feed(engine, Gateway(seed=2).batches(now_s, now_s + 600))
    assert summary(engine, 0, now_s).burning == {"A": 0, "B": 0, "C": 0}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_day_is_the_same_in_whatever_order_and_how_often_its_batches_come(seed: int) -> None:
    items = list(Gateway(seed=seed, mains=lambda at_s: not 23 * 3600 < at_s < 23.3 * 3600).batches(NOON_S, 1.5 * DAY_S))
    in_order = engine_of()
    feed(in_order, iter(items))
    chooser = random.Random(seed)
    stretches = [list(part) for _, part in itertools.groupby(items, lambda item: item.received_ms // 1_740_000)]
    chooser.shuffle(stretches)
    late = [
        Received(gateway=GATEWAY, batch=item.batch, channel="history", received_ms=ms_of(1.5 * DAY_S))
        for stretch in stretches + stretches[:9]
        for item in stretch
    ]
    shuffled = engine_of()
    assert raised(feed(shuffled, iter(late))) == []
    one, other = (summary(engine, 0, 1.5 * DAY_S) for engine in (in_order, shuffled))
    assert one == other


def test_energy_survives_a_reset_a_glitch_and_a_changed_meter() -> None:
    def counter(at_s: float, wh: float) -> float:
        if 20.02 * 3600 < at_s < 20.04 * 3600:
            return 0.0
        if 21.0 * 3600 < at_s < 21.02 * 3600:
            return 4e9
        if at_s <= RESET_S:
            before_wh.append(wh)
            return wh
        return wh - before_wh[-1]

    before_wh: list[float] = []
    gateway, engine = Gateway(counter=counter, step_s=60, missing=0.0), engine_of()
    feed(engine, gateway.batches(NOON_S, NOON_S + DAY_S - 60))
    night = summary(engine, 0, NOON_S + DAY_S)
    assert night.resets == 1
    # What flowed between the last hour's reading and the reset is not known to the counter any more.
    assert night.energy_wh == pytest.approx(gateway.energy_wh - 5_000_000, rel=0.12)
    assert night.energy_wh is not None
    assert night.energy_wh <= gateway.energy_wh - 5_000_000 + 1


def test_a_restart_in_the_middle_of_a_night_loses_neither_day_nor_base() -> None:
    shelf: dict[tuple[str, str], dict[str, object]] = {}

    def keep(saved: list[Saved]) -> dict[str, object]:
        for each in saved:
            for day, (body, _) in each.days.items():
                shelf[each.cabinet, day] = json.loads(json.dumps(body))
        state: dict[str, object] = json.loads(json.dumps(saved[0].state))
        return state

    whole, gateway = engine_of(), Gateway()
    items = list(gateway.batches(NOON_S, 2.5 * DAY_S))
    feed(whole, iter(items))
    engine = engine_of(shelf=lambda cabinet, day: shelf.get((cabinet, day)))
    for start in range(0, len(items), 700):
        feed(engine, iter(items[start : start + 700]))
        state = keep(list(engine.due_for_saving(items[min(start + 699, len(items) - 1)].received_ms, everything=True)))
        engine = engine_of(shelf=lambda cabinet, day: shelf.get((cabinet, day)))
        engine.restore(CABINET, state)
    final = next(iter(whole.due_for_saving(ms_of(2.5 * DAY_S), everything=True)))
    assert json.loads(json.dumps(final.state)) == state
    for day in (days_after(0), days_after(1)):
        assert json.loads(json.dumps(final.days[day][0])) == shelf[CABINET, day]


def test_a_gateway_that_tells_of_no_circuits_goes_by_the_calendar() -> None:
    gateway, engine = Gateway(tells=False), engine_of()
    assert raised(feed(engine, gateway.batches(NOON_S, NOON_S + DAY_S))) == []
    night = summary(engine, 0, NOON_S + DAY_S)
    assert night.unlit == 0
    assert night.due == 660


def test_one_dead_lamp_is_told_with_its_circuit_and_its_watts() -> None:
    gateway = Gateway(step_s=240)
    gateway.streets["B"].each[3].dead_from_s = 9 * DAY_S
    changes = feed(engine_of(), gateway.batches(NOON_S, 10 * DAY_S))
    assert raised(changes) == [("lamps_out", True)]
    words = next(words for _, name, holds, words in changes if name == "lamps_out" and holds)
    assert words.startswith("B: ~1/8, -1")
    assert words.endswith(" W")


def test_a_lamp_that_reports_its_own_fault() -> None:
    engine = engine_of(city_of(reporting_lamps=[{"device": "lamp-17", "circuit": "A"}]))
    gateway = Gateway()
    assert raised(feed(engine, gateway.batches(NOON_S, NOON_S + 300))) == []
    at_ms = ms_of(NOON_S + 400)
    batch = batch_of([block("lamp-17", at_ms, {"driver_fault": True})], seq=1, sent_ms=at_ms)
    item = Received(gateway=GATEWAY, batch=batch, channel="live", received_ms=at_ms)
    assert engine.take(item).found[0].values == {"lamp_fault": True, "lamp_fault_told": "lamp-17"}


def test_other_gateways_and_readings_of_the_future_are_left_alone() -> None:
    engine, gateway = engine_of(), Gateway()
    item = next(iter(gateway.batches(NOON_S, NOON_S + 600)))
    strange = Received(gateway="gw-2", batch=item.batch, channel="live", received_ms=item.received_ms)
    assert engine.take(strange).found == []
    early = Received(gateway=GATEWAY, batch=item.batch, channel="live", received_ms=item.received_ms - 3_600_000)
    engine.take(early)
    assert list(engine.due_for_saving(early.received_ms, everything=True)) == []


def test_posts_that_are_never_switched_are_not_watched() -> None:
    city = city_of(circuits=[], cabinet_class="traffic_signal")
    assert engine_of(city).cabinets() == ()


def test_what_could_not_be_saved_is_saved_with_the_next_attempt() -> None:
    engine, gateway = engine_of(), Gateway()
    feed(engine, gateway.batches(NOON_S, NOON_S + 600))
    first = list(engine.due_for_saving(ms_of(NOON_S + 600)))
    assert list(engine.due_for_saving(ms_of(NOON_S + 601))) == []
    engine.not_kept(first)
    again = list(engine.due_for_saving(ms_of(NOON_S + 602)))
    assert again[0].days.keys() == first[0].days.keys()
    engine.kept(again)


def test_months_of_history_at_once_stay_bounded_and_too_old_days_are_left_out() -> None:
    engine = engine_of()
    now_s = 90 * DAY_S
    gateway = Gateway(step_s=7200)
    items = [
        Received(gateway=GATEWAY, batch=item.batch, channel="history", received_ms=ms_of(now_s))
        for item in gateway.batches(NOON_S, now_s)
    ]
    feed(engine, iter(items))
    saved = list(engine.due_for_saving(ms_of(now_s)))
    assert 40 <= len(saved[0].days) <= 47
    engine.kept(saved)
    assert sum(len(each.days) for each in engine.due_for_saving(ms_of(now_s), everything=True)) == 0


def test_hot_lamps_that_a_dip_of_the_mains_put_out_are_no_blown_fuse() -> None:
    def burning(at_s: float, _name: str, closed: bool) -> bool:
        return closed and not 20 * 3600 <= at_s < 20 * 3600 + 240

    assert one_night(Gateway(burning=burning, missing=0.0)) == []
    # The same where the meter is all that tells the gateway whether a contactor has closed.
    gateway = Gateway(missing=0.0, closed=burning)
    assert one_night(gateway) == []


@pytest.mark.parametrize(
    ("proof", "finding"),
    [("did_not_close", "contactor_no_close"), ("line_open", "line_open"), ("done", ""), ("meter_silent", "")],
)
def test_the_gateway_s_own_proof_counts(proof: str, finding: str) -> None:
    def more(at_s: float) -> dict[str, Value]:
        return {"proof_a": proof if ON_S + 60 < at_s < ON_S + 3600 else "done"}

    expected = [(finding, True), (finding, False)] if finding else []
    assert one_night(Gateway(more=more)) == expected


@pytest.mark.parametrize("proof", ["did_not_open", "power_remains"])
def test_the_gateway_s_own_proof_counts_when_it_switches_off(proof: str) -> None:
    def more(at_s: float) -> dict[str, Value]:
        return {"proof_a": proof if OFF_S + 60 < at_s < OFF_S + 3600 else "done"}

    assert one_night(Gateway(more=more)) == [("stuck_on", True), ("stuck_on", False)]


def test_while_the_gateway_is_at_its_proof_nothing_is_judged() -> None:
    def more(at_s: float) -> dict[str, Value]:
        return {} if ON_S <= at_s < ON_S + 200 else {"proof_a": "done"}

    def closed(at_s: float, name: str, wanted: bool) -> bool:
        return wanted and (name != "A" or at_s >= ON_S + 200)

    assert one_night(Gateway(step_s=10, more=more, closed=closed), ON_S - 600, ON_S + 1200) == []
    # One that never tells a proof is given less time.
    silent = one_night(Gateway(step_s=10, closed=closed), ON_S - 600, ON_S + 1200)
    assert silent == [("contactor_no_close", True), ("contactor_no_close", False)]


@pytest.mark.parametrize(("told", "share"), [({}, 1.0), ({"dim_a": 70, "dim_b": 70, "dim_c": 70}, 0.7)])
def test_a_calendar_dims_only_what_tells_a_dim_level(told: dict[str, Value], share: float) -> None:
    plan = DayPlan(((ms_of(ON_S), ms_of(OFF_S), ("A", "B", "C"), 70),), None)
    engine = engine_of(plan=lambda _cabinet, _day: plan)
    feed(engine, Gateway(more=lambda _at_s: told).batches(NOON_S, NOON_S + 3600))
    assert summary(engine, 0, NOON_S + 3600).plan_wh == pytest.approx(share * 11 * 24 * 170)
