"""Tells gateways which of their batches are stored and evaluated."""

from __future__ import annotations

import threading
import time
from typing import Final

from collector.core.confirms import PendingConfirms
from collector.shell.broker import Broker
from collector.shell.metrics import Metrics
from contract.codec import encode
from contract.topics import GatewayTopics

_PAUSE_S: Final = 0.05


class Confirmer:
    """A thread of its own, since a write to the store may take as long as its time-out."""

    def __init__(self, *, broker: Broker, root: str, metrics: Metrics) -> None:
        """Prepare; `start` begins to tell."""
        self._broker = broker
        self._root = root
        self._metrics = metrics
        self._lock = threading.Lock()
        self._pending = PendingConfirms()
        self._wake = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="confirm", daemon=True)

    @property
    def is_alive(self) -> bool:
        """True while its thread runs."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Tell what may be told at once, and end."""
        self._stopping = True
        self._wake.set()
        self._thread.join(2.0)

    def stored(self, gateway: str, epoch: str, seq: int) -> None:
        """Note one batch that the store has taken and whose alarm state is committed."""
        with self._lock:
            if not self._broker.is_connected or not self._pending.add(gateway, epoch, seq):
                self._metrics.add("confirms_dropped")
                return
        self._wake.set()

    def disconnected(self) -> None:
        """Forget what was not told: the gateways repeat those batches."""
        with self._lock:
            self._metrics.add("confirms_dropped", self._pending.clear())

    def waiting(self) -> int:
        """Return how many batches wait to be confirmed."""
        with self._lock:
            return len(self._pending)

    def _run(self) -> None:
        while not self._stopping:
            self._wake.wait()
            self._wake.clear()
            while self._tell() and not self._stopping:
                time.sleep(_PAUSE_S)
        self._tell()

    def _tell(self) -> int:
        """Publish what is due; return how many numbers still wait."""
        with self._lock:
            due = self._pending.due(time.monotonic_ns() // 1_000_000)
            left = len(self._pending)
        for gateway, confirm in due:
            count = sum(last - first + 1 for ranges in confirm.ok.values() for first, last in ranges)
            sent = self._broker.publish(GatewayTopics(gateway, self._root).confirm, encode(confirm))
            self._metrics.add("batches_confirmed" if sent else "confirms_dropped", count)
        return left
