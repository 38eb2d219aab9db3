from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from config.quality import MaintenanceSwitch
from contract.reading import Block, Cause, Value
from edge_agent.core.upkeep import Upkeep
from edge_agent.shell.devices import Fleet
from edge_agent.shell.upkeep import UpkeepDesk, check_switches
from tests.unit.edge_agent.virtual_agent import VirtualClock, coil, memory_device, spec

SWITCH = MaintenanceSwitch(switch="io/di8", devices=("ph-1",))
REQUEST = {"op": "maintain", "device": "ph-1", "for_s": 7200, "reason": "buffers 4 and 7", "by": "N. T. Hoa"}


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


def desk(folder: Path, clock: VirtualClock, known: tuple[str, ...] = ("ph-1", "rain", "io")) -> UpkeepDesk:
    return UpkeepDesk(switches=[SWITCH], known=known, file=folder / "maintenance.json", clock=clock)


def announce(one: UpkeepDesk, **changes: Any) -> dict[str, Any]:
    return asyncio.run(one.announce({**REQUEST, **changes}))


def show(one: UpkeepDesk, clock: VirtualClock, value: Value | None, cause: Cause = Cause.OK) -> None:
    device, _ = memory_device(clock, [spec("di8", table="discrete", type="bool")], name="io")
    causes = {} if cause is Cause.OK else {"di8": cause}
    one.observe(device, Block(device="io", observed_at_ms=1, keys=("di8",), values=(value,), causes=causes))


def test_an_announcement_is_on_the_disk_in_the_log_and_in_the_status(tmp_path: Path, clock: VirtualClock) -> None:
    one = desk(tmp_path, clock)
    with capture_logs() as logs:
        reply = announce(one)
    assert reply["ok"] is True
    assert reply["kept"] is True
    assert one.board.active == {"ph-1"}
    assert one.status() == [{"device": "ph-1", "left_s": 7200, "reason": "buffers 4 and 7", "by": "N. T. Hoa"}]
    kept = json.loads((tmp_path / "maintenance.json").read_text("utf-8"))
    assert kept["upkeeps"][0]["by"] == "N. T. Hoa"
    assert [(log["event"], log["by"], log["reason"]) for log in logs] == [
        ("maintenance begins", "N. T. Hoa", "buffers 4 and 7")
    ]


def test_it_survives_a_restart_and_ends_by_itself(tmp_path: Path, clock: VirtualClock) -> None:
    announce(desk(tmp_path, clock))
    clock.now_s += 3600
    one = desk(tmp_path, clock)
    assert one.status()[0]["left_s"] == 3600
    clock.now_s += 3600
    with capture_logs() as logs:
        asyncio.run(one.tick())
    assert [log["event"] for log in logs] == ["maintenance ends"]
    assert desk(tmp_path, clock).board.active == set()
    assert json.loads((tmp_path / "maintenance.json").read_text("utf-8"))["upkeeps"] == []


def test_a_clock_step_neither_ends_nor_prolongs_it(tmp_path: Path, clock: VirtualClock) -> None:
    one = desk(tmp_path, clock)
    announce(one)
    clock.wall_offset_ms += 10**12
    asyncio.run(one.tick())
    assert one.status()[0]["left_s"] == 7200


def test_it_can_be_ended_before_its_time(tmp_path: Path, clock: VirtualClock) -> None:
    one = desk(tmp_path, clock)
    announce(one)
    assert announce(one, end=True)["ok"] is True
    assert one.board.active == set()
    assert announce(one, end=True)["problem"] == "none_announced"


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"device": "nope"}, "no_device"),
        ({"by": " "}, "by"),
        ({"by": "x" * 65}, "by"),
        ({"reason": ""}, "reason"),
        ({"reason": "x" * 201}, "reason"),
        ({"for_s": 0}, "duration"),
        ({"for_s": 7 * 86_400 + 1}, "duration"),
        ({"for_s": "2h"}, "duration"),
        ({"for_s": None}, "duration"),
    ],
)
def test_what_says_too_little_or_too_much_is_refused(
    tmp_path: Path, clock: VirtualClock, changes: dict[str, Any], problem: str
) -> None:
    one = desk(tmp_path, clock)
    assert announce(one, **changes)["problem"] == problem
    assert one.board.active == set()


def test_a_switch_is_followed_logged_and_remembered(tmp_path: Path, clock: VirtualClock) -> None:
    one = desk(tmp_path, clock)
    with capture_logs() as logs:
        for value in (False, True, True):
            show(one, clock, value)
    assert [(log["event"], log["devices"]) for log in logs] == [("maintenance begins", ["ph-1"])]
    assert one.status() == [{"device": "ph-1", "switch": "io/di8"}]
    asyncio.run(one.tick())
    assert desk(tmp_path, clock).board.active == {"ph-1"}


def test_an_input_that_is_not_seen_keeps_its_level(tmp_path: Path, clock: VirtualClock) -> None:
    one = desk(tmp_path, clock)
    show(one, clock, value=True)
    show(one, clock, value=None, cause=Cause.TIMEOUT)
    assert one.board.active == {"ph-1"}
    show(one, clock, value=False)
    assert one.board.active == set()


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"upkeeps": [{}], "levels": {}}', "\x00", '{"upkeeps": 1, "levels": 2}']
)
def test_a_damaged_file_is_set_aside_and_nothing_is_under_maintenance(
    tmp_path: Path, clock: VirtualClock, text: str
) -> None:
    (tmp_path / "maintenance.json").write_text(text, "utf-8")
    assert desk(tmp_path, clock).board.active == set()
    assert (tmp_path / "maintenance.damaged").read_text("utf-8") == text


def test_what_was_kept_of_a_device_that_is_no_more_is_dropped(tmp_path: Path, clock: VirtualClock) -> None:
    announce(desk(tmp_path, clock))
    assert desk(tmp_path, clock, known=("rain",)).board.active == set()


def test_a_disk_that_refuses_is_told_and_tried_again(tmp_path: Path, clock: VirtualClock) -> None:
    (tmp_path / "folder").write_text("in the way", "utf-8")
    one = desk(tmp_path / "folder", clock)
    assert announce(one)["kept"] is False
    assert one.board.active == {"ph-1"}
    (tmp_path / "folder").unlink()
    asyncio.run(one.tick())
    assert desk(tmp_path / "folder", clock).board.active == {"ph-1"}


def test_only_an_input_can_be_a_switch(clock: VirtualClock) -> None:
    device, _ = memory_device(clock, [coil("di8"), spec("t")], name="io")
    fleet = Fleet(devices=(device,))
    check_switches([SWITCH], fleet)
    for point, word in (("io/t", "no input"), ("io/nope", "no point"), ("x/di8", "no point")):
        with pytest.raises(ValueError, match=word):
            check_switches([MaintenanceSwitch(switch=point, devices=("ph-1",))], fleet)


def test_every_device_with_the_longest_reason_comes_back(tmp_path: Path, clock: VirtualClock) -> None:
    known = tuple(f"device-{number:03}-{'x' * 50}" for number in range(510 + 64))
    one = desk(tmp_path, clock, known)
    for name in known[:-1]:
        one.board.begin(
            Upkeep(device=name, since_ms=clock.wall_ms(), duration_ms=60_000, reason="ứ" * 200, by="ứ" * 64), 0
        )
    assert announce(one, device=known[-1], reason="ứ" * 200, by="ứ" * 64)["kept"] is True
    assert desk(tmp_path, clock, known).board.active == set(known)


def test_announcements_at_the_same_time_leave_a_whole_file(tmp_path: Path, clock: VirtualClock) -> None:
    one = desk(tmp_path, clock)

    async def together() -> None:
        requests = [
            {**REQUEST, "device": name, "reason": "x" * length} for length in (1, 200) for name in ("ph-1", "io")
        ]
        await asyncio.gather(*(one.announce(request) for request in requests), one.tick())

    asyncio.run(together())
    assert desk(tmp_path, clock).board.upkeeps() == one.board.upkeeps()
