from __future__ import annotations

from typing import Any

import pytest

from config.agent import Allowed, DeviceConfig, SerialLine, TcpLine
from config.profile import ModbusProfile, load_profile, shipped_profiles
from drivers.base import Driver, Line
from drivers.lines.memory import VirtualTime
from drivers.modbus.plan import plan_reads
from drivers.registry import build_driver, device_points, open_line

BOARD = load_profile("waveshare-relay-d")


def board(**fields: Any) -> DeviceConfig:
    return DeviceConfig.model_validate({"id": "board", "profile": BOARD.profile, "line": "bus", **fields})


def line() -> Line:
    return open_line(SerialLine(id="bus", kind="serial", port="/nowhere"), VirtualTime())


def build(device: DeviceConfig, *allowed: Allowed) -> Driver:
    return build_driver(device, BOARD, line(), VirtualTime(), allowed)


@pytest.mark.parametrize("name", sorted(shipped_profiles()))
def test_every_shipped_profile_can_be_planned_and_says_where_it_is_from(name: str) -> None:
    profile = load_profile(name)
    assert profile.profile == name
    if isinstance(profile, ModbusProfile):
        assert plan_reads(profile.points, profile.limits)
    assert profile.source.manual
    assert all(point.en and point.vi and point.en != point.vi for point in profile.specs)


def test_points_take_the_names_of_their_device() -> None:
    points = device_points(board(names={"di1": "mains_ok"}, points=("di1", "k2")), BOARD)
    assert [(point.key, point.spec.key) for point in points] == [("k2", "k2"), ("mains_ok", "di1")]


@pytest.mark.parametrize("fields", [{"names": {"di9": "door"}}, {"points": ("di9",)}])
def test_points_that_the_profile_has_not_are_named(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="no point di9"):
        build(board(**fields))


def test_two_points_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="two points are named k2"):
        build(board(names={"k1": "k2"}))


@pytest.mark.parametrize("point", ["board/di1", "board/k9"])
def test_permission_to_write_what_cannot_be_written_is_refused(point: str) -> None:
    with pytest.raises(ValueError, match=point):
        build(board(), Allowed(point=point))


def test_permissions_of_other_devices_are_not_ours() -> None:
    assert build(board(), Allowed(point="meter/u1")).device == "board"


def test_lines_open_no_port_before_they_are_used() -> None:
    tcp = open_line(TcpLine(id="gate", kind="tcp", host="192.0.2.1"), VirtualTime())
    assert [(one.id, one.framing, one.up, one.counters.opened) for one in (line(), tcp)] == [
        ("bus", "rtu", False, 0),
        ("gate", "tcp", False, 0),
    ]
