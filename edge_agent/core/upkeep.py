"""Who works on which device, and until when: data is then stored with cause `maintenance`. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

LONGEST_MS: Final = 7 * 86_400_000
"""Nobody works on an instrument for longer; a forgotten end must not keep a device out of alarms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upkeep:
    """One announced work on one device.

    Attributes:
        device: The device.
        since_ms: When it was announced, milliseconds since 1970 UTC by the gateway's clock.
        duration_ms: How long it lasts.
        reason: Why, in the words of who announced it.
        by: Who.
    """

    device: str
    since_ms: int
    duration_ms: int
    reason: str
    by: str

    @property
    def until_ms(self) -> int:
        """When it ends, milliseconds since 1970 UTC."""
        return self.since_ms + self.duration_ms


@dataclass(frozen=True, slots=True)
class Switch:
    """An input that says that somebody works.

    Attributes:
        point: device/key of the input.
        devices: The devices that it stands for.
        active: The level that means work.
    """

    point: str
    devices: frozenset[str]
    active: bool = True


@dataclass(slots=True)
class UpkeepBoard:
    """All devices that somebody works on, by command or by switch.

    A command ends by the boot clock, so that a wall clock that jumps neither ends nor prolongs it. After a restart the
    wall clock says how much is left, at most the whole duration: a clock that is not set yet cannot make it endless.

    Attributes:
        switches: The inputs that announce work.
    """

    switches: tuple[Switch, ...] = ()
    _upkeeps: dict[str, tuple[Upkeep, int]] = field(default_factory=dict)
    _levels: dict[str, bool] = field(default_factory=dict)
    _active: frozenset[str] = frozenset()

    @property
    def active(self) -> frozenset[str]:
        """The devices that somebody works on."""
        return self._active

    def begin(self, upkeep: Upkeep, monotonic_ms: int) -> None:
        """Take an announcement; a newer one replaces the one before."""
        self._upkeeps[upkeep.device] = (upkeep, monotonic_ms + min(upkeep.duration_ms, LONGEST_MS))
        self._refresh()

    def resume(self, upkeep: Upkeep, *, wall_ms: int, monotonic_ms: int) -> None:
        """Take an announcement from before a restart; one that is over is dropped."""
        left_ms = min(upkeep.until_ms - wall_ms, upkeep.duration_ms, LONGEST_MS)
        if left_ms > 0:
            self._upkeeps[upkeep.device] = (upkeep, monotonic_ms + left_ms)
            self._refresh()

    def end(self, device: str) -> Upkeep | None:
        """End the announced work on a device; return it, None if there was none."""
        upkeep, _ = self._upkeeps.pop(device, (None, 0))
        self._refresh()
        return upkeep

    def expire(self, monotonic_ms: int) -> list[Upkeep]:
        """End what is over; return it."""
        over = [upkeep for upkeep, end_ms in self._upkeeps.values() if end_ms <= monotonic_ms]
        for upkeep in over:
            del self._upkeeps[upkeep.device]
        if over:
            self._refresh()
        return over

    def seen(self, point: str, level: bool) -> Switch | None:
        """Take the level of an input; return its switch if it was turned. An unseen one keeps its level."""
        switch = next((one for one in self.switches if one.point == point), None)
        if switch is None or self._levels.get(point, not switch.active) == level:
            return None
        self._levels[point] = level
        self._refresh()
        return switch

    def is_on(self, switch: Switch) -> bool:
        """Return whether a switch announces work."""
        return self._levels.get(switch.point, not switch.active) == switch.active

    def left_ms(self, device: str, monotonic_ms: int) -> int:
        """Return how long the announced work on a device still lasts; 0 without one."""
        _, end_ms = self._upkeeps.get(device, (None, monotonic_ms))
        return max(0, end_ms - monotonic_ms)

    def upkeeps(self) -> list[Upkeep]:
        """Return what is announced, by device."""
        return [upkeep for _, (upkeep, _) in sorted(self._upkeeps.items())]

    def levels(self) -> Mapping[str, bool]:
        """Return the last level of each switch that was seen."""
        return dict(self._levels)

    def _refresh(self) -> None:
        by_switch = (switch.devices for switch in self.switches if self.is_on(switch))
        self._active = frozenset(self._upkeeps).union(*by_switch)
