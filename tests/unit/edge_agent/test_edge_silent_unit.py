"""What one silent unit costs its line, counted in virtual time with the agent's poller, drivers and bus rules."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field

import pytest

from config.agent import DeviceConfig, Intervals, SerialLine
from config.points import RegisterPoint, Table
from config.profile import DeviceLimits, ModbusProfile, Source
from contract.reading import Block, Cause
from drivers.lines.bus import BusTiming
from drivers.lines.memory import Answers, MemoryLine, MemoryPort, VirtualTime
from drivers.registry import build_driver
from edge_agent.shell.devices import Device
from edge_agent.shell.poller import Poller
from firmware_sim.core.codec import Request, pack
from firmware_sim.core.counter import Counter as KnownRegisters
from firmware_sim.core.server import serve
from tests.golden.test_drivers_bus import VirtualLoop
from tests.unit.edge_agent.virtual_agent import run_for

REGISTERS = 20
BAUD = 9600
LINE = SerialLine(id="bus", kind="serial", port="memory", baud=BAUD, timeout_s=0.5, quiet_pause_s=0.5)
CHARACTER_S = 10 / BAUD
READ_S = (8 + 5 + 2 * REGISTERS + 2 * 3.5) * CHARACTER_S
"""The least time of a read on the wire: request, answer, and two gaps of 3.5 characters."""
WINDOW_S = 1800.0


def registers(blocks: tuple[tuple[Table, int, int], ...] = ()) -> ModbusProfile:
    return ModbusProfile(
        profile="registers",
        version="1",
        device_class="meter",
        en="registers",
        vi="thanh ghi",
        source=Source(manual="none", page="none", origin="composed", verified_by="code"),
        limits=DeviceLimits(blocks=blocks),
        points=tuple(
            RegisterPoint(key=f"r{n}", en="r", vi="r", table="holding", address=n, type="uint16")
            for n in range(REGISTERS)
        ),
    )


@dataclass
class Bus:
    """Units with registers known beforehand, of which some are silent, polled as fast as the line lets.

    Attributes:
        mute: Unit to a range of registers that it never answers for, where its profile has a block of its own.
        good_keys: What came of such a unit.
    """

    units: int
    silent: set[int] = field(default_factory=set)
    mute: dict[int, tuple[int, int]] = field(default_factory=dict)
    good_keys: dict[int, set[str]] = field(default_factory=dict)
    reads: Counter[int] = field(default_factory=Counter)
    causes: dict[int, set[Cause]] = field(default_factory=dict)
    wrong: int = 0

    def __post_init__(self) -> None:
        self.time = VirtualTime()
        timing = BusTiming.of(LINE)
        self._twins = {
            unit: KnownRegisters(unit, mode="fixed", registers=REGISTERS) for unit in range(1, self.units + 1)
        }
        self.port = MemoryPort(self.time, timing.character_us, self._answer)
        line = MemoryLine(self.port, timing, "bus")
        devices = []
        for unit in self._twins:
            profile = registers((("holding", *self.mute[unit]),) if unit in self.mute else ())
            config = DeviceConfig(id=f"unit-{unit}", profile="registers", line="bus", unit=unit)
            devices.append(
                Device(
                    config=config,
                    profile=profile,
                    line=line,
                    line_config=LINE,
                    driver=build_driver(config, profile, line, self.time),
                    intervals=Intervals(fast_s=0.01, normal_s=0.01, slow_s=0.01),
                )
            )
        self.poller = Poller(tuple(devices), self.time, self._take)

    def _answer(self, request: bytes) -> Answers:
        asked = Request("rtu", request[0], request[1:-2])
        first, last = self.mute.get(asked.unit, (0, -1))
        if asked.unit in self.silent or first <= int.from_bytes(asked.pdu[1:3], "big") <= last:
            return []
        served = serve(self._twins[asked.unit], asked.pdu, self.time.us / 1e6)
        assert served is not None
        frame = pack(asked, served.pdu)
        # A unit answers once the line was quiet for 3.5 characters.
        return [(round((3.5 + len(frame)) * CHARACTER_S * 1e6), frame)]

    def _take(self, device: Device, block: Block) -> None:
        unit = device.config.unit
        self.causes[unit] = set(block.causes.values())
        if unit in self.mute and len(block.causes) < len(block.keys):
            good = {key: value for key, value in zip(block.keys, block.values, strict=True) if key not in block.causes}
            self.good_keys.setdefault(unit, set()).update(good)
            self.wrong += any(value != unit * 1000 + int(key[1:]) for key, value in good.items())
            self.reads[unit] += 1
        elif block.causes:
            return
        else:
            self.reads[unit] += 1
            self.wrong += block.values != tuple((unit * 1000 + n) % 65536 for n in range(REGISTERS))

    def run(self, seconds: float = WINDOW_S) -> float:
        """Poll for a virtual while; return the share of the wire's limit that good reads made."""
        self.reads.clear()
        with asyncio.Runner(loop_factory=lambda: VirtualLoop(self.time)) as runner:
            began_us = self.time.us
            runner.run(run_for(seconds, self.poller.run()))
        return self.reads.total() * READ_S / ((self.time.us - began_us) / 1e6)

    def requests(self, unit: int) -> int:
        """How often a unit was asked."""
        return sum(direction == ">>" and data[0] == unit for _, direction, data in self.port.log)


def test_a_line_without_a_silent_unit_keeps_all_of_the_wire() -> None:
    bus = Bus(12)
    assert bus.run() >= 0.99
    assert bus.wrong == 0
    assert max(bus.reads.values()) - min(bus.reads.values()) <= 2


@pytest.mark.parametrize("units", [12, 32])
def test_one_silent_unit_costs_a_twentieth_of_the_line(units: int) -> None:
    bus = Bus(units, silent={7})
    share = bus.run()
    assert 0.94 <= share <= 0.96
    assert bus.wrong == 0
    assert bus.causes[7] == {Cause.SET_ASIDE}
    # The others share what is left evenly.
    assert bus.reads[7] == 0
    assert len(bus.reads) == units - 1
    assert max(bus.reads.values()) - min(bus.reads.values()) <= 2
    # One probe in 20 times its own cost: time-out and quiet pause, a second together.
    assert bus.requests(7) <= 3 + WINDOW_S / 20.0 + 5


def test_many_silent_units_take_a_fifth_of_the_line_together() -> None:
    bus = Bus(32, silent=set(range(5, 30)))
    bus.run(600.0)
    share = bus.run(1200.0)
    assert 0.79 <= share <= 0.85
    assert bus.wrong == 0


def test_units_that_come_back_together_are_found_together() -> None:
    bus = Bus(32, silent=set(range(5, 30)))
    bus.run(600.0)
    bus.silent.clear()
    # The first is found within 125 s (25 of them, a second and a fifth of the line each), the others behind it.
    bus.run(125.0 + 2 * 25)
    bus.run(20.0)
    assert len(bus.reads) == 32


def test_a_block_that_is_never_answered_keeps_no_other_point_and_no_other_unit_from_being_read() -> None:
    bus = Bus(4, mute={2: (0, 7)})
    bus.run(60.0)
    bus.good_keys.clear()
    share = bus.run(600.0)
    assert bus.good_keys[2] == {f"r{number}" for number in range(8, REGISTERS)}
    assert bus.causes[2] <= {Cause.SET_ASIDE, Cause.TIMEOUT}
    assert bus.wrong == 0
    assert bus.reads[2] >= bus.reads[1] * 0.9
    # Its other request is shorter than that of the other units.
    assert share >= 0.94


def test_three_silent_units_cost_a_twentieth_each() -> None:
    bus = Bus(12, silent={2, 7, 11})
    assert bus.run() >= 0.84
    assert bus.wrong == 0


def test_a_unit_that_answers_again_gets_its_share_back() -> None:
    bus = Bus(12, silent={7})
    bus.run(120.0)
    bus.silent.clear()
    bus.run(60.0)
    assert bus.causes[7] == set()
    assert bus.run(60.0) >= 0.99
    assert bus.reads[7] == pytest.approx(bus.reads[1], abs=2)
