"""The silences of a serial bus, in virtual time."""

from __future__ import annotations

import pytest

from config.agent import SerialLine
from contract.reading import Cause
from drivers.base import LineCounters, Moment
from drivers.errors import Fault, FrameError
from drivers.lines.bus import BABBLE_US, PIECE_US, Bus, BusTiming
from drivers.lines.memory import Answers, MemoryPort, VirtualTime
from drivers.modbus.frames import RtuExchange, crc16, read_pdu, write_coil_pdu


def timing(**fields: object) -> BusTiming:
    return BusTiming.of(SerialLine.model_validate({"id": "b", "kind": "serial", "port": "p", **fields}))


def answer(request: bytes) -> bytes:
    body = bytes((request[0], request[1], 2 * request[5])) + bytes(2 * request[5])
    return body + crc16(body)


class Bench:
    """A bus with a device that answers after a delay."""

    def __init__(self, times: BusTiming, delay_us: int | None = 10_000) -> None:
        self.time = VirtualTime()
        self.delay_us = delay_us
        self.extra: list[tuple[int, bytes]] = []
        self.port = MemoryPort(self.time, times.character_us, self._device)
        self.counters = LineCounters()
        self.bus = Bus(self.port, times, self.counters, self.time)

    def _device(self, request: bytes) -> Answers:
        return [*self.extra, *([] if self.delay_us is None else [(self.delay_us, answer(request))])]

    def ask(self) -> RtuExchange:
        exchange = RtuExchange(1, read_pdu(3, 0, 1))
        self.bus.settle()
        self.bus.exchange(exchange)
        return exchange

    def sent_us(self) -> list[int]:
        return [at_us for at_us, direction, _ in self.port.log if direction == ">>"]


@pytest.mark.parametrize(
    ("fields", "gap_us"),
    [
        ({"baud": 9600}, 3646),
        ({"baud": 9600, "parity": "E"}, 4010),
        ({"baud": 9600, "parity": "N", "stop_bits": 2}, 4010),
        ({"baud": 19200}, 1823),
        ({"baud": 38400}, 1750),
        ({"baud": 115200}, 1750),
        ({"baud": 1200}, 29167),
    ],
)
def test_the_gap_is_three_and_a_half_characters_or_1750_us(fields: dict[str, object], gap_us: int) -> None:
    assert timing(**fields).gap_us == gap_us


def test_the_quiet_pause_is_the_time_out_if_not_set() -> None:
    assert timing(timeout_s=0.3).quiet_us == 300_000
    assert timing(timeout_s=0.3, quiet_pause_s=0).quiet_us == 0


def test_the_next_request_keeps_the_gap_and_no_more() -> None:
    bench = Bench(timing())
    bench.ask()
    last_us = bench.time.us
    bench.ask()
    assert bench.sent_us()[1] - last_us == 3646


def test_an_answer_that_begins_in_time_may_end_after_it() -> None:
    times = timing(baud=300, timeout_s=0.05)
    bench = Bench(times, delay_us=None)
    whole = answer(bytes.fromhex("01 03 00 00 00 01"))
    bench.extra = [
        (round(40_000 + place * times.character_us), whole[place : place + 1]) for place in range(len(whole))
    ]
    assert bench.ask().payload == b"\0\0"


def test_a_slow_drip_does_not_hold_the_line() -> None:
    bench = Bench(timing(timeout_s=0.05), delay_us=None)
    bench.extra = [(40_000 + place * 60_000, b"\x01") for place in range(50)]
    with pytest.raises(FrameError):
        bench.ask()
    assert bench.time.us < 50_000 + 300_000


@pytest.mark.parametrize("late_us", [500_001, 750_000, 1_000_000])
def test_no_late_answer_within_the_quiet_pause_is_taken(late_us: int) -> None:
    bench = Bench(timing(), delay_us=late_us)
    with pytest.raises(FrameError) as caught:
        bench.ask()
    assert caught.value.fault is Fault.TIMEOUT
    bench.delay_us = None
    with pytest.raises(FrameError):
        bench.ask()
    first, second = bench.sent_us()
    assert second - first >= 1_000_000 + PIECE_US
    assert bench.counters.late_bytes == 7
    assert bench.counters.timeouts == 2


def test_what_came_while_nothing_was_asked_is_thrown_away() -> None:
    bench = Bench(timing())
    bench.extra = [(10_000 + 600_000, b"\x01\x03\x02\x00\x07")]
    bench.ask()
    bench.extra = []
    bench.time.us += 2_000_000
    assert bench.ask().payload == b"\0\0"
    assert bench.counters.late_bytes == 5


def test_a_babbling_line_fails_in_bounded_time_and_nothing_is_sent() -> None:
    bench = Bench(timing())
    bench.extra = [(11_000 + place * 2_000, b"\x55") for place in range(2_000)]
    bench.ask()
    asked_us = bench.time.us
    with pytest.raises(FrameError) as caught:
        bench.ask()
    assert (caught.value.fault, caught.value.cause) == (Fault.BABBLE, Cause.CRC)
    assert bench.time.us - asked_us < BABBLE_US + 100_000
    assert len(bench.sent_us()) == 1
    assert bench.counters.babble == 1


def test_bytes_behind_an_answer_keep_the_line_quiet_for_a_piece() -> None:
    bench = Bench(timing())
    bench.extra = []
    bench.port.device = lambda request: [(10_000, answer(request) + b"\0")]
    bench.ask()
    last_us = bench.time.us
    bench.ask()
    assert bench.sent_us()[1] - last_us == PIECE_US
    assert bench.counters.late_bytes == 2


def write(bench: Bench) -> Moment:
    bench.bus.settle()
    return bench.bus.exchange(RtuExchange(1, write_coil_pdu(0, on=True)))


@pytest.mark.parametrize("pieces", [1, 3, 8])
def test_an_adapter_that_hears_itself_does_not_answer_for_a_relay(pieces: int) -> None:
    """A write's right answer is the request itself, and so is its echo."""
    bench = Bench(timing())
    answers: dict[int, Answers] = {3: [(10_000, answer(bytes.fromhex("01 03 00 00 00 01")))]}

    def device(request: bytes) -> Answers:
        size = -(-len(request) // pieces)
        cuts = range(0, len(request), size)
        return [*((place, request[cut : cut + size]) for place, cut in enumerate(cuts)), *answers.get(request[1], ())]

    bench.port.device = device
    bench.ask()
    with pytest.raises(FrameError) as caught:
        write(bench)
    assert caught.value.fault is Fault.TIMEOUT
    answers[5] = [(20_000, bytes.fromhex("01 05 00 00 ff 00 8c 3a"))]
    asked_us = bench.time.us
    write(bench)
    assert bench.time.us - asked_us >= 20_000
    # Another adapter on the same line that hears nothing of itself: one read tells.
    bench.port.device = lambda request: answers[request[1]]
    bench.ask()
    write(bench)


def test_busy_time_is_from_request_to_last_byte() -> None:
    bench = Bench(timing())
    bench.ask()
    assert bench.counters.busy_s == pytest.approx(0.008333 + 0.010, abs=1e-5)
    assert (bench.counters.requests, bench.counters.replies) == (1, 1)
