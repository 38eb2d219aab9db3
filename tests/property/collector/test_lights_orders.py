"""Whatever comes in whatever order: an order's answers add up, ends stay, nobody is asked too often or too late."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from collector.core.order_book import ENDED, GRACE_MS, RESEND_MS, Answer, AnswerState, Order, OrderBook
from collector.core.order_id import OrderIds
from collector.core.order_rate import OrderRate
from collector.core.want_book import Reported, Wanted, before, next_rev, standing
from contract.command import Result, ResultState

IDS = ["0" * 25 + "1", "0" * 25 + "2", "0" * 25 + "3"]
GATEWAYS = ["gw-1", "gw-2", "gw-3"]
START_MS = 1_800_000_000_000

EVENTS = st.one_of(
    st.tuples(st.just("on"), st.sampled_from(GATEWAYS), st.sampled_from(["n1", "n2"])),
    st.tuples(st.just("off"), st.sampled_from(GATEWAYS)),
    st.tuples(st.just("result"), st.sampled_from(GATEWAYS), st.sampled_from(IDS), st.sampled_from(list(ResultState))),
    st.tuples(st.just("pass"), st.integers(0, 90_000)),
    st.tuples(st.just("lost")),
)


def order(name: str, gateways: list[str], not_after_ms: int) -> Order:
    return Order(
        id=name,
        op="release",
        arguments={},
        reason="",
        by="huong",
        created_ms=START_MS,
        not_after_ms=not_after_ms,
        answers={gateway: Answer(gateway=gateway) for gateway in gateways},
    )


@settings(max_examples=200, deadline=None)
@given(events=st.lists(EVENTS, max_size=80))
def test_orders_end_and_stay_ended_and_are_sent_within_their_bounds(events: list[tuple[object, ...]]) -> None:
    orders = [order(IDS[0], GATEWAYS, START_MS + 120_000), order(IDS[1], GATEWAYS[:2], START_MS + 400_000)]
    book = OrderBook(orders)
    now_ms = START_MS
    ended: dict[tuple[str, str], AnswerState] = {}
    sent_ms: dict[tuple[str, str, str], int] = {}
    online: dict[str, str] = {}
    for event in [*events, ("pass", 120_000), ("pass", 400_000), ("pass", GRACE_MS)]:
        match event:
            case ("on", str(gateway), str(nonce)):
                online[gateway] = nonce
                book.presence(gateway, nonce)
            case ("off", str(gateway)):
                online.pop(gateway, None)
                book.presence(gateway, None)
            case ("lost",):
                online.clear()
                book.lost_broker()
            case ("result", str(gateway), str(name), ResultState() as state):
                book.result(gateway, Result(id=name, state=state, ts=START_MS), now_ms)
            case ("pass", int(passed_ms)):
                now_ms += passed_ms
        for sending in list(book.due(now_ms)):
            key = (sending.order.id, sending.answer.gateway, sending.nonce)
            assert online[sending.answer.gateway] == sending.nonce
            assert sending.answer.state not in ENDED
            assert now_ms <= sending.order.not_after_ms or sending.answer.sent > 0
            assert now_ms <= sending.order.not_after_ms + GRACE_MS
            assert now_ms - sent_ms.get(key, 0) >= RESEND_MS[0] // 5
            sent_ms[key] = now_ms
            book.sent(sending, now_ms)
        book.tick(now_ms)
        for each in orders:
            assert sum(each.counts().values()) == len(each.answers)
            for answer in each.answers.values():
                known = ended.get((each.id, answer.gateway))
                assert known in {None, answer.state}
                if answer.ended:
                    ended[each.id, answer.gateway] = answer.state
                if answer.state in {AnswerState.DONE, AnswerState.FAILED, AnswerState.REJECTED}:
                    assert answer.sent > 0
    book.tick(START_MS + 400_000 + GRACE_MS + 1 + now_ms - START_MS)
    assert all(each.ended for each in orders)
    assert len(book.take_ended()) == len(orders)
    assert book.orders() == ()


@given(
    times=st.lists(st.integers(0, 2**48 - 1), min_size=2, max_size=20),
    bits=st.lists(st.integers(0, 2**80 - 1), min_size=20, max_size=20),
)
def test_ids_rise_whatever_the_clock_does(times: list[int], bits: list[int]) -> None:
    ids = OrderIds()
    drawn = [ids.draw(at_ms, random) for at_ms, random in zip(times, bits, strict=False)]
    assert drawn == sorted(set(drawn))
    assert OrderIds(drawn[-1]).draw(0, 0) > drawn[-1]


@given(
    asked=st.lists(st.tuples(st.integers(-60_000, 120_000), st.integers(1, 300)), max_size=60),
    orders=st.integers(1, 20),
    gateways=st.integers(1, 200),
)
def test_nobody_gets_more_than_a_minutes_worth_and_its_refill(
    asked: list[tuple[int, int]], orders: int, gateways: int
) -> None:
    rate = OrderRate(orders_per_minute=orders, gateways_per_minute=gateways)
    now_ms = high_ms = START_MS
    taken: list[int] = []
    for passed_ms, amount in asked:
        now_ms += passed_ms
        high_ms += max(0, passed_ms)
        wait_s = rate.take("huong", amount, now_ms)
        assert wait_s >= 0
        if wait_s == 0:
            taken.append(amount)
    minutes = (high_ms - START_MS) / 60_000
    assert len(taken) <= orders * (1 + minutes) + 1e-6
    # One order may address more than a minute's worth, and leaves a debt.
    assert sum(taken) - max(taken, default=0) <= gateways * (1 + minutes) + 1e-6


def want(rev: int, digest: str, version: int = 1) -> Wanted:
    return Wanted(gateway="gw", rev=rev, version=version, hash=digest, by="huong", reason="", at_ms=0)


HASHES = st.sampled_from(["a" * 64, "b" * 64, "c" * 64])


@given(own=st.integers(0, 2**40), reported=st.integers(0, 2**40))
def test_a_new_revision_is_above_both(own: int, reported: int) -> None:
    assert next_rev(own, reported) > max(own, reported)


@given(
    rev=st.integers(1, 9),
    reported_rev=st.integers(0, 9),
    one=HASHES,
    other=HASHES,
    refused=st.integers(0, 9) | st.none(),
)
def test_equal_hashes_are_applied_whatever_the_numbers_and_different_ones_never_are(
    rev: int, reported_rev: int, one: str, other: str, refused: int | None
) -> None:
    report = Reported(rev=reported_rev, hash=other, applied_ms=None, received_ms=0, refused_rev=refused)
    assert (standing(want(rev, one), report) == "applied") == (one == other)
    assert standing(want(rev, one), None) == "waiting"
    assert standing(None, report) == "none"


@given(history=st.lists(st.tuples(HASHES, st.integers(1, 5)), min_size=1, max_size=8))
def test_roll_back_goes_to_the_newest_earlier_want_that_says_something_else(history: list[tuple[str, int]]) -> None:
    wants = [want(rev, digest, version) for rev, (digest, version) in enumerate(history, 1)]
    found = before(reversed(wants), wants[-1])
    others = [each for each in wants if each.hash != wants[-1].hash]
    assert found == ((others[-1].version, others[-1].hash) if others else None)
