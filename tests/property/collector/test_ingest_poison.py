"""Whatever arrives: no exception, a metric for it, and the next gateway's batch is evaluated."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.batch import MAX_BATCH_BYTES
from tests.unit.collector.collector_parts import EngineParts, batch_payload

TAILS = st.sampled_from(["up/live", "up/event", "up/history", "up/cmd", "state/online", "state/meta"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=10), inner, max_size=5),
    max_leaves=30,
)
GOOD = orjson.loads(batch_payload())


@st.composite
def near_batches(draw: st.DrawFn) -> bytes:
    """A batch in which one thing is replaced by another."""
    body = orjson.loads(orjson.dumps(GOOD))
    target = draw(st.sampled_from([body, body["d"], body["d"]["m1"], body["d"]["m1"]["m"]]))
    key = draw(st.sampled_from(sorted(target)))
    target[key] = draw(st.integers(-(2**62), 2**62) | st.text(max_size=5) | st.lists(st.integers(0, 9), max_size=3))
    return orjson.dumps(body)


def as_json(value: object) -> bytes:
    return json.dumps(value).encode()


def assert_next_is_evaluated(parts: EngineParts) -> None:
    before = len(parts.desk.items)
    parts.send("up/live", batch_payload(99), gateway="gw-neighbour")
    assert [item.gateway for item in parts.desk.items[before:]] == ["gw-neighbour"]


@settings(deadline=None)
@given(messages=st.lists(st.tuples(TAILS, st.binary(max_size=200) | JSON.map(as_json) | near_batches()), max_size=8))
def test_anything_at_all_stops_nothing(messages: list[tuple[str, bytes]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        parts = EngineParts(Path(folder))
        for tail, payload in messages:
            parts.send(tail, payload)
        assert parts.metrics.value("handler_errors") == 0
        assert_next_is_evaluated(parts)


@pytest.mark.parametrize(
    ("payload", "metric"),
    [
        (b"\x00\xff\xfe binary", "payload_not_json"),
        (b'{"v":1', "payload_not_json"),
        (b"[" * 100_000, "payload_nested"),
        (b'{"a":' * 1000 + b"1" + b"}" * 1000, "payload_nested"),
        (b"x" * (MAX_BATCH_BYTES + 1), "payload_oversized"),
        (b'{"v":2}', "payload_invalid"),
        (b"null", "payload_invalid"),
        (batch_payload(epoch="short"), "payload_invalid"),
        (batch_payload(gone=[{"what": "low"}]), "payload_invalid"),
    ],
)
def test_each_kind_of_poison_has_its_metric_and_is_parked(payload: bytes, metric: str, tmp_path: Path) -> None:
    parts = EngineParts(tmp_path)
    parts.send("up/live", payload)
    counted = parts.counted()
    assert (counted[metric], counted["poison_parked"]) == (1, 1)
    parked = orjson.loads((tmp_path / "poison.jsonl").read_bytes())
    assert parked["bytes"] == len(payload)
    assert_next_is_evaluated(parts)


@pytest.mark.parametrize(
    "payload",
    [
        batch_payload(devices={"../../etc": {"u1": [1]}}),
        batch_payload(devices={"m1": {"u1\nforged": [1]}}),
        batch_payload(t0=0),
    ],
)
def test_a_poisoned_device_in_a_batch_has_its_metric_and_is_kept(payload: bytes, tmp_path: Path) -> None:
    parts = EngineParts(tmp_path)
    parts.describe()
    parts.send("up/live", payload)
    assert parts.metrics.value("devices_invalid") == 1
    (pending,) = parts.queue.take(rows=1, linger_s=0, timeout_s=0)
    assert pending.received is not None
    assert (dict(pending.received.batch.d), len(pending.broken)) == ({}, 1)
    assert_next_is_evaluated(parts)
