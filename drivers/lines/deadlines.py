"""The time-outs of many lines by one timer: nearly every answer comes in time, and a timer each costs more than it."""

from __future__ import annotations

import asyncio
import math
from typing import Protocol


class Waiting(Protocol):
    """Who waits for an answer."""

    def expired(self) -> None:
        """Take that the answer did not come in time."""
        ...


class Deadlines:
    """Who waits until when. One timer stands for the nearest deadline, or for one that has been met meanwhile."""

    def __init__(self) -> None:
        """Begin with nobody waiting."""
        self._due_s: dict[Waiting, float] = {}
        self._armed_s = math.inf
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def watch(self, waiting: Waiting, due_s: float, loop: asyncio.AbstractEventLoop) -> None:
        """Call `expired` at a time of the loop's clock, unless it is forgotten before; at most one for each."""
        self._due_s[waiting] = due_s
        if due_s < self._armed_s or loop is not self._loop:
            self._arm(due_s, loop)

    def forget(self, waiting: Waiting) -> None:
        """Expect nothing any more; harmless if nothing was expected."""
        self._due_s.pop(waiting, None)

    def _arm(self, due_s: float, loop: asyncio.AbstractEventLoop) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._loop, self._armed_s = loop, due_s
        self._timer = loop.call_at(due_s, self._fire)

    def _fire(self) -> None:
        self._timer, self._armed_s = None, math.inf
        if self._loop is None:
            return
        now_s = self._loop.time()
        late = [waiting for waiting, due_s in self._due_s.items() if due_s <= now_s]
        for waiting in late:
            del self._due_s[waiting]
        if self._due_s:
            self._arm(min(self._due_s.values()), self._loop)
        for waiting in late:
            waiting.expired()
