"""ASCII frames and RTU streams as a simulated device sees them; composed by hand from the specification."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.core.codec import (
    AsciiFramer,
    Request,
    RtuStreamFramer,
    lrc,
    pack,
    pack_ascii,
    pack_rtu,
    parse_ascii,
)
from firmware_sim.core.wire import LineTiming, RtuWire

READ = bytes.fromhex("03 00 0a 00 02")
FRAME = b":0503000A0002EC\r\n"
"""05 + 03 + 0A + 02 = 14; 100 - 14 = EC."""


def test_a_frame_of_digits() -> None:
    assert pack_ascii(5, READ) == FRAME
    assert parse_ascii(FRAME) == Request("ascii", 5, READ)
    assert lrc(bytes.fromhex("05 03 00 0a 00 02")) == 0xEC
    assert pack(Request("ascii", 5, READ), bytes.fromhex("83 02")) == b":05830276\r\n"


@pytest.mark.parametrize("damaged", [b":0503000A0002ED\r\n", b":0503000a0002EC\r\n", b"0503000A0002EC\r\n", b":05\r\n"])
def test_a_damaged_frame_is_none(damaged: bytes) -> None:
    assert parse_ascii(damaged) is None


@given(st.lists(st.integers(0, 2 * len(FRAME)), max_size=5))
def test_the_framer_takes_any_pieces(cuts: list[int]) -> None:
    framer = AsciiFramer()
    data, places = FRAME * 2, [0, *sorted(cuts), 2 * len(FRAME)]
    found = [one for start, end in itertools.pairwise(places) for one in framer.feed(data[start:end])]
    assert found == [Request("ascii", 5, READ)] * 2
    assert framer.damaged == 0


def test_a_stream_of_rtu_frames_is_cut_by_length_and_checksum() -> None:
    framer = RtuStreamFramer()
    write = bytes.fromhex("10 00 01 00 01 02 00 07")
    data = pack_rtu(1, READ) + pack_rtu(2, write)
    assert [one for octet in data for one in framer.feed(bytes((octet,)))] == [
        Request("rtu", 1, READ),
        Request("rtu", 2, write),
    ]
    assert framer.feed(b"\x00" * 8) == []
    assert framer.broken


def test_on_the_wire_a_line_feed_ends_the_request_and_silence_does_not() -> None:
    timing = LineTiming(baud=9600, data_bits=7, parity="E")
    wire = RtuWire(timing, framing="ascii")
    assert timing.bits_per_char == 10
    wire.hear(FRAME[:8], 0.0)
    assert wire.heard(0.2) == []
    wire.hear(FRAME[8:], 0.2)
    end_s = 0.2 + 9 * timing.char_s
    assert wire.deadline_s() == pytest.approx(end_s)
    assert wire.heard(end_s) == [Request("ascii", 5, READ)]
    wire.hear(FRAME[:8], 1.0)
    assert wire.heard(1.0 + 8 * timing.char_s + 1.0) == []
    assert wire.counters.bad_frames == 1
