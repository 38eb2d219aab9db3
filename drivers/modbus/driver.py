"""One Modbus device on a line."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from config.language import Language
from config.profile import Probe, Profile
from contract.reading import Block, Cause, Quality, Reading, Value, quality_of
from drivers.base import Clock, DevicePoint, Line, Moment
from drivers.errors import (
    DriverError,
    LineDownError,
    RefusedError,
    TransientError,
    UnsupportedError,
)
from drivers.modbus.exceptions import BUSY, exception_error
from drivers.modbus.frames import (
    RtuExchange,
    TcpExchange,
    read_pdu,
    write_coil_pdu,
    write_registers_pdu,
)
from drivers.modbus.guard import WritePermission, check_request
from drivers.modbus.plan import ReadRequest, plan_reads
from drivers.modbus.values import BlockDecoder, encode
from drivers.texts import TEXTS

MAX_KEPT_PLANS: Final = 64


@dataclass(frozen=True, slots=True)
class _Read:
    """One request of a plan, ready to be sent again and again."""

    request: ReadRequest
    exchange: RtuExchange | TcpExchange
    decoder: BlockDecoder


@dataclass(slots=True)
class _Plan:
    points: Sequence[DevicePoint]
    keys: tuple[str, ...]
    reads: tuple[_Read, ...]
    busy: bool = False


class _Found:
    """What a read has found so far."""

    def __init__(self, keys: tuple[str, ...]) -> None:
        self.keys = keys
        self.values: list[Value | None] = [None] * len(keys)
        self.causes: dict[str, Cause] = {}
        self.moment: Moment | None = None
        self.failure: DriverError | None = None
        self.ended_by: DriverError | None = None

    def take(self, read: _Read, moment: Moment) -> None:
        """Place the values of an answer."""
        self.moment = moment
        decoded = read.decoder.decode(read.exchange.payload)
        for place, (value, cause) in zip(read.request.positions, decoded, strict=True):
            self.values[place] = value
            if cause is not Cause.OK:
                self.causes[self.keys[place]] = cause

    def fail(self, read: _Read, error: DriverError) -> None:
        """Note why a request's points are BAD; silence and a lost line end the read.

        A gateway's word that its target is silent (exceptions 10 and 11) is silence too, and costs its own time-out.
        """
        for place in read.request.positions:
            self.causes[self.keys[place]] = error.cause
        if self.failure is None or isinstance(self.failure, RefusedError | UnsupportedError):
            self.failure = error
        if isinstance(error, LineDownError) or error.cause is Cause.TIMEOUT:
            self.failure = self.ended_by = error


class ModbusDriver:
    """One unit on an RTU or TCP line."""

    def __init__(
        self,
        device: str,
        unit: int,
        points: tuple[DevicePoint, ...],
        profile: Profile,
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
        self._kind = TcpExchange if line.framing == "tcp" else RtuExchange
        self._plans: dict[int, _Plan] = {}
        self._unsupported: set[str] = set()
        self._gap_ms = profile.limits.gap_s * 1_000
        self._free_at_ms = 0.0
        self._gap_lock = asyncio.Lock()

    async def read(self, points: Sequence[DevicePoint]) -> Block:
        """Read points into one block; see Driver.read."""
        plan = self._plan(points)
        found = _Found(plan.keys)
        plan.busy = True
        try:
            for read in plan.reads:
                await self._run(points, read, found)
        finally:
            plan.busy = False
        if found.moment is None:
            raise found.failure or UnsupportedError(f"{self.device}: no points to read")
        return Block(
            device=self.device,
            observed_at_ms=found.moment.wall_ms,
            keys=plan.keys,
            values=tuple(found.values),
            causes=found.causes,
            monotonic_ms=found.moment.monotonic_ms,
        )

    async def _run(self, points: Sequence[DevicePoint], read: _Read, found: _Found) -> None:
        if found.ended_by is not None:
            # After silence the other requests would only cost a time-out each.
            found.fail(read, found.ended_by)
            return
        places = read.request.positions
        try:
            moment = await self._exchange(read.exchange)
        except UnsupportedError as error:
            if len(places) > 1:
                # Which of them the device lacks is not said.
                middle = len(places) // 2
                for half in (places[:middle], places[middle:]):
                    for part in self._reads(points, half):
                        await self._run(points, part, found)
                return
            self._set_apart(found.keys[places[0]])
            found.fail(read, error)
        except DriverError as error:
            found.fail(read, error)
        else:
            found.take(read, moment)

    def _plan(self, points: Sequence[DevicePoint]) -> _Plan:
        plan = self._plans.get(id(points))
        if plan is not None and plan.points is points and not plan.busy:
            return plan
        made = _Plan(points, tuple(point.key for point in points), self._reads(points, range(len(points))))
        if plan is None or plan.points is not points:
            if len(self._plans) >= MAX_KEPT_PLANS:
                self._plans.clear()
            self._plans[id(points)] = made
        return made

    def _reads(self, points: Sequence[DevicePoint], places: Sequence[int]) -> tuple[_Read, ...]:
        """Return the requests that fetch some of the points, by their places."""
        specs = [points[place].spec for place in places]
        alone = {index for index, place in enumerate(places) if points[place].key in self._unsupported}
        reads = []
        for request in plan_reads(specs, self._profile.limits, alone):
            decoder = BlockDecoder([specs[index] for index in request.positions], request.offsets)
            pdu = read_pdu(request.function, request.address, request.count)
            placed = replace(request, positions=tuple(places[index] for index in request.positions))
            reads.append(_Read(placed, self._kind(self._unit, pdu), decoder))
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
        spec = point.spec
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
        read = self._reads((point,), (0,))[0]
        moment = await self._exchange(read.exchange, urgent=urgent)
        value, cause = read.decoder.decode(read.exchange.payload)[0]
        quality = quality_of(cause)
        return Reading(
            point=f"{self.device}/{point.key}",
            value=None if quality is Quality.BAD else value,
            quality=quality,
            cause=cause,
            observed_at_ms=moment.wall_ms,
        )

    async def probe(self) -> Reading | None:
        """Prove the type of the device; see Driver.probe."""
        probe = self._profile.probe
        if probe is None:
            return None
        spec = self._profile.point(probe.point)
        try:
            reading = await self._read_one(DevicePoint(spec.key, spec))
        except UnsupportedError as error:
            raise self._wrong_device("wrong_device_refuses", probe, error) from error
        found = reading.value
        if found in probe.inconclusive:
            return reading
        if not isinstance(found, int | float) or not probe.low <= found <= probe.high:
            raise self._wrong_device("wrong_device", probe, found)
        return reading

    def _wrong_device(self, key: str, probe: Probe, found: object) -> UnsupportedError:
        spec, profile = self._profile.point(probe.point), self._profile

        def text(language: Language) -> str:
            facts: dict[str, object] = {
                "profile": profile.vi if language == "vi" else profile.en,
                "point": spec.vi if language == "vi" else spec.en,
                "low": f"{probe.low:g}",
                "high": f"{probe.high:g} {spec.unit}".rstrip(),
                "reason": found.text(language) if isinstance(found, DriverError) else "",
            }
            shown = f"{found:g} {spec.unit}".rstrip() if isinstance(found, int | float) else ""
            return TEXTS.text(key, language, found=shown or TEXTS.text("no_number", language), **facts)

        return UnsupportedError(text("en"), vi=text("vi"))

    async def _exchange(self, exchange: RtuExchange | TcpExchange, *, urgent: bool = False) -> Moment:
        """Carry one request, keeping the device's own gap; a busy device is asked once more."""
        moment = await self._carry(exchange, urgent=urgent)
        if exchange.exception_code == BUSY:
            moment = await self._carry(exchange, urgent=urgent)
        if exchange.exception_code is not None:
            raise exception_error(exchange.exception_code, self._unit, exchange.function)
        return moment

    async def _carry(self, exchange: RtuExchange | TcpExchange, *, urgent: bool) -> Moment:
        if not self._gap_ms:
            return await self._line.exchange(exchange, urgent=urgent)
        async with self._gap_lock:
            left_ms = self._free_at_ms - self._clock.monotonic_ms()
            if left_ms > 0:
                await asyncio.sleep((left_ms + 1) / 1_000)
            try:
                return await self._line.exchange(exchange, urgent=urgent)
            finally:
                self._free_at_ms = self._clock.monotonic_ms() + self._gap_ms
