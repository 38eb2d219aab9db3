"""Frames as technicians paste them: every usual spelling, requests and answers together, nothing guessed."""

from __future__ import annotations

import pytest

from drivers.modbus.captured import MAX_TEXT, Captured, HexError, parse_capture, parse_hex
from drivers.modbus.frames import crc16

REQUEST = bytes.fromhex("01 04 00 00 00 02 71 cb")
REPLY = bytes.fromhex("01 04 04 43 67 af 55 e2 10")
TCP_REQUEST = bytes.fromhex("00 07 00 00 00 06 01 04 00 00 00 02")
TCP_REPLY = bytes.fromhex("00 07 00 00 00 07 01 04 04 43 67 af 55")
ASCII_REQUEST, ASCII_REPLY = ":010400000002F9", ":0104044367AF5549"


@pytest.mark.parametrize(
    "text",
    [
        "01 04 04 43 67 af 55 e2 10",
        "0104044367AF55E210",
        "0104 0443 67af 55e2 10",
        "01:04:04:43:67:AF:55:E2:10",
        "01-04-04-43-67-AF-55-E2-10",
        "0x01,0x04,0x04,0x43,0x67,0xAF,0x55,0xE2,0x10",
        "0x1 0x4 0x4 0x43 0x67 0xaf 0x55 0xe2 0x10",
        "[01, 04, 04, 43, 67, AF, 55, E2, 10]",
        "[01][04][04][43][67][AF][55][E2][10]",
        "<01><04><04><43><67><AF><55><E2><10>",
        "01h 04h 04h 43h 67h AFh 55h E2h 10h",
        "1 4 4 43 67 af 55 e2 10",
        "{0x01, 0x04, 0x04, 0x43, 0x67, 0xaf, 0x55, 0xe2, 0x10};",
        r"\x01\x04\x04\x43\x67\xaf\x55\xe2\x10",
        r"b'\x01\x04\x04Cg\xafU\xe2\x10'",
        r'b"\x01\x04\x04Cg\xafU\xe2\x10"',
        "01 04 04 43\n67 af 55 e2 10\n",
        "RX: 01 04 04 43 67 af 55 e2 10",
    ],
)
def test_every_usual_spelling_of_one_frame_is_read(text: str) -> None:
    assert parse_capture(text) == Captured(REPLY)


@pytest.mark.parametrize(
    ("text", "request_", "reply"),
    [
        ("01 04 00 00 00 02 71 cb 01 04 04 43 67 af 55 e2 10", REQUEST, REPLY),
        ("010400000002 71cb\n0104044367af55 e210", REQUEST, REPLY),
        ("TX: 01 04 00 00 00 02 71 cb\nRX: 01 04 04 43 67 af 55 e2 10", REQUEST, REPLY),
        (">> 01 04 00 00 00 02 71 cb << 01 04 04 43 67 af 55 e2 10", REQUEST, REPLY),
        ("<< 01 04 04 43 67 af 55 e2 10\n>> 01 04 00 00 00 02 71 cb", REQUEST, REPLY),
        ("-> [01][04][00][00][00][02][71][CB]\n<- <01><04><04><43><67><AF><55><E2><10>", REQUEST, REPLY),
        ("send: 0x1 0x4 0x0 0x0 0x0 0x2 0x71 0xcb\nrecv: 0x1 0x4 0x4 0x43 0x67 0xaf 0x55 0xe2 0x10", REQUEST, REPLY),
        (">> TX: 01 04 00 00 00 02 71 cb\n<< RX: 01 04 04 43 67 af 55 e2 10", REQUEST, REPLY),
        ("01 04 00 00 00 02 71 cb 01 84 02 c2 c1", REQUEST, bytes.fromhex("01 84 02 c2 c1")),
        ("01 04 00 00 00 02 71 cb 01 04 04 43 67 af 55 e2 11", REQUEST, REPLY[:-1] + b"\x11"),
        ("01 04 00 00 00 02 71 cb 01 04 04 43", REQUEST, REPLY[:4]),
        (TCP_REQUEST.hex(" ") + " " + TCP_REPLY.hex(" "), TCP_REQUEST, TCP_REPLY),
        (TCP_REQUEST.hex() + TCP_REPLY[:-2].hex(), TCP_REQUEST, TCP_REPLY[:-2]),
        (f"{ASCII_REQUEST}\n{ASCII_REPLY}", f"{ASCII_REQUEST}\r\n".encode(), f"{ASCII_REPLY}\r\n".encode()),
        (rf"{ASCII_REQUEST}\r\n{ASCII_REPLY}\r\n", f"{ASCII_REQUEST}\r\n".encode(), f"{ASCII_REPLY}\r\n".encode()),
        (f"TX {ASCII_REQUEST} RX {ASCII_REPLY}", f"{ASCII_REQUEST}\r\n".encode(), f"{ASCII_REPLY}\r\n".encode()),
    ],
)
def test_a_request_and_its_answer_are_told_apart(text: str, request_: bytes, reply: bytes) -> None:
    assert parse_capture(text) == Captured(reply, request_)


def test_the_answer_to_a_write_of_several_registers_is_found() -> None:
    body = bytes.fromhex("01 10 00 04 00 02 04 00 01 00 02")
    request, reply = body + crc16(body), body[:6] + crc16(body[:6])
    assert parse_capture((request + reply).hex()) == Captured(reply, request)


@pytest.mark.parametrize("frame", [REQUEST, TCP_REQUEST, bytes.fromhex("01 05 00 00 ff 00 8c 3a")])
def test_a_request_alone_stays_one_frame(frame: bytes) -> None:
    assert parse_capture(frame.hex(" ")) == Captured(frame)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("01 04 04 43 67 af 5", "not_hex"),
        ("hello", "not_hex"),
        ("b'\\x1'", "not_hex"),
        ("b'\\q'", "not_hex"),
        ("b'\u1ea1'", "not_hex"),
        ("b'' + b''", "not_hex"),
        ("b'unterminated\\'", "not_hex"),
        ("TX: 01 04 RX: nothing", "not_hex"),
        (">> 01 04 >> 01 04", "several_frames"),
        ("TX: 01 RX: 02 TX: 03", "several_frames"),
        ("01 " * 600, "too_long"),
        (" " * (MAX_TEXT + 1), "too_long"),
    ],
)
def test_what_is_no_capture_is_refused_with_words(text: str, key: str) -> None:
    with pytest.raises(HexError) as caught:
        parse_capture(text)
    assert caught.value.problem.key == key
    assert caught.value.problem.text("vi")


def test_one_frame_is_bounded_whatever_its_spelling() -> None:
    with pytest.raises(HexError):
        parse_hex("b'" + "a" * 300 + "'")
