"""What people have laid over the calendar: overrides, which always end, and permits, which never end by themselves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from contract.command_arguments import MAX_OVERRIDE_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """One circuit taken from the calendar.

    It ends by the wall clock or by the boot clock, whichever comes first: a clock that is set back prolongs nothing.

    Attributes:
        level: Percent of the cabinet's light; of a circuit that was named its own: 0 off, 100 on, between them dimmed.
        is_named: Whether the circuit was named; otherwise the calendar says what a level means for it.
        until_ms: Milliseconds since 1970 UTC.
        boot_id: The boot whose clock `until_boot_ms` is of.
        until_boot_ms: The same end by the boot clock.
        command_id: The command that laid it.
    """

    circuit: str
    level: int
    is_named: bool
    by: str
    reason: str
    until_ms: int
    boot_id: str
    until_boot_ms: int
    command_id: str

    def has_ended(self, now_ms: int | None, boot_ms: int) -> bool:
        """Return whether it is over, by either clock; `now_ms` is None while the wall clock is not known."""
        return boot_ms >= self.until_boot_ms or (now_ms is not None and now_ms >= self.until_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Permit:
    """One circuit held off while people work on it.

    Attributes:
        since_ms: Milliseconds since 1970 UTC.
        until_ms: The planned end, whose passing only alarms; None if none is planned.
        command_id: The command that set it.
    """

    circuit: str
    by: str
    reason: str
    since_ms: int
    until_ms: int | None
    command_id: str

    def is_overdue(self, now_ms: int | None) -> bool:
        """Return whether the planned end has passed."""
        return self.until_ms is not None and now_ms is not None and now_ms >= self.until_ms


def after_start(
    kept: Iterable[Override], *, now_ms: int | None, boot_id: str, boot_ms: int, waits_for_clock: bool
) -> tuple[list[Override], list[str]]:
    """Return the overrides that go on after a start, and the circuits of those that are over for good.

    A boot without a clock drops those of earlier boots: nobody knows how long the gateway was without power.

    Args:
        kept: From the disk.
        now_ms: None while the wall clock is not known.
        boot_id: The present boot.
        boot_ms: Its clock.
        waits_for_clock: Whether a clock may still come; what needs one then stays undecided.
    """
    going: list[Override] = []
    over: list[str] = []
    for one in kept:
        if one.boot_id == boot_id:
            (over.append(one.circuit) if one.has_ended(now_ms, boot_ms) else going.append(one))
        elif now_ms is None:
            if not waits_for_clock:
                over.append(one.circuit)
        elif now_ms < one.until_ms <= now_ms + MAX_OVERRIDE_MS:
            left_ms = one.until_ms - now_ms
            going.append(replace(one, boot_id=boot_id, until_boot_ms=boot_ms + left_ms))
        else:
            over.append(one.circuit)
    return going, over
