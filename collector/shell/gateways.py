"""What the collector knows of each gateway while it runs, bounded in number and in memory of each."""

from __future__ import annotations

import collections
import dataclasses
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from collector.core.received import Received
from collector.core.rows import Row
from collector.shell.records import GatewayRecord
from contract.batch import ClockState
from contract.state import Online

INGEST_MEASUREMENT: Final = "ingest"
_REMEMBERED_BATCHES: Final = 256


@dataclass(slots=True)
class _Interval:
    batches: int = 0
    repeats: int = 0
    rows: int = 0
    longest_lag_ms: int = 0


@dataclass(slots=True)
class _Gateway:
    record: GatewayRecord
    interval: _Interval = field(default_factory=_Interval)
    recent: collections.OrderedDict[tuple[str, int], None] = field(default_factory=collections.OrderedDict)


class Gateways:
    """All gateways that were ever heard."""

    def __init__(self, *, limit: int, named: Iterable[str], known: Iterable[GatewayRecord] = ()) -> None:
        """Take what is known.

        Args:
            limit: How many gateways there may be.
            named: Those of the inventory: they always have room.
            known: From an earlier run.
        """
        self._limit = limit
        self._named = frozenset(named)
        self._lock = threading.Lock()
        self._gateways = {record.name: _Gateway(record) for record in known}

    def admit(self, gateway: str) -> bool:
        """Return whether a gateway is known or there is room for it."""
        with self._lock:
            if gateway in self._gateways:
                return True
            if gateway not in self._named and len(self._gateways) >= self._limit:
                return False
            self._gateways[gateway] = _Gateway(GatewayRecord(name=gateway))
            return True

    def heard(self, received: Received) -> bool:
        """Note a batch of an admitted gateway; return whether it came before."""
        batch = received.batch
        has_times = batch.clk is not ClockState.WAITING
        newest_ms = max((columns.t0 + columns.dt[-1] for columns in batch.d.values()), default=None)
        with self._lock:
            gateway = self._gateways[received.gateway]
            record, interval = gateway.record, gateway.interval
            record.last_seen_ms = received.received_ms
            record.epoch, record.seq = batch.epoch, batch.seq
            if newest_ms is not None and has_times:
                record.lag_ms = received.received_ms - newest_ms
                interval.longest_lag_ms = max(interval.longest_lag_ms, record.lag_ms)
            number = (batch.epoch, batch.seq)
            is_repeat = number in gateway.recent
            gateway.recent[number] = None
            if len(gateway.recent) > _REMEMBERED_BATCHES:
                gateway.recent.popitem(last=False)
            interval.batches += 1
            interval.repeats += is_repeat
            return is_repeat

    def online(self, gateway: str, online: Online) -> None:
        """Note what a gateway or its last will says."""
        with self._lock:
            record = self._gateways[gateway].record
            record.online, record.online_since_ms, record.software = online.online, online.since, online.sw

    def described(self, gateway: str, devices: int, software: str) -> None:
        """Note what a gateway's meta says."""
        with self._lock:
            record = self._gateways[gateway].record
            record.devices, record.software = devices, software

    def stored(self, gateway: str, rows: int) -> None:
        """Note rows that the store has taken."""
        with self._lock:
            if gateway in self._gateways:
                self._gateways[gateway].interval.rows += rows

    def facts(self, now_ms: int) -> list[Row]:
        """Return the `ingest` rows of the interval that ends now, and begin the next."""
        rows: list[Row] = []
        with self._lock:
            for name, gateway in self._gateways.items():
                interval, gateway.interval = gateway.interval, _Interval()
                rows.append(
                    Row(
                        measurement=INGEST_MEASUREMENT,
                        gateway=name,
                        device="",
                        time_ms=now_ms,
                        fields={
                            "rows": interval.rows,
                            "batches": interval.batches,
                            "repeats": interval.repeats,
                            "lag_s": interval.longest_lag_ms / 1000,
                        },
                    )
                )
        return rows

    def records(self) -> list[GatewayRecord]:
        """Return a copy of what is known."""
        with self._lock:
            return [dataclasses.replace(gateway.record) for gateway in self._gateways.values()]

    def count(self) -> int:
        """Return how many there are."""
        with self._lock:
            return len(self._gateways)
