"""The one road to the relays: commands of the centre and of the schedule, judged, kept, carried out, read back."""

from __future__ import annotations

import asyncio
import re
import secrets
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import structlog

from config.agent import Commands
from contract.codec import PayloadError, decode
from contract.command import MAX_COMMAND_BYTES, Command, Readback, Result, ResultState, SetArguments
from contract.reading import Cause, Quality, Reading, Value, quality_of
from drivers.errors import DriverError, RefusedError
from edge_agent.core.commands import Origin, Situation, Verdict, Writable, agrees, judge, subject, typed, ulid
from edge_agent.shell.clock import GatewayClock
from edge_agent.shell.devices import Fleet
from edge_agent.shell.journal import CommandJournal

READ_BACK_TRIES: Final = 3
READ_BACK_PAUSE_S: Final = 2.0
MAX_WAITING: Final = 32
"""Commands of the centre that may wait for their devices at once; further ones are refused."""
NO_READ_BACK: Final = "no read-back"
"""How the reason begins when the device was silent to the write and to the reads after it."""
_MIN_KEY_BYTES: Final = 32
_log = structlog.get_logger("commands")


class KeyFileError(ValueError):
    """The command key cannot be used; the message says why and names the file."""


def read_key(file: Path) -> bytes:
    """Return the command key of a file: 32 bytes or more, raw or in hex.

    Raises:
        KeyFileError: It cannot be read, or is too short.
    """
    try:
        data = file.read_bytes()[:4096]
    except OSError as error:
        raise KeyFileError(f"{file}: cannot be read: {error.strerror}") from error
    text = data.strip()
    if re.fullmatch(rb"(?:[0-9a-fA-F]{2})+", text) and len(text) >= 2 * _MIN_KEY_BYTES:
        return bytes.fromhex(text.decode("ascii"))
    if len(data) < _MIN_KEY_BYTES or re.fullmatch(rb"[0-9a-fA-F]+", text):
        raise KeyFileError(f"{file}: a command key has {_MIN_KEY_BYTES} bytes or more, raw or as hex digits")
    return data


class CommandService:
    """Carries commands out.

    Attributes:
        counters: What became of commands, by `command_<outcome>`; malformed payloads among them.
        on_done: Called after a command of the centre was carried out: point and value.
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
        self.on_done: Callable[[str, Value], None] = lambda _point, _value: None
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

        For the centre `accepted` is published on the way.
        """
        point = subject(command)
        async with self._turns[point] if point in self._allowed else asyncio.Lock():
            verdict = await self._judge(command, origin, retained)
            if verdict.repeat is not None:
                self.counters["command_repeated"] += 1
                return verdict.repeat
            result = self._result(command, verdict.state, verdict.reason)
            kept = not verdict.keep or await self._keep(command, origin, result)
            if verdict.value is None:
                return self._refused(command, origin, result)
            if not kept and origin is Origin.CENTRE:
                return self._refused(command, origin, self._result(command, ResultState.REJECTED, "cannot_be_kept"))
            if origin is Origin.CENTRE:
                await self._publish(result)
            result = await self._carry_out(command, verdict.value)
            await self._finish(result)
        _log.info("command", id=command.id, by=command.by, point=point, state=result.state, reason=result.reason)
        self.counters[f"command_{result.state}"] += 1
        if origin is Origin.CENTRE and result.state is ResultState.DONE:
            self.on_done(point, verdict.value)
        return result

    async def recover(self) -> None:
        """Answer the commands that a crash cut off by what the device shows now; nothing is written again."""
        for command_id, origin, point, value in await asyncio.to_thread(self._journal.unfinished):
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
            await self._finish(result)
            self.counters["command_recovered"] += 1
            _log.warning("command cut off by a restart", id=command_id, point=point, state=result.state)
            if origin is Origin.CENTRE:
                await self._publish(result)

    async def _judge(self, command: Command, origin: Origin, retained: bool) -> Verdict:
        known, newest_id = None, None
        if origin is Origin.CENTRE:
            try:
                known, newest_id = await asyncio.to_thread(self._journal.find, command.id, subject(command))
            except sqlite3.Error as error:
                _log.exception("command record not readable", id=command.id, error=str(error))
                return Verdict(state=ResultState.REJECTED, reason="cannot_be_kept")
        situation = Situation(
            gateway=self._gateway,
            now_ms=self._now_ms(),
            nonce=self._nonce(),
            key=self._key,
            synced=self._trusted_ms() is not None,
            newest_id=newest_id,
            known=known,
        )
        writable = self._allowed.get(subject(command))
        return judge(command, origin=origin, retained=retained, situation=situation, writable=writable)

    async def _keep(self, command: Command, origin: Origin, result: Result) -> bool:
        try:
            await asyncio.to_thread(self._journal.keep, command, origin, result)
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
