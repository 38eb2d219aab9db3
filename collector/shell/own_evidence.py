"""What parts of the collector know of cabinets themselves, on its way to the alarms."""

from __future__ import annotations

import collections
import threading
from collections.abc import Mapping
from typing import Final

from collector.core.rules_evidence import own_device
from contract.reading import Block, Value

MAX_WAITING: Final = 200_000
"""Of points; the oldest go first, and who knows says it again within a minute."""


class OwnEvidence:
    """The newest of each point waits until the thread of the alarms takes it; any thread may put."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: collections.OrderedDict[tuple[str, str, str], tuple[Value, int]] = collections.OrderedDict()

    def put(self, gateway: str, cabinet: str, values: Mapping[str, Value], now_ms: int) -> None:
        """Say what is known of a cabinet; to clear an alarm it must be said again at least every minute.

        Args:
            gateway: The cabinet's.
            cabinet: Its id.
            values: Key to value; a rule names them `centre/<key>`.
            now_ms: The collector's clock.
        """
        with self._lock:
            for key, value in values.items():
                self._waiting.pop((gateway, cabinet, key), None)
                self._waiting[gateway, cabinet, key] = (value, now_ms)
            while len(self._waiting) > MAX_WAITING:
                self._waiting.popitem(last=False)

    def take(self) -> list[tuple[str, Block]]:
        """Return (gateway, block) of all that waits, one block for each cabinet and time."""
        with self._lock:
            waiting, self._waiting = self._waiting, collections.OrderedDict()
        together: dict[tuple[str, str, int], dict[str, Value]] = {}
        for (gateway, cabinet, key), (value, now_ms) in waiting.items():
            together.setdefault((gateway, cabinet, now_ms), {})[key] = value
        return [
            (
                gateway,
                Block(
                    device=own_device(cabinet),
                    observed_at_ms=now_ms,
                    keys=tuple(values),
                    values=tuple(values.values()),
                    causes={},
                ),
            )
            for (gateway, cabinet, now_ms), values in together.items()
        ]
