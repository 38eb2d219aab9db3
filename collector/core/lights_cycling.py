"""Lamps that go out, cool and strike again: a sodium lamp at the end of its life, or a loose contact."""

from __future__ import annotations

import statistics
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final

from collector.core.lights_cells import Cell, CellWriter

MINUTE_MS: Final = 60_000
DIP_LAMPS: Final = 0.7
RECOVERED_LAMPS: Final = 0.35
RECOVERY_MS: Final = 60 * MINUTE_MS
"""A lamp that stays out longer is out, and no dip."""
DIPS: Final = 3
REFERENCE_MINUTES: Final = 30
LEAST_REFERENCE: Final = 5


@dataclass(slots=True)
class CyclingWatch:
    """Counts dips of one group against its own level of the last half hour; needs no base.

    Attributes:
        level: Minutes (ln P at nominal voltage) that are no dip, newest last.
        steps: Differences from minute to minute, for the noise.
        low: Minutes on end below the level, and since when.
        dip_ms: When the present dip began; None: there is none.
        dips: Beginnings of this night's dips that have recovered.
        active: Whether CYCLING holds.
        minutes: Minutes that were watched this night.
    """

    minute: CellWriter = field(default_factory=lambda: CellWriter(MINUTE_MS))
    level: deque[float] = field(default_factory=lambda: deque(maxlen=REFERENCE_MINUTES))
    steps: deque[float] = field(default_factory=lambda: deque(maxlen=REFERENCE_MINUTES))
    low: int = 0
    low_ms: int = 0
    high: int = 0
    dip_ms: int | None = None
    dips: list[int] = field(default_factory=list)
    active: bool = False
    minutes: int = 0
    last: float | None = None

    def observe(self, at_ms: int, y: float, least_lamps: float) -> None:
        """Take a sample of a steady state.

        Args:
            at_ms: Event time.
            y: Ln P at nominal voltage.
            least_lamps: How many of its smallest lamps the group is worth: one is 1 / least_lamps of its power.
        """
        done = self.minute.add(at_ms, 0.0, y)
        if done is not None:
            self._minute(done, least_lamps)

    def disturbed(self) -> None:
        """Begin anew: another state, an outage, a hole in the readings."""
        self.minute.drop()
        self.level.clear()
        self.steps.clear()
        self.low = self.high = 0
        self.dip_ms = self.last = None

    def recently(self) -> bool:
        """Whether a lamp has gone out and come back this night or cycled in the night before."""
        return self.active or bool(self.dips)

    def close_night(self) -> None:
        """Begin a new night; a night that was watched and had no dip ends the finding."""
        if self.active and not self.dips and self.minutes >= 60:
            self.active = False
        self.dips, self.minutes = [], 0

    def _minute(self, cell: Cell, least_lamps: float) -> None:
        self.minutes += 1
        if self.last is not None:
            self.steps.append(abs(cell.y - self.last))
        self.last = cell.y
        if len(self.level) < LEAST_REFERENCE:
            self.level.append(cell.y)
            return
        lost = (statistics.median(self.level) - cell.y) * least_lamps
        noise = 1.4826 * statistics.median(self.steps) / 2**0.5 * least_lamps
        if self.dip_ms is None:
            self._outside(cell, lost, max(DIP_LAMPS, 3 * noise))
        else:
            self._inside(cell, lost)

    def _outside(self, cell: Cell, lost: float, limit: float) -> None:
        if lost <= limit:
            self.low = 0
            self.level.append(cell.y)
            return
        self.low += 1
        if self.low == 1:
            self.low_ms = cell.start_ms
        if self.low >= 2:
            self.dip_ms, self.low, self.high = self.low_ms, 0, 0

    def _inside(self, cell: Cell, lost: float) -> None:
        began_ms = self.dip_ms if self.dip_ms is not None else cell.start_ms
        if cell.start_ms - began_ms > RECOVERY_MS:
            self.disturbed()
            return
        self.high = self.high + 1 if lost < RECOVERED_LAMPS else 0
        if self.high >= 2:
            self.dip_ms, self.high = None, 0
            self.dips = [*self.dips, began_ms][-100:]
            self.active = self.active or len(self.dips) >= DIPS

    def dump(self) -> dict[str, Any]:
        """Return it as plain JSON data."""
        return {
            "minute": self.minute.dump(),
            "level": list(self.level),
            "steps": list(self.steps),
            "low": [self.low, self.low_ms, self.high],
            "dip": self.dip_ms,
            "dips": self.dips,
            "active": self.active,
            "minutes": self.minutes,
            "last": self.last,
        }

    def restore(self, data: dict[str, Any]) -> None:
        """Take back what `dump` gave."""
        self.minute.restore(data["minute"])
        self.level.extend(float(value) for value in data["level"])
        self.steps.extend(float(value) for value in data["steps"])
        self.low, self.low_ms, self.high = (int(value) for value in data["low"])
        self.dip_ms = data["dip"]
        self.dips = [int(value) for value in data["dips"]]
        self.active, self.minutes, self.last = bool(data["active"]), int(data["minutes"]), data["last"]
