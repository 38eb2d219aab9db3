from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from collector.shell import ingest as ingest_module
from collector.shell.dead_letter import POISON_SAMPLE_BYTES, PoisonFile
from collector.shell.ingest import Ingest
from collector.shell.metrics import Metrics
from contract.batch import MAX_BATCH_BYTES
from tests.unit.collector.collector_parts import NOW_MS


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def ingest(tmp_path: Path, metrics: Metrics) -> Ingest:
    poison = PoisonFile(tmp_path / "poison.jsonl")
    return Ingest(root="city/v1", max_messages=10, poison=poison, metrics=metrics, now_ms=lambda: NOW_MS)


def send(ingest: Ingest, tail: str, payload: bytes = b"{}", gateway: str = "gw-1", *, retained: bool = False) -> None:
    ingest.accept(f"city/v1/{gateway}/{tail}", payload, retained=retained)


def test_state_comes_first_then_live_and_events_then_history(ingest: Ingest) -> None:
    for tail in ("up/history", "up/live", "up/event", "state/meta"):
        send(ingest, tail)
    assert [message.tail for message in ingest.take(100, 0)] == ["state/meta", "up/live", "up/event", "up/history"]
    assert ingest.waiting() == 0


def test_of_a_state_topic_the_newest_counts(ingest: Ingest) -> None:
    send(ingest, "state/online", b"1", retained=True)
    send(ingest, "state/online", b"2")
    assert [message.payload for message in ingest.take(100, 0)] == [b"2"]


def test_a_full_queue_gives_up_history_first_and_counts_what_it_refuses(ingest: Ingest, metrics: Metrics) -> None:
    for number in range(10):
        send(ingest, "up/history", b"%d" % number)
    send(ingest, "up/live", b"live")
    taken = [message.payload for message in ingest.take(100, 0)]
    assert taken == [b"live", *(b"%d" % number for number in range(1, 10))]
    for _ in range(13):
        send(ingest, "up/event")
    assert ingest.waiting() == 10
    assert metrics.value("ingest_dropped") == 1 + 3


def test_state_finds_room_in_a_queue_full_of_live_batches(ingest: Ingest, metrics: Metrics) -> None:
    for number in range(10):
        send(ingest, "up/live", b"%d" % number)
    send(ingest, "state/meta", b"first", retained=True)
    send(ingest, "state/meta", b"newer", retained=True)
    taken = [message.payload for message in ingest.take(100, 0)]
    assert taken == [b"newer", *(b"%d" % number for number in range(1, 10))]
    assert metrics.value("ingest_dropped") == 1


def test_results_of_commands_come_before_readings_and_find_room_among_them(ingest: Ingest, metrics: Metrics) -> None:
    for number in range(10):
        send(ingest, "up/live", b"%d" % number)
    send(ingest, "up/cmd", b"done")
    taken = [message.payload for message in ingest.take(100, 0)]
    assert taken == [b"done", *(b"%d" % number for number in range(1, 10))]
    assert metrics.value("ingest_dropped") == 1


def test_a_flood_of_results_leaves_readings_their_turn(tmp_path: Path, metrics: Metrics) -> None:
    poison = PoisonFile(tmp_path / "poison.jsonl")
    ingest = Ingest(root="city/v1", max_messages=5000, poison=poison, metrics=metrics, now_ms=lambda: NOW_MS)
    for number in range(3000):
        send(ingest, "up/cmd", b"%d" % number, gateway="gw-9")
    send(ingest, "up/live", b"live")
    taken = ingest.take(500, 0)
    assert [message.tail for message in taken].count("up/cmd") == 200
    assert taken[-1].payload == b"live"
    assert metrics.value("ingest_dropped") == 1000


def test_state_alone_fills_the_queue_no_further_than_its_bound(ingest: Ingest, metrics: Metrics) -> None:
    for number in range(15):
        send(ingest, "state/meta", gateway=f"gw-{number}", retained=True)
    assert (ingest.waiting(), metrics.value("ingest_dropped")) == (10, 5)


def test_the_queue_is_bounded_in_bytes(ingest: Ingest, metrics: Metrics, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest_module, "MAX_QUEUE_BYTES", 1000)
    for _ in range(5):
        send(ingest, "up/live", b"x" * 400)
    assert (ingest.waiting(), metrics.value("ingest_dropped")) == (2, 3)
    ingest.take(100, 0)
    send(ingest, "up/live", b"x" * 400)
    assert ingest.waiting() == 1


def test_retained_batches_are_refused_and_retained_state_is_not(ingest: Ingest, metrics: Metrics) -> None:
    for tail in ("up/live", "up/event", "up/history", "up/cmd", "state/meta", "state/online"):
        send(ingest, tail, retained=True)
    assert [message.tail for message in ingest.take(100, 0)] == ["state/meta", "state/online"]
    assert metrics.value("retained_refused") == 4


@pytest.mark.parametrize(
    "topic", ["city/v1/gw-1/up/other", "city/v1/alarm/up/live", "other/v1/gw-1/up/live", "city/v1/GW 1/up/live"]
)
def test_topics_of_no_gateway_are_counted_and_parked(
    ingest: Ingest, metrics: Metrics, topic: str, tmp_path: Path
) -> None:
    ingest.accept(topic, b"\x00\xff", retained=False)
    assert (ingest.waiting(), metrics.value("topic_refused"), metrics.value("poison_parked")) == (0, 1, 1)
    assert orjson.loads((tmp_path / "poison.jsonl").read_bytes())["topic"] == topic


def test_an_oversized_payload_is_counted_and_only_its_beginning_kept(
    ingest: Ingest, metrics: Metrics, tmp_path: Path
) -> None:
    send(ingest, "up/live", b"x" * (MAX_BATCH_BYTES + 1))
    assert (ingest.waiting(), metrics.value("payload_oversized")) == (0, 1)
    parked = orjson.loads((tmp_path / "poison.jsonl").read_bytes())
    assert parked["bytes"] == MAX_BATCH_BYTES + 1
    assert len(parked["payload_base64"]) <= POISON_SAMPLE_BYTES * 4 // 3 + 4


def test_nothing_is_taken_after_the_end(ingest: Ingest) -> None:
    send(ingest, "up/live")
    ingest.close()
    send(ingest, "up/live")
    assert len(ingest.take(100, 5)) == 1
    assert ingest.take(100, 5) == []
