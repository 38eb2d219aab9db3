"""Modbus ASCII: every byte as two hexadecimal digits between a colon and CR LF, checked by a sum. Pure.

An answer says no more of its question than an RTU one, so the line keeps the same quiet pause after a time-out. The
sum (LRC) finds every damaged character that stands alone, and lets about one in 256 of heavier damage pass: where the
wire is bad, RTU or even parity is the better choice.
Source: MODBUS over Serial Line V1.02 §2.5.2 and §6.2.1, known from the standard; verified against the simulator's own
codec, not on an instrument.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from drivers.base import Manners
from drivers.errors import Fault, FrameError
from drivers.modbus.frames import EXCEPTION_BIT, ModbusExchange

START: Final = b":"
END: Final = b"\r\n"
MAX_ASCII_FRAME: Final = 1 + 2 * (1 + 253 + 1) + 2
BETWEEN_US: Final = 1_000_000
"""How long an answer may pause between two characters (§2.5.2.1)."""
_DIGITS: Final = frozenset(b"0123456789ABCDEF")
_SHORTEST_EXCEPTION: Final = 1 + 2 * 4 + 2


def lrc8(data: bytes) -> int:
    """Return the longitudinal redundancy check: what makes the sum of all bytes a multiple of 256."""
    return -sum(data) & 0xFF


def pack_ascii(unit: int, pdu: bytes) -> bytes:
    """Return the frame of a PDU."""
    body = bytes((unit,)) + pdu
    return START + (body + bytes((lrc8(body),))).hex().upper().encode("ascii") + END


def frame_body(frame: bytes) -> bytes | None:
    """Return the bytes of a frame, its sum last, unchecked; None if it is not of digits between colon and CR LF."""
    digits = frame[1:-2]
    if not (frame.startswith(START) and frame.endswith(END)) or len(digits) % 2 or not _DIGITS.issuperset(digits):
        return None
    return bytes.fromhex(digits.decode("ascii"))


@dataclass(frozen=True, slots=True)
class _Seen:
    """A frame between colon and line feed, and where it ends in what came."""

    end: int
    frame: bytes


class AsciiExchange(ModbusExchange):
    """A request on a line that speaks Modbus ASCII.

    What comes before a colon is passed over, and a colon begins anew, as the standard has it. A damaged frame ends
    the wait only if what is left of it is our answer's: else the answer may yet come.
    """

    manners: ClassVar[Manners] = Manners(between_us=BETWEEN_US)
    __slots__ = ("_end", "_expected", "_request")

    def __init__(self, unit: int, pdu: bytes) -> None:
        super().__init__(unit, pdu)
        self._request = pack_ascii(unit, pdu)
        head = bytes((unit,)) + self._head
        self._expected = START + head.hex().upper().encode("ascii")
        self._end = 0

    def begin(self, number: int) -> bytes:  # noqa: ARG002 - ASCII frames carry no transaction id
        """Forget any answer and return the request's bytes."""
        self._reset()
        self._end = 0
        return self._request

    def feed(self, data: bytes) -> bool:
        """Take bytes as they come; return whether the answer is whole.

        Raises:
            FrameError: What came cannot be the answer.
        """
        self._buffer += data
        position = 0
        while (seen := self._next_frame(position)) is not None:
            position = seen.end
            if self._accepts(seen.frame):
                self._end = seen.end
                return True
        if len(self._buffer) > 2 * MAX_ASCII_FRAME:
            raise self._incomplete(Fault.NOISE, "no_frame")
        return False

    def _next_frame(self, position: int) -> _Seen | None:
        end = self._buffer.find(END[1:], position) + 1
        if not end:
            return None
        start = self._buffer.rfind(START, position, end)
        return _Seen(end, bytes(self._buffer[start if start >= 0 else position : end]))

    def _accepts(self, frame: bytes) -> bool:
        """Return whether a frame is the answer; False for noise and for the echo of an adapter."""
        body = frame_body(frame)
        sound = body is not None and len(body) >= 3 and lrc8(body[:-1]) == body[-1]
        if body is None or not sound:
            if frame.startswith(self._expected) and len(frame) == self._length:
                raise self._damaged(frame, body)
            return False
        if body[0] != self.unit:
            raise self._wrong(Fault.WRONG_UNIT, body[0], self.unit)
        pdu = body[1:-1]
        is_exception = pdu[0] == self.function | EXCEPTION_BIT
        if pdu[0] == self.function and len(pdu) == self._size and pdu.startswith(self._head):
            self._take(pdu)
            return True
        if is_exception and len(pdu) == 2:
            self._take(pdu)
            return True
        if frame == self._request:
            return False
        wrong = self._wrong_head(pdu)
        raise wrong or self._wrong(Fault.WRONG_LENGTH, f"{len(pdu)} bytes of PDU", self._size)

    @property
    def _length(self) -> int:
        return 1 + 2 * (self._size + 2) + 2

    def _damaged(self, frame: bytes, body: bytes | None) -> FrameError:
        if body is None:
            return self._wrong(Fault.CRC, frame[-4:].hex(" "), "digits 0-9 A-F, CR LF")
        return self._wrong(Fault.CRC, f"{body[-1]:02x}", f"{lrc8(body[:-1]):02x}")

    def missing(self) -> int:
        """Return how many bytes must still come at least."""
        came = len(self._buffer)
        if not came:
            return _SHORTEST_EXCEPTION
        begun = bytes(self._buffer[: len(self._expected)])
        return max(1, self._length - came) if self._expected.startswith(begun) else 1

    def surplus(self) -> int:
        """Return how many bytes came after the answer."""
        return len(self._buffer) - self._end if self._end else 0

    def expire(self) -> FrameError:
        """Return what is wrong with what came until the time-out."""
        came = bytes(self._buffer)
        if not came:
            return super().expire()
        start = came.rfind(START)
        is_cut = start >= 0 and END[1:] not in came[start:]
        return self._incomplete(Fault.TRUNCATED, "cut") if is_cut else self._incomplete(Fault.NOISE, "no_frame")
