"""What is written down every few seconds: numbers and gateways for `status`, the `ingest` series for the analysts."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Mapping
from typing import Final

import structlog

from collector.shell.gateways import Gateways
from collector.shell.metrics import Metrics
from collector.shell.records import Records
from collector.shell.store_queue import Pending, StoreQueue

OVERVIEW_INTERVAL_MS: Final = 5_000
FACTS_INTERVAL_MS: Final = 60_000
_log = structlog.get_logger("collector.housekeeping")


class Housekeeping:
    """A thread of its own, so that a slow disk delays neither alarms nor confirms."""

    def __init__(
        self,
        *,
        records: Records,
        gateways: Gateways,
        queue: StoreQueue,
        metrics: Metrics,
        now_ms: Callable[[], int],
        gauges: Mapping[str, Callable[[], int]],
        troubles: Mapping[str, Callable[[], str]],
        facts: Mapping[str, str],
    ) -> None:
        """Prepare.

        Args:
            records: Used by this thread alone, closed at the end.
            gateways: What is written of each.
            queue: Where the `ingest` rows go.
            metrics: What is written.
            now_ms: The wall clock.
            gauges: Metric name to what gives its value.
            troubles: Part to what tells its trouble, empty if it has none; a change is written at once.
            facts: What never changes in a run.
        """
        self._records = records
        self._gateways = gateways
        self._queue = queue
        self._metrics = metrics
        self._now_ms = now_ms
        self._gauges = gauges
        self._troubles = troubles
        self._facts = dict(facts)
        self._stop = threading.Event()
        self._written_ms = 0
        self._told: dict[str, str] = {}
        self._facts_ms = now_ms()
        self._failed = False
        self._thread = threading.Thread(target=self._run, name="housekeeping", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Write once more and end."""
        self._stop.set()
        self._thread.join(5.0)

    def step(self) -> None:
        """Write what is due."""
        now_ms = self._now_ms()
        troubles = {name: trouble() for name, trouble in self._troubles.items()}
        if troubles != self._told or not OVERVIEW_INTERVAL_MS > now_ms - self._written_ms >= 0:
            self._told, self._written_ms = troubles, now_ms
            self._write(now_ms, stopped=False)
        if not FACTS_INTERVAL_MS > now_ms - self._facts_ms >= 0:
            self._facts_ms = now_ms
            rows = tuple(self._gateways.facts(now_ms))
            if rows and not self._queue.put(Pending(rows=rows, row_count=len(rows), size_bytes=len(rows) * 100)):
                self._metrics.add("store_dropped")

    def _write(self, now_ms: int, *, stopped: bool) -> None:
        for name, gauge in self._gauges.items():
            self._metrics.set(name, gauge())
        facts = self._facts | self._told | {"written_ms": str(now_ms), "stopped": "1" if stopped else ""}
        try:
            self._records.save_overview(self._gateways.records(), self._metrics.snapshot(), facts)
        except sqlite3.Error as error:
            if not self._failed:
                _log.error("overview not written", error=str(error))
            self._failed = True
        else:
            self._failed = False

    def _run(self) -> None:
        while not self._stop.wait(1.0):
            try:
                self.step()
            except Exception:  # noqa: BLE001 - without it `status` would call a collector dead that works
                self._metrics.add("handler_errors")
                _log.exception("housekeeping failed")
        self._write(self._now_ms(), stopped=True)
        self._records.close()
