from __future__ import annotations

import pytest

from config.points import RegisterPoint, Table
from config.profile import DeviceLimits, load_modbus_profile
from drivers.modbus.plan import plan_reads


def at(address: int, kind: str = "uint16", table: Table = "holding") -> RegisterPoint:
    return RegisterPoint.model_validate(
        {"key": f"p{address}", "en": "", "vi": "", "table": table, "address": address, "type": kind}
    )


def shapes(
    points: list[RegisterPoint], limits: DeviceLimits, alone: tuple[int, ...] = ()
) -> list[tuple[str, int, int]]:
    return [(request.table, request.address, request.count) for request in plan_reads(points, limits, alone)]


NO_HOLES = DeviceLimits(max_hole_registers=0, max_hole_bits=0)


def test_neighbours_share_a_request_and_holes_are_not_read_where_they_cost_more() -> None:
    points = [at(4, "float32"), at(0), at(1), at(2, "float32"), at(7)]
    assert shapes(points, NO_HOLES) == [("holding", 0, 6), ("holding", 7, 1)]
    assert shapes(points, DeviceLimits(max_hole_registers=1)) == [("holding", 0, 8)]
    assert shapes([*points, at(10)], DeviceLimits(max_hole_registers=1)) == [("holding", 0, 8), ("holding", 10, 1)]


def test_holes_are_counted_and_left_out_on_demand() -> None:
    points = [at(0), at(3), at(5, "float32"), at(5)]
    (request,) = plan_reads(points, DeviceLimits())
    assert (request.count, request.holes) == (7, 3)
    assert [one.holes for one in plan_reads(points, DeviceLimits(), across_holes=False)] == [0, 0, 0]


def test_no_hole_is_read_over_a_forbidden_range() -> None:
    limits = DeviceLimits(forbidden=(("holding", 9, 9), ("input", 4, 4), ("holding", 2, 2), ("holding", 0, 0)))
    points = [at(1), at(3), at(5), at(8), at(10)]
    assert shapes(points, limits) == [("holding", 1, 1), ("holding", 3, 6), ("holding", 10, 1)]


def test_bits_have_holes_of_their_own() -> None:
    points = [at(0, "bool", "coil"), at(40, "bool", "coil"), at(0), at(40)]
    assert shapes(points, DeviceLimits()) == [("coil", 0, 41), ("holding", 0, 1), ("holding", 40, 1)]


def test_positions_and_offsets_find_each_point() -> None:
    request = plan_reads([at(12, "float32"), at(10), at(11)], DeviceLimits())[0]
    assert request.positions == (1, 2, 0)
    assert request.offsets == (0, 1, 2)


def test_tables_are_never_mixed() -> None:
    points = [at(0), at(1, table="input"), at(0, "bool", "coil"), at(1, "bool", "discrete")]
    assert [table for table, _, _ in shapes(points, DeviceLimits())] == ["coil", "discrete", "holding", "input"]


def test_a_request_ends_before_the_limit_cuts_a_point() -> None:
    points = [at(2 * place, "float32") for place in range(4)]
    assert shapes(points, DeviceLimits(max_registers=5)) == [("holding", 0, 4), ("holding", 4, 4)]


def test_bits_have_a_limit_of_their_own() -> None:
    points = [at(place, "bool", "coil") for place in range(10)]
    assert shapes(points, DeviceLimits(max_registers=1, max_bits=8)) == [("coil", 0, 8), ("coil", 8, 2)]


def test_points_set_apart_share_with_nobody() -> None:
    points = [at(0), at(1), at(2), at(3)]
    assert shapes(points, DeviceLimits(), (1,)) == [("holding", 0, 1), ("holding", 1, 1), ("holding", 2, 2)]


def test_a_point_inside_another_is_read_with_it() -> None:
    points = [at(0, "uint64"), at(1), at(4)]
    assert shapes(points, DeviceLimits()) == [("holding", 0, 5)]


def test_a_point_wider_than_the_limit_is_refused() -> None:
    with pytest.raises(ValueError, match="takes 4 registers, the device gives 3"):
        plan_reads([at(0, "uint64")], DeviceLimits(max_registers=3))


def test_a_point_in_a_forbidden_range_is_refused() -> None:
    limits = DeviceLimits(forbidden=(("holding", 11, 20),))
    assert shapes([at(10), at(21)], limits) == [("holding", 10, 1), ("holding", 21, 1)]
    with pytest.raises(ValueError, match="forbidden holding range 11 to 20"):
        plan_reads([at(10, "float32")], limits)


def test_the_meter_takes_eight_requests_without_holes_and_five_with() -> None:
    profile = load_modbus_profile("eastron-sdm630")
    assert len(plan_reads(profile.points, profile.limits)) == 5
    requests = plan_reads(profile.points, profile.limits, across_holes=False)
    assert [(hex(request.address), request.count) for request in requests] == [
        ("0x0", 36),
        ("0x34", 2),
        ("0x38", 2),
        ("0x3c", 4),
        ("0x46", 6),
        ("0xc8", 6),
        ("0xe0", 2),
        ("0x156", 2),
    ]


BLOCK = DeviceLimits(blocks=(("holding", 10, 19), ("holding", 24, 25)))


def test_what_lies_in_a_block_comes_by_a_read_of_the_whole_block() -> None:
    (request,) = plan_reads([at(14, "float32"), at(11)], BLOCK)
    assert (request.address, request.count, request.holes) == (10, 10, 0)
    assert (request.positions, request.offsets) == ((1, 0), (1, 4))
    # Nothing of it is read along with its neighbours, nor over it.
    points = [at(9), at(12), at(20), at(23), at(24), at(26)]
    assert shapes(points, BLOCK) == [
        ("holding", 9, 1),
        ("holding", 10, 10),
        ("holding", 20, 4),
        ("holding", 24, 2),
        ("holding", 26, 1),
    ]
    assert shapes([at(23), at(26)], BLOCK) == [("holding", 23, 1), ("holding", 26, 1)]
    assert shapes([at(12, table="input")], BLOCK) == [("input", 12, 1)]


def test_a_point_of_a_block_that_stands_alone_reads_it_whole_for_itself() -> None:
    points = [at(10), at(12), at(19)]
    assert shapes(points, BLOCK, alone=(1,)) == [("holding", 10, 10)] * 3


def test_half_a_block_and_one_too_long_are_refused() -> None:
    with pytest.raises(ValueError, match="'p19' lies half in the block 10 to 19"):
        plan_reads([at(19, "float32")], BLOCK)
    with pytest.raises(ValueError, match="longer than the device gives"):
        plan_reads([at(12)], BLOCK.model_copy(update={"max_registers": 9}))
