"""The retained latest values of each device: what is worth publishing again, and when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from config.points import PointSpec
from contract.reading import BAD_CAUSES, Block, Cause, Value

MAX_UNMERGED: Final = 8
"""A device has a handful of read groups; more is a driver that varies its keys without end."""


@dataclass(slots=True)
class _Latest:
    """What is known of one device; most of its blocks are overtaken by the next before anybody wants to see them."""

    ts_ms: int = 0
    unmerged: dict[int, Block] = field(default_factory=dict)
    values: dict[str, Value | None] = field(default_factory=dict)
    causes: dict[str, Cause] = field(default_factory=dict)
    points: Mapping[str, PointSpec] = field(default_factory=dict)
    sent_values: dict[str, Value | None] = field(default_factory=dict)
    sent_causes: dict[str, Cause] = field(default_factory=dict)
    sent_at_ms: int | None = None
    changed: bool = False
    at_once: bool = False

    def accept(self, block: Block) -> None:
        """Take a block. One with the very same keys replaces the one before, and stands behind all that came since."""
        unmerged = self.unmerged
        keys = id(block.keys)
        if keys in unmerged:
            del unmerged[keys]
        elif len(unmerged) >= MAX_UNMERGED:
            self.merge()
        unmerged[keys] = block

    def merge(self) -> None:
        """Bring values and causes up to date."""
        for block in self.unmerged.values():
            self.values.update(zip(block.keys, block.values, strict=True))
            if self.causes:
                for key in block.keys:
                    self.causes.pop(key, None)
            self.causes.update(block.causes)
        self.unmerged.clear()


class LatestStates:
    """The newest value of every point, by device."""

    def __init__(self, *, interval_ms: int) -> None:
        """Publish a device at most this often unless an urgent point changed."""
        self._interval_ms = interval_ms
        self._devices: dict[str, _Latest] = {}

    def accept(self, block: Block, points: Mapping[str, PointSpec], *, urgent: bool) -> None:
        """Take a block whose time is fixed."""
        latest = self._devices.get(block.device)
        if latest is None:
            latest = self._devices[block.device] = _Latest()
        latest.ts_ms = max(latest.ts_ms, block.observed_at_ms)
        latest.points = points
        latest.accept(block)
        latest.changed = True
        latest.at_once = latest.at_once or urgent

    def all_again(self) -> None:
        """Make every device due, at a new connection."""
        for latest in self._devices.values():
            latest.sent_at_ms = None

    def due(self, now_ms: int) -> Iterator[str]:
        """Yield the devices to publish now, those with an urgent change first."""
        later = []
        for device, latest in self._devices.items():
            if latest.sent_at_ms is None or latest.at_once:
                yield device
            elif latest.changed and now_ms - latest.sent_at_ms >= self._interval_ms:
                later.append(device)
        for device in later:
            latest = self._devices[device]
            latest.merge()
            if _differs(latest):
                yield device
            else:
                # Looked at again after an interval, not at each pass.
                latest.sent_at_ms, latest.changed = now_ms, False

    def published(self, device: str, now_ms: int) -> dict[str, object]:
        """Return the message of a device (`ts`, `v`, `q`), and count it as published."""
        latest = self._devices[device]
        latest.merge()
        latest.sent_values = dict(latest.values)
        latest.sent_causes = dict(latest.causes)
        latest.sent_at_ms, latest.changed, latest.at_once = now_ms, False, False
        values = latest.values
        if latest.causes:
            values = {key: None if latest.causes.get(key) in BAD_CAUSES else value for key, value in values.items()}
        message: dict[str, object] = {"ts": latest.ts_ms, "v": values}
        if latest.causes:
            message["q"] = latest.causes
        return message


def _differs(latest: _Latest) -> bool:
    if latest.causes != latest.sent_causes or len(latest.values) != len(latest.sent_values):
        return True
    points, sent = latest.points, latest.sent_values
    for key, value in latest.values.items():
        old = sent.get(key)
        if value == old:
            continue
        point = points.get(key)
        if point is None or not isinstance(value, int | float) or not isinstance(old, int | float):
            return True
        if isinstance(value, bool) or abs(value - old) > point.deadband:
            return True
    return False
