"""When a lighting output must be written: at every change, and again when it shows another state, with back-off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

FIRST_RETRY_S: Final = 2.0
LONGEST_RETRY_S: Final = 300.0
SETTLED_S: Final = 600.0
"""An output that has agreed this long begins its back-off anew."""


@dataclass(slots=True)
class Output:
    """One contactor; times are monotonic seconds.

    Attributes:
        target: What the lamps should do; None before the first decision.
        commanded: What the device last confirmed after a command of ours; None before.
        shown: What the device last showed in a poll or a read-back; None: not known.
        attempts: Commands for this target so far.
    """

    point: str
    target: bool | None = None
    commanded: bool | None = None
    shown: bool | None = None
    attempts: int = 0
    _owed: bool = False
    _not_before_s: float = 0.0
    _ended_s: float = float("-inf")
    _is_unreached: bool = False

    def aim(self, target: bool, now_s: float) -> None:
        """Set what the lamps should do; a change is written whatever the device shows."""
        if target != self.target:
            self.target = target
            self.attempts = 0
            self._owed = True
            self._not_before_s = now_s

    def show(self, value: bool, seen_s: float) -> None:
        """Take what a poll shows; one that began before our last command ended says nothing of it."""
        if seen_s > self._ended_s:
            self.shown = value
            if self._is_unreached:
                # It is back: the pauses were for a line that is down, and a street must not wait for the longest.
                self._is_unreached, self.attempts, self._not_before_s = False, 0, seen_s
            if value == self.target and not self._owed and seen_s - self._ended_s > SETTLED_S:
                self.attempts = 0

    def must_write(self, now_s: float) -> bool:
        """Return whether a command is due now."""
        if self.target is None or now_s < self._not_before_s:
            return False
        return self._owed or (self.shown is not None and self.shown != self.target)

    def done(self, confirmed: bool, ended_s: float, *, is_reached: bool = True) -> None:
        """Take the end of a command for the present target.

        Args:
            confirmed: The read-back shows it.
            ended_s: When it ended.
            is_reached: False if the device was silent to the write and to the reads after it.
        """
        self.attempts += 1
        self._is_unreached = not is_reached
        self._ended_s = ended_s
        self._not_before_s = ended_s + min(FIRST_RETRY_S * 2 ** min(self.attempts - 1, 16), LONGEST_RETRY_S)
        if confirmed:
            self._owed = False
            self.commanded = self.shown = self.target
