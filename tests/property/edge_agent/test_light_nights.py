"""A gateway that is cut off: it keeps to its plan night after night, whatever else is cut."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from contract.lights import Calendar, plan, sun_table
from edge_agent.core.lights.backdrop import GoingBy
from edge_agent.shell import lights as lights_at_work
from tests.unit.edge_agent.light_rig import PLEIKU, Street, local_ms, wall
from tests.unit.edge_agent.virtual_agent import VirtualClock

DAYS = 30
TWO_MODE = Calendar.model_validate(
    {
        "levels": {"100": ["a", "b"], "67": ["a"]},
        "programs": [
            {
                "id": "standard",
                "periods": [
                    {"on": {"at": "sunset-10", "not_before": "17:15"}, "off": "22:30"},
                    {"on": "22:30", "off": "sunrise+5", "level": 67},
                ],
            },
            {"id": "weekend", "periods": [{"on": "sunset", "off": "sunrise"}]},
        ],
        "rules": [{"id": "weekend", "program": "weekend", "when": {"weekdays": ["sat", "sun"]}}],
        "default": "standard",
    }
)


def test_thirty_days_without_the_centre_switch_every_night_within_a_second_of_plan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A slow beat shows that the plan's own times are what it wakes for.
    monkeypatch.setattr(lights_at_work, "TICK_S", 900.0)
    monkeypatch.setattr(lights_at_work, "SAVE_INTERVAL_S", 86_400.0)
    clock = VirtualClock()
    wall(clock, "2026-11-23T12:00:00")
    street = Street(tmp_path, clock, names=("a", "b"), calendar=TWO_MODE, stagger_s=0.0, poll_s=600.0)
    first = date(2026, 11, 23)
    street.lights.use(GoingBy(calendar=TWO_MODE, place=PLEIKU, sun=sun_table(PLEIKU, first, 5)))
    begun_s, begun_ms = clock.now_s, local_ms("2026-11-23T12:00:00")

    def lose_the_time_source() -> None:
        clock.synced = False
        clock.wall_offset_ms -= 40 * 86_400_000

    street.run(DAYS * 86_400.0, (3600.0, lose_the_time_source), long=True)
    expected = []
    for night in plan(TWO_MODE, PLEIKU, first, DAYS):
        edges = [(step.start_ms, step.level) for step in night.steps] + [(night.steps[-1].end_ms, 0)]
        was: frozenset[str] = frozenset()
        for at_ms, level in edges:
            now = frozenset(name for name, least in (("a", 67), ("b", 100)) if level >= least)
            expected += [((at_ms - begun_ms) / 1000, name, name in now) for name in sorted(now ^ was)]
            was = now
    switched = sorted((at_s - begun_s, key.removeprefix("k_"), value) for at_s, key, value in street.driver.writes)
    assert len(switched) == len(expected)
    for (at_s, name, value), (planned_s, wanted, is_on) in zip(switched, sorted(expected), strict=True):
        assert (name, value) == (wanted, is_on)
        assert 0 <= at_s - planned_s <= 1.0


def test_an_override_laid_before_the_cut_ends_without_the_centre_and_the_plan_goes_on(tmp_path: Path) -> None:
    clock = VirtualClock()
    wall(clock, "2026-11-23T20:00:00")
    street = Street(tmp_path, clock, names=("a",), calendar=TWO_MODE, poll_s=30.0, relays={"a": True})

    def lose_the_time_source() -> None:
        clock.synced = False
        clock.wall_offset_ms += 86_400_000

    street.run(4 * 3600.0, (60.0, lambda: street.override(0, minutes=90)), (120.0, lose_the_time_source))
    times = [(round(at_s), value) for at_s, _, value in street.writes()]
    assert times == [(60, False), (60 + 5400, True)]
