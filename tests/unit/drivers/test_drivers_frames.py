from __future__ import annotations

import pytest

from contract.reading import Cause
from drivers.errors import Fault, FrameError
from drivers.modbus.frames import (
    RtuExchange,
    TcpExchange,
    crc16,
    read_pdu,
    write_coil_pdu,
    write_registers_pdu,
)

# Recorded from an SDM630 (mbmd issue 63).
RECORDED_REQUEST = bytes.fromhex("01 04 00 00 00 02 71 cb")
RECORDED_REPLY = bytes.fromhex("01 04 04 43 67 af 55 e2 10")


def with_crc(text: str) -> bytes:
    body = bytes.fromhex(text)
    return body + crc16(body)


def recorded_exchange() -> RtuExchange:
    exchange = RtuExchange(1, read_pdu(4, 0, 2))
    assert exchange.begin(1) == RECORDED_REQUEST
    return exchange


def fault_of(exchange: RtuExchange | TcpExchange, data: bytes) -> Fault:
    with pytest.raises(FrameError) as caught:
        exchange.feed(data)
    return caught.value.fault


def test_the_recorded_frame_is_taken() -> None:
    exchange = recorded_exchange()
    assert exchange.feed(RECORDED_REPLY)
    assert exchange.payload == bytes.fromhex("43 67 af 55")
    assert exchange.exception_code is None


@pytest.mark.parametrize(
    ("frame", "fault"),
    [
        ("02 04 04 43 67 af 55", Fault.WRONG_UNIT),
        ("01 03 04 43 67 af 55", Fault.WRONG_FUNCTION),
        ("01 04 02 43 67", Fault.WRONG_LENGTH),
        ("01 04 06 43 67 af 55 00 00", Fault.WRONG_LENGTH),
        ("02 84 02", Fault.WRONG_UNIT),
        ("01 83 02", Fault.WRONG_FUNCTION),
    ],
)
def test_a_sound_frame_that_is_not_the_answer_is_named(frame: str, fault: Fault) -> None:
    assert fault_of(recorded_exchange(), with_crc(frame)) is fault


def test_a_damaged_answer_is_a_crc_error_as_soon_as_it_is_whole() -> None:
    exchange = recorded_exchange()
    damaged = RECORDED_REPLY[:4] + b"\x66" + RECORDED_REPLY[5:]
    assert not exchange.feed(damaged[:-1])
    with pytest.raises(FrameError, match="e2 10") as caught:
        exchange.feed(damaged[-1:])
    assert caught.value.fault is Fault.CRC
    assert caught.value.cause is Cause.CRC


def test_an_exception_is_an_answer() -> None:
    exchange = recorded_exchange()
    assert exchange.feed(with_crc("01 84 02"))
    assert exchange.exception_code == 2
    assert exchange.payload == b""


def test_exception_code_zero_is_no_success() -> None:
    exchange = recorded_exchange()
    assert exchange.feed(with_crc("01 84 00"))
    assert exchange.exception_code == 0


@pytest.mark.parametrize("noise", [b"\x00", b"\xff\x7f\x00", RECORDED_REQUEST])
def test_noise_and_echo_before_the_answer_are_passed_over(noise: bytes) -> None:
    exchange = recorded_exchange()
    assert exchange.feed(noise + RECORDED_REPLY)
    assert exchange.payload == bytes.fromhex("43 67 af 55")


def test_bytes_after_the_answer_are_counted() -> None:
    exchange = recorded_exchange()
    assert exchange.feed(RECORDED_REPLY + b"\x00\x00")
    assert exchange.surplus() == 2


@pytest.mark.parametrize(
    ("came", "fault", "cause"),
    [
        (b"", Fault.TIMEOUT, Cause.TIMEOUT),
        (RECORDED_REPLY[:1], Fault.TRUNCATED, Cause.PROTOCOL),
        (RECORDED_REPLY[:-1], Fault.TRUNCATED, Cause.PROTOCOL),
        (bytes.fromhex("01 84"), Fault.TRUNCATED, Cause.PROTOCOL),
        (b"\x80\x81", Fault.NOISE, Cause.CRC),
        (b"\x11" * 9, Fault.NOISE, Cause.CRC),
    ],
)
def test_the_time_out_says_what_came(came: bytes, fault: Fault, cause: Cause) -> None:
    exchange = recorded_exchange()
    assert not exchange.feed(came)
    error = exchange.expire()
    assert (error.fault, error.cause) == (fault, cause)


def test_noise_without_end_is_given_up() -> None:
    exchange = recorded_exchange()
    assert not any(exchange.feed(b"\x55") for _ in range(512))
    assert fault_of(exchange, b"\x55") is Fault.NOISE


def test_an_exchange_can_be_begun_again() -> None:
    exchange = recorded_exchange()
    assert exchange.feed(RECORDED_REPLY)
    assert exchange.begin(2) == RECORDED_REQUEST
    assert (exchange.payload, exchange.surplus(), exchange.missing()) == (b"", 0, 5)


def test_missing_counts_down_to_the_whole_answer() -> None:
    exchange = recorded_exchange()
    exchange.feed(RECORDED_REPLY[:3])
    assert exchange.missing() == 6
    exchange.feed(RECORDED_REPLY[3:-1])
    assert exchange.missing() == 1


def test_a_write_must_be_echoed_as_it_was_sent() -> None:
    request = with_crc("01 05 00 02 ff 00")
    exchange = RtuExchange(1, write_coil_pdu(2, on=True))
    assert exchange.begin(1) == request
    assert exchange.feed(request)
    exchange.begin(2)
    assert fault_of(exchange, with_crc("01 05 00 03 ff 00")) is Fault.WRONG_ECHO
    exchange.begin(3)
    assert fault_of(exchange, with_crc("01 05 00 02 00 00")) is Fault.WRONG_ECHO


def test_several_registers_are_written_with_function_16() -> None:
    exchange = RtuExchange(7, write_registers_pdu(0x10, [1, 2]))
    assert exchange.begin(1) == with_crc("07 10 00 10 00 02 04 00 01 00 02")
    assert exchange.feed(with_crc("07 10 00 10 00 02"))
    assert write_registers_pdu(0x10, [513]) == bytes.fromhex("06 00 10 02 01")


@pytest.mark.parametrize("count", [0, 126])
def test_counts_beyond_the_protocol_are_refused(count: int) -> None:
    with pytest.raises(ValueError, match="count"):
        read_pdu(3, 0, count)


def test_a_read_past_the_last_address_is_refused() -> None:
    with pytest.raises(ValueError, match="65535"):
        read_pdu(3, 65535, 2)


def tcp_exchange() -> TcpExchange:
    exchange = TcpExchange(5, read_pdu(3, 100, 2))
    assert exchange.begin(0x10102) == bytes.fromhex("01 02 00 00 00 06 05 03 00 64 00 02")
    return exchange


def test_a_tcp_answer_is_taken_in_any_two_pieces() -> None:
    answer = bytes.fromhex("01 02 00 00 00 07 05 03 04 13 ec 13 ed")
    for cut in range(len(answer) + 1):
        exchange = tcp_exchange()
        done = exchange.feed(answer[:cut])
        assert done == (cut == len(answer))
        assert done or exchange.feed(answer[cut:])
        assert exchange.payload == bytes.fromhex("13 ec 13 ed")
        assert exchange.surplus() == 0


@pytest.mark.parametrize(
    ("frame", "fault"),
    [
        ("01 03 00 00 00 07 05 03 04 13 ec 13 ed", Fault.WRONG_TRANSACTION),
        ("01 02 00 01 00 07 05 03 04 13 ec 13 ed", Fault.WRONG_PROTOCOL),
        ("01 02 00 00 ff ff 05 03 04 13 ec 13 ed", Fault.WRONG_LENGTH),
        ("01 02 00 00 00 02 05 03", Fault.WRONG_LENGTH),
        ("01 02 00 00 00 08 05 03 04 13 ec 13 ed", Fault.WRONG_LENGTH),
        ("01 02 00 00 00 07 06 03 04 13 ec 13 ed", Fault.WRONG_UNIT),
        ("01 02 00 00 00 07 05 04 04 13 ec 13 ed", Fault.WRONG_FUNCTION),
        ("01 02 00 00 00 05 05 03 02 13 ec", Fault.WRONG_LENGTH),
        ("01 02 00 00 00 07 05 03 02 13 ec 00 00", Fault.WRONG_LENGTH),
        ("01 02 00 00 00 04 05 83 02 00", Fault.WRONG_LENGTH),
    ],
)
def test_a_tcp_answer_to_anything_else_is_named(frame: str, fault: Fault) -> None:
    assert fault_of(tcp_exchange(), bytes.fromhex(frame)) is fault


def test_a_tcp_exception_is_an_answer_and_what_follows_is_surplus() -> None:
    exchange = tcp_exchange()
    assert exchange.feed(bytes.fromhex("01 02 00 00 00 03 05 83 06 99"))
    assert exchange.exception_code == 6
    assert exchange.surplus() == 1


def test_half_a_tcp_answer_is_truncated() -> None:
    exchange = tcp_exchange()
    assert not exchange.feed(bytes.fromhex("01 02 00 00 00 07 05"))
    assert exchange.expire().fault is Fault.TRUNCATED
