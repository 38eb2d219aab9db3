"""The engine: decode, learn, evaluate, commit; only then hand over to the store."""

from __future__ import annotations

import collections
import functools
import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import structlog

from collector.core.catalogue import Catalogue
from collector.core.received import CHANNEL_BY_TAIL, Received
from collector.core.salvage import Broken, salvage
from collector.shell.dead_letter import PoisonFile
from collector.shell.desk import AlarmStateError, Desk
from collector.shell.gateways import Gateways
from collector.shell.ingest import Ingest, Message
from collector.shell.lights_centre import LightsCentre
from collector.shell.metrics import Metrics
from collector.shell.store_queue import Pending, StoreQueue
from contract.batch import Batch, ClockState, DeviceColumns
from contract.codec import PayloadError, decode, decode_batch
from contract.command import Result
from contract.reading import BAD_CAUSES
from contract.state import MAX_META_BYTES, Meta, Online
from contract.topics import BUILT_IN_DEVICES
from contract.want import WantReport

GROUP: Final = 500
PASS_TIMEOUT_S: Final = 0.5
TICK_INTERVAL_MS: Final = 500
DESCRIBE_INTERVAL_MS: Final = 30_000
"""How often a gateway's description is asked for again while it is missing."""
SaveCatalogue = Callable[[list[tuple[str, str, str]], list[tuple[str, str, Any]]], None]
_log = structlog.get_logger("collector.engine")


@dataclass(slots=True)
class _Item:
    received: Received
    foreign: dict[str, DeviceColumns]
    broken: dict[str, Broken]
    size_bytes: int


class Engine:
    """One pass after another; each takes what waits, and never waits for the store."""

    def __init__(
        self,
        *,
        ingest: Ingest,
        desk: Desk,
        catalogue: Catalogue,
        catalogue_lock: threading.Lock,
        save_catalogue: SaveCatalogue,
        gateways: Gateways,
        queue: StoreQueue,
        poison: PoisonFile,
        metrics: Metrics,
        now_ms: Callable[[], int],
        fetch_meta: Callable[[str], None],
        lights: LightsCentre | None = None,
    ) -> None:
        """Prepare; `run_pass` is called by the thread that owns the desk."""
        self._ingest = ingest
        self._desk = desk
        self._catalogue = catalogue
        self._catalogue_lock = catalogue_lock
        self._save_catalogue = save_catalogue
        self._gateways = gateways
        self._queue = queue
        self._poison = poison
        self._metrics = metrics
        self._now_ms = now_ms
        self._fetch_meta = fetch_meta
        self._lights = lights
        self._fetched_ms: dict[str, int] = {}
        self._ticked_ms = 0
        self._reported: set[str] = set()
        self._state_trouble = ""
        self._connection_changes: collections.deque[bool] = collections.deque(maxlen=16)

    @property
    def trouble(self) -> str:
        """Why alarm state is not kept at present; empty while it is."""
        return self._state_trouble

    def connection_changed(self, *, is_connected: bool) -> None:
        """Tell the desk with the next pass; from any thread."""
        self._connection_changes.append(is_connected)

    def run_pass(self, timeout_s: float = PASS_TIMEOUT_S) -> int:
        """Take, evaluate and hand over what waits; return how many messages that were."""
        messages = self._ingest.take(GROUP, timeout_s)
        while self._connection_changes:
            is_connected = self._connection_changes.popleft()
            tell = self._desk.connected if is_connected else self._desk.disconnected
            self._tell(functools.partial(tell, self._now_ms()))
        items = [item for message in messages for item in self._decoded(message)]
        evaluated = self._evaluated(items)
        if messages:
            self._keep_catalogue()
        for item in evaluated:
            self._hand_over(item)
        now_ms = self._now_ms()
        if not TICK_INTERVAL_MS > now_ms - self._ticked_ms >= 0:
            self._ticked_ms = now_ms
            self._tell(lambda: self._desk.tick(now_ms))
        return len(messages)

    def _tell(self, call: Callable[[], None]) -> None:
        """Call the desk; a commit that fails is made up for by the next one, and is no reason to stop evaluating."""
        try:
            call()
        except (AlarmStateError, sqlite3.Error) as error:
            self._metrics.add("alarm_state_failed")
            self._state_trouble = str(error)[:300]
            self._report("", "alarm state not kept", error=self._state_trouble)
        else:
            self._state_trouble = ""

    def _decoded(self, message: Message) -> list[_Item]:
        """Return the batch of a message; take any other message at once. Nothing that it holds raises."""
        try:
            if not self._gateways.admit(message.gateway):
                self._metrics.add("gateways_refused")
                return []
            if message.tail in CHANNEL_BY_TAIL:
                return [self._batch(message)]
            self._other(message)
        except PayloadError as error:
            self._metrics.add(f"payload_{error.kind}")
            self._park(message, error.kind, str(error))
        except Exception as error:  # noqa: BLE001 - a poison message stops nothing else
            self._metrics.add("handler_errors")
            _log.exception("message failed", gateway=message.gateway, tail=message.tail)
            self._park(message, "defect", repr(error)[:256])
        return []

    def _batch(self, message: Message) -> _Item:
        batch, broken = self._readable(message)
        foreign: dict[str, DeviceColumns] = {}
        if self._catalogue.knows(message.gateway):
            foreign = {name: columns for name, columns in batch.d.items() if not self._owns(message.gateway, name)}
        if foreign:
            self._metrics.add("foreign_devices", len(foreign))
            self._ask_for_meta(message.gateway)
            self._report(message.gateway, "device not of its gateway", devices=sorted(foreign)[:10])
            own = {name: columns for name, columns in batch.d.items() if name not in foreign}
            batch = batch.model_copy(update={"d": own})
        received = Received(
            gateway=message.gateway,
            batch=batch,
            channel=CHANNEL_BY_TAIL[message.tail],
            received_ms=message.received_ms,
        )
        if self._gateways.heard(received):
            self._metrics.add("repeats")
        if self._lights is not None and received.channel != "history":
            self._lights.heard_batch(message.gateway, batch)
        return _Item(received, foreign, broken, len(message.payload))

    def _readable(self, message: Message) -> tuple[Batch, dict[str, Broken]]:
        """Return a batch without the devices in it that cannot be read; they are kept beside it.

        Raises:
            PayloadError: It is no batch at all.
        """
        try:
            return decode_batch(message.payload), {}
        except PayloadError as error:
            salvaged = salvage(message.payload) if error.kind == "invalid" else None
            if salvaged is None:
                raise
        self._metrics.add("devices_invalid", len(salvaged.broken))
        facts = {name[:64]: broken.reason for name, broken in list(salvaged.broken.items())[:10]}
        self._report(message.gateway, "device not what the contract promises", devices=facts)
        return salvaged.batch, salvaged.broken

    def _owns(self, gateway: str, device: str) -> bool:
        return device in BUILT_IN_DEVICES or self._catalogue.owns(gateway, device)

    def _other(self, message: Message) -> None:
        gateway = message.gateway
        if message.tail == "up/cmd":
            result = decode(message.payload, Result)
            self._metrics.add("command_results")
            _log.info("command result", gateway=gateway, id=result.id, state=result.state.value, point=result.point)
            if self._lights is not None:
                self._lights.heard_result(gateway, result)
        elif message.payload == b"":
            # Somebody cleared the retained message; what it said stays known.
            return
        elif message.tail == "state/online":
            online = decode(message.payload, Online)
            self._gateways.online(gateway, online)
            if self._lights is not None:
                self._lights.heard_online(gateway, online)
            self._tell(lambda: self._desk.online(gateway, online, message.received_ms))
        elif message.tail == "state/meta":
            self._learn(gateway, decode(message.payload, Meta, MAX_META_BYTES))
        elif message.tail == "state/want" and self._lights is not None:
            self._lights.heard_want(gateway, decode(message.payload, WantReport), message.received_ms)

    def _learn(self, gateway: str, meta: Meta) -> None:
        with self._catalogue_lock:
            learned = self._catalogue.learn(gateway, meta)
        self._gateways.described(gateway, len(meta.devices), meta.sw)
        self._desk.described(gateway, meta)
        if learned.conflicts:
            self._metrics.add("kind_conflicts", len(learned.conflicts))
            self._report(gateway, "kind differs from before", points=learned.conflicts[:10])
        if learned.refused_devices:
            self._metrics.add("devices_refused", len(learned.refused_devices))
            self._report(gateway, "too many devices", devices=learned.refused_devices[:10])

    def _evaluated(self, items: Sequence[_Item]) -> list[_Item]:
        """Evaluate, and return what may be stored and confirmed."""
        if not items:
            return []
        try:
            self._desk.evaluate([item.received for item in items])
        except Exception as error:  # noqa: BLE001 - a rule's defect on one batch must not silence all gateways
            if len(items) == 1 or _is_state_failure(error):
                for item in items:
                    self._not_evaluated(item, error)
                return []
            # One of them may be to blame; a transition's id makes the repeat harmless.
            return [kept for item in items for kept in self._evaluated([item])]
        self._metrics.add("batches", len(items))
        self._metrics.add("readings", sum(_reading_count(item.received.batch) for item in items))
        return list(items)

    def _not_evaluated(self, item: _Item, error: Exception) -> None:
        if _is_state_failure(error):
            self._state_trouble = str(error)[:300]
            self._metrics.add("alarm_state_failed")
        else:
            self._metrics.add("evaluation_failed")
        gateway = item.received.gateway
        self._report(gateway, "batch not evaluated, so not confirmed", error=repr(error)[:300])

    def _hand_over(self, item: _Item) -> None:
        received = item.received
        if received.batch.clk is ClockState.WAITING:
            self._metrics.add("batches_waiting")
            return
        if not self._catalogue.knows(received.gateway):
            self._metrics.add("held_without_meta")
            self._ask_for_meta(received.gateway)
            self._report(received.gateway, "gateway not described yet: evaluated, but not stored or confirmed")
            return
        pending = Pending(
            received=received,
            foreign=item.foreign,
            broken=item.broken,
            row_count=sum(len(columns.dt) for columns in received.batch.d.values()),
            size_bytes=item.size_bytes,
        )
        if not self._queue.put(pending):
            self._metrics.add("store_dropped")

    def _ask_for_meta(self, gateway: str) -> None:
        now_ms = self._now_ms()
        if not DESCRIBE_INTERVAL_MS > now_ms - self._fetched_ms.get(gateway, 0) >= 0:
            self._fetched_ms[gateway] = now_ms
            self._fetch_meta(gateway)

    def _keep_catalogue(self) -> None:
        with self._catalogue_lock:
            devices, kinds = self._catalogue.changes()
        if not devices and not kinds:
            return
        try:
            self._save_catalogue(devices, kinds)
        except sqlite3.Error as error:
            # Gateways describe themselves again at each connection.
            _log.error("catalogue not kept", error=str(error))

    def _park(self, message: Message, kind: str, reason: str) -> None:
        parked = self._poison.park(
            topic=f"{message.gateway}/{message.tail}",
            payload=message.payload,
            kind=kind,
            reason=reason,
            at_ms=message.received_ms,
        )
        self._metrics.add("poison_parked" if parked else "poison_not_parked")

    def _report(self, gateway: str, event: str, **facts: object) -> None:
        """Log a finding once for each gateway; the metric counts the rest."""
        key = f"{event} {gateway}"
        if key in self._reported or len(self._reported) > 10_000:
            return
        self._reported.add(key)
        _log.warning(event, gateway=gateway, **facts)


def _is_state_failure(error: Exception) -> bool:
    return isinstance(error, AlarmStateError | sqlite3.Error)


def _reading_count(batch: Batch) -> int:
    """Count what was sampled: values, and nulls that a cause explains."""
    return sum(
        sum(len(column) - column.count(None) for column in columns.m.values())
        + sum(count for runs in columns.q.values() for _, count, cause in runs if cause in BAD_CAUSES)
        for columns in batch.d.values()
    )
