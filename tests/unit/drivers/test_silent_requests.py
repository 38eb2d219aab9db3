"""Requests that a device never answers: asked last, then at rest, as long as the device answers others."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from drivers.modbus.silent_requests import (
    LONGEST_REST_S,
    MAX_NOTED,
    REST_AFTER,
    REST_AFTER_ANSWERED,
    REST_SHARE,
    SilentRequests,
)

PLACE = (3, 100, 2)


def _silences(noted: SilentRequests, count: int, *, device_answers: bool = True) -> float:
    """Ask every second; return when the last silence ended, in milliseconds."""
    now_ms = 0.0
    for second in range(count):
        now_ms = 1_000.0 * second
        noted.silent(PLACE, now_ms, now_ms - 1 if device_answers else -1.0, 0.5)
    return now_ms


def test_a_request_that_is_never_answered_rests_nineteen_times_its_cost() -> None:
    noted = SilentRequests()
    _silences(noted, REST_AFTER - 1)
    assert PLACE in noted
    assert not noted.rests(PLACE, 1e6)
    now_ms = _silences(noted, REST_AFTER)
    assert noted.rests(PLACE, now_ms + 1_000 * REST_SHARE * 0.5 - 1)
    assert not noted.rests(PLACE, now_ms + 1_000 * REST_SHARE * 0.5)


def test_a_dead_device_is_left_to_its_circuit_breaker() -> None:
    noted = SilentRequests()
    now_ms = _silences(noted, 100, device_answers=False)
    assert not noted.rests(PLACE, now_ms)


def test_one_answer_ends_it_and_makes_patience_longer() -> None:
    noted = SilentRequests()
    _silences(noted, REST_AFTER)
    noted.answered(PLACE)
    assert not noted
    now_ms = _silences(noted, REST_AFTER_ANSWERED - 1)
    assert not noted.rests(PLACE, now_ms)
    now_ms = _silences(noted, REST_AFTER_ANSWERED)
    assert noted.rests(PLACE, now_ms)


def test_a_rest_has_an_end_whatever_it_cost() -> None:
    noted = SilentRequests()
    for second in range(REST_AFTER):
        noted.silent(PLACE, 1_000.0 * second, 1_000.0 * second - 1, 1e6)
    assert not noted.rests(PLACE, 1_000.0 * (REST_AFTER + LONGEST_REST_S))


@given(st.lists(st.tuples(st.integers(0, 3 * MAX_NOTED), st.booleans()), max_size=2_000))
def test_what_is_noted_is_bounded(steps: list[tuple[int, bool]]) -> None:
    noted = SilentRequests()
    for now, (address, answers) in enumerate(steps):
        place = (3, address, 1)
        if answers:
            noted.answered(place)
        else:
            noted.silent(place, float(now), float(now), 0.1)
        assert len(noted._silences) <= MAX_NOTED
        assert len(noted._answered) <= MAX_NOTED
