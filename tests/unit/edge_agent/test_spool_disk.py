from __future__ import annotations

import os
import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from contract.batch import ClockState, Gone, Priority
from contract.codec import decode_batch, stamped
from contract.reading import Block, Cause, Value
from edge_agent.core import delivery_batches
from edge_agent.core.clock_hold import SavedClock
from edge_agent.core.delivery import Request
from edge_agent.core.delivery_batches import gone_row, held_rows_of, placed_row, rows_of, waiting_body
from edge_agent.core.delivery_rows import KeyRanges, Rank, Row, key_of, key_of_id, rank_of_id
from edge_agent.shell import spool, spool_file
from edge_agent.shell.spool import Commit, Spool
from edge_agent.shell.spool_tables import Counters, add_gone, cost_of, gone_of

T0_MS = 1_790_000_000_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "spool.db"


@pytest.fixture
def disk(path: Path) -> Iterator[Spool]:
    opened = _open(path)
    yield opened
    opened.close()


def _open(path: Path, max_bytes: int = 10**8) -> Spool:
    opened = Spool(path, max_bytes=max_bytes)
    opened.open()
    return opened


def _rows(disk: Spool, count: int, rank: Rank = Rank.NORMAL, *, padding: int = 1) -> list[Row]:
    rows: list[Row] = []
    keys = ("u1", *(f"note{number}" for number in range(padding)))
    for number in range(count):
        values: tuple[Value, ...] = (230.0 + number, *["x" * 200] * padding)
        block = Block(device="cab-1", observed_at_ms=T0_MS + number, keys=keys, values=values)
        rows += rows_of([block], rank=rank, clock=ClockState.SYNCED, numbering=disk.live, born_ms=T0_MS + number)
    return rows


def _ids(disk: Spool) -> list[int]:
    assert disk._tables is not None
    return [row[0] for row in disk._tables.database.execute("SELECT id FROM batch ORDER BY id")]


def _everything() -> Request:
    return Request(
        urgent=(), more_urgent=0, recent=(0, 0, 0), old=(0, key_of(2**21 - 1, 2**40 - 1), 10_000),
        known_urgent=frozenset(), in_flight=frozenset(), confirmed=KeyRanges(10),
    )  # fmt: skip


def test_rows_survive_a_restart_with_their_epoch_and_bytes(path: Path) -> None:
    first = _open(path)
    rows = _rows(first, 20)
    assert first.commit(Commit(rows=rows))
    first.close()
    second = _open(path)
    assert second.live.epoch != first.live.epoch
    assert second.live.number > first.live.number
    assert second.epoch_numbers[first.live.epoch] == first.live.number
    fetched = second.fetch(_everything())
    assert [one.body for one in fetched.history] == [row.body for row in rows]
    batch = decode_batch(stamped(fetched.history[3].body, sent_ms=T0_MS, lowest_seq=fetched.history[3].lowest_seq))
    assert (batch.epoch, batch.seq, batch.lo) == (first.live.epoch, 4, 1)
    second.close()


def test_exactly_the_confirmed_rows_leave_whatever_their_priority(disk: Spool) -> None:
    rows = _rows(disk, 5) + _rows(disk, 5, Rank.URGENT) + _rows(disk, 5, Rank.LOW)
    disk.commit(Commit(rows=rows))
    confirmed = [(key_of(disk.live.number, 4), key_of(disk.live.number, 7)), (key_of(disk.live.number, 15),) * 2]
    assert disk.commit(Commit(confirmed=confirmed))
    left = {key_of_id(identity) - key_of(disk.live.number, 0) for identity in _ids(disk)}
    assert left == set(range(1, 16)) - {4, 5, 6, 7, 15}
    assert disk.counters.rows == {Rank.NORMAL: 3, Rank.URGENT: 3, Rank.LOW: 4}
    assert disk.counters.bytes == sum(cost_of(row.body) for row in rows if row.identity in _ids(disk))


def test_lowest_number_and_oldest_time_follow_the_rows(disk: Spool) -> None:
    disk.commit(Commit(rows=_rows(disk, 5)))
    assert (disk.lowest_seq(disk.live.number), disk.counters.oldest_ms) == (1, T0_MS)
    disk.commit(Commit(confirmed=[(key_of(disk.live.number, 1), key_of(disk.live.number, 3))]))
    assert (disk.lowest_seq(disk.live.number), disk.counters.oldest_ms) == (4, T0_MS + 3)
    disk.commit(Commit(confirmed=[(key_of(disk.live.number, 4), key_of(disk.live.number, 5))]))
    assert (disk.lowest_seq(disk.live.number), disk.counters.oldest_ms) == (None, None)


def test_counters_equal_a_scan_after_random_work(path: Path) -> None:
    chance = random.Random(4)
    disk = _open(path, max_bytes=30_000)
    for _ in range(120):
        rank = chance.choice(list(Rank))
        last = disk.live.last_seq
        first = chance.randint(0, last)
        ranges = [(key_of(disk.live.number, first), key_of(disk.live.number, first + chance.randint(0, 5)))]
        disk.commit(Commit(rows=_rows(disk, chance.randint(0, 9), rank), confirmed=ranges if last else ()))
    counted, gone = disk.counters, disk.gone
    disk.close()
    again = _open(path, max_bytes=30_000)
    assert (again.counters.rows, again.counters.bytes) == (counted.rows, counted.bytes)
    assert again.counters.oldest_ms == counted.oldest_ms
    assert again.gone == gone
    again.close()


def test_past_the_cap_low_goes_before_normal_before_urgent_the_oldest_first_and_is_counted(path: Path) -> None:
    disk = _open(path)
    urgent, low, normal = _rows(disk, 10, Rank.URGENT), _rows(disk, 10, Rank.LOW), _rows(disk, 10)
    disk.commit(Commit(rows=[*urgent, *low, *normal]))
    order = [row.identity for row in (*low, *normal, *urgent)]
    cost = max(cost_of(row.body) for row in (*urgent, *low, *normal))
    for kept in (25, 18, 12, 7, 2):
        disk._max_bytes = kept * cost
        disk.commit(Commit(rows=()))
        left = _ids(disk)
        assert left == sorted(order[len(order) - len(left) :])
        assert disk.counters.bytes <= kept * cost
        told = {gone.what: (gone.batches, gone.readings) for gone in disk.gone}
        went = [rank_of_id(identity) for identity in order[: len(order) - len(left)]]
        for rank, priority in (
            (Rank.LOW, Priority.LOW),
            (Rank.NORMAL, Priority.NORMAL),
            (Rank.URGENT, Priority.URGENT),
        ):
            assert told.get(priority, (0, 0)) == (went.count(rank), 2 * went.count(rank))
    assert disk.counters.evicted == 30 - len(_ids(disk))
    disk.close()


def test_nothing_in_flight_and_nothing_new_is_evicted(path: Path) -> None:
    disk = _open(path, max_bytes=1)
    rows = _rows(disk, 5)
    assert disk.commit(Commit(rows=rows))
    assert len(_ids(disk)) == 5
    in_flight = {rows[0].identity, rows[3].identity}
    disk.commit(Commit(in_flight=in_flight))
    assert set(_ids(disk)) == in_flight
    disk.close()


def test_what_is_told_leaves_the_totals_and_an_evicted_note_returns_to_them(disk: Spool) -> None:
    disk.commit(Commit(rows=_rows(disk, 3, Rank.LOW)))
    disk._max_bytes = 1
    disk.commit(Commit())
    (gone,) = disk.gone
    note = gone_row([gone], clock=ClockState.SYNCED, numbering=disk.live, born_ms=T0_MS)
    disk.commit(Commit(rows=[note], told=[gone], lost=[gone.model_copy(update={"what": Priority.NORMAL})]))
    assert {(one.what, one.batches) for one in disk.gone} == {(Priority.NORMAL, 3)}
    batch = decode_batch(stamped(note.body, sent_ms=0, lowest_seq=1))
    assert batch.gone == [gone]
    disk.commit(Commit())
    assert {(one.what, one.batches) for one in disk.gone} == {(Priority.NORMAL, 3), (Priority.LOW, 3)}
    assert _ids(disk) == []


@pytest.mark.parametrize("seed", range(9))
def test_a_damaged_file_is_set_aside_and_the_agent_starts(path: Path, seed: int) -> None:
    chance = random.Random(seed)
    first = _open(path)
    rows = _rows(first, 300, padding=3)
    for row in rows:
        first.commit(Commit(rows=[row]))
    first.close()
    data = bytearray(path.read_bytes())
    if seed == 0:
        data[:16] = b"no such database"
    elif seed == 1:
        del data[len(data) // 2 :]
    elif seed == 2:
        data = bytearray(chance.randbytes(10_000))
    elif seed == 3:
        # One bit of one body: the database sees nothing wrong, the row's own sum does.
        data[data.index(rows[150].body) + len(rows[150].body) // 2] ^= 1
    else:
        for _ in range(40):
            data[chance.randrange(100, len(data))] ^= 1 << chance.randrange(8)
    path.write_bytes(data)
    second = _open(path)
    assert second.is_open
    assert second.commit(Commit(rows=_rows(second, 5)))
    fetched = second.fetch(_everything())
    assert second.commit(Commit())
    bodies = {row.body for row in rows}
    old = [one.body for one in fetched.history if orjson.loads(one.body)["epoch"] == first.live.epoch]
    assert set(old) <= bodies, "a damaged row was delivered"
    if seed == 3:
        assert (len(old), second.counters.corrupt_rows, second.counters.set_aside) == (299, 1, 0)
    elif second.counters.set_aside:
        assert list(path.parent.glob("spool.db.damaged-1"))
    else:
        assert len(old) + second.counters.corrupt_rows == 300
    second.close()


def test_what_can_be_read_of_a_damaged_file_is_saved(path: Path) -> None:
    first = _open(path)
    rows = _rows(first, 400, padding=5)
    for row in rows:
        first.commit(Commit(rows=[row]))
    first.close()
    data = bytearray(path.read_bytes())
    middle = len(data) // 2 // 4096 * 4096
    data[middle : middle + 4096] = bytes(4096)
    path.write_bytes(data)
    second = _open(path)
    assert second.counters.set_aside == 1
    assert 200 <= second.counters.salvaged < 400
    assert len(second.fetch(_everything()).history) == second.counters.salvaged
    assert second.epoch_numbers[first.live.epoch] == first.live.number
    second.close()


def test_only_two_damaged_files_are_kept(path: Path) -> None:
    path.parent.mkdir(parents=True)
    for _ in range(5):
        path.write_bytes(b"rubbish" * 1000)
        _open(path).close()
    assert sorted(file.name for file in path.parent.glob("*.damaged-*")) == ["spool.db.damaged-4", "spool.db.damaged-5"]


def test_a_spool_of_a_later_version_is_set_aside_whole(path: Path) -> None:
    _open(path).close()
    database = sqlite3.connect(path)
    database.execute("PRAGMA user_version = 99")
    database.close()
    later = path.read_bytes()
    disk = _open(path)
    assert disk.is_open
    assert (path.parent / "spool.db.damaged-1").read_bytes() == later
    disk.close()


def test_a_flipped_bit_in_a_body_is_not_delivered_but_counted(disk: Spool) -> None:
    rows = _rows(disk, 3)
    disk.commit(Commit(rows=rows))
    assert disk._tables is not None
    broken = rows[1].body.replace(b"231", b"239")
    disk._tables.database.execute("UPDATE batch SET body = ? WHERE id = ?", (broken, rows[1].identity))
    assert [one.body for one in disk.fetch(_everything()).history] == [rows[0].body, rows[2].body]
    disk.commit(Commit())
    assert disk.counters.corrupt_rows == 1
    assert [(gone.batches, gone.readings) for gone in disk.gone] == [(1, 2)]
    assert _ids(disk) == [rows[0].identity, rows[2].identity]


def test_a_damaged_name_of_an_epoch_is_mended_from_its_rows(path: Path) -> None:
    first = _open(path)
    first.commit(Commit(rows=_rows(first, 2)))
    assert first._tables is not None
    first._tables.database.execute("UPDATE epoch SET epoch = ?", ("0" * 32,))
    first.close()
    second = _open(path)
    assert second.epoch_numbers[first.live.epoch] == first.live.number
    second.close()


def test_damage_found_while_in_use_is_set_aside_too(disk: Spool) -> None:
    disk.commit(Commit(rows=_rows(disk, 5)))
    assert disk._tables is not None
    disk._tables.database.execute("ALTER TABLE batch RENAME COLUMN last_ms TO lasd_ms")
    disk._max_bytes = 1
    rows = _rows(disk, 2)
    disk.commit(Commit(rows=rows))
    assert disk.commit(Commit(in_flight={row.identity for row in rows}))
    assert disk.counters.set_aside == 1
    assert disk.counters.salvaged == 5
    assert {row.identity for row in rows} <= set(_ids(disk))


def test_a_full_file_makes_room_by_the_same_order(path: Path) -> None:
    disk = _open(path)
    assert disk._tables is not None
    disk._tables.database.execute("PRAGMA max_page_count = 300")
    low, rest = 0, 0
    for _ in range(400):
        rows = [*_rows(disk, 1, Rank.LOW, padding=10), *_rows(disk, 1, padding=10)]
        assert disk.commit(Commit(rows=rows)), disk.failure
        low, rest = low + 1, rest + 1
    assert disk.counters.evicted > 100
    told = {gone.what: gone.batches for gone in disk.gone}
    assert disk.counters.rows[Rank.LOW] + told.get(Priority.LOW, 0) == low
    assert disk.counters.rows[Rank.NORMAL] + told.get(Priority.NORMAL, 0) == rest
    assert told.get(Priority.LOW, 0) > told.get(Priority.NORMAL, 0)
    assert path.stat().st_size <= 300 * 4096
    disk.close()


class FailingDisk:
    """A connection whose commits fail as those of a dying disk."""

    def __init__(self, real: sqlite3.Connection, code: int, words: str) -> None:
        self.real, self.code, self.words = real, code, words

    def execute(self, sql: str, *parameters: object) -> sqlite3.Cursor:
        if sql == "COMMIT":
            error = sqlite3.OperationalError(self.words)
            error.sqlite_errorcode = self.code
            raise error
        return self.real.execute(sql, *parameters)  # type: ignore[arg-type]  # passed through

    def __getattr__(self, name: str) -> object:
        return getattr(self.real, name)


@pytest.mark.parametrize(
    ("code", "words"), [(sqlite3.SQLITE_IOERR_FSYNC, "disk I/O error"), (sqlite3.SQLITE_READONLY, "readonly database")]
)
def test_an_error_of_the_disk_is_never_reported_as_kept_and_heals_alone(
    disk: Spool, code: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock_s = [1000.0]
    monkeypatch.setattr("edge_agent.shell.spool.time.monotonic", lambda: clock_s[0])
    assert disk._tables is not None
    disk._tables.database = FailingDisk(disk._tables.database, code, words)  # type: ignore[assignment]  # a double
    rows = _rows(disk, 3)
    assert not disk.commit(Commit(rows=rows))
    assert disk.failure == words
    assert (disk.counters.errors, disk.counters.unkept_rows) == (1, 3)
    assert [one.body for one in disk.fetch(_everything()).history] == [row.body for row in rows]
    assert not disk.commit(Commit(rows=_rows(disk, 1), confirmed=[(key_of(disk.live.number, 2),) * 2]))
    assert disk.counters.unkept_rows == 3
    clock_s[0] += 60
    assert disk.commit(Commit())
    assert disk.failure is None
    assert [key_of_id(one) - key_of(disk.live.number, 0) for one in _ids(disk)] == [1, 3, 4]
    assert disk.counters.unkept_rows == 0


def test_memory_keeps_the_newest_and_the_urgent_while_the_disk_fails(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock_s = [1000.0]
    monkeypatch.setattr("edge_agent.shell.spool.time.monotonic", lambda: clock_s[0])
    monkeypatch.setattr(spool, "MAX_UNKEPT_BYTES", 20_000)
    path.parent.parent.joinpath("state").write_text("a file where the folder should be")
    disk = _open(path)
    assert not disk.is_open
    normal, urgent = _rows(disk, 100), _rows(disk, 20, Rank.URGENT)
    for row in (*normal, *urgent):
        assert not disk.commit(Commit(rows=[row]))
    kept = sorted(disk._unkept)
    assert {row.identity for row in urgent} <= set(kept)
    assert kept == sorted(row.identity for row in (*normal, *urgent))[-len(kept) :]
    path.parent.unlink()
    clock_s[0] += 60
    assert disk.commit(Commit())
    assert _ids(disk) == kept
    assert [(gone.what, gone.batches) for gone in disk.gone] == [(Priority.NORMAL, 120 - len(kept))]
    again = Spool(path, max_bytes=10**6)
    disk.close()
    again.open()
    assert again.live.number > disk.live.number
    again.close()


def test_a_second_agent_on_the_same_spool_is_refused(disk: Spool, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk.commit(Commit(rows=_rows(disk, 1)))
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda file, **options: connect(file, **{**options, "timeout": 0.01}))
    second = _open(path)
    assert not second.is_open
    assert "locked" in str(second.failure)
    assert disk.commit(Commit(rows=_rows(disk, 1)))


def test_held_readings_get_their_time_once_and_no_sooner(disk: Spool) -> None:
    blocks = [
        Block(device="cab-1", observed_at_ms=4000, keys=("u1",), values=(230.0,)),
        Block(device="cab-1", observed_at_ms=5000, keys=("u1",), values=(None,), causes={"u1": Cause.TIMEOUT}),
    ]
    disk.commit(Commit(held=list(held_rows_of(blocks, rank=Rank.NORMAL, boot_id="boot-a"))))
    disk.commit(Commit(held=list(held_rows_of(blocks, rank=Rank.URGENT, boot_id="boot-b"))))
    assert disk.fetch(_everything()).history == []
    assert disk.held_boots() == [("boot-a", 5000), ("boot-b", 5000)]
    held = disk.held_rows(10)
    rows = [
        placed_row(one, offset_ms=T0_MS, clock=ClockState.PLACED, numbering=disk.placed, born_ms=T0_MS) for one in held
    ]
    disk.commit(Commit(rows=rows, placed=[one.identity for one in held]))
    assert disk.counters.held == 0
    assert disk.held_rows(10) == []
    (fetched,) = disk.fetch(_everything()).history
    batch = decode_batch(stamped(fetched.body, sent_ms=T0_MS, lowest_seq=1))
    readings = [reading for block in batch.blocks() for reading in block.readings()]
    assert batch.clk is ClockState.PLACED
    assert [(one.observed_at_ms - T0_MS, one.cause) for one in readings] == [
        (4000, Cause.CLOCK), (5000, Cause.TIMEOUT)
    ]  # fmt: skip
    assert key_of_id(fetched.identity) < key_of(disk.live.number, 1)


def test_held_readings_count_towards_the_cap_and_are_told(disk: Spool) -> None:
    blocks = [Block(device="cab-1", observed_at_ms=time, keys=("u1",), values=(1.0,)) for time in range(50)]
    for block in blocks:
        disk.commit(Commit(held=list(held_rows_of([block], rank=Rank.NORMAL, boot_id="boot-a"))))
    disk._max_bytes = disk.counters.bytes // 2
    disk.commit(Commit(clock=SavedClock(boot_id="boot-a", offset_ms=None, highest_ms=T0_MS)))
    assert disk.counters.held < 30
    assert [gone.batches for gone in disk.gone] == [50 - disk.counters.held]
    assert disk.held_rows(1)[0].first_ms == 50 - disk.counters.held


def test_what_is_known_of_the_time_survives(path: Path) -> None:
    disk = _open(path)
    saved = SavedClock(boot_id="boot-a", offset_ms=T0_MS, highest_ms=T0_MS + 5)
    disk.commit(Commit(clock=saved))
    disk.close()
    again = _open(path)
    assert again.saved_clock == saved
    again.close()


def test_a_commit_of_many_readings_is_split_below_the_size_that_a_collector_accepts(disk: Spool) -> None:
    blocks = [
        Block(
            device=f"dev-{device}", observed_at_ms=T0_MS + time, keys=tuple(f"point-{n}" for n in range(60)),
            values=(123456.789,) * 60,
        )
        for device in range(40)
        for time in range(30)
    ]  # fmt: skip
    rows = list(rows_of(blocks, rank=Rank.NORMAL, clock=ClockState.SYNCED, numbering=disk.live, born_ms=T0_MS))
    assert len(rows) > 1
    batches = [decode_batch(stamped(row.body, sent_ms=T0_MS, lowest_seq=1)) for row in rows]
    assert sum(batch.reading_count() for batch in batches) == sum(row.readings for row in rows) == 40 * 30 * 60
    assert len({batch.seq for batch in batches}) == len(rows)
    assert max(len(row.body) for row in rows) > 100_000


def test_rows_are_cut_to_size_before_they_are_made(disk: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the sizes of the blocks, none is lost, none is cut, and their order stays."""
    monkeypatch.setattr(delivery_batches, "MAX_READINGS", 100)
    blocks = [
        Block(
            device=f"dev-{number}", observed_at_ms=T0_MS, keys=tuple(f"p{key}" for key in range(size)),
            values=(7,) * size,
        )
        for number, size in enumerate([1, 60, 60, 140, 5, 100, 1])
    ]  # fmt: skip
    rows = list(rows_of(blocks, rank=Rank.NORMAL, clock=ClockState.SYNCED, numbering=disk.live, born_ms=T0_MS))
    assert [row.readings for row in rows] == [61, 60, 140, 5, 100, 1]
    assert [device for row in rows for device in orjson.loads(row.body)["d"]] == [f"dev-{n}" for n in range(7)]
    assert len({row.identity for row in rows}) == len(rows)


def test_a_waiting_batch_is_valid_before_the_time_is_known() -> None:
    disk = Spool(Path("unused"), max_bytes=1)
    block = Block(device="cab-1", observed_at_ms=1234, keys=("mains_ok",), values=(False,), monotonic_ms=1234)
    batch = decode_batch(stamped(waiting_body([block], disk.live), sent_ms=0, lowest_seq=1, age_ms=5))
    assert (batch.clk, batch.age_ms, batch.pri) == (ClockState.WAITING, 5, Priority.URGENT)


def test_pages_stay_below_what_the_disk_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "spool.db"
    file.write_bytes(b"")
    real = os.statvfs(tmp_path)
    free = 100 * 1024 * 1024

    class Small:
        f_bavail, f_frsize = free // real.f_frsize, real.f_frsize

    monkeypatch.setattr("edge_agent.shell.spool_file.os.statvfs", lambda _path: Small)
    assert spool_file.page_limit(file, 10**12) * 4096 < free
    assert spool_file.page_limit(file, 8 * 1024 * 1024) * 4096 < 12 * 1024 * 1024


def test_counters_copy_apart() -> None:
    counters = Counters()
    copy = counters.copied()
    copy.rows[Rank.LOW] += 1
    assert counters.rows[Rank.LOW] == 0


def test_gone_totals_merge_their_spans() -> None:
    totals: dict[Rank, Gone] = {}
    for first, last, batches in ((T0_MS + 5, T0_MS + 9, 1), (T0_MS, T0_MS + 6, 2)):
        add_gone(totals, gone_of(Rank.LOW, first, last, batches, 10))
    assert totals[Rank.LOW] == Gone(what=Priority.LOW, first_ms=T0_MS, last_ms=T0_MS + 9, batches=3, readings=20)
