from __future__ import annotations

import struct
from collections.abc import Callable

import pytest

from firmware_sim.core.cabinet import Cabinet
from firmware_sim.core.codec import pack_rtu, parse_rtu
from firmware_sim.core.counter import Counter, counter_value, fixed_value
from firmware_sim.core.noise import Noise
from firmware_sim.core.sdm630 import INPUT_VALUES, Sdm630
from firmware_sim.core.server import Device, serve
from firmware_sim.core.station import Station
from firmware_sim.core.waveshare import WaveshareRelayD

Build = Callable[..., Cabinet]


def ask(device: Device, pdu: str, now_s: float = 0.0) -> str | None:
    answer = serve(device, bytes.fromhex(pdu), now_s)
    return None if answer is None else answer.pdu.hex(" ")


def meter(cabinet: Cabinet, sigma: float = 0.0) -> Sdm630:
    return Sdm630(cabinet, Noise(1, "meter"), sigma=sigma)


def value(device: Device, address: int, now_s: float = 0.0) -> float:
    answer = serve(device, struct.pack(">BHH", 4, address, 2), now_s)
    assert answer is not None
    assert answer.pdu[:2] == b"\x04\x04"
    return float(struct.unpack(">f", answer.pdu[2:])[0])


def test_the_recorded_frame_of_a_real_meter(build: Build) -> None:
    """Origin: recorded from an SDM630 (mbmd issue 63); 231.685 V on L1."""
    cabinet = build(voltage_v=(231.68489, 230.0, 229.0))
    station = Station("c-1/meter", 1, meter(cabinet), Noise(1, "faults"))
    (request,) = parse_rtu(bytes.fromhex("01 04 00 00 00 02 71 cb"))
    (sending,) = station.exchange(request, 0.0).sendings
    assert sending.data == bytes.fromhex("01 04 04 43 67 af 55 e2 10")
    assert sending.delay_s == 0.0


def test_every_meter_register_reads_what_the_cabinet_does(build: Build) -> None:
    cabinet = build(voltage_v=(231.0, 229.0, 230.0))
    cabinet.relay.set(0, closed=True)
    cabinet.advance(0.0)
    device = meter(cabinet)
    cabinet.advance(7200.0)
    state = cabinet.electrical()
    total = sum(state.load_va)
    assert [value(device, 2 * phase, 7200.0) for phase in range(3)] == pytest.approx([231.0, 229.0, 230.0])
    for phase in range(3):
        load = state.load_va[phase]
        assert value(device, 0x06 + 2 * phase, 7200.0) == pytest.approx(abs(load) / state.voltage_v[phase])
        assert value(device, 0x0C + 2 * phase, 7200.0) == pytest.approx(load.real)
        assert value(device, 0x12 + 2 * phase, 7200.0) == pytest.approx(abs(load))
        assert value(device, 0x18 + 2 * phase, 7200.0) == pytest.approx(load.imag)
        assert value(device, 0x1E + 2 * phase, 7200.0) == pytest.approx(load.real / abs(load))
        assert value(device, 0x15A + 2 * phase, 7200.0) == pytest.approx(state.energy_wh[phase] / 1000.0)
    assert value(device, 0x34, 7200.0) == pytest.approx(total.real)
    assert value(device, 0x38, 7200.0) == pytest.approx(abs(total))
    assert value(device, 0x3C, 7200.0) == pytest.approx(total.imag)
    assert value(device, 0x3E, 7200.0) == pytest.approx(total.real / abs(total))
    assert value(device, 0x46, 7200.0) == pytest.approx(50.0)
    assert value(device, 0x48, 7200.0) == pytest.approx(sum(state.energy_wh) / 1000.0)
    assert value(device, 0x48, 7200.0) == value(device, 0x156, 7200.0)
    assert value(device, 0xC8, 7200.0) == pytest.approx(state.line_v(0, 1))
    assert value(device, 0xE0, 7200.0) == pytest.approx(state.neutral_a(), rel=1e-3)


def test_every_known_meter_register_can_be_read_alone(build: Build) -> None:
    device = meter(build())
    for address in INPUT_VALUES:
        assert value(device, address) == pytest.approx(value(device, address))


@pytest.mark.parametrize(
    ("pdu", "reply"),
    [
        ("04 01 00 00 02", "84 02"),  # a register that the meter does not have
        ("04 00 01 00 02", "84 02"),  # between two values
        ("04 00 00 00 03", "84 03"),  # half a value
        ("04 00 00 00 00", "84 03"),
        ("04 00 00 00 3e", "84 03"),  # 31 values, one over the limit
        ("04 ff ff 00 02", "84 02"),  # past the end of all addresses
        ("04 00 00 00", "84 03"),  # cut short
        ("01 00 00 00 01", "81 01"),
        ("10 00 00 00 01 02 00 00", "90 01"),
        ("2b 0e 01 00", "ab 01"),
        ("03 00 14 00 02", "03 04 3f 80 00 00"),  # own unit, 1.0
        ("03 00 1c 00 02", "03 04 40 00 00 00"),  # 9600 baud is code 2
        ("03 00 00 00 02", "83 02"),
    ],
)
def test_the_meter_refuses_as_a_real_one(build: Build, pdu: str, reply: str) -> None:
    assert ask(meter(build()), pdu) == reply


def test_thirty_values_are_the_most_that_the_meter_gives(build: Build) -> None:
    # 0x00 to 0x28 is the longest run without a hole: 42 registers.
    reply = ask(meter(build()), "04 00 00 00 2a")
    assert reply is not None
    assert len(bytes.fromhex(reply)) == 2 + 84


def test_holes_read_zero_only_where_the_configuration_says_so(build: Build) -> None:
    device = Sdm630(build(), Noise(1, "m"), holes_read_zero=True)
    answer = serve(device, bytes.fromhex("04 00 00 00 3c"), 0.0)
    assert answer is not None
    values = struct.unpack(">30f", answer.pdu[2:])
    assert values[:3] == pytest.approx((230.0, 230.0, 230.0))
    assert values[0x2C // 2] == 0.0
    assert ask(device, "04 01 60 00 02") == "84 02"
    assert ask(meter(build()), "04 00 00 00 3c") == "84 02"


def test_a_meter_without_mains_says_nothing_at_all(build: Build) -> None:
    cabinet = build()
    device = meter(cabinet)
    board = WaveshareRelayD(cabinet)
    cabinet.supply.mains = False
    cabinet.advance(1.0)
    assert ask(device, "04 00 00 00 02", 1.0) is None
    assert ask(device, "63", 1.0) is None
    # Inputs: mains_ok and feedback open, selector and breaker closed.
    assert ask(board, "02 00 00 00 08", 1.0) == "02 01 30"


def test_meter_noise_has_the_sigma_it_was_given(build: Build) -> None:
    device = meter(build(), sigma=0.01)
    seen = [value(device, 0) for _ in range(2000)]
    mean = sum(seen) / len(seen)
    sigma = (sum((item - mean) ** 2 for item in seen) / len(seen)) ** 0.5
    assert mean == pytest.approx(230.0, rel=0.001)
    assert sigma == pytest.approx(2.3, rel=0.1)


def test_energy_carries_no_noise(build: Build) -> None:
    cabinet = build()
    cabinet.relay.set(0, closed=True)
    device = meter(cabinet, sigma=0.05)
    counter = [value(device, 0x48, at_s) for at_s in range(0, 3600, 60)]
    assert counter == sorted(counter)
    assert counter[-1] > counter[0]


@pytest.mark.parametrize(
    ("pdu", "reply"),
    [
        ("01 00 00 00 08", "01 01 00"),
        ("02 00 00 00 08", "02 01 31"),
        ("01 00 00 00 09", "81 02"),
        ("01 00 08 00 01", "81 02"),
        ("02 00 00 00 00", "82 03"),
        ("01 00 00 07 d1", "81 03"),
        ("05 00 08 ff 00", "85 02"),
        ("05 00 00 12 34", "85 03"),
        ("05 02 00 00 00", "85 03"),
        ("05 02 08 00 01", "85 02"),
        ("0f 00 06 00 03 01 07", "8f 02"),
        ("0f 00 00 00 08 02 ff 00", "8f 03"),
        ("0f 00 00 00 00 00", "8f 03"),
        ("03 40 00 00 01", "03 02 00 02"),
        ("03 10 00 00 08", "03 10" + " 00" * 16),
        ("03 10 01 00 08", "83 02"),
        ("06 10 00 00 05", "86 03"),
        ("06 40 00 00 09", "86 02"),
        ("04 00 00 00 01", "84 01"),
    ],
)
def test_the_relay_board_answers_as_a_real_one(build: Build, pdu: str, reply: str) -> None:
    assert ask(WaveshareRelayD(build(), unit=2), pdu) == reply


def test_coils_switch_one_some_and_all(build: Build) -> None:
    board = WaveshareRelayD(build())
    assert ask(board, "05 00 00 ff 00") == "05 00 00 ff 00"
    assert ask(board, "01 00 00 00 08") == "01 01 01"
    assert ask(board, "0f 00 01 00 03 01 05") == "0f 00 01 00 03"
    assert ask(board, "01 00 00 00 08") == "01 01 0b"
    assert ask(board, "05 00 00 55 00") == "05 00 00 55 00"
    assert ask(board, "01 00 00 00 08") == "01 01 0a"
    assert ask(board, "05 00 ff ff 00") == "05 00 ff ff 00"
    assert ask(board, "01 00 00 00 08") == "01 01 ff"


def test_flashes_run_in_steps_of_100_ms(build: Build) -> None:
    board = WaveshareRelayD(build())
    assert ask(board, "05 02 00 00 07") == "05 02 00 00 07"
    assert ask(board, "01 00 00 00 01", 0.69) == "01 01 01"
    assert ask(board, "01 00 00 00 01", 0.71) == "01 01 00"
    assert ask(board, "05 04 00 00 01", 1.0) == "05 04 00 00 01"
    assert ask(board, "01 00 00 00 01", 1.05) == "01 01 00"
    assert ask(board, "01 00 00 00 01", 1.11) == "01 01 01"


def test_the_factory_link_can_be_taken_off(build: Build) -> None:
    board = WaveshareRelayD(build(input_link=True))
    assert ask(board, "03 10 00 00 01") == "03 02 00 01"
    ask(board, "05 00 00 00 00")
    assert ask(board, "01 00 00 00 01") == "01 01 01"
    assert ask(board, "06 10 00 00 00") == "06 10 00 00 00"
    ask(board, "05 00 00 00 00")
    assert ask(board, "01 00 00 00 01") == "01 01 00"
    assert ask(board, "10 10 00 00 02 04 00 01 00 00") == "10 10 00 00 02"
    assert ask(board, "03 10 00 00 02") == "03 04 00 01 00 00"


def test_the_contactor_closes_with_its_coil(build: Build) -> None:
    board = WaveshareRelayD(build())
    ask(board, "05 00 00 ff 00")
    assert ask(board, "02 00 01 00 01") == "02 01 01"


def test_counter_registers_tell_unit_register_and_read() -> None:
    device = Counter(3)
    for read_number in (1, 2, 3):
        answer = serve(device, bytes.fromhex("03 00 0a 00 03"), 0.0)
        assert answer is not None
        assert answer.served is not None
        assert answer.served.values == tuple(counter_value(3, 10 + i, read_number) for i in range(3))
        assert {(seen - 3 * 4099 - (10 + i) * 257) % 65536 for i, seen in enumerate(answer.served.values)} == {
            read_number
        }
    assert ask(device, "03 27 0f 00 02") == "83 02"
    assert ask(device, "03 00 00 00 7e") == "83 03"


def test_fixed_registers_are_unit_thousands_and_register() -> None:
    device = Counter(5, mode="fixed")
    assert ask(device, "04 00 64 00 02") == "04 04 13 ec 13 ed"
    assert fixed_value(5, 100) == 0x13EC


def test_a_frame_with_a_bad_checksum_is_no_request() -> None:
    good = pack_rtu(1, bytes.fromhex("04 00 00 00 02"))
    assert good.hex(" ") == "01 04 00 00 00 02 71 cb"
    assert parse_rtu(good[:-1] + bytes((good[-1] ^ 1,))) == []
