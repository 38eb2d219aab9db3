"""The lights as the agent holds them: the machine with its desk, the wants of the centre, and people at the cabinet."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping
from typing import Any, Final

from pydantic import ValidationError

from config.agent import AgentConfig
from config.points import PointSpec
from contract.command import Command, Result
from contract.command_arguments import ARGUMENTS
from contract.lights import Calendar, Located, lighting_day, plan
from contract.reading import Block
from contract.want import Limits, WantReport
from edge_agent.core.commands import Origin, ulid
from edge_agent.core.lights.backdrop import GoingBy
from edge_agent.shell.battery_clock import battery_backed
from edge_agent.shell.clock import GatewayClock
from edge_agent.shell.commands import CommandService
from edge_agent.shell.devices import Device
from edge_agent.shell.journal import CommandJournal
from edge_agent.shell.light_record import LightRecord
from edge_agent.shell.light_status import lights_status
from edge_agent.shell.lights import Lights, Reader
from edge_agent.shell.trusted_time import TrustedTime
from edge_agent.shell.want_desk import WantDesk

LOCAL_LIFE_MS: Final = 60_000
MAX_PLAN_DAYS: Final = 400
PERMITS_FILE: Final = "permits.json"
LOCAL_OPERATIONS: Final = frozenset({"override", "release", "permit", "read", "lamp_test"})
_RANDOM = secrets.SystemRandom()


class CabinetLights:
    """Everything of the lights that runs in an agent."""

    def __init__(
        self,
        *,
        config: AgentConfig,
        place: Located,
        calendar: Calendar,
        key: bytes | None,
        clock: GatewayClock,
        time: TrustedTime,
        commands: CommandService,
        journal: CommandJournal,
        reader: Reader,
        sink: Callable[[Block, Mapping[str, PointSpec]], None],
        on_report: Callable[[WantReport], None],
    ) -> None:
        """Prepare; nothing is switched before `run`.

        Args:
            config: The gateway; it has lights.
            place: Where it stands by its own file.
            calendar: Its own.
            key: The command key.
            clock: Its clocks.
            time: The time that is trusted.
            commands: The one road to the relays.
            journal: The record of commands, which the lights keep theirs in.
            reader: Reads for the proof.
            sink: Takes the blocks of `control`.
            on_report: Publishes `state/want`.
        """
        if config.lighting is None:
            raise ValueError("this gateway has no lights")
        self._clock = clock
        self._time = time
        self._commands = commands
        self.wants = WantDesk(
            gateway=config.gateway,
            key=key,
            state_dir=config.state_dir,
            calendar=calendar,
            place=place,
            now_ms=time.now_ms,
        )
        limits = self.wants.limits
        wait_s = config.lighting.start_wait_s if limits.start_wait_s is None else limits.start_wait_s
        self.lights = Lights(
            config=config.lighting,
            going=self.wants.going,
            clock=clock,
            time=time,
            commands=commands,
            record=LightRecord(journal, config.state_dir / PERMITS_FILE),
            reader=reader,
            sink=sink,
            start_wait_s=_RANDOM.uniform(0.0, wait_s),
            other_ms=battery_backed(clock),
        )
        self._use(self.wants.going, limits)
        self.wants.on_change = self._use
        self.wants.on_report = on_report
        on_report(self.wants.report)

    async def run(self) -> None:
        """Switch, and keep the sun's times, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.lights.run(), name="lights")
            tasks.create_task(self.wants.run(), name="sun")

    def observe(self, device: Device, block: Block) -> None:
        """Take what a poll shows."""
        self.lights.observe(device, block)

    def _use(self, going: GoingBy, limits: Limits) -> None:
        stagger_s = None if limits.stagger_s is None else float(limits.stagger_s)
        self.lights.use(going, stagger_s=stagger_s, longest_override_h=limits.longest_override_h)

    def status(self) -> dict[str, Any]:
        """Return what `edge-agent lights` shows."""
        error = self.wants.report.error
        told = None if error is None else error.model_dump(mode="json")
        return {**lights_status(self.lights, self._time.now_ms()), "want_error": told}

    async def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer a request of somebody at the cabinet: `status`, `plan`, or a command on the same road as any other."""
        wish = request.get("do", "status")
        if wish == "status":
            return {"lights": self.status()}
        if wish == "plan":
            return await self._plan(request.get("days"))
        if wish not in LOCAL_OPERATIONS:
            return {"error": f"the lights know no '{str(wish)[:32]}'"}
        command = self._command(str(wish), request)
        if isinstance(command, str):
            return {"error": command}
        result: Result = await self._commands.submit(command, Origin.LOCAL, retained=False)
        return {"result": result.model_dump(mode="json", exclude_none=True)}

    def _command(self, operation: str, request: dict[str, Any]) -> Command | str:
        """Return the command of a request, or what is wrong with it."""
        known_ms = self._time.now_ms()
        now_ms = max(0, self._clock.wall_ms() if known_ms is None else known_ms)
        args = request.get("args")
        args = dict(args) if isinstance(args, dict) else {}
        for_s = request.get("for_s")
        if isinstance(for_s, int) and not isinstance(for_s, bool):
            args["until"] = now_ms + for_s * 1000
        try:
            return Command(
                id=ulid(now_ms, secrets.randbits(80)),
                nonce="",
                op=operation,  # type: ignore[arg-type]  # one of LOCAL_OPERATIONS
                args=ARGUMENTS[operation].model_validate(args),
                by=str(request.get("by", ""))[:64],
                not_after=now_ms + LOCAL_LIFE_MS,
            )
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"

    async def _plan(self, days: object) -> dict[str, Any]:
        now_ms = self._time.now_ms()
        if not isinstance(days, int) or isinstance(days, bool) or not 1 <= days <= MAX_PLAN_DAYS:
            return {"error": f"days is a number from 1 to {MAX_PLAN_DAYS}"}
        if now_ms is None:
            return {"error": "no clock: the lights do not know the day", "problem": "no_clock"}
        going = self.lights.backdrop.going
        nights = await asyncio.to_thread(planned, going, now_ms, days)
        return {"plan": nights, "timezone": going.place.timezone}


def planned(going: GoingBy, now_ms: int, days: int) -> list[dict[str, Any]]:
    """Return what a calendar plans from the present lighting day on; times in milliseconds since 1970 UTC."""
    first = lighting_day(going.place.timezone, now_ms)
    nights = plan(going.calendar, going.place, first, days, going.sun)
    return [
        {
            "day": night.day.isoformat(),
            "program": night.program,
            "rule": night.rule,
            "exception": night.is_exception,
            "steps": [
                {"start_ms": step.start_ms, "end_ms": step.end_ms, "level": step.level, "dim": step.dim}
                for step in night.steps
            ],
        }
        for night in nights
    ]
