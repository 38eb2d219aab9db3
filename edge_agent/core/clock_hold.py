"""Which time a reading gets: the boot clock plus an offset that a step of the wall clock does not move.

Times come from the boot clock, which never steps. The offset to the wall clock is taken when the wall clock is
synchronised, follows its slewing, and is held when synchronisation is lost. A step is believed only after it has
lasted a minute: forward at once, backward up to an hour by running at half speed, so that no reading overtakes or
overwrites an earlier one; further back (a clock that was in the far future) at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from contract.batch import EARLIEST_MS, LATEST_MS, ClockState
from contract.reading import Cause

FOLLOW_MS: Final = 500
"""Differences up to this between two looks are the slewing of a disciplined clock."""
SETTLE_MS: Final = 60_000
SLEW_LIMIT_MS: Final = 3_600_000


class ClockEvent(Enum):
    """What changed at a look at the clocks; the fixed words of its log line."""

    FOUND = "clock_found"
    STEP_SEEN = "clock_step_seen"
    STEP_TAKEN = "clock_step_taken"
    IMPLAUSIBLE = "clock_implausible"


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedClock:
    """What is kept on disk.

    Attributes:
        boot_id: The boot that the offset belongs to.
        offset_ms: Wall minus boot clock, None if that boot never knew the time.
        highest_ms: The newest time given to a reading: real time lies past it.
    """

    boot_id: str
    offset_ms: int | None
    highest_ms: int


class ClockHold:
    """The gateway's time for readings."""

    def __init__(self, *, require_sync: bool, boot_id: str, saved: SavedClock | None) -> None:
        """Begin, with the offset of an earlier run of the same boot if there is one."""
        self._require_sync = require_sync
        self._boot_id = boot_id
        self._offset_ms = saved.offset_ms if saved and saved.boot_id == boot_id else None
        self._floor_ms = saved.highest_ms if saved else 0
        self._highest_ms = 0
        self._slew_from: tuple[int, int] | None = None
        self._step: tuple[int, int] | None = None
        self._last: dict[str, int] = {}

    @property
    def state(self) -> ClockState:
        """How times are fixed now."""
        if self._offset_ms is None:
            return ClockState.WAITING
        return ClockState.SYNCED if self._require_sync else ClockState.ASSUMED

    @property
    def offset_ms(self) -> int | None:
        """Wall minus boot clock; None before the first synchronisation of the boot."""
        return self._offset_ms

    def saved(self) -> SavedClock:
        """Return what to keep on disk."""
        return SavedClock(
            boot_id=self._boot_id, offset_ms=self._offset_ms, highest_ms=max(self._highest_ms, self._floor_ms)
        )

    def observe(self, *, wall_ms: int, monotonic_ms: int, synchronised: bool) -> ClockEvent | None:
        """Look at the clocks, about once a second; return what changed."""
        candidate_ms = wall_ms - monotonic_ms
        believed = (synchronised or not self._require_sync) and EARLIEST_MS <= wall_ms < LATEST_MS - SLEW_LIMIT_MS
        if self._offset_ms is None:
            if believed and (wall_ms >= self._floor_ms or self._has_settled(candidate_ms, monotonic_ms)):
                self._offset_ms, self._step = candidate_ms, None
                return ClockEvent.FOUND
            return ClockEvent.IMPLAUSIBLE if believed and self._step_is_new(monotonic_ms) else None
        if abs(candidate_ms - self._offset_ms) <= FOLLOW_MS:
            self._offset_ms, self._step = candidate_ms, None
            return None
        if not believed:
            # Holdover: the boot clock goes on with the last good offset, whatever the wall clock is set to.
            self._step = None
            return None
        if self._has_settled(candidate_ms, monotonic_ms):
            self._take_step(candidate_ms, monotonic_ms)
            return ClockEvent.STEP_TAKEN
        return ClockEvent.STEP_SEEN if self._step_is_new(monotonic_ms) else None

    def time_of(self, monotonic_ms: int) -> int | None:
        """Return milliseconds since 1970 UTC of a moment of the boot clock; None before the time is known."""
        if self._offset_ms is None:
            return None
        offset_ms = self._offset_ms
        if self._slew_from is not None:
            since_ms, from_ms = self._slew_from
            left_ms = from_ms - (monotonic_ms - since_ms) // 2
            if left_ms > offset_ms:
                offset_ms = min(from_ms, left_ms)
            else:
                self._slew_from = None
        return monotonic_ms + offset_ms

    def stamp(self, device: str, monotonic_ms: int) -> int | None:
        """Return the time of a device's reading; it rises strictly from one to the next."""
        offset_ms = self._offset_ms
        if offset_ms is None:
            return None
        time_ms = self.time_of(monotonic_ms) if self._slew_from is not None else monotonic_ms + offset_ms
        if time_ms is None:
            return None
        last_ms = self._last.get(device, EARLIEST_MS - 1)
        if time_ms <= last_ms:
            time_ms = last_ms + 1
        self._last[device] = time_ms
        if time_ms > self._highest_ms:  # noqa: PLR1730 - max() takes three times as long, at every reading
            self._highest_ms = time_ms
        return time_ms

    def _has_settled(self, candidate_ms: int, monotonic_ms: int) -> bool:
        if self._step is None or abs(candidate_ms - self._step[0]) > FOLLOW_MS:
            self._step = (candidate_ms, monotonic_ms)
            return False
        self._step = (candidate_ms, self._step[1])
        return monotonic_ms - self._step[1] >= SETTLE_MS

    def _step_is_new(self, monotonic_ms: int) -> bool:
        return self._step is not None and self._step[1] == monotonic_ms

    def _take_step(self, candidate_ms: int, monotonic_ms: int) -> None:
        now_ms = self.time_of(monotonic_ms) or 0
        back_ms = now_ms - (monotonic_ms + candidate_ms)
        self._slew_from = (monotonic_ms, now_ms - monotonic_ms) if 0 < back_ms <= SLEW_LIMIT_MS else None
        if back_ms > SLEW_LIMIT_MS:
            self._last.clear()
            self._highest_ms = self._floor_ms = 0
        self._offset_ms, self._step = candidate_ms, None


def shifted(device_columns: dict[str, Any], offset_ms: int, *, uncertain: bool) -> dict[str, Any]:
    """Return columns whose times were of the boot clock with times of the wall clock.

    Args:
        device_columns: The `d` of a batch.
        offset_ms: What to add to every time; times before 2020 are moved to its beginning.
        uncertain: Whether every value that is GOOD becomes UNCERTAIN with cause `clock`.
    """
    result = {}
    for device, columns in device_columns.items():
        moved = {**columns, "t0": max(EARLIEST_MS, columns["t0"] + offset_ms)}
        if uncertain:
            moved["q"] = {
                key: _doubted(values, columns.get("q", {}).get(key, [])) for key, values in moved["m"].items()
            }
        result[device] = moved
    return result


def _doubted(values: list[Any], runs: list[list[Any]]) -> list[list[Any]]:
    causes: list[Any] = [None if value is None else Cause.CLOCK for value in values]
    for first, count, cause in runs:
        causes[first : first + count] = [cause] * count
    result: list[list[Any]] = []
    for row, cause in enumerate(causes):
        if cause is None:
            continue
        if result and result[-1][2] == cause and result[-1][0] + result[-1][1] == row:
            result[-1][1] += 1
        else:
            result.append([row, 1, cause])
    return result


def placed_offset_ms(boot_began_ms: int, last_monotonic_ms: int) -> int:
    """Return the offset of a boot that ended unsynchronised: its last reading one second before the next boot began.

    Args:
        boot_began_ms: When the next boot with known times began, milliseconds since 1970 UTC.
        last_monotonic_ms: Boot clock of the last reading to place.
    """
    return boot_began_ms - 1000 - last_monotonic_ms


def boot_offsets(
    boots: Sequence[tuple[str, int]], *, boot_id: str, offset_ms: int, state: ClockState
) -> dict[str, tuple[int, ClockState]]:
    """Return (offset, how it was found) of every boot with readings that wait for their time.

    Args:
        boots: (boot, boot clock of its last reading), the oldest boot first.
        boot_id: The present boot.
        offset_ms: Its offset.
        state: How that was found.
    """
    offsets = {}
    began_ms = offset_ms
    for boot, last_ms in reversed(boots):
        if boot == boot_id:
            offsets[boot] = (offset_ms, state)
            continue
        began_ms = placed_offset_ms(began_ms, last_ms)
        offsets[boot] = (began_ms, ClockState.PLACED)
    return offsets
