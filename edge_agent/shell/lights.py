"""The lights at work: decide, write by the one road, read for the proof at once, tell `control`."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from typing import Final, Protocol

import structlog

from config.lighting import Lighting as LightingConfig
from config.points import PointSpec
from contract.command import (
    CircuitResult,
    ResultState,
)
from contract.reading import Block, Value
from edge_agent.core.lights.backdrop import Backdrop, GoingBy
from edge_agent.core.lights.circuits import CircuitRules, Circuits, Write
from edge_agent.core.lights.orders import Change, circuit_result
from edge_agent.core.lights.priority import LOCAL, PERMIT, Aim, Background, aim_of
from edge_agent.core.lights.proof import PENDING
from edge_agent.core.lights.tables import Override, Permit, after_start
from edge_agent.shell.built_in import BUILT_IN_INTERVAL_S, block_of, specs_of
from edge_agent.shell.clock import GatewayClock
from edge_agent.shell.commands import NO_READ_BACK, CommandService
from edge_agent.shell.control_points import SLOW_INTERVAL_S, control_points, control_values, slow_values
from edge_agent.shell.devices import Device
from edge_agent.shell.light_orders import LightOrders
from edge_agent.shell.light_record import LightRecord
from edge_agent.shell.trusted_time import TrustedTime

TICK_S: Final = 1.0
BUSY_TICK_S: Final = 0.1
"""While something is switched or proved."""
FALLBACK_AFTER_S: Final = 30.0
"""How long a start waits for the clock before it fails lit: lamps that strike at each restart by day wear out."""
COMMAND_TIME_MS: Final = 30_000
SAVE_INTERVAL_S: Final = 900.0
OUTCOME_MARGIN_S: Final = 12.0
_log = structlog.get_logger("lights")


class Reader(Protocol):
    """Who reads points at once."""

    def reread_points(self, points: Iterable[str]) -> None:
        """Read points (device/key) beside their deadlines."""


class Lights:
    """Switches the circuits of one cabinet.

    Attributes:
        machine: The circuits.
        backdrop: The calendar in force and the sensors.
        overrides: By circuit.
        permits: By circuit.
        longest_override_ms: The centre's own bound of its overrides; None: it sets none.
    """

    def __init__(
        self,
        *,
        config: LightingConfig,
        going: GoingBy,
        clock: GatewayClock,
        time: TrustedTime,
        commands: CommandService,
        record: LightRecord,
        reader: Reader,
        sink: Callable[[Block, Mapping[str, PointSpec]], None],
        start_wait_s: float,
        other_ms: Callable[[int | None], int | None] = lambda _last_ms: None,
    ) -> None:
        """Prepare; nothing is written before `run`.

        Args:
            config: The lights.
            going: The calendar in force.
            clock: The gateway's clocks.
            time: The time that is trusted.
            commands: The one road to the relays.
            record: What must not be forgotten.
            reader: Reads for the proof.
            sink: Takes the blocks of `control`.
            start_wait_s: The random wait of this start.
            other_ms: Gives the time by a lesser source, not before the last that was known; None if there is none.
        """
        self._config = config
        self._clock = clock
        self._time = time
        self._commands = commands
        self._record = record
        self._reader = reader
        self._sink = sink
        self._other_ms = other_ms
        self._started_s = self.now_s()
        self._kept = record.load()
        rules = [_rules(config, index) for index in range(len(config.switched))]
        self.backdrop = Backdrop(going, [one.id for one in rules])
        self.machine = Circuits(
            rules,
            stagger_s=config.stagger_s,
            begun_s=self._started_s,
            start_s=self._started_s + start_wait_s,
            selector=config.selector,
            mains_ok=config.mains_ok,
            is_warm=self._kept.boot_id == clock.boot_id,
        )
        self.permits: dict[str, Permit] = {
            permit.circuit: permit for permit in self._kept.permits if permit.circuit in self.machine.by_id
        }
        self.overrides: dict[str, Override] = {}
        self._undecided = [one for one in self._kept.overrides if one.circuit in self.machine.by_id]
        for name, (on_s, switches) in self._kept.ledgers.items():
            if name in self.machine.by_id:
                ledger = self.machine.by_id[name].ledger
                ledger.on_s, ledger.switches = on_s, switches
        self._last_known_ms = self._kept.last_known_ms
        self.longest_override_ms: int | None = None
        self._background: Background | None = None
        self._owners: dict[str, str] = {}
        self._writing: dict[str, asyncio.Task[None]] = {}
        self._looked = asyncio.Event()
        self._wake = asyncio.Event()
        self._specs = specs_of(control_points(config))
        self._told: dict[str, Value] = {}
        self._told_s = self._told_slow_s = float("-inf")
        self._saved_s = self._started_s
        commands.lights = LightOrders(self, record=record, clock=clock, time=time)

    @property
    def background(self) -> Background | None:
        """What holds for circuits that nobody has taken; None while a start waits for its clock."""
        return self._background

    @property
    def reason(self) -> str:
        """Who decides over the lights as a whole."""
        return self._reason(self._background) if self._background else "starting"

    def held_back(self, name: str) -> str:
        """Return why a circuit is not switched yet; empty if nothing holds it."""
        return self.machine.holds_back(name, self.now_s())

    # -- what the agent tells it -------------------------------------------------------------------------------------

    def use(self, going: GoingBy, *, stagger_s: float | None = None, longest_override_h: int | None = None) -> None:
        """Go by another calendar from now on, with the bounds that the centre sets beside it; None: as configured."""
        self.backdrop.use(going)
        self.machine.pace(self._config.stagger_s if stagger_s is None else stagger_s)
        self.longest_override_ms = None if longest_override_h is None else longest_override_h * 3_600_000
        self._wake.set()

    def observe(self, device: Device, block: Block) -> None:
        """Take what a poll shows of the lights."""
        config, seen_s = self._config, block.monotonic_ms / 1000
        for key, value in zip(block.keys, block.values, strict=True):
            point = f"{device.id}/{key}"
            if point in self.machine.watched:
                self.machine.show(point, value, seen_s)
            if point == config.photocell:
                self.backdrop.see_photocell(None if value is None else bool(value), seen_s)
            if point == config.lux:
                lux = None if value is None or isinstance(value, str) else float(value)
                self.backdrop.see_lux(lux, seen_s, is_photocell=config.photocell is None)
        if self._is_busy(seen_s):
            self._wake.set()

    # -- the loop ----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Decide and switch until cancelled."""
        try:
            while True:
                await self.tick()
                try:
                    async with asyncio.timeout(self._pause_s()):
                        await self._wake.wait()
                except TimeoutError:
                    pass
                self._wake.clear()
        finally:
            for task in self._writing.values():
                task.cancel()
            self._save()

    def _pause_s(self) -> float:
        """Return how long nothing is to be done: never past a change of the calendar."""
        now_s, now_ms = self.now_s(), self._time.now_ms()
        pause_s = BUSY_TICK_S if self._is_busy(now_s) else TICK_S
        until_ms = self._background.until_ms if self._background else None
        if until_ms is not None and now_ms is not None and until_ms > now_ms:
            pause_s = min(pause_s, (until_ms - now_ms) / 1000 + 0.001)
        return pause_s

    def _is_busy(self, now_s: float) -> bool:
        return bool(self._writing) or any(
            circuit.output.target is not None
            and (circuit.proof.state == "pending" or self.machine.opens_s(circuit, now_s) <= now_s + TICK_S)
            for circuit in self.machine.by_id.values()
        )

    async def tick(self) -> None:
        """Decide once, begin what must be written, ask for what must be read, and tell it."""
        now_s, now_ms = self.now_s(), self._time.now_ms()
        self._last_known_ms = now_ms if now_ms is not None else self._last_known_ms
        is_waiting = now_ms is None and now_s - self._started_s < FALLBACK_AFTER_S
        await self._end_overrides(now_ms, is_waiting=is_waiting)
        other_ms = self._other_ms(self._last_known_ms) if now_ms is None else None
        self._background = self.backdrop.decide(now_ms, now_s, other_ms=other_ms, waits=is_waiting)
        self.machine.aim(self._aims(self._background), now_s)
        while (write := self.machine.due(now_s, self._writing)) is not None:
            self.machine.begin(write, now_s)
            self._writing[write.circuit] = asyncio.create_task(self._write(write), name=f"switch {write.point}")
        wanted = self.machine.look(now_s)
        if wanted:
            self._reader.reread_points(wanted)
        self._looked.set()
        self._looked = asyncio.Event()
        if self._background is not None:
            self._tell(self._background, now_ms, now_s)
        if now_s - self._saved_s >= SAVE_INTERVAL_S:
            self._saved_s = now_s
            await asyncio.to_thread(self._save)

    def _aims(self, background: Background | None) -> dict[str, Aim]:
        """Return what each circuit should do; while a start waits for its clock, only what people have said."""
        names = list(self.machine.by_id)
        if background is None:
            names = [name for name in names if name in self.permits or name in self.overrides]
            background = Background(level=0, reason="starting")
        return {
            name: aim_of(
                name,
                background=background,
                overrides=self.overrides,
                permits=self.permits,
                is_local=self.machine.is_local,
                lit=self.backdrop.lit,
            )
            for name in names
        }

    async def _write(self, write: Write) -> None:
        is_done = is_reached = False
        try:
            result = await self._commands.set_by_schedule(write.point, write.value, COMMAND_TIME_MS)
            is_done = result.state is ResultState.DONE
            is_reached = not result.reason.startswith(NO_READ_BACK)
            if not is_done:
                _log.warning("switch not confirmed", circuit=write.circuit, value=write.value, reason=result.reason)
        except Exception:  # noqa: BLE001 - a fault in one write must not stop the others, and is tried again like any
            _log.exception("switch failed", circuit=write.circuit, value=write.value)
        finally:
            self.machine.wrote(write, confirmed=is_done, reached=is_reached, ended_s=self.now_s())
            self._writing.pop(write.circuit, None)
            self._wake.set()

    async def _end_overrides(self, now_ms: int | None, *, is_waiting: bool) -> None:
        """End overrides by the wall clock or by the boot clock, and decide on those of before the start."""
        boot_ms = self._clock.monotonic_ms()
        over = [name for name, one in self.overrides.items() if one.has_ended(now_ms, boot_ms)]
        if self._undecided:
            going, dropped = after_start(
                self._undecided,
                now_ms=now_ms,
                boot_id=self._clock.boot_id,
                boot_ms=boot_ms,
                waits_for_clock=is_waiting,
            )
            settled = {one.circuit for one in going} | set(dropped)
            self._undecided = [one for one in self._undecided if one.circuit not in settled]
            self.overrides = {one.circuit: one for one in going} | self.overrides
            over += [name for name in dropped if name not in self.overrides]
        for name in over:
            self.overrides.pop(name, None)
        if over:
            _log.info("overrides over", circuits=over)
            try:
                await asyncio.to_thread(self._record.release, over)
            except sqlite3.Error as error:
                _log.exception("end of overrides not on the disk", error=str(error))

    # -- what people have said ---------------------------------------------------------------------------------------

    def take(self, change: Change, command_id: str) -> None:
        """Go by a change that is on the disk."""
        for name in change.released:
            self.overrides.pop(name, None)
            self._undecided = [one for one in self._undecided if one.circuit != name]
        for name in change.ended:
            self.permits.pop(name, None)
        self.overrides |= {one.circuit: one for one in change.overrides}
        self.permits |= {one.circuit: one for one in change.permits}
        self._owners |= dict.fromkeys(change.circuits, command_id)
        self.machine.aim(self._aims(self._background), self.now_s())
        self.demand(name for name in change.circuits if name not in change.refused)
        if not (change.overrides or change.released or change.permits or change.ended):
            self._reader.reread_points(self.machine.watched)

    def demand(self, circuits: Iterable[str]) -> None:
        """Ask for evidence from now on."""
        self.machine.demand(circuits, self.now_s())
        self._wake.set()

    def settled(self, name: str, command_id: str, *, is_last: bool) -> CircuitResult | None:
        """Return what became of a circuit after a command; None while that is open and there is time left."""
        circuit = self.machine.by_id[name]
        if self._owners.get(name, command_id) != command_id:
            return circuit_result(PENDING, "superseded")
        if circuit.aim is not None and circuit.proof.state != "pending":
            return circuit_result(circuit.proof, "")
        return circuit_result(circuit.proof, self.held_back(name)) if is_last else None

    async def look(self) -> None:
        """Return after the next look at all circuits."""
        await self._looked.wait()

    @property
    def is_undecided(self) -> bool:
        """Whether a start still waits for its clock, or overrides of before it do."""
        return bool(self._undecided) or self._background is None

    @property
    def patience_s(self) -> float:
        """How long a command waits for all its circuits."""
        return OUTCOME_MARGIN_S + self._config.stagger_s * (len(self.machine.by_id) + 1)

    # -- what it tells -----------------------------------------------------------------------------------------------

    def _tell(self, background: Background, now_ms: int | None, now_s: float) -> None:
        is_due = self.backdrop.lamps_due(now_ms, background)
        reason = self._reason(background)
        values = control_values(
            background=background,
            going=self.backdrop.going,
            is_due=is_due,
            reason=reason,
            circuits=self.machine.by_id,
            is_local=self.machine.is_local,
        )
        values |= {
            "permit": bool(self.permits),
            "permit_by": ", ".join(sorted({one.by for one in self.permits.values()}))[:256],
            "permit_overdue": any(one.is_overdue(now_ms) for one in self.permits.values()),
        }
        if values == self._told and now_s - self._told_s < BUILT_IN_INTERVAL_S - TICK_S / 2:
            return
        if any(values.get(key) != self._told.get(key) for key in ("level", "reason")):
            _log.info("lights", level=background.level, reason=reason, until_ms=background.until_ms)
        self._told, self._told_s = values, now_s
        if now_s - self._told_slow_s >= SLOW_INTERVAL_S:
            self._told_slow_s = now_s
            values = values | slow_values(self.backdrop.going, self.machine.by_id)
        self._sink(block_of("control", values, self._clock), self._specs)

    def _reason(self, background: Background) -> str:
        if self.permits:
            return PERMIT
        if self.machine.is_local:
            return LOCAL
        return "override" if self.overrides else background.reason

    def _save(self) -> None:
        try:
            ledgers = {name: circuit.ledger for name, circuit in self.machine.by_id.items()}
            self._record.save(ledgers, self._last_known_ms, self._clock.boot_id)
        except sqlite3.Error as error:
            _log.exception("ledgers not on the disk", error=str(error))

    def now_s(self) -> float:
        """Return the boot clock in seconds."""
        return self._clock.monotonic_ms() / 1000


def _rules(config: LightingConfig, index: int) -> CircuitRules:
    circuit = config.switched[index]
    return CircuitRules(
        id=circuit.id,
        output=circuit.output,
        feedback=circuit.feedback,
        power=circuit.power,
        full_power_w=circuit.full_power_w or 0.0,
        shares_meter=any(point in config.shared_power for point in circuit.power),
        dimmer=circuit.dimmer,
        full_power_before_dim_s=circuit.full_power_before_dim_s,
        rest_s=circuit.rest_s,
    )
