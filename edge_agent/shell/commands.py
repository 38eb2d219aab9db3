"""The one road to the relays: commands of the centre and of the schedule, judged, kept, carried out, read back."""

from __future__ import annotations

import asyncio
import secrets
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Final

import structlog

from config.agent import Commands
from contract.codec import PayloadError, decode
from contract.command import (
    MAX_COMMAND_BYTES,
    CircuitResult,
    Command,
    Readback,
    Result,
    ResultState,
    SetArguments,
)
from contract.reading import Cause, Quality, Reading, Value, quality_of
from drivers.errors import DriverError, RefusedError
from edge_agent.core.commands import (
    LIGHTS,
    Origin,
    Situation,
    Verdict,
    Writable,
    admit,
    agrees,
    judge,
    sequences,
    subject,
    typed,
    ulid,
)
from edge_agent.core.lights.orders import Change, outcome_of
from edge_agent.shell.clock import GatewayClock
from edge_agent.shell.devices import Fleet
from edge_agent.shell.journal import CommandJournal, LightsStep
from edge_agent.shell.lights_desk import LightsDesk

READ_BACK_TRIES: Final = 3
READ_BACK_PAUSE_S: Final = 2.0
MAX_WAITING: Final = 32
"""Commands of the centre that may wait for their devices at once; further ones are refused."""
NO_READ_BACK: Final = "no read-back"
"""How the reason begins when the device was silent to the write and to the reads after it."""
_log = structlog.get_logger("commands")


class CommandService:
    """Carries commands out.

    Attributes:
        counters: What became of commands, by `command_<outcome>`; malformed payloads among them.
        lights: Who carries out commands to the lights; None on a gateway that switches none.
    """

    def __init__(
        self,
        *,
        gateway: str,
        config: Commands,
        key: bytes | None,
        fleet: Fleet,
        journal: CommandJournal,
        clock: GatewayClock,
        now_ms: Callable[[], int | None],
        nonce: Callable[[], str | None],
        publish: Callable[[Result], Awaitable[None]],
    ) -> None:
        self.counters: Counter[str] = Counter()
        self.lights: LightsDesk | None = None
        self._gateway = gateway
        self._key = key
        self._fleet = fleet
        self._journal = journal
        self._clock = clock
        self._trusted_ms = now_ms
        self._nonce = nonce
        self._publish = publish
        self._allowed = _allowed(config, fleet)
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._tasks: set[asyncio.Task[None]] = set()

    async def receive(self, payload: bytes, retained: bool) -> None:
        """Take a message of `down/cmd`; what is no command is counted and goes no further."""
        try:
            command = decode(payload, Command, MAX_COMMAND_BYTES)
        except PayloadError as error:
            self.counters[f"command_{error.kind}"] += 1
            _log.warning("malformed command", kind=error.kind, bytes=len(payload))
            return
        if len(self._tasks) >= MAX_WAITING:
            self.counters["command_flood"] += 1
            return
        # A task of its own: a silent device must not hold back confirmations on the same connection.
        task = asyncio.create_task(self._serve(command, retained), name=f"command {command.id}")
        self._tasks.add(task)
        task.add_done_callback(self._served)

    def _served(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.counters["command_crashed"] += 1
            _log.error("command crashed", task=task.get_name(), error=repr(error))

    async def _serve(self, command: Command, retained: bool) -> None:
        await self._publish(await self.submit(command, Origin.CENTRE, retained=retained))

    async def set_by_schedule(self, point: str, value: Value, life_ms: int) -> Result:
        """Carry out what the schedule wants, on the same road as everyone else, within `life_ms` from now."""
        now_ms = self._now_ms()
        command = Command(
            id=ulid(now_ms, secrets.randbits(80)),
            nonce="",
            op="set",
            args=SetArguments(point=point, value=value),
            by="schedule",
            not_after=max(0, now_ms + life_ms),
        )
        return await self.submit(command, Origin.SCHEDULE, retained=False)

    async def submit(self, command: Command, origin: Origin, *, retained: bool) -> Result:
        """Judge a command, keep it, carry it out, and return what became of it.

        For the centre `accepted` is published on the way. A relay of a circuit is set by nobody but the lights: a `set`
        of the centre for it becomes an override.
        """
        if origin is not Origin.SCHEDULE and self.lights is not None and self._is_of_lights(command, self.lights):
            return await self._submit_to_lights(command, origin, self.lights, retained=retained)
        point = subject(command)
        async with self._turns[point] if point in self._allowed else asyncio.Lock():
            verdict = await self._judge(command, origin, retained)
            if verdict.repeat is not None:
                self.counters["command_repeated"] += 1
                return verdict.repeat
            result = self._result(command, verdict.state, verdict.reason)
            kept = not verdict.keep or await self._keep(command, origin, result, (point,))
            if verdict.value is None:
                return self._refused(command, origin, result)
            if not kept and origin is not Origin.SCHEDULE:
                return self._refused(command, origin, self._result(command, ResultState.REJECTED, "cannot_be_kept"))
            if origin is Origin.CENTRE:
                await self._publish(result)
            result = await self._carry_out(command, verdict.value)
            await self._finish(result)
        return self._told(command, result)

    def _is_of_lights(self, command: Command, lights: LightsDesk) -> bool:
        return not isinstance(command.args, SetArguments) or lights.owns(command.args.point)

    async def _submit_to_lights(
        self, command: Command, origin: Origin, lights: LightsDesk, *, retained: bool
    ) -> Result:
        async with self._turns[LIGHTS]:
            circuits = lights.circuits_of(command)
            in_order = tuple(f"circuit:{name}" for name in circuits)
            if not isinstance(command.args, SetArguments):
                in_order = sequences(command, circuits)
            situation, refusal = await self._situation(command, origin, in_order)
            verdict = refusal or admit(command, origin=origin, retained=retained, situation=situation)
            if verdict is not None and verdict.repeat is not None:
                self.counters["command_repeated"] += 1
                return verdict.repeat
            change = lights.change(command, origin) if verdict is None else None
            if isinstance(change, str):
                verdict = Verdict(state=ResultState.REJECTED, reason=change, keep=True)
            if verdict is not None:
                result = self._result(command, verdict.state, verdict.reason)
                if verdict.keep:
                    await self._keep(command, origin, result, ())
                return self._refused(command, origin, result)
            if not isinstance(change, Change):
                raise TypeError("the lights gave neither a change nor a reason")
            result = self._result(command, ResultState.ACCEPTED)
            if not await self._keep(command, origin, result, in_order, lights.step(change)):
                return self._refused(command, origin, self._result(command, ResultState.REJECTED, "cannot_be_kept"))
            lights.take(change, command.id)
            if origin is Origin.CENTRE:
                await self._publish(result)
        outcome = await lights.outcome(change, command.id)
        state, reason = outcome_of(outcome)
        point = command.args.point if isinstance(command.args, SetArguments) else None
        readback = lights.readback(point) if point else None
        result = Result(
            id=command.id,
            state=state,
            point=point,
            circuits=outcome,
            reason=reason,
            readback=readback,
            ts=self._now_ms(),
        )
        await self._finish(result)
        return self._told(command, result)

    def _told(self, command: Command, result: Result) -> Result:
        _log.info("command", id=command.id, by=command.by, op=command.op, state=result.state, reason=result.reason)
        self.counters[f"command_{result.state}"] += 1
        return result

    async def recover(self) -> None:
        """Answer the commands that a crash cut off by what the devices show now; nothing is written again."""
        waiting = []
        for command_id, origin, point, value in await asyncio.to_thread(self._journal.unfinished):
            if point == LIGHTS or (self.lights is not None and self.lights.owns(point)):
                waiting.append(self._recover_lights(command_id, origin, point, value))
                continue
            reading, error = await self._read_back(point)
            writable = self._allowed.get(point)
            wanted = typed(value, writable.kind) if writable else None
            done = reading is not None and wanted is not None and agrees(wanted, reading.value)
            result = Result(
                id=command_id,
                state=ResultState.DONE if done else ResultState.FAILED,
                point=point,
                reason="restarted" if reading is not None else f"restarted, {error}"[:256],
                readback=_readback(reading),
                ts=self._now_ms(),
            )
            await self._recovered(result, origin)
        await asyncio.gather(*waiting)

    async def _recover_lights(self, command_id: str, origin: Origin, point: str, told: Any) -> None:
        """Answer for the lights once they have settled; what the command changed is on the disk, or it never was."""
        if origin is Origin.SCHEDULE:
            # The schedule decides anew; what it wanted before the crash is nobody's business any more.
            await self._recovered(self._cut_off(command_id, point, "restarted", {}), origin)
            return
        outcome = await self.lights.recovered(command_id, told) if self.lights is not None else None
        reason = "restarted" if outcome is not None else "restarted, no longer in force"
        await self._recovered(self._cut_off(command_id, point, reason, outcome or {}), origin)

    def _cut_off(self, command_id: str, point: str, reason: str, outcome: Mapping[str, CircuitResult]) -> Result:
        state, why = outcome_of(outcome)
        return Result(
            id=command_id,
            state=state if outcome else ResultState.FAILED,
            point=None if point == LIGHTS else point,
            circuits=dict(outcome) or None,
            reason=f"{reason}, {why}"[:256] if why else reason,
            ts=self._now_ms(),
        )

    async def _recovered(self, result: Result, origin: Origin) -> None:
        await self._finish(result)
        self.counters["command_recovered"] += 1
        _log.warning("command cut off by a restart", id=result.id, point=result.point, state=result.state)
        if origin is Origin.CENTRE:
            await self._publish(result)

    async def _judge(self, command: Command, origin: Origin, retained: bool) -> Verdict:
        situation, refusal = await self._situation(command, origin, (subject(command),))
        writable = self._allowed.get(subject(command))
        return refusal or judge(command, origin=origin, retained=retained, situation=situation, writable=writable)

    async def _situation(
        self, command: Command, origin: Origin, in_order: tuple[str, ...]
    ) -> tuple[Situation, Verdict | None]:
        """Return what the arbiter must know, and a refusal if the record of commands cannot be read."""
        known, newest_id, refusal = None, None, None
        if origin is Origin.CENTRE:
            try:
                known, newest_id = await asyncio.to_thread(self._journal.find, command.id, in_order)
            except sqlite3.Error as error:
                _log.exception("command record not readable", id=command.id, error=str(error))
                refusal = Verdict(state=ResultState.REJECTED, reason="cannot_be_kept")
        situation = Situation(
            gateway=self._gateway,
            now_ms=self._now_ms(),
            nonce=self._nonce(),
            key=self._key,
            synced=self._trusted_ms() is not None,
            newest_id=newest_id,
            known=known,
        )
        return situation, refusal

    async def _keep(
        self,
        command: Command,
        origin: Origin,
        result: Result,
        in_order: tuple[str, ...],
        also: LightsStep | None = None,
    ) -> bool:
        try:
            await asyncio.to_thread(partial(self._journal.keep, command, origin, result, sequences=in_order, also=also))
        except sqlite3.Error as error:
            # The schedule goes on without a record: a full disk must not darken a street.
            self.counters["command_not_kept"] += 1
            _log.exception("command not kept", id=command.id, error=str(error))
            return False
        return True

    async def _finish(self, result: Result) -> None:
        try:
            await asyncio.to_thread(self._journal.finish, result)
        except sqlite3.Error as error:
            self.counters["command_not_kept"] += 1
            _log.exception("result not kept", id=result.id, error=str(error))

    async def _carry_out(self, command: Command, value: Value) -> Result:
        located = self._fleet.locate(subject(command))
        if located is None:
            return self._result(command, ResultState.FAILED, "no_such_point")
        device, point = located
        if self.lights is not None and self.lights.forbids(subject(command), value):
            return self._result(command, ResultState.REJECTED, "permit")
        try:
            reading = await device.driver.write(point, value)
        except RefusedError as error:
            return self._result(command, ResultState.FAILED, f"refused: {error}")
        except DriverError as error:
            reading_or_none, _ = await self._read_back(subject(command))
            if reading_or_none is None:
                return self._result(command, ResultState.FAILED, f"{NO_READ_BACK}: {error}")
            reading = reading_or_none
        state = ResultState.DONE if agrees(value, reading.value) else ResultState.FAILED
        reason = "" if state is ResultState.DONE else "read_back_differs"
        return self._result(command, state, reason, reading)

    async def _read_back(self, point_id: str) -> tuple[Reading | None, str]:
        """Return what the device shows, or None and the last error after a few tries."""
        located = self._fleet.locate(point_id)
        if located is None:
            return None, "no such point"
        device, point = located
        last = ""
        for attempt in range(READ_BACK_TRIES):
            if attempt:
                await asyncio.sleep(READ_BACK_PAUSE_S)
            try:
                block = await device.driver.read((point,))
            except DriverError as error:
                last = str(error)
                continue
            reading = next(block.readings())
            if reading.quality is not Quality.BAD:
                return reading, ""
            last = str(reading.cause)
        return None, last

    def _refused(self, command: Command, origin: Origin, result: Result) -> Result:
        self.counters[f"command_{result.state}"] += 1
        self.counters[f"command_refused_{result.reason}"] += 1
        _log.warning("command refused", id=command.id, by=command.by, origin=origin, reason=result.reason)
        return result

    def _result(self, command: Command, state: ResultState, reason: str = "", reading: Reading | None = None) -> Result:
        return Result(
            id=command.id,
            state=state,
            point=command.args.point if isinstance(command.args, SetArguments) else None,
            reason=reason[:256],
            readback=_readback(reading),
            ts=self._now_ms(),
        )

    def _now_ms(self) -> int:
        """Return the trusted time, since a wall clock set back would revive commands that are past their end."""
        now_ms = self._trusted_ms()
        return self._clock.wall_ms() if now_ms is None else now_ms


def _readback(reading: Reading | None) -> Readback | None:
    if reading is None:
        return None
    value = reading.value if quality_of(reading.cause) is not Quality.BAD else None
    return Readback(value=value, cause=Cause(reading.cause), ts=reading.observed_at_ms)


def _allowed(config: Commands, fleet: Fleet) -> dict[str, Writable]:
    allowed = {}
    for entry in config.allow:
        located = fleet.locate(entry.point)
        if located is not None and located[1].spec.can_be_written:
            kind = located[1].spec.kind
            allowed[entry.point] = Writable(point=entry.point, kind=kind, low=entry.low, high=entry.high)
    return allowed
