"""What a command to the lights changes, or why it is refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from contract.batch import LATEST_MS
from contract.command import (
    CircuitResult,
    Command,
    LampTestArguments,
    OverrideArguments,
    PermitArguments,
    ReadArguments,
    ReleaseArguments,
    ResultState,
)
from contract.command_arguments import MAX_OVERRIDE_MS
from edge_agent.core.lights.circuits import CircuitRules
from edge_agent.core.lights.proof import Proof
from edge_agent.core.lights.tables import Override, Permit

PERMIT_AHEAD_MS: Final = 366 * 86_400_000
"""A planned end further ahead is a slip of the pen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What an accepted command changes.

    Attributes:
        circuits: All that it names.
        overrides: To be laid.
        released: Circuits whose overrides end.
        permits: To be set.
        ended: Circuits whose permits end.
        refused: Of some circuits why they are left as they are; never of all.
    """

    circuits: tuple[str, ...]
    overrides: tuple[Override, ...] = ()
    released: tuple[str, ...] = ()
    permits: tuple[Permit, ...] = ()
    ended: tuple[str, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The lights at the moment of a command.

    Attributes:
        circuits: As configured.
        permits: By circuit.
        now_ms: Milliseconds since 1970 UTC.
        is_known: Whether that time is trusted; if not, overrides end by the boot clock alone.
        boot_ms: The boot clock.
    """

    circuits: Sequence[CircuitRules]
    permits: Mapping[str, Permit]
    now_ms: int
    is_known: bool = True
    boot_id: str
    boot_ms: int


def change_of(command: Command, standing: Standing) -> Change | str:
    """Return what a command to the lights changes, or in one word why it is refused."""
    args = command.args
    known = {circuit.id: circuit for circuit in standing.circuits}
    named = () if isinstance(args, ReadArguments) else getattr(args, "circuits", ())
    if any(name not in known for name in named):
        return "no_such_circuit"
    circuits = tuple(named) or tuple(known)
    if isinstance(args, OverrideArguments):
        return _override(command, args, circuits, known, standing)
    if isinstance(args, LampTestArguments):
        until_ms = standing.now_ms + args.minutes * 60_000
        return _laid(command, circuits, standing, level=100, is_named=True, until_ms=until_ms, reason="lamp test")
    if isinstance(args, ReleaseArguments):
        return Change(circuits=circuits, released=circuits)
    if isinstance(args, PermitArguments):
        return _permit(command, args, circuits, standing)
    return Change(circuits=circuits)


def _override(
    command: Command,
    args: OverrideArguments,
    circuits: tuple[str, ...],
    known: Mapping[str, CircuitRules],
    standing: Standing,
) -> Change | str:
    if args.until <= standing.now_ms:
        return "until_has_passed"
    if args.until > standing.now_ms + MAX_OVERRIDE_MS:
        return "until_too_far"
    is_dim = bool(args.circuits) and 0 < args.level < 100
    if is_dim and any(known[name].dimmer is None for name in circuits):
        return "no_dimmer"
    return _laid(
        command,
        circuits,
        standing,
        level=args.level,
        is_named=bool(args.circuits) or args.level in {0, 100},
        until_ms=args.until,
        reason=args.reason,
    )


def _laid(
    command: Command,
    circuits: tuple[str, ...],
    standing: Standing,
    *,
    level: int,
    is_named: bool,
    until_ms: int,
    reason: str,
) -> Change | str:
    refused = {name: "permit" for name in circuits if name in standing.permits}
    if len(refused) == len(circuits):
        return "permit"
    overrides = tuple(
        Override(
            circuit=name,
            level=level,
            is_named=is_named,
            by=command.by,
            reason=reason,
            until_ms=until_ms if standing.is_known else LATEST_MS,
            boot_id=standing.boot_id,
            until_boot_ms=standing.boot_ms + until_ms - standing.now_ms,
            command_id=command.id,
        )
        for name in circuits
        if name not in refused
    )
    return Change(circuits=circuits, overrides=overrides, refused=refused)


def _permit(command: Command, args: PermitArguments, circuits: tuple[str, ...], standing: Standing) -> Change | str:
    if not args.active:
        ended = tuple(name for name in circuits if name in standing.permits)
        return Change(circuits=circuits, ended=ended) if ended else "no_permit"
    if args.until is not None and args.until <= standing.now_ms:
        return "until_has_passed"
    if args.until is not None and args.until > standing.now_ms + PERMIT_AHEAD_MS:
        return "until_too_far"
    permits = tuple(
        Permit(
            circuit=name,
            by=command.by,
            reason=args.reason,
            since_ms=standing.now_ms,
            until_ms=args.until,
            command_id=command.id,
        )
        for name in circuits
    )
    # Whoever put lamps on by hand before the work must not find them on again after it.
    return Change(circuits=circuits, permits=permits, released=circuits)


def circuit_result(proof: Proof, held_back: str) -> CircuitResult:
    """Return what became of one circuit.

    Args:
        proof: Its proof at the end of the wait.
        held_back: Why it was not switched yet; empty if it was.
    """
    power_w = None if proof.power_w is None else round(proof.power_w, 1)
    if proof.state == "done":
        return CircuitResult(state="done", cause=proof.cause, feedback=proof.feedback, power_w=power_w)
    cause = proof.cause or held_back or "not_proved_in_time"
    return CircuitResult(state="failed", cause=cause, feedback=proof.feedback, power_w=power_w)


def outcome_of(circuits: Mapping[str, CircuitResult]) -> tuple[ResultState, str]:
    """Return the state of a whole command and the reason, which names the first circuits that are not done."""
    failed = [f"{name}: {result.cause}" for name, result in circuits.items() if result.state != "done"]
    if not failed:
        return ResultState.DONE, ""
    states = {result.state for result in circuits.values()}
    state = ResultState.REJECTED if states == {"rejected"} else ResultState.FAILED
    return state, ", ".join(failed)[:256]
