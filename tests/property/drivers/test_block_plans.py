"""Reads of devices that have blocks: each block whole or not at all, and every point whole in one request."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from config.points import RegisterPoint
from config.profile import DeviceLimits
from drivers.modbus.plan import plan_reads

WIDTHS = {"uint16": 1, "float32": 2, "uint64": 4}


@st.composite
def blocks(draw: st.DrawFn) -> tuple[tuple[int, int], ...]:
    """Ranges of addresses from 0 to 200 that do not touch one another."""
    edges = sorted(draw(st.sets(st.integers(0, 200), max_size=8)))
    return tuple((first, last - 1) for first, last in zip(edges[::2], edges[1::2], strict=False) if last > first)


@given(
    blocks(),
    st.lists(st.tuples(st.integers(0, 200), st.sampled_from(sorted(WIDTHS))), max_size=30),
    st.integers(0, 20),
    st.sets(st.integers(0, 29)),
    st.booleans(),
)
def test_a_block_is_read_whole_or_not_at_all(
    ranges: tuple[tuple[int, int], ...],
    wanted: list[tuple[int, str]],
    hole: int,
    alone: set[int],
    across_holes: bool,
) -> None:
    limits = DeviceLimits(
        max_hole_registers=hole, blocks=tuple(("holding", first, last) for first, last in ranges if last - first < 125)
    )
    kept = [(first, last) for _, first, last in limits.blocks]

    def block_of(address: int, width: int) -> tuple[int, int] | None:
        return next(((first, last) for first, last in kept if address <= last and address + width > first), None)

    points = []
    for address, kind in wanted:
        block = block_of(address, WIDTHS[kind])
        if block is None or (address >= block[0] and address + WIDTHS[kind] - 1 <= block[1]):
            points.append(
                RegisterPoint.model_validate(
                    {"key": "p", "en": "", "vi": "", "table": "holding", "address": address, "type": kind}
                )
            )
    requests = plan_reads(points, limits, alone, across_holes=across_holes)
    assert sorted(place for request in requests for place in request.positions) == list(range(len(points)))
    for request in requests:
        last = request.address + request.count - 1
        touched = [block for block in kept if request.address <= block[1] and last >= block[0]]
        assert touched in ([], [(request.address, last)])
        for place, offset in zip(request.positions, request.offsets, strict=True):
            assert points[place].address == request.address + offset
            assert offset + points[place].width <= request.count
        if alone & set(request.positions):
            assert len(request.positions) == 1
