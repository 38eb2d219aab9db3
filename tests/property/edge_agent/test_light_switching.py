"""What holds of the circuits whatever happens, in whatever order, and wherever the agent is killed."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.core.lights.priority import Aim, Background, aim_of
from edge_agent.core.lights.tables import Override, Permit, after_start
from tests.property.edge_agent.lights_world import Hardware, World, off, on

NAMES = ("a", "b", "c")
STAGGER_S = 4.0
EVENTS = st.one_of(
    st.tuples(st.just("aim"), st.fixed_dictionaries({name: st.booleans() for name in NAMES})),
    st.tuples(
        st.just("fault"), st.tuples(st.sampled_from(["jammed", "welded", "cut", "sticky"]), st.sampled_from(NAMES))
    ),
    st.tuples(st.just("heal"), st.none()),
    st.tuples(st.just("flip"), st.sampled_from(["mute_meter", "mute_relay", "mains", "auto"])),
    st.tuples(st.just("kill"), st.none()),
    st.tuples(st.just("drop"), st.sampled_from(NAMES)),
)


def happen(world: World, event: tuple[str, object]) -> World:
    """Let one thing happen; the agent may be another one afterwards."""
    kind, what = event
    hardware = world.hardware
    if kind == "aim" and isinstance(what, dict):
        world.aims = {name: Aim(is_on=is_on, reason="program") for name, is_on in what.items()}
    elif kind == "fault" and isinstance(what, tuple):
        getattr(hardware, what[0]).add(what[1])
    elif kind == "heal":
        for fault in (hardware.jammed, hardware.welded, hardware.cut, hardware.sticky):
            fault.clear()
    elif kind == "flip":
        setattr(hardware, str(what), not getattr(hardware, str(what)))
    elif kind == "drop":
        hardware.relay[str(what)] = False
    elif kind == "kill":
        fresh = World(hardware, now_s=world.now_s, stagger_s=STAGGER_S)
        fresh.aims = world.aims
        return fresh
    return world


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(EVENTS, st.sampled_from([0.5, 1.0, 3.0, 7.0, 30.0])), max_size=12))
def test_two_circuits_are_never_switched_on_within_the_pause_of_one_run(
    events: list[tuple[tuple[str, object], float]],
) -> None:
    hardware = Hardware(NAMES)
    world = World(hardware, stagger_s=STAGGER_S)
    world.aims = off(NAMES)
    starts = [0.0]
    for event, seconds in events:
        world = happen(world, event)
        if event[0] == "kill":
            starts.append(world.now_s)
        world.run(seconds)
    for (first_s, first, _), (second_s, second, _) in pairwise(hardware.writes):
        is_one_run = not any(first_s < start_s <= second_s for start_s in starts)
        if first != second and is_one_run:
            assert second_s - first_s >= STAGGER_S - 1e-6


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(EVENTS, st.sampled_from([0.5, 1.0, 3.0, 7.0, 30.0])), max_size=10),
    st.fixed_dictionaries({name: st.booleans() for name in NAMES}),
)
def test_whatever_happened_a_healthy_cabinet_ends_as_it_should_and_proved(
    events: list[tuple[tuple[str, object], float]], wanted: dict[str, bool]
) -> None:
    hardware = Hardware(NAMES)
    world = World(hardware, stagger_s=STAGGER_S)
    world.aims = off(NAMES)
    for event, seconds in events:
        world = happen(world, event)
        world.run(seconds)
    world = happen(world, ("heal", None))
    hardware.mute_meter = hardware.mute_relay = False
    hardware.mains = hardware.auto = True
    world.run(60.0, {name: Aim(is_on=is_on, reason="program") for name, is_on in wanted.items()})
    assert {name: hardware.closed(name) for name in NAMES} == wanted
    assert {world.proof(name)[0] for name in NAMES} == {"done"}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0.05, 20.0), max_size=6), st.booleans())
def test_kills_at_any_moment_switch_each_relay_once_and_never_again(kills: list[float], goes_on: bool) -> None:
    hardware = Hardware(NAMES, relay=dict.fromkeys(NAMES, not goes_on))
    world = World(hardware, stagger_s=STAGGER_S)
    world.aims = on(NAMES) if goes_on else off(NAMES)
    for pause_s in kills:
        world.run(pause_s)
        world = happen(world, ("kill", None))
    world.run(60.0)
    assert sorted((name, value) for _, name, value in hardware.writes) == [(name, goes_on) for name in NAMES]
    assert {hardware.relay[name] for name in NAMES} == {goes_on}


MINUTE_MS = 60_000


def override(circuit: str, until_ms: int, boot_id: str = "now", until_boot_ms: int = 1 << 60) -> Override:
    return Override(
        circuit=circuit,
        level=100,
        is_named=True,
        by="huong",
        reason="test",
        until_ms=until_ms,
        boot_id=boot_id,
        until_boot_ms=until_boot_ms,
        command_id="0" * 26,
    )


@given(
    st.integers(0, 31 * 24 * 60),
    st.lists(st.tuples(st.integers(1, 120), st.integers(-(10**7), 10**7)), max_size=20),
)
def test_an_override_ends_by_the_boot_clock_however_the_wall_clock_is_set(
    minutes: int, steps: list[tuple[int, int]]
) -> None:
    wall_ms, boot_ms = 1_795_000_000_000, 5_000
    laid = override("a", wall_ms + minutes * MINUTE_MS, until_boot_ms=boot_ms + minutes * MINUTE_MS)
    had_ended = False
    for elapsed_minutes, jump_ms in steps:
        boot_ms += elapsed_minutes * MINUTE_MS
        wall_ms += elapsed_minutes * MINUTE_MS + jump_ms
        ended = laid.has_ended(wall_ms, boot_ms)
        assert ended or boot_ms < laid.until_boot_ms
        assert not (ended and boot_ms < laid.until_boot_ms and wall_ms < laid.until_ms)
        had_ended = had_ended or ended
    assert laid.has_ended(None, laid.until_boot_ms)


@given(
    st.integers(-(2**40), 2**41),
    st.sampled_from(["now", "before"]),
    st.integers(0, 2**40),
    st.none() | st.integers(0, 2**41),
    st.booleans(),
)
def test_after_a_start_an_override_goes_on_only_if_its_end_is_certain(
    until_ms: int, boot_id: str, until_boot_ms: int, now_ms: int | None, waits: bool
) -> None:
    boot_ms = 60_000
    laid = override("a", until_ms, boot_id, until_boot_ms)
    going, over = after_start([laid], now_ms=now_ms, boot_id="now", boot_ms=boot_ms, waits_for_clock=waits)
    assert len(going) + len(over) <= 1
    for one in going:
        assert not one.has_ended(now_ms, boot_ms)
        assert one.boot_id == "now"
        assert boot_id == "now" or now_ms is not None
        assert boot_id == "now" or one.until_boot_ms - boot_ms == until_ms - (now_ms or 0)
    if boot_id == "before" and now_ms is None:
        assert not going
        assert bool(over) is not waits


@given(
    st.booleans(),
    st.booleans(),
    st.none() | st.integers(0, 100),
    st.booleans(),
    st.sampled_from([0, 33, 67, 100]),
)
def test_the_priorities_hold(permit: bool, is_local: bool, level: int | None, is_named: bool, background: int) -> None:
    laid = None if level is None else override("a", 1)
    if laid is not None and level is not None:
        laid = Override(
            circuit="a", level=level, is_named=is_named, by="huong", reason="x", until_ms=1, boot_id="now",
            until_boot_ms=1, command_id="0" * 26,
        )  # fmt: skip
    work = Permit(circuit="a", by="crew", reason="x", since_ms=0, until_ms=None, command_id="0" * 26)
    aim = aim_of(
        "a",
        background=Background(level=background, reason="program"),
        overrides={"a": laid} if laid else {},
        permits={"a": work} if permit else {},
        is_local=is_local,
        lit=lambda at: frozenset("a") if at >= 67 else frozenset(),
    )
    if permit:
        assert (aim.is_on, aim.reason, aim.at_once) == (False, "permit", True)
        return
    expected_level = background if level is None else level
    named = level is not None and is_named
    assert aim.is_on is (expected_level > 0 if named else expected_level >= 67)
    assert aim.reason == ("local" if is_local else "program" if level is None else "override by huong")
    assert not aim.at_once
