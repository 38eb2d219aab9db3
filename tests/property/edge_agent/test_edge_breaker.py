from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edge_agent.core.breaker import HASTE_REFILL_S, HASTE_S, HASTES, LONGEST_PAUSE_S, SHORTEST_PAUSE_S, Breaker
from edge_agent.core.poll_plan import PollPlan

costs = st.floats(0.001, 15.0)


@given(cost_s=costs, interval_s=st.floats(0.1, 60.0))
def test_a_dead_device_costs_its_line_at_most_a_twentieth(cost_s: float, interval_s: float) -> None:
    breaker, now_s, spent_s, opened_s = Breaker(), 0.0, 0.0, None
    while opened_s is None or now_s < opened_s + 7200:
        if breaker.allows(now_s):
            now_s += cost_s
            if breaker.fail(now_s, cost_s):
                opened_s = now_s
            elif opened_s is not None:
                spent_s += cost_s
        now_s = max(now_s, breaker.probe_at_s) if breaker.probe_at_s is not None else now_s + interval_s
    assert spent_s <= 0.05 * (now_s - opened_s) + 1e-6
    assert opened_s >= breaker.open_after_s - cost_s


@given(costs=st.lists(costs, min_size=1, max_size=50))
def test_pauses_stay_between_two_seconds_and_five_minutes(costs: list[float]) -> None:
    breaker, now_s = Breaker(open_after_failures=1, open_after_s=0.0), 0.0
    for cost_s in costs:
        now_s += cost_s
        breaker.fail(now_s, cost_s)
        assert breaker.probe_at_s is not None
        pause_s = breaker.probe_at_s - now_s
        assert SHORTEST_PAUSE_S - 1e-6 <= pause_s <= LONGEST_PAUSE_S + 1e-6
        assert not breaker.allows(now_s + pause_s / 2)
        now_s = breaker.probe_at_s


@given(cost_s=costs, changes=st.lists(st.floats(0.05, 60.0), min_size=1, max_size=30))
def test_whatever_chatters_haste_is_bounded(cost_s: float, changes: list[float]) -> None:
    breaker, now_s, spent_s, turn = Breaker(open_after_failures=1, open_after_s=0.0), 0.0, 0.0, 0
    breaker.fail(now_s, cost_s)
    change_s = changes[0]
    while now_s < 7200:
        probe_s = breaker.probe_at_s or 0.0
        if change_s <= probe_s:
            now_s, turn = max(now_s, change_s), turn + 1
            change_s = now_s + changes[turn % len(changes)]
            if breaker.hasten(now_s):
                assert breaker.probe_at_s is not None
                assert breaker.probe_at_s <= now_s
            continue
        now_s = max(now_s, probe_s) + cost_s
        spent_s += cost_s
        breaker.fail(now_s, cost_s)
    windows = HASTES + now_s / HASTE_REFILL_S
    assert spent_s <= 0.05 * now_s + windows * (HASTE_S / 2 + 2 * cost_s)


@given(answers=st.lists(st.booleans(), max_size=200))
def test_one_answer_closes_it_and_few_failures_never_open_it(answers: list[bool]) -> None:
    breaker, row = Breaker(), 0
    for second, answered in enumerate(answers):
        if answered:
            assert breaker.succeed() is (breaker.failures == 0 and row >= 6)
            assert not breaker.is_open
            row = 0
        else:
            breaker.fail(float(second), 0.5)
            row += 1
        assert breaker.is_open is (row >= 6)


@given(
    intervals=st.lists(
        st.sampled_from([0.0001, 0.001, 0.01, 0.5, 1.0, 5.0, 7.0, 60.0]), min_size=1, max_size=4, unique=True
    ),
    delays=st.lists(st.floats(0.0, 20.0), min_size=1, max_size=60),
)
def test_deadlines_keep_their_phase_whatever_the_delays(intervals: list[float], delays: list[float]) -> None:
    plan = PollPlan.of({interval: [f"point-{interval}"] for interval in intervals}, 100.0)
    now_s, polled = 100.0, 0
    for delay_s in delays:
        now_s = max(now_s, plan.next_due_s)
        due = plan.take(now_s)
        polled += len(due)
        assert due
        for group in plan.groups:
            phase = (group.due_s - 100.0) / group.interval_s
            assert abs(phase - round(phase)) < 1e-6
            assert now_s < group.due_s <= now_s + group.interval_s + 0.01
        now_s += delay_s
    assert polled + plan.dropped == sum(round((group.due_s - 100.0) / group.interval_s) for group in plan.groups)
