"""The quick way through sound blocks gives what the careful one gives."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from contract import codec
from contract.reading import Block, Cause, Value

values: st.SearchStrategy[Value | None] = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=300)
    | st.sampled_from(["\ud800", "", 2**63 - 1, -(2**63), math.nan])
)


@st.composite
def rows(draw: st.DrawFn) -> list[Block]:
    keys = tuple(draw(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=6)))
    kind = draw(st.sampled_from([values, st.floats(), st.integers(-10, 10), st.booleans()]))
    blocks = []
    for number in range(draw(st.integers(1, 4))):
        found = tuple(draw(st.lists(kind, min_size=len(keys), max_size=len(keys))))
        causes = draw(st.sampled_from([{}, {}, {keys[0]: Cause.TIMEOUT}, {keys[0]: Cause.FLAT}]))
        at_ms = 1000 * draw(st.sampled_from([number, number, 0]))
        blocks.append(
            Block(device="d", observed_at_ms=at_ms, keys=keys, values=found, causes=causes, monotonic_ms=at_ms)
        )
    return blocks


@given(rows())
def test_columns_are_the_same_by_both_ways(blocks: list[Block]) -> None:
    by_time: dict[int, list[Block]] = {}
    for block in blocks:
        by_time.setdefault(block.observed_at_ms, []).append(block)
    quick = codec._whole_columns([by_time[at_ms] for at_ms in sorted(by_time)])
    if quick is None:
        return
    careful: dict[str, list[Value | None]] = {}
    for at_ms in sorted(by_time):
        for key, (value, cause) in codec._samples(by_time[at_ms]).items():
            assert cause is None
            careful.setdefault(key, []).append(value)
    assert quick == careful
    assert [[type(value) for value in column] for column in quick.values()] == [
        [type(value) for value in column] for column in careful.values()
    ]


def test_a_healthy_field_takes_the_quick_way() -> None:
    block = Block(device="d", observed_at_ms=1, keys=("a", "b"), values=(1.5, 2.5), causes={}, monotonic_ms=1)
    assert codec._whole_columns([[block]]) == {"a": [1.5], "b": [2.5]}
    assert codec._whole_columns([[block], [block]]) == {"a": [1.5, 1.5], "b": [2.5, 2.5]}
