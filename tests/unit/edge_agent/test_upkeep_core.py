from __future__ import annotations

from edge_agent.core.upkeep import LONGEST_MS, Switch, Upkeep, UpkeepBoard

HOUR_MS = 3_600_000
SWITCH = Switch("io/di8", frozenset({"ph-1", "do-1"}))


def work(device: str = "ph-1", hours: float = 2) -> Upkeep:
    return Upkeep(
        device=device, since_ms=10 * HOUR_MS, duration_ms=round(hours * HOUR_MS), reason="buffers", by="a technician"
    )


def test_announced_work_ends_by_itself() -> None:
    board = UpkeepBoard()
    board.begin(work(), 1000)
    assert board.active == {"ph-1"}
    assert board.expire(1000 + 2 * HOUR_MS - 1) == []
    assert board.expire(1000 + 2 * HOUR_MS) == [work()]
    assert board.active == set()


def test_a_newer_announcement_replaces_the_one_before() -> None:
    board = UpkeepBoard()
    board.begin(work(hours=2), 0)
    board.begin(work(hours=1), 0)
    assert board.left_ms("ph-1", 0) == HOUR_MS
    assert board.end("ph-1") == work(hours=1)
    assert board.end("ph-1") is None


def test_after_a_restart_the_rest_of_the_time_is_left() -> None:
    board = UpkeepBoard()
    board.resume(work(), wall_ms=11 * HOUR_MS, monotonic_ms=5)
    assert board.left_ms("ph-1", 5) == HOUR_MS
    board.resume(work("do-1"), wall_ms=12 * HOUR_MS, monotonic_ms=5)
    assert board.active == {"ph-1"}


def test_a_clock_that_is_not_set_yet_makes_no_work_endless() -> None:
    board = UpkeepBoard()
    board.resume(work(), wall_ms=0, monotonic_ms=5)
    assert board.left_ms("ph-1", 5) == 2 * HOUR_MS
    board.begin(work(hours=24 * 365), 0)
    assert board.left_ms("ph-1", 0) == LONGEST_MS


def test_a_switch_stands_for_its_devices_and_keeps_its_level_while_it_is_not_seen() -> None:
    board = UpkeepBoard((SWITCH,))
    assert board.seen("io/di8", level=False) is None
    assert board.seen("io/di8", level=True) is SWITCH
    assert board.seen("io/di8", level=True) is None
    assert board.active == {"ph-1", "do-1"}
    assert board.seen("io/di7", level=False) is None
    assert board.seen("io/di8", level=False) is SWITCH
    assert board.active == set()


def test_a_contact_that_opens_announces_work_when_it_is_false() -> None:
    board = UpkeepBoard((Switch("io/di8", frozenset({"ph-1"}), active=False),))
    assert board.active == set()
    board.seen("io/di8", level=False)
    assert board.active == {"ph-1"}


def test_command_and_switch_hold_each_by_itself() -> None:
    board = UpkeepBoard((SWITCH,))
    board.begin(work(), 0)
    board.seen("io/di8", level=True)
    board.end("ph-1")
    assert board.active == {"ph-1", "do-1"}
    board.begin(work(), 0)
    board.seen("io/di8", level=False)
    assert board.active == {"ph-1"}
