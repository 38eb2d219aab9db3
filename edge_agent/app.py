"""The running agent: what is wired to what."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Coroutine, Mapping
from typing import Any, Final

import structlog

from config.errors import ConfigErrors
from contract.lights import Calendar
from contract.reading import Block, Value
from drivers.errors import DriverError
from edge_agent.shell.built_in import AGENT_POINTS, BUILT_IN_INTERVAL_S, block_of, meta_of, software_version, specs_of
from edge_agent.shell.cabinet_lights import CabinetLights
from edge_agent.shell.clock import SystemClock
from edge_agent.shell.commands import CommandService
from edge_agent.shell.control import ControlServer, socket_path
from edge_agent.shell.delivery import Delivery
from edge_agent.shell.devices import Device, Fleet, build_fleet
from edge_agent.shell.health import MODBUS_FAULTS, malformed_among, resident_bytes, undelivered
from edge_agent.shell.journal import CommandJournal
from edge_agent.shell.loaded import Loaded
from edge_agent.shell.poller import Poller
from edge_agent.shell.pulses import PulseCounting
from edge_agent.shell.quality import Refinement
from edge_agent.shell.read_now import as_dict, read_device
from edge_agent.shell.service import ServiceNotifier
from edge_agent.shell.sole_agent import SoleAgent
from edge_agent.shell.trusted_time import TrustedTime
from edge_agent.shell.upkeep import UpkeepDesk, check_switches

STOP_TIMEOUT_S: Final = 10.0
_log = structlog.get_logger("agent")


class Agent:
    """One gateway's agent, from the lines to the broker."""

    def __init__(self, loaded: Loaded, fleet: Fleet, clock: SystemClock) -> None:
        config = self._config = loaded.config
        self._config_problem = loaded.problem
        self._fleet = fleet
        self._clock = clock
        self._notifier = ServiceNotifier()
        self._started_ms = clock.monotonic_ms()
        self._started_offset_ms = clock.wall_ms() - self._started_ms
        self._agent_specs = specs_of(AGENT_POINTS)
        self._journal = CommandJournal(config.state_dir / "commands.db")
        self._poller = Poller(fleet.devices, clock, self._polled, self._found)
        self._delivery = Delivery(
            config=config,
            clock=clock,
            meta=lambda: meta_of(config, fleet.devices, self._refinement.made),
            on_command=self._command,
            on_connected=self._poller.reread_alarms,
            on_want=self._want,
        )
        check_switches(config.maintenance, fleet)
        self._upkeep = UpkeepDesk(
            switches=config.maintenance,
            known=[*(device.id for device in fleet.devices), *(counter.id for counter in config.counters)],
            file=config.state_dir / "maintenance.json",
            clock=clock,
        )
        self._refinement = Refinement(
            config=config,
            devices=fleet.devices,
            upkeep=self._upkeep.board,
            clock=clock,
            time_of=self._delivery.time_of,
            sink=self._delivery.accept,
        )
        self._time = TrustedTime(clock, require_sync=config.clock.require_sync, otherwise=self._delivery.now_ms)
        self._commands = CommandService(
            gateway=config.gateway,
            config=config.commands,
            key=loaded.key,
            fleet=fleet,
            journal=self._journal,
            clock=clock,
            now_ms=self._time.now_ms,
            nonce=lambda: self._delivery.nonce,
            publish=self._delivery.publish_result,
        )
        self._schedule_file = loaded.schedule_file
        self._reloads: set[asyncio.Task[None]] = set()
        self._reload_turn = asyncio.Lock()
        self._lights: CabinetLights | None = None
        if config.lighting and config.place and loaded.schedule:
            self._lights = CabinetLights(
                config=config,
                place=config.place,
                calendar=loaded.schedule,
                key=loaded.key,
                clock=clock,
                time=self._time,
                commands=self._commands,
                journal=self._journal,
                reader=self._poller,
                sink=self._delivery.accept,
                on_report=self._delivery.publish_want_report,
            )
            self._use_schedule(loaded.schedule)
        self._sole = SoleAgent(config.state_dir)
        self._counting: PulseCounting | None = None
        if config.counters:
            self._counting = PulseCounting(
                configs=config.counters,
                fleet=fleet,
                file=config.state_dir / "counters.json",
                clock=clock,
                sink=self._refinement.accept_counter,
            )
        self._control = ControlServer(socket_path(config.runtime_dir), self._answer)

    async def run(self) -> None:
        """Work until SIGTERM or SIGINT; then stop polling, keep what was read, and return.

        Raises:
            ControlError: The control socket cannot be used, or another agent runs.
            BaseException: Whatever ended one of the parts: the service manager starts all of them anew.
        """
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload_soon)
        self._sole.hold()
        await self._control.open()
        delivery = asyncio.create_task(self._delivery.run(), name="delivery")
        workers = [asyncio.create_task(part, name=name) for name, part in self._parts().items()]
        stopping = asyncio.create_task(stop.wait(), name="stop")
        _log.info("agent started", gateway=self._config.gateway, version=software_version(), pid=os.getpid())
        if self._config_problem is not None:
            _log.error("configuration wrong, the last good one goes on", problem=self._config_problem)
        self._notifier.ready()
        try:
            await asyncio.wait({stopping, delivery, *workers}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._notifier.stopping()
            await self._shut_down(stopping, workers, delivery)
        for task in (*workers, delivery):
            if task.done() and not task.cancelled() and (error := task.exception()) is not None:
                raise error

    def _parts(self) -> dict[str, Coroutine[Any, Any, None]]:
        parts: dict[str, Coroutine[Any, Any, None]] = {
            "poller": self._poller.run(),
            "heartbeat": self._heartbeat(),
            "watchdog": self._feed_watchdog(),
            "averages": self._refinement.run(),
            "maintenance": self._upkeep.run(),
            "recovery": self._recover(),
        }
        if self._lights:
            parts["lights"] = self._lights.run()
        if self._counting:
            parts["counters"] = self._counting.run()
        return parts

    async def _shut_down(
        self, stopping: asyncio.Task[Any], workers: list[asyncio.Task[None]], delivery: asyncio.Task[None]
    ) -> None:
        """Stop what reads first, so that delivery's last commit has all of it."""
        for tasks in ([stopping, *workers], [delivery]):
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=STOP_TIMEOUT_S)
        await self._control.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._fleet.close(), STOP_TIMEOUT_S)
        self._journal.close()
        self._sole.release()
        _log.info("agent stopped")

    def _reload_soon(self) -> None:
        """Read the schedule again; everything else of the configuration needs a restart."""
        task = asyncio.create_task(self._reload(), name="reload")
        self._reloads.add(task)
        task.add_done_callback(self._reloads.discard)

    async def _reload(self) -> None:
        if self._schedule_file is None:
            return
        async with self._reload_turn:
            try:
                self._use_schedule(await asyncio.to_thread(self._schedule_file.load))
            except ConfigErrors as error:
                _log.error("schedule not reloaded", problems=[str(problem) for problem in error.problems])

    def _use_schedule(self, schedule: Calendar) -> None:
        problem = self._schedule_file.problem if self._schedule_file else None
        if problem is not None:
            _log.error("schedule file wrong, the last good one goes on", problem=problem)
        else:
            _log.info("schedule", calendar=schedule.name, programs=[program.id for program in schedule.all_programs])
        if self._lights is not None:
            self._lights.wants.use_file(schedule, problem)

    async def _recover(self) -> None:
        await self._commands.recover()
        await asyncio.Event().wait()

    async def _command(self, payload: bytes, retained: bool) -> None:
        await self._commands.receive(payload, retained)

    async def _want(self, payload: bytes) -> None:
        if self._lights is not None:
            await self._lights.wants.receive(payload)

    def _polled(self, device: Device, block: Block) -> None:
        if self._config.maintenance:
            self._upkeep.observe(device, block)
        self._refinement.accept(device, block)
        if self._counting:
            self._counting.observe(device, block)
        if self._lights:
            self._lights.observe(device, block)

    def _found(self, device: Device) -> None:
        self._refinement.found(device)

    async def _feed_watchdog(self) -> None:
        """Feed the watchdog after both schedulers have completed passes since the last time."""
        seen = (self._poller.passes, self._delivery.passes)
        while True:
            await asyncio.sleep(1.0)
            now = (self._poller.passes, self._delivery.passes)
            if now[0] > seen[0] and now[1] > seen[1]:
                seen = now
                self._notifier.alive()

    async def _heartbeat(self) -> None:
        while True:
            self._delivery.accept(block_of("agent", self._health(), self._clock), self._agent_specs)
            await asyncio.sleep(BUILT_IN_INTERVAL_S)

    def _health(self) -> dict[str, Value]:
        delivered = self._delivery.status()
        monotonic_ms = self._clock.monotonic_ms()
        devices = self._poller.pollers.values()
        values: dict[str, Value] = {
            "uptime_s": (monotonic_ms - self._started_ms) / 1000,
            "clock_synced": self._clock.synchronised(),
            "clock_jump_s": (self._clock.wall_ms() - monotonic_ms - self._started_offset_ms) / 1000,
            "connected": self._delivery.nonce is not None,
            "config_valid": self._config_problem is None,
            "polls": sum(poller.counters.polls for poller in devices),
            "poll_failures": sum(poller.counters.failures.total() for poller in devices),
            "polls_dropped": sum(poller.plan.dropped for poller in devices),
            "cycle_too_short": self._poller.line_loads.too_short,
            "set_aside": sum(poller.breaker.is_open for poller in devices),
            "malformed": sum(malformed_among(self._malformed()).values()),
            "rss_bytes": resident_bytes(),
        }
        return values | {key: value for key, value in undelivered(delivered).items() if value is not None}

    def _malformed(self) -> dict[str, int]:
        """Return every metric of malformed input, the lines' by `modbus_`, the commands' by `command_`."""
        counted: dict[str, int] = {}
        for line in self._fleet.lines:
            for name in MODBUS_FAULTS:
                counted[f"modbus_{name}"] = counted.get(f"modbus_{name}", 0) + int(getattr(line.counters, name))
        metrics = self._delivery.status().get("metrics")
        for counts in (self._commands.counters, metrics if isinstance(metrics, Mapping) else {}):
            for name, count in counts.items():
                counted[name] = counted.get(name, 0) + count
        return counted

    async def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        operation = request.get("op")
        if operation == "status":
            return self._status()
        if operation == "read":
            return await self._read(request.get("device"), request.get("points") or [])
        if operation == "maintain":
            return await self._upkeep.announce(request)
        if operation == "lights":
            if self._lights is None:
                return {"error": "this gateway switches no lights", "problem": "no_lights"}
            return await self._lights.answer(request)
        return {"error": f"no operation '{str(operation)[:32]}'"}

    def _status(self) -> dict[str, Any]:
        monotonic_ms = self._clock.monotonic_ms()
        delivered = self._delivery.status()
        return {
            "running": True,
            "gateway": self._config.gateway,
            "version": software_version(),
            "uptime_s": (monotonic_ms - self._started_ms) / 1000,
            "config_problem": self._config_problem,
            "clock_synced": self._clock.synchronised(),
            "connected": self._delivery.nonce is not None,
            "rss_bytes": resident_bytes(),
            "clock_required": self._config.clock.require_sync,
            "undelivered": undelivered(delivered),
            "delivery": delivered,
            "lighting": self._lights.status() if self._lights else None,
            "devices": self._device_status(monotonic_ms),
            "maintenance": self._upkeep.status(),
            "lines": self._poller.line_loads.status(),
            "malformed": malformed_among(self._malformed()),
            "commands": dict(self._commands.counters),
        }

    def _device_status(self, monotonic_ms: int) -> list[dict[str, object]]:
        rows = self._poller.status(monotonic_ms)
        for row in rows:
            found = self._refinement.causes(str(row["device"]))
            bad = row["bad_points"]
            row["bad_points"] = {**found, **(bad if isinstance(bad, dict) else {})}
            row["quality"] = self._refinement.counted(str(row["device"]))
        return rows

    async def _read(self, device_id: object, keys: object) -> dict[str, Any]:
        device = self._fleet.find(str(device_id))
        if device is None or not isinstance(keys, list):
            return {"error": f"no device '{str(device_id)[:64]}'"}
        # The poller may be at it, also at this one.
        others_s = sum(one.patience_s for one in self._fleet.devices if one.config.line == device.config.line)
        try:
            readings = await read_device(device, keys, others_s, self._refinement.glance)
            return {"readings": [as_dict(reading) for reading in readings]}
        except (DriverError, TimeoutError) as error:
            told = {"error_vi": error.vi} if isinstance(error, DriverError) and error.vi else {}
            return {
                "error": str(error) or "no answer in time",
                "cause": str(getattr(error, "cause", "timeout")),
                **told,
            }
        except KeyError as error:
            return {"error": f"device '{device.id}' has no point '{error.args[0]}'"}


def build_agent(loaded: Loaded) -> Agent:
    """Return the agent of a configuration; no port is opened yet.

    Raises:
        ConfigErrors: A profile is wrong.
        ValueError: A device names points that its profile has not.
        ControlError: The control socket's path is too long.
    """
    clock = SystemClock()
    return Agent(loaded, build_fleet(loaded.config, loaded.base, clock), clock)
