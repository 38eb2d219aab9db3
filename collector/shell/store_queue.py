"""Evaluated batches that wait for the store: bounded, and what does not fit stays with its gateway."""

from __future__ import annotations

import collections
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from collector.core.received import Received
from collector.core.rows import Row
from collector.core.salvage import Broken
from contract.batch import DeviceColumns

MAX_QUEUE_BYTES: Final = 24 * 1024 * 1024
"""Of payloads; as Python objects a batch takes about ten times that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """One thing to store.

    Attributes:
        received: A batch, confirmed once it is stored; None for rows of the collector's own.
        foreign: Devices of the batch that do not belong to its gateway; they go to the dead-letter file.
        broken: Devices of the batch that cannot be read; they go there too.
        rows: Rows of the collector's own.
        row_count: How many rows it will make, at most.
        size_bytes: Of the payload.
    """

    received: Received | None = None
    foreign: Mapping[str, DeviceColumns] = field(default_factory=dict)
    broken: Mapping[str, Broken] = field(default_factory=dict)
    rows: tuple[Row, ...] = ()
    row_count: int = 0
    size_bytes: int = 0


class StoreQueue:
    """First in, first out, bounded in number and bytes."""

    def __init__(self, *, max_batches: int) -> None:
        """Prepare an empty queue."""
        self._max_batches = max_batches
        self._ready = threading.Condition()
        self._waiting: collections.deque[Pending] = collections.deque()
        self._bytes = 0
        self._rows = 0
        self._closed = False

    def put(self, pending: Pending) -> bool:
        """Add one; False if the queue is full, and the caller drops it unconfirmed."""
        with self._ready:
            if len(self._waiting) >= self._max_batches or self._bytes + pending.size_bytes > MAX_QUEUE_BYTES:
                return False
            self._waiting.append(pending)
            self._bytes += pending.size_bytes
            self._rows += pending.row_count
            self._ready.notify()
            return True

    def take(self, *, rows: int, linger_s: float, timeout_s: float) -> list[Pending]:
        """Return a group of at least one, waiting up to `linger_s` for it to reach `rows`; empty after time-out."""
        with self._ready:
            if not self._waiting and not self._closed:
                self._ready.wait(timeout_s)
            if not self._waiting:
                return []
            deadline_s = time.monotonic() + linger_s
            while self._rows < rows and not self._closed:
                left_s = deadline_s - time.monotonic()
                if left_s <= 0:
                    break
                self._ready.wait(left_s)
            group: list[Pending] = []
            taken_rows = 0
            while self._waiting and (not group or taken_rows + self._waiting[0].row_count <= rows):
                pending = self._waiting.popleft()
                group.append(pending)
                taken_rows += pending.row_count
                self._bytes -= pending.size_bytes
            self._rows -= taken_rows
            return group

    def close(self) -> None:
        """Let no one wait any longer; what is in the queue can still be taken."""
        with self._ready:
            self._closed = True
            self._ready.notify_all()

    def __len__(self) -> int:
        with self._ready:
            return len(self._waiting)
