from __future__ import annotations

import pytest

from config.points import RegisterPoint
from contract.reading import Block, Cause, Value
from edge_agent.core import grouping
from edge_agent.core.grouping import Grouping, level_state


def _bool(key: str, *, urgent: bool = False) -> RegisterPoint:
    return RegisterPoint(key=key, en=key, vi=key, table="discrete", address=0, type="bool", urgent=urgent)


def _volts(
    key: str = "u1", *, priority: str = "normal", levels: tuple[float, ...] = (), band: float = 0.0
) -> RegisterPoint:
    return RegisterPoint.model_validate(
        {
            "key": key, "en": key, "vi": key, "unit": "V", "table": "input", "address": 0, "type": "float32",
            "urgent": bool(levels), "urgent_levels": levels, "deadband": band, "priority": priority,
        }
    )  # fmt: skip


POINTS = {
    "mains_ok": _bool("mains_ok", urgent=True),
    "u1": _volts("u1", levels=(180.0, 253.0)),
    "frequency": _volts("frequency"),
    "serial": _volts("serial", priority="low"),
}


def _block(time_ms: int = 0, causes: dict[str, Cause] | None = None, **values: Value | None) -> Block:
    return Block(
        device="cab-1", observed_at_ms=time_ms, keys=tuple(values), values=tuple(values.values()), causes=causes or {},
        monotonic_ms=time_ms,
    )  # fmt: skip


def test_first_reading_of_an_urgent_point_is_a_change_and_repeats_are_none() -> None:
    group = Grouping()
    assert group.accept(_block(mains_ok=True, frequency=50.0), POINTS)
    assert not group.accept(_block(1, mains_ok=True, frequency=50.0), POINTS)
    assert [block.keys for block in group.urgent.take()] == [("mains_ok",)]
    assert [block.keys for block in group.normal.take()] == [("frequency",), ("mains_ok", "frequency")]


def test_a_change_takes_only_the_urgent_points_of_the_block_and_loses_none() -> None:
    group = Grouping()
    group.accept(_block(mains_ok=True, u1=230.0, frequency=50.0, serial=7.0), POINTS)
    group.urgent.take(), group.normal.take(), group.low.take()
    assert group.accept(_block(5, mains_ok=False, u1=230.0, frequency=50.0, serial=7.0), POINTS)
    (urgent,), (normal,), (low,) = group.urgent.take(), group.normal.take(), group.low.take()
    assert (urgent.keys, urgent.values) == (("mains_ok", "u1"), (False, 230.0))
    assert (normal.keys, low.keys) == (("frequency",), ("serial",))
    assert urgent.observed_at_ms == normal.observed_at_ms == low.observed_at_ms == 5


@pytest.mark.parametrize("cause", [Cause.TIMEOUT, Cause.LINE_DOWN, Cause.RANGE])
def test_good_to_bad_and_back_is_a_change(cause: Cause) -> None:
    group = Grouping()
    group.accept(_block(mains_ok=True), POINTS)
    assert group.accept(_block(1, {"mains_ok": cause}, mains_ok=None), POINTS)
    assert not group.accept(_block(2, {"mains_ok": cause}, mains_ok=None), POINTS)
    assert group.accept(_block(3, mains_ok=True), POINTS)


def test_an_uncertain_value_counts_by_its_value() -> None:
    group = Grouping()
    group.accept(_block(mains_ok=True), POINTS)
    assert not group.accept(_block(1, {"mains_ok": Cause.SIMULATED}, mains_ok=True), POINTS)
    assert group.accept(_block(2, {"mains_ok": Cause.SIMULATED}, mains_ok=False), POINTS)
    assert group.urgent.take()[-1].causes == {"mains_ok": Cause.SIMULATED}


def test_noise_at_a_level_is_no_change_but_a_crossing_is() -> None:
    group = Grouping()
    group.accept(_block(u1=252.5), POINTS)
    noisy = [253.4, 252.6, 253.9, 252.1, 254.0, 252.0]
    assert not any(group.accept(_block(time, u1=value), POINTS) for time, value in enumerate(noisy))
    assert group.accept(_block(10, u1=254.5), POINTS)
    assert not any(group.accept(_block(11 + time, u1=value), POINTS) for time, value in enumerate(noisy))
    assert group.accept(_block(20, u1=251.0), POINTS)


def test_a_value_that_jumps_over_two_levels_changes_at_once() -> None:
    point = POINTS["u1"]
    assert level_state(100.0, point, level_state(260.0, point, None)) == 0
    assert level_state(0.0, point, 1) == 0


def test_the_deadband_widens_the_hysteresis() -> None:
    point = _volts(levels=(100.0,), band=5.0)
    assert level_state(104.0, point, 0) == 0
    assert level_state(105.0, point, 0) == 1
    assert level_state(96.0, point, 1) == 1
    assert level_state(95.0, point, 1) == 0


def test_newest_urgent_points_of_every_read_can_be_sent_again() -> None:
    group = Grouping()
    group.accept(_block(1, mains_ok=True, frequency=50.0), POINTS)
    group.accept(_block(2, u1=230.0), POINTS)
    group.accept(_block(3, mains_ok=False, frequency=50.0), POINTS)
    newest = {block.keys: (block.observed_at_ms, block.values) for block in group.newest_urgent()}
    assert newest == {("mains_ok",): (3, (False,)), ("u1",): (2, (230.0,))}
    group.newest_moved(1000)
    assert {block.observed_at_ms for block in group.newest_urgent()} == {1003, 1002}


def test_a_disk_that_hangs_costs_the_oldest_readings_low_first_and_they_are_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(grouping, "MAX_WAITING_READINGS", 10)
    group = Grouping()
    for time in range(8):
        group.accept(_block(time, mains_ok=bool(time % 2), frequency=50.0, serial=1.0), POINTS)
    dropped = group.overflow()
    assert (dropped["low"].readings, dropped["normal"].readings) == (8, 6)
    assert "urgent" not in dropped
    assert (dropped["normal"].first_monotonic_ms, dropped["normal"].last_monotonic_ms) == (0, 5)
    assert [block.observed_at_ms for block in group.normal.blocks] == [6, 7]
    assert len(group.urgent.blocks) == 8
    assert group.overflow() == {}
