"""The simulator as a whole: lines, world, time line, control socket, journal."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
import time
from collections.abc import Coroutine, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from firmware_sim.actions import Action, LineSwitch
from firmware_sim.clock import SimulatedClock
from firmware_sim.control import ControlSocket
from firmware_sim.core.codec import Request
from firmware_sim.core.faults import Sending
from firmware_sim.instrument_line import InstrumentLine
from firmware_sim.journal import Journal
from firmware_sim.line import RtuLine
from firmware_sim.models import InstrumentLineConfig, LineConfig, RtuLineConfig, SimulatorConfig
from firmware_sim.opening import NotOpenError, What
from firmware_sim.scenario import Scenario, time_line
from firmware_sim.tcp import TcpLine
from firmware_sim.world import World

START_TIMEOUT_S: Final = 30.0
_SWITCH_INTERVAL_S: Final = 0.0005


class Simulator:
    """Start it, talk to its lines, let its scenario run, stop it.

    Raises:
        ActionError: The scenario names something that the configuration does not have.
    """

    def __init__(
        self,
        config: SimulatorConfig,
        scenario: Scenario | None = None,
        *,
        control: Path | None = None,
        journal: Path | None = None,
    ) -> None:
        self.clock = SimulatedClock(config.time_factor)
        self.world = World(config, time.time())
        self.lines: dict[str, RtuLine | InstrumentLine | TcpLine] = {line.id: self._line(line) for line in config.lines}
        for step in scenario.steps if scenario is not None else ():
            step.check(self.world)
        self._time_line = time_line(scenario) if scenario is not None else []
        self._control = ControlSocket(control, self.apply, self.status) if control is not None else None
        self._journal = Journal(journal) if journal is not None else None
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    def _line(self, config: LineConfig) -> RtuLine | InstrumentLine | TcpLine:
        if isinstance(config, InstrumentLineConfig):
            return InstrumentLine(config, self.world.instruments[config.id], self._simulated_s)
        if isinstance(config, RtuLineConfig):
            return RtuLine(config, self._answer)
        return TcpLine(config, self._answer)

    def _simulated_s(self) -> float:
        """Return the simulated time; the clock begins anew with the start."""
        return self.clock.now_s()

    def _answer(self, line: str, request: Request) -> list[Sending] | None:
        found = self.world.answer(line, request, self.clock.now_s())
        if found is None:
            return None
        station, outcome = found
        if self._journal is not None:
            self._journal.record(station, outcome)
        return outcome.sendings

    async def start(self) -> None:
        """Open every line, then the control socket; simulated time begins now.

        Raises:
            NotOpenError: A port is taken, or a path cannot be made.
            LinkInUseError: The path of a line's link holds something else, or is another simulator's.
        """
        # A line's thread must not wait 5 ms, five characters at 9600 baud, for the event loop's thread.
        sys.setswitchinterval(_SWITCH_INTERVAL_S)
        self._loop = asyncio.get_running_loop()
        try:
            # Serial lines first: their threads wait in select, which knows descriptors below 1024 only.
            for line in self.lines.values():
                if not isinstance(line, TcpLine):
                    with _naming("line", line.config.id, line.config.link or "pty"):
                        line.start()
            for line in self.lines.values():
                if isinstance(line, TcpLine):
                    with _naming("line", line.config.id, f"{line.config.host}:{line.config.port}"):
                        await line.start()
            if self._control is not None:
                with _naming("control", "", str(self._control.path)):
                    await self._control.start()
        except BaseException:
            await self.stop()
            raise
        self.clock = SimulatedClock(self.clock.factor)
        self._begin(self._run_scenario())

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """Close everything; safe to call twice."""
        for task in (tasks := list(self._tasks)):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._control is not None:
            await self._control.stop()
        for line in self.lines.values():
            if isinstance(line, TcpLine):
                await line.stop()
            else:
                line.stop()
        if self._journal is not None:
            self._journal.close()

    async def _run_scenario(self) -> None:
        for timed in self._time_line:
            await asyncio.sleep(self.clock.wait_s(timed.at_s))
            self._carry_out(timed.action, timed.at_s)

    def _carry_out(self, action: Action, at_s: float) -> None:
        self.world.apply(action, at_s)
        if isinstance(action, LineSwitch) and self._loop is not None:
            # Lines belong to the loop; actions may come from any thread.
            switching = self._switch(self.lines[action.line], up=action.do == "line_up")
            self._loop.call_soon_threadsafe(self._begin, switching)

    async def _switch(self, line: RtuLine | InstrumentLine | TcpLine, *, up: bool) -> None:
        if not isinstance(line, TcpLine):
            (line.start if up else line.stop)()
        else:
            await (line.start if up else line.stop)()

    def apply(self, action: Action) -> None:
        """Carry out an action now, whatever its `at_s` says; a line switches a moment later.

        Raises:
            ActionError: It names something that is not there.
        """
        self._carry_out(action, self.clock.now_s())

    def ready(self) -> dict[str, Any]:
        """Return where the lines are: a path or host and port each, the control socket, the process id."""
        lines: list[dict[str, Any]] = []
        for name, line in self.lines.items():
            if isinstance(line, InstrumentLine):
                format_ = line.config
                lines.append({"id": name, "kind": "instrument", "path": line.path, "baud": format_.baud,
                              "data_bits": format_.data_bits, "parity": format_.parity,
                              "stop_bits": format_.stop_bits})  # fmt: skip
            elif isinstance(line, RtuLine):
                timing = line.config
                lines.append({"id": name, "kind": "rtu", "path": line.path, "baud": timing.baud,
                              "parity": timing.parity, "stop_bits": timing.stop_bits})  # fmt: skip
            else:
                lines.append({"id": name, "kind": "tcp", "host": line.config.host, "port": line.port})
        control = str(self._control.path) if self._control is not None else None
        return {"pid": os.getpid(), "control": control, "lines": lines}

    def status(self) -> dict[str, Any]:
        """Return the truth: cabinets, devices, counters of the lines."""
        lines = {
            name: line.status() if isinstance(line, InstrumentLine) else asdict(line.counters)
            for name, line in self.lines.items()
        }
        return {**self.world.status(self.clock.now_s()), "lines": lines}


@contextlib.contextmanager
def _naming(what: What, name: str, where: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise NotOpenError(what, name, where, error) from error


@contextlib.contextmanager
def running(simulator: Simulator) -> Iterator[Simulator]:
    """Run a simulator in a thread of this process: for tests and benches that are not asynchronous."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="simulator", daemon=True)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(simulator.start(), loop).result(START_TIMEOUT_S)
        try:
            yield simulator
        finally:
            asyncio.run_coroutine_threadsafe(simulator.stop(), loop).result(START_TIMEOUT_S)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
