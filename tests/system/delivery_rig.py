"""Delivery of one gateway against a real broker, and a small collector that stores in memory and confirms."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Final, Self

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from config.agent import AgentConfig
from config.points import RegisterPoint
from contract.batch import Batch, Confirm
from contract.codec import decode_batch, encode
from contract.reading import Block, Value
from contract.state import DeviceMeta, Meta, PointMeta
from edge_agent.shell.clock import GatewayClock, SystemClock
from edge_agent.shell.delivery import Delivery
from tests.servers import wait_until

GATEWAY: Final = "gw-1"
ROOT: Final = f"city/v1/{GATEWAY}"
POINTS: Final = {
    "mains_ok": RegisterPoint(
        key="mains_ok", en="Mains", vi="Điện lưới", table="discrete", address=0, type="bool", urgent=True
    ),
    "u1": RegisterPoint(key="u1", en="Voltage", vi="Điện áp", unit="V", table="input", address=0, type="float32"),
}
META: Final = Meta(
    sw="test",
    epoch="",
    devices={
        "cab-1": DeviceMeta(
            device_class="cabinet",
            profile="test",
            profile_version="1",
            interval_s=1.0,
            points={"u1": PointMeta(en="Voltage", vi="Điện áp", unit="V", kind="float")},
        )
    },
)


class SetClock:
    """A clock whose wall time and synchronisation a test sets; its boot clock is the system's."""

    def __init__(self, *, boot_id: str = "boot-1") -> None:
        self.boot_id = boot_id
        self.is_synchronised = True
        self.wall_offset_ms = time.time_ns() // 1_000_000 - self.monotonic_ms()

    def wall_ms(self) -> int:
        return self.monotonic_ms() + self.wall_offset_ms

    def monotonic_ms(self) -> int:
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000

    def synchronised(self) -> bool:
        return self.is_synchronised


class Gateway:
    """Delivery on its own event loop and thread; every accepted reading goes into a ledger."""

    def __init__(self, folder: Path, port: int, *, clock: GatewayClock | None = None, **settings: Any) -> None:
        mqtt_settings = {"host": "127.0.0.1", "port": port, "keepalive_s": 5} | settings.pop("mqtt", {})
        self.config = AgentConfig.model_validate(
            {
                "gateway": GATEWAY,
                "state_dir": folder,
                "mqtt": mqtt_settings,
                "spool": {"commit_interval_s": 0.1},
                "state_interval_s": 0.2,
                "clock": {"require_sync": clock is not None},
                **settings,
            },
            strict=False,
        )
        self.clock = clock or SystemClock()
        self.commands: list[tuple[bytes, bool]] = []
        self.ledger: dict[tuple[str, str, int], Value | None] = {}
        self.delivery: Delivery | None = None
        self.times_by_monotonic: list[int] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._running: Future[None] | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        self._call(self._make)
        self._running = asyncio.run_coroutine_threadsafe(self._run(), self._loop)
        return self

    def __exit__(self, *_arguments: object) -> None:
        if self._running is not None:
            self._running.cancel()
        self._call(lambda: None)
        wait_until(self._ended.is_set, 30, "the gateway ends")
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def accept(self, number: int, *, mains_ok: bool = True, device: str = "cab-1") -> None:
        """Accept one block, whose voltage carries its number, and note its readings."""
        monotonic_ms = self.clock.monotonic_ms()
        block = Block(
            device=device,
            observed_at_ms=self.clock.wall_ms(),
            keys=("mains_ok", "u1"),
            values=(mains_ok, float(number)),
            monotonic_ms=monotonic_ms,
        )
        self.times_by_monotonic.append(monotonic_ms)
        self._call(lambda: self._delivery.accept(block, POINTS))
        self.ledger[device, "u1", number] = float(number)

    def pause(self, pause_s: float) -> None:
        """Let the time between two polls pass."""
        self._ended.wait(pause_s)

    def status(self) -> dict[str, Any]:
        status: dict[str, Any] = self._call(self._delivery.status)
        return status

    def metric(self, name: str) -> int:
        value = self.status()["metrics"].get(name, 0)
        assert isinstance(value, int)
        return value

    def is_connected(self) -> bool:
        return bool(self.status()["connected"])

    def is_drained(self) -> bool:
        spool = self.status()["spool"]
        return not sum(spool["rows"].values()) and not spool["held"] and not spool["unkept_rows"]

    @property
    def _delivery(self) -> Delivery:
        assert self.delivery is not None
        return self.delivery

    def _make(self) -> None:
        async def on_command(payload: bytes, retained: bool) -> None:
            self.commands.append((payload, retained))

        self._ended = threading.Event()
        self.delivery = Delivery(config=self.config, clock=self.clock, meta=META, on_command=on_command)

    async def _run(self) -> None:
        try:
            await self._delivery.run()
        finally:
            self._ended.set()

    def _call(self, function: Callable[[], Any]) -> Any:
        result: Future[Any] = Future()

        def call() -> None:
            try:
                result.set_result(function())
            except BaseException as error:  # noqa: BLE001 - carried to the thread that asked
                result.set_exception(error)

        self._loop.call_soon_threadsafe(call)
        return result.result(30)


class SmallCollector:
    """Keeps batches in memory, confirms them every 0.2 s, and comes back by itself."""

    def __init__(self, port: int, *, confirms: bool = True, protocol: str = "5") -> None:
        self.batches: list[tuple[str, Batch]] = []
        self.retained: dict[str, bytes] = {}
        self.confirms = confirms
        self._pending: dict[str, set[int]] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self.client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            protocol=MQTTProtocolVersion.MQTTv5 if protocol == "5" else MQTTProtocolVersion.MQTTv311,
        )
        self.client.on_connect = self._subscribe
        self.client.on_message = self._received
        self.client.reconnect_delay_set(0.1, 0.2)  # type: ignore[arg-type]  # paho takes fractions, its type says int
        self.client.connect_async("127.0.0.1", port)
        self._thread = threading.Thread(target=self._confirm_for_ever, daemon=True)

    def __enter__(self) -> Self:
        self.client.loop_start()
        self._thread.start()
        return self

    def __exit__(self, *_arguments: object) -> None:
        self._stop.set()
        self._thread.join(10)
        self.client.disconnect()
        self.client.loop_stop()

    def stored(self) -> dict[tuple[str, str, int], list[tuple[int, Value | None]]]:
        """Return what is stored, by (device, key, number in the voltage): times and values."""
        found: dict[tuple[str, str, int], list[tuple[int, Value | None]]] = {}
        for _, batch in list(self.batches):
            if batch.clk == "waiting":
                continue
            for block in batch.blocks():
                values = dict(zip(block.keys, block.values, strict=True))
                if isinstance(values.get("u1"), float):
                    number = int(float(values["u1"] or 0))
                    found.setdefault((block.device, "u1", number), []).append((block.observed_at_ms, values["u1"]))
        return found

    def topics(self) -> set[str]:
        return {topic.removeprefix(f"{ROOT}/") for topic, _ in list(self.batches)}

    def publish(self, tail: str, payload: bytes, *, retain: bool = False) -> None:
        self.client.publish(f"{ROOT}/{tail}", payload, qos=1, retain=retain).wait_for_publish(10)

    def _subscribe(self, client: mqtt.Client, *_arguments: object) -> None:
        client.subscribe([(f"{ROOT}/up/#", 1), (f"{ROOT}/state/#", 1)])

    def _received(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        if "/state/" in message.topic:
            self.retained[message.topic.removeprefix(f"{ROOT}/")] = bytes(message.payload)
            return
        batch = decode_batch(bytes(message.payload))
        with self._lock:
            self.batches.append((message.topic, batch))
            if self.confirms and batch.clk != "waiting":
                self._pending.setdefault(batch.epoch, set()).add(batch.seq)

    def _confirm_for_ever(self) -> None:
        while not self._stop.wait(0.2):
            with self._lock:
                pending, self._pending = self._pending, {}
            if pending and self.client.is_connected():
                self.client.publish(f"{ROOT}/down/confirm", encode(Confirm.of(pending)), qos=1)


def states_of(collector: SmallCollector, tail: str) -> dict[str, Any]:
    """Return the retained JSON of a topic, empty before it came."""
    payload = collector.retained.get(tail)
    decoded: dict[str, Any] = json.loads(payload) if payload else {}
    return decoded
