"""From the broker into each real store: what is confirmed is stored, what is not stored is not confirmed."""

from __future__ import annotations

import json
import sqlite3
import threading
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from collector.shell.records import read_overview
from contract.batch import MAX_BATCH_BYTES
from tests.servers import Influx, Mosquitto, free_port, wait_until
from tests.system.collector_rig import FakeGateway, Rig, now_ms

SQLITE = {"kind": "sqlite"}


def influx_store(influx: Influx, database: str, **more: Any) -> dict[str, Any]:
    return {"kind": "influxdb1", "url": influx.url, "database": database, "timeout_s": 1.0} | more


def stored_in_sqlite(rig: Rig) -> list[float]:
    connection = sqlite3.connect(rig.folder / "state" / "samples.db")
    try:
        return [value for (value,) in connection.execute("SELECT v FROM sample ORDER BY ts")]
    finally:
        connection.close()


def test_every_batch_is_stored_once_and_confirmed(mosquitto: Mosquitto, tmp_path: Path) -> None:
    with Rig(tmp_path, mosquitto, SQLITE) as rig, FakeGateway(mosquitto, "gw-once") as gateway:
        rig.wait_connected()
        for _ in range(300):
            gateway.read()
        gateway.send()
        wait_until(lambda: not gateway.spool, 30, "all confirmed")
        assert stored_in_sqlite(rig) == [float(n) for n in range(1, 301)]
        assert {item.batch.seq for item in rig.desk.items} == set(range(1, 301))


def test_one_thread_alone_writes_to_the_broker(
    mosquitto: Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writers: set[str] = set()
    real = paho.Client._sock_send

    def noted(client: paho.Client, data: bytes) -> int:
        if client._client_id.startswith(b"collector-"):
            writers.add(threading.current_thread().name)
        return real(client, data)

    monkeypatch.setattr(paho.Client, "_sock_send", noted)
    with Rig(tmp_path, mosquitto, SQLITE) as rig, FakeGateway(mosquitto, "gw-threads") as gateway:
        rig.wait_connected()
        for _ in range(50):
            gateway.read()
        gateway.wait_confirmed()
        rig.collector.broker.publish_retained("city/v1/alarm/x/y", b"{}")
        wait_until(rig.collector.broker.is_drained, 20, "everything is published")
        rig.collector.broker.publish_retained("city/v1/alarm/x/y", None)
        wait_until(rig.collector.broker.is_drained, 20, "everything is published")
    assert writers == {"broker"}


def test_a_part_that_ended_starves_the_watchdog_and_is_a_trouble(
    mosquitto: Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr("collector.app.service.notify", told.append)
    monkeypatch.setattr("collector.app.service.watchdog_interval_s", lambda: 0.01)
    with Rig(tmp_path, mosquitto, SQLITE) as rig:
        rig.wait_connected()
        wait_until(lambda: "WATCHDOG=1" in told, 20, "the watchdog is fed")
        alive = rig.collector._confirmer._thread
        rig.collector._confirmer._thread = threading.Thread()
        wait_until(lambda: rig.facts().get("store") == "part_ended: confirm", 20, "the trouble")
        told.clear()
        ticks = len(rig.desk.ticks)
        wait_until(lambda: len(rig.desk.ticks) > ticks + 2, 20, "passes of the engine")
        assert "WATCHDOG=1" not in told
        rig.collector._confirmer._thread = alive
        wait_until(lambda: "WATCHDOG=1" in told, 20, "the watchdog is fed again")


def test_a_broker_that_hangs_is_told_from_one_that_is_down(tmp_path: Path) -> None:
    with Mosquitto(tmp_path / "broker") as broker, Rig(tmp_path, broker, SQLITE, mqtt={"keepalive_s": 5}) as rig:
        rig.wait_connected()
        broker.suspend()
        try:
            wait_until(lambda: "does not answer" in rig.collector.broker.trouble, 60, "the silence")
        finally:
            broker.resume()
        rig.wait_connected()


def test_a_repeat_is_confirmed_again_and_stored_once(mosquitto: Mosquitto, tmp_path: Path) -> None:
    with Rig(tmp_path, mosquitto, SQLITE) as rig, FakeGateway(mosquitto, "gw-again") as gateway:
        rig.wait_connected()
        gateway.read()
        payload = gateway.spool[1]
        for _ in range(3):
            gateway.spool[1] = payload
            gateway.send(tail="up/event")
            wait_until(lambda: not gateway.spool, 20, "a confirm")
        assert stored_in_sqlite(rig) == [1.0]
        assert rig.metric("repeats") == 2


def test_it_starts_before_its_broker_and_returns_after_it(tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path / "broker")
    broker.port, broker._ports_are_kept = free_port(), True
    with Rig(tmp_path, broker, SQLITE) as rig:
        wait_until(lambda: rig.collector.broker.trouble, 20, "the first attempt")
        broker.start()
        try:
            rig.wait_connected()
            broker.kill9()
            wait_until(lambda: not rig.collector.broker.is_connected, 20, "the loss")
            broker.start()
            rig.wait_connected()
            with FakeGateway(broker) as gateway:
                gateway.read()
                gateway.wait_confirmed()
            assert rig.desk.calls == ["start", "connected True", "disconnected True", "connected True"]
        finally:
            broker.stop()


def test_poison_of_every_kind_stops_no_other_gateway(mosquitto: Mosquitto, tmp_path: Path) -> None:
    poison = {
        "payload_not_json": b"\x00\xff\x80 not json",
        "payload_nested": b"[" * 5000,
        "payload_oversized": b"x" * (MAX_BATCH_BYTES + 1),
        "payload_invalid": b'{"v":1,"epoch":"x"}',
    }
    with (
        Rig(tmp_path, mosquitto, SQLITE) as rig,
        FakeGateway(mosquitto, "gw-bad") as bad,
        FakeGateway(mosquitto, "gw-good") as good,
    ):
        rig.wait_connected()
        for _ in range(5):
            for payload in poison.values():
                bad.publish("up/live", payload)
            good.read()
            good.send()
        bad.publish("up/live", b"{}", retain=True)
        good.wait_confirmed()
        wait_until(lambda: rig.metric("retained_refused") == 1, 20, "the retained batch")
        assert {name: rig.metric(name) for name in poison} == dict.fromkeys(poison, 5)
        assert len((tmp_path / "state" / "poison.jsonl").read_bytes().splitlines()) == 20
        bad.publish("up/live", b"", retain=True)


def test_a_retained_batch_that_was_there_before_is_refused(mosquitto: Mosquitto, tmp_path: Path) -> None:
    with FakeGateway(mosquitto, "gw-retained") as gateway:
        gateway.read()
        gateway.publish("up/event", gateway.spool[1], retain=True)
        with Rig(tmp_path, mosquitto, SQLITE) as rig:
            wait_until(lambda: rig.metric("retained_refused") == 1, 20, "the retained batch")
            assert rig.desk.items == []
            gateway.publish("up/event", b"", retain=True)


def test_a_description_that_the_broker_dropped_is_fetched(tmp_path: Path) -> None:
    # Mosquitto sends all retained messages at once and drops what does not fit into its queue for the collector.
    with (
        Mosquitto(tmp_path / "broker", config="max_queued_messages 5\nmax_inflight_messages 20") as broker,
        FakeGateway(broker, "gw-first") as gateway,
    ):
        others = [f"gw-{number}" for number in range(60)]
        for other in others:
            gateway.describe(other)
            gateway.settle()
        with Rig(tmp_path, broker, SQLITE) as rig:
            rig.wait_connected()
            wait_until(lambda: rig.metric("messages") >= 25, 20, "what fits into the queue")
            gateway.read()
            batch = gateway.spool[1]
            for other in others:
                gateway.publish("up/live", batch, gateway=other)
                gateway.settle()
            wait_until(lambda: rig.metric("held_without_meta") > 0, 20, "a gateway that is not described")
            wait_until(lambda: all(map(rig.knows, others)), 30, "every description")
            assert rig.metric("connects") == 1


def test_a_stolen_device_is_parked_and_the_rest_stored(mosquitto: Mosquitto, tmp_path: Path) -> None:
    with Rig(tmp_path, mosquitto, SQLITE) as rig, FakeGateway(mosquitto, "gw-thief") as gateway:
        rig.wait_connected()
        gateway.read()
        body = json.loads(gateway.spool[1])
        body["d"]["stolen"] = body["d"]["m1"]
        gateway.spool[1] = json.dumps(body).encode()
        gateway.wait_confirmed()
        assert stored_in_sqlite(rig) == [1.0]
        assert {(letter["reason"], letter["device"]) for letter in rig.letters()} == {("foreign_device", "stolen")}


def test_what_it_knows_survives_it(mosquitto: Mosquitto, tmp_path: Path) -> None:
    with FakeGateway(mosquitto, "gw-known") as gateway:
        with Rig(tmp_path, mosquitto, SQLITE) as rig:
            rig.wait_connected()
            gateway.read()
            gateway.wait_confirmed()
        gateway.publish("state/meta", b"", retain=True)
        with Rig(tmp_path, mosquitto, SQLITE) as again:
            again.wait_connected()
            gateway.read()
            gateway.wait_confirmed()
            assert again.metric("held_without_meta") == 0
    overview = read_overview(tmp_path / "state")
    (record,) = [record for record in overview.gateways if record.name == "gw-known"]
    assert (record.seq, record.devices) == (2, 3)
    assert overview.metrics["batches"] >= 1
    assert overview.facts["stopped"] == "1"


def test_a_database_that_is_stopped_loses_nothing_and_delays_no_evaluation(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    with (
        Influx(tmp_path / "influx") as influx,
        Rig(tmp_path, mosquitto, influx_store(influx, "t"), limits={"store_batches": 20}) as rig,
        FakeGateway(mosquitto, "gw-stopped") as gateway,
    ):
        influx.create_database("t")
        rig.wait_connected()
        gateway.read()
        gateway.wait_confirmed()
        influx.stop()
        for _ in range(200):
            gateway.read()
        gateway.send()
        rig.wait_evaluated(range(1, 202))
        wait_until(lambda: rig.metric("store_dropped") > 0, 20, "a full store queue")
        assert len(gateway.spool) == 200, "something was confirmed that no store has"
        wait_until(lambda: rig.collector.writer.trouble.startswith("unreachable:"), 20, "the trouble")
        influx.start()
        gateway.wait_confirmed()
        rows = influx.rows("SELECT u1 FROM meter", database="t")
        assert sorted(row["u1"] for row in rows) == [float(n) for n in range(1, 202)]
        wait_until(lambda: rig.collector.writer.trouble == "", 20, "the recovery")


def test_a_database_that_hangs_delays_no_evaluation_and_nothing_is_confirmed(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    with (
        Influx(tmp_path / "influx") as influx,
        Rig(tmp_path, mosquitto, influx_store(influx, "t")) as rig,
        FakeGateway(mosquitto, "gw-hung") as gateway,
    ):
        influx.create_database("t")
        rig.wait_connected()
        gateway.read()
        gateway.wait_confirmed()
        influx.suspend()
        try:
            for _ in range(50):
                gateway.publish("up/live", gateway.spool[gateway.read()])
            rig.wait_evaluated(range(1, 52))
            # An agent repeats what is not confirmed; still nothing may be.
            gateway.send(tail="up/history")
            wait_until(lambda: rig.metric("repeats") >= 50, 20, "the repeats")
            wait_until(lambda: rig.collector.writer.trouble.startswith("timeout:"), 20, "the time-out")
            assert len(gateway.spool) == 50
        finally:
            influx.resume()
        gateway.wait_confirmed()
        assert len(influx.rows("SELECT u1 FROM meter", database="t")) == 51


def test_five_kills_of_the_database_while_it_is_written_lose_nothing(mosquitto: Mosquitto, tmp_path: Path) -> None:
    with (
        Influx(tmp_path / "influx") as influx,
        Rig(tmp_path, mosquitto, influx_store(influx, "t", batch_interval_s=0.02)) as rig,
        FakeGateway(mosquitto, "gw-killed") as gateway,
    ):
        influx.create_database("t")
        rig.wait_connected()
        for _round in range(5):
            confirmed = len(gateway.confirmed)
            for _ in range(80):
                seq = gateway.read([float(gateway.seq * 10 + n) for n in range(6)])
                gateway.publish("up/live", gateway.spool[seq])
            # Somewhere within the stream of writes, wherever that is this time.
            wait_until(lambda at=confirmed: len(gateway.confirmed) > at + 5, 30, "writes under way")  # type: ignore[misc]  # binds now
            influx.kill9()
            influx.start()
        gateway.wait_confirmed(120)
        rows = influx.rows("SELECT u1 FROM meter", database="t")
        expected = sorted(float(seq * 10 + n) for seq in range(400) for n in range(6))
        assert sorted(row["u1"] for row in rows) == expected
        assert len(expected) >= 2000


def test_a_database_that_is_missing_is_held_until_somebody_creates_it(
    mosquitto: Mosquitto, influx: Influx, tmp_path: Path
) -> None:
    with Rig(tmp_path, mosquitto, influx_store(influx, "later")) as rig, FakeGateway(mosquitto, "gw-db") as gateway:
        rig.wait_connected()
        for _ in range(20):
            gateway.read()
        gateway.send()
        wait_until(lambda: rig.collector.writer.trouble.startswith("database_not_found:"), 20, "the refusal")
        assert len(gateway.spool) == 20
        influx.create_database("later")
        gateway.wait_confirmed()
        assert len(influx.rows("SELECT u1 FROM meter", database="later")) == 20
        assert rig.letters() == []


def test_one_line_that_the_database_refuses_is_isolated_and_confirmed(
    mosquitto: Mosquitto, influx: Influx, tmp_path: Path
) -> None:
    influx.create_database("conflict")
    # Somebody else wrote this field as text: from now on the shard refuses our numbers of it.
    influx.write(f'meter,gw=other,dev=x n="text" {now_ms() - 3_600_000}', database="conflict")
    with (
        Rig(tmp_path, mosquitto, influx_store(influx, "conflict")) as rig,
        FakeGateway(mosquitto, "gw-conflict") as gateway,
    ):
        rig.wait_connected()
        for number in range(100):
            if number == 37:
                gateway.read([7], key="n")
            else:
                gateway.read()
        gateway.wait_confirmed()
        letters = {letter["seq"]: letter for letter in rig.letters()}
        assert set(letters) == {38}
        assert letters[38]["reason"] == "field_type_conflict"
        assert letters[38]["fields"] == {"n": 7}
        assert len(influx.rows("SELECT u1 FROM meter WHERE gw = 'gw-conflict'", database="conflict")) == 99


def test_the_same_client_id_twice_is_no_silent_loss(mosquitto: Mosquitto, tmp_path: Path) -> None:
    with Rig(tmp_path, mosquitto, SQLITE) as rig, FakeGateway(mosquitto, "gw-takeover") as gateway:
        rig.wait_connected()
        connects = rig.metric("connects")
        rival = paho.Client(CallbackAPIVersion.VERSION2, client_id=rig.config.name, protocol=MQTTProtocolVersion.MQTTv5)
        rival.connect("127.0.0.1", mosquitto.port)
        rival.loop_start()
        try:
            wait_until(lambda: rig.metric("connects") > connects, 20, "the reconnection")
        finally:
            rival.disconnect()
            rival.loop_stop()
        gateway.read()
        gateway.wait_confirmed()


def test_the_end_stores_what_was_evaluated(mosquitto: Mosquitto, tmp_path: Path) -> None:
    with FakeGateway(mosquitto, "gw-end") as gateway:
        with Rig(tmp_path, mosquitto, SQLITE) as rig:
            rig.wait_connected()
            for _ in range(500):
                gateway.read()
            gateway.send()
            wait_until(lambda: len(rig.desk.items) > 10, 20, "batches under way")
        evaluated = {item.batch.seq for item in rig.desk.items}
        assert stored_in_sqlite(rig) == sorted(float(seq) for seq in evaluated)
        assert rig.desk.calls[-1] == "close"
        assert gateway.confirmed <= evaluated
