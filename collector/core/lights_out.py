"""Missing power as missing lamps: when it is believed."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

OUT_LAMPS: Final = 0.7
SIGMAS: Final = 3.0
OUT_CELLS: Final = 3
"""15 minutes."""
CYCLING_CELLS: Final = 12
"""While a lamp cycles, what is out must stay out for an hour: a hot lamp may need long to strike again."""
HOUR_BLOCKS: Final = 4
LEAST_SAMPLES: Final = 3


@dataclass(frozen=True, slots=True)
class Judged:
    """One cell against what was expected of it.

    Attributes:
        lost: Missing power as a number of the group's smallest lamps; negative: more power than expected.
        cell_sd: Its own noise, in lamps.
        common_sd: What it shares with its neighbours, in lamps.
        watts: Missing power in W.
    """

    start_ms: int
    lost: float
    cell_sd: float
    common_sd: float
    watts: float
    samples: int


@dataclass(slots=True)
class LampsOut:
    """The finding that lamps are out.

    Attributes:
        lamps: About how many; 0: the finding does not hold.
        watts: What they would draw.
        worst: The most that was missing, in lamps; recovery is counted from it.
        since_ms: Event time of the first cell that showed it.
        good_nights: Nights on end with at least 80 % of it back.
    """

    lamps: int = 0
    watts: float = 0.0
    worst: float = 0.0
    since_ms: int = 0
    good_nights: int = 0


def run_of_lost(cells: Sequence[Judged], *, is_cycling: bool) -> Sequence[Judged]:
    """Return the newest cells that all show missing lamps, long enough to be believed; empty: they do not.

    Args:
        cells: Of one undisturbed state, newest last.
        is_cycling: A lamp has lately gone out and come back.
    """
    wanted = CYCLING_CELLS if is_cycling else OUT_CELLS
    run = cells[-wanted:]
    long_enough = len(run) == wanted and sum(each.samples for each in run) >= LEAST_SAMPLES
    if long_enough and all(each.lost > limit(each, 1) for each in run):
        return run
    # Large groups: one lamp hides in the noise of five minutes and not in that of an hour.
    hour = cells[-HOUR_BLOCKS * OUT_CELLS :]
    if len(hour) < HOUR_BLOCKS * OUT_CELLS:
        return []
    for start in range(0, len(hour), OUT_CELLS):
        block = hour[start : start + OUT_CELLS]
        if statistics.fmean(each.lost for each in block) <= limit(block[-1], OUT_CELLS):
            return []
    return hour


def limit(cell: Judged, cells: int) -> float:
    """Return how many lamps must be missing in the mean of some cells before it is no noise."""
    return max(OUT_LAMPS, SIGMAS * math.hypot(cell.cell_sd / math.sqrt(cells), cell.common_sd))
