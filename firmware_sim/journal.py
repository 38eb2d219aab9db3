"""The journal: one JSON line for every read that was answered, to compare with what was stored."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

from firmware_sim.core.station import Outcome, Station


class Journal:
    """Appends to a file; each line reaches the kernel before its answer reaches the wire.

    A line: `{"t": unix ms, "device", "unit", "function", "address", "values": [words or bits],
    "fault": name or null}`. With a fault, `values` is what the device had, not what the bus made of it.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)
        self._lock = threading.Lock()

    def record(self, station: Station, outcome: Outcome) -> None:
        """Write one answered read; other outcomes leave no line."""
        served = outcome.served
        if served is None or not outcome.sendings:
            return
        line = json.dumps(
            {
                "t": time.time_ns() // 1_000_000,
                "device": station.name,
                "unit": station.unit,
                "function": served.function,
                "address": served.address,
                "values": served.values,
                "fault": outcome.fault,
            },
            separators=(",", ":"),
        )
        with self._lock:
            self._file.write(line.encode() + b"\n")

    def close(self) -> None:
        """Close the file."""
        self._file.close()
