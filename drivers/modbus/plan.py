"""The read planner: which requests fetch a set of points. Pure.

Contiguous points are merged; holes are not read.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from config.profile import DeviceLimits, PointSpec, Table

FUNCTION_OF: Final[dict[Table, int]] = {"coil": 1, "discrete": 2, "holding": 3, "input": 4}


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """One read.

    Attributes:
        address: The first address, from 0.
        count: Bits or registers.
        positions: Which of the planned points it fetches, by their place in the plan's input.
        offsets: Where each of them begins, in bits or registers from `address`.
    """

    table: Table
    address: int
    count: int
    positions: tuple[int, ...]
    offsets: tuple[int, ...]

    @property
    def function(self) -> int:
        """The Modbus function code."""
        return FUNCTION_OF[self.table]


def plan_reads(
    points: Sequence[PointSpec], limits: DeviceLimits, alone: Collection[int] = ()
) -> tuple[ReadRequest, ...]:
    """Merge points into few legal reads.

    Args:
        points: In any order; a point may overlap another.
        limits: What the device bears.
        alone: Places in `points` that share their request with no other.

    Returns:
        Requests by table and address; each point whole in exactly one.

    Raises:
        ValueError: A point is wider than the limits, or touches a forbidden range.
    """
    for point in points:
        _check(point, limits)
    order = sorted(range(len(points)), key=lambda place: (FUNCTION_OF[points[place].table], points[place].address))
    groups: list[list[int]] = []
    first = end = 0
    for place in order:
        point = points[place]
        limit = _limit(point.table, limits)
        if (
            groups
            and place not in alone
            and groups[-1][-1] not in alone
            and points[groups[-1][0]].table == point.table
            and point.address <= end
            and max(end, point.address + point.width) - first <= limit
        ):
            groups[-1].append(place)
            end = max(end, point.address + point.width)
        else:
            groups.append([place])
            first, end = point.address, point.address + point.width
    return tuple(_request(points, group) for group in groups)


def _limit(table: Table, limits: DeviceLimits) -> int:
    return limits.max_bits if table in {"coil", "discrete"} else limits.max_registers


def _check(point: PointSpec, limits: DeviceLimits) -> None:
    limit = _limit(point.table, limits)
    if point.width > limit:
        raise ValueError(f"point '{point.key}' takes {point.width} registers, the device gives {limit} at once")
    for table, first, last in limits.forbidden:
        if table == point.table and point.address <= last and point.address + point.width > first:
            raise ValueError(f"point '{point.key}' lies in the forbidden {table} range {first} to {last}")


def _request(points: Sequence[PointSpec], group: list[int]) -> ReadRequest:
    first = points[group[0]].address
    end = max(points[place].address + points[place].width for place in group)
    return ReadRequest(
        table=points[group[0]].table,
        address=first,
        count=end - first,
        positions=tuple(group),
        offsets=tuple(points[place].address - first for place in group),
    )
