"""Modbus ASCII frames. Composed by hand; the sums by the addition that the standard describes."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import Fault, FrameError
from drivers.modbus.ascii_frames import AsciiExchange, lrc8
from drivers.modbus.frames import read_pdu, write_coil_pdu, write_registers_pdu

REQUEST = b":010400000002F9\r\n"
"""01 + 04 + 00 + 00 + 00 + 02 = 07; 100 - 07 = F9."""
REPLY = b":0104044367AF5549\r\n"
"""01 + 04 + 04 + 43 + 67 + AF + 55 = 1B7; 200 - 1B7 = 49."""


def framed(text: str) -> bytes:
    body = bytes.fromhex(text)
    return b":" + (body + bytes((-sum(body) & 0xFF,))).hex().upper().encode() + b"\r\n"


def exchange() -> AsciiExchange:
    made = AsciiExchange(1, read_pdu(4, 0, 2))
    assert made.begin(1) == REQUEST
    return made


def fault_of(asked: AsciiExchange, data: bytes) -> Fault:
    with pytest.raises(FrameError) as caught:
        asked.feed(data)
    return caught.value.fault


def test_an_answer_is_taken() -> None:
    asked = exchange()
    assert asked.feed(REPLY)
    assert (asked.payload.hex(" "), asked.exception_code, asked.surplus()) == ("43 67 af 55", None, 0)


@given(st.lists(st.integers(0, len(REPLY)), max_size=6))
def test_any_pieces_give_the_same_answer(cuts: list[int]) -> None:
    asked = exchange()
    places = [0, *sorted(cuts), len(REPLY)]
    whole = [asked.feed(REPLY[start:end]) for start, end in itertools.pairwise(places)]
    assert whole[-1]
    assert asked.payload == bytes.fromhex("43 67 af 55")


@pytest.mark.parametrize(
    ("frame", "fault"),
    [
        ("02 04 04 43 67 af 55", Fault.WRONG_UNIT),
        ("01 03 04 43 67 af 55", Fault.WRONG_FUNCTION),
        ("01 04 02 43 67", Fault.WRONG_LENGTH),
        ("01 04 06 43 67 af 55 00 00", Fault.WRONG_LENGTH),
        ("01 04 04 43 67 af", Fault.WRONG_LENGTH),
        ("01 83 02", Fault.WRONG_FUNCTION),
        ("02 84 02", Fault.WRONG_UNIT),
    ],
)
def test_a_sound_frame_that_is_not_the_answer_is_named(frame: str, fault: Fault) -> None:
    assert fault_of(exchange(), framed(frame)) is fault


def test_a_refusal_is_an_answer() -> None:
    asked = exchange()
    assert asked.feed(framed("01 84 02"))
    assert asked.exception_code == 2


@pytest.mark.parametrize("damaged", [b":0104044367AF5548\r\n", b":01040443G7AF5549\r\n", b":0104044367aF5549\r\n"])
def test_a_damaged_answer_is_known_by_its_head_and_length(damaged: bytes) -> None:
    assert fault_of(exchange(), damaged) is Fault.CRC


@given(st.integers(0, len(REPLY) - 1), st.integers(0, 7))
def test_one_flipped_bit_never_gives_another_value(place: int, bit: int) -> None:
    data = bytearray(REPLY)
    data[place] ^= 1 << bit
    asked = exchange()
    try:
        whole = asked.feed(bytes(data))
    except FrameError:
        return
    assert not whole
    assert asked.expire().fault in {Fault.TRUNCATED, Fault.NOISE}


def test_noise_before_a_colon_and_the_adapter_s_echo_are_passed_over() -> None:
    asked = exchange()
    assert not asked.feed(b"\x00\xff:01 garbage\r\n" + REQUEST)
    assert asked.feed(b"\x7f:0104:" + REPLY[1:])
    assert asked.payload == bytes.fromhex("43 67 af 55")


def test_what_follows_the_answer_is_counted() -> None:
    asked = exchange()
    assert asked.feed(REPLY + b"xyz")
    assert asked.surplus() == 3


@pytest.mark.parametrize(
    ("came", "fault"),
    [(b"", Fault.TIMEOUT), (REPLY[:9], Fault.TRUNCATED), (b"hello\r\n", Fault.NOISE), (b"\xff\xff", Fault.NOISE)],
)
def test_a_time_out_says_what_came(came: bytes, fault: Fault) -> None:
    asked = exchange()
    assert not asked.feed(came)
    assert asked.expire().fault is fault


def test_an_endless_stream_ends_the_wait() -> None:
    assert fault_of(exchange(), b"U" * 1100) is Fault.NOISE


def test_writes_are_answered_by_their_own_head() -> None:
    coil = AsciiExchange(1, write_coil_pdu(0, on=True))
    coil.begin(1)
    assert coil.feed(framed("01 05 00 00 ff 00"))
    several = AsciiExchange(1, write_registers_pdu(16, [1, 2]))
    several.begin(1)
    assert fault_of(several, framed("01 10 00 11 00 02")) is Fault.WRONG_ECHO


def test_begun_again_it_has_forgotten_everything() -> None:
    asked = exchange()
    asked.feed(REPLY[:10])
    assert asked.begin(2) == REQUEST
    assert asked.missing() == 11
    assert asked.feed(REPLY)


@given(st.binary(max_size=600))
def test_nothing_but_frame_errors_comes_of_noise(noise: bytes) -> None:
    asked = exchange()
    try:
        asked.feed(noise)
    except FrameError:
        return
    assert asked.missing() >= 1 or asked.surplus() >= 0
    assert lrc8(noise + bytes((lrc8(noise),))) == 0
