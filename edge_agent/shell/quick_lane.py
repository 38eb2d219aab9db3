"""Polls a healthy device without a task: the timer sends, the answer is taken where it arrives.

A task that waits for every answer costs more than the request. So while a device answers each poll with one sound
answer, its poller waits here once; whatever is not ordinary (an error, points to read beside the plan, a line that is
busy, a poll of several requests) ends the wait, and the poller goes on by itself until all is ordinary again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

from contract.reading import Block
from drivers.base import DevicePoint
from drivers.errors import DriverError
from edge_agent.core.poll_plan import PollPlan
from edge_agent.shell.wake_ups import WakeUps

ENOUGH_REFUSALS: Final = 8
"""In a row: then the device's polls are not of the kind that passes here, and are no longer tried."""

Poll = tuple[tuple[DevicePoint, ...], tuple[int, ...]]
Taken = Callable[[Block | None, DriverError | None], None]


class QuickDriver(Protocol):
    """A driver that can read without a task."""

    def begin_read(self, points: tuple[DevicePoint, ...], taken: Taken) -> bool:
        """Send the request; see ModbusDriver.begin_read."""
        ...

    def abandon_read(self) -> None:
        """Expect no answer any more."""
        ...


class QuickPoller(Protocol):
    """Whose device is polled."""

    plan: PollPlan[DevicePoint]

    def begun(self, now_s: float) -> None:
        """Take note that a poll is on its way; times are those of the loop's clock."""
        ...

    def taken(self, poll: Poll, block: Block | None, error: DriverError | None, now_s: float) -> bool:
        """Take what a poll gave; return whether the next one may pass here as well.

        Args:
            poll: The points and the groups of the plan that they are of.
            block: What was read.
            error: Why nothing was; neither of both: the device must be asked in the ordinary way.
            now_s: The loop's clock.
        """
        ...


class QuickLane:
    """One device's."""

    def __init__(self, driver: QuickDriver, poller: QuickPoller, wake_ups: WakeUps) -> None:
        """Prepare; nothing is polled before `follow`."""
        self._driver = driver
        self._poller = poller
        self._wake_ups = wake_ups
        self._loop: asyncio.AbstractEventLoop | None = None
        self._left: asyncio.Future[Poll | None] | None = None
        self._next: asyncio.Handle | None = None
        self._alarm = wake_ups.none
        self._poll: Poll | None = None
        self._refusals = 0

    @property
    def is_open(self) -> bool:
        """Whether it is worth trying."""
        return self._refusals < ENOUGH_REFUSALS

    async def follow(self) -> Poll | None:
        """Poll by the plan as long as all is ordinary; return a poll that is due and must be done otherwise, if any.

        Raises:
            BaseException: Whatever those who take the readings raise.
        """
        self._loop = asyncio.get_running_loop()
        self._left = self._loop.create_future()
        try:
            self._wait(self._loop.time())
            return await self._left
        finally:
            self._left = None
            self._alarm.cancel()
            if self._next is not None:
                self._next.cancel()
                self._next = None
            if self._poll is not None:
                self._poll = None
                self._driver.abandon_read()

    def leave(self) -> None:
        """Let the poller go on by itself, after the answer if one is awaited; harmless if it does."""
        if self._poll is None:
            self._end(None)

    def _end(self, poll: Poll | None) -> None:
        if self._left is not None and not self._left.done():
            self._left.set_result(poll)

    def _fail(self, error: BaseException) -> None:
        if self._left is not None and not self._left.done():
            self._left.set_exception(error)

    def _wait(self, now_s: float) -> None:
        due_s = self._poller.plan.next_due_s
        if due_s <= now_s and self._loop is not None:
            # Even a poll that is due lets commands and other devices have their turn.
            self._next = self._loop.call_soon(self._send)
        else:
            self._alarm = self._wake_ups.at(due_s, self._send)

    def _send(self) -> None:
        if self._left is None or self._loop is None or self._left.done():
            return
        try:
            plan = self._poller.plan
            now_s = self._loop.time()
            points = plan.take(now_s)
            if not points:
                self._wait(now_s)
            elif self._driver.begin_read(points, self._take):
                self._poll = (points, plan.taken)
                self._refusals = 0
                self._poller.begun(now_s)
            else:
                self._refusals += 1
                self._end((points, plan.taken))
        except BaseException as error:  # noqa: BLE001 - it is the poller's task that must fail, not the event loop's callback
            self._fail(error)

    def _take(self, block: Block | None, error: DriverError | None) -> None:
        poll, self._poll = self._poll, None
        if poll is None or self._left is None or self._loop is None or self._left.done():
            return
        try:
            now_s = self._loop.time()
            if self._poller.taken(poll, block, error, now_s):
                self._wait(now_s)
            else:
                self._end(poll if block is None and error is None else None)
        except BaseException as failure:  # noqa: BLE001 - as above
            self._fail(failure)
