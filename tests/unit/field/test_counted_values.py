"""Sentinels, drift, flat lines, a pulled adapter: each its cause. `python -m bench.faulty_field` counts more."""

from __future__ import annotations

import pytest

from contract.reading import Cause
from tests.unit.field.counted_values import WRONGS, Wrong, count_values

READS = 1_000
SEEN: dict[Wrong, Cause] = {
    "sentinel": Cause.SENTINEL,
    "flat": Cause.FLAT,
    "drift": Cause.RANGE,
    "unplug": Cause.LINE_DOWN,
}


@pytest.mark.parametrize("wrong", WRONGS)
def test_no_value_is_wrong_and_each_fault_has_its_cause(wrong: Wrong) -> None:
    result = count_values(wrong, READS)
    assert (result.wrong, result.misnamed) == (0, 0), result.outcomes
    assert result.outcomes[SEEN[wrong]] > READS // 10
    assert result.outcomes[Cause.OK] >= READS // 2
    assert result.outcomes.keys() == {Cause.OK, SEEN[wrong]}
