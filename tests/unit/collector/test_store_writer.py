from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import orjson
import pytest

from collector.core.catalogue import Catalogue
from collector.core.salvage import Broken
from collector.shell import store_writer as writer_module
from collector.shell.confirm import Confirmer
from collector.shell.dead_letter import DeadLetterFile
from collector.shell.gateways import Gateways
from collector.shell.metrics import Metrics
from collector.shell.store_queue import Pending, StoreQueue
from collector.shell.store_writer import StoreWriter
from collector.shell.stores.base import RejectedRow, StoreRefusedError, StoreUnavailableError, Written
from contract.codec import decode_batch
from tests.unit.collector.collector_parts import NOW_MS, RecordingStore, batch_payload, meta, received, row


class Confirms:
    """Stands where the confirmer stands."""

    def __init__(self) -> None:
        self.seqs: list[int] = []

    def stored(self, gateway: str, epoch: str, seq: int) -> None:
        assert (gateway, len(epoch)) == ("gw-1", 32)
        self.seqs.append(seq)


class Parts:
    """A writer with a store, a dead-letter file and a list of what was confirmed."""

    def __init__(self, folder: Path, dead_letter_bytes: int = 1_000_000) -> None:
        self.store = RecordingStore()
        self.queue = StoreQueue(max_batches=100)
        self.metrics = Metrics()
        self.confirms = Confirms()
        self.letters_file = folder / "dead_letter.jsonl"
        catalogue = Catalogue()
        catalogue.learn("gw-1", meta())
        gateways = Gateways(limit=10, named=())
        gateways.admit("gw-1")
        confirmer: Any = self.confirms
        assert hasattr(Confirmer, "stored")
        self.writer = StoreWriter(
            store=self.store,
            queue=self.queue,
            catalogue=catalogue,
            catalogue_lock=threading.Lock(),
            dead_letters=DeadLetterFile(self.letters_file, dead_letter_bytes),
            confirmer=confirmer,
            gateways=gateways,
            metrics=self.metrics,
            now_ms=lambda: NOW_MS,
            group_rows=1000,
            linger_s=0,
        )

    def letters(self) -> list[dict[str, Any]]:
        if not self.letters_file.exists():
            return []
        return [orjson.loads(line) for line in self.letters_file.read_bytes().splitlines()]


@pytest.fixture
def parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Parts:
    monkeypatch.setattr(writer_module, "BACK_OFF_MIN_S", 0.001)
    monkeypatch.setattr(writer_module, "BACK_OFF_MAX_S", 0.004)
    return Parts(tmp_path)


def pending(seq: int, **more: Any) -> Pending:
    return Pending(received=received(batch_payload(seq, **more)), row_count=1, size_bytes=100)


def test_a_group_is_one_write_and_each_batch_is_confirmed_after_it(parts: Parts) -> None:
    assert parts.writer.write([pending(1), pending(2), pending(3)])
    assert (parts.store.attempts, parts.confirms.seqs) == (1, [1, 2, 3])
    assert parts.metrics.value("rows_stored") == 3
    assert parts.writer.trouble == ""


@pytest.mark.parametrize(
    "error", [StoreUnavailableError("unreachable", "down"), StoreRefusedError("database_not_found", "none")]
)
def test_whatever_the_store_says_a_group_is_held_until_it_is_stored(parts: Parts, error: Exception) -> None:
    parts.store.answers = [error] * 7
    assert parts.writer.write([pending(1)])
    assert parts.store.attempts == 8
    assert len(parts.store.rows) == 1
    assert parts.confirms.seqs == [1]
    assert parts.metrics.value("store_failures") == 7


def test_nothing_is_confirmed_while_the_store_is_away_and_the_trouble_is_told(parts: Parts) -> None:
    seen: list[tuple[list[int], str]] = []
    failures = iter([StoreUnavailableError("timeout", "no answer in time")] * 3)

    def write(_rows: object) -> Written:
        seen.append((list(parts.confirms.seqs), parts.writer.trouble))
        error = next(failures, None)
        if error is not None:
            raise error
        return Written(1)

    parts.store.write = write  # type: ignore[method-assign,assignment]  # a store that looks at the writer
    parts.writer.write([pending(1)])
    assert seen == [([], ""), *[([], "timeout: no answer in time")] * 3]
    assert parts.confirms.seqs == [1]


def test_an_isolated_row_is_in_the_dead_letter_file_before_its_batch_is_confirmed(parts: Parts) -> None:
    group = [pending(1), pending(2)]
    work = parts.writer._work(group[0])
    parts.writer._settle([work], Written(0, (RejectedRow(work.rows[0], "field_type_conflict", "words"),)))
    (letter,) = parts.letters()
    assert (letter["reason"], letter["seq"], letter["fields"], letter["detail"]) == (
        "field_type_conflict",
        1,
        {"u1": 230.5},
        "words",
    )
    assert parts.confirms.seqs == [1]


def test_a_full_dead_letter_file_holds_its_batches_and_no_others(tmp_path: Path) -> None:
    parts = Parts(tmp_path, dead_letter_bytes=10)
    parts.writer.write([pending(1), pending(2, devices={"m1": {"u1": ["text"]}}), pending(3)])
    assert parts.confirms.seqs == [1, 3]
    assert parts.letters() == []
    assert parts.metrics.value("dead_letter_failures") >= 1
    assert parts.writer.trouble.startswith("dead_letter: ")


def test_foreign_devices_go_to_the_dead_letter_file_whole(parts: Parts) -> None:
    foreign = decode_batch(batch_payload(devices={"stolen": {"u1": [5.0]}})).d
    batch = received(batch_payload(4))
    parts.writer.write([Pending(received=batch, foreign=foreign, row_count=1, size_bytes=1)])
    (letter,) = parts.letters()
    assert (letter["reason"], letter["device"], letter["columns"]["m"]) == ("foreign_device", "stolen", {"u1": [5.0]})
    assert len(parts.store.rows) == 1
    assert parts.confirms.seqs == [4]


def test_devices_that_cannot_be_read_are_kept_before_the_batch_is_confirmed(parts: Parts) -> None:
    broken = {"Bad\nname": Broken("t0: too early", {"t0": 5, "dt": [0], "m": {"n": [2**64 - 1, 1e400, None]}})}
    parts.writer.write([Pending(received=received(batch_payload(4)), broken=broken, row_count=1, size_bytes=1)])
    (letter,) = parts.letters()
    assert (letter["reason"], letter["device"], letter["seq"]) == ("invalid_device", "Bad\nname", 4)
    assert letter["columns"]["m"]["n"][0] == 2**64 - 1
    assert len(parts.store.rows) == 1
    assert parts.confirms.seqs == [4]


def test_rows_from_the_future_are_archived_and_confirmed_but_not_stored(parts: Parts) -> None:
    parts.writer.write([pending(1, t0=NOW_MS + 61_000)])
    assert parts.store.rows == []
    (letter,) = parts.letters()
    assert (letter["reason"], letter["times_ms"], letter["values"]) == ("future", [NOW_MS + 61_000], {"u1": [230.5]})
    assert parts.confirms.seqs == [1]
    assert parts.metrics.value("rows_future") == 1


def test_rows_of_our_own_are_stored_and_confirm_nothing(parts: Parts) -> None:
    parts.writer.write([Pending(rows=(row(),), row_count=1)])
    assert len(parts.store.rows) == 1
    assert parts.confirms.seqs == []


def test_the_end_writes_what_waits(parts: Parts) -> None:
    for seq in range(1, 21):
        parts.queue.put(pending(seq))
    parts.writer.start()
    parts.writer.stop(10)
    assert parts.confirms.seqs == list(range(1, 21))
    assert parts.store.attempts == -1, "the store was not closed"


def test_the_end_does_not_wait_for_a_store_that_is_away(parts: Parts) -> None:
    parts.store.answers = [StoreUnavailableError("unreachable", "down")] * 100_000
    parts.queue.put(pending(1))
    parts.writer.start()
    parts.writer.stop(10)
    assert parts.confirms.seqs == []
    assert parts.store.attempts == -1


def test_a_defect_in_one_group_does_not_end_the_thread(parts: Parts) -> None:
    defect: Any = ZeroDivisionError("a defect")
    parts.store.answers = [defect]
    parts.queue.put(pending(1))
    group = parts.queue.take(rows=1, linger_s=0, timeout_s=0)
    with pytest.raises(ZeroDivisionError):
        parts.writer.write(group)
    parts.store.answers = [defect]
    parts.queue.put(pending(2))
    parts.writer.start()
    while not parts.writer.trouble:
        threading.Event().wait(0.001)
    assert parts.writer.trouble.startswith("defect: ZeroDivisionError")
    parts.queue.put(pending(3))
    parts.writer.stop(10)
    assert parts.confirms.seqs == [3]
    assert parts.writer.trouble == ""


def test_the_queue_is_bounded_in_batches_and_bytes() -> None:
    queue = StoreQueue(max_batches=3)
    assert [queue.put(pending(seq)) for seq in range(1, 6)] == [True, True, True, False, False]
    assert len(queue.take(rows=2, linger_s=0, timeout_s=0)) == 2
    assert queue.put(pending(6))
    assert not queue.put(Pending(rows=(row(),), row_count=1, size_bytes=10**9))
