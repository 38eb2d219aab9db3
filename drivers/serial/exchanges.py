"""Questions to instruments, and their talk, as exchanges that a serial line carries. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Generic, TypeVar

from drivers.base import USUAL_MANNERS, Manners, Wake
from drivers.errors import Fault, FrameError
from drivers.serial import sdi12
from drivers.serial.fields import Fields, Scanner
from drivers.serial.sps30 import ShdlcScanner
from drivers.serial.texts import frame_error

MAX_ANSWER_BYTES: Final = 8192
"""More than this without a whole answer to a question is noise."""
BREAK: Final = Wake(break_us=12_500, marking_us=8_800)
"""At least 12 ms and 8.33 ms. Source: SDI-12 1.4, timing of break and marking."""
SDI12_PATIENCE_US: Final = 70_000
"""A sensor begins to answer within 15 ms; a USB adapter hands its first character over up to 25 ms later."""
SDI12_QUIET_US: Final = 30_000

Found = TypeVar("Found")


def _what_came(scanner: Scanner) -> FrameError:
    if scanner.refusal is not None:
        return scanner.refusal
    if scanner.damaged:
        return frame_error(Fault.CRC, "damaged", count=scanner.damaged)
    if scanner.foreign:
        return frame_error(Fault.WRONG_FUNCTION, "foreign", count=scanner.foreign)
    if scanner.waiting():
        return frame_error(Fault.TRUNCATED, "breaks_off", count=scanner.waiting())
    if scanner.noise:
        return frame_error(Fault.NOISE, "no_frame", count=scanner.noise)
    return frame_error(Fault.TIMEOUT, "silent")


class AskExchange:
    """A request, and the first sound frame as its answer. A damaged one is passed over: the right one may follow it.

    Attributes:
        fields: What the answer says.
        manners: How it behaves on its line.
    """

    def __init__(self, request: bytes, scanner_of: Callable[[], Scanner], manners: Manners = USUAL_MANNERS) -> None:
        self.fields: Fields = {}
        self.manners = manners
        self._request = request
        self._scanner_of = scanner_of
        self._scanner = scanner_of()
        self._taken = self._surplus = 0
        self._whole = False

    def begin(self, number: int) -> bytes:
        """Forget any answer and return the request."""
        del number
        self.fields = {}
        self._scanner = self._scanner_of()
        self._taken = self._surplus = 0
        self._whole = False
        return self._request

    def feed(self, data: bytes) -> bool:
        """Take bytes; return whether a sound answer has come."""
        if self._whole:
            self._surplus += len(data)
            return True
        self._taken += len(data)
        found = self._scanner.feed(data)
        if self._answered(found):
            self._whole = True
            self._surplus = self._scanner.waiting()
            return True
        if self._scanner.refusal is not None:
            raise self._scanner.refusal
        if self._taken > MAX_ANSWER_BYTES:
            raise frame_error(Fault.BABBLE, "endless")
        return False

    def _answered(self, found: list[Fields]) -> bool:
        if found:
            self.fields = found[0]
        return bool(found)

    def missing(self) -> int:
        """Return how many bytes must still come at least."""
        return 0 if self._whole else 1

    def surplus(self) -> int:
        """Return how many bytes came after the answer."""
        return self._surplus

    def expire(self) -> FrameError | None:
        """Return what is wrong with what came until the time-out."""
        return _what_came(self._scanner)


class ShdlcExchange(AskExchange):
    """A question to an SPS30, whose answer may be sound and empty."""

    def __init__(self, request: bytes, command: int, address: int = 0) -> None:
        self._shdlc = ShdlcScanner(command, address)
        super().__init__(request, self._made)

    def _made(self) -> ShdlcScanner:
        self._shdlc = ShdlcScanner(self._shdlc.command, self._shdlc.address)
        return self._shdlc

    def _answered(self, found: list[Fields]) -> bool:
        super()._answered(found)
        return self._shdlc.answered and self._shdlc.refusal is None


class SendExchange:
    """A request that no answer is waited for, such as a change of mode; whatever comes is thrown away."""

    def __init__(self, request: bytes, patience_us: int) -> None:
        self.manners = Manners(patience_us=patience_us)
        self._request = request
        self._taken = 0

    def begin(self, number: int) -> bytes:
        """Return the request."""
        del number
        self._taken = 0
        return self._request

    def feed(self, data: bytes) -> bool:
        """Throw bytes away."""
        self._taken += len(data)
        return self._taken > MAX_ANSWER_BYTES

    def missing(self) -> int:
        """Return 0: nothing must come."""
        return 0

    def surplus(self) -> int:
        """Return 0: whatever came is no surplus."""
        return 0

    def expire(self) -> FrameError | None:
        """Return None: silence is what was expected."""
        return None


class ListenExchange:
    """The talk of an instrument: takes its frames until every wanted field has come, or its time is over.

    A field that comes twice has its newest value. What came is enough if any wanted field did.

    Attributes:
        fields: What came.
        manners: It listens, for one period of the talker.
    """

    def __init__(self, scanner_of: Callable[[], Scanner], wanted: frozenset[str], patience_us: int) -> None:
        self.fields: Fields = {}
        self.manners = Manners(listens=True, patience_us=patience_us)
        self._scanner_of = scanner_of
        self._scanner = scanner_of()
        self._wanted = wanted

    def begin(self, number: int) -> bytes:
        """Forget what came; there is no request."""
        del number
        self.fields = {}
        self._scanner = self._scanner_of()
        return b""

    def feed(self, data: bytes) -> bool:
        """Take bytes; return whether every wanted field has come."""
        for fields in self._scanner.feed(data):
            self.fields |= fields
        return self._wanted <= self.fields.keys()

    def missing(self) -> int:
        """Return 1: nobody knows."""
        return 1

    def surplus(self) -> int:
        """Return 0: a talker goes on talking."""
        return 0

    def expire(self) -> FrameError | None:
        """Return what is wrong if nothing wanted came."""
        return None if self._wanted & self.fields.keys() else _what_came(self._scanner)


class Sdi12Exchange(Generic[Found]):
    """A command to one sensor and its answer, one line.

    Many adapters of a one-wire bus echo what they send, so the command itself is passed over.

    Attributes:
        found: What the answer says; only after it has come.
        line: The answer as it came.
        manners: Its break and its patience.
        service_requested: Whether the sensor's service request came right behind the answer.
    """

    def __init__(self, command: bytes, address: str, parse: Callable[[bytes], Found]) -> None:
        self.found: Found | None = None
        self.line = b""
        self.manners = Manners(patience_us=SDI12_PATIENCE_US, quiet_us=SDI12_QUIET_US, wake=BREAK)
        self.service_requested = False
        self._command = command
        self._address = address
        self._parse = parse
        self._kept = bytearray()

    def begin(self, number: int) -> bytes:
        """Forget any answer and return the command."""
        del number
        self.found = None
        self.line = b""
        self.service_requested = False
        self._kept.clear()
        return self._command

    def feed(self, data: bytes) -> bool:
        """Take bytes; return whether the answer is whole and sound."""
        self._kept += data
        # A break leaves a NUL, or noise, in some adapters before the first character.
        begun = bytes(self._kept).lstrip(b"\0\xff").removeprefix(self._command).lstrip(b"\0\xff")
        line, end, rest = begun.partition(b"\r\n")
        if not end:
            if len(begun) > sdi12.MAX_ANSWER_BYTES:
                raise frame_error(Fault.BABBLE, "endless")
            return False
        self.line = line
        self.found = self._parse(sdi12.body_of(line, self._address))
        self.service_requested = rest.startswith(self._address.encode("ascii") + b"\r\n")
        return True

    def missing(self) -> int:
        """Return how many bytes must still come at least."""
        return 0 if self.found is not None else 1

    def surplus(self) -> int:
        """Return 0: a service request may come behind the answer."""
        return 0

    def expire(self) -> FrameError | None:
        """Return what is wrong with what came until the time-out."""
        if self._kept:
            return frame_error(Fault.TRUNCATED, "breaks_off", count=len(self._kept))
        return frame_error(Fault.TIMEOUT, "silent")


class ServiceRequestExchange:
    """The wait of a sensor's own word that it has measured: its address alone. Silence is enough: then time is up."""

    def __init__(self, address: str, wait_s: float) -> None:
        self.manners = Manners(listens=True, keeps_waiting=True, patience_us=round(wait_s * 1_000_000))
        self._awaited = f"{address}\r\n".encode("ascii")
        self._kept = b""

    def begin(self, number: int) -> bytes:
        """Ask nothing."""
        del number
        self._kept = b""
        return b""

    def feed(self, data: bytes) -> bool:
        """Take bytes; return whether the service request has come."""
        self._kept = (self._kept + data)[-MAX_ANSWER_BYTES:]
        return self._awaited in self._kept

    def missing(self) -> int:
        """Return 1."""
        return 1

    def surplus(self) -> int:
        """Return 0."""
        return 0

    def expire(self) -> FrameError | None:
        """Return None: a sensor that is ready at its time need not say so."""
        return None
