"""A healthy device on Modbus TCP is polled without a task; whatever goes wrong is met as everywhere else."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from config.agent import DeviceConfig, Intervals, TcpLine
from contract.reading import Block, Cause
from drivers.base import DevicePoint
from drivers.errors import LineDownError
from drivers.lines.memory import VirtualTime
from drivers.lines.share import LineShare
from drivers.lines.tcp import TcpConnectionLine
from drivers.modbus.driver import ModbusDriver, Taken
from drivers.modbus.frames import TcpExchange, read_pdu
from edge_agent.shell.device_poller import DevicePoller
from edge_agent.shell.devices import Device
from firmware_sim.core.counter import Counter as Registers
from firmware_sim.core.faults import Fault
from firmware_sim.core.noise import Noise
from firmware_sim.core.station import Station
from tests.system.faulty_reads import PROFILE, UNIT, WINDOWS, expected, point
from tests.unit.field.counted_faults import TIMEOUT_S, Case, Network, all_cases

POINTS = WINDOWS[3]
CASES = [case for case in all_cases() if case.transport == "tcp" and (case.fault, case.code) != ("exception", 1)]
CASES = [case for case in CASES if (case.fault, case.code) != ("exception", 2)]


class CountedDriver(ModbusDriver):
    quick = slow = 0

    def begin_read(self, points: Sequence[DevicePoint], taken: Taken) -> bool:
        begun = super().begin_read(points, taken)
        self.quick += begun
        return begun

    async def read(self, points: Sequence[DevicePoint]) -> Block:
        self.slow += 1
        return await super().read(points)


@dataclass
class Field:
    """One device behind one connection, polled by the agent's poller in virtual time."""

    interval_s: float = 1.0
    points: tuple[DevicePoint, ...] = POINTS
    blocks: list[Block] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.time = VirtualTime()
        self.station = Station("meter", UNIT, Registers(UNIT, mode="fixed"), Noise(1, "meter"))
        config = TcpLine(id="net", kind="tcp", host="192.0.2.1", timeout_s=TIMEOUT_S)
        self.line = TcpConnectionLine(config, self.time)
        share = LineShare(self.line)
        self.driver = CountedDriver("meter", UNIT, self.points, PROFILE, share, self.time)
        device = Device(
            config=DeviceConfig(id="meter", profile="pattern", line="net", unit=UNIT),
            profile=PROFILE,
            line=self.line,
            line_config=config,
            driver=self.driver,
            intervals=Intervals(normal_s=self.interval_s),
            share=share,
        )
        self.poller = DevicePoller(device, self.time, self.take)

    def take(self, _device: Device, block: Block) -> None:
        self.blocks.append(block)

    def play(self, scenario: Coroutine[Any, Any, None]) -> None:
        loop = Network(self.time, self.station, "tcp")
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(scenario)

    def poll(self, seconds: float) -> None:
        async def polled() -> None:
            polling = asyncio.create_task(self.poller.run())
            await asyncio.sleep(seconds)
            polling.cancel()
            await asyncio.wait([polling])

        self.play(polled())

    @property
    def outcomes(self) -> Counter[str]:
        found: Counter[str] = Counter()
        for block in self.blocks:
            causes = set(block.causes.values())
            sound = zip(block.values, expected(self.points), strict=len(block.keys) == len(self.points))
            assert all(value in {None, wanted} for value, wanted in sound)
            found["right" if not causes else str(causes.pop())] += 1
        return found


def test_a_sound_device_is_polled_without_a_task_at_its_deadlines() -> None:
    field = Field()
    field.poll(60.5)
    assert field.outcomes == {"right": 61}
    assert (field.driver.slow, field.driver.quick) == (1, 60)
    times = [block.monotonic_ms for block in field.blocks[1:]]
    assert {later - earlier for earlier, later in itertools.pairwise(times)} == {1000}
    # The first of them proved that the device is there.
    assert field.poller.counters.polls - 1 == field.line.counters.requests == field.line.counters.replies == 61
    assert field.poller.bus_time.answered.mean_s == pytest.approx(0.005, rel=0.1)
    assert field.poller.held_s == pytest.approx(field.line.counters.busy_s)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_fault_is_what_it_is_for_a_task(case: Case) -> None:
    field = Field()
    field.station.faults[case.fault] = case.told(0.25)
    field.poll(300.0)
    field.station.faults.clear()
    before = len(field.blocks)
    faults = field.station.counters.faults[case.fault]
    assert faults > 20
    allowed = {str(cause) for cause in case.causes} | {"right", str(Cause.SET_ASIDE)}
    assert set(field.outcomes) <= allowed
    assert field.outcomes["right"] > 50
    assert field.driver.quick > 50
    if "right" not in case.causes:
        assert sum(field.outcomes[str(cause)] for cause in case.causes) > 0
    field.poll(400.0)
    # Sound again, in a loop of its own: nothing of the first was left behind.
    assert {str(cause) for block in field.blocks[before + 2 :] for cause in block.causes.values()} <= {"set_aside"}
    assert field.blocks[-1].causes == {}


def test_a_command_goes_between_two_polls_and_the_lane_is_taken_again() -> None:
    field = Field(interval_s=0.001)

    async def scenario() -> None:
        polling = asyncio.create_task(field.poller.run())
        await asyncio.sleep(1.0)
        asked = field.line.counters.requests
        for _ in range(5):
            await field.line.exchange(TcpExchange(UNIT, read_pdu(3, 500, 1)), urgent=True)
        # Before each of them one poll at most had the line.
        assert field.line.counters.requests - asked <= 11
        quick = field.driver.quick
        await asyncio.sleep(1.0)
        assert field.driver.quick > quick + 100
        polling.cancel()
        await asyncio.wait([polling])

    field.play(scenario())
    assert set(field.outcomes) == {"right"}


def test_points_beside_the_plan_are_read_at_once() -> None:
    field = Field(interval_s=10.0)

    async def scenario() -> None:
        polling = asyncio.create_task(field.poller.run())
        await asyncio.sleep(15.0)
        assert len(field.blocks) == 2
        field.poller.reread(field.points[:1])
        await asyncio.sleep(0.1)
        assert [block.keys for block in field.blocks[2:]] == [(field.points[0].key,)]
        await asyncio.sleep(20.0)
        assert [block.keys for block in field.blocks[3:]] == [tuple(one.key for one in field.points)] * 2
        polling.cancel()
        await asyncio.wait([polling])

    field.play(scenario())


@pytest.mark.parametrize("after_s", [0.0, 0.001, 0.1, TIMEOUT_S * 0.99])
def test_who_stops_polling_leaves_a_free_line(after_s: float) -> None:
    field = Field()

    async def scenario() -> None:
        polling = asyncio.create_task(field.poller.run())
        await asyncio.sleep(4.5)
        field.station.faults["silent"] = Fault(name="silent")
        await asyncio.sleep(0.5 + after_s)
        polling.cancel()
        await asyncio.wait([polling])
        field.station.faults.clear()
        await field.line.exchange(TcpExchange(UNIT, read_pdu(3, 500, 1)))
        await field.line.close()

    field.play(scenario())
    assert set(field.outcomes) == {"right"}


def test_an_error_of_who_takes_the_readings_ends_the_poller() -> None:
    field = Field()

    async def scenario() -> None:
        polling = asyncio.create_task(field.poller.run())
        await asyncio.sleep(3.5)
        field.poller._sink = lambda *_: 1 / 0  # type: ignore[assignment]  # an error of programming
        with pytest.raises(ZeroDivisionError):
            await asyncio.wait_for(polling, 5)

    field.play(scenario())


def test_polls_of_several_requests_are_not_tried_for_ever() -> None:
    field = Field(points=(point(0), point(1), point(3000), point(3001)))
    field.poll(60.5)
    assert field.outcomes == {"right": 61}
    assert (field.driver.quick, field.driver.slow) == (0, 61)
    assert field.poller._lane is not None
    assert not field.poller._lane.is_open


def test_a_line_that_goes_away_is_told_and_found_again() -> None:
    field = Field()

    async def scenario() -> None:
        polling = asyncio.create_task(field.poller.run())
        await asyncio.sleep(5.5)
        field.station.faults["disconnect"] = Fault(name="disconnect")
        await asyncio.sleep(2.0)
        field.station.faults.clear()
        await asyncio.sleep(5.0)
        polling.cancel()
        await asyncio.wait([polling])

    field.play(scenario())
    assert field.outcomes["line_down"] == 2
    assert field.blocks[-1].causes == {}
    assert field.poller.counters.failures == {LineDownError("").cause: 2}
