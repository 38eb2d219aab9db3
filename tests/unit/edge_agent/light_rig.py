"""A cabinet's agent without broker, in virtual time: poller, commands and lights over a board and a meter in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from config.agent import Allowed, Commands, Intervals, Place
from config.lighting import Circuit, Lighting
from config.points import PointSpec
from contract.command import Command, Result, signature
from contract.command_arguments import ARGUMENTS, Operation
from contract.lights import Calendar
from contract.reading import Block, Value
from edge_agent.core.commands import Origin, ulid
from edge_agent.core.lights.backdrop import GoingBy
from edge_agent.shell.commands import CommandService
from edge_agent.shell.devices import Device, Fleet
from edge_agent.shell.journal import CommandJournal
from edge_agent.shell.light_record import LightRecord
from edge_agent.shell.lights import Lights
from edge_agent.shell.poller import Poller
from edge_agent.shell.trusted_time import TrustedTime
from tests.unit.edge_agent.virtual_agent import MemoryBus, VirtualClock, coil, memory_device, run_for, run_virtual, spec

PLEIKU = Place(latitude=13.983, longitude=108.0, timezone="Asia/Ho_Chi_Minh")
EVENING = Calendar.model_validate({"periods": [{"on": "18:00", "off": "22:00"}]})
KEY = bytes(32)
LAMP_W = 1000.0


def wall(clock: VirtualClock, text: str) -> None:
    """Set the wall clock to a local time of Pleiku."""
    clock.wall_offset_ms = local_ms(text) - clock.monotonic_ms()


def local_ms(text: str) -> int:
    local = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(PLEIKU.timezone))
    return round(local.timestamp() * 1000)


class Street:
    """One cabinet with circuits `a`, `b` … on coils k_a, k_b …, proved by contacts and a meter."""

    def __init__(
        self,
        folder: Path,
        clock: VirtualClock,
        *,
        names: Sequence[str] = ("a",),
        calendar: Calendar = EVENING,
        proved: bool = True,
        start_wait_s: float = 0.0,
        stagger_s: float = 4.0,
        relays: Mapping[str, bool] | None = None,
        other_ms: Callable[[int | None], int | None] = lambda _last_ms: None,
        photocell: bool = False,
        poll_s: float = 1.0,
    ) -> None:
        self.clock = clock
        self.names = names
        self.journal = CommandJournal(folder / "commands.db")
        inputs = [coil(key, poll="fast") for key in ("auto", "mains", "dark")]
        coils = [coil(f"k_{name}", poll="fast") for name in names]
        contacts = [coil(f"in_{name}", poll="fast") for name in names]
        intervals = Intervals(fast_s=poll_s, normal_s=5 * poll_s)
        self.device, self.driver = memory_device(clock, [*coils, *contacts, *inputs], name="relay", intervals=intervals)
        self.meter, self.meter_driver = memory_device(
            clock, [spec(f"p_{name}") for name in names], name="meter", bus=MemoryBus(clock), intervals=intervals
        )
        self.driver.values |= {"auto": True, "mains": True} | {f"k_{n}": on for n, on in (relays or {}).items()}
        self.jammed: set[str] = set()
        self._follow()
        read, read_meter = self.driver.read, self.meter_driver.read

        async def follow_and_read(points: Sequence[object]) -> Block:
            self._follow()
            return await read(points)  # type: ignore[arg-type]  # passed on as they are

        async def follow_and_measure(points: Sequence[object]) -> Block:
            self._follow()
            return await read_meter(points)  # type: ignore[arg-type]  # passed on as they are

        self.driver.read = follow_and_read  # type: ignore[method-assign]  # contactors follow their relays
        self.meter_driver.read = follow_and_measure  # type: ignore[method-assign]  # and the meter the contactors
        self.blocks: list[tuple[float, dict[str, Value | None]]] = []
        self.results: list[Result] = []
        self.time = TrustedTime(clock, require_sync=True)
        self.commands = CommandService(
            gateway="gw-1",
            config=Commands(allow=tuple(Allowed(point=f"relay/k_{name}") for name in names)),
            key=KEY,
            fleet=Fleet(devices=(self.device, self.meter)),
            journal=self.journal,
            clock=clock,
            now_ms=self.time.now_ms,
            nonce=lambda: "n1",
            publish=self._publish,
        )
        self.poller = Poller((self.device, self.meter), clock, self._polled)
        self.lights = Lights(
            config=Lighting(
                schedule_file=Path("s.yaml"),
                circuits=tuple(
                    Circuit(
                        id=name,
                        output=f"relay/k_{name}",
                        feedback=f"relay/in_{name}" if proved else None,
                        power=(f"meter/p_{name}",) if proved else (),
                        full_power_w=LAMP_W if proved else None,
                    )
                    for name in names
                ),
                selector="relay/auto",
                mains_ok="relay/mains",
                photocell="relay/dark" if photocell else None,
                stagger_s=stagger_s,
            ),
            going=GoingBy(calendar=calendar, place=PLEIKU),
            clock=clock,
            time=self.time,
            commands=self.commands,
            record=LightRecord(self.journal, folder / "permits.json"),
            reader=self.poller,
            sink=self._told,
            start_wait_s=start_wait_s,
            other_ms=other_ms,
        )

    def _follow(self) -> None:
        for name in self.names:
            closed = bool(self.driver.values[f"k_{name}"]) and bool(self.driver.values["mains"])
            closed = closed and name not in self.jammed
            self.driver.values[f"in_{name}"] = closed
            self.meter_driver.values[f"p_{name}"] = LAMP_W if closed else 0.0

    def _polled(self, device: Device, block: Block) -> None:
        self.lights.observe(device, block)

    async def _publish(self, result: Result) -> None:
        self.results.append(result)

    def _told(self, block: Block, specs: Mapping[str, PointSpec]) -> None:
        assert set(block.keys) <= set(specs)
        self.blocks.append((self.clock.now_s, dict(zip(block.keys, block.values, strict=True))))

    @property
    def last(self) -> dict[str, Value | None]:
        """What `control` has said last of each point."""
        return {key: value for _, values in self.blocks for key, value in values.items()}

    def writes(self, since_s: float = 1000.0) -> list[tuple[float, str, Value]]:
        """Return the second since the start of the clock, the coil and the value of each write."""
        return [(at_s - since_s, key, value) for at_s, key, value in self.driver.writes]

    def run(self, seconds: float, *events: tuple[float, object], close: bool = True, long: bool = False) -> None:
        """Run for a while; each event is (second, what happens); `long`: without what beats each second."""

        async def happen(at_s: float, event: object) -> None:
            await asyncio.sleep(at_s)
            outcome = event()  # type: ignore[operator] # given by the test
            if asyncio.iscoroutine(outcome):
                await outcome
            await asyncio.sleep(1e9)

        async def recover() -> None:
            await self.commands.recover()
            await asyncio.sleep(1e9)

        parts = [happen(at_s, event) for at_s, event in events]
        polling = [one.run() for one in self.poller.pollers.values()] if long else [self.poller.run()]
        run_virtual(self.clock, run_for(seconds, *polling, self.lights.run(), recover(), *parts))
        if close:
            self.journal.close()

    def made(self, op: Operation, *, number: int = 1, life_ms: int = 30_000, by: str = "huong", **args: Any) -> Command:
        made = Command(
            id=ulid(self.clock.wall_ms(), number),
            nonce="n1",
            op=op,
            args=ARGUMENTS[op].model_validate(args),
            by=by,
            not_after=self.clock.wall_ms() + life_ms,
        )
        return made.model_copy(update={"mac": signature(made, "gw-1", KEY)})

    async def remote(self, op: Operation, **args: Any) -> Result:
        """Send a command of the centre, and return its last answer."""
        result = await self.commands.submit(self.made(op, **args), Origin.CENTRE, retained=False)
        self.results.append(result)
        return result

    async def override(self, level: int, *, minutes: float = 60.0, circuits: Sequence[str] = ()) -> Result:
        until_ms = self.clock.wall_ms() + round(minutes * 60_000)
        return await self.remote("override", circuits=tuple(circuits), level=level, until=until_ms, reason="a test")
