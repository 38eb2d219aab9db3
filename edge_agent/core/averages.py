"""Averages over periods that are aligned to the wall clock in UTC, from good samples alone. Pure.

A period of 60 s ends at each full minute of UTC and is stamped with its end. It has a value if at least 75 % of the
samples that its point's interval makes one expect are good (the completeness that the notes on environment demand);
otherwise it is BAD with cause `incomplete`. A start in the middle of a period, an outage, a step of the clock: all show
as missing samples. A counter is not averaged: what it rose by is booked, and stands with cause `suspect` where samples
are missing, since the rise over a gap is still true.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from config.points import PointSpec
from contract.reading import Block, Cause, Value
from edge_agent.core.counter_steps import CounterSteps
from edge_agent.core.windows import DirectionWindow, MeanWindow, MedianWindow, RiseWindow

COMPLETE: Final = 0.75
LATE_MS: Final = 5_000
"""How long after its end a period waits for a sample that was still on the wire, if no other sample ends it."""
NEAREST: Final = 0.5
"""Share of the interval below which a second sample is none of the expected ones: alarm points are re-read."""


def average_key(key: str, spec: PointSpec, period_s: int) -> str:
    """Return the key under which a period's value is stored."""
    return f"{key}_{'rise' if spec.average == 'counter' else 'avg'}_{period_s}s"


@dataclass(slots=True)
class _Period:
    """One period of one point."""

    key: str
    expected: float
    window: MeanWindow | MedianWindow | DirectionWindow | RiseWindow
    counted: int = 0

    def close(self) -> tuple[float | None, Cause]:
        """Return value and cause, and begin the next period."""
        value = self.window.result()
        is_complete = self.counted >= COMPLETE * self.expected - 1e-9
        cause = Cause.OK
        if isinstance(self.window, RiseWindow):
            if value is None:
                cause = Cause.INCOMPLETE
            elif not (is_complete and self.window.is_certain):
                cause = Cause.SUSPECT
        elif value is None or not is_complete:
            value, cause = None, Cause.INCOMPLETE
        self.clear()
        return value, cause

    def clear(self) -> None:
        """Begin anew."""
        self.window.clear()
        self.counted = 0


@dataclass(slots=True)
class _Point:
    """One averaged point."""

    spec: PointSpec
    nearest_ms: float
    periods: tuple[_Period, ...]
    steps: CounterSteps | None
    seen_ms: int | None = None

    def add(self, value: float, weight: float, monotonic_ms: int, restarts: int) -> None:
        """Take a good sample."""
        if self.seen_ms is not None and 0 <= monotonic_ms - self.seen_ms < self.nearest_ms:
            return
        step = self.steps.take(value, monotonic_ms, restarts) if self.steps else None
        if self.steps and step is None:
            return
        self.seen_ms = monotonic_ms
        for period in self.periods:
            period.counted += 1
            window = period.window
            if isinstance(window, RiseWindow):
                if step is not None:
                    window.add(step)
            elif isinstance(window, DirectionWindow):
                window.add(value, weight)
            else:
                window.add(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Averaged:
    """A point to average.

    Attributes:
        key: Its key.
        spec: What its profile says of it; `average` tells how.
        interval_s: How often it is read.
        speed_key: For a direction: the speed that weights it.
        greatest_rate: For a counter: what the installation can draw at most, in unit per second.
    """

    key: str
    spec: PointSpec
    interval_s: float
    speed_key: str | None = None
    greatest_rate: float | None = None


@dataclass(slots=True)
class DeviceAverages:
    """All averages of one device.

    Attributes:
        device: The device's name.
        points: What is averaged.
        periods_s: Lengths of the periods, in seconds.
        late: Blocks that came after a period of theirs had ended; they count nowhere.
    """

    device: str
    points: Sequence[Averaged]
    periods_s: Sequence[int]
    late: int = 0
    _made: dict[str, _Point] = field(default_factory=dict)
    _speeds: dict[str, str] = field(default_factory=dict)
    _ends: dict[int, int] = field(default_factory=dict)
    _next_end_ms: int | None = None
    _newest_monotonic_ms: int = 0
    _restarts: int = 0

    def __post_init__(self) -> None:
        for point in self.points:
            self._made[point.key] = _made(point, self.periods_s)
            if point.speed_key is not None:
                self._speeds[point.key] = point.speed_key

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of all that it makes."""
        return tuple(period.key for point in self._made.values() for period in point.periods)

    @property
    def refused(self) -> int:
        """How many readings of counters were not followed."""
        return sum(point.steps.refused for point in self._made.values() if point.steps)

    def found(self) -> None:
        """Take that the device was found again: it may have begun to count anew."""
        self._restarts += 1

    def forget(self) -> None:
        """Give up the open periods: the time is not known any more."""
        self._next_end_ms = None
        self._ends.clear()
        self._clear(self.periods_s)

    def observe(self, block: Block, time_ms: int) -> list[Block]:
        """Take a block; return the periods that ended before it, to be told before it.

        Args:
            block: After it was judged: only what is good counts.
            time_ms: When it was observed, milliseconds since 1970 UTC.
        """
        if block.monotonic_ms < self._newest_monotonic_ms and self._is_before(time_ms):
            # A read whose last requests ran into their time-outs: its good answers are older than the period's end.
            self.late += 1
            return []
        ended = self.advance(time_ms, block.monotonic_ms)
        values = dict(zip(block.keys, block.values, strict=True))
        for key, value in values.items():
            point = self._made.get(key)
            if point is None or not _is_good_number(value) or key in block.causes:
                continue
            weight = self._weight(key, values, block.causes)
            if weight is not None:
                point.add(float(value or 0), weight, block.monotonic_ms, self._restarts)
        return ended

    def advance(self, time_ms: int, monotonic_ms: int, *, wait_ms: int = 0) -> list[Block]:
        """Return the periods that have ended by a time.

        Args:
            time_ms: Now, milliseconds since 1970 UTC.
            monotonic_ms: The same moment on the boot clock.
            wait_ms: How long past its end a period is still kept open.
        """
        self._newest_monotonic_ms = max(self._newest_monotonic_ms, monotonic_ms)
        if self._next_end_ms is None:
            self._open(time_ms)
            return []
        if time_ms < self._next_end_ms + wait_ms and not self._is_before(time_ms):
            return []
        rows: dict[int, list[tuple[str, float | None, Cause]]] = {}
        for period_s, end_ms in list(self._ends.items()):
            period_ms = period_s * 1000
            if time_ms < end_ms - period_ms:
                # The clock was set back: this time comes again, and belongs to another period.
                self._clear((period_s,))
            elif time_ms >= end_ms + wait_ms:
                rows.setdefault(end_ms, []).extend(self._close(period_s))
            else:
                continue
            self._ends[period_s] = _end_of(time_ms, period_ms)
        self._next_end_ms = min(self._ends.values())
        return [
            self._block(end_ms, monotonic_ms - (time_ms - end_ms), values) for end_ms, values in sorted(rows.items())
        ]

    def _is_before(self, time_ms: int) -> bool:
        """Return whether a time lies before the beginning of an open period."""
        return any(time_ms < end_ms - period_s * 1000 for period_s, end_ms in self._ends.items())

    def _open(self, time_ms: int) -> None:
        self._ends = {period_s: _end_of(time_ms, period_s * 1000) for period_s in self.periods_s}
        self._next_end_ms = min(self._ends.values())

    def _close(self, period_s: int) -> Iterable[tuple[str, float | None, Cause]]:
        index = list(self.periods_s).index(period_s)
        for point in self._made.values():
            period = point.periods[index]
            yield (period.key, *period.close())

    def _clear(self, periods_s: Iterable[int]) -> None:
        for period_s in periods_s:
            for point in self._made.values():
                point.periods[list(self.periods_s).index(period_s)].clear()

    def _weight(self, key: str, values: Mapping[str, Value | None], causes: Mapping[str, Cause]) -> float | None:
        """Return what a sample weighs; None for a direction whose speed is not good."""
        speed_key = self._speeds.get(key)
        if speed_key is None:
            return 1.0
        speed = values.get(speed_key)
        if not _is_good_number(speed) or speed_key in causes:
            return None
        return max(0.0, float(speed or 0))

    def _block(self, end_ms: int, monotonic_ms: int, rows: Sequence[tuple[str, float | None, Cause]]) -> Block:
        return Block(
            device=self.device,
            observed_at_ms=end_ms,
            keys=tuple(key for key, _, _ in rows),
            values=tuple(value for _, value, _ in rows),
            causes={key: cause for key, _, cause in rows if cause is not Cause.OK},
            monotonic_ms=monotonic_ms,
        )


def _made(point: Averaged, periods_s: Sequence[int]) -> _Point:
    is_counter = point.spec.average == "counter"
    return _Point(
        spec=point.spec,
        nearest_ms=NEAREST * point.interval_s * 1000,
        periods=tuple(
            _Period(
                key=average_key(point.key, point.spec, period_s),
                expected=period_s / point.interval_s,
                window=_window(point),
            )
            for period_s in periods_s
        ),
        steps=CounterSteps(rolls_over_at=point.spec.rolls_over_at, greatest_rate=point.greatest_rate)
        if is_counter
        else None,
    )


def _window(point: Averaged) -> MeanWindow | MedianWindow | DirectionWindow | RiseWindow:
    match point.spec.average:
        case "median":
            return MedianWindow()
        case "direction":
            return DirectionWindow()
        case "counter":
            return RiseWindow(longest_ms=2 * point.interval_s * 1000)
        case _:
            return MeanWindow()


def _end_of(time_ms: int, period_ms: int) -> int:
    return (time_ms // period_ms + 1) * period_ms


def _is_good_number(value: Value | None) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
