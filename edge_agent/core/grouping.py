"""What goes at once and what waits for the next commit: blocks split by priority and by change of state."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from config.points import PointSpec
from contract.reading import BAD_CAUSES, Block, Value

HYSTERESIS: Final = 0.005
"""Share of a level that a value must pass it by, so that noise at the level is no change; or the deadband."""
MAX_WAITING_READINGS: Final = 200_000
"""Blocks wait here only while a commit runs; a disk that hangs must not eat the memory."""

FULL_READINGS: Final = 65_536
"""So many are committed at once, whatever the interval: they fill two batches, and waiting longer saves no write."""

State = Value | None


@dataclass(slots=True)
class _Plan:
    """How blocks with the same keys are split."""

    keys: tuple[str, ...]
    points: Mapping[str, PointSpec]
    urgent: list[tuple[int, str, PointSpec]]
    low: list[int]
    rest: list[int]
    states: dict[str, State] = field(default_factory=dict)


@dataclass(slots=True)
class Group:
    """Blocks of one priority that wait for a commit."""

    blocks: list[Block] = field(default_factory=list)
    readings: int = 0

    def add(self, block: Block) -> None:
        """Add a block."""
        self.blocks.append(block)
        self.readings += len(block.keys)

    def take(self) -> list[Block]:
        """Hand over the blocks and be empty."""
        blocks, self.blocks, self.readings = self.blocks, [], 0
        return blocks


@dataclass(frozen=True, slots=True)
class Dropped:
    """Blocks given up before they reached the disk."""

    batches: int
    readings: int
    first_monotonic_ms: int
    last_monotonic_ms: int


class Grouping:
    """The blocks since the last commit, by priority, and the last states of urgent points."""

    def __init__(self) -> None:
        """Begin with no state: the first reading of an urgent point is a change."""
        self.urgent = Group()
        self.normal = Group()
        self.low = Group()
        self._plans: dict[tuple[str, tuple[str, ...]], _Plan] = {}
        self._last_plans: dict[str, _Plan] = {}
        self._newest: dict[str, dict[tuple[str, ...], Block]] = {}

    def accept(self, block: Block, points: Mapping[str, PointSpec]) -> bool:
        """Take a block; return whether an urgent point changed its state.

        Args:
            block: Its time is already that which it keeps.
            points: The device's points by key; a key without one has normal priority.
        """
        plan = self._last_plans.get(block.device)
        if plan is None or plan.keys is not block.keys or plan.points is not points:
            plan = self._plans.get((block.device, block.keys))
            if plan is None or plan.points is not points:
                plan = self._plan(block, points)
            self._last_plans[block.device] = plan
        if not plan.urgent:
            if plan.low:
                self._sort(block, plan, plan.rest)
            else:
                # Group.add, without the call: nearly every block of a city passes here.
                normal = self.normal
                normal.blocks.append(block)
                normal.readings += len(block.keys)
            return False
        changed = self._changed(block, plan)
        urgent_part = _part(block, [index for index, _, _ in plan.urgent])
        self._newest.setdefault(block.device, {})[block.keys] = urgent_part
        if changed:
            self.urgent.add(urgent_part)
            self._sort(block, plan, plan.rest)
        elif plan.low:
            self._sort(block, plan, sorted([*plan.rest, *(index for index, _, _ in plan.urgent)]))
        else:
            self.normal.add(block)
        return changed

    @property
    def readings(self) -> int:
        """How many readings wait."""
        return self.urgent.readings + self.normal.readings + self.low.readings

    def newest_urgent(self) -> list[Block]:
        """Return the newest reading of every urgent point, one block for each read that holds some."""
        return [block for parts in self._newest.values() for block in parts.values()]

    def newest_moved(self, offset_ms: int) -> None:
        """Add to the times of the newest urgent points, when the time of their boot has become known."""
        for parts in self._newest.values():
            for keys, block in parts.items():
                parts[keys] = _part(block, range(len(block.keys)), block.observed_at_ms + offset_ms)

    def overflow(self) -> dict[str, Dropped]:
        """Give up the oldest blocks past the bound, low before normal before urgent; return what went."""
        dropped: dict[str, Dropped] = {}
        excess = self.readings - MAX_WAITING_READINGS
        for name, group in (("low", self.low), ("normal", self.normal), ("urgent", self.urgent)):
            count = readings = 0
            while excess - readings > 0 and count < len(group.blocks):
                readings += len(group.blocks[count].keys)
                count += 1
            if count:
                times = [block.monotonic_ms for block in group.blocks[:count]]
                dropped[name] = Dropped(count, readings, min(times), max(times))
                del group.blocks[:count]
                group.readings -= readings
                excess -= readings
        return dropped

    def _sort(self, block: Block, plan: _Plan, normal: list[int]) -> None:
        if len(normal) == len(block.keys):
            self.normal.add(block)
            return
        if normal:
            self.normal.add(_part(block, normal))
        if plan.low:
            self.low.add(_part(block, plan.low))

    def _plan(self, block: Block, points: Mapping[str, PointSpec]) -> _Plan:
        plan = _Plan(keys=block.keys, points=points, urgent=[], low=[], rest=[])
        for index, key in enumerate(block.keys):
            point = points.get(key)
            if point is not None and point.urgent:
                plan.urgent.append((index, key, point))
            elif point is not None and point.priority == "low":
                plan.low.append(index)
            else:
                plan.rest.append(index)
        old = self._plans.get((block.device, block.keys))
        plan.states = old.states if old else {}
        if len(self._plans) >= 8192:
            # A device has a handful of read groups; more is a driver that varies its keys without end.
            self._plans.clear()
        self._plans[block.device, block.keys] = plan
        return plan

    def _changed(self, block: Block, plan: _Plan) -> bool:
        changed = False
        causes, values, states = block.causes, block.values, plan.states
        for index, key, point in plan.urgent:
            value = values[index]
            if value is None or (causes and causes.get(key) in BAD_CAUSES):
                state: State = None
            else:
                state = level_state(value, point, states.get(key))
            if key not in states or states[key] != state:
                states[key] = state
                changed = True
        return changed


def level_state(value: Value, point: PointSpec, last: State) -> State:
    """Return the state of an urgent point: its value, or between which of its levels a measured value lies.

    Args:
        value: What was read.
        point: Its levels and its deadband, in its unit.
        last: The state before, None if there was none or it was BAD.
    """
    if not point.urgent_levels or isinstance(value, str):
        # A measured value without levels has one state only: known.
        return True if isinstance(value, float) and point.kind == "float" else value
    levels = point.urgent_levels
    band = bisect_right(levels, value)
    if not isinstance(last, int) or band == last:
        return band
    # From both sides the nearest level must be passed by the hysteresis, or the last band holds.
    level = levels[last] if band > last else levels[last - 1]
    by = max(point.deadband, HYSTERESIS * abs(level))
    if abs(band - last) == 1 and abs(value - level) < by:
        return last
    return band


def _part(block: Block, indexes: Iterable[int], observed_at_ms: int | None = None) -> Block:
    chosen = list(indexes)
    keys = tuple([block.keys[index] for index in chosen])
    return Block(
        device=block.device,
        observed_at_ms=block.observed_at_ms if observed_at_ms is None else observed_at_ms,
        keys=keys,
        values=tuple([block.values[index] for index in chosen]),
        causes={key: block.causes[key] for key in keys if key in block.causes} if block.causes else {},
        monotonic_ms=block.monotonic_ms,
    )
