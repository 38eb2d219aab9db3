"""Whether a circuit does what it should: its contactor's own contact and its meter must both say so.

The limits are shares of full power: a circuit of discharge lamps draws most of it from the first second, and what a
meter shows of a dead line is noise. Source of the shares and of the waits before a supervised circuit is called failed:
the alarm rows CONTACTOR_NO_CLOSE, LINE_OPEN, STUCK_ON of docs/alarms.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

LIT_SHARE: Final = 0.05
SETTLE_S: Final = 0.3
"""Contactors close within 0.1 s; what a device said earlier than this after the switch says nothing of it."""
RETRY_AFTER_S: Final = 2.0
PROOF_S: Final = 4.5
"""By then a proof is there or has failed."""
SUPERVISED_S: Final[Mapping[str, float]] = {
    "did_not_close": 10.0,
    "line_open": 60.0,
    "did_not_open": 30.0,
    "power_remains": 30.0,
    "meter_silent": 30.0,
    "feedback_silent": 30.0,
    "no_supply": 0.0,
}
"""How long a circuit that was proved must disagree before it counts as failed."""

ProofState = Literal["pending", "done", "failed"]


@dataclass(frozen=True, slots=True)
class Sample:
    """What a point showed last: None if the reading was BAD; boot-clock seconds."""

    value: float | None
    seen_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """Whether a circuit does what it should.

    Attributes:
        cause: Why it failed; `not_proved` with `done` where nothing is fitted that could tell.
        feedback: Whether the contactor's contact is closed; None: not known.
        power_w: None: not known.
        retry: Whether the contactor did not close and its coil should be energised once more.
    """

    state: ProofState
    cause: str = ""
    feedback: bool | None = None
    power_w: float | None = None
    retry: bool = False


PENDING: Final = Proof(state="pending")


@dataclass(slots=True, kw_only=True)
class ProofJudge:
    """Judges one circuit. All times are boot-clock seconds.

    Attributes:
        feedback: The contactor's contact; None if not fitted.
        power: Its power points; empty if not metered.
        full_power_w: All its lamps.
        is_shared: Whether its meter measures other circuits too: then only the change at a switch tells.
    """

    feedback: str | None
    power: tuple[str, ...]
    full_power_w: float
    is_shared: bool = False
    _on: bool | None = None
    _begun_s: float = 0.0
    _fresh_from_s: float = 0.0
    _before_w: float | None = None
    _was_done: bool = False
    _power_agreed: bool = False
    _is_retried: bool = False
    _disagrees_since_s: float | None = field(default=None)

    @property
    def wanted(self) -> bool | None:
        """What is to be proved; None before anything is."""
        return self._on

    def before_switch(self, seen: Mapping[str, Sample]) -> None:
        """Remember what the meter shows before the relay is told."""
        self._before_w = self._power(seen, float("-inf")) if self.power else None

    def switched(self, on: bool, at_s: float) -> None:
        """Begin anew: the relay has just been told."""
        self._on, self._begun_s, self._fresh_from_s = on, at_s, at_s + SETTLE_S
        self._was_done = self._is_retried = self._power_agreed = False
        self._disagrees_since_s = None

    def retried(self, at_s: float) -> None:
        """Go on after the coil was energised once more; the time for the proof is still that of the first switch."""
        self._is_retried = True
        self._fresh_from_s = at_s + SETTLE_S

    def demanded(self, on: bool, at_s: float) -> None:
        """Ask for evidence from now on, of a circuit that need not be switched."""
        if self._on is not on:
            self._before_w = None
        self._on, self._begun_s, self._fresh_from_s = on, at_s, at_s
        self._was_done, self._is_retried = False, True
        self._disagrees_since_s = None

    def judge(self, seen: Mapping[str, Sample], now_s: float, *, is_local: bool, has_supply: bool | None) -> Proof:
        """Return the proof by what the devices have shown.

        Args:
            seen: Point id to its last sample.
            now_s: Now.
            is_local: Whether the switch in the door is out of automatic.
            has_supply: What the input that sees the supply says; None: not known or not fitted.
        """
        if self._on is None:
            return PENDING
        feedback = self._feedback(seen)
        power_w = self._power(seen, self._fresh_from_s) if self.power else None
        cause = self._disagreement(feedback, power_w, has_supply=has_supply)
        if is_local:
            return Proof(state="failed", cause="local_override", feedback=feedback, power_w=power_w)
        if not cause or cause == "not_proved":
            self._was_done = True
            self._disagrees_since_s = None
            return Proof(state="done", cause=cause, feedback=feedback, power_w=power_w)
        if self._disagrees_since_s is None:
            self._disagrees_since_s = now_s
        if self._was_done:
            is_over = now_s - self._disagrees_since_s >= SUPERVISED_S[cause]
            state: ProofState = "failed" if is_over else "done"
            return Proof(state=state, cause=cause if is_over else "", feedback=feedback, power_w=power_w)
        age_s = now_s - self._begun_s
        is_closing = cause == "did_not_close" and self.feedback is not None
        retry = is_closing and not self._is_retried and age_s >= RETRY_AFTER_S
        state = "pending" if age_s < PROOF_S else "failed"
        return Proof(
            state=state, cause="" if state == "pending" else cause, feedback=feedback, power_w=power_w, retry=retry
        )

    @property
    def deadline_s(self) -> float | None:
        """By when a pending proof will be there; None before the first switch."""
        return None if self._on is None else self._begun_s + PROOF_S

    def _feedback(self, seen: Mapping[str, Sample]) -> bool | None:
        sample = seen.get(self.feedback) if self.feedback else None
        if sample is None or sample.value is None or sample.seen_s < self._fresh_from_s:
            return None
        return bool(sample.value)

    def _power(self, seen: Mapping[str, Sample], from_s: float) -> float | None:
        total_w = 0.0
        for point in self.power:
            sample = seen.get(point)
            if sample is None or sample.value is None or sample.seen_s < from_s:
                return None
            total_w += sample.value
        return total_w

    def _disagreement(self, feedback: bool | None, power_w: float | None, *, has_supply: bool | None) -> str:
        """Return why the evidence does not show what is wanted; empty if it does."""
        on = self._on
        has_feedback = self.feedback is not None
        agrees = self._power_agrees(power_w)
        if not has_feedback and not self.power:
            return "no_supply" if on and has_supply is False else "not_proved"
        if on and has_supply is False:
            return "no_supply"
        if has_feedback and feedback is not None and feedback is not on:
            return "did_not_close" if on else "did_not_open"
        if self.power and agrees is False:
            if on:
                return "line_open" if has_feedback else "did_not_close"
            return "power_remains" if has_feedback else "did_not_open"
        if has_feedback and feedback is None:
            return "feedback_silent"
        if self.power and agrees is None:
            return "meter_silent"
        return ""

    def _power_agrees(self, power_w: float | None) -> bool | None:
        """Return whether the meter shows what is wanted; None if it cannot tell."""
        if not self.power:
            return None
        limit_w = LIT_SHARE * self.full_power_w
        if not self.is_shared:
            return None if power_w is None else (power_w >= limit_w) is self._on
        # The others' power hides this circuit's: what counts is the step, and it is looked at once.
        if self._power_agreed or self._before_w is None:
            return True
        if power_w is None:
            return None
        step_w = power_w - self._before_w
        self._power_agreed = step_w >= limit_w if self._on else step_w <= -limit_w
        return self._power_agreed
