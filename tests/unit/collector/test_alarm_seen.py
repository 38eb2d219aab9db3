"""Which batches were evaluated: exact, bounded, and the same after a restart."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from collector.core.alarm_seen import EPOCHS_KEPT, RANGES_KEPT, SeenBatches


@given(st.lists(st.integers(1, 60), max_size=80), st.integers(1, 60), st.integers(1, 60))
def test_it_holds_exactly_what_was_added(numbers: list[int], first: int, last: int) -> None:
    seen = SeenBatches()
    for number in numbers:
        seen.add("a", number, 0)
    assert {number for number in range(62) if ("a", number) in seen} == set(numbers)
    assert seen.any_between("a", first, last) == any(first < number < last for number in numbers)
    again = SeenBatches.restored(json.loads(json.dumps(seen.dump())))
    assert again == seen


def test_what_lies_below_the_lowest_is_forgotten() -> None:
    seen = SeenBatches()
    for number in (1, 2, 3, 7, 8, 20):
        seen.add("a", number, 1)
    seen.add("a", 21, 8)
    assert seen.epochs == {"a": [(7, 8), (20, 21)]}


def test_it_is_bounded() -> None:
    seen = SeenBatches()
    for number in range(1, 4 * RANGES_KEPT, 2):
        seen.add("a", number, 0)
    assert len(seen.epochs["a"]) == RANGES_KEPT
    assert ("a", 4 * RANGES_KEPT - 1) in seen
    for epoch in "bcdefg":
        seen.add(epoch, 1, 0)
    assert list(seen.epochs) == list("defg")
    assert len(seen.epochs) == EPOCHS_KEPT
