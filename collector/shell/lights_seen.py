"""The newest values of each gateway's lighting control, as its batches told them: what `lights status` shows."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Final

from contract.batch import MAX_POINTS_PER_DEVICE, DeviceColumns
from contract.reading import Value

CONTROL: Final = "control"


class LightsSeen:
    """In memory only: every gateway tells all of it again with its next heartbeat. Any thread may use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: dict[str, dict[str, Value | None]] = {}
        self._at_ms: dict[str, int] = {}

    def read(self, gateway: str, columns: DeviceColumns) -> None:
        """Take the readings of a gateway's `control`; older ones than what is known change nothing."""
        newest_ms = columns.t0 + columns.dt[-1]
        with self._lock:
            if newest_ms < self._at_ms.get(gateway, 0):
                return
            self._at_ms[gateway] = newest_ms
            known = self._values.setdefault(gateway, {})
            for key, column in columns.m.items():
                if len(known) >= MAX_POINTS_PER_DEVICE and key not in known:
                    continue
                sampled = next((value for value in reversed(column) if value is not None), None)
                if sampled is not None or key in columns.q:
                    known[key] = sampled

    def values(self, gateway: str) -> tuple[int | None, Mapping[str, Value | None]]:
        """Return (newest time, point key to value) of a gateway; (None, {}) while nothing was told."""
        with self._lock:
            return self._at_ms.get(gateway), dict(self._values.get(gateway, {}))
