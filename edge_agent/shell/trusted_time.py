"""The time that schedule and commands go by: the wall clock where it is trusted, its continuation where it was."""

from __future__ import annotations

from collections.abc import Callable

from edge_agent.shell.clock import GatewayClock


class TrustedTime:
    """Gives the time, or None while it is not known.

    Once it was synchronised it goes on by the boot clock, so that a wall clock set wrong later switches nothing.
    """

    def __init__(
        self, clock: GatewayClock, *, require_sync: bool, otherwise: Callable[[], int | None] = lambda: None
    ) -> None:
        self._clock = clock
        self._require_sync = require_sync
        self._otherwise = otherwise
        self._offset_ms: int | None = None

    def now_ms(self) -> int | None:
        """Return milliseconds since 1970 UTC; None without a clock to trust."""
        if not self._require_sync:
            return self._clock.wall_ms()
        if self._clock.synchronised():
            wall_ms = self._clock.wall_ms()
            self._offset_ms = wall_ms - self._clock.monotonic_ms()
            return wall_ms
        if self._offset_ms is not None:
            return self._clock.monotonic_ms() + self._offset_ms
        return self._otherwise()
