"""The real servers behind the system tests do what the tests rely on."""

from __future__ import annotations

import queue
import subprocess
import threading
from typing import TYPE_CHECKING

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion

from tests.servers import Influx, InfluxRefusedError, Mosquitto, ServerFailedError, free_port, wait_until
from tests.servers.left_behind import assert_none_left, running_children
from tests.servers.waiting import accepts_connections

if TYPE_CHECKING:
    from pathlib import Path


def _round_trip(port: int, payload: bytes) -> tuple[str, bytes]:
    received: queue.Queue[tuple[str, bytes]] = queue.Queue()
    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    subscribed = threading.Event()

    @client.subscribe_callback()
    def _(*_arguments: object) -> None:
        subscribed.set()

    @client.message_callback()
    def _(_client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        received.put((message.topic, bytes(message.payload)))

    client.connect("127.0.0.1", port)
    assert client.subscribe("city/v1/+/up/live", qos=1)[0] == MQTTErrorCode.MQTT_ERR_SUCCESS
    client.loop_start()
    try:
        assert subscribed.wait(10)
        client.publish("city/v1/gw-1/up/live", payload, qos=1)
        return received.get(timeout=10)
    finally:
        client.disconnect()
        client.loop_stop()


def test_mqtt5_message_travels_through_the_real_broker(mosquitto: Mosquitto) -> None:
    assert _round_trip(mosquitto.port, b'{"v":1}') == ("city/v1/gw-1/up/live", b'{"v":1}')


def test_broker_returns_on_the_same_port_after_kill(tmp_path: Path) -> None:
    with Mosquitto(tmp_path, config="persistence true") as broker:
        port = broker.port
        broker.kill9()
        assert not broker.is_running
        assert not accepts_connections(port)
        broker.start()
        assert broker.port == port
        assert _round_trip(port, b"again")[1] == b"again"
    assert not accepts_connections(port)


def test_broker_that_cannot_start_says_why(tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path, config="no_such_option true")
    with pytest.raises(ServerFailedError, match="no_such_option"):
        broker.start()
    assert not broker.is_running


def test_stopping_a_suspended_broker_ends_it(tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path)
    broker.start()
    broker.suspend()
    broker.stop()
    assert not accepts_connections(broker.port)


def test_a_full_queue_of_the_broker_is_named(tmp_path: Path) -> None:
    with Mosquitto(tmp_path, config="max_queued_messages 10") as broker:
        reader = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="reader", protocol=MQTTProtocolVersion.MQTTv5)
        reader.connect("127.0.0.1", broker.port)
        reader.subscribe("city/v1/+/up/live", qos=1)
        # It reads no more once it has subscribed, so it acknowledges nothing.
        wait_until(lambda: reader.loop(0.1) or "Received SUBSCRIBE from reader" in broker.log_text(), 10, "subscribed")
        assert broker.dropped_for() == []
        writer = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        writer.connect("127.0.0.1", broker.port)
        writer.loop_start()
        try:
            for _ in range(100):
                writer.publish("city/v1/gw-1/up/live", b"{}", qos=1).wait_for_publish(10)
        finally:
            writer.disconnect()
            writer.loop_stop()
        wait_until(broker.dropped_for, 10, "a message dropped")
        assert broker.dropped_for() == ["reader"]
        reader.disconnect()


def test_influx_stores_and_gives_back(influx: Influx) -> None:
    influx.create_database("round_trip")
    influx.write("meter,gw=gw-1,dev=cab-1 u1=229.8 1700000000123", database="round_trip")
    assert influx.rows("SELECT u1 FROM meter GROUP BY dev", database="round_trip") == [
        {"dev": "cab-1", "time": 1700000000123, "u1": 229.8}
    ]


def test_influx_keeps_acknowledged_points_over_kill(tmp_path: Path) -> None:
    with Influx(tmp_path) as database:
        database.create_database("kept")
        database.write("meter u1=1 1700000000000", database="kept")
        port = database.port
        database.kill9()
        database.start()
        assert database.port == port
        assert database.rows("SELECT count(u1) FROM meter", database="kept")[0]["count"] == 1


def test_suspended_influx_answers_nothing_until_resumed(influx: Influx) -> None:
    influx.suspend()
    try:
        with pytest.raises(TimeoutError):
            influx.query("SHOW DATABASES", timeout_s=0.2)
    finally:
        influx.resume()
    assert influx.query("SHOW DATABASES")["results"]


def test_no_thread_runs_on_once_it_is_suspended(influx: Influx) -> None:
    for _ in range(50):
        influx.suspend()
        stands = influx._is_suspended()
        influx.resume()
        assert stands


def test_influx_refusals_are_errors(influx: Influx) -> None:
    influx.create_database("refusals")
    with pytest.raises(InfluxRefusedError, match="404"):
        influx.write("meter u1=1", database="no_such_database")
    with pytest.raises(InfluxRefusedError, match="unable to parse"):
        influx.write("meter u1", database="refusals")
    with pytest.raises(InfluxRefusedError, match="error parsing query"):
        influx.query("SELEKT")


def test_a_process_that_outlives_its_test_is_named_and_ended() -> None:
    before = set(running_children())
    assert_none_left(before)
    subprocess.run(["/bin/sh", "-c", "sleep 600 >/dev/null 2>&1 &"], check=True)
    wait_until(lambda: "sleep 600 " in running_children().values(), 10, "the orphan is ours")
    with pytest.raises(AssertionError, match="left behind: sleep 600"):
        assert_none_left(before, 0.05)
    wait_until(lambda: set(running_children()) <= before, 10, "it is ended")


def test_wait_until_names_what_did_not_happen() -> None:
    with pytest.raises(TimeoutError, match=r"still not: the lamp is lit \(last value 0\)"):
        wait_until(lambda: 0, 0.05, "the lamp is lit")
    answers = iter([0, 0, 7])
    assert wait_until(lambda: next(answers), 5, "an answer") == 7


def test_free_port_is_free() -> None:
    assert not accepts_connections(free_port())
