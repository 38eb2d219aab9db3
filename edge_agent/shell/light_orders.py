"""The desk that commands to the lights come to: what they change, and what became of each circuit."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any, Final

from contract.command import CircuitResult, Command, OverrideArguments, Readback, SetArguments
from contract.lights import next_change_ms
from contract.reading import Cause, Value
from edge_agent.core.commands import Origin
from edge_agent.core.lights.orders import Change, Standing, change_of
from edge_agent.shell.clock import GatewayClock
from edge_agent.shell.journal import LightsStep
from edge_agent.shell.light_record import LightRecord, step_of
from edge_agent.shell.trusted_time import TrustedTime

if TYPE_CHECKING:
    from edge_agent.shell.lights import Lights

LONGEST_HOLD_MS: Final = 12 * 3_600_000
"""A `set` of the centre for a relay holds to the calendar's next change, and at most this long."""
LONGEST_REST_S: Final = 30.0
"""A command waits no longer than this for lamps to cool; then it says that they do."""


class LightOrders:
    """Answers for the lights."""

    def __init__(self, lights: Lights, *, record: LightRecord, clock: GatewayClock, time: TrustedTime) -> None:
        self._lights = lights
        self._record = record
        self._machine = lights.machine
        self._clock = clock
        self._time = time

    def owns(self, point: str) -> bool:
        """Return whether a point is the relay or the dimmer of a circuit."""
        return self._machine.circuit_of(point) is not None

    def circuits_of(self, command: Command) -> tuple[str, ...]:
        """Return the circuits that a command names, or all of them."""
        if isinstance(command.args, SetArguments):
            circuit = self._machine.circuit_of(command.args.point)
            return (circuit.rules.id,) if circuit else ()
        return tuple(getattr(command.args, "circuits", ())) or tuple(self._machine.by_id)

    def change(self, command: Command, origin: Origin) -> Change | str:
        """Return what a command changes, or in one word why it is refused."""
        now_ms = self._time.now_ms()
        known_ms = self._clock.wall_ms() if now_ms is None else now_ms
        args = command.args
        if isinstance(args, SetArguments):
            as_override = self._as_override(args, known_ms)
            if isinstance(as_override, str):
                return as_override
            command = command.model_copy(update={"op": "override", "args": as_override})
        elif isinstance(args, OverrideArguments) and origin is Origin.CENTRE:
            longest_ms = self._lights.longest_override_ms
            if longest_ms is not None and args.until > known_ms + longest_ms:
                return "until_too_far"
        standing = Standing(
            circuits=[circuit.rules for circuit in self._machine.by_id.values()],
            permits=self._lights.permits,
            now_ms=known_ms,
            is_known=now_ms is not None,
            boot_id=self._clock.boot_id,
            boot_ms=self._clock.monotonic_ms(),
        )
        return change_of(command, standing)

    def _as_override(self, args: SetArguments, now_ms: int) -> OverrideArguments | str:
        circuit = self._machine.circuit_of(args.point)
        if circuit is None or circuit.output.point != args.point:
            return "use_override"
        if args.value not in {0, 1} or isinstance(args.value, str):
            return "out_of_range"
        going = self._lights.backdrop.going
        change_ms = next_change_ms(going.calendar, going.place, now_ms, going.sun) or now_ms + LONGEST_HOLD_MS
        return OverrideArguments(
            circuits=(circuit.rules.id,),
            level=100 if args.value else 0,
            until=min(change_ms, now_ms + LONGEST_HOLD_MS),
            reason="set",
        )

    def step(self, change: Change) -> LightsStep:
        """Return what puts a change on the disk."""
        if not (change.permits or change.ended):
            return step_of(change)
        ended = {*change.ended}
        permits = {name: one for name, one in self._lights.permits.items() if name not in ended}
        permits |= {one.circuit: one for one in change.permits}

        def step(database: sqlite3.Connection) -> None:
            step_of(change)(database)
            self._record.copy_permits(permits.values())

        return step

    def take(self, change: Change, command_id: str) -> None:
        """Go by a change that is on the disk."""
        self._lights.take(change, command_id)

    async def outcome(self, change: Change, command_id: str) -> dict[str, CircuitResult]:
        """Return what became of each circuit, once all are proved or have failed."""
        lights = self._lights
        results = {name: CircuitResult(state="rejected", cause=cause) for name, cause in change.refused.items()}
        open_names = [name for name in change.circuits if name not in results]
        rest_s = max((self._machine.by_id[name].rules.rest_s for name in open_names), default=0.0)
        end_s = lights.now_s() + lights.patience_s + min(rest_s, LONGEST_REST_S)
        while open_names:
            for name in list(open_names):
                result = lights.settled(name, command_id, is_last=lights.now_s() >= end_s)
                if result is not None:
                    results[name] = result
                    open_names.remove(name)
            if open_names:
                await lights.look()
        return {name: results[name] for name in change.circuits}

    async def recovered(self, command_id: str, told: Any) -> dict[str, CircuitResult] | None:
        """Return what became of a command that a crash cut off; None if what it changed is no longer in force."""
        operation = told.get("op") if isinstance(told, dict) else "override"
        while self._lights.is_undecided:
            await self._lights.look()
        standing = {name: one.command_id for name, one in self._lights.overrides.items()}
        standing |= {name: one.command_id for name, one in self._lights.permits.items()}
        circuits = tuple(name for name, laid_by in standing.items() if laid_by == command_id)
        if operation in {"release", "read"} or (operation == "permit" and not circuits):
            named = tuple(name for name in told["circuits"] if name in self._machine.by_id)
            circuits = named or tuple(self._machine.by_id)
        if not circuits:
            return None
        self._lights.demand(circuits)
        return await self.outcome(Change(circuits=circuits), command_id)

    def readback(self, point: str) -> Readback | None:
        """Return what a relay showed last."""
        circuit = self._machine.circuit_of(point)
        if circuit is None or circuit.output.shown is None:
            return None
        return Readback(value=circuit.output.shown, cause=Cause.OK, ts=max(0, self._time.now_ms() or 0))

    def forbids(self, point: str, value: Value) -> bool:
        """Return whether a permit stands against a write at this moment."""
        circuit = self._machine.circuit_of(point)
        is_relay = circuit is not None and circuit.output.point == point
        return is_relay and bool(value) and circuit is not None and circuit.rules.id in self._lights.permits
