"""How long the polls of each device hold their line, learned, and whether a line can keep its intervals. Pure.

A line carries one request at a time. What its devices need of it each second, by their configured intervals and the
time that their polls were seen to take, may exceed what it carries; then polls are dropped for ever, and which ones
is chance. That is said once, and once when it is over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

MEMORY_POLLS: Final = 16
"""The mean is of about so many polls: a device that was replaced is learned anew within minutes."""
ENOUGH_POLLS: Final = 5
JUDGEMENTS: Final = 3
"""In a row before anything is said: one retried command is no news."""
OVER_SHARE: Final = 0.95
"""It is over when the need lies this far below what the line carries."""
LEAST_CARRIED: Final = 0.7
"""A process that stood still drops polls as well; a line is never believed to carry less."""
Change = Literal["short", "over"]


@dataclass(slots=True)
class HeldMean:
    """The mean of recent holds, in seconds; `count` is of how many, MEMORY_POLLS at most."""

    count: int = 0
    mean_s: float = 0.0

    def add(self, held_s: float) -> None:
        """Take one hold."""
        if self.count < MEMORY_POLLS:
            self.count += 1
        self.mean_s += (held_s - self.mean_s) / self.count


@dataclass(slots=True)
class BusTime:
    """What one device costs its line.

    Attributes:
        answered: The recent polls that were answered.
        worst_s: The longest hold since the start, time-out and quiet pause included.
        share: Of the line's time in the last window, 0 to 1.
    """

    answered: HeldMean = field(default_factory=HeldMean)
    worst_s: float = 0.0
    share: float = 0.0
    _held_s: float = 0.0
    _by_groups: dict[tuple[int, ...], HeldMean] = field(default_factory=dict)

    def add(self, groups: tuple[int, ...], held_s: float, *, answered: bool) -> None:
        """Take one poll.

        Args:
            groups: Which poll groups it read together, fastest first; none for a read beside the plan.
            held_s: How long it held the line.
            answered: A silent device's time-outs say nothing of what its polls need.
        """
        self.worst_s = max(self.worst_s, held_s)
        if answered and held_s > 0:
            self.answered.add(held_s)
            if groups:
                held = self._by_groups.get(groups)
                if held is None:
                    held = self._by_groups[groups] = HeldMean()
                held.add(held_s)

    def close_window(self, held_s: float, window_s: float) -> None:
        """Set the share: `held_s` is all that this device held the line since the start."""
        self.share = max(0.0, held_s - self._held_s) / window_s
        self._held_s = held_s

    def need(self, intervals_s: Sequence[float]) -> float | None:
        """Return the share of the line that the intervals need; None before enough polls were answered.

        Args:
            intervals_s: Of each poll group by its number, fastest first.
        """
        if self.answered.count < ENOUGH_POLLS:
            return None
        costs_s: dict[int, float] = {}
        for group, _ in enumerate(intervals_s):
            costs_s[group] = self._cost_s(group, costs_s)
        return sum(cost_s / intervals_s[group] for group, cost_s in costs_s.items())

    def _cost_s(self, group: int, faster: Mapping[int, float]) -> float:
        """Return what a group adds to polls of faster ones, or costs alone.

        A group that was never read without slower ones is given all that they cost together: an overloaded line
        reads nothing alone any more.
        """
        adds = [
            held.mean_s - sum(faster[other] for other in groups[:-1])
            for groups, held in self._by_groups.items()
            if groups[-1] == group
        ]
        if adds:
            return max(0.0, min(adds))
        together = [
            held.mean_s - sum(faster.get(other, 0.0) for other in groups)
            for groups, held in self._by_groups.items()
            if group in groups
        ]
        return max(0.0, min(together, default=0.0))


@dataclass(slots=True)
class LineLoad:
    """Whether one line can keep the intervals of its devices.

    Attributes:
        need: What the devices need of the line each second, 1 being all of it.
        carries: What it was seen to carry at most: less than 1 for what passes between its requests.
        share: How much of the last window it was held.
        too_short: What was said last.
    """

    need: float = 0.0
    carries: float = 1.0
    share: float = 0.0
    too_short: bool = False
    _held_s: float = 0.0
    _dropped: int = 0
    _in_a_row: int = 0

    def judge(self, window_s: float, need: float, held_s: float, dropped: int) -> Change | None:
        """Close a window, and return what is to be said.

        Args:
            window_s: Its length.
            need: The sum of the devices' needs.
            held_s: How long all devices held the line since the start.
            dropped: Polls dropped since the start.
        """
        self.need = need
        self.share = max(0.0, held_s - self._held_s) / window_s
        if dropped > self._dropped:
            self.carries = min(1.0, max(LEAST_CARRIED, self.share))
        else:
            self.carries = min(1.0, max(self.carries, self.share))
        self._held_s, self._dropped = held_s, dropped
        differs = need < OVER_SHARE * self.carries if self.too_short else need > self.carries
        self._in_a_row = self._in_a_row + 1 if differs else 0
        if self._in_a_row < JUDGEMENTS:
            return None
        self._in_a_row = 0
        self.too_short = not self.too_short
        return "short" if self.too_short else "over"
