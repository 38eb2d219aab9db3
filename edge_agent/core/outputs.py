"""When an output of the lights must be written: at every change, and again when it shows another state, with back-off.

After a start nothing is written that is there already: what the device shows comes first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from contract.reading import Value

FIRST_RETRY_S: Final = 2.0
LONGEST_RETRY_S: Final = 300.0
SETTLED_S: Final = 600.0
"""An output that has agreed this long begins its back-off anew."""


@dataclass(slots=True)
class Output:
    """One relay or dimmer; times are monotonic seconds.

    Attributes:
        target: What it should be; None before the first decision.
        commanded: What the device last confirmed after a command of ours; None before.
        shown: What the device last showed in a poll or a read-back; None: not known.
        attempts: Commands for this target so far.
    """

    point: str
    target: Value | None = None
    commanded: Value | None = None
    shown: Value | None = None
    attempts: int = 0
    _owed: bool = False
    _not_before_s: float = 0.0
    _ended_s: float = float("-inf")
    _is_unreached: bool = False
    _is_first: bool = False

    def aim(self, target: Value, now_s: float) -> None:
        """Set what it should be; a change is written whatever the device shows, unless it is the first decision."""
        if target == self.target:
            return
        self._is_first = self.target is None
        self.target = target
        self.attempts = 0
        self._owed = not (self._is_first and self.shown == target)
        self._not_before_s = now_s

    def let_go(self, now_s: float) -> None:
        """Take that the relay was just released on purpose, to be energised once more."""
        self.shown, self._owed, self._ended_s = False, True, now_s
        self._not_before_s = now_s

    def show(self, value: Value, seen_s: float) -> None:
        """Take what a poll shows; one that began before our last command ended says nothing of it."""
        if seen_s > self._ended_s:
            self.shown = value
            if self._is_first and value == self.target:
                self._owed = False
            self._is_first = False
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
        self._is_first = False
        self._is_unreached = not is_reached
        self._ended_s = ended_s
        self._not_before_s = ended_s + min(FIRST_RETRY_S * 2 ** min(self.attempts - 1, 16), LONGEST_RETRY_S)
        if confirmed:
            self._owed = False
            self.commanded = self.shown = self.target
