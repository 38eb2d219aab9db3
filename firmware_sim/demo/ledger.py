"""An account of every reading, kept outside the system under test.

It reads the gateways' batches from the broker as an integrator would, by the published wire format and with
nothing of our own code, and compares them with what the store gives back.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from typing import Any, Final

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

BAD_CAUSES: Final = frozenset(
    {"timeout", "crc", "protocol", "refused", "unsupported", "line_down", "set_aside", "range"}
)
Place = tuple[str, str, str, int]
"""gateway, device, point key, milliseconds."""


@dataclass(frozen=True, slots=True)
class Account:
    """What a comparison found."""

    stored: int
    lost: int
    duplicates: int
    changed: int


@dataclass(slots=True)
class Ledger:
    """Every reading that was published, with its value (None where BAD)."""

    readings: dict[Place, object] = field(default_factory=dict)
    changed: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add_batch(self, gateway: str, payload: bytes | bytearray) -> None:
        """Take the readings of one batch; a repeat must say the same again."""
        batch: dict[str, Any] = json.loads(payload)
        if batch.get("clk") == "waiting":
            return
        with self.lock:
            for device, columns in batch["d"].items():
                for place, value in _readings(gateway, device, columns):
                    known = self.readings.setdefault(place, value)
                    self.changed += known != value

    def compare(self, rows: list[tuple[Place, object]], until_ms: int) -> Account:
        """Compare with the rows of a store, both up to a time."""
        with self.lock:
            due = {place: value for place, value in self.readings.items() if place[3] <= until_ms}
            changed = self.changed
        found: dict[Place, object] = {}
        duplicates = 0
        for place, value in rows:
            duplicates += place in found
            found[place] = value
        lost = sum(place not in found for place in due)
        changed += sum(place in found and not _same(found[place], value) for place, value in due.items())
        return Account(stored=len(found), lost=lost, duplicates=duplicates, changed=changed)


def _same(stored: object, published: object) -> bool:
    if isinstance(stored, int | float) and isinstance(published, int | float):
        return abs(float(stored) - float(published)) <= 1e-9 * max(1.0, abs(float(published)))
    return stored == published


def _readings(gateway: str, device: str, columns: dict[str, Any]) -> list[tuple[Place, object]]:
    result: list[tuple[Place, object]] = []
    for key, values in columns["m"].items():
        bad_rows = {
            row
            for first, count, cause in columns.get("q", {}).get(key, ())
            for row in range(first, first + count)
            if cause in BAD_CAUSES
        }
        for row, (offset_ms, value) in enumerate(zip(columns["dt"], values, strict=True)):
            if value is not None or row in bad_rows:
                result.append(((gateway, device, key, columns["t0"] + offset_ms), value))
    return result


def watch(ledger: Ledger, port: int, root: str) -> mqtt.Client:
    """Return a connected client (MQTT 3.1.1, the embedded broker's) that fills the ledger until it is stopped."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2, "demo-ledger", protocol=mqtt.MQTTv311)

    def on_connect(connected: mqtt.Client, *_: object) -> None:
        connected.subscribe(f"{root}/+/up/#", qos=1)

    def on_message(_client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        gateway, _, kind = message.topic.removeprefix(f"{root}/").partition("/up/")
        if kind in {"live", "event", "history"}:
            ledger.add_batch(gateway, message.payload)

    client.on_connect = on_connect
    client.on_message = on_message
    client.connect("127.0.0.1", port)
    client.loop_start()
    return client
