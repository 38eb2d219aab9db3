from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from dataclasses import replace

import pytest

from config.agent import Intervals
from contract.reading import Block, Cause
from drivers.errors import LineDownError, UnsupportedError
from edge_agent.shell.devices import Device
from edge_agent.shell.poller import Poller
from tests.unit.edge_agent.virtual_agent import (
    MemoryBus,
    VirtualClock,
    memory_device,
    run_for,
    run_virtual,
    silent,
    spec,
)

U1 = spec("u1", unit="V", poll="fast", urgent=True, urgent_levels=(115.0, 195.0))
MAINS = spec("mains_ok", table="discrete", type="bool", poll="fast", urgent=True)
ENERGY = spec("energy", unit="Wh", poll="slow")
POWER = spec("p", unit="W")


class Sink(list[Block]):
    def __call__(self, device: Device, block: Block) -> None:
        assert device.id == block.device
        self.append(block)

    def causes(self) -> list[Cause]:
        return [next(iter(block.causes.values()), Cause.OK) for block in self]


def poll_for(clock: VirtualClock, seconds: float, *devices: Device) -> tuple[Poller, Sink]:
    sink = Sink()
    poller = Poller(devices, clock, sink)
    run_virtual(clock, run_for(seconds, poller.run()))
    return poller, sink


def test_each_class_has_its_interval_and_shares_reads() -> None:
    clock = VirtualClock()
    device, driver = memory_device(clock, [U1, POWER, ENERGY])
    poll_for(clock, 120.5, device)
    counts = {key: sum(key in keys for _, keys in driver.reads) for key in ("u1", "p", "energy")}
    assert counts == {"u1": 121, "p": 25, "energy": 3}
    assert len(driver.reads) == 121


def test_deadlines_do_not_drift() -> None:
    clock = VirtualClock()
    device, driver = memory_device(clock, [U1])
    driver.answer_s = 0.3
    poll_for(clock, 600.5, device)
    assert driver.reads[-1][0] - driver.reads[1][0] == pytest.approx(599.0, abs=0.01)


def test_overdue_polls_are_dropped_not_queued() -> None:
    clock = VirtualClock()
    device, driver = memory_device(clock, [U1])
    driver.answer_s = 2.5
    poller, _ = poll_for(clock, 60.0, device)
    # Back to back, 2.5 s each, never a queue: what was missed is counted.
    assert len(driver.reads) == pytest.approx(24, abs=1)
    assert poller.pollers["meter"].plan.dropped == pytest.approx(36, abs=2)


def test_starts_are_staggered_over_a_line() -> None:
    clock = VirtualClock()
    bus = MemoryBus(clock)
    pairs = [memory_device(clock, [U1], name=f"m{number}", bus=bus) for number in range(10)]
    for _, driver in pairs:
        driver.answer_s = 0.001
    poll_for(clock, 5.0, *(device for device, _ in pairs))
    starts = [driver.probes[0] for _, driver in pairs]
    assert [round(later - earlier, 3) for earlier, later in itertools.pairwise(starts)] == [0.1] * 9


def test_lines_begin_one_after_the_other_too() -> None:
    clock = VirtualClock()
    pairs = [memory_device(clock, [U1], name=f"m{number}") for number in range(10)]
    devices = [
        replace(device, config=device.config.model_copy(update={"line": f"line-{number // 2}"}))
        for number, (device, _) in enumerate(pairs)
    ]
    for _, driver in pairs:
        driver.answer_s = 0.001
    poll_for(clock, 5.0, *devices)
    starts = sorted(driver.probes[0] for _, driver in pairs)
    assert [round(later - earlier, 3) for earlier, later in itertools.pairwise(starts)] == [0.1] * 9


@pytest.mark.parametrize(
    ("lines", "at_once", "bursts"), [(1, 1, 1), (4, 1, 4), (10, 1, 10), (25, 3, 10), (100, 10, 10)]
)
def test_lines_begin_in_bursts_over_an_interval(lines: int, at_once: int, bursts: int) -> None:
    clock = VirtualClock()
    pairs = []
    for number in range(lines):
        device, driver = memory_device(clock, [U1], name=f"m{number}")
        driver.answer_s = 0.0
        line = device.config.model_copy(update={"line": f"line-{number}"})
        pairs.append((replace(device, config=line), driver))
    poll_for(clock, 2.0, *(device for device, _ in pairs))
    begun = Counter(round(driver.probes[0], 2) for _, driver in pairs)
    assert (max(begun.values()), len(begun)) == (at_once, bursts)
    assert max(begun) - min(begun) == pytest.approx(1 - 1 / bursts, abs=0.01)


def test_a_driver_error_becomes_bad_with_its_cause() -> None:
    clock = VirtualClock()
    device, driver = memory_device(clock, [U1])
    driver.error = LineDownError("no such device")
    poller, sink = poll_for(clock, 0.6, device)
    assert sink.causes() == [Cause.LINE_DOWN]
    assert sink[0].values == (None,)
    assert poller.status(clock.monotonic_ms())[0]["failures"] == {"line_down": 1}


def test_a_dead_device_is_told_once_then_slowly_and_comes_back() -> None:
    clock = VirtualClock()
    device, driver = memory_device(clock, [U1, POWER])
    driver.error = silent()
    sink = Sink()
    poller = Poller((device,), clock, sink)

    async def scenario() -> None:
        await run_for(200.0, poller.run())

    run_virtual(clock, scenario())
    aside = [block for block in sink if Cause.SET_ASIDE in block.causes.values()]
    assert [set(block.keys) for block in aside] == [{"u1", "p"}] * len(aside)
    assert len(aside) == 4
    status = poller.status(clock.monotonic_ms())[0]
    assert status["set_aside"] is True
    assert status["last_good_age_s"] is None


def test_a_device_that_returns_is_read_whole_at_once() -> None:
    clock = VirtualClock()
    device, driver = memory_device(clock, [U1, ENERGY])
    driver.error = silent()
    sink = Sink()
    poller = Poller((device,), clock, sink)

    async def heal() -> None:
        await asyncio.sleep(60.0)
        driver.error = None
        await asyncio.sleep(1e9)

    run_virtual(clock, run_for(80.0, poller.run(), heal()))
    good = [block for block in sink if not block.causes]
    assert set(good[0].keys) == {"u1", "energy"}
    assert driver.probes[-1] <= good[0].observed_at_ms / 1000
    assert not poller.pollers["meter"].breaker.is_open
    assert poller.pollers["meter"].bad_points == {}


def test_a_dead_device_leaves_its_line_to_the_others() -> None:
    clock = VirtualClock()
    bus = MemoryBus(clock)
    dead, dead_driver = memory_device(clock, [U1], name="dead", bus=bus, timeout_s=1.0)
    alive, driver = memory_device(clock, [U1], name="alive", bus=bus)
    dead_driver.error = silent()
    poll_for(clock, 3600.0, dead, alive)
    cost_s = sum(seconds for device, seconds in bus.busy if device == "dead")
    # Six seconds of failures open the breaker, after that one part in twenty.
    assert cost_s <= 0.05 * 3600 + 6
    assert len(driver.reads) >= 3500


def test_a_wrong_type_is_unsupported_told_once_and_tried_slowly() -> None:
    clock = VirtualClock()
    device, driver = memory_device(clock, [U1, POWER])
    driver.probe_error = UnsupportedError("u1 is 3e-41, not 150 to 300 V")
    poller, sink = poll_for(clock, 650.0, device)
    assert len(driver.probes) == 3
    assert driver.reads == []
    assert set(sink.causes()) == {Cause.UNSUPPORTED}
    assert len(sink) == pytest.approx(11, abs=1)
    assert poller.status(clock.monotonic_ms())[0]["wrong_type"] is True


def test_an_unsupported_point_is_dropped_until_the_device_was_away() -> None:
    clock = VirtualClock()
    device, driver = memory_device(clock, [U1, POWER], intervals=Intervals(fast_s=1, normal_s=1))
    driver.causes["p"] = Cause.UNSUPPORTED
    sink = Sink()
    poller = Poller((device,), clock, sink)

    async def away() -> None:
        await asyncio.sleep(10.0)
        driver.error = silent()
        await asyncio.sleep(30.0)
        driver.error = None
        driver.causes.clear()
        await asyncio.sleep(1e9)

    run_virtual(clock, run_for(60.0, poller.run(), away()))
    before = [keys for at_s, keys in driver.reads if at_s < 1010]
    after = [keys for at_s, keys in driver.reads if at_s > 1045]
    assert [keys for keys in before if "p" in keys] == [("u1", "p")]
    assert sum(keys == ("u1", "p") for keys in after) >= 10


def test_times_of_a_point_rise_strictly() -> None:
    clock = VirtualClock()
    # Faster than a configuration may ask for: as when a re-read comes in the millisecond of a poll.
    hasty = Intervals().model_copy(update={"fast_s": 0.0005})
    device, driver = memory_device(clock, [U1], intervals=hasty)
    driver.answer_s = 0.0
    _, sink = poll_for(clock, 0.2, device)
    for times in ([block.observed_at_ms for block in sink], [block.monotonic_ms for block in sink]):
        assert len(times) > 50
        assert all(later > earlier for earlier, later in itertools.pairwise(times))


def test_a_supply_change_reads_all_supplies_at_once() -> None:
    clock = VirtualClock()
    slow = Intervals(fast_s=30.0, normal_s=30.0)
    board, board_driver = memory_device(clock, [MAINS, POWER], name="io")
    meter, meter_driver = memory_device(clock, [U1, ENERGY], name="meter", intervals=slow)
    board_driver.values["mains_ok"] = True

    async def cut() -> None:
        await asyncio.sleep(10.2)
        board_driver.values["mains_ok"] = False
        await asyncio.sleep(1e9)

    sink = Sink()
    poller = Poller((board, meter), clock, sink)
    run_virtual(clock, run_for(25.0, poller.run(), cut()))
    seen_s = next(block.monotonic_ms / 1000 for block in sink if block.device == "io" and block.values[0] is False)
    reread = [(at_s, keys) for at_s, keys in meter_driver.reads if at_s > 1005]
    assert [keys for _, keys in reread] == [("u1",)]
    assert reread[0][0] == pytest.approx(seen_s, abs=0.01)


def test_a_flickering_supply_does_not_flood_the_line() -> None:
    clock = VirtualClock()
    meter, driver = memory_device(clock, [U1], intervals=Intervals(fast_s=0.1))
    sink = Sink()
    poller = Poller((meter,), clock, sink)

    async def flicker() -> None:
        while True:
            await asyncio.sleep(0.05)
            driver.values["u1"] = 0.0 if driver.values["u1"] else 230.0

    run_virtual(clock, run_for(30.0, poller.run(), flicker()))
    assert len(driver.reads) <= 30 * 10 + 30 + 5


def test_each_connection_reads_the_alarm_points_again() -> None:
    clock = VirtualClock()
    slow = Intervals(fast_s=600.0, normal_s=600.0)
    device, driver = memory_device(clock, [U1, POWER], intervals=slow)
    sink = Sink()
    poller = Poller((device,), clock, sink)

    async def connect() -> None:
        await asyncio.sleep(5.0)
        poller.reread_alarms()
        await asyncio.sleep(1e9)

    run_virtual(clock, run_for(10.0, poller.run(), connect()))
    assert [keys for _, keys in driver.reads] == [("u1", "p"), ("u1",)]


def test_passes_stop_while_a_line_is_stuck() -> None:
    clock = VirtualClock()
    device, driver = memory_device(clock, [U1])
    driver.answer_s = 1e7
    poller, _ = poll_for(clock, 300.0, device)
    assert 30 <= poller.passes <= 40
    healthy, _ = poll_for(VirtualClock(), 300.0)
    assert healthy.passes in {299, 300}


def test_a_meter_that_was_set_aside_is_tried_at_once_when_the_supply_changes() -> None:
    clock = VirtualClock()
    bus = MemoryBus(clock)
    board, board_driver = memory_device(clock, [MAINS], name="io", bus=bus)
    meter, meter_driver = memory_device(clock, [U1, ENERGY], name="meter", bus=bus, timeout_s=1.0)
    other, other_driver = memory_device(clock, [POWER], name="other", bus=bus, timeout_s=1.0)
    board_driver.values["mains_ok"] = True
    other_driver.error = silent()
    restored_s = 1200.3

    async def lose_and_restore() -> None:
        await asyncio.sleep(20.0)
        board_driver.values["mains_ok"] = False
        meter_driver.error = silent()
        await asyncio.sleep(restored_s - clock.now_s)
        board_driver.values["mains_ok"] = True
        # The meter needs a while to start: the first hasty probe finds it silent.
        await asyncio.sleep(4.0)
        meter_driver.error = None
        await asyncio.sleep(1e9)

    sink = Sink()
    poller = Poller((board, meter, other), clock, sink)
    run_virtual(clock, run_for(260.0, poller.run(), lose_and_restore()))
    back_s = next(
        block.monotonic_ms / 1000
        for block in sink
        if block.device == "meter" and not block.causes and block.monotonic_ms / 1000 > restored_s
    )
    tries = [at_s for at_s in meter_driver.probes if restored_s < at_s < restored_s + 4.0]
    assert tries[0] == pytest.approx(restored_s + 0.7, abs=1.1)
    assert back_s < restored_s + 4.0 + 3.2
    # What does not tell of the supply keeps its pause.
    assert len([at_s for at_s in other_driver.probes if restored_s < at_s < restored_s + 18.0]) <= 1


def test_a_wrong_answer_of_a_meter_that_starts_does_not_shut_it_out() -> None:
    clock = VirtualClock()
    board, board_driver = memory_device(clock, [MAINS], name="io")
    meter, meter_driver = memory_device(clock, [U1], name="meter")
    board_driver.values["mains_ok"] = False
    meter_driver.error = silent()

    async def restore() -> None:
        await asyncio.sleep(60.0)
        board_driver.values["mains_ok"] = True
        meter_driver.error, meter_driver.probe_error = None, UnsupportedError("frequency is 3e-41")
        await asyncio.sleep(12.0)
        meter_driver.probe_error = None
        await asyncio.sleep(1e9)

    sink = Sink()
    poller = Poller((board, meter), clock, sink)
    run_virtual(clock, run_for(85.0, poller.run(), restore()))
    good = [block.monotonic_ms / 1000 for block in sink if block.device == "meter" and not block.causes]
    assert good[0] < 1000 + 60 + 12 + 3


def test_a_chattering_supply_input_leaves_the_line_to_the_others() -> None:
    clock = VirtualClock()
    bus = MemoryBus(clock)
    board, board_driver = memory_device(clock, [MAINS], name="io", bus=bus)
    meter, meter_driver = memory_device(clock, [U1], name="meter", bus=bus, timeout_s=1.0)
    meter_driver.error = silent()

    async def chatter() -> None:
        while True:
            await asyncio.sleep(0.7)
            board_driver.values["mains_ok"] = not board_driver.values["mains_ok"]

    sink = Sink()
    poller = Poller((board, meter), clock, sink)
    run_virtual(clock, run_for(3600.0, poller.run(), chatter()))
    cost_s = sum(seconds for device, seconds in bus.busy if device == "meter")
    # A twentieth, and a window of haste every two minutes.
    assert cost_s <= 0.05 * 3600 + (3600 / 120 + 4) * 10 + 6
    assert len(board_driver.reads) >= 3300


def test_a_point_has_an_interval_of_its_own_beside_its_class() -> None:
    clock = VirtualClock()
    device, driver = memory_device(clock, [POWER, spec("t", poll="fast", interval_s=12)])
    poll_for(clock, 60.5, device)
    assert {key: sum(key in keys for _, keys in driver.reads) for key in ("p", "t")} == {"p": 13, "t": 6}


def test_what_is_read_once_is_read_again_when_the_device_was_away() -> None:
    clock = VirtualClock()
    device, driver = memory_device(clock, [POWER, spec("serial", poll="once")])
    sink = Sink()
    found: list[float] = []
    poller = Poller((device,), clock, sink, lambda _device: found.append(clock.now_s))

    async def away() -> None:
        await asyncio.sleep(100.0)
        driver.error = silent()
        await asyncio.sleep(60.0)
        driver.error = None
        await asyncio.sleep(1000.0)

    run_virtual(clock, run_for(400.0, poller.run(), away()))
    once = [at_s for at_s, keys in driver.reads if "serial" in keys]
    assert len(once) == 2
    assert len(found) == 2
    assert found[0] <= once[0]
    assert found[1] <= once[1] < found[1] + 5.0
