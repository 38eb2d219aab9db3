"""An event loop whose clock jumps to the next timer, and devices that live in memory."""

from __future__ import annotations

import asyncio
import math
import selectors
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from config.agent import DeviceConfig, Intervals, SerialLine
from config.points import RegisterPoint
from config.profile import ModbusProfile, Probe, Source
from contract.reading import Block, Cause, Quality, Reading, Value
from drivers.base import DevicePoint, Line
from drivers.errors import DriverError, TransientError
from edge_agent.shell.devices import Device

Result = TypeVar("Result")
START_MS = 1_795_000_000_000
"""18 November 2026, 13:26:40 UTC."""


class _JumpingSelector(selectors.SelectSelector):
    """Never waits: it moves the clock to where the wait would have ended."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[Any]:
        ready = super().select(0)
        assert ready or timeout is not None, "the loop waits for something that never comes"
        if not ready and timeout:
            # A hair past the deadline, never before it: a loop that waits for the rest would go round for ever.
            due_s = self._clock.now_s + timeout
            self._clock.now_s = math.ceil(due_s * 1e6 + 0.1) / 1e6
        return ready


@dataclass
class VirtualClock:
    """Both clocks of a gateway, moved by the loop."""

    now_s: float = 1000.0
    wall_offset_ms: int = START_MS - 1_000_000
    synced: bool = True
    boot_id: str = "boot"

    def wall_ms(self) -> int:
        return round(self.now_s * 1000) + self.wall_offset_ms

    def monotonic_ms(self) -> int:
        return round(self.now_s * 1000)

    def synchronised(self) -> bool:
        return self.synced


class _VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self, clock: VirtualClock) -> None:
        super().__init__(_JumpingSelector(clock))
        self._virtual = clock

    def time(self) -> float:
        return self._virtual.now_s

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override] # the base leaves its type vars open
        """Do a thread's work at once: virtual time would run on while a real thread works."""
        del executor
        done = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - it is raised where the work is awaited
            done.set_exception(error)
        return done


def run_virtual(clock: VirtualClock, main: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine to its end in virtual time."""
    with asyncio.Runner(loop_factory=lambda: _VirtualLoop(clock)) as runner:
        return runner.run(main)


async def run_for(seconds: float, *parts: Coroutine[Any, Any, None]) -> None:
    """Run endless parts for a virtual while, then cancel them; their errors are raised."""
    tasks = [asyncio.create_task(part) for part in parts]
    sleeper = asyncio.create_task(asyncio.sleep(seconds))
    await asyncio.wait({sleeper, *tasks}, return_when=asyncio.FIRST_COMPLETED)
    for task in (sleeper, *tasks):
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(outcome, Exception):
            raise outcome


def spec(key: str, **facts: Any) -> RegisterPoint:
    return RegisterPoint.model_validate(
        {"key": key, "en": key, "vi": key, "table": "input", "address": 0, "type": "float32"} | facts
    )


def coil(key: str, **facts: Any) -> RegisterPoint:
    return spec(key, table="coil", type="bool", writable=True, **facts)


def profile(points: Sequence[RegisterPoint], *, probe: bool = False) -> ModbusProfile:
    return ModbusProfile(
        profile="test",
        version="1",
        device_class="meter",
        en="test",
        vi="test",
        source=Source(manual="none", page="none", origin="composed", verified_by="secondary"),
        probe=Probe(point=points[0].key, low=-1e9, high=1e9) if probe else None,
        points=tuple(points),
    )


@dataclass
class MemoryBus:
    """One line: requests wait for one another; `busy` tells who had it, and how long."""

    clock: VirtualClock
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    busy: list[tuple[str, float]] = field(default_factory=list)

    async def hold(self, device: str, seconds: float) -> None:
        async with self.turn:
            self.busy.append((device, seconds))
            await asyncio.sleep(seconds)


class MemoryDriver:
    """A device in memory.

    Attributes:
        error: Raised by every request while set; it then costs `timeout_s`.
        stuck: Points whose writes change nothing.
        reads: (virtual second, keys) of every read.
        writes: (virtual second, key, value) of every write.
    """

    def __init__(self, device: str, specs: Sequence[RegisterPoint], clock: VirtualClock, bus: MemoryBus) -> None:
        self.device = device
        self.points = tuple(DevicePoint(one.key, one) for one in specs)
        self.values: dict[str, Value] = {one.key: False if one.type == "bool" else 230.0 for one in specs}
        self.causes: dict[str, Cause] = {}
        self.error: DriverError | None = None
        self.probe_error: DriverError | None = None
        self.write_error: DriverError | None = None
        self.stuck: set[str] = set()
        self.answer_s = 0.02
        self.timeout_s = 0.5
        self.reads: list[tuple[float, tuple[str, ...]]] = []
        self.writes: list[tuple[float, str, Value]] = []
        self.probes: list[float] = []
        self.before_write: Callable[[], Awaitable[None]] | None = None
        self._clock = clock
        self._bus = bus

    async def _request(self, error: DriverError | None) -> None:
        await self._bus.hold(self.device, self.timeout_s if error else self.answer_s)
        if error:
            raise error

    async def read(self, points: Sequence[DevicePoint]) -> Block:
        self.reads.append((self._clock.now_s, tuple(point.key for point in points)))
        await self._request(self.error)
        return Block(
            device=self.device,
            observed_at_ms=self._clock.wall_ms(),
            keys=tuple(point.key for point in points),
            values=tuple(None if point.key in self.causes else self.values[point.key] for point in points),
            causes={point.key: self.causes[point.key] for point in points if point.key in self.causes},
            monotonic_ms=self._clock.monotonic_ms(),
        )

    async def write(self, point: DevicePoint, value: Value) -> Reading:
        if self.before_write:
            await self.before_write()
        self.writes.append((self._clock.now_s, point.key, value))
        await self._request(self.error or self.write_error)
        if point.key not in self.stuck:
            self.values[point.key] = value
        return Reading(
            point=f"{self.device}/{point.key}",
            value=self.values[point.key],
            quality=Quality.GOOD,
            cause=Cause.OK,
            observed_at_ms=self._clock.wall_ms(),
        )

    async def probe(self) -> Reading | None:
        self.probes.append(self._clock.now_s)
        await self._request(self.error or self.probe_error)
        return None


class _NoLine:
    """A line that is never asked: the memory driver stands before it."""


def memory_device(
    clock: VirtualClock,
    specs: Sequence[RegisterPoint],
    *,
    name: str = "meter",
    bus: MemoryBus | None = None,
    intervals: Intervals | None = None,
    probe: bool = True,
    timeout_s: float = 0.5,
) -> tuple[Device, MemoryDriver]:
    """Return a device whose driver is in memory."""
    driver = MemoryDriver(name, specs, clock, bus or MemoryBus(clock))
    driver.timeout_s = timeout_s
    line: Any = _NoLine()
    checked: Line = line
    device = Device(
        config=DeviceConfig(id=name, profile="test", line="bus"),
        profile=profile(specs, probe=probe),
        line=checked,
        line_config=SerialLine(
            id="bus", kind="serial", port="/dev/null", timeout_s=min(timeout_s, 10), quiet_pause_s=0
        ),
        driver=driver,
        intervals=intervals or Intervals(),
    )
    return device, driver


def silent() -> TransientError:
    return TransientError("no answer")
