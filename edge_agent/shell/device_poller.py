"""Polls one device at its own deadlines; the one place where a driver's error becomes a BAD reading."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final

import structlog

from contract.reading import BAD_CAUSES, Block, Cause
from drivers.base import Clock, DevicePoint
from drivers.errors import DriverError, UnsupportedError
from edge_agent.core.breaker import SHORTEST_PAUSE_S, Breaker
from edge_agent.core.bus_time import BusTime
from edge_agent.core.neighbours import Neighbours
from edge_agent.core.poll_plan import PollPlan
from edge_agent.shell.devices import Device
from edge_agent.shell.quick_lane import Poll, QuickLane
from edge_agent.shell.wake_ups import WakeUps

REPEAT_S: Final = 60.0
"""How often a device that is set aside, or of the wrong type, is told again."""
WRONG_TYPE_RETRY_S: Final = 300.0
REREAD_GAP_S: Final = 1.0
"""A flickering supply re-reads no device more often than this."""

BlockSink = Callable[[Device, Block], None]
Finder = Callable[[Device], None]
_log = structlog.get_logger("poller")


def ignore(_device: Device) -> None:
    """Do nothing with a device that was found."""


@dataclass(slots=True)
class PollCounters:
    """What polling one device gave so far.

    Attributes:
        failures: Failed reads by cause.
        busy_s: How long reads took, waiting for the line included.
        last_good_monotonic_ms: Boot clock of the last read with a GOOD value; None before the first.
        last_cause: Why the last read failed.
        last_failure: What it said.
    """

    polls: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    busy_s: float = 0.0
    last_good_monotonic_ms: int | None = None
    last_cause: Cause = Cause.OK
    last_failure: str = ""


class DevicePoller:
    """Polls one device until cancelled."""

    def __init__(
        self,
        device: Device,
        clock: Clock,
        sink: BlockSink,
        start_delay_s: float = 0.0,
        found: Finder = ignore,
        wake_ups: WakeUps | None = None,
    ) -> None:
        self.device = device
        self._wake_ups = WakeUps() if wake_ups is None else wake_ups
        self._found = found
        self.counters = PollCounters()
        self.breaker = Breaker()
        self.bus_time = BusTime()
        self.neighbours = Neighbours()
        self.bad_points: dict[str, Cause] = {}
        self.wrong_type = False
        self.reading_since_s: float | None = None
        self._clock = clock
        self._sink = sink
        self._start_delay_s = start_delay_s
        self._identified = False
        self._unsupported: set[DevicePoint] = set()
        self._newest_ms = 0
        self._newest_monotonic_ms = 0
        self._first = device.driver.points[:1]
        self._told_s = 0.0
        self._retry_s = 0.0
        self._extra: dict[DevicePoint, None] = {}
        self._extra_plans: dict[tuple[DevicePoint, ...], tuple[DevicePoint, ...]] = {}
        self._reread_s = float("-inf")
        self._waker: asyncio.Future[None] | None = None
        self.plan: PollPlan[DevicePoint] = PollPlan(())
        self._is_smooth = False
        self._lane_held_s = 0.0
        self._share = device.share
        self._lane: QuickLane | None = None
        driver: Any = device.driver
        if getattr(driver, "calls_back", False):
            self._lane = QuickLane(driver, self, self._wake_ups)

    async def run(self) -> None:
        """Poll at absolute deadlines of the loop's clock."""
        loop = asyncio.get_running_loop()
        self.plan = self._fresh_plan(loop.time() + self._start_delay_s)
        while True:
            if self._is_smooth and self._lane is not None and self._lane.is_open:
                self._is_smooth = False
                poll = await self._lane.follow()
                if poll is not None:
                    await self._read(*poll)
                continue
            await self._sleep_until(self._next_s())
            now_s = loop.time()
            if self.breaker.is_open or self.wrong_type:
                await self._try_again(now_s)
                continue
            points, groups = self._due(now_s)
            if points and (self._identified or await self._identify(points)):
                await self._read(points, groups)

    def reread(self, points: tuple[DevicePoint, ...]) -> None:
        """Read points at once, beside their deadlines; while the device is set aside the next probe does."""
        if points and not self.breaker.is_open and not self.wrong_type:
            self._extra.update(dict.fromkeys(points))
            self._wake()

    def supply_changed(self) -> None:
        """Read at once what tells of the supply, or try again at once if the device was set aside."""
        if not self.device.supply_points:
            return
        now_s = asyncio.get_running_loop().time()
        if self.breaker.hasten(now_s) and self.wrong_type:
            self._retry_s = now_s
        if self.breaker.is_open or self.wrong_type:
            self._wake()
        else:
            self.reread(self.device.supply_points)

    @property
    def probe_at_s(self) -> float | None:
        """When the device is tried again; None while it is polled."""
        return self.breaker.probe_at_s

    def try_soon(self) -> None:
        """Try the device now if it is set aside."""
        self.breaker.hurry(asyncio.get_running_loop().time())
        self._wake()

    def _wake(self) -> None:
        if self._lane is not None:
            self._lane.leave()
        if self._waker is not None and not self._waker.done():
            self._waker.set_result(None)

    def _fresh_plan(self, start_s: float) -> PollPlan[DevicePoint]:
        by_interval: dict[float, list[DevicePoint]] = {}
        for point in self.device.driver.points:
            by_interval.setdefault(self.device.interval_s(point.spec), []).append(point)
        plan = PollPlan.of(by_interval, start_s)
        # What was dropped before the device was away counts on.
        plan.dropped = self.plan.dropped
        return plan

    def _next_s(self) -> float:
        if self.breaker.probe_at_s is not None:
            return min(self.breaker.probe_at_s, self._told_s + REPEAT_S)
        if self.wrong_type:
            return min(self._retry_s, self._told_s + REPEAT_S)
        if self._extra:
            return min(self._reread_s + REREAD_GAP_S, self.plan.next_due_s)
        return self.plan.next_due_s

    async def _sleep_until(self, when_s: float) -> None:
        loop = asyncio.get_running_loop()
        if when_s <= loop.time():
            # Even a poll that is due lets commands and other devices have their turn.
            await asyncio.sleep(0)
            return
        self._waker = loop.create_future()
        alarm = self._wake_ups.at(when_s, self._wake)
        try:
            await self._waker
        finally:
            self._waker = None
            alarm.cancel()

    async def _try_again(self, now_s: float) -> None:
        """Probe a device that was set aside or of the wrong type, or tell of it again."""
        retry_s = self.breaker.probe_at_s if self.breaker.probe_at_s is not None else self._retry_s
        if now_s < retry_s:
            self._tell_again(now_s)
        elif await self._identify(self.device.driver.points):
            self.plan = self._fresh_plan(asyncio.get_running_loop().time())

    def _due(self, now_s: float) -> tuple[tuple[DevicePoint, ...], tuple[int, ...]]:
        """Return what to read now, and which groups of the plan that are."""
        if self._extra:
            points = self._take_extra(now_s)
            if points:
                return points, ()
        return self.plan.take(now_s), self.plan.taken

    def _take_extra(self, now_s: float) -> tuple[DevicePoint, ...]:
        if now_s < self._reread_s + REREAD_GAP_S:
            return ()
        points = tuple(point for point in self._extra if point not in self._unsupported)
        self._extra.clear()
        self._reread_s = now_s
        # The same tuple again and again, since the driver keeps its read plan by it.
        return self._extra_plans.setdefault(points, points)

    async def _identify(self, points: tuple[DevicePoint, ...]) -> bool:
        """Prove the type; also the one read that tries a device that was set aside."""
        driver = self.device.driver
        self._begin()
        try:
            reading = await driver.probe()
            if reading is None and self.breaker.is_open:
                await driver.read(self._first)
        except UnsupportedError as error:
            if self.device.profile.proves_type:
                self._wrong_type(error)
                return False
        except DriverError as error:
            self._failed(error, points)
            return False
        finally:
            self._end()
        self._back()
        return True

    @property
    def held_s(self) -> float:
        """How long this device's requests have held the line since the start."""
        return self._share.held_s if self._share is not None else 0.0

    async def _read(self, points: tuple[DevicePoint, ...], groups: tuple[int, ...]) -> None:
        held_s = self.held_s
        self._begin()
        block: Block | None = None
        try:
            block = await self.device.driver.read(points)
        except UnsupportedError as error:
            self._drop(points, str(error))
            block = self._bad(points, Cause.UNSUPPORTED)
        except DriverError as error:
            self._failed(error, points)
        finally:
            self._end()
            if block is not None:
                self.breaker.succeed()
            self.bus_time.add(groups, self.held_s - held_s, answered=self.breaker.failures == 0)
        if block is not None:
            self._good(points, block)
            self._is_smooth = self._identified and not self._extra

    def begun(self, now_s: float) -> None:
        """Take note that a poll is on its way through the quick lane."""
        self.counters.polls += 1
        self.reading_since_s = now_s
        if self._share is not None:
            self._lane_held_s = self._share.held_s

    def taken(self, poll: Poll, block: Block | None, error: DriverError | None, now_s: float) -> bool:
        """Take what the quick lane brought, as `_read` does; return whether all is ordinary."""
        points, groups = poll
        if error is not None:
            self._failed(error, points)
        if self.reading_since_s is not None:
            self.counters.busy_s += now_s - self.reading_since_s
            self.reading_since_s = None
        if block is not None:
            # The breaker is closed and has counted nothing, or the lane would not have been taken.
            held_s = self._share.held_s - self._lane_held_s if self._share is not None else 0.0
            self.bus_time.add(groups, held_s, answered=True)
            self._good(points, block)
            return not self._extra
        if error is not None:
            self.bus_time.add(groups, self.held_s - self._lane_held_s, answered=False)
        return False

    @property
    def need(self) -> float | None:
        """The share of its line that the intervals of this device need; None before that is learned."""
        return self.bus_time.need([group.interval_s for group in self.plan.groups])

    @property
    def dropped(self) -> int:
        """Polls that were not done because the line was busy."""
        return self.plan.dropped

    def _begin(self) -> None:
        self.counters.polls += 1
        self.reading_since_s = asyncio.get_running_loop().time()

    def _end(self) -> None:
        if self.reading_since_s is not None:
            self.counters.busy_s += asyncio.get_running_loop().time() - self.reading_since_s
        self.reading_since_s = None

    def _good(self, points: tuple[DevicePoint, ...], block: Block) -> None:
        causes = block.causes
        if causes:
            unsupported = {key for key, cause in causes.items() if cause is Cause.UNSUPPORTED}
            if unsupported:
                self._drop(tuple(point for point in points if point.key in unsupported), "the device has no such point")
            for cause in {cause for cause in causes.values() if cause in BAD_CAUSES}:
                self.counters.failures[cause] += 1
        if len(causes) < len(block.keys):
            self.counters.last_good_monotonic_ms = block.monotonic_ms
        self._emit(block)

    def _failed(self, error: DriverError, points: tuple[DevicePoint, ...]) -> None:
        """Make a driver's error BAD readings with its cause: here and nowhere else."""
        now_s = asyncio.get_running_loop().time()
        elapsed_s = now_s - self.reading_since_s if self.reading_since_s is not None else 0.0
        was_open = self.breaker.is_open
        self.counters.failures[error.cause] += 1
        self.counters.last_cause = error.cause
        self.counters.last_failure = str(error)
        first = self.breaker.failures == 0
        dead = len(self.neighbours) + (not was_open)
        opened = self.breaker.fail(now_s, self.device.hold_s(elapsed_s), dead)
        if self.breaker.is_open:
            self.neighbours.left(self)
        if first:
            _log.warning("device silent", device=self.device.id, cause=error.cause, error=str(error))
        if not was_open:
            self._emit(self._bad(points, error.cause))
        if opened:
            self._identified = False
            self._told_s = now_s
            _log.warning("device set aside", device=self.device.id, cause=error.cause, failures=self.breaker.failures)
            self._emit(self._bad(self.device.driver.points, Cause.SET_ASIDE))

    def _wrong_type(self, error: UnsupportedError) -> None:
        now_s = asyncio.get_running_loop().time()
        self.breaker.succeed()
        self.neighbours.returned(self)
        # A meter that has just got its supply back may answer nonsense before it measures.
        self._retry_s = now_s + (SHORTEST_PAUSE_S if self.breaker.is_hasty(now_s) else WRONG_TYPE_RETRY_S)
        self.counters.failures[error.cause] += 1
        self.counters.last_cause = error.cause
        self.counters.last_failure = str(error)
        if not self.wrong_type:
            self.wrong_type = True
            self._told_s = now_s
            _log.error(
                "wrong device type", device=self.device.id, profile=self.device.profile.profile, error=str(error)
            )
            self._emit(self._bad(self.device.driver.points, Cause.UNSUPPORTED))

    def _back(self) -> None:
        if self.breaker.is_open or self.wrong_type or self.breaker.failures:
            _log.info("device answers", device=self.device.id, failures=self.breaker.failures)
        self.breaker.succeed()
        self.wrong_type = False
        self._identified = True
        self._unsupported.clear()
        self._found(self.device)
        self.neighbours.returned(self)

    def _drop(self, points: tuple[DevicePoint, ...], error: str) -> None:
        self._unsupported.update(points)
        self.plan.drop(self._unsupported)
        _log.warning("points dropped", device=self.device.id, points=[point.key for point in points], error=error)

    def _tell_again(self, now_s: float) -> None:
        self._told_s = now_s
        cause = Cause.UNSUPPORTED if self.wrong_type else Cause.SET_ASIDE
        self._emit(self._bad(self.device.driver.points, cause))

    def _bad(self, points: tuple[DevicePoint, ...], cause: Cause) -> Block:
        return Block.failed(
            device=self.device.id,
            observed_at_ms=self._clock.wall_ms(),
            keys=tuple(point.key for point in points),
            cause=cause,
            monotonic_ms=self._clock.monotonic_ms(),
        )

    def _emit(self, block: Block) -> None:
        """Pass a block on; its time is later than that of the one before, unless the clock was set back."""
        monotonic_ms, at_ms = block.monotonic_ms, block.observed_at_ms
        if monotonic_ms <= self._newest_monotonic_ms:
            monotonic_ms = self._newest_monotonic_ms + 1
        if self._newest_ms - 1000 < at_ms <= self._newest_ms:
            at_ms = self._newest_ms + 1
        self._newest_ms, self._newest_monotonic_ms = at_ms, monotonic_ms
        if monotonic_ms != block.monotonic_ms or at_ms != block.observed_at_ms:
            block = replace(block, monotonic_ms=monotonic_ms, observed_at_ms=at_ms)
        if block.causes or self.bad_points:
            self._note_bad(block)
        self._sink(self.device, block)

    def _note_bad(self, block: Block) -> None:
        for key in block.keys:
            cause = block.causes.get(key)
            if cause is None:
                self.bad_points.pop(key, None)
            else:
                self.bad_points[key] = cause
