"""Dead letters, poison and the collector's own database."""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path

import orjson
import pytest

from collector.shell import dead_letter
from collector.shell.dead_letter import DeadLetterFile, DeadLetterFullError, PoisonFile
from collector.shell.gateways import Gateways
from collector.shell.housekeeping import FACTS_INTERVAL_MS, OVERVIEW_INTERVAL_MS, Housekeeping
from collector.shell.metrics import COUNTERS, GAUGES, Metrics
from collector.shell.records import FILE_NAME, GatewayRecord, Records, open_records, read_overview
from collector.shell.store_queue import StoreQueue
from tests.unit.collector.collector_parts import NOW_MS


def test_a_letter_is_synchronised_before_append_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        synced.append(os.fstat(descriptor).st_size)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    letters = DeadLetterFile(tmp_path / "d.jsonl", 1000)
    letters.append([{"n": 1}, {"n": 2}])
    assert synced[0] == letters.size_bytes() == len(b'{"n":1}\n{"n":2}\n')
    assert len(synced) == 2, "the folder of a new file must be synchronised too"


def test_a_full_file_takes_all_or_nothing(tmp_path: Path) -> None:
    letters = DeadLetterFile(tmp_path / "d.jsonl", 20)
    letters.append([{"n": 1}])
    with pytest.raises(DeadLetterFullError, match="move it away"):
        letters.append([{"n": 2}, {"n": 3}])
    assert (tmp_path / "d.jsonl").read_bytes() == b'{"n":1}\n'
    (tmp_path / "d.jsonl").rename(tmp_path / "moved")
    letters.append([{"n": 2}])
    assert (tmp_path / "d.jsonl").read_bytes() == b'{"n":2}\n'


def test_a_disk_that_fails_leaves_no_half_letter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    letters = DeadLetterFile(tmp_path / "d.jsonl", 1000)
    letters.append([{"n": 1}])

    def fail(_descriptor: int) -> None:
        raise OSError(errno.EIO, "input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="input/output"):
        letters.append([{"n": 2}])
    assert (tmp_path / "d.jsonl").read_bytes() == b'{"n":1}\n'


def test_after_a_torn_line_the_next_letter_begins_on_its_own(tmp_path: Path) -> None:
    file = tmp_path / "d.jsonl"
    file.write_bytes(b'{"n":1}\n{"n":')
    DeadLetterFile(file, 1000).append([{"n": 3}])
    assert file.read_bytes().splitlines() == [b'{"n":1}', b'{"n":', b'{"n":3}']


def test_poison_is_bounded_in_rate_and_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "poison.jsonl"
    poison = PoisonFile(file)
    parked = [poison.park(topic="t", payload=b"\xff", kind="k", reason="r", at_ms=NOW_MS) for _ in range(100)]
    assert parked.count(True) == 60
    monkeypatch.setattr(dead_letter, "POISON_BYTES", file.stat().st_size + 10)
    assert poison.park(topic="new", payload=b"", kind="k", reason="r", at_ms=NOW_MS + 60_000)
    assert [orjson.loads(line)["topic"] for line in file.read_bytes().splitlines()] == ["new"]
    assert len((tmp_path / "poison.1.jsonl").read_bytes().splitlines()) == 60


def test_what_was_recorded_is_read_while_the_writer_lives_and_after_it(tmp_path: Path) -> None:
    records = Records(tmp_path)
    record = GatewayRecord(name="gw-1", last_seen_ms=5, lag_ms=-3, epoch="e", seq=9, online=False, devices=2)
    records.save_overview([record], {"batches": 4}, {"pid": "1"})
    records.save_catalogue([("gw-1", "m1", "meter")], [("meter", "u1", "float")])
    assert read_overview(tmp_path).gateways == (record,)
    records.close()
    overview = read_overview(tmp_path)
    assert (overview.gateways, overview.metrics, overview.facts) == ((record,), {"batches": 4}, {"pid": "1"})
    again = Records(tmp_path)
    assert (again.devices(), again.kinds(), again.gateways()) == (
        [("gw-1", "m1", "meter")],
        [("meter", "u1", "float")],
        [record],
    )
    again.close()


def test_a_folder_in_which_no_collector_ran_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_overview(tmp_path)


def test_a_damaged_record_is_an_error_and_not_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"this is no database" * 100)
    with pytest.raises(sqlite3.DatabaseError):
        Records(tmp_path)
    with pytest.raises(sqlite3.DatabaseError):
        read_overview(tmp_path)


def test_a_damaged_record_is_set_aside_and_the_collector_starts(tmp_path: Path) -> None:
    for damage in (b"this is no database at all" * 100, b"SQLite format 3\0" + b"\xff" * 5000):
        (tmp_path / "collector.db").write_bytes(damage)
        records = open_records(tmp_path)
        records.save_catalogue([("gw-1", "m1", "meter")], [])
        records.close()
        again = open_records(tmp_path)
        assert again.devices() == [("gw-1", "m1", "meter")]
        again.close()
        for file in tmp_path.glob("collector.db*"):
            if "damaged" not in file.name:
                file.unlink()
    assert [file.read_bytes()[:4] for file in sorted(tmp_path.glob("*damaged*"))] == [b"this", b"SQLi"]


def test_housekeeping_writes_every_five_seconds_at_once_on_trouble_and_facts_each_minute(tmp_path: Path) -> None:
    now_ms = [NOW_MS]
    trouble = [""]
    metrics, queue = Metrics(), StoreQueue(max_batches=10)
    gateways = Gateways(limit=10, named=())
    gateways.admit("gw-1")
    housekeeping = Housekeeping(
        records=Records(tmp_path),
        gateways=gateways,
        queue=queue,
        metrics=metrics,
        now_ms=lambda: now_ms[0],
        gauges={"gateways": gateways.count},
        troubles={"store": lambda: trouble[0]},
        facts={"name": "c"},
    )

    def written_ms() -> int:
        return int(read_overview(tmp_path).facts["written_ms"]) - NOW_MS

    housekeeping.step()
    assert written_ms() == 0
    now_ms[0] += OVERVIEW_INTERVAL_MS - 1
    housekeeping.step()
    assert written_ms() == 0
    trouble[0] = "unreachable: down"
    housekeeping.step()
    assert written_ms() == OVERVIEW_INTERVAL_MS - 1
    overview = read_overview(tmp_path)
    assert (overview.facts["store"], overview.metrics["gateways"]) == ("unreachable: down", 1)
    assert len(queue) == 0
    now_ms[0] = NOW_MS + FACTS_INTERVAL_MS
    housekeeping.step()
    (pending,) = queue.take(rows=1, linger_s=0, timeout_s=0)
    assert [(row.measurement, row.gateway, row.time_ms) for row in pending.rows] == [
        ("ingest", "gw-1", NOW_MS + FACTS_INTERVAL_MS)
    ]
    housekeeping._records.close()


def test_a_metric_that_is_not_listed_is_a_programming_error() -> None:
    metrics = Metrics()
    with pytest.raises(KeyError):
        metrics.add("no_such_metric")
    assert set(metrics.snapshot()) == set(COUNTERS) | set(GAUGES)
