"""How a block is read from a Modbus device: its requests, and what their answers gave so far. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from contract.reading import Cause, Value
from drivers.base import DevicePoint, Moment
from drivers.errors import DriverError, LineDownError, RefusedError, UnsupportedError
from drivers.modbus.compound import Compound, Part, Role
from drivers.modbus.framings import ModbusRequest
from drivers.modbus.plan import ReadRequest, Wanted
from drivers.modbus.values import BlockDecoder, Decoded, decode


@dataclass(frozen=True, slots=True)
class PlannedRead:
    """One request of a plan, ready to be sent again and again.

    Attributes:
        places: Which pieces of the plan it fetches.
        offsets: Where each of them begins, in registers.
        decoder: For a request of plain points alone.
        run: The points that it fetches, where they stand one after another in the plan.
    """

    request: ReadRequest
    exchange: ModbusRequest
    places: tuple[int, ...]
    offsets: tuple[int, ...]
    decoder: BlockDecoder | None
    run: slice | None = None

    @property
    def place(self) -> tuple[int, int, int]:
        """What it asks for."""
        return self.request.function, self.request.address, self.request.count


@dataclass(frozen=True, slots=True)
class Piece:
    """What must come in one answer: a plain point, or a part of a compound one.

    Attributes:
        point: The place of its point in the plan.
        wanted: Its registers.
        part: Which part of the compound point; None for a plain one.
    """

    point: int
    wanted: Wanted
    part: Part | None = None


@dataclass(slots=True)
class BlockPlan:
    """How some points are read.

    Attributes:
        compounds: The compound points by their places.
        sole: The only request, if it fetches plain points alone, all of them in their order.
        sole_answered: Whether that was ever answered.
    """

    points: Sequence[DevicePoint]
    keys: tuple[str, ...]
    pieces: tuple[Piece, ...]
    compounds: dict[int, Compound]
    reads: tuple[PlannedRead, ...] = ()
    sole: PlannedRead | None = None
    sole_answered: bool = False
    busy: bool = False


class Found:
    """What a read has found so far."""

    def __init__(self, plan: BlockPlan) -> None:
        self.plan = plan
        self.values: list[Value | None] = [None] * len(plan.keys)
        self.causes: dict[str, Cause] = {}
        self.numbers: dict[int, dict[Role, float]] = {}
        self.moment: Moment | None = None
        self.failure: DriverError | None = None
        self.ended_by: DriverError | None = None

    def take(self, read: PlannedRead, moment: Moment) -> None:
        """Place the values of an answer."""
        self.moment = moment
        payload = read.exchange.payload
        pieces = self.plan.pieces
        if read.decoder is not None:
            self._take_plain(read, read.decoder, payload)
            return
        for place, offset in zip(read.places, read.offsets, strict=True):
            piece = pieces[place]
            registers = payload[2 * offset : 2 * (offset + piece.wanted.width)]
            if piece.part is None:
                self._place(piece.point, decode(self.plan.points[piece.point].register, registers))
            else:
                self.numbers.setdefault(piece.point, {}).update(piece.part.numbers(registers))

    def _take_plain(self, read: PlannedRead, decoder: BlockDecoder, payload: bytes) -> None:
        run = read.run
        sound = decoder.sound_values(payload) if run is not None else None
        if run is not None and sound is not None:
            self.values[run] = sound
            return
        decoded = decoder.decode(payload)
        if run is not None:
            values, causes = zip(*decoded, strict=True)
            if causes.count(Cause.OK) == len(causes):
                self.values[run] = values
                return
        for place, one in zip(read.places, decoded, strict=True):
            self._place(self.plan.pieces[place].point, one)

    def _place(self, point: int, decoded: Decoded) -> None:
        value, cause = decoded
        self.values[point] = value
        if cause is not Cause.OK:
            self.causes[self.plan.keys[point]] = cause

    def combine(self) -> None:
        """Make the values of compound points, of which every part has come."""
        for point, compound in self.plan.compounds.items():
            if self.plan.keys[point] not in self.causes:
                self._place(point, compound.combine(self.numbers[point]))

    @property
    def rests_only(self) -> bool:
        """Whether nothing was asked, since all of it rests."""
        return self.failure is not None and self.failure.cause is Cause.SET_ASIDE

    def fail(self, read: PlannedRead, error: DriverError) -> None:
        """Note why a request's points are BAD; silence and a lost line end the read.

        A gateway's word that its target is silent (exceptions 10 and 11) is silence too, and costs its own time-out.
        """
        for place in read.places:
            self.causes[self.plan.keys[self.plan.pieces[place].point]] = error.cause
        if self.failure is None or isinstance(self.failure, RefusedError | UnsupportedError) or self.rests_only:
            self.failure = error
        if isinstance(error, LineDownError) or error.cause is Cause.TIMEOUT:
            self.failure = self.ended_by = error
