from __future__ import annotations

import math

import pytest

from firmware_sim.core.codec import pack_rtu
from firmware_sim.core.faults import Sending
from firmware_sim.core.wire import LineTiming, RtuWire

ASK = pack_rtu(1, bytes.fromhex("04 00 00 00 02"))
REPLY = pack_rtu(1, bytes.fromhex("04 04 43 67 af 55"))
TIMING = LineTiming(baud=9600)
CHAR_S = 10 / 9600
GAP_S = 3.5 * CHAR_S


def arrivals(wire: RtuWire) -> list[tuple[float, bytes]]:
    """Let the wire run in virtual time; return when which bytes reached the host."""
    seen: list[tuple[float, bytes]] = []
    while (deadline_s := wire.deadline_s()) < math.inf:
        out = wire.due(deadline_s)
        if out:
            seen.append((deadline_s, out))
    return seen


def exchange(wire: RtuWire, at_s: float, reply: bytes = REPLY, delay_s: float = 0.0) -> list[tuple[float, bytes]]:
    wire.hear(ASK, at_s)
    heard_s = wire.deadline_s()
    assert [request.pdu for request in wire.heard(heard_s)] == [ASK[1:-2]]
    wire.reply([Sending(delay_s, reply)], heard_s)
    return arrivals(wire)


@pytest.mark.parametrize(
    ("baud", "parity", "stop_bits", "char_s", "gap_s"),
    [
        (9600, "N", 1, 10 / 9600, 35 / 9600),
        (9600, "E", 1, 11 / 9600, 38.5 / 9600),
        (9600, "N", 2, 11 / 9600, 38.5 / 9600),
        (19200, "E", 2, 12 / 19200, 42 / 19200),
        (115200, "N", 1, 10 / 115200, 0.00175),
        (38400, "O", 1, 11 / 38400, 0.00175),
    ],
)
def test_characters_and_gap_take_their_time(
    baud: int, parity: str, stop_bits: int, char_s: float, gap_s: float
) -> None:
    timing = LineTiming(baud=baud, parity=parity, stop_bits=stop_bits)  # type: ignore[arg-type]  # parametrised
    assert timing.char_s == pytest.approx(char_s)
    assert timing.gap_s == pytest.approx(gap_s)


def test_a_request_is_heard_when_its_characters_and_the_gap_are_over() -> None:
    wire = RtuWire(TIMING)
    wire.hear(ASK, 100.0)
    assert wire.deadline_s() == pytest.approx(100.0 + 8 * CHAR_S + GAP_S)
    assert wire.heard(wire.deadline_s() - 1e-6) == []
    assert len(wire.heard(wire.deadline_s())) == 1


def test_a_reply_arrives_with_its_last_character() -> None:
    ((at_s, data),) = exchange(RtuWire(TIMING), 100.0)
    assert data == REPLY
    assert at_s == pytest.approx(100.0 + 8 * CHAR_S + GAP_S + 9 * CHAR_S)


def test_turnaround_counts_from_the_end_of_the_request() -> None:
    ((at_s, _),) = exchange(RtuWire(TIMING, turnaround_s=0.050), 100.0)
    assert at_s == pytest.approx(100.0 + 8 * CHAR_S + 0.050 + 9 * CHAR_S)
    ((at_s, _),) = exchange(RtuWire(TIMING, turnaround_s=0.001), 100.0)
    assert at_s == pytest.approx(100.0 + 8 * CHAR_S + GAP_S + 9 * CHAR_S)


def test_a_long_reply_arrives_in_groups_of_sixteen_characters() -> None:
    reply = bytes(range(85))
    seen = exchange(RtuWire(TIMING), 0.0, reply)
    start_s = 8 * CHAR_S + GAP_S
    assert b"".join(data for _, data in seen) == reply
    assert [len(data) for _, data in seen] == [16] * 5 + [5]
    assert [at_s for at_s, _ in seen] == pytest.approx([start_s + count * CHAR_S for count in (16, 32, 48, 64, 80, 85)])


def test_a_late_shell_does_not_slow_the_line_down() -> None:
    wire = RtuWire(TIMING)
    wire.hear(ASK, 0.0)
    late_s = wire.deadline_s() + 0.004
    wire.heard(late_s)
    wire.reply([Sending(0.0, REPLY)], late_s)
    ((at_s, _),) = arrivals(wire)
    assert at_s == pytest.approx(17 * CHAR_S + GAP_S)


def test_a_late_reply_begins_after_its_delay() -> None:
    ((at_s, data),) = exchange(RtuWire(TIMING), 0.0, delay_s=0.5)
    assert data == REPLY
    assert at_s == pytest.approx(17 * CHAR_S + GAP_S + 0.5)


def test_a_late_reply_waits_for_the_one_on_the_wire() -> None:
    wire = RtuWire(TIMING)
    other = bytes(40)
    exchange_end_s = 8 * CHAR_S + GAP_S
    wire.hear(ASK, 0.0)
    wire.heard(exchange_end_s)
    wire.reply([Sending(0.010, REPLY), Sending(0.0, other)], exchange_end_s)
    seen = arrivals(wire)
    assert b"".join(data for _, data in seen) == other + REPLY
    assert seen[-1][0] == pytest.approx(exchange_end_s + 49 * CHAR_S)


def test_a_request_after_the_gap_is_not_early() -> None:
    wire = RtuWire(TIMING)
    ((end_s, _),) = exchange(wire, 0.0)
    exchange(wire, end_s + GAP_S)
    assert wire.counters.early_requests == 0
    assert wire.counters.collisions == 0
    assert wire.counters.replies == 2


def test_a_request_inside_the_gap_is_counted_and_answered() -> None:
    wire = RtuWire(TIMING)
    ((end_s, _),) = exchange(wire, 0.0)
    assert exchange(wire, end_s + 0.9 * GAP_S) != []
    assert wire.counters.early_requests == 1
    assert wire.counters.requests == 2


def test_a_request_inside_the_gap_is_lost_on_a_strict_bus() -> None:
    wire = RtuWire(TIMING, early="spoil")
    ((end_s, _),) = exchange(wire, 0.0)
    wire.hear(ASK, end_s + 0.9 * GAP_S)
    assert wire.heard(wire.deadline_s()) == []
    assert wire.counters.early_requests == 1
    assert wire.counters.bad_frames == 1
    assert exchange(wire, end_s + 1.0) != []


@pytest.mark.parametrize(("early", "whole"), [("count", True), ("spoil", False)])
def test_a_request_into_a_reply_is_a_collision(early: str, whole: bool) -> None:
    wire = RtuWire(TIMING, early=early)  # type: ignore[arg-type]  # parametrised
    wire.hear(ASK, 0.0)
    heard_s = wire.deadline_s()
    wire.heard(heard_s)
    wire.reply([Sending(0.0, REPLY)], heard_s)
    wire.hear(ASK, heard_s + 2 * CHAR_S)
    assert wire.counters.collisions == 1
    assert wire.counters.early_requests == 0
    sent = b""
    while wire.deadline_s() < math.inf:
        now_s = wire.deadline_s()
        sent += wire.due(now_s)
        wire.heard(now_s)
    assert (sent == REPLY) is whole
    assert len(sent) == len(REPLY)


def test_a_request_after_an_unanswered_one_is_not_early() -> None:
    wire = RtuWire(TIMING)
    wire.hear(ASK, 0.0)
    wire.heard(wire.deadline_s())
    wire.hear(ASK, 0.3)
    assert wire.counters.early_requests == 0


def test_a_request_in_two_writes_is_one_frame() -> None:
    wire = RtuWire(TIMING)
    wire.hear(ASK[:3], 0.0)
    wire.hear(ASK[3:], 0.0001)
    assert wire.deadline_s() == pytest.approx(8 * CHAR_S + GAP_S)
    assert len(wire.heard(wire.deadline_s())) == 1


def test_noise_without_end_is_bounded_and_counted() -> None:
    wire = RtuWire(TIMING)
    for _ in range(100):
        wire.hear(bytes(4096), 0.0)
    assert len(wire._heard) == 257
    assert wire.heard(wire.deadline_s()) == []
    assert wire.counters.bad_frames == 1


def test_replies_that_wait_are_bounded() -> None:
    wire = RtuWire(TIMING)
    wire.hear(ASK, 0.0)
    wire.heard(wire.deadline_s())
    wire.reply([Sending(5.0, REPLY)] * 1000, 1.0)
    assert wire.counters.replies == 64


def test_a_frame_at_another_speed_is_counted_and_dropped() -> None:
    wire = RtuWire(TIMING)
    wire.hear(ASK, 0.0)
    wire.discard()
    assert wire.deadline_s() == math.inf
    assert wire.counters.wrong_speed == 1


def test_the_wires_limit_is_what_an_ideal_host_reaches() -> None:
    wire = RtuWire(TIMING)
    at_s = 0.0
    for _ in range(10):
        at_s = exchange(wire, at_s)[-1][0] + GAP_S
    assert at_s == pytest.approx(10 * TIMING.exchange_s(len(ASK), len(REPLY)))
    assert wire.counters.early_requests == 0
