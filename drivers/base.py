"""What every driver and every line is, for those who poll and command through them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from config.points import PointSpec, RegisterPoint
from contract.reading import Block, Reading, Value
from drivers.errors import DriverError, Fault, FrameError

Framing = Literal["rtu", "ascii", "tcp"]


class Clock(Protocol):
    """The gateway's two clocks; lines call them from their own threads."""

    def wall_ms(self) -> int:
        """Return milliseconds since 1970 UTC; it may jump."""
        ...

    def monotonic_ms(self) -> int:
        """Return milliseconds on the boot clock; it never jumps."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class DevicePoint:
    """One point of one device.

    Attributes:
        key: Its name here, after DeviceConfig.names; field name in the store.
        spec: What the profile says of it (under the profile's own key).
    """

    key: str
    spec: PointSpec

    @property
    def register(self) -> RegisterPoint:
        """Where it stands in a Modbus device."""
        assert isinstance(self.spec, RegisterPoint)  # noqa: S101 - the points of a ModbusProfile are
        return self.spec


@dataclass(slots=True)
class LineCounters:
    """What happened on a line since the start.

    Attributes:
        requests: Requests sent.
        replies: Answers that passed every check, exception answers among them.
        late_bytes: Bytes that came while no answer was due, and were thrown away.
        opened: How often the port or connection was opened.
        busy_s: Time from the start of a request to the end of its answer or time-out, in seconds.
    """

    requests: int = 0
    replies: int = 0
    timeouts: int = 0
    truncated: int = 0
    crc_errors: int = 0
    noise: int = 0
    babble: int = 0
    wrong_unit: int = 0
    wrong_function: int = 0
    wrong_length: int = 0
    wrong_transaction: int = 0
    wrong_protocol: int = 0
    wrong_echo: int = 0
    late_bytes: int = 0
    opened: int = 0
    busy_s: float = 0.0

    def count(self, fault: Fault) -> None:
        """Add one to the counter of a fault."""
        setattr(self, fault.value, getattr(self, fault.value) + 1)


@dataclass(frozen=True, slots=True)
class Wake:
    """What wakes sleeping sensors before a request: the line held at space, then at mark, in microseconds."""

    break_us: int
    marking_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """How an exchange behaves on its line where it is not one of Modbus. An exchange names its own as `manners`.

    Attributes:
        listens: Nothing is asked: the instrument talks by itself, so bytes before and after its frame are no fault.
        keeps_waiting: What came before belongs to the answer; otherwise a listener throws away what waits in the port,
            since nobody knows how old it is.
        patience_us: How long after the request's last bit an answer may begin, and for a listener end; the line's own
            if not set.
        quiet_us: Silence after a failure in which late answers are thrown away; the line's own if not set.
        wake: What precedes the request.
        between_us: How long an answer that has begun may pause between two characters; as long as adapters hold bytes
            back if not set.
    """

    listens: bool = False
    keeps_waiting: bool = False
    patience_us: int | None = None
    quiet_us: int | None = None
    wake: Wake | None = None
    between_us: int | None = None


USUAL_MANNERS: Final = Manners()


def manners_of(exchange: Exchange) -> Manners:
    """Return how an exchange behaves on its line."""
    named: Manners = getattr(exchange, "manners", USUAL_MANNERS)
    return named


class Exchange(Protocol):
    """One question and its answer as bytes, without I/O; a line carries it. It can be begun again."""

    def begin(self, number: int) -> bytes:
        """Forget any answer and return the request's bytes.

        Args:
            number: The line's running number of requests; its low 16 bits serve as transaction id.
        """
        ...

    def feed(self, data: bytes) -> bool:
        """Take bytes as they come, in any pieces; return whether the answer is whole and checked.

        Raises:
            FrameError: What came cannot be the answer to this question.
        """
        ...

    def missing(self) -> int:
        """Return how many bytes must still come at least."""
        ...

    def surplus(self) -> int:
        """Return how many bytes came after the answer."""
        ...

    def expire(self) -> FrameError | None:
        """Return what is wrong with what came until the time-out; None if what a listener heard is enough."""
        ...


@dataclass(slots=True)
class Moment:
    """When the last byte of an answer came, on both clocks, in milliseconds.

    Never changed once it is handed over; not frozen, since it is made at every request.

    Attributes:
        held_s: How long the exchange kept the line from others, in seconds.
    """

    wall_ms: int
    monotonic_ms: int
    held_s: float = 0.0


Answered = Callable[[Moment | None, DriverError | None], None]
"""Takes when an answer came, or why there is none."""


class Line(Protocol):
    """One physical bus, or one host and port. It has one owner; commands go before polls, between two frames."""

    @property
    def id(self) -> str:
        """The line's name in the configuration."""
        ...

    @property
    def framing(self) -> Framing:
        """How Modbus frames look on it: with a CRC, as hexadecimal digits, or behind an MBAP header."""
        ...

    @property
    def counters(self) -> LineCounters:
        """What happened so far."""
        ...

    @property
    def up(self) -> bool:
        """Whether the port or connection is open now."""
        ...

    async def exchange(self, exchange: Exchange, *, urgent: bool = False) -> Moment:
        """Send the request and feed the answer; return when its last byte came.

        Raises:
            FrameError: No answer within the time-out, or not an answer to this request.
            LineDownError: The port or connection is not there.
        """
        ...

    async def close(self) -> None:
        """Let the frame on the wire end, fail those that wait with LineDownError, give the port back."""
        ...


class CallingLine(Protocol):
    """A line that can send without a task and call back where the answer arrives; it says so by `calls_back`."""

    def begin(self, exchange: Exchange, answered: Answered) -> bool:
        """Send a request now, if nothing stands in the way; return whether it was sent."""
        ...

    def abandon(self, exchange: Exchange) -> None:
        """Expect no answer any more to a request that was begun; harmless if it has come."""
        ...


class Driver(Protocol):
    """One device."""

    @property
    def device(self) -> str:
        """The device's name within its gateway."""
        ...

    @property
    def points(self) -> tuple[DevicePoint, ...]:
        """The points that the configuration wants, in the order of the profile."""
        ...

    async def read(self, points: Sequence[DevicePoint]) -> Block:
        """Read points; pass the same tuple again and again, since its read plan is kept.

        Returns:
            One block in the order of the points, observed at the last byte of the last good answer. Where some
            requests failed, their points are BAD with the cause.

        Raises:
            DriverError: Nothing could be read.
        """
        ...

    async def write(self, point: DevicePoint, value: Value) -> Reading:
        """Write one point, before any waiting poll, and return what the device then reads back.

        A write whose answer is lost, or says no more than that it is being worked on, is not sent again: the
        read-back tells what became of it.

        Raises:
            RefusedError: Not on the allow-list (nothing was sent), or the device refused.
            DriverError: Neither the write nor its read-back got an answer.
        """
        ...

    async def probe(self) -> Reading | None:
        """Prove the type of the device by the profile's probe; None if the profile has none.

        Raises:
            UnsupportedError: It answers, but is not what the profile says; the message names what was found.
            DriverError: It does not answer.
        """
        ...
