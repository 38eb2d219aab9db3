"""The read planner: which requests fetch a set of points. Pure.

Points that stand near each other are read together, what nobody wants between them along with them: another request
costs more than a few registers. A device that has no registers there refuses such a read, and is then asked without.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from config.points import Table
from config.profile import DeviceLimits

FUNCTION_OF: Final[dict[Table, int]] = {"coil": 1, "discrete": 2, "holding": 3, "input": 4}
Block = tuple[Table, int, int]
BIT_TABLES: Final = frozenset({"coil", "discrete"})


class Wanted(Protocol):
    """A run of registers or bits that must come in one answer, such as a RegisterPoint."""

    @property
    def key(self) -> str:
        """Whose it is, for errors."""
        ...

    @property
    def table(self) -> Table:
        """Which table it stands in."""
        ...

    @property
    def address(self) -> int:
        """Its first address, from 0."""
        ...

    @property
    def width(self) -> int:
        """How many registers or bits it takes."""
        ...


@dataclass(frozen=True, slots=True)
class Span:
    """A run of registers or bits."""

    key: str
    table: Table
    address: int
    width: int


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """One read.

    Attributes:
        address: The first address, from 0.
        count: Bits or registers.
        positions: Which of the planned points it fetches, by their place in the plan's input.
        offsets: Where each of them begins, in bits or registers from `address`.
        holes: How many bits or registers it fetches that nobody wants, those of a block that is read whole left out.
    """

    table: Table
    address: int
    count: int
    positions: tuple[int, ...]
    offsets: tuple[int, ...]
    holes: int = 0

    @property
    def function(self) -> int:
        """The Modbus function code."""
        return FUNCTION_OF[self.table]


def plan_reads(
    points: Sequence[Wanted], limits: DeviceLimits, alone: Collection[int] = (), *, across_holes: bool = True
) -> tuple[ReadRequest, ...]:
    """Merge points into few legal reads.

    Args:
        points: In any order; a point may overlap another.
        limits: What the device bears.
        alone: Places in `points` that share their request with no other.
        across_holes: Whether a read may fetch what nobody wants, up to the limits' holes.

    Returns:
        Requests by table and address; each point whole in exactly one. None touches a forbidden range. What lies in a
        block comes by a read of the whole block.

    Raises:
        ValueError: A point is wider than the limits, touches a forbidden range, or lies half in a block.
    """
    for point in points:
        _check(point, limits)
    blocks = [_block_of(point, limits) for point in points]
    forbidden = _Forbidden(limits)
    order = sorted(range(len(points)), key=lambda place: (FUNCTION_OF[points[place].table], points[place].address))
    groups: list[list[int]] = []
    first = end = 0
    for place in order:
        point = points[place]
        if blocks[place] is not None:
            if groups and place not in alone and groups[-1][-1] not in alone and blocks[groups[-1][0]] == blocks[place]:
                groups[-1].append(place)
            else:
                groups.append([place])
            continue
        hole = _hole(point.table, limits) if across_holes else 0
        if (
            groups
            and blocks[groups[-1][0]] is None
            and place not in alone
            and groups[-1][-1] not in alone
            and points[groups[-1][0]].table == point.table
            and point.address - end <= hole
            and max(end, point.address + point.width) - first <= _limit(point.table, limits)
            and not forbidden.touches(point.table, end, point.address)
        ):
            groups[-1].append(place)
            end = max(end, point.address + point.width)
        else:
            groups.append([place])
            first, end = point.address, point.address + point.width
    return tuple(_request(points, group, blocks[group[0]]) for group in groups)


class _Forbidden:
    """The ranges of a device that no hole may touch, by table and address."""

    def __init__(self, limits: DeviceLimits) -> None:
        self._ranges: dict[Table, list[tuple[int, int]]] = {}
        # A hole is read over a block no more than over what is forbidden.
        for table, first, last in sorted((*limits.forbidden, *limits.blocks), key=lambda one: one[1]):
            self._ranges.setdefault(table, []).append((first, last))

    def touches(self, table: Table, first: int, end: int) -> bool:
        """Return whether any address from first up to, and without, end is forbidden."""
        ranges = self._ranges.get(table, ())
        return any(low < end and high >= first for low, high in ranges[: bisect_left(ranges, (end, -1))])


def _limit(table: Table, limits: DeviceLimits) -> int:
    return limits.max_bits if table in BIT_TABLES else limits.max_registers


def _hole(table: Table, limits: DeviceLimits) -> int:
    return limits.max_hole_bits if table in BIT_TABLES else limits.max_hole_registers


def _check(point: Wanted, limits: DeviceLimits) -> None:
    limit = _limit(point.table, limits)
    if point.width > limit:
        raise ValueError(f"point '{point.key}' takes {point.width} registers, the device gives {limit} at once")
    for table, first, last in limits.forbidden:
        if table == point.table and point.address <= last and point.address + point.width > first:
            raise ValueError(f"point '{point.key}' lies in the forbidden {table} range {first} to {last}")


def _block_of(point: Wanted, limits: DeviceLimits) -> Block | None:
    for table, first, last in limits.blocks:
        if table != point.table or point.address > last or point.address + point.width <= first:
            continue
        if last - first >= _limit(table, limits):
            raise ValueError(f"the block {first} to {last} is longer than the device gives at once")
        if point.address < first or point.address + point.width > last + 1:
            raise ValueError(f"point '{point.key}' lies half in the block {first} to {last}")
        return table, first, last
    return None


def _request(points: Sequence[Wanted], group: list[int], block: Block | None) -> ReadRequest:
    if block is not None:
        table, begin, last = block
        offsets = tuple(points[place].address - begin for place in group)
        return ReadRequest(table, begin, last - begin + 1, tuple(group), offsets)
    first = end = points[group[0]].address
    holes = 0
    for place in group:
        point = points[place]
        holes += max(0, point.address - end)
        end = max(end, point.address + point.width)
    return ReadRequest(
        table=points[group[0]].table,
        address=first,
        count=end - first,
        positions=tuple(group),
        offsets=tuple(points[place].address - first for place in group),
        holes=holes,
    )
