"""Runs the lighting schedule: a decision each second, commands by the one road, the outcome told as `control`."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Mapping
from typing import Final

import structlog

from config.lighting import Lighting as LightingConfig
from config.points import PointSpec
from contract.command import ResultState
from contract.lights import Calendar, Located, lamps_due, next_change_ms, resolve
from contract.reading import Block, Value
from edge_agent.core.outputs import Output
from edge_agent.shell.built_in import BUILT_IN_INTERVAL_S, block_of, commanded_keys, control_points, specs_of
from edge_agent.shell.clock import GatewayClock
from edge_agent.shell.commands import NO_READ_BACK, CommandService
from edge_agent.shell.devices import Device
from edge_agent.shell.journal import CommandJournal
from edge_agent.shell.trusted_time import TrustedTime

TICK_S: Final = 1.0
FALLBACK_AFTER_S: Final = 30.0
"""How long a start waits for the clock before it fails lit: lamps that strike at each restart by day wear out."""
LONGEST_HOLD_MS: Final = 12 * 3_600_000
COMMAND_TIME_MS: Final = 30_000
_log = structlog.get_logger("lighting")


class Lighting:
    """Switches the outputs of one schedule.

    A command of the centre for an output holds it until the schedule's next change, 12 hours at most.
    """

    def __init__(
        self,
        *,
        config: LightingConfig,
        schedule: Calendar,
        place: Located,
        clock: GatewayClock,
        time: TrustedTime,
        commands: CommandService,
        journal: CommandJournal,
        sink: Callable[[Block, Mapping[str, PointSpec]], None],
    ) -> None:
        self._schedule = schedule
        self._place = place
        self._clock = clock
        self._time = time
        self._commands = commands
        self._journal = journal
        self._sink = sink
        self._keys = commanded_keys(config.outputs)
        self._specs = specs_of(control_points(config.outputs))
        self._by_device: dict[str, dict[str, Output]] = {}
        self.outputs: dict[str, Output] = {}
        for point in config.outputs:
            device, _, key = point.partition("/")
            self.outputs[point] = self._by_device.setdefault(device, {})[key] = Output(point)
        self._holds: dict[str, tuple[Value, int, float]] = {}
        self._started_s = clock.monotonic_ms() / 1000
        self._told: dict[str, Value] = {}
        self._told_s = float("-inf")
        self._problem: str | None = None
        commands.on_done = self.hold

    def use(self, schedule: Calendar, problem: str | None) -> None:
        """Go by another schedule from the next tick on.

        Args:
            schedule: The program.
            problem: Why it is not that of the file; None if it is.
        """
        self._schedule, self._problem = schedule, problem

    async def run(self) -> None:
        """Decide at once and then each second, until cancelled."""
        await self._load_holds()
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        while True:
            await self.tick()
            due_s = max(due_s + TICK_S, loop.time())
            await asyncio.sleep(due_s - loop.time())

    def observe(self, device: Device, block: Block) -> None:
        """Take what a poll shows of the outputs."""
        outputs = self._by_device.get(device.id)
        if outputs is None:
            return
        for key, value in zip(block.keys, block.values, strict=True):
            if key in outputs and value is not None:
                outputs[key].show(bool(value), block.monotonic_ms / 1000)

    def hold(self, point: str, value: Value) -> None:
        """Leave an output as the centre has set it, until the schedule's next change."""
        now_ms = self._time.now_ms()
        output = self.outputs.get(point)
        if output is None or now_ms is None:
            return
        change_ms = next_change_ms(self._schedule, self._place, now_ms)
        until_ms = min(change_ms or now_ms + LONGEST_HOLD_MS, now_ms + LONGEST_HOLD_MS)
        self._remember_hold(point, value, now_ms, until_ms)
        try:
            self._journal.hold(point, value, until_ms)
        except sqlite3.Error as error:
            _log.exception("hold not kept", point=point, error=str(error))
        # It was just written and read back: nothing is owed.
        now_s = self._now_s()
        output.aim(bool(value), now_s)
        output.done(True, now_s)

    async def tick(self) -> None:
        """Decide, command what must be commanded, and tell it."""
        decision = self._decide()
        if decision is None:
            return
        due, reason, change_ms = decision
        for output in self.outputs.values():
            held = self._held(output.point)
            output.aim(due if held is None else held, self._now_s())
        if reason == "program" and self._holds:
            reason = "override"
        self._tell(due, reason, change_ms)
        for output in self.outputs.values():
            if output.must_write(self._now_s()):
                await self._command(output)
                self._tell(due, reason, change_ms)

    def status(self) -> dict[str, object]:
        """Return what `edge-agent status` shows."""
        return {
            "program": self._program(),
            "schedule_problem": self._problem,
            "timezone": self._place.timezone,
            **{key: self._told[key] for key in ("lamps_due", "reason", "next_change_ms") if key in self._told},
            "outputs": {
                output.point: {"target": output.target, "commanded": output.commanded, "shown": output.shown}
                for output in self.outputs.values()
            },
        }

    def _program(self) -> str:
        now_ms = self._time.now_ms()
        if now_ms is None:
            return self._schedule.default_program or self._schedule.name
        return resolve(self._schedule, self._place, now_ms).program

    def _decide(self) -> tuple[bool, str, int | None] | None:
        """Return whether lamps are due, why, and the next change; None while a start waits for its clock."""
        now_ms = self._time.now_ms()
        if now_ms is None:
            if self._now_s() - self._started_s < FALLBACK_AFTER_S:
                return None
            self._holds.clear()
            return True, "fallback", None
        due = lamps_due(self._schedule, self._place, now_ms)
        self._end_holds(now_ms)
        return due, "program", next_change_ms(self._schedule, self._place, now_ms)

    async def _command(self, output: Output) -> None:
        target = output.target
        if target is None:
            return
        again = output.attempts > 0
        result = await self._commands.set_by_schedule(output.point, target, COMMAND_TIME_MS)
        confirmed = result.state is ResultState.DONE
        if output.target is target:
            output.done(confirmed, self._now_s(), is_reached=not result.reason.startswith(NO_READ_BACK))
        if not confirmed or again:
            _log.warning("output asserted again", point=output.point, on=target, attempts=output.attempts)

    def _tell(self, due: bool, reason: str, change_ms: int | None) -> None:
        values: dict[str, Value] = {"lamps_due": due, "reason": reason, "schedule_valid": self._problem is None}
        if change_ms is not None:
            values["next_change_ms"] = change_ms
        for output in self.outputs.values():
            if output.commanded is not None:
                values[self._keys[output.point]] = output.commanded
        now_s = self._now_s()
        if values == self._told and now_s - self._told_s < BUILT_IN_INTERVAL_S - TICK_S / 2:
            return
        if values.get("lamps_due") != self._told.get("lamps_due") or reason != self._told.get("reason"):
            _log.info("lighting", lamps_due=due, reason=reason, next_change_ms=change_ms)
        self._told, self._told_s = values, now_s
        self._sink(block_of("control", values, self._clock), self._specs)

    def _held(self, point: str) -> bool | None:
        hold = self._holds.get(point)
        return None if hold is None else bool(hold[0])

    def _remember_hold(self, point: str, value: Value, now_ms: int, until_ms: int) -> None:
        self._holds[point] = (value, until_ms, self._now_s() + (until_ms - now_ms) / 1000)

    def _end_holds(self, now_ms: int) -> None:
        """End holds by the wall clock or by the boot clock, whichever comes first."""
        for point, (_, until_ms, until_s) in list(self._holds.items()):
            if now_ms >= until_ms or self._now_s() >= until_s:
                del self._holds[point]
                try:
                    self._journal.release(point)
                except sqlite3.Error as error:
                    _log.exception("hold not released on disk", point=point, error=str(error))

    async def _load_holds(self) -> None:
        """Take up what the centre held before a restart; a boot without a clock drops it."""
        now_ms = self._time.now_ms()
        if now_ms is None:
            return
        try:
            holds = await asyncio.to_thread(self._journal.holds)
        except sqlite3.Error as error:
            _log.exception("holds not read", error=str(error))
            return
        for point, (value, until_ms) in holds.items():
            if point in self.outputs and now_ms < until_ms <= now_ms + LONGEST_HOLD_MS:
                self._remember_hold(point, value, now_ms, until_ms)

    def _now_s(self) -> float:
        return self._clock.monotonic_ms() / 1000
