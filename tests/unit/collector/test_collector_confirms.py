from __future__ import annotations

import random

from collector.core.confirms import MAX_NUMBERS_PER_GATEWAY, MIN_INTERVAL_MS, PendingConfirms
from collector.core.token_bucket import TokenBucket
from contract.batch import MAX_CONFIRM_RANGES
from tests.unit.collector.collector_parts import EPOCH

OTHER = "f" * 32


def test_exactly_what_was_added_is_told_once() -> None:
    pending = PendingConfirms()
    for seq in (1, 2, 3, 7):
        assert pending.add("gw-1", EPOCH, seq)
    pending.add("gw-2", OTHER, 9)
    told = {gateway: confirm.ok for gateway, confirm in pending.due(0)}
    assert told == {"gw-1": {EPOCH: [(1, 3), (7, 7)]}, "gw-2": {OTHER: [(9, 9)]}}
    assert len(pending) == 0
    assert pending.due(10_000) == []


def test_a_gateway_is_told_at_most_every_300_ms_and_others_meanwhile() -> None:
    pending = PendingConfirms()
    pending.add("gw-1", EPOCH, 1)
    assert len(pending.due(1000)) == 1
    pending.add("gw-1", EPOCH, 2)
    pending.add("gw-2", EPOCH, 2)
    assert [gateway for gateway, _ in pending.due(1000 + MIN_INTERVAL_MS - 1)] == ["gw-2"]
    assert [gateway for gateway, _ in pending.due(1000 + MIN_INTERVAL_MS)] == ["gw-1"]


def test_ranges_and_epochs_beyond_the_bound_wait_and_none_is_forgotten() -> None:
    rng = random.Random(7)
    wanted = {(f"{epoch:032x}", seq) for epoch in range(100) for seq in rng.sample(range(1, 50), 5)}
    pending = PendingConfirms()
    for epoch, seq in wanted:
        pending.add("gw-1", epoch, seq)
    told: list[tuple[str, int]] = []
    now_ms = 0
    while len(pending):
        for _, confirm in pending.due(now_ms):
            ranges = [(epoch, one) for epoch, listed in confirm.ok.items() for one in listed]
            assert 0 < len(ranges) <= MAX_CONFIRM_RANGES
            told += [(epoch, seq) for epoch, (first, last) in ranges for seq in range(first, last + 1)]
        now_ms += MIN_INTERVAL_MS
    assert len(told) == len(wanted)
    assert set(told) == wanted


def test_what_waits_is_bounded_and_can_be_forgotten() -> None:
    pending = PendingConfirms()
    taken = sum(pending.add("gw-1", EPOCH, seq) for seq in range(1, MAX_NUMBERS_PER_GATEWAY + 50))
    assert taken == MAX_NUMBERS_PER_GATEWAY
    assert pending.clear() == MAX_NUMBERS_PER_GATEWAY
    assert pending.due(0) == []


def test_a_token_bucket_gives_its_burst_then_its_rate_and_survives_a_clock_that_falls() -> None:
    bucket = TokenBucket(per_s=2, burst=3)
    assert [bucket.take(1000) for _ in range(4)] == [True, True, True, False]
    assert not bucket.take(1400)
    assert bucket.take(1500)
    assert not bucket.take(0)
    assert bucket.take(500)
