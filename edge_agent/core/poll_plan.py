"""When which points of a device are read: absolute deadlines, overdue ones dropped."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from contract.reading import Value

Point = TypeVar("Point")
SLACK_S: Final = 0.002
"""Deadlines this near are one: timers fire late by less, and what is due together is read together."""
SLACK_SHARE: Final = 0.25
"""Of the shortest interval, at most: a device that is read as fast as it answers has no time to give away."""


@dataclass(slots=True)
class PollGroup(Generic[Point]):
    """The points of one poll class.

    Attributes:
        interval_s: Seconds from one poll to the next.
        due_s: Next deadline, monotonic seconds.
    """

    interval_s: float
    points: tuple[Point, ...]
    due_s: float


@dataclass(slots=True)
class PollPlan(Generic[Point]):
    """The deadlines of one device.

    All groups count from the same start, so that a slow deadline falls on a fast one and shares its read.

    Attributes:
        dropped: Polls that were not done because the line was still busy at their time.
        taken: The numbers of the groups that were taken last.
        next_due_s: The nearest deadline; infinity for a device without points.
    """

    groups: tuple[PollGroup[Point], ...]
    dropped: int = 0
    taken: tuple[int, ...] = ()
    _merged: dict[tuple[int, ...], tuple[Point, ...]] = field(default_factory=dict)
    next_due_s: float = field(init=False)
    _slack_s: float = field(init=False)

    def __post_init__(self) -> None:
        shortest_s = min((group.interval_s for group in self.groups), default=math.inf)
        self._slack_s = min(SLACK_S, SLACK_SHARE * shortest_s)
        self.next_due_s = min((group.due_s for group in self.groups), default=math.inf)

    @classmethod
    def of(cls, by_interval: Mapping[float, Sequence[Point]], start_s: float) -> PollPlan[Point]:
        """Return the plan of points by interval, the first poll of all at `start_s`."""
        return cls(
            tuple(PollGroup(interval, tuple(points), start_s) for interval, points in sorted(by_interval.items()))
        )

    def take(self, now_s: float) -> tuple[Point, ...]:
        """Return the points that are due, and set their next deadlines after `now_s`."""
        until_s = now_s + self._slack_s
        indexes: list[int] = []
        next_s = math.inf
        for index, group in enumerate(self.groups):
            if group.due_s <= until_s:
                indexes.append(index)
                steps = math.floor((until_s - group.due_s) / group.interval_s) + 1
                group.due_s += steps * group.interval_s
                self.dropped += steps - 1
            next_s = min(next_s, group.due_s)
        due = tuple(indexes)
        self.taken, self.next_due_s = due, next_s
        merged = self._merged.get(due)
        if merged is None:
            merged = self._merged[due] = tuple(point for index in due for point in self.groups[index].points)
        return merged

    def drop(self, points: Container[Point]) -> None:
        """Read these points no more."""
        for group in self.groups:
            group.points = tuple(point for point in group.points if point not in points)
        self._merged.clear()

    def all_points(self) -> tuple[Point, ...]:
        """Return every point of the device."""
        return tuple(point for group in self.groups for point in group.points)


def stagger_s(index: float, count: int, interval_s: float) -> float:
    """Return the delay of the first poll of one of `count` devices, so that they share an interval evenly."""
    return interval_s * index / max(count, 1)


def level_of(value: Value | None, levels: Sequence[float]) -> Value | None:
    """Return the state of a value: itself without levels, else how many levels it has reached."""
    if value is None or not levels or isinstance(value, str):
        return value
    return bisect_right(levels, value)


@dataclass(slots=True)
class StateWatch:
    """Notices changes of state of some points, such as mains lost and restored.

    Attributes:
        levels: Point key to its limits; no limits: every other value is another state.
    """

    levels: Mapping[str, tuple[float, ...]]
    _states: dict[str, Value | None] = field(default_factory=dict)

    def changed(self, readings: Iterable[tuple[str, Value | None]]) -> bool:
        """Return whether a reading shows another state than the one before it; the first shows none."""
        changed = False
        for key, value in readings:
            limits = self.levels.get(key)
            if limits is None:
                continue
            state = level_of(value, limits)
            changed |= key in self._states and self._states[key] != state
            self._states[key] = state
        return changed
