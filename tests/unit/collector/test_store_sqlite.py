from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.shell.stores.base import Sample, SeriesName, StoreRefusedError, StoreUnavailableError
from collector.shell.stores.sqlite import BUCKET_MS, DAY_MS, SqliteStore
from tests.unit.collector.collector_parts import NOW_MS, row

FOREVER_MS = 4_000_000_000_000


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now_ms = NOW_MS

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[SqliteStore]:
    opened = SqliteStore(tmp_path / "samples.db", retention_days=7, now_ms=clock)
    yield opened
    opened.close()


def samples(store: SqliteStore, key: str = "u1", limit: int = 100) -> list[Sample]:
    return store.range("gw-1", "m1", key, 0, FOREVER_MS, limit)


def test_values_come_back_with_their_type_and_cause(store: SqliteStore) -> None:
    assert (
        store.write([row(0, u1=230.0, n=3, on=True, s="mở"), row(1, u1=1.5, q_u1="stale", q_n="timeout")]).stored == 2
    )
    assert samples(store) == [Sample(NOW_MS, 230.0), Sample(NOW_MS + 1, 1.5, "stale")]
    assert samples(store, "n") == [Sample(NOW_MS, 3), Sample(NOW_MS + 1, None, "timeout")]
    assert samples(store, "on")[0].value is True
    assert samples(store, "s")[0].value == "mở"
    assert type(samples(store)[0].value) is float


def test_a_question_for_one_point_does_not_read_the_whole_file(store: SqliteStore) -> None:
    store.write([row(-number * 1000, f"m{number % 10}") for number in range(20_000)])
    steps: list[None] = []
    store._connected().set_progress_handler(lambda: steps.append(None), 1000)
    assert len(store.range("gw-1", "m1", "u1", NOW_MS - 60_000, NOW_MS + 1, 100)) == 6
    # Each is a thousand instructions of SQLite's machine: a walk over all rows would be more than a hundred.
    assert len(steps) < 20


def test_numbers_that_were_rolled_back_are_given_to_no_other_series(store: SqliteStore) -> None:
    with pytest.raises(OverflowError):
        store.write([row(0, first=1.0), row(0, second=2**70)])
    store.write([row(0, third=3.0)])
    store.write([row(0, first=1.0)])
    assert samples(store, "first") == [Sample(NOW_MS, 1.0)]
    assert samples(store, "third") == [Sample(NOW_MS, 3.0)]


def test_a_repeat_changes_nothing_and_a_correction_overwrites(store: SqliteStore, tmp_path: Path) -> None:
    for _ in range(3):
        store.write([row(0, u1=1.0), row(0, n=2)])
    store.write([row(0, u1=9.0)])
    with sqlite3.connect(tmp_path / "samples.db") as look:
        assert look.execute("SELECT count(*) FROM sample").fetchone() == (2,)
    look.close()
    assert samples(store) == [Sample(NOW_MS, 9.0)]
    assert samples(store, "n") == [Sample(NOW_MS, 2)]


def test_a_range_has_its_first_and_not_its_last_and_keeps_the_newest(store: SqliteStore) -> None:
    store.write([row(offset * BUCKET_MS // 2, u1=float(offset)) for offset in range(-10, 1)])
    first = NOW_MS - 4 * BUCKET_MS
    found = store.range("gw-1", "m1", "u1", first, NOW_MS, 100)
    assert [sample.value for sample in found] == [-8.0, -7.0, -6.0, -5.0, -4.0, -3.0, -2.0, -1.0]
    assert [sample.value for sample in store.range("gw-1", "m1", "u1", first, NOW_MS, 2)] == [-2.0, -1.0]
    assert store.range("gw-1", "m1", "u1", NOW_MS, NOW_MS, 5) == []
    assert store.range("gw-2", "m1", "u1", 0, FOREVER_MS, 5) == []


def test_the_latest_is_the_newest_whatever_comes_late(store: SqliteStore) -> None:
    store.write([row(0, u1=1.0, on=False)])
    store.write([row(-60_000, u1=7.0), row(-30_000, on=True)])
    assert store.latest("gw-1", "m1") == {"u1": Sample(NOW_MS, 1.0), "on": Sample(NOW_MS, False)}
    assert store.latest("gw-1", "m2") == {}


def test_the_series_are_listed(store: SqliteStore) -> None:
    store.write([row(0, u1=1.0), row(0, device="", rows=1)])
    assert store.series() == [SeriesName("gw-1", "", "rows"), SeriesName("gw-1", "m1", "u1")]
    assert store.series("gw-1", "m1") == [SeriesName("gw-1", "m1", "u1")]
    assert store.series("gw-9") == []


def test_rows_past_the_retention_are_handed_back_and_never_silently_deleted(store: SqliteStore) -> None:
    old, kept = row(-8 * DAY_MS), row(-6 * DAY_MS)
    written = store.write([old, kept])
    assert (written.stored, [one.row for one in written.rejected]) == (1, [old])
    assert written.rejected[0].reason == "beyond_retention"


def test_retention_removes_whole_buckets_and_keeps_the_rest(store: SqliteStore, clock: Clock) -> None:
    store.write([row(offset * BUCKET_MS) for offset in range(10)])
    clock.now_ms = NOW_MS + 7 * DAY_MS + 5 * BUCKET_MS
    store.write([row(7 * DAY_MS + 5 * BUCKET_MS)])
    assert [sample.time_ms - NOW_MS for sample in samples(store)] == [
        *(offset * BUCKET_MS for offset in range(5, 10)),
        7 * DAY_MS + 5 * BUCKET_MS,
    ]


def test_a_clock_that_is_years_ahead_deletes_nothing(store: SqliteStore, clock: Clock) -> None:
    store.write([row(-6 * DAY_MS), row(0)])
    clock.now_ms = NOW_MS + 3650 * DAY_MS
    for _ in range(3):
        # As the collector's own rows, which have its clock's time.
        written = store.write([row(1000), row(clock.now_ms - NOW_MS, device="", batches=0)])
        assert [one.reason for one in written.rejected] == ["beyond_retention"]
        clock.now_ms += 60_000
    assert [sample.time_ms for sample in samples(store)] == [NOW_MS - 6 * DAY_MS, NOW_MS]


def test_a_reader_sees_one_snapshot_while_the_collector_writes(
    store: SqliteStore, tmp_path: Path, clock: Clock
) -> None:
    store.write([row(0, u1=1.0)])
    readers = [SqliteStore(tmp_path / "samples.db", retention_days=7, now_ms=clock, read_only=True) for _ in range(2)]
    assert samples(readers[0]) == [Sample(NOW_MS, 1.0)]
    store.write([row(1, u1=2.0)])
    assert len(samples(readers[0])) == 1
    assert len(samples(readers[1])) == 2
    with pytest.raises(StoreUnavailableError):
        readers[1].write([row(2)])
    for reader in readers:
        reader.close()


def test_the_file_is_a_durable_log(store: SqliteStore) -> None:
    store.write([row()])
    connection = store._connected()
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert "WITHOUT ROWID" in connection.execute("SELECT sql FROM sqlite_master WHERE name = 'sample'").fetchone()[0]


def test_a_folder_that_is_not_there_yet_is_weather(tmp_path: Path, clock: Clock) -> None:
    store = SqliteStore(tmp_path / "later" / "samples.db", retention_days=7, now_ms=clock)
    with pytest.raises(StoreUnavailableError) as caught:
        store.write([row()])
    assert caught.value.reason == "cannot_open"
    (tmp_path / "later").mkdir()
    assert store.write([row()]).stored == 1
    store.close()


def test_a_file_that_is_no_database_needs_somebody_to_mend_it(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "samples.db").write_bytes(b"no database at all" * 1000)
    store = SqliteStore(tmp_path / "samples.db", retention_days=7, now_ms=clock)
    with pytest.raises(StoreRefusedError, match="not a database"):
        store.write([row()])


def test_a_full_disk_loses_nothing_and_numbers_of_a_failed_write_are_not_kept(store: SqliteStore) -> None:
    store.write([row(0)])
    connection = store._connected()
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")
    many = [row(offset, device=f"d{offset}", s="x" * 200) for offset in range(2000)]
    with pytest.raises(StoreUnavailableError) as caught:
        store.write(many)
    assert caught.value.reason == "disk_full"
    assert store.write(many).stored == 2000, "the limit belonged to the connection that failed"
    assert len(store.series()) == 2001
    assert store.range("gw-1", "d1999", "s", 0, FOREVER_MS, 1)[0].value == "x" * 200
