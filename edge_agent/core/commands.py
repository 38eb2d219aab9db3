"""The arbiter: whether a command may be carried out, before anything is touched."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from contract.command import (
    Command,
    PermitArguments,
    ReadArguments,
    Result,
    ResultState,
    SetArguments,
    signature_agrees,
)
from contract.reading import Value
from contract.state import PointKind

KEPT_MS: Final = 24 * 3_600_000
"""Answers are kept this long; an id older than that is refused, since a repeat could no longer be told."""
FUTURE_MS: Final = 5 * 60_000
"""An id from further ahead would shut out every later command."""
_CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class Origin(StrEnum):
    """Where a command comes from."""

    CENTRE = "centre"
    LOCAL = "local"
    SCHEDULE = "schedule"


@dataclass(frozen=True, slots=True, kw_only=True)
class Writable:
    """One point on the allow-list."""

    point: str
    kind: PointKind
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What the arbiter must know of the moment.

    Attributes:
        nonce: That of the present connection; None while there is none.
        key: The gateway's command key; None: commands from the centre are refused.
        synced: Whether the wall clock is trusted.
        newest_id: The id last accepted from the centre for what the command acts on.
        known: What is already on record for this id.
    """

    gateway: str
    now_ms: int
    nonce: str | None
    key: bytes | None
    synced: bool
    newest_id: str | None
    known: Result | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What to do with a command.

    Attributes:
        state: `accepted`, `rejected` or `expired`; with `repeat` the old answer's.
        value: What to write, in the point's own type; None unless accepted.
        keep: Whether the answer goes on record; forged commands leave no trace on the disk.
        repeat: The old answer to a known id.
    """

    state: ResultState
    reason: str = ""
    value: Value | None = None
    keep: bool = False
    repeat: Result | None = None


LIGHTS: Final = "lights"
"""What a command to the lights acts on, as the record names it; no point can be named so."""


def subject(command: Command) -> str:
    """Return what a command acts on, as the record names it: the point of a `set`, otherwise the lights."""
    return command.args.point if isinstance(command.args, SetArguments) else LIGHTS


def sequences(command: Command, circuits: Iterable[str]) -> tuple[str, ...]:
    """Return the sequences in which a command must be newer than the one before it.

    Args:
        command: The command.
        circuits: Those that it names, or all of them.
    """
    if isinstance(command.args, SetArguments):
        return (command.args.point,)
    if isinstance(command.args, ReadArguments):
        return ()
    kind = "permit" if isinstance(command.args, PermitArguments) else "circuit"
    return tuple(f"{kind}:{name}" for name in circuits)


def ulid(at_ms: int, randomness: int) -> str:
    """Return the ULID of a time (ms since 1970 UTC) and 80 random bits."""
    number = (at_ms & (1 << 48) - 1) << 80 | randomness & (1 << 80) - 1
    return "".join(_CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5))


def ulid_ms(text: str) -> int:
    """Return the time in a ULID, milliseconds since 1970 UTC."""
    number = 0
    for character in text[:10]:
        number = number << 5 | _CROCKFORD.index(character)
    return number


def judge(
    command: Command, *, origin: Origin, retained: bool, situation: Situation, writable: Writable | None
) -> Verdict:
    """Return what to do with a command that sets a point.

    Args:
        command: As it was received.
        origin: Commands of the schedule and of people at the gateway carry neither nonce nor signature.
        retained: Whether the broker marked it as retained.
        situation: Of this moment.
        writable: The allow-list's entry for the point; None if it has none.
    """
    verdict = admit(command, origin=origin, retained=retained, situation=situation)
    if verdict is not None:
        return verdict
    if not isinstance(command.args, SetArguments):
        return Verdict(state=ResultState.REJECTED, reason="no_lights", keep=True)
    value, reason = _permitted(command.args.value, writable)
    if value is None:
        return Verdict(state=ResultState.REJECTED, reason=reason, keep=True)
    return Verdict(state=ResultState.ACCEPTED, value=value, keep=True)


def admit(command: Command, *, origin: Origin, retained: bool, situation: Situation) -> Verdict | None:
    """Return why a command of any kind goes no further, or its old answer; None if it may be looked at.

    What was meant for another connection, or came before the clock, leaves no record: the centre offers it again under
    the same id.
    """
    if origin is Origin.CENTRE:
        forged = _forged(command, retained, situation)
        if forged:
            return Verdict(state=ResultState.REJECTED, reason=forged)
        if situation.known is not None:
            return Verdict(state=situation.known.state, repeat=situation.known)
        if not situation.synced:
            return Verdict(state=ResultState.REJECTED, reason="clock_not_synchronised")
        if not situation.nonce or command.nonce != situation.nonce:
            return Verdict(state=ResultState.REJECTED, reason="other_connection")
        stale = _stale(command, situation)
        if stale:
            return Verdict(state=ResultState.REJECTED, reason=stale, keep=True)
    if situation.now_ms > command.not_after:
        return Verdict(state=ResultState.EXPIRED, reason="past_not_after", keep=True)
    return None


def _forged(command: Command, retained: bool, situation: Situation) -> str:
    """Return why a command is not the centre's own word, empty if it is."""
    if retained:
        return "retained"
    if situation.key is None:
        return "no_command_key"
    if command.mac is None:
        return "not_signed"
    if not signature_agrees(command, situation.gateway, situation.key):
        return "bad_signature"
    return ""


def _stale(command: Command, situation: Situation) -> str:
    """Return why a command is not meant for this moment, empty if it is."""
    drawn_ms = ulid_ms(command.id)
    if drawn_ms > situation.now_ms + FUTURE_MS:
        return "id_from_the_future"
    if drawn_ms < situation.now_ms - KEPT_MS:
        return "id_too_old"
    if situation.newest_id is not None and command.id <= situation.newest_id:
        return "older_than_last_accepted"
    return ""


def _permitted(value: object, writable: Writable | None) -> tuple[Value | None, str]:
    """Return what to write, or None and why not."""
    if writable is None:
        return None, "not_allowed"
    result = typed(value, writable.kind)
    if result is None or isinstance(result, str):
        return None, "wrong_type"
    return (result, "") if writable.low <= result <= writable.high else (None, "out_of_range")


def typed(value: object, kind: PointKind) -> Value | None:
    """Return a command's value in the type of its point; None if it cannot be that."""
    if kind == "bool":
        return bool(value) if isinstance(value, bool | int) and value in {0, 1} else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if kind == "int":
        return int(value) if float(value).is_integer() else None
    return float(value) if kind == "float" else None


def agrees(wanted: Value, read_back: Value | None) -> bool:
    """Return whether a read-back shows what was wanted; floats within a float32's rounding."""
    if read_back is None or isinstance(wanted, str) or isinstance(read_back, str):
        return read_back == wanted
    return abs(float(read_back) - float(wanted)) <= 1e-6 * max(1.0, abs(float(wanted)))
