"""Parts that the collector's tests share: batches, metas, a desk and a store that record."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from collector.core.catalogue import Catalogue
from collector.core.received import Received
from collector.core.rows import Row
from collector.shell.dead_letter import PoisonFile
from collector.shell.engine import Engine
from collector.shell.gateways import Gateways
from collector.shell.ingest import Ingest
from collector.shell.metrics import Metrics
from collector.shell.store_queue import StoreQueue
from collector.shell.stores.base import Sample, SeriesName, Written
from contract.codec import decode_batch
from contract.state import Meta, Online

NOW_MS = 1_760_000_000_000
EPOCH = "0123456789abcdef0123456789abcdef"


def batch_payload(
    seq: int = 1,
    *,
    devices: Mapping[str, Mapping[str, Sequence[Any]]] | None = None,
    t0: int = NOW_MS - 500,
    q: Mapping[str, Any] | None = None,
    clk: str = "synced",
    epoch: str = EPOCH,
    **more: Any,
) -> bytes:
    """Return a batch's payload; each device is its point keys and their columns, one row a second."""
    columns: dict[str, Any] = {}
    for device, measured in (devices or {"m1": {"u1": [230.5]}}).items():
        rows = len(next(iter(measured.values())))
        columns[device] = {"t0": t0, "dt": [1000 * row for row in range(rows)], "m": measured}
        if q:
            columns[device]["q"] = q
    body = {"v": 1, "epoch": epoch, "seq": seq, "pri": "normal", "clk": clk, "sent": NOW_MS, "d": columns}
    return orjson.dumps(body | more)


def received(payload: bytes, gateway: str = "gw-1") -> Received:
    """Return a payload as it comes to the alarm desk."""
    return Received(gateway=gateway, batch=decode_batch(payload), channel="live", received_ms=NOW_MS)


def meta(devices: Mapping[str, Mapping[str, str]] | None = None, device_class: str = "meter") -> Meta:
    """Return a meta; each device is its point keys and their kinds."""
    described = {
        device: {
            "device_class": device_class,
            "profile": "p",
            "profile_version": "1",
            "interval_s": 1.0,
            "points": {key: {"en": key, "vi": key, "kind": kind} for key, kind in points.items()},
        }
        for device, points in (devices or {"m1": {"u1": "float", "on": "bool", "n": "int", "s": "text"}}).items()
    }
    return Meta.model_validate({"sw": "1", "epoch": EPOCH, "devices": described})


def row(offset_ms: int = 0, device: str = "m1", **fields: Any) -> Row:
    """Return a row of gateway gw-1."""
    return Row(
        measurement="meter", gateway="gw-1", device=device, time_ms=NOW_MS + offset_ms, fields=fields or {"u1": 230.5}
    )


@dataclass
class RecordingDesk:
    """A desk that writes down what it is told, and fails on demand."""

    items: list[Received] = field(default_factory=list)
    onlines: list[tuple[str, Online]] = field(default_factory=list)
    metas: list[tuple[str, Meta]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    ticks: list[int] = field(default_factory=list)
    failure: Exception | None = None
    poison_seq: int | None = None

    def evaluate(self, items: Sequence[Received]) -> None:
        if self.failure is not None:
            raise self.failure
        if any(item.batch.seq == self.poison_seq for item in items):
            raise ZeroDivisionError("a rule divides by zero")
        self.items.extend(items)

    def online(self, gateway: str, online: Online, received_ms: int) -> None:
        assert received_ms > 0
        self.onlines.append((gateway, online))

    def described(self, gateway: str, meta: Meta) -> None:
        self.metas.append((gateway, meta))

    def connected(self, now_ms: int) -> None:
        self.calls.append(f"connected {now_ms > 0}")

    def disconnected(self, now_ms: int) -> None:
        self.calls.append(f"disconnected {now_ms > 0}")

    def tick(self, now_ms: int) -> None:
        self.ticks.append(now_ms)

    def start(self) -> None:
        self.calls.append("start")

    def close(self) -> None:
        self.calls.append("close")


@dataclass
class RecordingStore:
    """A store in memory whose next answers can be set."""

    rows: list[Row] = field(default_factory=list)
    answers: list[Exception | Written] = field(default_factory=list)
    attempts: int = 0

    def write(self, rows: Sequence[Row]) -> Written:
        self.attempts += 1
        answer = self.answers.pop(0) if self.answers else Written(len(rows))
        if isinstance(answer, Exception):
            raise answer
        rejected = {id(one.row) for one in answer.rejected}
        self.rows.extend(one for one in rows if id(one) not in rejected)
        return answer

    def series(self, gateway: str | None = None, device: str | None = None) -> list[SeriesName]:
        return sorted(
            {
                SeriesName(one.gateway, one.device, key)
                for one in self.rows
                for key in one.fields
                if gateway in {None, one.gateway} and device in {None, one.device}
            }
        )

    def latest(self, gateway: str, device: str) -> dict[str, Sample]:
        raise NotImplementedError

    def range(self, gateway: str, device: str, key: str, from_ms: int, to_ms: int, limit: int) -> list[Sample]:
        raise NotImplementedError

    def close(self) -> None:
        self.attempts = -1


@dataclass
class EngineParts:
    """An engine with everything around it, and a clock that stands."""

    folder: Path
    queue_batches: int = 100
    gateway_limit: int = 10
    now_ms: int = NOW_MS

    def __post_init__(self) -> None:
        self.metrics = Metrics()
        self.desk = RecordingDesk()
        self.catalogue = Catalogue()
        self.saved: list[Any] = []
        self.fetched: list[str] = []
        self.poison = PoisonFile(self.folder / "poison.jsonl")
        self.queue = StoreQueue(max_batches=self.queue_batches)
        self.gateways = Gateways(limit=self.gateway_limit, named={"gw-named"})
        self.ingest = Ingest(
            root="city/v1", max_messages=50, poison=self.poison, metrics=self.metrics, now_ms=lambda: self.now_ms
        )
        self.engine = Engine(
            ingest=self.ingest,
            desk=self.desk,
            catalogue=self.catalogue,
            catalogue_lock=threading.Lock(),
            save_catalogue=lambda devices, kinds: self.saved.append((devices, kinds)),
            gateways=self.gateways,
            queue=self.queue,
            poison=self.poison,
            metrics=self.metrics,
            now_ms=lambda: self.now_ms,
            fetch_meta=self.fetched.append,
        )

    def send(self, tail: str, payload: bytes, *, gateway: str = "gw-1", retained: bool = False) -> None:
        """Let one message arrive and be handled."""
        self.ingest.accept(f"city/v1/{gateway}/{tail}", payload, retained=retained)
        self.engine.run_pass(0)

    def describe(self, gateway: str = "gw-1", described: Meta | None = None) -> None:
        """Let a gateway's meta arrive."""
        self.send("state/meta", (described or meta()).model_dump_json().encode(), gateway=gateway, retained=True)

    def counted(self) -> dict[str, int]:
        """Return the metrics that are not 0."""
        return {name: value for name, value in self.metrics.snapshot().items() if value}
