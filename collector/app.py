"""Wiring: which part gets which, and the order in which they start and end."""

from __future__ import annotations

import fcntl
import functools
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import IO, Final, Protocol

import structlog

from collector.core.catalogue import Catalogue
from collector.shell import service
from collector.shell.broker import Broker
from collector.shell.confirm import Confirmer
from collector.shell.dead_letter import DeadLetterFile, PoisonFile
from collector.shell.desk import Desk
from collector.shell.engine import Engine
from collector.shell.gateways import Gateways
from collector.shell.housekeeping import Housekeeping
from collector.shell.ingest import Ingest
from collector.shell.lights_centre import LightsCentre, MakeLights
from collector.shell.metrics import Metrics
from collector.shell.records import Records, open_records
from collector.shell.store_queue import Pending, StoreQueue
from collector.shell.store_writer import StoreWriter
from collector.shell.stores import Store
from config.collector import CollectorConfig, SqliteStore
from contract.topics import COLLECTOR_SUBSCRIPTIONS, GatewayTopics

DEAD_LETTER_FILE: Final = "dead_letter.jsonl"
POISON_FILE: Final = "poison.jsonl"
_SQLITE_GROUP_ROWS: Final = 5000
_SQLITE_LINGER_S: Final = 0.1
_DRAIN_TIMEOUT_S: Final = 5.0
_STORE_TIMEOUT_S: Final = 10.0
_log = structlog.get_logger("collector")


class AlreadyRunningError(RuntimeError):
    """Another collector uses this state_dir."""


class MakeDesk(Protocol):
    """Makes the alarm desk once the broker can be published to."""

    def __call__(self, *, publish: Callable[[str, bytes | None], None]) -> Desk:
        """Return a desk that has not started."""


class MakeLightsDesk(Protocol):
    """Makes what judges the lights around the alarm desk."""

    def __call__(
        self, inner: Desk, *, put: Callable[[Pending], bool], metrics: Metrics, now_ms: Callable[[], int]
    ) -> Desk:
        """Return a desk that has not started."""


@dataclass(slots=True)
class _Heard:
    """The broker's listener: batches to the ingest, connections to whoever depends on them."""

    ingest: Ingest
    engine: Engine | None = None
    confirmer: Confirmer | None = None
    lights: LightsCentre | None = None

    def message(self, topic: str, payload: bytes, *, retained: bool) -> None:
        self.ingest.accept(topic, payload, retained=retained)

    def connected(self) -> None:
        if self.engine is not None:
            self.engine.connection_changed(is_connected=True)
        if self.lights is not None:
            self.lights.connected()

    def disconnected(self) -> None:
        if self.engine is not None:
            self.engine.connection_changed(is_connected=False)
        if self.confirmer is not None:
            self.confirmer.disconnected()
        if self.lights is not None:
            self.lights.disconnected()


class Collector:
    """One collector; `run` returns after `stop`."""

    def __init__(
        self,
        *,
        config: CollectorConfig,
        named_gateways: frozenset[str],
        store: Store,
        make_desk: MakeDesk,
        make_lights: MakeLights | None = None,
        make_lights_desk: MakeLightsDesk | None = None,
        now_ms: Callable[[], int] | None = None,
    ) -> None:
        """Open the files and wire the parts; nothing runs before `run`.

        Args:
            config: With all paths resolved.
            named_gateways: Those of the inventory.
            store: Closed by the collector.
            make_desk: Makes the alarm desk.
            make_lights: Makes what commands the lights; None: nobody commands them from here.
            make_lights_desk: Makes what judges the lights; None: nobody does.
            now_ms: The wall clock in milliseconds since 1970 UTC.

        Raises:
            AlreadyRunningError: Another collector uses this state_dir.
            OSError, sqlite3.Error: The state_dir or the control socket cannot be used.
            KeyError: There is no such group for the control socket.
        """
        config.state_dir.mkdir(parents=True, exist_ok=True, mode=0o750)
        self._lock_file = _locked(config.state_dir)
        now_ms = now_ms or wall_clock_ms
        self.metrics = metrics = Metrics()
        self._records = open_records(config.state_dir)
        self.gateways = gateways = Gateways(
            limit=config.limits.gateways, named=named_gateways, known=self._records.gateways()
        )
        catalogue, catalogue_lock = Catalogue(), threading.Lock()
        catalogue.restore(self._records.devices(), self._records.kinds())
        root = config.mqtt.root
        poison = PoisonFile(config.state_dir / POISON_FILE)
        dead_letters = DeadLetterFile(config.state_dir / DEAD_LETTER_FILE, config.limits.dead_letter_bytes)
        self._ingest = Ingest(
            root=root, max_messages=config.limits.ingest_messages, poison=poison, metrics=metrics, now_ms=now_ms
        )
        heard = _Heard(self._ingest)
        self.broker = Broker(
            mqtt=config.mqtt,
            client_id=config.name,
            filters=[f"{root}/{tail}" for tail in COLLECTOR_SUBSCRIPTIONS],
            listener=heard,
            metrics=metrics,
        )
        self._confirmer = heard.confirmer = Confirmer(broker=self.broker, root=root, metrics=metrics)
        self._queue = StoreQueue(max_batches=config.limits.store_batches)
        self._desk = make_desk(publish=self.broker.publish_retained)
        if make_lights_desk is not None:
            self._desk = make_lights_desk(self._desk, put=self._queue.put, metrics=metrics, now_ms=now_ms)
        self.lights: LightsCentre | None = None
        if make_lights is not None:
            self.lights = heard.lights = make_lights(
                publish=functools.partial(self.broker.publish, first=True),
                publish_retained=self.broker.publish_retained,
                put=self._queue.put,
                metrics=metrics,
                now_ms=now_ms,
            )
        self._engine = heard.engine = Engine(
            ingest=self._ingest,
            desk=self._desk,
            catalogue=catalogue,
            catalogue_lock=catalogue_lock,
            save_catalogue=self._records.save_catalogue,
            gateways=gateways,
            queue=self._queue,
            poison=poison,
            metrics=metrics,
            now_ms=now_ms,
            lights=self.lights,
            fetch_meta=lambda gateway: self.broker.fetch_retained(GatewayTopics(gateway, root).meta),
        )
        self.writer = StoreWriter(
            store=store,
            queue=self._queue,
            catalogue=catalogue,
            catalogue_lock=catalogue_lock,
            dead_letters=dead_letters,
            confirmer=self._confirmer,
            gateways=gateways,
            metrics=metrics,
            now_ms=now_ms,
            group_rows=_SQLITE_GROUP_ROWS if isinstance(config.store, SqliteStore) else config.store.batch_rows,
            linger_s=_SQLITE_LINGER_S if isinstance(config.store, SqliteStore) else config.store.batch_interval_s,
        )
        self._housekeeping = Housekeeping(
            records=Records(config.state_dir),
            gateways=gateways,
            queue=self._queue,
            metrics=metrics,
            now_ms=now_ms,
            gauges={
                "ingest_queue": self._ingest.waiting,
                "store_queue": lambda: len(self._queue),
                "confirm_queue": self._confirmer.waiting,
                "dead_letter_bytes": dead_letters.size_bytes,
                "gateways": gateways.count,
            },
            troubles={
                "broker": lambda: self.broker.trouble,
                "store": lambda: self._ended_parts() or self.writer.trouble,
                "alarms": lambda: self._engine.trouble,
                "lights": lambda: self.lights.trouble if self.lights else "",
            },
            facts={
                "name": config.name,
                "pid": str(os.getpid()),
                "version": version("lamplighter"),
                "started_ms": str(now_ms()),
                "store_kind": config.store.kind,
            },
        )
        self._stop = threading.Event()
        self._is_running = False
        self._engine_thread = threading.Thread(target=self._run_engine, name="engine", daemon=True)
        self._draining = threading.Event()

    def stop(self) -> None:
        """Ask `run` to end; may be called from a signal handler."""
        self._stop.set()

    def run(self) -> None:
        """Start everything, wait for `stop`, end everything in order."""
        _log.info("collector started", version=version("lamplighter"), pid=os.getpid())
        self._desk.start()
        self._engine_thread.start()
        self._confirmer.start()
        self.writer.start()
        self._housekeeping.start()
        if self.lights is not None:
            self.lights.start()
        self.broker.start()
        self._is_running = True
        service.notify("READY=1")
        self._stop.wait()
        service.notify("STOPPING=1")
        self._end()
        _log.info("collector stopped")

    def _end(self) -> None:
        """Stop reading, store what was evaluated, confirm it, tell why."""
        if self.lights is not None:
            self.lights.stop()
        self._ingest.close()
        self._draining.set()
        self._engine_thread.join(_DRAIN_TIMEOUT_S)
        self.writer.stop(_STORE_TIMEOUT_S)
        self._confirmer.stop()
        deadline_s = time.monotonic() + 2.0
        while not self.broker.is_drained() and self.broker.is_connected and time.monotonic() < deadline_s:
            time.sleep(0.02)
        self.broker.stop()
        self._desk.close()
        self._housekeeping.stop()
        self._records.close()
        self._lock_file.close()

    def _run_engine(self) -> None:
        """Pass after pass; only completed ones feed the watchdog, and only while every other part runs."""
        interval_s = service.watchdog_interval_s()
        fed_s = 0.0
        while True:
            try:
                taken = self._engine.run_pass()
            except Exception:  # noqa: BLE001 - alarms of other gateways depend on the next pass
                self.metrics.add("handler_errors")
                _log.exception("engine pass failed")
                self._draining.wait(0.5)
                taken = 0
            else:
                if interval_s is not None and time.monotonic() - fed_s >= interval_s and not self._ended_parts():
                    fed_s = time.monotonic()
                    service.notify("WATCHDOG=1")
            if self._draining.is_set() and taken == 0:
                return

    def _ended_parts(self) -> str:
        """Return what should run and does not, as a trouble: a restart is the only remedy."""
        if self._stop.is_set():
            return ""
        parts = {
            "broker": self.broker.is_alive,
            "confirm": self._confirmer.is_alive,
            "store": self.writer.is_alive,
            "lights": self.lights is None or self.lights.is_alive,
        }
        ended = [name for name, is_alive in parts.items() if not is_alive]
        return f"part_ended: {', '.join(ended)}" if ended and self._is_running else ""


def _locked(state_dir: Path) -> IO[bytes]:
    """Hold the folder against a second collector; the lock goes with the process, however it ends."""
    lock_file = (state_dir / "collector.lock").open("ab")
    try:
        fcntl.flock(lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock_file.close()
        raise AlreadyRunningError(f"{state_dir} is used by another collector") from error
    return lock_file


def wall_clock_ms() -> int:
    """Return milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000
