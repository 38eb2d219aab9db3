"""Devices of one line that are set aside: what they may cost it together, who is tried when one is back. Pure."""

from __future__ import annotations

from typing import Protocol


class Tried(Protocol):
    """A device that may be set aside."""

    @property
    def probe_at_s(self) -> float | None:
        """When it is tried again; None while it is polled."""
        ...

    def try_soon(self) -> None:
        """Try it now instead."""
        ...


class Neighbours:
    """Those of one line's devices that are set aside now."""

    def __init__(self) -> None:
        self._aside: dict[int, Tried] = {}

    def __len__(self) -> int:
        return len(self._aside)

    def left(self, device: Tried) -> None:
        """Take note that a device is set aside, or still is."""
        self._aside[id(device)] = device

    def returned(self, device: Tried) -> None:
        """Take note that a device is polled again; if it was set aside, the one that waits longest is tried.

        Meters of one feeder come back together. One after the other, so that a device which comes and goes costs its
        line one probe each time.
        """
        if self._aside.pop(id(device), None) is None:
            return
        waiting = [(other.probe_at_s, number) for number, other in self._aside.items() if other.probe_at_s is not None]
        if waiting:
            self._aside[max(waiting)[1]].try_soon()
