"""One device's use of a line that it shares: how long its requests kept the line from the others."""

from __future__ import annotations

from typing import Any

from drivers.base import Answered, CallingLine, Exchange, Framing, Line, LineCounters, Moment
from drivers.errors import DriverError, FrameError


class LineShare:
    """A line as one device sees it.

    Attributes:
        calls_back: Whether the line can call back; see TcpConnectionLine.begin.
        held_s: Seconds that this device's requests held the line since the start, silences after failures included.
    """

    def __init__(self, line: Line) -> None:
        self.held_s = 0.0
        self.carries_instruments = bool(getattr(line, "carries_instruments", False))
        self.data_bits = int(getattr(line, "data_bits", 8))
        self.calls_back = bool(getattr(line, "calls_back", False))
        self._line = line
        calling: Any = line
        self._calling: CallingLine | None = calling if self.calls_back else None
        self._answered: Answered | None = None

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

    def begin(self, exchange: Exchange, answered: Answered) -> bool:
        """Send a request and call back, if the line can do so and one is not awaited already; see TcpConnectionLine."""
        if self._answered is not None or self._calling is None:
            return False
        self._answered = answered
        if self._calling.begin(exchange, self._take):
            return True
        self._answered = None
        return False

    def abandon(self, exchange: Exchange) -> None:
        """Expect no answer any more to a request that was begun."""
        self._answered = None
        if self._calling is not None:
            self._calling.abandon(exchange)

    def _take(self, moment: Moment | None, error: DriverError | None) -> None:
        answered, self._answered = self._answered, None
        if moment is not None:
            self.held_s += moment.held_s
        elif isinstance(error, FrameError):
            self.held_s += error.held_s
        if answered is not None:
            answered(moment, error)

    async def close(self) -> None:
        """Close the line, for all."""
        await self._line.close()
