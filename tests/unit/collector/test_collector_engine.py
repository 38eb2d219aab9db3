from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from collector.shell.desk import AlarmStateError
from tests.unit.collector.collector_parts import NOW_MS, EngineParts, batch_payload, meta

ONLINE = b'{"online":true,"nonce":"n","sw":"1.0","since":1760000000000}'


@pytest.fixture
def parts(tmp_path: Path) -> EngineParts:
    return EngineParts(tmp_path)


def test_a_batch_is_evaluated_and_then_waits_for_the_store(parts: EngineParts) -> None:
    parts.describe()
    parts.send("up/live", batch_payload(7))
    (item,) = parts.desk.items
    assert (item.gateway, item.batch.seq, item.channel, item.received_ms) == ("gw-1", 7, "live", NOW_MS)
    (pending,) = parts.queue.take(rows=1, linger_s=0, timeout_s=0)
    assert pending.received == item
    assert parts.saved[0][0] == [("gw-1", "m1", "meter")]


def test_the_desk_learns_what_a_gateway_has(parts: EngineParts) -> None:
    parts.describe()
    assert [gateway for gateway, _ in parts.desk.metas] == ["gw-1"]
    assert parts.desk.metas[0][1].devices


@pytest.mark.parametrize("tail", ["up/live", "up/event", "up/history"])
def test_each_topic_is_a_channel(parts: EngineParts, tail: str) -> None:
    parts.send(tail, batch_payload())
    assert parts.desk.items[0].channel == tail.removeprefix("up/")


def test_a_gateway_that_has_not_said_what_it_has_is_evaluated_but_not_stored(parts: EngineParts) -> None:
    parts.send("up/live", batch_payload())
    assert len(parts.desk.items) == 1
    assert len(parts.queue) == 0
    assert parts.metrics.value("held_without_meta") == 1


def test_a_description_that_is_missing_is_asked_for_again_and_not_with_every_batch(parts: EngineParts) -> None:
    for seq in range(1, 5):
        parts.send("up/live", batch_payload(seq))
        parts.send("up/live", batch_payload(seq), gateway="gw-2")
    assert parts.fetched == ["gw-1", "gw-2"]
    parts.describe("gw-2")
    parts.now_ms += 30_000
    parts.send("up/live", batch_payload(5))
    parts.send("up/live", batch_payload(5), gateway="gw-2")
    assert parts.fetched == ["gw-1", "gw-2", "gw-1"]


def test_a_device_that_is_not_described_lets_the_description_be_asked_for_again(parts: EngineParts) -> None:
    parts.describe()
    parts.send("up/live", batch_payload(devices={"m1": {"u1": [1.0]}, "new": {"u1": [2.0]}}))
    assert parts.fetched == ["gw-1"]


def test_a_batch_without_a_clock_is_evaluated_but_never_stored_or_confirmed(parts: EngineParts) -> None:
    parts.describe()
    parts.send("up/event", batch_payload(clk="waiting", age_ms=5))
    assert len(parts.desk.items) == 1
    assert len(parts.queue) == 0
    assert parts.metrics.value("batches_waiting") == 1


def test_times_that_mean_nothing_make_no_lag(parts: EngineParts) -> None:
    parts.describe()
    parts.send("up/live", batch_payload(1))
    parts.send("up/event", batch_payload(2, t0=1_577_836_800_000, clk="waiting", age_ms=5))
    (record,) = parts.gateways.records()
    assert (record.lag_ms, record.seq) == (500, 2)
    (facts,) = parts.gateways.facts(NOW_MS)
    assert facts.fields["lag_s"] == 0.5


def test_a_device_of_another_gateway_is_neither_evaluated_nor_stored_here(parts: EngineParts) -> None:
    parts.describe()
    parts.send("up/live", batch_payload(devices={"m1": {"u1": [1.0]}, "stolen": {"u1": [2.0]}}))
    assert set(parts.desk.items[0].batch.d) == {"m1"}
    (pending,) = parts.queue.take(rows=1, linger_s=0, timeout_s=0)
    assert set(pending.foreign) == {"stolen"}
    assert parts.metrics.value("foreign_devices") == 1


@pytest.mark.parametrize(
    "columns",
    [
        {"t0": 5, "dt": [0], "m": {"u1": [1.0]}},
        {"t0": NOW_MS, "dt": [0, 0], "m": {"u1": [1.0, 2.0]}},
        {"t0": NOW_MS, "dt": [0], "m": {"U 1\n": [1.0]}},
        {"t0": NOW_MS, "dt": [0], "m": {"u1": [None]}, "q": {"u1": [[0, 1, "a cause of next year"]]}},
        {"t0": NOW_MS, "dt": [0], "m": {"u1": [[1.0]]}},
        "nothing",
    ],
)
def test_a_device_that_cannot_be_read_costs_no_other_of_its_batch(parts: EngineParts, columns: Any) -> None:
    parts.describe()
    body = orjson.loads(batch_payload(7))
    body["d"]["m2"] = columns
    parts.send("up/live", orjson.dumps(body))
    assert set(parts.desk.items[0].batch.d) == {"m1"}
    (pending,) = parts.queue.take(rows=1, linger_s=0, timeout_s=0)
    assert {name: broken.columns for name, broken in pending.broken.items()} == {"m2": columns}
    assert parts.metrics.value("devices_invalid") == 1
    assert parts.metrics.value("payload_invalid") == 0


@pytest.mark.parametrize("more", [{"v": 2}, {"epoch": "x"}, {"seq": 0}, {"d": []}, {"clk": "sundial"}])
def test_a_batch_whose_number_cannot_be_read_is_parked_whole(parts: EngineParts, more: dict[str, Any]) -> None:
    parts.describe()
    body = orjson.loads(batch_payload(7))
    body["d"]["m2"] = "nothing"
    parts.send("up/live", orjson.dumps(body | more))
    assert parts.desk.items == []
    assert parts.metrics.value("payload_invalid") == 1


def test_a_commit_that_fails_keeps_every_batch_of_the_pass_unconfirmed(parts: EngineParts) -> None:
    parts.describe()
    parts.desk.failure = AlarmStateError("disk full")
    parts.ingest.accept("city/v1/gw-1/up/live", batch_payload(1), retained=False)
    parts.ingest.accept("city/v1/gw-1/up/live", batch_payload(2), retained=False)
    parts.engine.run_pass(0)
    assert len(parts.queue) == 0
    assert parts.metrics.value("alarm_state_failed") == 2
    parts.desk.failure = None
    parts.send("up/live", batch_payload(1))
    assert len(parts.queue) == 1


def test_one_batch_that_a_rule_fails_on_silences_no_other(parts: EngineParts) -> None:
    parts.describe()
    parts.desk.poison_seq = 2
    for seq in (1, 2, 3):
        parts.ingest.accept("city/v1/gw-1/up/live", batch_payload(seq), retained=False)
    parts.engine.run_pass(0)
    assert [item.batch.seq for item in parts.desk.items] == [1, 3]
    assert len(parts.queue) == 2
    assert parts.metrics.value("evaluation_failed") == 1


def test_a_full_store_queue_never_stops_evaluation(tmp_path: Path) -> None:
    parts = EngineParts(tmp_path, queue_batches=3)
    parts.describe()
    for seq in range(1, 11):
        parts.send("up/live", batch_payload(seq))
    assert len(parts.desk.items) == 10
    assert len(parts.queue) == 3
    assert parts.metrics.value("store_dropped") == 7


def test_gateways_beyond_the_limit_are_refused_except_those_of_the_inventory(tmp_path: Path) -> None:
    parts = EngineParts(tmp_path, gateway_limit=2)
    for gateway in ("gw-1", "gw-2", "gw-3", "gw-named"):
        parts.send("up/live", batch_payload(), gateway=gateway)
    assert [item.gateway for item in parts.desk.items] == ["gw-1", "gw-2", "gw-named"]
    assert parts.metrics.value("gateways_refused") == 1


def test_presence_reaches_the_desk_and_the_record(parts: EngineParts) -> None:
    parts.send("state/online", ONLINE, retained=True)
    assert [(gateway, online.online) for gateway, online in parts.desk.onlines] == [("gw-1", True)]
    (record,) = parts.gateways.records()
    assert (record.online, record.software) == (True, "1.0")


def test_a_cleared_retained_message_changes_nothing(parts: EngineParts) -> None:
    parts.describe()
    parts.send("state/meta", b"")
    parts.send("state/online", b"")
    parts.send("up/live", batch_payload())
    assert len(parts.queue) == 1
    assert "payload_not_json" not in parts.counted()


def test_a_repeat_is_counted_evaluated_and_stored_again(parts: EngineParts) -> None:
    parts.describe()
    for _ in range(2):
        parts.send("up/history", batch_payload(5))
    assert len(parts.queue) == 2
    assert parts.metrics.value("repeats") == 1
    facts = parts.gateways.facts(NOW_MS)
    assert facts[0].fields["repeats"] == 1
    assert facts[0].fields["lag_s"] == 0.5
    assert parts.gateways.facts(NOW_MS)[0].fields["batches"] == 0


def test_readings_are_counted_without_what_was_not_sampled(parts: EngineParts) -> None:
    payload = batch_payload(
        devices={"m1": {"u1": [1.0, None, None], "on": [True, None, None]}}, q={"u1": [[1, 1, "timeout"]]}
    )
    parts.send("up/live", payload)
    assert parts.metrics.value("readings") == 3


def test_time_passes_for_the_desk_twice_a_second_and_over_a_clock_that_falls(parts: EngineParts) -> None:
    for step_ms in (0, 100, 499, 500, 700, -90_000):
        parts.now_ms = NOW_MS + step_ms
        parts.engine.run_pass(0)
    assert [tick - NOW_MS for tick in parts.desk.ticks] == [0, 500, -90_000]


def test_the_desk_is_told_of_the_broker_in_its_own_thread(parts: EngineParts) -> None:
    parts.engine.connection_changed(is_connected=True)
    parts.engine.connection_changed(is_connected=False)
    assert parts.desk.calls == []
    parts.engine.run_pass(0)
    assert parts.desk.calls == ["connected True", "disconnected True"]


def test_a_point_described_otherwise_than_before_is_counted(parts: EngineParts) -> None:
    parts.describe()
    parts.describe(described=meta({"m1": {"u1": "text"}}))
    assert parts.metrics.value("kind_conflicts") == 1


def test_a_result_of_a_command_is_counted(parts: EngineParts) -> None:
    result = b'{"id":"01ARZ3NDEKTSV4RRFFQ69G5FAV","state":"done","point":"relay/r1","ts":1760000000000}'
    parts.send("up/cmd", result)
    parts.send("up/cmd", b"[]")
    assert parts.metrics.value("command_results") == 1
    assert parts.metrics.value("payload_invalid") == 1


def test_a_disk_that_refuses_the_alarm_state_stops_no_pass_and_is_told(
    parts: EngineParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_now_ms: int) -> None:
        raise AlarmStateError("disk full")

    monkeypatch.setattr(parts.desk, "tick", fail)
    parts.describe()
    parts.send("up/live", batch_payload())
    assert parts.engine.trouble == "disk full"
    assert len(parts.queue) == 1
    assert parts.metrics.value("handler_errors") == 0
    monkeypatch.undo()
    parts.now_ms += 1000
    parts.engine.run_pass(0)
    assert parts.engine.trouble == ""
