"""A small share of `python -m bench.fuzz`: every parser answers or raises its own error, whatever comes."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.fuzz import PARSERS, SMALL_PROFILE, fuzz
from config.errors import ConfigErrors, ConfigProblem
from config.loader import load_text
from config.profile import ModbusProfile
from edge_agent.core.profile_review import review

LINES = SMALL_PROFILE.splitlines()


@pytest.mark.parametrize("name", PARSERS)
@given(seed=st.integers(0, 2**32))
def test_no_input_does_harm(name: str, seed: int) -> None:
    PARSERS[name](random.Random(seed))


@pytest.mark.parametrize("name", sorted(set(PARSERS) - {"profile", "sdi12"}))
def test_some_inputs_are_taken_and_some_refused(name: str) -> None:
    # A fuzzer whose inputs are all refused at the door tries nothing.
    tally = fuzz(name, 300, 7)
    assert 0 < tally.taken < tally.inputs


def test_what_must_never_be_ends_the_run_with_the_number_of_its_input(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(draw: random.Random) -> bool:
        if draw.random() < 0.2:
            raise IndexError("out of the frame")
        return True

    monkeypatch.setitem(PARSERS, "rtu", broken)
    with pytest.raises(AssertionError, match=r"rtu, seed 3, input \d+: IndexError: out of the frame"):
        fuzz("rtu", 100, 3)


@given(
    st.lists(
        st.tuples(st.integers(0, len(LINES) - 1), st.text(max_size=12), st.integers(0, 120)), min_size=1, max_size=4
    )
)
def test_a_profile_with_anything_in_its_lines_loads_or_names_the_place(
    changes: list[tuple[int, str, int]],
) -> None:
    lines = list(LINES)
    for place, text, at in changes:
        lines[place] = lines[place][:at] + text + lines[place][at:]
    found: tuple[ConfigProblem, ...] = ()
    try:
        review(load_text("\n".join(lines), Path("mine.yaml"), ModbusProfile))
    except ConfigErrors as error:
        found = error.problems
        # Refused, and nothing to say why: that must not be.
        found = found or (ConfigProblem(Path("mine.yaml"), 0, 0, ""),)
    assert [one for one in found if one.line < 1 or one.column < 1 or not one.message] == []
