"""What each value of a device is worth beyond its driver's word: warm-up, range, rate, flat line, maintenance. Pure.

Drivers judge the frame, the device's quality word, sentinels and the range; here a value is judged by its neighbours in
time. A worse cause is never replaced by a better one, an UNCERTAIN value stands, a BAD one is None. What needs a later
value or other stations (spikes, drift, neighbours) is the centre's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from config.points import PointSpec
from contract.reading import BAD_CAUSES, Block, Cause, Value
from edge_agent.core.windows import plain

RAW_SUFFIX: Final = "_raw"
MAX_PLANS: Final = 1024
"""A device has a handful of read groups; more is a driver that varies its keys without end."""
_RANKS: Final = {Cause.OK: 0, Cause.SIMULATED: 1, Cause.CLOCK: 2, Cause.MAINTENANCE: 4}
_UNUSABLE_RANK: Final = 3
_BAD_RANK: Final = 5


def rank_of(cause: Cause) -> int:
    """Return how bad a cause is.

    Values beside `simulated` and `clock` still serve alarms, those beside the other uncertain causes do not.
    Maintenance is the worst of these: what a person does to the instrument explains all that it shows meanwhile.
    """
    return _BAD_RANK if cause in BAD_CAUSES else _RANKS.get(cause, _UNUSABLE_RANK)


def worse(old: Cause, new: Cause) -> Cause:
    """Return the worse of two causes; the old one if they are equally bad."""
    return new if rank_of(new) > rank_of(old) else old


def marked(block: Block, cause: Cause) -> Block:
    """Return a block whose values all have at least this cause; it must be one of those that leave a value."""
    causes = {
        key: worse(block.causes.get(key, Cause.OK), cause)
        for key, value in zip(block.keys, block.values, strict=True)
        if value is not None
    }
    return Block(
        device=block.device,
        observed_at_ms=block.observed_at_ms,
        keys=block.keys,
        values=block.values,
        causes={**block.causes, **causes},
        monotonic_ms=block.monotonic_ms,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """One calibration, y = a·raw + b.

    Attributes:
        from_ms: Milliseconds since 1970 UTC from which it holds.
        a: Slope.
        b: What is added, in the point's unit.
        to_ms: When the next one is due; None if nobody said.
    """

    from_ms: int
    a: float
    b: float
    to_ms: int | None = None


def correction_at(corrections: Sequence[Correction], time_ms: int | None) -> Correction | None:
    """Return the correction in force, the newest that has begun; the last one while the time is not known.

    Args:
        corrections: In the order of time.
        time_ms: Milliseconds since 1970 UTC.
    """
    if time_ms is None:
        return corrections[-1] if corrections else None
    return next((one for one in reversed(corrections) if one.from_ms <= time_ms), None)


@dataclass(slots=True)
class PointJudge:
    """One point's limits in time, and what they are measured from.

    The rate is taken from the last value that was good, so that after a real step values are good again once the step
    could have happened; an outlier is flagged alone. A flat line is counted in time that was seen: an outage between
    two equal values is no flat line.

    Attributes:
        max_rate: Greatest possible change in unit per second.
        flat_after_ms: How long a value may stand still.
        low: Smallest value after correction; below it the reading is BAD. Only for corrected points.
        high: Greatest value after correction.
        corrections: Its calibrations in the order of time; none: the value is not corrected.
        is_whole: Whether its values are whole numbers; corrected ones are then rounded.
    """

    max_rate: float | None = None
    flat_after_ms: float | None = None
    low: float | None = None
    high: float | None = None
    corrections: tuple[Correction, ...] = ()
    is_whole: bool = False
    _good: float | None = None
    _good_ms: int = 0
    _flat: Value | None = None
    _flat_ms: int = 0
    _seen_ms: int | None = None

    @classmethod
    def of(cls, spec: PointSpec, corrections: tuple[Correction, ...] = ()) -> PointJudge | None:
        """Return the judge of a point; None if there is nothing to judge."""
        rate = spec.max_rate if spec.kind in {"float", "int"} else None
        if rate is None and spec.flat_after_s is None and not corrections:
            return None
        return cls(
            max_rate=rate,
            flat_after_ms=None if spec.flat_after_s is None else spec.flat_after_s * 1000,
            low=spec.low if corrections else None,
            high=spec.high if corrections else None,
            corrections=corrections,
            is_whole=spec.kind == "int",
        )

    def corrected(self, raw: Value, time_ms: int | None) -> Value | None:
        """Return the corrected value; None if it is out of the point's range."""
        if isinstance(raw, str | bool):
            return raw
        correction = correction_at(self.corrections, time_ms)
        value = raw if correction is None else plain(correction.a * raw + correction.b)
        if not math.isfinite(value):
            return None
        if (self.low is not None and value < self.low) or (self.high is not None and value > self.high):
            return None
        return round(value) if self.is_whole else value

    def is_overdue(self, time_ms: int | None) -> bool:
        """Return whether the calibration in force should have been renewed; False while the time is not known."""
        correction = correction_at(self.corrections, time_ms)
        due_ms = None if correction is None else correction.to_ms
        return time_ms is not None and due_ms is not None and time_ms >= due_ms

    def unseen(self) -> None:
        """Take that a poll gave no value: the time since the last one was not seen."""
        self._seen_ms = None

    def forget(self) -> None:
        """Begin anew: what was seen before says nothing of what follows, as after work on the instrument."""
        self._good = self._flat = self._seen_ms = None

    def verdict(self, value: Value, monotonic_ms: int, *, is_good: bool) -> Cause:
        """Return what the value's past says of it.

        Args:
            value: In the point's unit.
            monotonic_ms: When, on the boot clock.
            is_good: Whether nothing else speaks against it; only such values are what a rate is measured from.
        """
        flat = self.flat_after_ms is not None and self._is_flat(value, monotonic_ms, self.flat_after_ms)
        if self.max_rate is not None and not isinstance(value, str):
            if self._good is not None:
                elapsed_ms = max(1, monotonic_ms - self._good_ms)
                # Sums of floats: a change of exactly the rate is not faster than the rate.
                if abs(value - self._good) * 1000 > self.max_rate * elapsed_ms * (1 + 1e-9):
                    return Cause.RATE
            if is_good and not flat:
                self._good, self._good_ms = value, monotonic_ms
        return Cause.FLAT if flat else Cause.OK

    def _is_flat(self, value: Value, monotonic_ms: int, flat_after_ms: float) -> bool:
        if value != self._flat:
            self._flat, self._flat_ms, self._seen_ms = value, 0, monotonic_ms
            return False
        if self._seen_ms is not None:
            self._flat_ms += max(0, monotonic_ms - self._seen_ms)
        self._seen_ms = monotonic_ms
        return self._flat_ms >= flat_after_ms


@dataclass(frozen=True, slots=True)
class _Plan:
    judged: tuple[tuple[int, str, PointJudge], ...]
    raw_keys: tuple[str, ...]


@dataclass(slots=True)
class DeviceJudge:
    """Judges the blocks of one device.

    Attributes:
        points: The judge of each point that has one, by key.
        warm_up_ms: How long after the device was found its values are not believed.
    """

    points: Mapping[str, PointJudge]
    warm_up_ms: int = 0
    _warm_until_ms: int | None = None
    _plans: dict[tuple[str, ...], _Plan] = field(default_factory=dict)

    def found(self, monotonic_ms: int) -> None:
        """Take that the device was found, or found again: it may just have been switched on."""
        self._warm_until_ms = monotonic_ms + self.warm_up_ms
        self._forget()

    def is_warming_up(self, monotonic_ms: int) -> bool:
        """Return whether the device was found too short a time ago."""
        return self._warm_until_ms is not None and monotonic_ms < self._warm_until_ms

    def judge(self, block: Block, time_ms: int | None, *, in_maintenance: bool = False) -> Block:
        """Return the block with corrected values, raw ones beside them as `<key>_raw`, and the causes of all.

        Args:
            block: What a read gave; its `monotonic_ms` is what rates and times are measured by.
            time_ms: The same moment in milliseconds since 1970 UTC, None while the clock is not believed.
            in_maintenance: Whether somebody works on the device.
        """
        is_warm = self.is_warming_up(block.monotonic_ms)
        plan = self._plans.get(block.keys) or self._plan(block.keys)
        if not (plan.judged or is_warm or in_maintenance):
            return block
        overall = Cause.MAINTENANCE if in_maintenance else Cause.WARM_UP if is_warm else Cause.OK
        if overall is not Cause.OK:
            self._forget()
        values, causes = list(block.values), dict(block.causes)
        is_believed, now_ms = overall is Cause.OK, block.monotonic_ms
        for index, key, point in plan.judged:
            value = values[index]
            if value is None or point.corrections or key in causes or not is_believed:
                self._judge(point, index, key, values, causes, block, time_ms, is_believed=is_believed)
            elif (verdict := point.verdict(value, now_ms, is_good=True)) is not Cause.OK:
                causes[key] = verdict
        if is_believed and not plan.raw_keys and len(causes) == len(block.causes):
            # Most blocks: a copy would cost as much as the judgement.
            return block if causes == block.causes else replace(block, causes=causes)
        judged = Block(
            device=block.device,
            observed_at_ms=block.observed_at_ms,
            keys=block.keys + plan.raw_keys,
            values=tuple(values),
            causes=causes,
            monotonic_ms=block.monotonic_ms,
        )
        return judged if overall is Cause.OK else marked(judged, overall)

    def _judge(
        self,
        point: PointJudge,
        index: int,
        key: str,
        values: list[Value | None],
        causes: dict[str, Cause],
        block: Block,
        time_ms: int | None,
        *,
        is_believed: bool,
    ) -> None:
        value, cause = values[index], causes.get(key, Cause.OK)
        if point.corrections:
            # The raw value keeps what the driver said of it, whatever becomes of the corrected one.
            values.append(value)
            if cause is not Cause.OK:
                causes[key + RAW_SUFFIX] = cause
        if value is None or cause in BAD_CAUSES:
            point.unseen()
            return
        if point.corrections:
            value = values[index] = point.corrected(value, time_ms)
            if value is None:
                causes[key] = Cause.RANGE
                point.unseen()
                return
            if point.is_overdue(time_ms):
                cause = worse(cause, Cause.SUSPECT)
                causes[key] = cause
        if is_believed:
            verdict = worse(cause, point.verdict(value, block.monotonic_ms, is_good=cause is Cause.OK))
            if verdict is not Cause.OK:
                causes[key] = verdict

    def _forget(self) -> None:
        for point in self.points.values():
            point.forget()

    def _plan(self, keys: tuple[str, ...]) -> _Plan:
        judged = tuple((index, key, self.points[key]) for index, key in enumerate(keys) if key in self.points)
        if len(self._plans) >= MAX_PLANS:
            self._plans.clear()
        plan = self._plans[keys] = _Plan(
            judged, tuple(key + RAW_SUFFIX for _, key, point in judged if point.corrections)
        )
        return plan
