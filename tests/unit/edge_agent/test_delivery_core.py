from __future__ import annotations

import itertools

import pytest

from edge_agent.core.backoff import TokenBucket, backoff_s
from edge_agent.core.delivery import (
    HISTORY_WINDOW,
    LIVE_RESERVE,
    URGENT_WINDOW,
    Answer,
    Channel,
    DeliveryCore,
    Request,
    Send,
)
from edge_agent.core.delivery_rows import (
    Fetched,
    KeyRanges,
    Rank,
    Row,
    epoch_number_of,
    key_of,
    key_of_id,
    rank_of_id,
    row_id,
    seq_of,
)

EPOCH = 5


def _row(seq: int, rank: Rank = Rank.NORMAL, epoch: int = EPOCH) -> Row:
    return Row(
        identity=row_id(rank, key_of(epoch, seq)), born_ms=0, first_ms=0, last_ms=0, readings=1, body=b"%d" % seq
    )


def _commit(core: DeliveryCore, now_ms: int, *rows: Row, room: int = 20) -> list[tuple[Channel, bytes]]:
    sends = core.committed(now_ms, rows, lowest_seq=1, room=room)
    return [(send.channel, send.body) for send in sends]


def _answer(core: DeliveryCore, now_ms: int, rows: list[Row], room: int = 20) -> tuple[Request | None, list[Send]]:
    """Answer a request from a list of rows, as the spool does."""
    request = core.request(now_ms, room=room, held_rows=len(rows))
    if request is None:
        return None, []
    history: list[Fetched] = []
    for above, up_to, count in (request.recent, request.old):
        fitting = [
            row for row in rows
            if above < key_of_id(row.identity) <= up_to and row.identity not in request.in_flight
            and rank_of_id(row.identity) is not Rank.URGENT
        ]  # fmt: skip
        history += [Fetched(row.identity, 1, row.body) for row in fitting[: max(0, count - len(history))]]
    known = {row.identity: row for row in rows}
    urgent = [Fetched(one, 1, known[one].body) for one in request.urgent if one in known]
    return request, core.answered(now_ms, request, Answer(urgent=urgent, history=history))


def test_ids_order_by_priority_then_epoch_then_number() -> None:
    rows = [_row(9, Rank.LOW, 9), _row(1, Rank.NORMAL, 1), _row(2, Rank.NORMAL, 1), _row(1, Rank.NORMAL, 2),
            _row(1, Rank.URGENT, 1)]  # fmt: skip
    assert sorted(row.identity for row in rows) == [row.identity for row in rows]
    key = key_of_id(rows[0].identity)
    assert (rank_of_id(rows[0].identity), epoch_number_of(key), seq_of(key)) == (Rank.LOW, 9, 9)
    assert rows[-1].identity < 2**63


def test_ranges_merge_and_stay_bounded() -> None:
    ranges = KeyRanges(3)
    for key in (5, 1, 3, 2, 9, 4):
        ranges.add(key, key)
    assert list(ranges) == [(1, 5), (9, 9)]
    ranges.add(20, 30)
    ranges.add(40, 50)
    assert len(ranges) == 3
    ranges.add(6, 19)
    assert list(ranges) == [(1, 30)]
    assert (30 in ranges, 31 in ranges, 0 in ranges) == (True, False, False)


def test_the_urgent_go_first_each_on_its_topic_and_never_more_than_the_room() -> None:
    core = DeliveryCore(epoch_number=EPOCH, now_ms=0)
    sends = _commit(core, 0, _row(1), _row(2, Rank.LOW), _row(3, Rank.URGENT), room=2)
    assert sends == [(Channel.EVENT, b"3"), (Channel.LIVE, b"1")]


def test_an_urgent_batch_repeats_with_back_off_until_it_is_confirmed_and_never_as_history() -> None:
    core = DeliveryCore(epoch_number=EPOCH, now_ms=0)
    row = _row(1, Rank.URGENT)
    assert _commit(core, 0, row) == [(Channel.EVENT, b"1")]
    times = []
    for second in range(1, 300):
        _, sends = _answer(core, second * 1000, [row])
        assert all(send.channel is Channel.EVENT for send in sends)
        times += [second] * len(sends)
    assert times[:5] == [5, 10, 20, 40, 80]
    assert [later - earlier for earlier, later in itertools.pairwise(times[4:])] == [60, 60, 60]
    core.confirmed(300_000, [(EPOCH, 1, 1)])
    assert core.deletions() == [(key_of(EPOCH, 1), key_of(EPOCH, 1))]
    assert all(not _answer(core, 300_000 + 1000 * second, [])[1] for second in range(200))


def test_live_becomes_history_after_ten_seconds() -> None:
    core = DeliveryCore(epoch_number=EPOCH, now_ms=0)
    _commit(core, 0, _row(1))
    assert core.live_count == 1
    sent = [second for second in range(1, 20) for _ in _answer(core, second * 1000, [_row(1)])[1]]
    assert sent[0] in {10, 11}
    assert core.live_count == 0


def test_history_is_probed_while_nobody_confirms_and_flows_when_somebody_does() -> None:
    core = DeliveryCore(epoch_number=EPOCH, now_ms=0)
    rows = [_row(seq, epoch=1) for seq in range(1, 1001)]
    core.connected(0)
    probes = [second for second in range(1, 400) for _ in _answer(core, second * 1000, rows)[1]]
    assert probes[:6] == [1, 6, 16, 36, 76, 136]
    core.confirmed(400_000, [(1, 1, 1)])
    flowing = 0
    for second in range(401, 411):
        _, sends = _answer(core, second * 1000, rows)
        flowing += len(sends)
        assert len(sends) <= 20 - LIVE_RESERVE
    assert HISTORY_WINDOW - 1 <= flowing <= HISTORY_WINDOW + 1, "the window is closed while nothing is confirmed"


def test_a_new_connection_begins_with_one_probe() -> None:
    core = DeliveryCore(epoch_number=EPOCH, now_ms=0)
    rows = [_row(seq, epoch=1) for seq in range(2, 1001)]
    core.confirmed(1000, [(1, 1, 1)])
    core.connected(2000)
    assert len(_answer(core, 2000, rows)[1]) == 1
    assert len(_answer(core, 3000, rows)[1]) == 0


def test_a_confirm_of_numbers_never_given_deletes_nothing_that_comes_later() -> None:
    core = DeliveryCore(epoch_number=EPOCH, now_ms=0)
    _commit(core, 0, _row(1), _row(2))
    core.confirmed(0, [(EPOCH, 1, 2**53), (EPOCH, 7, 9)])
    assert core.deletions() == [(key_of(EPOCH, 1), key_of(EPOCH, 2))]
    core.confirmed(0, [(EPOCH, 7, 9)])
    assert core.deletions() == []


def test_a_deletion_that_failed_is_asked_for_again_and_not_sent_meanwhile() -> None:
    core = DeliveryCore(epoch_number=EPOCH, now_ms=0)
    core.confirmed(0, [(1, 1, 3)])
    ranges = core.deletions()
    assert not core.has_deletions
    core.undeleted(ranges)
    request = core.request(1000, room=20, held_rows=5)
    assert request is not None
    assert key_of(1, 2) in request.confirmed
    assert core.deletions() == ranges


def test_without_room_nothing_is_asked_for() -> None:
    core = DeliveryCore(epoch_number=EPOCH, now_ms=0)
    assert core.request(60_000, room=0, held_rows=100) is None
    assert _commit(core, 60_000, _row(1), _row(2, Rank.URGENT), room=0) == []


def test_old_alarms_beyond_the_window_are_named_by_the_spool_and_leave_room_for_history() -> None:
    core = DeliveryCore(epoch_number=EPOCH, now_ms=0)
    core.confirmed(0, [(1, 10**6, 10**6)])
    old = [row_id(Rank.URGENT, key_of(1, seq)) for seq in range(1, URGENT_WINDOW + 50)]
    request = core.request(1000, room=20, held_rows=1000)
    assert request is not None
    assert request.more_urgent == URGENT_WINDOW
    core.answered(1000, request, Answer(more_urgent=old[: request.more_urgent]))
    request = core.request(2000, room=20, held_rows=1000)
    assert request is not None
    assert request.urgent == tuple(old[: len(request.urgent)])
    assert 0 < len(request.urgent) < 20
    assert request.recent[2] == 0 or len(request.urgent) + request.recent[2] <= 20 - LIVE_RESERVE
    core.confirmed(2000, [(1, 1, 10)])
    assert core.request(3000, room=20, held_rows=1000).more_urgent == 10  # type: ignore[union-attr]  # it is asked


def test_an_urgent_row_that_the_spool_no_longer_has_is_forgotten() -> None:
    core = DeliveryCore(epoch_number=EPOCH, now_ms=0)
    _commit(core, 0, _row(1, Rank.URGENT))
    request, sends = _answer(core, 6000, [])
    assert request is not None
    assert request.urgent
    assert sends == []
    assert core.in_flight() == set()


def test_an_oscillating_confirm_cannot_make_the_state_grow() -> None:
    core = DeliveryCore(epoch_number=EPOCH, now_ms=0)
    for seq in range(1, 6001):
        _commit(core, seq, _row(seq, Rank.URGENT if seq % 2 else Rank.NORMAL), room=0)
        core.confirmed(seq, [(1, 3 * seq, 3 * seq)])
    assert len(core.in_flight()) <= 4096 + URGENT_WINDOW + HISTORY_WINDOW
    assert len(core.deletions()) <= 4096


@pytest.mark.parametrize("fraction", [0.0, 0.3, 1.0])
def test_pauses_double_up_to_their_cap_and_spread(fraction: float) -> None:
    pauses = [backoff_s(attempt, first_s=0.1, longest_s=2.0, fraction=fraction) for attempt in range(100)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == pytest.approx(2.0 * (0.5 + 0.5 * fraction))
    assert pauses[0] == pytest.approx(0.1 * (0.5 + 0.5 * fraction))


def test_a_bucket_holds_its_rate_and_its_burst() -> None:
    bucket = TokenBucket(rate=20, burst=20, now_ms=0)
    assert bucket.available(0) == 0
    assert bucket.available(500) == 10
    assert bucket.available(10_000) == 20
    bucket.take(50)
    assert bucket.available(10_000) == 0
    assert bucket.available(11_000) == 0
    assert bucket.available(12_000) == 20
