"""Delivery as the rest of the agent sees it: accept blocks, keep them, bring them to the centre."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from typing import Final, TypeVar

import structlog

from config.agent import AgentConfig
from config.points import PointSpec
from contract.batch import ClockState, Confirm, Gone
from contract.codec import PayloadError, decode
from contract.command import MAX_COMMAND_BYTES, Result
from contract.reading import Block
from contract.state import Meta
from contract.topics import GatewayTopics
from contract.want import MAX_WANT_BYTES, WantReport
from edge_agent.core.backoff import TokenBucket
from edge_agent.core.clock_hold import ClockEvent, ClockHold, boot_offsets
from edge_agent.core.delivery import DeliveryCore
from edge_agent.core.delivery_batches import (
    HeldRow,
    gone_row,
    held_rows_of,
    placed_row,
    rows_of,
)
from edge_agent.core.delivery_rows import Rank, Row
from edge_agent.core.delivery_state import LatestStates
from edge_agent.core.grouping import FULL_READINGS, Grouping
from edge_agent.shell.clock import GatewayClock
from edge_agent.shell.delivery_messages import Messages
from edge_agent.shell.delivery_status import delivery_status
from edge_agent.shell.spool import Commit, Spool
from edge_agent.shell.spool_tables import gone_of
from edge_agent.shell.uplink import Uplink

_log = structlog.get_logger(__name__)

MAX_CONFIRM_BYTES: Final = 64 * 1024
MAX_EARLY_BLOCKS: Final = 4096
"""Blocks that wait while the spool is being opened and checked."""
MAX_COMMANDS: Final = 64
MAX_WANTS: Final = 8
RESEND_PAUSE_MS: Final = 10_000
CLOCK_SAVE_MS: Final = 60_000
PLACED_PER_PASS: Final = 50
_TICK_S: Final = 1.0
_EARLY_MS: Final = 10
"""A timer may fire this much before the boot clock says so."""

_T = TypeVar("_T")


class Delivery:
    """From accepted blocks to readings that the collector has confirmed.

    Attributes:
        passes: Completed passes of its loop; a watchdog may be fed while it rises.
    """

    def __init__(
        self,
        *,
        config: AgentConfig,
        clock: GatewayClock,
        meta: Callable[[], Meta] | Meta,
        on_command: Callable[[bytes, bool], Awaitable[None]],
        on_connected: Callable[[], None] | None = None,
        on_want: Callable[[bytes], Awaitable[None]] | None = None,
    ) -> None:
        """Prepare; nothing is opened before `run`.

        Args:
            config: The gateway.
            clock: Its clocks.
            meta: What `state/meta` says, or what gives it at each connection; its epoch is set here.
            on_command: Called with payload and retain flag of each message on `down/cmd`.
            on_connected: Called at each connection, so that the poller re-reads all alarm points.
            on_want: Called with each message on `down/want`.
        """
        self._config = config
        self._clock = clock
        self._meta = meta
        self._on_command = on_command
        self._on_connected = on_connected
        self._on_want = on_want
        self._topics = GatewayTopics(config.gateway, config.mqtt.root)
        self._spool = Spool(config.state_dir / "spool.db", max_bytes=config.spool.max_bytes)
        self._uplink = Uplink(
            mqtt=config.mqtt,
            topics=self._topics,
            software=version("lamplighter"),
            now_ms=lambda: max(0, self.now_ms() or clock.wall_ms()),
            listener=self,
        )
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spool")
        self._grouping = Grouping()
        self._states = LatestStates(interval_ms=int(config.state_interval_s * 1000))
        self._opening: asyncio.Future[None] | None = None
        self._hold: ClockHold | None = None
        self._core: DeliveryCore | None = None
        self._early: deque[tuple[Block, Mapping[str, PointSpec]]] = deque(maxlen=MAX_EARLY_BLOCKS)
        self._commands: asyncio.Queue[tuple[bytes, bool]] = asyncio.Queue(MAX_COMMANDS)
        self._wants: asyncio.Queue[bytes] = asyncio.Queue(MAX_WANTS)
        self._told: list[Gone] = []
        self._boot_offsets: dict[str, tuple[int, ClockState]] = {}
        self._wake = asyncio.Event()
        self._urgent_tokens = TokenBucket(rate=2, burst=20, now_ms=clock.monotonic_ms() - 10_000)
        self._urgent_waits = False
        self._next_commit_ms = self._clock_saved_ms = 0
        self._resent_ms = -RESEND_PAUSE_MS
        self.passes = 0
        self._messages = Messages(
            uplink=self._uplink,
            topics=self._topics,
            clock=clock,
            numbering=self._spool.live,
            states=self._states,
        )
        self.metrics: Counter[str] = self._messages.metrics

    @property
    def nonce(self) -> str | None:
        """That of the present connection, None while there is none; commands must carry it."""
        return self._uplink.nonce

    @property
    def epoch(self) -> str:
        """The epoch of this start."""
        return self._spool.live.epoch

    def accept(self, block: Block, points: Mapping[str, PointSpec]) -> None:
        """Take what one read gave; never blocks. Call it from the event loop.

        Args:
            block: Its `monotonic_ms` decides the time that its readings get.
            points: The device's points by the keys they have here; the same mapping each time.
        """
        if self._hold is None:
            if len(self._early) == MAX_EARLY_BLOCKS:
                self.metrics["early_blocks_dropped"] += 1
            self._early.append((block, points))
            return
        monotonic_ms = block.monotonic_ms or self._clock.monotonic_ms()
        time_ms = self._hold.stamp(block.device, monotonic_ms)
        kept = Block(
            device=block.device,
            observed_at_ms=monotonic_ms if time_ms is None else time_ms,
            keys=block.keys,
            values=block.values,
            causes=block.causes,
            monotonic_ms=monotonic_ms,
        )
        is_urgent = self._grouping.accept(kept, points)
        if time_ms is not None:
            self._states.accept(kept, points, urgent=is_urgent)
        if is_urgent:
            self._urgent_waits = True
            self._wake.set()
        elif self._grouping.readings >= FULL_READINGS:
            self._wake.set()

    async def run(self) -> None:
        """Open the spool and deliver until cancelled; then keep what was accepted."""
        try:
            await self._open()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._pass_for_ever())
                tasks.create_task(self._carry_commands())
                tasks.create_task(self._carry_wants())
                tasks.create_task(self._uplink.run())
        finally:
            if self._hold is None:
                # Cancelled while the spool was being opened: what was accepted meanwhile is kept all the same.
                await self._open()
            await self._pass(is_last=True)
            await self._in_thread(self._spool.close)
            self._thread.shutdown(wait=False)

    def publish_want_report(self, report: WantReport) -> None:
        """Publish what the gateway goes by, now and at each connection."""
        self._messages.send_want_report(report)

    async def publish_result(self, result: Result) -> None:
        """Send what became of a command, after the next connection if there is none."""
        self._messages.send_result(result)

    async def wait_connected(self) -> None:
        """Return once the broker has accepted the gateway."""
        await self._uplink.is_connected.wait()

    def now_ms(self) -> int | None:
        """Return the time that readings get now, milliseconds since 1970 UTC; None before it is known."""
        return self._hold.time_of(self._clock.monotonic_ms()) if self._hold else None

    def time_of(self, monotonic_ms: int) -> int | None:
        """Return the time that a reading of this moment of the boot clock gets; None before it is known."""
        return self._hold.time_of(monotonic_ms) if self._hold else None

    def status(self) -> dict[str, object]:
        """Return what `edge-agent status` shows."""
        return delivery_status(
            spool=self._spool,
            uplink=self._uplink,
            clock=self._hold.state if self._hold else ClockState.WAITING,
            now_ms=self.now_ms(),
            live=self._core.live_count if self._core else 0,
            passes=self.passes,
            metrics=self.metrics,
        )

    def connected(self) -> None:
        """Send what a new connection needs: meta, states, the newest urgent points. Called by the uplink."""
        if self._core is None:
            return
        self._core.connected(self._clock.monotonic_ms())
        self._messages.connected()
        self.resend_state()
        if self._on_connected is not None:
            self._on_connected()
        self._wake.set()

    def disconnected(self) -> None:
        """Do nothing: what was not confirmed becomes history by itself. Called by the uplink."""

    def resend_state(self) -> None:
        """Send the newest reading of every urgent point again, as an urgent batch."""
        now_ms = self._clock.monotonic_ms()
        if now_ms - self._resent_ms < RESEND_PAUSE_MS or self._hold is None:
            return
        self._resent_ms = now_ms
        blocks = self._grouping.newest_urgent()
        if self._hold.state is ClockState.WAITING:
            self._messages.send_waiting(blocks, 0)
            return
        for block in blocks:
            self._grouping.urgent.add(block)
        self._urgent_waits = bool(blocks)

    def confirm_received(self, payload: bytes, *, retained: bool) -> None:
        """Take a confirm. Called by the uplink."""
        if self._core is None:
            return
        if retained:
            self.metrics["confirm_retained"] += 1
            return
        try:
            confirm = decode(payload, Confirm, max_bytes=MAX_CONFIRM_BYTES)
        except PayloadError as error:
            self.metrics[f"confirm_{error.kind}"] += 1
            return
        numbers = self._spool.epoch_numbers
        ranges = []
        for epoch, pairs in confirm.ok.items():
            if epoch in numbers:
                ranges += [(numbers[epoch], first, last) for first, last in pairs]
            else:
                self.metrics["confirm_foreign"] += 1
        self._core.confirmed(self._clock.monotonic_ms(), ranges)
        self.metrics["confirms"] += 1

    def command_received(self, payload: bytes, *, retained: bool) -> None:
        """Queue a command. Called by the uplink."""
        if len(payload) > MAX_COMMAND_BYTES:
            self.metrics["command_oversized"] += 1
            return
        try:
            self._commands.put_nowait((payload, retained))
        except asyncio.QueueFull:
            self.metrics["command_dropped"] += 1

    def want_received(self, payload: bytes) -> None:
        """Queue a want. Called by the uplink."""
        if len(payload) > MAX_WANT_BYTES:
            self.metrics["want_oversized"] += 1
            return
        try:
            self._wants.put_nowait(payload)
        except asyncio.QueueFull:
            self.metrics["want_dropped"] += 1

    async def _open(self) -> None:
        if self._opening is None:
            self._opening = asyncio.ensure_future(self._in_thread(self._spool.open))
        await asyncio.shield(self._opening)
        now_ms = self._clock.monotonic_ms()
        self._core = DeliveryCore(epoch_number=self._spool.live.number, now_ms=now_ms)
        self._hold = ClockHold(
            require_sync=self._config.clock.require_sync,
            boot_id=self._clock.boot_id,
            saved=self._spool.saved_clock,
        )
        self._look_at_clock(self._hold, now_ms)
        self._next_commit_ms = now_ms
        while self._early:
            self.accept(*self._early.popleft())

    async def _pass_for_ever(self) -> None:
        tick_s = min(self._config.spool.commit_interval_s, _TICK_S)
        loop = asyncio.get_running_loop()
        next_s = loop.time()
        while True:
            try:
                async with asyncio.timeout_at(next_s):
                    await self._wake.wait()
            except TimeoutError:
                next_s = max(next_s + tick_s, loop.time())
            self._wake.clear()
            await self._pass()

    async def _pass(self, *, is_last: bool = False) -> None:
        hold, core = self._hold, self._core
        if hold is None or core is None:
            return
        now_ms = self._clock.monotonic_ms()
        was_waiting = hold.state is ClockState.WAITING
        # Blocks taken below were accepted before this look, so their times are of the state before it.
        is_found = self._look_at_clock(hold, now_ms)
        interval_is_over = now_ms >= self._next_commit_ms - _EARLY_MS
        if interval_is_over:
            self._next_commit_ms = now_ms + int(self._config.spool.commit_interval_s * 1000)
        commit_is_due = is_last or is_found or interval_is_over or self._grouping.readings >= FULL_READINGS
        if commit_is_due or (self._urgent_waits and self._urgent_tokens.available(now_ms) > 0):
            await self._commit(hold, core, now_ms, was_waiting=was_waiting, everything=commit_is_due)
        if hold.state is not ClockState.WAITING and self._spool.counters.held and self._spool.is_open:
            await self._place(hold)
        if not is_last:
            await self._send_history(core)
            self._messages.send_rest(now_ms, meta=self._meta_now, hold=hold, grouping=self._grouping)
        self.passes += 1

    def _look_at_clock(self, hold: ClockHold, now_ms: int) -> bool:
        event = hold.observe(
            wall_ms=self._clock.wall_ms(), monotonic_ms=now_ms, synchronised=self._clock.synchronised()
        )
        if event is None:
            return False
        self.metrics[event.value] += 1
        _log.warning(event.value, wall_ms=self._clock.wall_ms(), offset_ms=hold.offset_ms)
        self._clock_saved_ms = 0
        if event is not ClockEvent.FOUND:
            return False
        self._grouping.newest_moved(hold.offset_ms or 0)
        return True

    async def _commit(
        self, hold: ClockHold, core: DeliveryCore, now_ms: int, *, was_waiting: bool, everything: bool
    ) -> None:
        lost = self._lost(hold)
        taken = {Rank.URGENT: self._grouping.urgent.take()}
        self._urgent_waits = False
        if everything:
            taken |= {Rank.NORMAL: self._grouping.normal.take(), Rank.LOW: self._grouping.low.take()}
        else:
            self._urgent_tokens.take(1)
        rows: list[Row] = []
        held: list[HeldRow] = []
        born_ms = hold.time_of(now_ms) or 0
        for rank, blocks in taken.items():
            if was_waiting:
                held += held_rows_of(blocks, rank=rank, boot_id=self._clock.boot_id)
            else:
                rows += rows_of(blocks, rank=rank, clock=hold.state, numbering=self._spool.live, born_ms=born_ms)
        rows += self._gone_rows(hold, core, now_ms, born_ms)
        clock_is_due = now_ms - self._clock_saved_ms >= CLOCK_SAVE_MS and hold.state is not ClockState.WAITING
        confirmed = core.deletions()
        if was_waiting:
            self._messages.send_waiting(taken[Rank.URGENT], 0)
        if not (rows or held or confirmed or lost or clock_is_due):
            return
        commit = Commit(
            rows=rows,
            held=held,
            confirmed=confirmed,
            in_flight=core.in_flight(),
            told=self._told,
            lost=lost,
            clock=hold.saved() if clock_is_due else None,
        )
        kept, lowest_seq = await self._in_thread(self._commit_in_thread, commit)
        if kept:
            self._told = []
            if clock_is_due:
                self._clock_saved_ms = now_ms
        else:
            core.undeleted(confirmed)
        after_ms = self._clock.monotonic_ms()
        self._messages.send(
            core.committed(after_ms, rows, lowest_seq=lowest_seq, room=self._uplink.room), self.now_ms() or 0
        )

    def _commit_in_thread(self, commit: Commit) -> tuple[bool, int]:
        kept = self._spool.commit(commit)
        return kept, self._spool.lowest_seq(self._spool.live.number) or self._spool.live.last_seq + 1

    def _lost(self, hold: ClockHold) -> list[Gone]:
        lost = []
        for name, dropped in self._grouping.overflow().items():
            first_ms, last_ms = (
                hold.time_of(time_ms) or 0 for time_ms in (dropped.first_monotonic_ms, dropped.last_monotonic_ms)
            )
            lost.append(gone_of(Rank[name.upper()], first_ms, last_ms, dropped.batches, dropped.readings))
            self.metrics["readings_dropped"] += dropped.readings
        return lost

    def _gone_rows(self, hold: ClockHold, core: DeliveryCore, now_ms: int, born_ms: int) -> list[Row]:
        # Told only while the collector answers: until then the totals grow in one place and take no room.
        is_heard = self._uplink.room > 0 and not core.is_silent(now_ms) and hold.state is not ClockState.WAITING
        if self._told or not is_heard or self._spool.failure is not None:
            return []
        self._told = self._spool.gone
        if not self._told:
            return []
        return [gone_row(self._told, clock=hold.state, numbering=self._spool.live, born_ms=born_ms)]

    async def _place(self, hold: ClockHold) -> None:
        """Give held readings their times: those of this boot by its offset, those of earlier boots before it."""
        held = await self._in_thread(self._spool.held_rows, PLACED_PER_PASS)
        if any(one.boot_id not in self._boot_offsets for one in held) or not held:
            boots = await self._in_thread(self._spool.held_boots)
            self._boot_offsets = boot_offsets(
                boots, boot_id=self._clock.boot_id, offset_ms=hold.offset_ms or 0, state=hold.state
            )
        born_ms = hold.time_of(self._clock.monotonic_ms()) or 0
        rows, placed = [], []
        for one in held:
            if one.boot_id not in self._boot_offsets:
                # The disk failed between the two looks.
                return
            offset_ms, state = self._boot_offsets[one.boot_id]
            rows.append(
                placed_row(one, offset_ms=offset_ms, clock=state, numbering=self._spool.placed, born_ms=born_ms)
            )
            placed.append(one.identity)
        commit = Commit(rows=rows, placed=placed, in_flight=self._core.in_flight() if self._core else ())
        await self._in_thread(self._spool.commit, commit)
        if self._core is not None:
            self._core.kept(row.identity for row in rows)

    async def _send_history(self, core: DeliveryCore) -> None:
        counters = self._spool.counters
        held_rows = counters.rows[Rank.NORMAL] + counters.rows[Rank.LOW] + counters.unkept_rows
        request = core.request(self._clock.monotonic_ms(), room=self._uplink.room, held_rows=held_rows)
        if request is not None:
            answer = await self._in_thread(self._spool.fetch, request)
            self._messages.send(core.answered(self._clock.monotonic_ms(), request, answer), self.now_ms() or 0)

    def _meta_now(self) -> Meta:
        meta = self._meta() if callable(self._meta) else self._meta
        return meta.model_copy(update={"epoch": self.epoch})

    async def _carry_commands(self) -> None:
        while True:
            payload, retained = await self._commands.get()
            await self._on_command(payload, retained)

    async def _carry_wants(self) -> None:
        while True:
            payload = await self._wants.get()
            if self._on_want is not None:
                await self._on_want(payload)

    async def _in_thread(self, function: Callable[..., _T], *arguments: object) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)
