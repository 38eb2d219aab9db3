"""What is learned of a line's time, and what is said of intervals that it cannot keep; in virtual time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from config.agent import Intervals
from config.language import LANGUAGES, Language, cells
from config.points import RegisterPoint
from drivers.lines.share import LineShare
from edge_agent.cli import bus_page, status_page
from edge_agent.core.bus_time import ENOUGH_POLLS, JUDGEMENTS, BusTime, LineLoad
from edge_agent.core.poll_plan import PollPlan
from edge_agent.shell.devices import Device
from edge_agent.shell.poller import Poller
from tests.unit.edge_agent.virtual_agent import (
    MemoryBus,
    MemoryDriver,
    VirtualClock,
    memory_device,
    run_for,
    run_virtual,
    silent,
    spec,
)


def learned(intervals_s: Sequence[float], cost_s: Sequence[float], seconds: float) -> BusTime:
    """Return what a device's polls teach on a line that is free: each group costs its time alone."""
    plan = PollPlan.of({interval: (number,) for number, interval in enumerate(intervals_s)}, 0.0)
    found, now_s = BusTime(), 0.0
    while now_s < seconds:
        now_s = max(now_s, plan.next_due_s)
        plan.take(now_s)
        held_s = sum(cost_s[group] for group in plan.taken)
        found.add(plan.taken, held_s, answered=True)
        now_s += held_s
    return found


def test_the_need_is_the_cost_of_each_group_by_its_interval() -> None:
    found = learned([1.0, 5.0, 60.0], [0.1, 0.4, 1.2], 600.0)
    assert found.need([1.0, 5.0, 60.0]) == pytest.approx(0.1 + 0.08 + 0.02)
    assert found.worst_s == pytest.approx(1.7)


@given(st.floats(0.01, 0.3), st.floats(0.01, 2.0))
def test_a_line_that_is_too_slow_is_known_for_it_though_nothing_is_read_alone(fast_s: float, normal_s: float) -> None:
    true_need = fast_s / 0.1 + normal_s / 0.5
    need = learned([0.1, 0.5], [fast_s, normal_s], 60.0).need([0.1, 0.5])
    assert need is not None
    if true_need > 1.05:
        assert need > 1.0
    elif true_need < 0.8:
        assert need == pytest.approx(true_need, rel=0.01)


def test_points_that_are_read_once_cost_nothing_in_the_long_run() -> None:
    found = learned([1.0, math.inf], [0.1, 5.0], 100.0)
    assert found.need([1.0, math.inf]) == pytest.approx(0.1)


def test_before_enough_polls_and_from_time_outs_nothing_is_learned() -> None:
    found = BusTime()
    for _ in range(ENOUGH_POLLS - 1):
        found.add((0,), 0.2, answered=True)
    for _ in range(50):
        found.add((0,), 1.5, answered=False)
    assert found.need([1.0]) is None
    assert found.worst_s == 1.5
    found.add((0,), 0.2, answered=True)
    assert found.need([1.0]) == pytest.approx(0.2)
    assert found.answered.mean_s == pytest.approx(0.2)


def test_a_replaced_device_is_learned_anew() -> None:
    found = BusTime()
    for held_s in [0.5] * 100 + [0.1] * 100:
        found.add((0,), held_s, answered=True)
    assert found.need([1.0]) == pytest.approx(0.1, rel=0.01)


def test_it_is_said_once_and_once_when_it_is_over() -> None:
    load = LineLoad()
    said = [load.judge(10.0, need, held_s=0.0, dropped=0) for need in [0.5] * 5 + [1.2] * 20 + [0.98] * 9 + [0.6] * 20]
    assert [one for one in said if one] == ["short", "over"]
    assert said.index("short") == 5 + JUDGEMENTS - 1
    assert said.index("over") == 5 + 20 + 9 + JUDGEMENTS - 1


def test_one_long_window_is_no_news() -> None:
    load = LineLoad()
    assert {load.judge(10.0, need, 0.0, 0) for need in [0.5, 1.5, 1.5, 0.5] * 20} == {None}


def test_what_a_line_carries_is_seen_where_polls_are_dropped() -> None:
    load = LineLoad()
    for window in range(1, 5):
        load.judge(10.0, 0.93, held_s=9.0 * window, dropped=window)
    assert (load.carries, load.too_short) == (0.9, True)
    # A process that stood still drops polls as well.
    load.judge(10.0, 0.2, held_s=36.5, dropped=99)
    assert load.carries == 0.7
    load.judge(10.0, 0.2, held_s=46.0, dropped=99)
    assert load.carries == 0.95


class _Metered(MemoryDriver):
    share: LineShare

    async def _request(self, error: Any) -> None:
        try:
            await super()._request(error)
        finally:
            self.share.held_s += self.timeout_s if error else self.answer_s


def metered(
    clock: VirtualClock, bus: MemoryBus, name: str, specs: Sequence[RegisterPoint], fast_s: float
) -> tuple[Device, _Metered]:
    device, _ = memory_device(clock, specs, name=name, bus=bus, intervals=Intervals(fast_s=fast_s))
    driver = _Metered(name, specs, clock, bus)
    driver.share = LineShare(device.line)
    return replace(device, driver=driver, share=driver.share), driver


def test_the_poller_says_that_a_cycle_is_too_short_and_that_it_is_over() -> None:
    clock = VirtualClock()
    bus = MemoryBus(clock)
    made = [metered(clock, bus, f"m-{number}", [spec("u1", poll="fast")], 1.0) for number in range(3)]
    for _, driver in made:
        driver.answer_s = 0.4
    poller = Poller(tuple(device for device, _ in made), clock, lambda _, __: None)

    async def scenario() -> None:
        await run_for(300.0, poller.run())
        assert poller.line_loads.loads["bus"].too_short
        for _, driver in made:
            driver.answer_s = 0.1
        await run_for(300.0, poller.run())

    with capture_logs() as logs:
        run_virtual(clock, scenario())
    said = [entry for entry in logs if str(entry["event"]).startswith("cycle")]
    assert [entry["event"] for entry in said] == ["cycle too short", "cycle long enough"]
    assert said[0]["line"] == "bus"
    assert said[0]["needs"] == pytest.approx(1.2, abs=0.02)
    (load,) = poller.line_loads.status()
    assert load["share"] == pytest.approx(0.3, abs=0.03)
    assert load["needs"] == pytest.approx(0.3, abs=0.02)
    for device in poller.status(clock.monotonic_ms()):
        assert device["bus_mean_s"] == pytest.approx(0.1, abs=0.01)
        assert device["bus_worst_s"] == 0.4


def test_a_silent_device_makes_no_cycle_too_short() -> None:
    clock = VirtualClock()
    bus = MemoryBus(clock)
    (good, driver), (dead, dead_driver) = (
        metered(clock, bus, name, [spec("u1", poll="fast")], 1.0) for name in ("good", "dead")
    )
    driver.answer_s = 0.2
    dead_driver.error = silent()
    poller = Poller((good, dead), clock, lambda _, __: None)
    with capture_logs() as logs:
        run_virtual(clock, run_for(600.0, poller.run()))
    assert [entry for entry in logs if str(entry["event"]).startswith("cycle")] == []
    needs = {device["device"]: device["bus_need"] for device in poller.status(clock.monotonic_ms())}
    assert needs == {"good": pytest.approx(0.2), "dead": None}
    assert poller.line_loads.loads["bus"].need == pytest.approx(0.2)


def status(lines: int, devices: int) -> dict[str, Any]:
    return {
        "lines": [
            {"line": f"tu-chieu-sang-{n:03}-bus", "share": 0.9, "needs": 1.31, "carries": 0.97, "cycle_too_short": True}
            for n in range(lines)
        ],
        "devices": [
            {
                "device": f"tu-chieu-sang-{n:03}-dong-ho-ba-pha",
                "line": "tu-chieu-sang-017-bus",
                "bus_mean_s": 0.1234,
                "bus_worst_s": 1234.5,
                "bus_share": 0.004,
                "bus_need": None if n % 2 else n / 100,
            }
            for n in range(devices)
        ],
    }


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_of_bus_times_fits_a_terminal(language: Language, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMPLIGHTER_LANG", language)
    page = bus_page.bus_lines(status(40, 300))
    assert len(page) <= 24
    assert ("LÂU NHẤT" if language == "vi" else "WORST") in page[8]
    assert max(cells(line) for line in page) <= 80
    shown = [line for line in page if "0.123 s" in line]
    assert shown[0].startswith("tu-chieu-sang-298-")
    assert len(bus_page.bus_lines(status(40, 300), show_all=True)) == 40 + 2 + 300


def test_the_main_page_names_two_short_lines_and_counts_the_rest() -> None:
    lines = status_page.short_cycles(status(5, 0))
    text = " ".join(lines)
    assert "tu-chieu-sang-000-bus" in text
    assert "131 %" in text
    assert "97 %" in text
    assert "tu-chieu-sang-002-bus" not in text
    assert len(lines) <= 5
    assert status_page.short_cycles({"lines": []}) == []
