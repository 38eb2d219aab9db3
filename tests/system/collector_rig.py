"""A collector in this process on a real broker, and gateways that keep their batches until they are confirmed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import orjson
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from collector.app import Collector
from collector.shell.desk import Desk
from collector.shell.records import read_overview
from collector.shell.stores import Store, open_store
from config.collector import CollectorConfig
from contract.batch import Confirm
from contract.codec import decode
from contract.topics import GatewayTopics
from tests.servers import Mosquitto, wait_until
from tests.unit.collector.collector_parts import RecordingDesk

EPOCH = "ab" * 16
CONFIRM_TIMEOUT_S = 60.0


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Rig:
    """One collector, run in a thread of this process, with a desk that records."""

    def __init__(
        self,
        folder: Path,
        broker: Mosquitto,
        store: Mapping[str, Any],
        *,
        limits: Mapping[str, int] | None = None,
        allow_mqtt311: bool = False,
        mqtt: Mapping[str, Any] | None = None,
    ) -> None:
        self.folder = folder
        self._broker = broker
        self.config = CollectorConfig.model_validate(
            {
                "name": f"collector-{folder.name[-20:].strip('_').lower().replace('_', '-')}",
                "city_file": "city.yaml",
                "state_dir": folder / "state",
                "mqtt": {"host": "127.0.0.1", "port": broker.port, "allow_mqtt311": allow_mqtt311, **(mqtt or {})},
                "store": dict(store),
                "limits": dict(limits or {}),
            }
        )
        self.desk = RecordingDesk()
        self.collector = self._new()
        self._thread = threading.Thread(target=self.collector.run)

    def _new(self) -> Collector:
        def make_desk(**_publish: Any) -> Desk:
            return self.desk

        store: Store = open_store(self.config)
        return Collector(config=self.config, named_gateways=frozenset(), store=store, make_desk=make_desk)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.collector.stop()
        self._thread.join(30)
        assert not self._thread.is_alive(), "the collector did not end"

    def wait_connected(self) -> None:
        wait_until(lambda: self.collector.broker.is_connected, 20, "the collector's subscriptions")

    def knows(self, gateway: str) -> bool:
        return self.collector._engine._catalogue.knows(gateway)

    def wait_evaluated(self, numbers: Collection[int], timeout_s: float = 60.0) -> None:
        """Wait until the desk was given all these batches; else say which are missing and who dropped them."""
        try:
            wait_until(lambda: not self._not_evaluated(numbers), timeout_s, "every batch evaluated")
        except TimeoutError as error:
            counted = {name: self.metric(name) for name in ("messages", "batches", "ingest_dropped", "poison_parked")}
            raise AssertionError(
                f"not evaluated: {self._not_evaluated(numbers)}; the collector counted {counted}, "
                f"the broker dropped for: {self._broker.dropped_for()}"
            ) from error

    def _not_evaluated(self, numbers: Collection[int]) -> list[int]:
        evaluated = {item.batch.seq for item in tuple(self.desk.items)}
        return sorted(set(numbers) - evaluated)

    def metric(self, name: str) -> int:
        return self.collector.metrics.value(name)

    def facts(self) -> dict[str, str]:
        return dict(read_overview(self.folder / "state").facts)

    def letters(self) -> list[dict[str, Any]]:
        file = self.folder / "state" / "dead_letter.jsonl"
        return [orjson.loads(line) for line in file.read_bytes().splitlines()] if file.exists() else []


class FakeGateway:
    """A gateway's spool: batches by number, deleted when confirmed, sent again on demand."""

    def __init__(
        self,
        broker: Mosquitto,
        name: str = "gw-1",
        points: Mapping[str, str] | None = None,
        *,
        prepare: Callable[[paho.Client], None] | None = None,
    ) -> None:
        self.name = name
        self.topics = GatewayTopics(name)
        self.spool: dict[int, bytes] = {}
        self.confirmed: set[int] = set()
        self.seq = 0
        self._points = dict(points or {"u1": "float", "n": "int"})
        self._lock = threading.Lock()
        self._subscribed = threading.Event()
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id=f"fake-{name}", protocol=MQTTProtocolVersion.MQTTv5
        )
        self._client.reconnect_delay_set(0.2, 0.5)  # type: ignore[arg-type]  # fractions work; the annotation is narrow
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = lambda *_arguments: self._subscribed.set()
        self._client.on_message = lambda _client, _data, message: self._on_confirm(bytes(message.payload))
        if prepare is not None:
            prepare(self._client)
        self._client.connect("127.0.0.1", broker.port)
        self._client.loop_start()
        assert self._subscribed.wait(20)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _on_connect(self, client: paho.Client, *_arguments: object) -> None:
        client.subscribe(self.topics.confirm, qos=1)
        self.describe(self.name, client)

    def describe(self, gateway: str, client: paho.Client | None = None) -> None:
        """Retain what a gateway has: three meters of the same points."""
        points = {key: {"en": key, "vi": key, "kind": kind} for key, kind in self._points.items()}
        device = {"device_class": "meter", "profile": "p", "profile_version": "1", "interval_s": 1.0, "points": points}
        meta = {"sw": "1", "epoch": EPOCH, "devices": {f"m{number}": device for number in range(1, 4)}}
        (client or self._client).publish(GatewayTopics(gateway).meta, orjson.dumps(meta), qos=1, retain=True)

    def _on_confirm(self, payload: bytes) -> None:
        confirm = decode(payload, Confirm)
        with self._lock:
            for first, last in confirm.ok[EPOCH]:
                for seq in range(first, last + 1):
                    assert seq <= self.seq, "a number was confirmed that was never sent"
                    self.confirmed.add(seq)
                    self.spool.pop(seq, None)

    def read(self, values: Sequence[Any] | None = None, *, t0: int | None = None, key: str = "u1") -> int:
        """Commit one batch of one device to the spool; return its number."""
        with self._lock:
            self.seq += 1
            # Each batch has its own second, so that every row is told from every other.
            column = list(values or [float(self.seq)])
            columns = {
                "t0": t0 or now_ms() - 3_600_000 + self.seq * 1000,
                "dt": list(range(len(column))),
                "m": {key: column},
            }
            body = {"v": 1, "epoch": EPOCH, "seq": self.seq, "pri": "normal", "clk": "synced", "sent": now_ms()}
            self.spool[self.seq] = orjson.dumps(body | {"d": {"m1": columns}})
            return self.seq

    def send(self, *, tail: str = "up/live", most: int = 10_000) -> None:
        """Publish what the spool holds.

        A broker keeps 1,000 messages for a collector that is behind and drops the newest of more, so a test that
        sends as many without repeating them until they are confirmed tests the broker.
        """
        with self._lock:
            payloads = list(self.spool.values())[:most]
        for payload in payloads:
            self.publish(tail, payload)

    def publish(self, tail: str, payload: bytes, *, retain: bool = False, gateway: str | None = None) -> None:
        """Publish anything at all."""
        self._client.publish(f"{self.topics.root}/{gateway or self.name}/{tail}", payload, qos=1, retain=retain)

    def _first_left(self) -> list[int]:
        with self._lock:
            return sorted(self.spool)[:20]

    def settle(self, most: int = 20) -> None:
        """Wait until at most so many messages are on their way to the broker."""
        wait_until(
            lambda: self._client.want_write() is False and len(self._client._out_messages) <= most, 20, "a PUBACK"
        )

    def wait_confirmed(self, timeout_s: float = CONFIRM_TIMEOUT_S, *, repeat_s: float = 1.0) -> None:
        """Send the spool again and again until it is empty."""
        deadline_s = time.monotonic() + timeout_s
        while self.spool:
            assert time.monotonic() < deadline_s, f"{len(self.spool)} batches are not confirmed: {self._first_left()}"
            self.send(tail="up/history", most=200)
            try:
                wait_until(lambda: not self.spool, repeat_s, "all confirmed")
            except TimeoutError:
                continue
