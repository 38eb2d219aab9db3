"""What gateways have: their devices, the measurement of each, and the one type of every field."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from contract.reading import Value
from contract.state import Meta, PointKind
from contract.topics import BUILT_IN_DEVICES

QUALITY_PREFIX: Final = "q_"
RESERVED_FIELDS: Final = frozenset({"time", "gw", "dev"})
"""Names that a field may not have beside our tags and the store's own time column."""
OWN_MEASUREMENTS: Final = frozenset({"gone", "ingest", "sec_event"})
MAX_DEVICES_PER_GATEWAY: Final = 1024
"""Twice what one meta may name: devices that were taken out may still have readings under way."""
MAX_KEYS_PER_MEASUREMENT: Final = 4096


@dataclass(frozen=True, slots=True)
class Learned:
    """What a meta taught.

    Attributes:
        conflicts: `measurement.key` of points whose kind differs from the one pinned before.
        refused_devices: Devices beyond the bound of a gateway.
    """

    conflicts: tuple[str, ...]
    refused_devices: tuple[str, ...]


class Catalogue:
    """The union of all that gateways ever said they have; kinds are pinned by who comes first.

    A database fixes a field's type for a measurement, whoever writes; two types of one field would cost a whole
    line. So the first kind holds, and values of another are taken only if nothing of them is lost.
    """

    def __init__(self) -> None:
        self._measurements: dict[str, dict[str, str]] = {}
        self._kinds: dict[str, dict[str, PointKind]] = {}
        self._changed_devices: list[tuple[str, str, str]] = []
        self._changed_kinds: list[tuple[str, str, PointKind]] = []

    def restore(self, devices: Iterable[tuple[str, str, str]], kinds: Iterable[tuple[str, str, PointKind]]) -> None:
        """Take back what `changes` gave in an earlier run."""
        for gateway, device, measurement in devices:
            self._measurements.setdefault(gateway, {})[device] = measurement
        for measurement, key, kind in kinds:
            self._kinds.setdefault(measurement, {})[key] = kind

    def changes(self) -> tuple[list[tuple[str, str, str]], list[tuple[str, str, PointKind]]]:
        """Return, once, the new (gateway, device, measurement) and (measurement, key, kind)."""
        changed = (self._changed_devices, self._changed_kinds)
        self._changed_devices, self._changed_kinds = [], []
        return changed

    def learn(self, gateway: str, meta: Meta) -> Learned:
        """Add what a gateway says it has; devices that it no longer names stay known."""
        known = self._measurements.setdefault(gateway, {})
        conflicts: list[str] = []
        refused: list[str] = []
        for device, described in meta.devices.items():
            if device not in known and len(known) >= MAX_DEVICES_PER_GATEWAY:
                refused.append(device)
                continue
            measurement = described.device_class
            if measurement in OWN_MEASUREMENTS:
                measurement = f"{measurement}_device"
            if known.get(device) != measurement:
                known[device] = measurement
                self._changed_devices.append((gateway, device, measurement))
            for key, point in described.points.items():
                if self._pin_kind(measurement, key, point.kind) not in (point.kind, None):
                    conflicts.append(f"{measurement}.{key}")
        return Learned(tuple(conflicts), tuple(refused))

    def knows(self, gateway: str) -> bool:
        """Return whether the gateway has ever said what it has."""
        return gateway in self._measurements

    def owns(self, gateway: str, device: str) -> bool:
        """Return whether a device belongs to a gateway: named by it once, or one that every agent has."""
        return device in BUILT_IN_DEVICES or device in self._measurements.get(gateway, {})

    def device_count(self, gateway: str) -> int:
        """Return how many devices the gateway has named."""
        return len(self._measurements.get(gateway, {}))

    def measurement(self, gateway: str, device: str) -> str:
        """Return the measurement of a device; that of a built-in one is its own name unless its gateway says else.

        Raises:
            KeyError: The device is not this gateway's.
        """
        named = self._measurements.get(gateway, {}).get(device)
        if named is not None:
            return named
        if device in BUILT_IN_DEVICES:
            return device
        raise KeyError(device)

    def kind(self, measurement: str, key: str) -> PointKind | None:
        """Return the kind that a field is pinned to."""
        return self._kinds.get(measurement, {}).get(key)

    def pin(self, measurement: str, key: str, value: Value) -> bool:
        """Give a field that no meta described the kind of its first value; every number is a float then.

        Returns:
            False if the measurement has no room for another field.
        """
        if isinstance(value, bool):
            kind: PointKind = "bool"
        elif isinstance(value, str):
            kind = "text"
        else:
            kind = "float"
        return self._pin_kind(measurement, key, kind) is not None

    def _pin_kind(self, measurement: str, key: str, kind: PointKind) -> PointKind | None:
        kinds = self._kinds.setdefault(measurement, {})
        pinned = kinds.get(key)
        if pinned is not None:
            return pinned
        if len(kinds) >= MAX_KEYS_PER_MEASUREMENT:
            return None
        kinds[key] = kind
        self._changed_kinds.append((measurement, key, kind))
        return kind
