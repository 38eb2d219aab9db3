"""One Modbus device on a line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from config.language import Language
from config.profile import Condition, ModbusProfile
from contract.reading import Block, Cause, Quality, Reading, Value, quality_of
from drivers.base import Clock, DevicePoint, Line, Moment
from drivers.errors import (
    DriverError,
    FrameError,
    LineDownError,
    RefusedError,
    TransientError,
    UnsupportedError,
)
from drivers.lines.share import LineShare
from drivers.modbus.block_plan import BlockPlan, Found, Piece, PlannedRead
from drivers.modbus.compound import Compound
from drivers.modbus.device_gap import DeviceGap
from drivers.modbus.exceptions import BUSY, exception_error
from drivers.modbus.frames import read_pdu, write_coil_pdu, write_registers_pdu
from drivers.modbus.framings import EXCHANGES, ModbusRequest
from drivers.modbus.guard import WritePermission, check_request
from drivers.modbus.plan import FUNCTION_OF, plan_reads
from drivers.modbus.silent_requests import SilentRequests
from drivers.modbus.values import decoder_of, encode
from drivers.texts import TEXTS

MAX_KEPT_PLANS: Final = 64


Taken = Callable[[Block | None, DriverError | None], None]


def _nobody(_block: Block | None, _error: DriverError | None) -> None:
    return


class ModbusDriver:
    """One unit on a line, whatever its framing."""

    def __init__(
        self,
        device: str,
        unit: int,
        points: tuple[DevicePoint, ...],
        profile: ModbusProfile,
        line: Line,
        clock: Clock,
        permissions: Sequence[WritePermission] = (),
    ) -> None:
        self.device = device
        self.points = points
        self._unit = unit
        self._profile = profile
        self._line = line
        self._clock = clock
        self._permissions = tuple(permissions)
        self._kind = EXCHANGES[line.framing]
        self._plans: dict[int, BlockPlan] = {}
        self._unsupported: set[str] = set()
        self._across_holes = True
        self._gap_ms = profile.limits.gap_s * 1_000
        self._silent = SilentRequests()
        self._heard_ms = 0.0
        self._carry = DeviceGap(line, clock, profile.limits.gap_s).exchange if self._gap_ms else line.exchange
        self._share = line if isinstance(line, LineShare) else LineShare(line)
        self._calling = None if self._gap_ms else self._share.calling
        self._begun: BlockPlan | None = None
        self._taken: Taken = _nobody

    async def read(self, points: Sequence[DevicePoint]) -> Block:
        """Read points into one block; see Driver.read."""
        plan = self._plan(points)
        plan.busy = True
        try:
            if plan.sole is not None and not self._silent:
                try:
                    return self._whole(plan, plan.sole, await self._exchange(plan.sole.exchange))
                except UnsupportedError as error:
                    found = Found(plan)
                    await self._narrow(plan.sole, found, error)
                except TransientError as error:
                    if plan.sole_answered:
                        self._silent.answered(plan.sole.place)
                    self._note_silence(plan.sole, error)
                    raise
            else:
                found = Found(plan)
                for read in self._silent_last(plan.reads):
                    await self._run(read, found)
        finally:
            plan.busy = False
        if found.moment is None and found.rests_only:
            return Block.failed(
                device=self.device,
                observed_at_ms=self._clock.wall_ms(),
                keys=plan.keys,
                cause=Cause.SET_ASIDE,
                monotonic_ms=self._clock.monotonic_ms(),
            )
        if found.moment is None:
            raise found.failure or UnsupportedError(f"{self.device}: no points to read")
        found.combine()
        return Block(
            device=self.device,
            observed_at_ms=found.moment.wall_ms,
            keys=plan.keys,
            values=tuple(found.values),
            causes=found.causes,
            monotonic_ms=found.moment.monotonic_ms,
        )

    @property
    def calls_back(self) -> bool:
        """Whether begin_read is worth trying: its line calls back, and the device needs no gap."""
        return self._calling is not None

    def begin_read(self, points: Sequence[DevicePoint], taken: Taken) -> bool:
        """Read points without a task, if one request fetches them and the line is free.

        Args:
            points: The same tuple again and again.
            taken: Called with the block, or with the error that `read` would raise; with neither of them where the
                device must be asked again, in another way or once more, which `read` does.

        Returns:
            Whether the request was sent. If not, nothing was done.
        """
        if self._begun is not None or self._calling is None:
            return False
        plan = self._plan(points)
        if plan.sole is None or plan.busy:
            return False
        if self._silent and self._silent.rests(plan.sole.place, self._clock.monotonic_ms()):
            return False
        self._begun, self._taken = plan, taken
        if not self._calling.begin(plan.sole.exchange, self._answered):
            self._begun = None
            return False
        plan.busy = True
        return True

    def abandon_read(self) -> None:
        """Expect no answer any more to the request of begin_read."""
        plan, self._begun = self._begun, None
        if plan is not None and plan.sole is not None and self._calling is not None:
            plan.busy = False
            self._calling.abandon(plan.sole.exchange)

    def _answered(self, moment: Moment | None, error: DriverError | None) -> None:
        plan, self._begun = self._begun, None
        if plan is None or plan.sole is None:
            return
        plan.busy = False
        code = plan.sole.exchange.exception_code
        if moment is None:
            self._share.count(error)
        else:
            self._share.held_s += moment.held_s
            if code is None:
                self._taken(self._whole(plan, plan.sole, moment), None)
                return
        if moment is not None and code is not None:
            error = exception_error(code, self._unit, plan.sole.exchange.function)
            if code == BUSY or isinstance(error, UnsupportedError):
                error = None
        self._taken(None, error)

    def _whole(self, plan: BlockPlan, sole: PlannedRead, moment: Moment) -> Block:
        """Return the block of a plan that one answer brings whole: what nearly every device gives all day."""
        assert sole.decoder is not None  # noqa: S101 - what makes a read the sole one
        self._heard_ms = moment.monotonic_ms
        plan.sole_answered = True
        if self._silent:
            self._silent.answered(sole.place)
        payload = sole.exchange.payload
        values: Sequence[Value | None] | None = sole.decoder.sound_values(payload)
        causes: dict[str, Cause] = {}
        if values is None:
            values, found = zip(*sole.decoder.decode(payload), strict=True)
            if found.count(Cause.OK) != len(found):
                causes = {key: cause for key, cause in zip(plan.keys, found, strict=True) if cause is not Cause.OK}
        return Block(
            device=self.device,
            observed_at_ms=moment.wall_ms,
            keys=plan.keys,
            values=tuple(values),
            causes=causes,
            monotonic_ms=moment.monotonic_ms,
        )

    async def _run(self, read: PlannedRead, found: Found) -> None:
        if found.ended_by is not None:
            # After silence the other requests would only cost a time-out each.
            found.fail(read, found.ended_by)
            return
        if self._silent.rests(read.place, self._clock.monotonic_ms()):
            found.fail(read, TransientError("the device never answered this, it rests", Cause.SET_ASIDE))
            return
        try:
            moment = await self._exchange(read.exchange)
        except UnsupportedError as error:
            self._heard_ms = self._clock.monotonic_ms()
            await self._narrow(read, found, error)
        except DriverError as error:
            self._note_silence(read, error)
            found.fail(read, error)
        else:
            self._heard_ms = moment.monotonic_ms
            self._silent.answered(read.place)
            found.take(read, moment)

    def _silent_last(self, reads: tuple[PlannedRead, ...]) -> Sequence[PlannedRead]:
        """Return reads with those last that got no answer: a silence ends a read, and others may be answered."""
        return sorted(reads, key=lambda read: read.place in self._silent) if self._silent else reads

    def _note_silence(self, read: PlannedRead, error: DriverError) -> None:
        now_ms = self._clock.monotonic_ms()
        if error.cause is Cause.TIMEOUT and isinstance(error, FrameError):
            self._silent.silent(read.place, now_ms, self._heard_ms, error.held_s)
        elif not isinstance(error, LineDownError):
            self._heard_ms = now_ms

    async def _narrow(self, read: PlannedRead, found: Found, error: UnsupportedError) -> None:
        """Ask again for less: without holes, then by halves, down to the one point that the device lacks."""
        plan, places = found.plan, read.places
        if read.request.holes:
            if self._across_holes:
                # It has no registers in some hole; which one is not said, so none is read from now on.
                self._across_holes = False
                self._plans.clear()
            parts: Sequence[Sequence[int]] = (places,)
        elif len(places) > 1:
            middle = len(places) // 2
            parts = (places[:middle], places[middle:])
        else:
            self._set_apart(plan.keys[plan.pieces[places[0]].point])
            found.fail(read, error)
            return
        for part in parts:
            for narrower in self._reads(plan, part):
                await self._run(narrower, found)

    def _plan(self, points: Sequence[DevicePoint]) -> BlockPlan:
        plan = self._plans.get(id(points))
        if plan is not None and plan.points is points and not plan.busy:
            return plan
        made = self._made(points)
        if plan is None or plan.points is not points:
            if len(self._plans) >= MAX_KEPT_PLANS:
                self._plans.clear()
            self._plans[id(points)] = made
        return made

    def _made(self, points: Sequence[DevicePoint]) -> BlockPlan:
        pieces: list[Piece] = []
        compounds: dict[int, Compound] = {}
        for place, point in enumerate(points):
            spec = point.register
            if not spec.companions:
                pieces.append(Piece(place, spec))
                continue
            compound = compounds[place] = Compound(spec)
            pieces += [Piece(place, part.span, part) for part in compound.parts]
        plan = BlockPlan(points, tuple(point.key for point in points), tuple(pieces), compounds)
        plan.reads = self._reads(plan, range(len(pieces)))
        if len(plan.reads) == 1 and plan.reads[0].run == slice(0, len(points)):
            plan.sole = plan.reads[0]
        return plan

    def _reads(self, plan: BlockPlan, places: Sequence[int]) -> tuple[PlannedRead, ...]:
        """Return the requests that fetch some of a plan's pieces."""
        wanted = [plan.pieces[place].wanted for place in places]
        alone = {
            index for index, place in enumerate(places) if plan.keys[plan.pieces[place].point] in self._unsupported
        }
        reads = []
        for request in plan_reads(wanted, self._profile.limits, alone, across_holes=self._across_holes):
            fetched = tuple(places[index] for index in request.positions)
            pieces = [plan.pieces[place] for place in fetched]
            decoder, run = None, None
            if all(piece.part is None for piece in pieces):
                decoder = decoder_of([plan.points[piece.point].register for piece in pieces], request.offsets)
                run = _run_of([piece.point for piece in pieces])
            pdu = read_pdu(request.function, request.address, request.count)
            reads.append(PlannedRead(request, self._kind(self._unit, pdu), fetched, request.offsets, decoder, run))
        return tuple(reads)

    def _set_apart(self, key: str) -> None:
        """Plan a point that the device lacks alone from now on, so that it costs its neighbours nothing."""
        if key not in self._unsupported:
            self._unsupported.add(key)
            self._plans.clear()

    async def write(self, point: DevicePoint, value: Value) -> Reading:
        """Write one point and read it back; see Driver.write."""
        pdu = self._write_pdu(point, value)
        check_request(self._unit, pdu, self._permissions)
        failure: DriverError | None = None
        try:
            await self._exchange(self._kind(self._unit, pdu), urgent=True)
        except (TransientError, LineDownError) as error:
            # Lost on the way there or on the way back, or still being worked on (exceptions 5 and 11, a connection
            # cut after the request): only the device knows.
            failure = error
        try:
            return await self._read_one(point, urgent=True)
        except DriverError as error:
            raise failure or error from error

    def _write_pdu(self, point: DevicePoint, value: Value) -> bytes:
        where = f"{self.device}/{point.key}"
        spec = point.register
        if not spec.writable:
            raise RefusedError(f"{where}: the profile does not let it be written")
        if spec.type == "bool":
            if value not in (0, 1):
                raise RefusedError(f"{where}: a coil takes 0 or 1, not {value!r}")
            return write_coil_pdu(spec.address, on=bool(value))
        try:
            registers = encode(spec, value)
        except ValueError as error:
            raise RefusedError(f"{where}: {error}", Cause.RANGE) from error
        words = [int.from_bytes(registers[place : place + 2], "big") for place in range(0, len(registers), 2)]
        return write_registers_pdu(spec.address, words)

    async def _read_one(self, point: DevicePoint, *, urgent: bool = False) -> Reading:
        plan = self._made((point,))
        found = Found(plan)
        for read in plan.reads:
            found.take(read, await self._exchange(read.exchange, urgent=urgent))
        found.combine()
        value, cause = found.values[0], found.causes.get(point.key, Cause.OK)
        quality = quality_of(cause)
        assert found.moment is not None  # noqa: S101 - every plan of a point has a read
        return Reading(
            point=f"{self.device}/{point.key}",
            value=None if quality is Quality.BAD else value,
            quality=quality,
            cause=cause,
            observed_at_ms=found.moment.wall_ms,
        )

    async def probe(self) -> Reading | None:
        """Prove the type of the device; see Driver.probe."""
        await self._start()
        probe = self._profile.probe
        if probe is None:
            return None
        first: Reading | None = None
        for condition in probe.conditions:
            reading = await self._prove(condition)
            first = first or reading
        return first

    async def _start(self) -> None:
        """Send what makes the device measure."""
        for start in self._profile.start:
            if start.values:
                pdu = write_registers_pdu(start.address, start.values)
            else:
                pdu = read_pdu(FUNCTION_OF[start.table], start.address, start.count)
            await self._exchange(self._kind(self._unit, pdu))

    async def _prove(self, condition: Condition) -> Reading:
        spec = self._profile.point(condition.point)
        try:
            reading = await self._read_one(DevicePoint(spec.key, spec))
        except UnsupportedError as error:
            raise self._wrong_device("wrong_device_refuses", condition, error) from error
        found = reading.value
        if found not in condition.inconclusive and not condition.holds(found):
            raise self._wrong_device("wrong_device", condition, found)
        return reading

    def _wrong_device(self, key: str, condition: Condition, found: object) -> UnsupportedError:
        spec, profile = self._profile.point(condition.point), self._profile

        def text(language: Language) -> str:
            facts: dict[str, object] = {
                "profile": profile.vi if language == "vi" else profile.en,
                "point": spec.vi if language == "vi" else spec.en,
                "wanted": _wanted(condition, spec.unit, language),
                "reason": found.text(language) if isinstance(found, DriverError) else "",
            }
            shown = f"{found:g} {spec.unit}".rstrip() if isinstance(found, int | float) else str(found or "")
            return TEXTS.text(key, language, found=shown or TEXTS.text("no_number", language), **facts)

        return UnsupportedError(text("en"), vi=text("vi"))

    async def _exchange(self, exchange: ModbusRequest, *, urgent: bool = False) -> Moment:
        """Carry one request, keeping the device's own gap; a busy device is asked once more."""
        moment = await self._carry(exchange, urgent=urgent)
        if exchange.exception_code is not None:
            if exchange.exception_code == BUSY:
                moment = await self._carry(exchange, urgent=urgent)
            if exchange.exception_code is None:
                return moment
            raise exception_error(exchange.exception_code, self._unit, exchange.function)
        return moment


def _wanted(condition: Condition, unit: str, language: Language) -> str:
    if condition.begins is not None:
        return TEXTS.text("wanted_text", language, begins=condition.begins)
    if condition.contains is not None:
        return TEXTS.text("wanted_part", language, part=condition.contains)
    high = f"{condition.high:g} {unit}".rstrip()
    return TEXTS.text("wanted_range", language, low=f"{condition.low:g}", high=high)


def _run_of(places: Sequence[int]) -> slice | None:
    """Return the slice of places that stand one after another; None if they do not."""
    first = places[0]
    return slice(first, first + len(places)) if list(places) == list(range(first, first + len(places))) else None
