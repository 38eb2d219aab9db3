"""Counts what reads make of an instrument that measures wrongly, and of a line that is pulled, in virtual time.

The instrument is the simulator's, with its own registers and its own faults `drift`, `flat` (a hold) and a sentinel; it
is read by the driver over the bus's own rules, and judged as the agent judges. What an instrument shows while it
drifts is what it measured: only its range tells at the gateway, the rest is the centre's.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final, Literal, get_args

from config.agent import SerialLine
from config.points import RegisterPoint
from config.profile import ModbusProfile, Source
from contract.reading import Block, Cause
from drivers.base import DevicePoint, Exchange, LineCounters, Moment
from drivers.errors import DriverError, LineDownError
from drivers.lines.bus import BusTiming
from drivers.lines.memory import Answers, MemoryLine, MemoryPort, VirtualTime
from drivers.modbus.driver import ModbusDriver
from edge_agent.core.quality import DeviceJudge, PointJudge
from firmware_sim.core.codec import Request, pack
from firmware_sim.core.noise import Noise
from firmware_sim.core.server import serve
from firmware_sim.core.twin import Twin, float_words
from tests.golden.test_drivers_bus import VirtualLoop

Wrong = Literal["sentinel", "flat", "drift", "unplug"]
WRONGS: Final[tuple[Wrong, ...]] = get_args(Wrong)
SENTINEL: Final = -9999.0
LOW, HIGH = 0.0, 20.0
FLAT_AFTER_S: Final = 20.0
EPISODE: Final = 100
"""Reads; in the first part of each the instrument is right."""
GOOD_PART: Final = 50
POINT: Final = RegisterPoint.model_validate(
    {"key": "do", "en": "Dissolved oxygen", "vi": "Oxy hòa tan", "unit": "mg/l", "table": "holding", "address": 0,
     "type": "float32", "low": LOW, "high": HIGH, "sentinels": [SENTINEL], "flat_after_s": FLAT_AFTER_S}
)  # fmt: skip
PROFILE: Final = ModbusProfile(
    profile="probe",
    version="1",
    device_class="water",
    en="probe",
    vi="đầu đo",
    source=Source(manual="none", page="none", origin="composed", verified_by="code"),
    points=(POINT,),
)
LINE: Final = SerialLine(id="bus", kind="serial", port="memory", baud=19_200, timeout_s=0.3, quiet_pause_s=0.3)


class Probe(Twin):
    """An oxygen probe: what it measures, in mg/l, in two registers."""

    quantities: ClassVar[Mapping[str, float | str]] = {"do": 8.0}

    def words(self, function: int, now_s: float) -> Mapping[int, int]:
        del function
        self.simulated_s = now_s
        high, low = float_words(self.seen("do"))
        return {0: high, 1: low}


class PulledLine:
    """A line whose adapter is pulled for a while: the port is gone, and opened anew when it is back."""

    framing = "rtu"
    id = "bus"
    up = True

    def __init__(self, port: MemoryPort, timing: BusTiming) -> None:
        self.counters = LineCounters()
        self.is_pulled = False
        self._port, self._timing = port, timing
        self._line: MemoryLine | None = None

    async def exchange(self, exchange: Exchange, *, urgent: bool = False) -> Moment:
        if self.is_pulled:
            self._line = None
            raise LineDownError("the adapter is gone")
        if self._line is None:
            self._line = MemoryLine(self._port, self._timing)
        return await self._line.exchange(exchange, urgent=urgent)

    async def close(self) -> None:
        """Nothing to close."""


@dataclass(slots=True)
class ValuesResult:
    """What the reads gave: how many of each cause, values that were never shown, causes that are not the right one."""

    outcomes: Counter[str]
    wrong: int = 0
    misnamed: int = 0


def count_values(wrong: Wrong, reads: int, seed: int = 1) -> ValuesResult:
    """Read that often, once a second; the instrument is wrong in the second half of each hundred reads."""
    time, chance = VirtualTime(), random.Random(f"{seed} {wrong}")
    probe = Probe(1, Noise(seed, wrong))
    timing = BusTiming.of(LINE)

    def device(request: bytes) -> Answers:
        asked = Request("rtu", request[0], request[1:-2])
        served = serve(probe, asked.pdu, time.us / 1e6)
        assert served is not None
        frame = pack(asked, served.pdu)
        return [(5_000 + round(len(frame) * timing.character_us), frame)]

    line = PulledLine(MemoryPort(time, timing.character_us, device), timing)
    driver = ModbusDriver("probe", 1, (), PROFILE, line, time)  # type: ignore[arg-type]  # framing is a plain text here
    point = DevicePoint(POINT.key, POINT)
    judge = PointJudge.of(POINT)
    assert judge is not None
    judges = DeviceJudge({POINT.key: judge}, 0)
    result = ValuesResult(Counter())

    async def read_all() -> None:
        flat_since_s: float | None = None
        points = (point,)
        for number in range(reads):
            await asyncio.sleep(1.0)
            now_s = time.us / 1e6
            phase = number % EPISODE
            probe.set("do", min(HIGH - 8.0, max(LOW + 6.0, 8.0 + chance.uniform(-0.5, 0.5))))
            _spoil(wrong, probe, line, phase, now_s, chance)
            block = await _judged(driver, judges, points, time)
            shown = probe.seen("do")
            value, cause = block.values[0], block.causes.get(POINT.key, Cause.OK)
            result.outcomes[str(cause)] += 1
            # The line is a float32; whatever is given out must be what the instrument showed.
            result.wrong += value is not None and abs(float(value) - shown) > 1e-5
            flat_since_s = (flat_since_s or now_s) if probe.held else None
            flat_s = None if flat_since_s is None else now_s - flat_since_s
            result.misnamed += cause is not _right(wrong, line, shown, flat_s)

    with asyncio.Runner(loop_factory=lambda: VirtualLoop(time)) as runner:
        runner.run(read_all())
    return result


def _spoil(wrong: Wrong, probe: Probe, line: PulledLine, phase: int, now_s: float, chance: random.Random) -> None:
    if phase == 0:
        probe.recover()
    line.is_pulled = wrong == "unplug" and phase >= GOOD_PART
    if phase < GOOD_PART:
        return
    if wrong == "sentinel" and chance.random() < 0.5:
        probe.set("do", SENTINEL)
    if phase == GOOD_PART and wrong == "flat":
        probe.hold("do", now_s)
    if phase == GOOD_PART and wrong == "drift":
        probe.drift("do", chance.choice((-60.0, 60.0)), now_s)


def _right(wrong: Wrong, line: PulledLine, shown: float, flat_s: float | None) -> Cause:
    """Return the one right cause of a reading."""
    if line.is_pulled:
        return Cause.LINE_DOWN
    if shown == SENTINEL:
        return Cause.SENTINEL
    if not LOW <= shown <= HIGH:
        return Cause.RANGE
    return Cause.FLAT if wrong == "flat" and flat_s is not None and flat_s >= FLAT_AFTER_S else Cause.OK


async def _judged(
    driver: ModbusDriver, judges: DeviceJudge, points: tuple[DevicePoint, ...], time: VirtualTime
) -> Block:
    try:
        block = await driver.read(points)
    except DriverError as error:
        block = Block.failed(
            device="probe",
            observed_at_ms=time.wall_ms(),
            keys=(POINT.key,),
            cause=error.cause,
            monotonic_ms=time.monotonic_ms(),
        )
    return judges.judge(block, time.wall_ms())
