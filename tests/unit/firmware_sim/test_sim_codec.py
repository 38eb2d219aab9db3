from __future__ import annotations

import pytest

from firmware_sim.core.codec import Request, TcpFramer, crc16, pack_rtu, pack_tcp, parse_rtu


@pytest.mark.parametrize(
    ("body", "checksum"),
    [
        ("01 04 00 00 00 02", "71 cb"),  # recorded with the meter's answer below
        ("01 04 04 43 67 af 55", "e2 10"),
        ("02 07", "41 12"),  # Modbus over Serial Line v1.02, appendix B
    ],
)
def test_checksums_of_frames_from_elsewhere(body: str, checksum: str) -> None:
    assert crc16(bytes.fromhex(body)) == bytes.fromhex(checksum)


def test_a_long_write_is_one_frame() -> None:
    frame = pack_rtu(2, bytes.fromhex("0f 00 00 00 08 01 ff"))
    assert parse_rtu(frame) == [Request("rtu", 2, frame[1:-2])]


def test_two_requests_without_silence_are_both_found() -> None:
    one = pack_rtu(1, bytes.fromhex("04 00 00 00 02"))
    two = pack_rtu(2, bytes.fromhex("0f 00 00 00 08 01 ff"))
    assert [request.unit for request in parse_rtu(one + two)] == [1, 2]
    assert parse_rtu(one + two[:-1]) == []


@pytest.mark.parametrize("size", range(1, 13))
def test_a_tcp_request_may_come_in_any_pieces(size: int) -> None:
    stream = pack_tcp(7, 1, bytes.fromhex("04 00 00 00 02")) + pack_tcp(8, 2, bytes.fromhex("05 00 00 ff 00"))
    framer = TcpFramer()
    found = [r for start in range(0, len(stream), size) for r in framer.feed(stream[start : start + size])]
    assert [(request.transaction, request.unit, request.pdu.hex()) for request in found] == [
        (7, 1, "0400000002"),
        (8, 2, "050000ff00"),
    ]


@pytest.mark.parametrize(
    "head",
    [
        "00 01 00 01 00 06 01",
        "00 01 00 00 00 00 01",
        "00 01 00 00 00 01 01",
        "00 01 00 00 00 ff 01",
        "00 01 00 00 ff ff 01",
    ],
)
def test_a_stream_that_cannot_be_followed_is_broken_for_good(head: str) -> None:
    framer = TcpFramer()
    assert framer.feed(bytes.fromhex(head)) == []
    assert framer.broken
    assert framer.feed(pack_tcp(1, 1, bytes.fromhex("04 00 00 00 02"))) == []
