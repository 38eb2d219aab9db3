"""The pause that a device needs between its reply and the next request to it, kept without delaying commands."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Final

from drivers.base import Clock, Line, Moment
from drivers.modbus.framings import ModbusRequest

_ROUNDING_MS: Final = 1
"""Clocks count whole milliseconds."""


class DeviceGap:
    """One device's requests on its line, one at a time and a gap apart."""

    def __init__(self, line: Line, clock: Clock, gap_s: float) -> None:
        self._line = line
        self._clock = clock
        self._gap_ms = gap_s * 1_000
        self._free_at_ms = 0.0
        self._turn = asyncio.Lock()
        self._queued: tuple[ModbusRequest, asyncio.Future[Moment]] | None = None

    async def exchange(self, exchange: ModbusRequest, *, urgent: bool) -> Moment:
        """Carry a request; see Line.exchange. An urgent one overtakes a poll of this device that waits for the line."""
        if urgent:
            self._overtake()
        moment: Moment | None = None
        while moment is None:
            async with self._turn:
                left_ms = self._free_at_ms - self._clock.monotonic_ms()
                if left_ms > 0:
                    await asyncio.sleep((left_ms + _ROUNDING_MS) / 1_000)
                if urgent:
                    moment = await self._timed(self._line.exchange(exchange, urgent=True))
                else:
                    moment = await self._queue(exchange)
        return moment

    async def _timed(self, answer: Awaitable[Moment]) -> Moment:
        try:
            return await answer
        finally:
            self._free_at_ms = self._clock.monotonic_ms() + self._gap_ms

    async def _queue(self, exchange: ModbusRequest) -> Moment | None:
        """Carry a request that a command to the same device may overtake; None if one did."""
        exchange.begun = False
        answer = asyncio.ensure_future(self._line.exchange(exchange))
        self._queued = exchange, answer
        try:
            return await self._timed(answer)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if exchange.begun or (task is not None and task.cancelling()):
                raise
            # Nothing was sent, so nothing must be waited for.
            self._free_at_ms = min(self._free_at_ms, self._clock.monotonic_ms())
            return None
        finally:
            self._queued = None

    def _overtake(self) -> None:
        """Take this device's poll out of the line's queue, where it waits behind the polls of others.

        It holds the device's turn until it is answered, and a command would wait for it.
        """
        if self._queued is not None:
            exchange, answer = self._queued
            if not exchange.begun:
                answer.cancel()
