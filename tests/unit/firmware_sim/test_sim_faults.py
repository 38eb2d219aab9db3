from __future__ import annotations

import itertools
from typing import get_args

import pytest

from firmware_sim.core.codec import Request, Transport, crc16, pack, pack_rtu, pack_tcp
from firmware_sim.core.counter import Counter
from firmware_sim.core.faults import FAULT_NAMES, Exchange, Fault, FaultName, Sending, apply_fault, suits
from firmware_sim.core.noise import Noise
from firmware_sim.core.station import Station

READ = bytes.fromhex("03 00 0a 00 02")
REPLY = bytes.fromhex("03 04 11 22 33 44")
RTU = Exchange(Request("rtu", 5, READ), REPLY)
TCP = Exchange(Request("tcp", 5, READ, 0x0102), REPLY)


def outcome(name: FaultName, exchange: Exchange, seed: int = 1, **facts: float) -> list[Sending]:
    return apply_fault(Fault(name=name, **facts), exchange, Noise(seed, "test"))  # type: ignore[arg-type]  # code is whole


def only(sendings: list[Sending]) -> bytes:
    (sending,) = sendings
    assert sending.delay_s == 0.0
    assert sending.data is not None
    return sending.data


@pytest.mark.parametrize("exchange", [RTU, TCP], ids=["rtu", "tcp"])
def test_silent_sends_nothing(exchange: Exchange) -> None:
    assert outcome("silent", exchange) == []


@pytest.mark.parametrize("exchange", [RTU, TCP], ids=["rtu", "tcp"])
def test_late_sends_the_right_frame_after_its_delay(exchange: Exchange) -> None:
    assert outcome("late", exchange, delay_s=0.7) == [Sending(0.7, exchange.frame())]
    delays = [outcome("late", exchange, seed, delay_s=0.2, delay_max_s=0.4)[0].delay_s for seed in range(200)]
    assert min(delays) >= 0.2
    assert max(delays) <= 0.4
    assert max(delays) - min(delays) > 0.15


@pytest.mark.parametrize("exchange", [RTU, TCP], ids=["rtu", "tcp"])
def test_short_sends_a_true_beginning(exchange: Exchange) -> None:
    frame = exchange.frame()
    cuts = {only(outcome("short", exchange, seed)) for seed in range(200)}
    assert cuts == {frame[:size] for size in range(1, len(frame))}


def test_crc_flips_one_bit_that_the_checksum_shows() -> None:
    frame = RTU.frame()
    for seed in range(100):
        sent = only(outcome("crc", RTU, seed))
        assert sum((one ^ other).bit_count() for one, other in zip(sent, frame, strict=True)) == 1
        assert crc16(sent[:-2]) != sent[-2:]


def test_crc_on_tcp_garbles_the_protocol_number() -> None:
    frame = TCP.frame()
    sent = only(outcome("crc", TCP))
    assert sent[2:4] != b"\x00\x00"
    assert sent[:2] + sent[4:] == frame[:2] + frame[4:]


def test_wrong_unit_is_a_sound_frame_of_the_next_unit() -> None:
    assert only(outcome("wrong_unit", RTU)) == pack_rtu(6, REPLY)
    assert only(outcome("wrong_unit", TCP)) == pack_tcp(0x0102, 6, REPLY)
    last = Exchange(Request("rtu", 247, READ), REPLY)
    assert only(outcome("wrong_unit", last)) == pack_rtu(1, REPLY)


def test_wrong_function_is_a_sound_frame_of_the_twin_function() -> None:
    twin = b"\x04" + REPLY[1:]
    assert only(outcome("wrong_function", RTU)) == pack_rtu(5, twin)
    assert only(outcome("wrong_function", TCP)) == pack_tcp(0x0102, 5, twin)


def test_wrong_transaction_is_a_sound_frame_of_another_request() -> None:
    assert only(outcome("wrong_transaction", TCP)) == pack_tcp(0x0109, 5, REPLY)


def test_too_few_and_too_many_are_sound_frames_of_another_length() -> None:
    few, many = bytes.fromhex("03 02 11 22"), bytes.fromhex("03 06 11 22 33 44 00 00")
    assert only(outcome("too_few", RTU)) == pack_rtu(5, few)
    assert only(outcome("too_few", TCP)) == pack_tcp(0x0102, 5, few)
    assert only(outcome("too_many", RTU)) == pack_rtu(5, many)
    assert only(outcome("too_many", TCP)) == pack_tcp(0x0102, 5, many)


def test_length_lie_promises_more_than_it_sends() -> None:
    assert only(outcome("length_lie", RTU)) == pack_rtu(5, bytes.fromhex("03 68 11 22 33 44"))
    assert only(outcome("length_lie", TCP)) == bytes.fromhex("01 02 00 00 ff ff 05") + REPLY


@pytest.mark.parametrize("code", range(1, 12))
def test_exception_has_the_code_it_was_given(code: int) -> None:
    assert only(outcome("exception", RTU, code=code)) == pack_rtu(5, bytes((0x83, code)))
    assert only(outcome("exception", TCP, code=code)) == pack_tcp(0x0102, 5, bytes((0x83, code)))


def test_babble_is_200_bytes_and_differs_by_seed() -> None:
    assert len(only(outcome("babble", RTU, 1))) == 200
    assert only(outcome("babble", RTU, 1)) == only(outcome("babble", RTU, 1))
    assert only(outcome("babble", RTU, 1)) != only(outcome("babble", RTU, 2))


def test_noise_stands_before_or_after_the_right_frame() -> None:
    assert only(outcome("noise_before", RTU)) == b"\x00\xff\x7f" + RTU.frame()
    assert only(outcome("noise_after", RTU)) == RTU.frame() + b"\x00\xff\x7f"


def test_previous_answers_the_request_before() -> None:
    assert outcome("previous", RTU) == []
    assert only(outcome("previous", Exchange(RTU.request, REPLY, b"before"))) == b"before"


def test_twice_sends_the_right_frame_two_times() -> None:
    assert outcome("twice", TCP) == [Sending(0.0, TCP.frame())] * 2


def test_disconnect_closes_the_connection() -> None:
    assert outcome("disconnect", TCP) == [Sending(0.0, None)]


@pytest.mark.parametrize("name", FAULT_NAMES)
@pytest.mark.parametrize("transport", get_args(Transport))
@pytest.mark.parametrize("pdu", ["03 04 11 22 33 44", "01 01 03", "05 00 00 ff 00", "0f 00 00 00 08", "83 02"])
def test_no_fault_is_the_right_answer_in_its_time(name: FaultName, transport: Transport, pdu: str) -> None:
    reply = bytes.fromhex(pdu)
    exchange = Exchange(Request(transport, 5, bytes((reply[0] & 0x7F, 0, 0, 0, 2)), 9), reply, b"\x00")
    if suits(name, transport) and name not in {"twice", "length_lie"}:
        assert outcome(name, exchange) != [Sending(0.0, exchange.frame())]


def test_a_share_hits_that_share_of_the_requests() -> None:
    station = Station("k", 5, Counter(5, mode="fixed"), Noise(3, "k"))
    station.faults["silent"] = Fault(name="silent", share=0.1)
    request = Request("rtu", 5, READ)
    answered = sum(bool(station.exchange(request, 0.0).sendings) for _ in range(5000))
    assert 4350 < answered < 4650
    assert station.counters.faults == {"silent": 5000 - answered}
    assert station.counters.replies == answered


def test_missing_answers_have_their_share_and_leave_no_journal() -> None:
    station = Station("k", 5, Counter(5), Noise(3, "k"), missing=0.05)
    outcomes = [station.exchange(Request("rtu", 5, READ), 0.0) for _ in range(5000)]
    silent = [item for item in outcomes if not item.sendings]
    assert 180 < len(silent) < 320
    assert all(item.served is None for item in silent)
    assert station.counters.missing == len(silent)


def test_a_fault_changes_the_wire_and_not_the_device() -> None:
    sound, faulty = (Station("k", 5, Counter(5), Noise(3, "k")) for _ in range(2))
    faulty.faults["crc"] = Fault(name="crc")
    request = Request("rtu", 5, READ)
    for _ in range(3):
        assert sound.exchange(request, 0.0).served == faulty.exchange(request, 0.0).served
    faulty.faults.clear()
    assert sound.exchange(request, 0.0).sendings == faulty.exchange(request, 0.0).sendings


def test_previous_through_a_station_is_one_answer_behind() -> None:
    station = Station("k", 5, Counter(5, mode="fixed"), Noise(3, "k"))
    station.faults["previous"] = Fault(name="previous")
    first, second = (Request("rtu", 5, bytes((3, 0, address, 0, 2))) for address in (10, 20))
    assert station.exchange(first, 0.0).sendings == []
    expected = pack(first, bytes.fromhex("03 04 13 92 13 93"))
    assert station.exchange(second, 0.0).sendings == [Sending(0.0, expected)]


def test_faults_of_tcp_do_not_suit_a_serial_line() -> None:
    assert {name for name in FAULT_NAMES if not suits(name, "rtu")} == {"wrong_transaction", "disconnect"}
    assert all(suits(name, "tcp") for name in FAULT_NAMES)


def test_a_serial_server_can_hang_up_but_knows_no_transactions() -> None:
    assert {name for name in FAULT_NAMES if not suits(name, "rtu", connected=True)} == {"wrong_transaction"}
    assert {name for name in FAULT_NAMES if not suits(name, "ascii", connected=True)} == {"wrong_transaction"}


def test_busy_is_exception_6_and_a_stuck_transmitter_outlasts_what_a_line_puts_up_with() -> None:
    exchange = Exchange(Request("rtu", 5, READ), bytes.fromhex("03 04 11 22 33 44"))
    (busy,) = outcome("busy", exchange)
    assert (busy.data or b"")[:3] == bytes((5, 0x83, 6))
    sendings = outcome("stuck", exchange)
    assert sendings[-1].delay_s > 2.5
    assert all(later.delay_s - sooner.delay_s < 0.1 for sooner, later in itertools.pairwise(sendings))
