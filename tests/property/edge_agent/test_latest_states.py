"""The latest states of a device are those of a dictionary that takes every block at once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from contract.reading import BAD_CAUSES, Block, Cause, Value
from edge_agent.core.delivery_state import MAX_UNMERGED, LatestStates

GROUPS = [("a", "b", "c"), ("b",), ("c", "d"), ("a", "b", "c", "d")]


@st.composite
def blocks(draw: st.DrawFn) -> list[Block]:
    # Some drivers give the same tuple again and again, some a new one each time.
    made = []
    for number in range(draw(st.integers(0, 3 * MAX_UNMERGED))):
        keys = draw(st.sampled_from(GROUPS))
        keys = keys if draw(st.booleans()) else tuple(iter(keys))
        causes = {key: cause for key in keys if (cause := draw(st.sampled_from([None, Cause.FLAT, Cause.CRC])))}
        values: list[Value | None] = [None if causes.get(key) in BAD_CAUSES else number for key in keys]
        made.append(Block(device="d", observed_at_ms=number, keys=keys, values=tuple(values), causes=causes))
    return made


@given(blocks(), st.sets(st.integers(0, 3 * MAX_UNMERGED)))
def test_what_is_published_is_what_came_last(told: list[Block], looked: set[int]) -> None:
    states = LatestStates(interval_ms=10)
    values: dict[str, Value | None] = {}
    causes: dict[str, Cause] = {}
    for number, block in enumerate(told):
        states.accept(block, {}, urgent=False)
        values |= dict(zip(block.keys, block.values, strict=True))
        causes = {key: cause for key, cause in causes.items() if key not in block.keys} | dict(block.causes)
        if number in looked:
            list(states.due(1000 * number))
        if number in looked or number == len(told) - 1:
            message = states.published("d", 1000 * number)
            assert message["v"] == values
            assert message.get("q", {}) == causes
