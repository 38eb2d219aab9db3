"""The agent is killed before and after every step of a command: nothing is written twice, nothing half is in force."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from contract.command import Command, ResultState
from contract.reading import Value
from edge_agent.core.commands import Origin
from tests.unit.edge_agent.light_rig import Street, wall
from tests.unit.edge_agent.virtual_agent import VirtualClock

NAMES = ("a", "b")
STEPS = 9
"""Keeping and finishing the command, and for each of two relays: keep, write, finish; one more is never reached."""


class Killed(SystemExit):
    """What a loop lets through as it is."""


def arm(street: Street, at_step: int, *, after: bool) -> Callable[[], bool]:
    """Kill the agent at a step, before or after it is done; return whether it came so far."""
    steps = count(1)
    was_killed: list[bool] = []

    def dies() -> None:
        was_killed.append(True)
        street.journal._database.close()
        raise Killed

    def around(work: Callable[..., Any]) -> Callable[..., Any]:
        def step(*arguments: Any, **options: Any) -> Any:
            is_now = next(steps) == at_step
            if is_now and not after:
                dies()
            done = work(*arguments, **options)
            if is_now:
                dies()
            return done

        return step

    write = street.driver.write

    async def write_or_die(point: Any, value: Value) -> Any:
        is_now = next(steps) == at_step
        if is_now and not after:
            dies()
        reading = await write(point, value)
        if is_now:
            dies()
        return reading

    for name in ("keep", "finish"):
        setattr(street.journal, name, around(getattr(street.journal, name)))
    street.driver.write = write_or_die  # type: ignore[method-assign]  # the same, unless it is the last
    return lambda: bool(was_killed)


def send(street: Street, made: Command) -> Callable[[], Any]:
    async def submit() -> None:
        street.results.append(await street.commands.submit(made, Origin.CENTRE, retained=False))

    return submit


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at_step", range(1, STEPS + 1))
def test_a_kill_at_any_step_of_an_override(tmp_path: Path, at_step: int, after: bool) -> None:
    clock = VirtualClock()
    wall(clock, "2026-11-23T09:00:00")
    first = Street(tmp_path, clock, names=NAMES)
    made = first.made("override", level=100, until=clock.wall_ms() + 3_600_000, reason="x")
    was_killed = arm(first, at_step, after=after)
    try:
        first.run(30.0, (10.0, send(first, made)), close=False)
    except Killed:
        assert was_killed()
    else:
        first.journal.close()
    assert was_killed() is (at_step < STEPS)

    relays = {name: bool(first.driver.values[f"k_{name}"]) for name in NAMES}
    again = Street(tmp_path, clock, names=NAMES, relays=relays)
    was_kept = bool(again.lights._kept.overrides)
    assert was_kept is not (at_step == 1 and not after), "the command and what it changes are one"
    again.run(30.0, (18.0, send(again, made)))
    answers = [result for result in again.results if result.state is not ResultState.ACCEPTED]
    # Kept or not, the centre offers it again under its id: it is carried out now, or answered from the record.
    assert {(result.id, result.state) for result in answers} == {(made.id, ResultState.DONE)}
    assert {name: again.driver.values[f"k_{name}"] for name in NAMES} == dict.fromkeys(NAMES, True)
    written = sorted((key, value) for street in (first, again) for _, key, value in street.writes())
    assert written == [("k_a", True), ("k_b", True)]
