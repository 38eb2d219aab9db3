from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.core.cabinet import DEFAULT_INPUTS, Cabinet, CabinetDesign
from firmware_sim.core.codec import Request, TcpFramer, crc16, pack_rtu, pack_tcp, parse_rtu
from firmware_sim.core.counter import Counter
from firmware_sim.core.faults import FAULT_NAMES, Fault
from firmware_sim.core.lamps import Circuit, CircuitDesign
from firmware_sim.core.noise import Noise
from firmware_sim.core.sdm630 import Sdm630
from firmware_sim.core.server import Device
from firmware_sim.core.station import Station
from firmware_sim.core.supply import Disturbance
from firmware_sim.core.waveshare import WaveshareRelayD
from firmware_sim.core.wire import LineTiming, RtuWire

CIRCUITS = tuple(
    CircuitDesign(id=f"{phase}", phase=phase, contactor=1, lamps=20, lamp_power_w=170.0) for phase in (1, 2, 3)
)


def cabinet() -> Cabinet:
    return Cabinet(CabinetDesign(id="c", circuits=CIRCUITS, inputs=DEFAULT_INPUTS))


def devices() -> list[Device]:
    one = cabinet()
    return [Sdm630(one, Noise(1, "m"), sigma=0.01), WaveshareRelayD(one), Counter(3)]


@given(st.binary(max_size=600))
def test_any_bytes_on_a_serial_line_give_only_sound_requests(data: bytes) -> None:
    for request in parse_rtu(data):
        frame = pack_rtu(request.unit, request.pdu)
        assert frame in data
        assert 4 <= len(frame) <= 256


@given(st.lists(st.binary(max_size=80), max_size=20))
def test_any_bytes_on_a_connection_give_only_whole_requests(pieces: list[bytes]) -> None:
    framer = TcpFramer()
    for piece in pieces:
        for request in framer.feed(piece):
            assert 1 <= len(request.pdu) <= 253
            assert pack_tcp(request.transaction, request.unit, request.pdu) in b"".join(pieces)
    assert len(framer._buffer) <= 260


@given(st.binary(min_size=1, max_size=253), st.integers(0, 2))
def test_any_request_gets_a_sound_answer_or_none(pdu: bytes, which: int) -> None:
    station = Station("s", 3, devices()[which], Noise(1, "s"))
    for sending in station.exchange(Request("rtu", 3, pdu), 1.0).sendings:
        assert sending.data is not None
        assert sending.data[0] == 3
        assert sending.data[1] & 0x7F == pdu[0] & 0x7F
        assert crc16(sending.data[:-2]) == sending.data[-2:]
        assert 5 <= len(sending.data) <= 256


# Near misses find more than plain noise: known functions with any address and count.
requests = st.builds(
    lambda function, address, count, tail: (
        bytes((function, address >> 8, address & 255, count >> 8, count & 255)) + tail
    ),
    st.sampled_from((1, 2, 3, 4, 5, 6, 15, 16)),
    st.one_of(st.integers(0, 12), st.integers(0, 0xFFFF), st.sampled_from((0x200, 0x400, 0x1000, 0x4000))),
    st.one_of(st.integers(0, 130), st.integers(0, 0xFFFF)),
    st.one_of(st.just(b""), st.binary(max_size=40)),
)


@given(st.lists(requests, min_size=1, max_size=10), st.integers(0, 2))
def test_near_miss_requests_are_answered_in_full_or_refused(pdus: list[bytes], which: int) -> None:
    station = Station("s", 3, devices()[which], Noise(1, "s"))
    for pdu in pdus:
        (sending,) = station.exchange(Request("rtu", 3, pdu), 1.0).sendings
        assert sending.data is not None
        reply = sending.data[1:-2]
        count = pdu[3] * 256 + pdu[4]
        if reply[0] & 0x80:
            assert reply[0] == pdu[0] | 0x80
            assert reply[1:] in (b"\x01", b"\x02", b"\x03")
        elif pdu[0] in (1, 2):
            assert len(reply) == 2 + (count + 7) // 8 == 2 + reply[1]
        elif pdu[0] in (3, 4):
            assert len(reply) == 2 + 2 * count == 2 + reply[1]
        else:
            assert reply == pdu[:5]


@given(requests, st.sampled_from(FAULT_NAMES), st.sampled_from(("rtu", "ascii", "tcp")), st.integers(0, 1000))
def test_no_fault_raises_whatever_was_asked(pdu: bytes, name: str, transport: str, seed: int) -> None:
    station = Station("s", 3, Counter(3), Noise(seed, "s"))
    station.faults[name] = Fault(name=name)  # type: ignore[index,arg-type]  # sampled from the names
    for _ in range(2):
        outcome = station.exchange(Request(transport, 3, pdu), 1.0)  # type: ignore[arg-type]  # sampled from the literals
        assert outcome.fault == name
        for sending in outcome.sendings:
            assert sending.data is None or len(sending.data) <= (540 if transport == "ascii" else 270)
            assert 0.0 <= sending.delay_s <= (3.0 if name == "stuck" else 1.0)


@given(st.lists(st.tuples(st.floats(0.0, 0.05), st.binary(max_size=64)), max_size=30))
def test_a_line_survives_any_bytes_at_any_time(writes: list[tuple[float, bytes]]) -> None:
    wire = RtuWire(LineTiming(), early="spoil")
    station = Station("s", 1, Counter(1), Noise(1, "s"))
    now_s = last_s = 0.0
    ask = pack_rtu(1, bytes.fromhex("03 00 00 00 02"))
    for pause_s, data in [*writes, (1.0, ask)]:
        now_s += pause_s
        while wire.deadline_s() <= now_s:
            at_s = wire.deadline_s()
            assert at_s >= last_s
            last_s = at_s
            for request in wire.heard(at_s):
                wire.reply(station.exchange(request, at_s).sendings, at_s)
            wire.due(at_s)
        wire.hear(data, now_s)
    (request,) = wire.heard(wire.deadline_s())
    assert request.pdu == ask[1:-2]


EVENTS = (
    "on", "off", "mains", "dark", "phase", "fuse", "breaker", "tap", "low", "flash", "cycle", "sag", "cut", "leak",
    "behind", "bypass",
)  # fmt: skip
events = st.lists(
    st.tuples(
        st.floats(0.0, 900.0),
        st.sampled_from(EVENTS),
    ),
    max_size=30,
)


def happen_to_circuit(circuit: Circuit, event: str) -> None:
    if event == "cycle":
        circuit.let_cycle(3 - circuit.cycling_lamps)
    elif event == "cut":
        circuit.cut_lamps = 5 - circuit.cut_lamps
    elif event == "leak":
        circuit.leak_ma = 400.0 - circuit.leak_ma
    else:
        circuit.tap_w = 500.0 - circuit.tap_w


def happen(one: Cabinet, event: str) -> None:
    if event in {"on", "off"}:
        one.relay.set(0, closed=event == "on")
    elif event in {"mains", "dark"}:
        one.supply.mains = event == "mains"
    elif event == "phase":
        one.supply.present[1] = not one.supply.present[1]
    elif event == "fuse":
        one.circuits["3"].fuse_blown = not one.circuits["3"].fuse_blown
    elif event == "breaker":
        one.breaker_closed = not one.breaker_closed
    elif event == "tap":
        one.extra_load_w[0] = 500.0 - one.extra_load_w[0]
    elif event in {"cycle", "cut", "leak", "behind"}:
        happen_to_circuit(one.circuits["1"], event)
    elif event == "sag":
        one.supply.disturbed[0] = Disturbance(0.5, one.now_s + 30.0)
    elif event == "bypass":
        one.contactors[0] = "sound" if one.contactors[0] == "bypassed" else "bypassed"
    elif event == "low":
        one.supply.voltage_v[0] = 170.0
    else:
        one.relay.flash(0, closed=True, until_s=one.now_s + 5.0)
    one.advance(one.now_s)


@given(events, st.integers(1, 7))
def test_energy_only_grows_and_does_not_depend_on_who_looks_when(steps: list[tuple[float, str]], cuts: int) -> None:
    rarely, often = cabinet(), cabinet()
    now_s = 0.0
    for pause_s, event in steps:
        before = often.electrical().energy_wh
        for cut in range(1, cuts + 1):
            often.advance(now_s + pause_s * cut / cuts)
            after = often.electrical().energy_wh
            assert all(new >= old for old, new in zip(before, after, strict=True))
            before = after
        now_s += pause_s
        rarely.advance(now_s)
        often.advance(now_s)
        happen(rarely, event)
        happen(often, event)
    for one, other in zip(rarely.electrical().energy_wh, often.electrical().energy_wh, strict=True):
        assert math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-6)
    for circuit in rarely.circuits.values():
        assert 0.0 <= circuit.warmth <= 1.0


@given(events)
def test_what_has_no_voltage_draws_nothing(steps: list[tuple[float, str]]) -> None:
    one = cabinet()
    for pause_s, event in steps:
        one.advance(one.now_s + pause_s)
        happen(one, event)
        state = one.electrical()
        for phase in range(3):
            if one.load_v(phase) == 0.0:
                assert state.load_va[phase] == 0j
        if not one.contactor_closed(1) and one.contactors[0] == "sound":
            assert not any(circuit.lit for circuit in one.circuits.values())
