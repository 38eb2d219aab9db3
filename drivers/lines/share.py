"""One device's use of a line that it shares: how long its requests kept the line from the others."""

from __future__ import annotations

from typing import Any

from drivers.base import CallingLine, Exchange, Framing, Line, LineCounters, Moment
from drivers.errors import DriverError, FrameError


class LineShare:
    """A line as one device sees it.

    Attributes:
        calling: The line, if it can call back; who asks by it adds to held_s.
        held_s: Seconds that this device's requests held the line since the start, silences after failures included.
    """

    def __init__(self, line: Line) -> None:
        self.held_s = 0.0
        self.carries_instruments = bool(getattr(line, "carries_instruments", False))
        self.data_bits = int(getattr(line, "data_bits", 8))
        self._line = line
        calling: Any = line
        self.calling: CallingLine | None = calling if getattr(line, "calls_back", False) else None

    @property
    def id(self) -> str:
        """The line's name in the configuration."""
        return self._line.id

    @property
    def framing(self) -> Framing:
        """How Modbus frames look on it."""
        return self._line.framing

    @property
    def counters(self) -> LineCounters:
        """Those of the whole line."""
        return self._line.counters

    @property
    def up(self) -> bool:
        """Whether the port or connection is open."""
        return self._line.up

    async def exchange(self, exchange: Exchange, *, urgent: bool = False) -> Moment:
        """Send the request and feed the answer; see Line.exchange."""
        try:
            moment = await self._line.exchange(exchange, urgent=urgent)
        except FrameError as error:
            self.held_s += error.held_s
            raise
        self.held_s += moment.held_s
        return moment

    def count(self, error: DriverError | None) -> None:
        """Add what a request held the line for that ended without an answer; answers are added by who asked."""
        if isinstance(error, FrameError):
            self.held_s += error.held_s

    async def close(self) -> None:
        """Close the line, for all."""
        await self._line.close()
