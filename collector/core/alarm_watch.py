"""One condition over event time: the on-delay and the off-delay, and what silence means to each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal

OFF_GAP_MS: Final = 90_000
"""Silence this long restarts an off-delay: no data never clears."""


class Verdict(Enum):
    """What the newest evidence says of a condition.

    `PRESENT`: it holds. `ABSENT`: the evidence that clears it is there. `BETWEEN`: neither (a deadband,
    contradicting sensors): starts nothing and clears nothing. `UNKNOWN`: no data; everything stays as it is.
    """

    PRESENT = "present"
    ABSENT = "absent"
    BETWEEN = "between"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Change:
    """A condition was confirmed or is over.

    Attributes:
        onset_ms: Event time of the first evidence of the change.
        since_ms: Event time at which the condition began: the onset itself where it was raised.
    """

    kind: Literal["raised", "cleared"]
    onset_ms: int
    since_ms: int


@dataclass(slots=True)
class Watch:
    """The state of one condition.

    Attributes:
        since_ms: Event time at which the present confirmed condition began; None while there is none.
        pending_ms: Event time of the first evidence of the opposite that is not yet confirmed.
        last_absent_ms: Event time of the newest clearing evidence of a pending clear.
    """

    since_ms: int | None = None
    pending_ms: int | None = None
    last_absent_ms: int | None = None

    @property
    def active(self) -> bool:
        """Whether the condition is confirmed."""
        return self.since_ms is not None

    def advance(self, now_ms: int, on_delay_ms: int) -> Change | None:
        """Let event time pass without evidence: it completes an on-delay and never an off-delay."""
        if self.active or self.pending_ms is None or now_ms - self.pending_ms < on_delay_ms:
            return None
        self.since_ms, self.pending_ms = self.pending_ms, None
        return Change("raised", self.since_ms, self.since_ms)

    def observe(self, verdict: Verdict, at_ms: int, on_delay_ms: int, off_delay_ms: int) -> Change | None:
        """Take evidence of the event time `at_ms`; `advance` to it comes first."""
        if verdict is Verdict.UNKNOWN:
            return None
        if self.active:
            return self._observe_active(verdict, at_ms, off_delay_ms)
        if verdict is not Verdict.PRESENT:
            self.pending_ms = None
            return None
        if self.pending_ms is None:
            self.pending_ms = at_ms
        return self.advance(at_ms, on_delay_ms)

    def _observe_active(self, verdict: Verdict, at_ms: int, off_delay_ms: int) -> Change | None:
        if verdict is not Verdict.ABSENT:
            self.pending_ms = self.last_absent_ms = None
            return None
        if self.pending_ms is None or self.last_absent_ms is None or at_ms - self.last_absent_ms > OFF_GAP_MS:
            self.pending_ms = at_ms
        self.last_absent_ms = at_ms
        if at_ms - self.pending_ms < off_delay_ms:
            return None
        change = Change("cleared", self.pending_ms, at_ms if self.since_ms is None else self.since_ms)
        self.since_ms = self.pending_ms = self.last_absent_ms = None
        return change

    def due_ms(self, on_delay_ms: int) -> int | None:
        """Return the event time at which silence would confirm the condition."""
        return None if self.active or self.pending_ms is None else self.pending_ms + on_delay_ms
