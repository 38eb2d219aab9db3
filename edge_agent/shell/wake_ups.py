"""Wakes all that wait for a time by one timer: what is due together is woken together."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from typing import Final

_Entry = tuple[float, int, "WakeUp"]


class WakeUp:
    """Something to be called once, at its time."""

    __slots__ = ("call",)

    def __init__(self, call: Callable[[], None] | None) -> None:
        """Take what is to be called."""
        self.call = call

    def cancel(self) -> None:
        """Call nothing any more; harmless if it was called."""
        self.call = None


class WakeUps:
    """The times that many pollers of one event loop wait for.

    A timer of asyncio for each costs more than the Modbus request that it is set for.

    Attributes:
        none: A call that never comes.
    """

    def __init__(self) -> None:
        """Begin with nobody waiting."""
        self.none: Final = WakeUp(None)
        self._waiting: list[_Entry] = []
        self._numbers: Final = count()
        self._armed_s = math.inf
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def at(self, when_s: float, call: Callable[[], None]) -> WakeUp:
        """Call something at a time of the loop's clock; never at infinity."""
        entry = WakeUp(call)
        if when_s == math.inf:
            return entry
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            # Whoever waited in a loop that is over waits no more.
            self._waiting.clear()
            self._loop, self._timer, self._armed_s = loop, None, math.inf
        heappush(self._waiting, (when_s, next(self._numbers), entry))
        if when_s < self._armed_s:
            self._arm(loop, when_s)
        return entry

    def _arm(self, loop: asyncio.AbstractEventLoop, when_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._armed_s = when_s
        self._timer = loop.call_at(when_s, self._fire, loop)

    def _fire(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer, self._armed_s = None, math.inf
        now_s = loop.time()
        waiting = self._waiting
        due: list[WakeUp] = []
        # Who was cancelled needs no timer.
        while waiting and (waiting[0][0] <= now_s or waiting[0][2].call is None):
            due.append(heappop(waiting)[2])
        if waiting:
            self._arm(loop, waiting[0][0])
        for entry in due:
            call, entry.call = entry.call, None
            if call is not None:
                call()
