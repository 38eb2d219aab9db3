"""Energy from a counter that may be reset, roll over, or lie for one reading: only differences that are possible."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

STEP_SHARE: Final = 1.5
"""A step above this share of what the greatest power makes in the time is no energy."""
RESOLUTION_WH: Final = 200.0
"""Meters count in steps of up to 0.1 kWh; one step more is no fault."""
CONFIRMING: Final = 3
"""Readings that must go on from a new value before the counter is believed to have been set to it."""
ROLLS_OVER_AT_WH: Final = (2.0**32, *(10.0**exponent for exponent in range(6, 13)))
"""Registers of 32 bits in Wh, and displays of so many digits."""
NEAR_ROLL_OVER: Final = 0.999

Reading = tuple[int, float]
"""(ms since 1970 UTC, Wh)."""


@dataclass(frozen=True, slots=True)
class Energy:
    """What a row of readings proves.

    Attributes:
        wh: Energy.
        first_ms: The first reading that counts; None: there are not two.
        last_ms: The last one.
        rejected: Steps and readings that were not believed.
        resets: Times that the counter began anew, or the meter was changed.
    """

    wh: float
    first_ms: int | None
    last_ms: int | None
    rejected: int
    resets: int


def energy_of(readings: Sequence[Reading], greatest_w: float) -> Energy:
    """Return the energy between the first and the last reading.

    Args:
        readings: In order of time.
        greatest_w: The most that can flow.
    """
    if not readings:
        return Energy(0.0, None, None, 0, 0)
    start = _first_believed(readings, greatest_w)
    at_ms, at_wh = readings[start]
    first_ms, total_wh, rejected, resets = at_ms, 0.0, start, 0
    for index in range(start + 1, len(readings)):
        now_ms, now_wh = readings[index]
        limit_wh = _limit_wh(now_ms - at_ms, greatest_w)
        step_wh = now_wh - at_wh
        if not 0 <= step_wh <= limit_wh:
            rolled_wh = _rolled_over(at_wh, now_wh, limit_wh)
            if rolled_wh is None and not _goes_on(readings, index, greatest_w):
                rejected += 1
                continue
            if rolled_wh is not None:
                step_wh = rolled_wh
            elif step_wh < 0:
                # A counter that began anew has counted from 0 since; a changed meter stands anywhere.
                resets += 1
                step_wh = now_wh if now_wh <= limit_wh else 0.0
            else:
                rejected += 1
                step_wh = 0.0
        total_wh += step_wh
        at_ms, at_wh = now_ms, now_wh
    return Energy(total_wh, first_ms, at_ms, rejected, resets)


def _limit_wh(time_ms: int, greatest_w: float) -> float:
    return STEP_SHARE * greatest_w * time_ms / 3_600_000 + RESOLUTION_WH


def _rolled_over(before_wh: float, now_wh: float, limit_wh: float) -> float | None:
    for end_wh in ROLLS_OVER_AT_WH:
        if NEAR_ROLL_OVER * end_wh <= before_wh < end_wh and 0 <= end_wh - before_wh + now_wh <= limit_wh:
            return end_wh - before_wh + now_wh
    return None


def _goes_on(readings: Sequence[Reading], index: int, greatest_w: float) -> bool:
    """Whether enough readings continue from a value that does not follow from what was before."""
    following = readings[index : index + CONFIRMING]
    return len(following) == CONFIRMING and all(
        0 <= later[1] - earlier[1] <= _limit_wh(later[0] - earlier[0], greatest_w)
        for earlier, later in itertools.pairwise(following)
    )


def _first_believed(readings: Sequence[Reading], greatest_w: float) -> int:
    """Return the first reading from which the next goes on: the very first may be the one that lies."""
    for index in range(len(readings) - 1):
        (at_ms, at_wh), (next_ms, next_wh) = readings[index], readings[index + 1]
        limit_wh = _limit_wh(next_ms - at_ms, greatest_w)
        if 0 <= next_wh - at_wh <= limit_wh or _rolled_over(at_wh, next_wh, limit_wh) is not None:
            return index
    return 0
