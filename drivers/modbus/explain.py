"""A captured Modbus frame in the words of a profile: what it says, and what is wrong with it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from config.points import RegisterPoint, Table
from config.profile import ModbusProfile
from drivers.base import Framing
from drivers.errors import FrameError
from drivers.modbus import frames
from drivers.modbus.ascii_frames import END, START, lrc8
from drivers.modbus.captured import Problem
from drivers.modbus.compound import parts_of, window_of
from drivers.modbus.explain_points import PointInFrame, points_in
from drivers.modbus.framings import EXCHANGES
from drivers.modbus.plan import BIT_TABLES, FUNCTION_OF, Wanted

Direction = Literal["request", "reply", "unknown"]
_TABLE_OF: Final[dict[int, Table]] = {
    **{function: table for table, function in FUNCTION_OF.items()},
    frames.WRITE_SINGLE_COIL: "coil",
    frames.WRITE_MULTIPLE_COILS: "coil",
    frames.WRITE_SINGLE_REGISTER: "holding",
    frames.WRITE_MULTIPLE_REGISTERS: "holding",
}
_READS: Final = frozenset(FUNCTION_OF.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One way to read an answer.

    Attributes:
        address: The first address, from 0.
        count: Registers or bits.
        plausible: Every value lies in its point's range.
    """

    table: Table
    address: int
    count: int
    points: tuple[PointInFrame, ...]

    @property
    def plausible(self) -> bool:
        """Whether every value lies in its point's range."""
        return all(point.plausible for point in self.points)


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameExplanation:
    """A frame taken apart.

    Attributes:
        function: Without the exception bit.
        crc_expected: What the CRC, or the LRC of ASCII, must be, as on the wire; None on TCP.
        address: From a request, or from the request given with an answer.
        count: Registers or bits that a request asks for.
        registers: The data as 16-bit words, if it is registers.
        bits: The data as bits, if it is bits; an answer's last byte is filled up.
        candidates: The ways to read the data; one if the address is known.
        problems: What is wrong, worst first; empty for a sound frame that explains itself.
    """

    framing: Framing
    direction: Direction
    unit: int | None = None
    function: int | None = None
    transaction: int | None = None
    crc_found: str | None = None
    crc_expected: str | None = None
    address: int | None = None
    count: int | None = None
    exception_code: int | None = None
    registers: tuple[int, ...] = ()
    bits: tuple[bool, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def crc_ok(self) -> bool | None:
        """Whether the CRC is right; None on TCP."""
        return None if self.crc_expected is None else self.crc_found == self.crc_expected


def _problem(key: str, **facts: object) -> Problem:
    return Problem(key=key, facts=facts)


@dataclass(slots=True)
class _Adu:
    framing: Framing
    unit: int
    pdu: bytes
    transaction: int | None
    crc_found: str | None
    crc_expected: str | None
    problems: list[Problem]


def _is_digits(text: bytes) -> bool:
    return bool(text) and len(text) % 2 == 0 and all(digit in b"0123456789ABCDEFabcdef" for digit in text)


def _split_ascii(frame: bytes) -> _Adu | None:
    """Return the parts of an ASCII frame; None if it is none. An RTU frame of unit 58 begins with a colon too."""
    digits = frame[1:].removesuffix(END)
    if not frame.startswith(START) or not _is_digits(digits) or len(digits) < 8:
        return None
    body = bytes.fromhex(digits.decode("ascii"))
    found, wanted = f"{body[-1]:02x}", f"{lrc8(body[:-1]):02x}"
    problems = [] if found == wanted else [_problem("lrc", found=found, wanted=wanted)]
    return _Adu("ascii", body[0], body[1:-1], None, found, wanted, problems)


def _is_tcp(frame: bytes) -> bool:
    if frames.crc16(frame[:-2]) == frame[-2:] or len(frame) < 8:
        return False
    announced = int.from_bytes(frame[4:6], "big")
    return announced + 6 == len(frame) or (frame[2:4] == b"\0\0" and frame[4] == 0 and frame[7] & 0x7F in _TABLE_OF)


def _split(frame: bytes) -> _Adu:
    in_digits = _split_ascii(frame)
    if in_digits is not None:
        return in_digits
    if not _is_tcp(frame):
        found, wanted = frame[-2:].hex(" "), frames.crc16(frame[:-2]).hex(" ")
        problems = [] if found == wanted else [_problem("crc", found=found, wanted=wanted)]
        pdu = frame[1:-2]
        if problems and _is_cut(frame):
            # Where an answer ends before its CRC, its last two bytes are data.
            pdu = frame[1 : 3 + frame[2]]
            problems.append(_problem("cut", found=len(frame), wanted=frame[2] + 5))
        return _Adu("rtu", frame[0], pdu, None, found, wanted, problems)
    problems = []
    if frame[2:4] != b"\0\0":
        problems.append(_problem("protocol", found=int.from_bytes(frame[2:4], "big"), wanted=0))
    announced = int.from_bytes(frame[4:6], "big")
    if announced != len(frame) - 6:
        problems.append(_problem("mbap_length", found=len(frame) - 6, wanted=announced))
    return _Adu("tcp", frame[6], frame[7:], int.from_bytes(frame[:2], "big"), None, None, problems)


def _is_cut(frame: bytes) -> bool:
    return frame[1] in _READS and frame[2] + 5 > len(frame) and not _is_read_request(frame[1:-2])


def explain(profile: ModbusProfile, frame: bytes, request: bytes | None = None) -> FrameExplanation:
    """Take a frame apart.

    Args:
        profile: The device that it is from or for.
        frame: An RTU frame with its CRC, an ASCII frame from its colon on, or a TCP frame with its MBAP header;
            anything at all.
        request: The frame that asked for it; without it an answer does not say which address it is of.
    """
    shortest = 4
    if len(frame) < shortest:
        problem = _problem("too_short", found=len(frame), wanted=shortest)
        return FrameExplanation(framing="rtu", direction="unknown", problems=(problem,))
    adu = _split(frame)
    function = adu.pdu[0] & ~frames.EXCEPTION_BIT
    direction: Direction = "unknown"
    address: int | None = None
    count: int | None = None
    exception_code: int | None = None
    data = b""
    if adu.pdu[0] & frames.EXCEPTION_BIT:
        direction = "reply"
        exception_code = adu.pdu[1] if len(adu.pdu) > 1 else 0
        adu.problems.append(_problem("exception", found=exception_code))
    elif function not in _TABLE_OF:
        adu.problems.append(_problem("function", found=function))
    elif function in _READS and not _is_read_request(adu.pdu):
        direction, data = "reply", _reply_data(adu, function)
    elif len(adu.pdu) >= 5:
        direction = "request"
        address, count, data = _request_parts(adu.pdu)
    asked = _asked(request, frame, adu) if request is not None else None
    if asked and direction == "reply":
        address, count = asked
    is_cut = any(problem.key in {"cut", "truncated"} for problem in adu.problems)
    # What stands where is told of a cut answer only by its request.
    candidates = () if is_cut and address is None else _candidates(profile, function, data, address, count)
    if direction == "reply" and data and len(candidates) != 1 and not is_cut:
        key = "unknown_address" if candidates else "no_points"
        adu.problems.append(_problem(key, found=len(candidates)))
    bits = _TABLE_OF.get(function) in {"coil", "discrete"}
    return FrameExplanation(
        framing=adu.framing,
        direction=direction,
        unit=adu.unit,
        function=function,
        transaction=adu.transaction,
        crc_found=adu.crc_found,
        crc_expected=adu.crc_expected,
        address=address,
        count=count,
        exception_code=exception_code,
        registers=() if bits else tuple(int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data) - 1, 2)),
        bits=tuple(bool(byte >> bit & 1) for byte in data for bit in range(8)) if bits else (),
        candidates=candidates,
        problems=tuple(adu.problems),
    )


def _is_read_request(pdu: bytes) -> bool:
    if len(pdu) != 5:
        return False
    words = _TABLE_OF[pdu[0]] in {"holding", "input"}
    # A count that nobody may ask for (V1.1b3 §6.1, §6.3): an answer that was cut.
    if not 1 <= int.from_bytes(pdu[3:], "big") <= (125 if words else 2000):
        return False
    # A 3 in the second place: three bytes of bits, or a request from 0x0300 on. Three bytes are no whole registers.
    return words or pdu[1] != 3


def _reply_data(adu: _Adu, function: int) -> bytes:
    if len(adu.pdu) < 2:
        adu.problems.append(_problem("truncated", found=0, wanted=1))
        return b""
    wanted, data = adu.pdu[1], adu.pdu[2:]
    if any(problem.key == "cut" for problem in adu.problems):
        return data
    if len(data) != wanted:
        key = "truncated" if len(data) < wanted else "surplus"
        adu.problems.append(_problem(key, found=len(data), wanted=wanted))
    elif len(data) % 2 and _TABLE_OF[function] in {"holding", "input"}:
        adu.problems.append(_problem("odd", found=len(data)))
    return data[:wanted]


def _request_parts(pdu: bytes) -> tuple[int, int, bytes]:
    """Return address, count and the data that a request carries."""
    address, number = int.from_bytes(pdu[1:3], "big"), int.from_bytes(pdu[3:5], "big")
    if pdu[0] in _READS:
        return address, number, b""
    if pdu[0] == frames.WRITE_SINGLE_COIL:
        return address, 1, b"\1" if number else b"\0"
    if pdu[0] == frames.WRITE_SINGLE_REGISTER:
        return address, 1, pdu[3:5]
    return address, number, pdu[6:]


def _asked(request: bytes, frame: bytes, adu: _Adu) -> tuple[int, int] | None:
    """Return address and count of the request given, and note if the frame is no answer to it."""
    problem = _problem("request_unclear")
    asking = _split(request) if len(request) >= 8 else None
    if (
        asking is None
        or asking.problems
        or asking.pdu[0] not in _TABLE_OF
        or len(asking.pdu) < 5
        # More than an answer can hold.
        or (asking.pdu[0] in _READS and not _is_read_request(asking.pdu))
    ):
        adu.problems.append(problem)
        return None
    exchange = EXCHANGES[adu.framing](asking.unit, asking.pdu)
    exchange.begin(asking.transaction if asking.transaction is not None else adu.transaction or 0)
    try:
        whole = exchange.feed(frame)
    except FrameError as error:
        adu.problems.append(_problem("not_the_answer", found=error))
    else:
        if not whole:
            adu.problems.append(_problem("not_the_answer", found=exchange.expire()))
    address, count, _ = _request_parts(asking.pdu)
    return address, count


def _candidates(
    profile: ModbusProfile, function: int, data: bytes, address: int | None, count: int | None
) -> tuple[Candidate, ...]:
    table = _TABLE_OF.get(function)
    if table is None or not data:
        return ()
    bits = table in BIT_TABLES
    if address is not None:
        whole = count if bits and count is not None else len(data) // (1 if bits else 2)
        windows: Iterable[tuple[int, int]] = ((address, whole),)
    else:
        wanted = [part for point in profile.points if point.table == table for part in _wanted(point)]
        wanted.sort(key=lambda part: part.address)
        windows = _windows(wanted, len(data) * 8 if bits else len(data) // 2, bits=bits)
    found = (_candidate(profile, table, first, size, data) for first, size in dict.fromkeys(windows))
    return tuple(candidate for candidate in found if candidate.points)


def _wanted(point: RegisterPoint) -> Sequence[Wanted]:
    """Return the runs of registers that a driver asks for to read a point, one by one or joined."""
    return [window_of(point), *(part.span for part in parts_of(point))] if point.companions else [point]


def _windows(points: Sequence[Wanted], size: int, *, bits: bool) -> Iterable[tuple[int, int]]:
    """Yield address and count of every contiguous run of points that an answer of this size can hold."""
    for first, start in enumerate(points):
        end = start.address
        longest = 0
        for point in points[first:]:
            if point.address > end:
                break
            end = max(end, point.address + point.width)
            if end - start.address == size and not bits:
                yield start.address, size
                break
            if bits and size - 8 < end - start.address <= size:
                longest = end - start.address
        if longest:
            yield start.address, longest


def _candidate(profile: ModbusProfile, table: Table, first: int, size: int, data: bytes) -> Candidate:
    def words(address: int, count: int) -> bytes | None:
        start = 2 * (address - first)
        inside = first <= address and address + count <= first + size
        part = data[start : start + 2 * count] if inside else b""
        return part if len(part) == 2 * count else None

    def bit(address: int) -> bool | None:
        offset = address - first
        if not 0 <= offset < min(size, 8 * len(data)):
            return None
        return bool(data[offset // 8] >> offset % 8 & 1)

    return Candidate(table=table, address=first, count=size, points=points_in(profile.points, table, words, bit))
