"""The delivery protocol in seeded worlds: nothing lost, nothing left, live data never behind the backlog."""

from __future__ import annotations

import pytest

from tests.property.edge_agent.delivery_world import Faults, World

SECONDS = 1500


@pytest.mark.parametrize("seed", range(20))
def test_nothing_is_lost_and_nothing_is_left(seed: int) -> None:
    world = World(seed)
    world.run(SECONDS)
    assert len(world.committed) > SECONDS * 0.6
    lost = set(world.committed) - world.stored
    assert not lost, f"seed {seed}: {len(lost)} of {len(world.committed)} batches"
    assert world.rows_left() == 0
    assert world.worst_live_s <= 30
    assert world.worst_messages <= 20


@pytest.mark.parametrize("seed", range(100, 106))
def test_what_the_byte_cap_takes_is_told_exactly(seed: int) -> None:
    world = World(seed, max_bytes=60_000, faults=Faults(store=4e-3, image=0.0))
    world.run(3000)
    told = sum((sum(counts.values()) for key, counts in world.told.items()), 0)
    assert world.evicted["batches"] > 50, "the cap was never reached"
    assert world.rows_left() == 0
    lost = set(world.committed) - world.stored
    # A batch that was stored, but whose confirm was lost, may be given up and told as well.
    assert len(lost) <= told
    assert told == world.evicted["batches"]


def test_live_data_overtake_the_backlog_of_two_hours() -> None:
    world = World(7, faults=Faults(broker=0, store=0, agent=0, image=0, loss=0.02))
    world.up_at["broker"] = 7200
    world.run(10_000, quiet_after=1.0)
    assert not set(world.committed) - world.stored
    assert world.rows_left() == 0
    # A copy that is lost goes again after ten seconds, whatever backlog there is; twice lost, after twenty.
    assert world.worst_live_s <= 24


def test_a_collector_that_is_away_is_asked_by_probes_only() -> None:
    world = World(8, faults=Faults(broker=0, store=0, agent=0, image=0, loss=0))
    world.run(300, quiet_after=0)
    world.up_at["store"] = 10**6
    sent_before = len(world.stored)
    messages = []
    for _ in range(900):
        world.now_s += 1
        world.worst_messages = 0
        world._step(faulty=False, producing=True)
        messages.append(world.worst_messages)
    assert len(world.stored) == sent_before
    # One live batch a second, low ones, probes and repeated alarms: never the window of fifty again and again.
    assert sum(messages[60:]) / len(messages[60:]) < 2.5
