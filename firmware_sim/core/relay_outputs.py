"""The outputs of a relay board: flash timers, and the link to the inputs that the factory leaves behind."""

from __future__ import annotations

import math
from typing import Final

CHANNELS: Final = 8


class RelayOutputs:
    """The relay board's eight outputs with their flash timers and the input link of the factory."""

    def __init__(self, *, linked: bool) -> None:
        self.closed = [False] * CHANNELS
        self.linked = [linked] * CHANNELS
        self._back_at_s: list[float] = [math.inf] * CHANNELS

    def set(self, channel: int, closed: bool) -> None:
        """Switch an output; a running flash of it ends."""
        self.closed[channel] = closed
        self._back_at_s[channel] = math.inf

    def flash(self, channel: int, closed: bool, until_s: float) -> None:
        """Switch an output until a time, then back to the opposite state."""
        self.closed[channel] = closed
        self._back_at_s[channel] = until_s

    def next_change_s(self) -> float:
        """Return when the next flash ends, infinity for never."""
        return min(self._back_at_s)

    def end_flashes(self, now_s: float) -> None:
        """Switch back every output whose flash has ended."""
        for channel, at_s in enumerate(self._back_at_s):
            if at_s <= now_s:
                self.set(channel, not self.closed[channel])

    def open_all(self) -> None:
        """Open every output, as a board without supply does; it wakes with them open."""
        for channel in range(CHANNELS):
            self.set(channel, closed=False)

    def follow(self, inputs: list[bool]) -> None:
        """Let each linked output follow its input."""
        for channel, linked in enumerate(self.linked):
            if linked and self.closed[channel] != inputs[channel]:
                self.set(channel, inputs[channel])
