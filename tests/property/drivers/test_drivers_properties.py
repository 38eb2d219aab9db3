from __future__ import annotations

import math
import struct
from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from config.language import LANGUAGES
from config.points import RegisterPoint, RegisterType, Table
from config.profile import DeviceLimits, ModbusProfile, load_modbus_profile
from contract.reading import Cause
from drivers.errors import FrameError, RefusedError
from drivers.modbus.ascii_frames import MAX_ASCII_FRAME
from drivers.modbus.captured import HexError, parse_capture, parse_hex
from drivers.modbus.explain import explain
from drivers.modbus.frames import RtuExchange, TcpExchange, crc16, read_pdu, write_coil_pdu
from drivers.modbus.guard import WritePermission, check_request
from drivers.modbus.plan import plan_reads
from drivers.modbus.values import BlockDecoder, decode, decoder_of, encode, shortest_float32

METER = load_modbus_profile("eastron-sdm630")
RELAY = load_modbus_profile("waveshare-relay-d")
Outcome = tuple[str, bytes, int | None]


def exchanges() -> st.SearchStrategy[RtuExchange | TcpExchange]:
    reads = st.builds(read_pdu, st.sampled_from([1, 2, 3, 4]), st.integers(0, 9), st.integers(1, 6))
    pdus = reads | st.builds(lambda on: write_coil_pdu(1, on=on), st.booleans())
    units = st.integers(1, 3)
    return st.builds(RtuExchange, units, pdus) | st.builds(TcpExchange, units, pdus)


def fed(exchange: RtuExchange | TcpExchange, pieces: list[bytes]) -> Outcome:
    """Return what an exchange makes of bytes; after its decision it is asked no more."""
    exchange.begin(0x0102)
    try:
        for piece in pieces:
            if exchange.feed(piece):
                return "answer", exchange.payload, exchange.exception_code
    except FrameError as error:
        return error.fault, b"", None
    return exchange.expire().fault, b"", None


def near_answers() -> st.SearchStrategy[bytes]:
    """Frames that differ from an answer in little, with a right CRC or not, amid noise."""
    heads = st.binary(min_size=2, max_size=2) | st.tuples(
        st.integers(1, 3), st.sampled_from([1, 2, 3, 4, 5, 0x81, 0x83, 0x84, 0x85])
    ).map(bytes)
    bodies = st.integers(0, 12).flatmap(
        lambda size: st.binary(min_size=size, max_size=size).map(lambda b: bytes([len(b)]) + b)
    )
    rtu = st.builds(lambda head, body: head + body + crc16(head + body), heads, bodies)
    tcp = st.builds(
        lambda head, body: b"\x01\x02\0\0" + struct.pack(">H", len(head) + len(body)) + head + body, heads, bodies
    )
    noise = st.binary(max_size=4)
    return st.lists(noise | rtu | tcp, max_size=4).map(b"".join)


@st.composite
def cuts(draw: st.DrawFn) -> tuple[bytes, list[bytes]]:
    data = draw(near_answers() | st.binary(max_size=700))
    places = sorted(draw(st.lists(st.integers(0, len(data)), max_size=8)))
    ends = [*places, len(data)]
    return data, [data[start:end] for start, end in zip([0, *places], ends, strict=True)]


@given(exchanges(), cuts())
def test_any_pieces_of_any_bytes_give_the_same_and_only_frame_errors(
    exchange: RtuExchange | TcpExchange, cut: tuple[bytes, list[bytes]]
) -> None:
    data, pieces = cut
    whole = fed(exchange, [data])
    assert fed(exchange, pieces) == whole
    assert fed(exchange, [data[place : place + 1] for place in range(len(data))]) == whole


@given(st.binary(max_size=300), st.integers(1, 247), st.integers(0, 65411), st.integers(1, 125))
def test_noise_alone_is_never_an_answer(noise: bytes, unit: int, address: int, count: int) -> None:
    exchange = RtuExchange(unit, read_pdu(3, address, count))
    outcome, payload, exception = fed(exchange, [noise])
    if outcome == "answer":
        # It would have had to find a CRC, and then the answer is of the length that was asked for.
        assert len(payload) == 2 * count or exception is not None
    else:
        assert (payload, exception) == (b"", None)


@given(st.data(), st.integers(1, 20), st.integers(1, 247))
def test_one_flipped_bit_never_gives_a_value(data: st.DataObject, count: int, unit: int) -> None:
    exchange = RtuExchange(unit, read_pdu(4, 0, count))
    body = bytes((unit, 4, 2 * count)) + data.draw(st.binary(min_size=2 * count, max_size=2 * count))
    frame = bytearray(body + crc16(body))
    bit = data.draw(st.integers(0, 8 * len(frame) - 1))
    frame[bit // 8] ^= 1 << bit % 8
    assert fed(exchange, [bytes(frame)])[0] != "answer"


TABLES: list[Table] = ["coil", "discrete", "holding", "input"]
WIDE: list[RegisterType] = ["uint16", "float32", "uint64"]


@st.composite
def point_lists(draw: st.DrawFn) -> list[RegisterPoint]:
    points = []
    for place in range(draw(st.integers(1, 40))):
        table = draw(st.sampled_from(TABLES))
        kind: RegisterType = "bool" if table in {"coil", "discrete"} else draw(st.sampled_from(WIDE))
        points.append(
            RegisterPoint(key=f"p{place}", en="", vi="", table=table, address=draw(st.integers(0, 300)), type=kind)
        )
    return points


@given(
    point_lists(),
    st.integers(4, 125),
    st.integers(1, 2000),
    st.lists(st.tuples(st.sampled_from(TABLES), st.integers(0, 300), st.integers(0, 20)), max_size=3),
    st.sets(st.integers(0, 39)),
    st.integers(0, 20),
    st.booleans(),
)
def test_every_point_is_whole_in_one_legal_request(
    points: list[RegisterPoint],
    max_registers: int,
    max_bits: int,
    holes: list[tuple[Table, int, int]],
    alone: set[int],
    hole: int,
    across_holes: bool,
) -> None:
    forbidden = tuple((table, first, first + size) for table, first, size in holes)
    limits = DeviceLimits(
        max_registers=max_registers,
        max_bits=max_bits,
        max_hole_registers=hole,
        max_hole_bits=2 * hole,
        forbidden=forbidden,
    )

    def touches(table: Table, first: int, count: int) -> bool:
        return any(table == hole[0] and first <= hole[2] and first + count > hole[1] for hole in forbidden)

    points = [point for point in points if not touches(point.table, point.address, point.width)]
    requests = plan_reads(points, limits, alone, across_holes=across_holes)
    assert sorted(place for request in requests for place in request.positions) == list(range(len(points)))
    for request in requests:
        assert request.count <= (max_bits if request.table in {"coil", "discrete"} else max_registers)
        assert not touches(request.table, request.address, request.count)
        covered: set[int] = set()
        for place, offset in zip(request.positions, request.offsets, strict=True):
            assert points[place].table == request.table
            assert points[place].address == request.address + offset
            assert offset + points[place].width <= request.count
            covered.update(range(offset, offset + points[place].width))
        assert request.holes == request.count - len(covered)
        allowed = (2 * hole if request.table in {"coil", "discrete"} else hole) if across_holes else 0
        ends = sorted({*covered, -1})
        assert all(later - earlier - 1 <= allowed for earlier, later in pairwise(ends)), "a hole wider than allowed"
        if alone & set(request.positions):
            assert len(request.positions) == 1


@given(st.binary(min_size=4, max_size=4))
@example(b"\x7f\xc0\0\0")
@example(b"\x7f\x7f\xff\xff")
@example(b"\0\x80\0\0")
@example(b"\x80\0\0\x01")
def test_every_float32_keeps_its_bits_or_is_no_value(registers: bytes) -> None:
    spec = RegisterPoint(key="x", en="", vi="", table="input", address=0, type="float32")
    value, cause = decode(spec, registers)
    raw = struct.unpack(">f", registers)[0]
    # Below 2^-126 lie the numbers that another word order makes of measurements.
    if math.isfinite(raw) and (raw == 0 or abs(raw) >= 2.0**-126):
        assert isinstance(value, float)
        assert struct.pack(">f", value) == registers
        assert value == shortest_float32(raw)
    else:
        assert (value, cause) == (None, Cause.RANGE)


@given(
    st.sampled_from(["uint16", "int16", "uint32", "int32", "float32", "uint64", "int64", "float64"]),
    st.sampled_from(["ABCD", "CDAB", "BADC", "DCBA"]),
    st.binary(min_size=8, max_size=8),
)
def test_what_is_decoded_can_be_encoded_back(kind: RegisterType, order: str, data: bytes) -> None:
    spec = RegisterPoint.model_validate(
        {"key": "x", "en": "", "vi": "", "table": "holding", "address": 0, "type": kind, "order": order}
    )
    registers = data[: 2 * spec.width]
    value, cause = decode(spec, registers)
    if value is None:
        assert cause is Cause.RANGE
    else:
        assert encode(spec, value) == registers
    assert BlockDecoder([spec], (0,)).decode(registers) == [(value, cause)]


@given(st.integers(0, 255), st.binary(min_size=1, max_size=20))
def test_only_the_permitted_bytes_pass_the_guard(unit: int, pdu: bytes) -> None:
    permitted = WritePermission(unit=1, spec=RELAY.point("k3"), low=0, high=1)
    try:
        check_request(unit, pdu, [permitted])
    except RefusedError:
        assert pdu[0] not in {1, 2, 3, 4}
    else:
        assert pdu[0] in {1, 2, 3, 4} or (unit == 1 and pdu in {b"\5\0\2\xff\0", b"\5\0\2\0\0"})


@given(st.binary(max_size=270) | near_answers(), st.none() | st.binary(max_size=20), st.sampled_from([METER, RELAY]))
def test_any_bytes_can_be_explained(frame: bytes, request: bytes | None, profile: ModbusProfile) -> None:
    explained = explain(profile, frame, request)
    for problem in explained.problems:
        assert problem.text("en")
        assert problem.text("vi")


@given(
    st.lists(st.sampled_from(["uint16", "int16", "uint32", "int32", "float32"]), min_size=1, max_size=8),
    st.binary(min_size=32, max_size=32),
    st.booleans(),
)
def test_values_taken_as_they_are_are_those_that_were_looked_at(
    kinds: list[RegisterType], data: bytes, limited: bool
) -> None:
    specs, offsets, at = [], [], 0
    for place, kind in enumerate(kinds):
        spec = RegisterPoint(
            key=f"p{place}", en="", vi="", table="holding", address=at, type=kind, low=0 if limited else None
        )
        specs.append(spec)
        offsets.append(at)
        at += spec.width
    decoder = decoder_of(specs, offsets)
    assert decoder is decoder_of(list(specs), tuple(offsets)), "devices of one type share it"
    sound = decoder.sound_values(data)
    assert (sound is None) == (limited or "float32" in kinds)
    if sound is not None:
        assert decoder.decode(data) == [(value, Cause.OK) for value in sound]


@given(
    st.one_of(
        st.text(max_size=200),
        st.text(alphabet="0123456789abcdefhxTR:<>[]-, \\'b\n", max_size=200),
        st.lists(
            st.sampled_from(["TX:", "<<", "01 04 00 00 00 02 71 cb", "0104044367af55e210", ":010400000002F9", "b'"])
        ).map(" ".join),
    )
)
def test_any_text_is_a_capture_or_refused_with_words(text: str) -> None:
    try:
        captured = parse_capture(text)
    except HexError as error:
        refusal: HexError | None = error
    else:
        refusal = None
        assert len(captured.frame) <= MAX_ASCII_FRAME + 1
        assert captured.request is None or len(captured.request) <= MAX_ASCII_FRAME + 1
    assert refusal is None or all(refusal.problem.text(language) for language in LANGUAGES)


@given(st.binary(min_size=1, max_size=200))
def test_bytes_are_the_same_in_every_spelling(frame: bytes) -> None:
    # Python's own spelling of bytes is the oracle.
    spellings = (frame.hex(" "), frame.hex(), frame.hex(":"), repr(frame), "".join(f"[{byte:02X}]" for byte in frame))
    assert {parse_hex(text) for text in spellings if not text.startswith(":")} == {frame}
