"""The driver over a line that is a list of answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from config.agent import Allowed, DeviceConfig
from config.profile import ModbusProfile, load_modbus_profile
from contract.reading import Cause, Quality
from drivers.base import Exchange, Framing, LineCounters, Moment
from drivers.errors import (
    DriverError,
    Fault,
    FrameError,
    LineDownError,
    RefusedError,
    TransientError,
    UnsupportedError,
)
from drivers.lines.memory import VirtualTime
from drivers.modbus.exceptions import exception_error
from drivers.registry import build_driver

METER = load_modbus_profile("eastron-sdm630")
BOARD = load_modbus_profile("waveshare-relay-d")
Answer = Callable[[bytes], bytes | DriverError]


class ScriptedLine:
    """Answers TCP frames by a function of the request's PDU."""

    framing: Framing = "tcp"
    id = "script"
    up = True

    def __init__(self, answer: Answer) -> None:
        self.counters = LineCounters()
        self.asked: list[tuple[bytes, bool]] = []
        self._answer = answer
        self.now_ms = 0

    async def exchange(self, exchange: Exchange, *, urgent: bool = False) -> Moment:
        request = exchange.begin(len(self.asked))
        self.asked.append((request[7:], urgent))
        await asyncio.sleep(0)
        answer = self._answer(request[7:])
        if isinstance(answer, DriverError):
            raise answer
        assert exchange.feed(request[:4] + (len(answer) + 1).to_bytes(2, "big") + request[6:7] + answer)
        self.now_ms += 100
        return Moment(1_000_000 + self.now_ms, self.now_ms)

    async def close(self) -> None:
        """Nothing to close."""


def zeros(pdu: bytes) -> bytes:
    count = int.from_bytes(pdu[3:5], "big")
    size = (count + 7) // 8 if pdu[0] in {1, 2} else 2 * count
    return bytes((pdu[0], size)) + bytes(size)


def run(scenario: Coroutine[Any, Any, None]) -> None:
    asyncio.run(scenario)


def meter(line: ScriptedLine) -> Any:
    limits = METER.limits.model_copy(update={"gap_s": 0.0, "max_hole_registers": 0})
    profile = METER.model_copy(update={"limits": limits})
    return driver_of(profile, line)


def driver_of(profile: ModbusProfile, line: ScriptedLine, *allowed: Allowed) -> Any:
    device = DeviceConfig(id="dev", profile=profile.profile, line=line.id, unit=9)
    return build_driver(device, profile, line, VirtualTime(), allowed)


def timeout() -> FrameError:
    return FrameError(Fault.TIMEOUT, "no answer")


def test_a_block_is_in_the_order_asked_and_observed_at_the_last_answer() -> None:
    async def scenario() -> None:
        line = ScriptedLine(lambda pdu: zeros(pdu)[:2] + pdu[1:3] + zeros(pdu)[4:])
        driver = meter(line)
        wanted = tuple(driver.points[place] for place in (22, 0))
        block = await driver.read(wanted)
        assert block.keys == ("frequency", "u1")
        assert (block.observed_at_ms, block.monotonic_ms) == (1_000_200, 200)
        assert len(line.asked) == 2

    run(scenario())


def test_a_read_plan_is_made_once() -> None:
    async def scenario() -> None:
        driver = meter(ScriptedLine(zeros))
        await driver.read(driver.points)
        plans = dict(driver._plans)
        await driver.read(driver.points)
        assert driver._plans == plans
        assert len(plans) == 1

    run(scenario())


def test_kept_plans_are_bounded() -> None:
    async def scenario() -> None:
        driver = meter(ScriptedLine(zeros))
        for _ in range(200):
            await driver.read(tuple(driver.points[:2]))
        assert len(driver._plans) <= 64

    run(scenario())


def test_two_reads_at_once_do_not_share_an_answer() -> None:
    async def scenario() -> None:
        driver = meter(ScriptedLine(zeros))
        blocks = await asyncio.gather(*(driver.read(driver.points) for _ in range(3)))
        assert all(len(block.values) == 30 and set(block.values) == {0.0} for block in blocks)

    run(scenario())


def test_a_request_that_fails_makes_only_its_points_bad() -> None:
    async def scenario() -> None:
        damaged = FrameError(Fault.CRC, "damaged")
        line = ScriptedLine(lambda pdu: damaged if pdu[1:3] == b"\0\x46" else zeros(pdu))
        driver = meter(line)
        block = await driver.read(driver.points)
        assert block.causes == dict.fromkeys(("frequency", "energy_import", "energy_export"), Cause.CRC)
        bad = [reading for reading in block.readings() if reading.quality is Quality.BAD]
        assert {reading.value for reading in bad} == {None}
        assert len(line.asked) == 8

    run(scenario())


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (timeout(), timeout()),
        (LineDownError("gone"), LineDownError("gone")),
        (exception_error(10, 1, 4), b"\x84\x0a"),
        (exception_error(11, 1, 4), b"\x84\x0b"),
    ],
)
def test_silence_ends_the_read(error: DriverError, answer: bytes | DriverError) -> None:
    async def scenario() -> None:
        line = ScriptedLine(lambda pdu: answer if pdu[1:3] == b"\0\x38" else zeros(pdu))
        driver = meter(line)
        block = await driver.read(driver.points)
        assert len(line.asked) == 3
        assert {block.causes.get(key) for key in block.keys[:19]} == {None}
        assert {block.causes.get(key) for key in block.keys[19:]} == {error.cause}

    run(scenario())


def test_only_a_total_failure_raises() -> None:
    async def scenario() -> None:
        line = ScriptedLine(lambda _: timeout())
        driver = meter(line)
        with pytest.raises(FrameError):
            await driver.read(driver.points)
        assert len(line.asked) == 1

    run(scenario())


def test_a_device_that_lacks_a_point_and_is_then_silent_is_silent() -> None:
    async def scenario() -> None:
        line = ScriptedLine(lambda pdu: bytes((pdu[0] | 0x80, 2)) if pdu[1:3] == b"\0\x34" else timeout())
        driver = meter(line)
        with pytest.raises(FrameError):
            await driver.read(tuple(point for point in driver.points if point.key in {"p_total", "s_total"}))
        assert len(line.asked) == 2

    run(scenario())


@pytest.mark.parametrize(
    ("code", "kind", "cause"),
    [
        (1, UnsupportedError, Cause.UNSUPPORTED),
        (2, UnsupportedError, Cause.UNSUPPORTED),
        (3, RefusedError, Cause.REFUSED),
        (4, TransientError, Cause.REFUSED),
        (5, TransientError, Cause.REFUSED),
        (6, TransientError, Cause.REFUSED),
        (7, RefusedError, Cause.REFUSED),
        (8, TransientError, Cause.REFUSED),
        (10, TransientError, Cause.TIMEOUT),
        (11, TransientError, Cause.TIMEOUT),
        (0, RefusedError, Cause.REFUSED),
        (99, RefusedError, Cause.REFUSED),
    ],
)
def test_exception_codes_say_what_to_do_next(code: int, kind: type[DriverError], cause: Cause) -> None:
    error = exception_error(code, 3, 1)
    assert type(error) is kind
    assert error.cause is cause
    assert str(error).startswith(f"unit 3, function 1: exception {code}: ")
    assert error.text("vi").startswith(f"địa chỉ 3, hàm 1: mã ngoại lệ {code}: ")

    async def scenario() -> None:
        line = ScriptedLine(lambda pdu: bytes((pdu[0] | 0x80, code)))
        driver = driver_of(BOARD, line)
        with pytest.raises(kind, match=f"exception {code}"):
            await driver.read(driver.points[:1])
        assert len(line.asked) == (2 if code == 6 else 1)

    run(scenario())


@pytest.mark.parametrize("value", [True, 1, 1.0])
def test_a_write_goes_before_polls_and_returns_the_read_back(value: float) -> None:
    async def scenario() -> None:
        line = ScriptedLine(lambda pdu: pdu if pdu[0] == 5 else b"\x01\x01\x00")
        driver = driver_of(BOARD, line, Allowed(point="dev/k1"))
        reading = await driver.write(driver.points[0], value)
        # The device says no: that is the answer.
        assert (reading.point, reading.value, reading.quality) == ("dev/k1", False, Quality.GOOD)
        assert line.asked == [(b"\x05\0\0\xff\0", True), (b"\x01\0\0\0\x01", True)]

    run(scenario())


@pytest.mark.parametrize("value", [False, 0, 0.0])
def test_nothing_is_a_value_too(value: float) -> None:
    async def scenario() -> None:
        line = ScriptedLine(lambda pdu: pdu if pdu[0] == 5 else b"\x01\x01\x01")
        driver = driver_of(BOARD, line, Allowed(point="dev/k1", low=0, high=0))
        reading = await driver.write(driver.points[0], value)
        assert (reading.value, reading.quality) == (True, Quality.GOOD)
        assert line.asked == [(b"\x05\0\0\0\0", True), (b"\x01\0\0\0\x01", True)]

    run(scenario())


@pytest.mark.parametrize("value", [2, -1, 0.5, "on"])
def test_a_coil_takes_no_other_value(value: Any) -> None:
    async def scenario() -> None:
        line = ScriptedLine(zeros)
        driver = driver_of(BOARD, line, Allowed(point="dev/k1", low=-9, high=9))
        with pytest.raises(RefusedError):
            await driver.write(driver.points[0], value)
        assert line.asked == []

    run(scenario())


def test_nothing_is_sent_for_a_write_that_is_not_allowed() -> None:
    async def scenario() -> None:
        line = ScriptedLine(zeros)
        driver = driver_of(BOARD, line, Allowed(point="dev/k1", low=0, high=0), Allowed(point="other/k2"))
        for point, value in [(driver.points[0], True), (driver.points[1], True), (driver.points[8], True)]:
            with pytest.raises(RefusedError):
                await driver.write(point, value)
        assert line.asked == []

    run(scenario())


def test_a_lost_write_is_not_sent_again() -> None:
    async def scenario() -> None:
        line = ScriptedLine(lambda pdu: timeout() if pdu[0] == 5 else b"\x01\x01\x01")
        driver = driver_of(BOARD, line, Allowed(point="dev/k1"))
        reading = await driver.write(driver.points[0], True)
        assert reading.value is True
        assert [pdu[0] for pdu, _ in line.asked] == [5, 1]

    run(scenario())


@pytest.mark.parametrize(
    "unclear",
    [
        pytest.param(bytes.fromhex("85 05"), id="acknowledged, still working on it"),
        pytest.param(bytes.fromhex("85 0b"), id="the gateway's target did not answer"),
        pytest.param(LineDownError("connection lost"), id="cut after the request"),
    ],
)
def test_a_write_of_unclear_outcome_is_read_back_before_any_poll(unclear: bytes | DriverError) -> None:
    async def scenario() -> None:
        line = ScriptedLine(lambda pdu: unclear if pdu[0] == 5 else b"\x01\x01\x01")
        driver = driver_of(BOARD, line, Allowed(point="dev/k1", low=0, high=1))
        reading = await driver.write(driver.points[0], True)
        assert (reading.value, reading.quality) == (True, Quality.GOOD)
        assert [(pdu[0], urgent) for pdu, urgent in line.asked] == [(5, True), (1, True)]

    run(scenario())


def test_a_refused_write_is_not_read_back() -> None:
    async def scenario() -> None:
        line = ScriptedLine(lambda pdu: bytes((pdu[0] | 0x80, 3)))
        driver = driver_of(BOARD, line, Allowed(point="dev/k1"))
        with pytest.raises(RefusedError):
            await driver.write(driver.points[0], True)
        assert len(line.asked) == 1

    run(scenario())


def test_no_probe_is_no_doubt() -> None:
    async def scenario() -> None:
        line = ScriptedLine(zeros)
        assert await driver_of(BOARD, line).probe() is None
        assert line.asked == []

    run(scenario())


@pytest.mark.parametrize(
    ("registers", "found"),
    [("42 70 00 00", "60"), ("42 20 00 00", None), ("7f c0 00 00", None), ("00 00 00 00", "0")],
)
def test_the_probe_names_what_it_found(registers: str, found: str | None) -> None:
    async def scenario() -> None:
        driver = meter(ScriptedLine(lambda _: b"\x04\x04" + bytes.fromhex(registers)))
        if found is not None:
            reading = await driver.probe()
            assert f"{reading.value:g}" == found
        else:
            shown = r"Frequency 45 to 65 Hz, this one shows (40 Hz|no number)"
            with pytest.raises(UnsupportedError, match=shown) as caught:
                await driver.probe()
            assert "cho Tần số lưới điện 45 đến 65 Hz, máy này cho " in caught.value.text("vi")

    run(scenario())


def test_a_device_without_the_probed_register_is_another_device() -> None:
    async def scenario() -> None:
        with pytest.raises(UnsupportedError, match="not the device of its profile") as caught:
            await meter(ScriptedLine(lambda pdu: bytes((pdu[0] | 0x80, 2)))).probe()
        assert caught.value.text("en").endswith("exception 2: illegal data address")
        assert caught.value.text("vi").endswith("mã ngoại lệ 2: địa chỉ dữ liệu không hợp lệ")

    run(scenario())


def scattered(*addresses: int, **facts: Any) -> ModbusProfile:
    points = [
        {"key": f"r{address}", "en": "a", "vi": "b", "table": "holding", "address": address, "type": "uint16"} | facts
        for address in addresses
    ]
    return ModbusProfile.model_validate({**METER.model_dump(exclude={"probe", "limits", "points"}), "points": points})


class Registers:
    """A device that has some registers, and refuses every read that touches another."""

    def __init__(self, numbers: dict[int, int]) -> None:
        self.numbers = numbers

    def __call__(self, pdu: bytes) -> bytes | DriverError:
        address, count = int.from_bytes(pdu[1:3], "big"), int.from_bytes(pdu[3:5], "big")
        wanted = range(address, address + count)
        if any(one not in self.numbers for one in wanted):
            return exception_error(2, 9, 3)
        return bytes((pdu[0], 2 * count)) + b"".join(self.numbers[one].to_bytes(2, "big") for one in wanted)


def asked(line: ScriptedLine) -> list[tuple[int, int]]:
    return [(int.from_bytes(pdu[1:3], "big"), int.from_bytes(pdu[3:5], "big")) for pdu, _ in line.asked]


def test_a_device_without_registers_in_a_hole_is_asked_without_holes_from_then_on() -> None:
    async def scenario() -> None:
        line = ScriptedLine(Registers({1: 11, 2: 12, 4: 14, 9: 19}))
        driver = driver_of(scattered(1, 2, 4, 9), line)
        for _ in range(2):
            block = await driver.read(driver.points)
            assert (block.values, block.causes) == ((11, 12, 14, 19), {})
        assert asked(line) == [(1, 9), (1, 2), (4, 1), (9, 1), (1, 2), (4, 1), (9, 1)]

    run(scenario())


def test_a_missing_point_among_holes_is_found_and_its_neighbours_stay() -> None:
    async def scenario() -> None:
        line = ScriptedLine(Registers({1: 11, 3: 13}))
        driver = driver_of(scattered(1, 2, 3, 9), line)
        block = await driver.read(driver.points)
        assert block.values == (11, None, 13, None)
        assert block.causes == {"r2": Cause.UNSUPPORTED, "r9": Cause.UNSUPPORTED}

    run(scenario())


def test_a_quality_word_is_read_with_its_value_and_decides() -> None:
    word = {"address": 3, "good": [0], "uncertain": [7]}

    async def scenario() -> None:
        device = Registers({1: 11, 2: 0, 3: 0})
        line = ScriptedLine(device)
        driver = driver_of(scattered(1, quality=word), line)
        for code, expected in ((0, (11, None)), (7, (11, Cause.SUSPECT)), (5, (None, Cause.DEVICE))):
            device.numbers[3] = code
            block = await driver.read(driver.points)
            assert (block.values[0], block.causes.get("r1")) == expected
        assert asked(line) == [(1, 3)] * 3

    run(scenario())


def test_a_far_multiplier_is_read_apart_and_its_silence_is_no_value() -> None:
    async def scenario() -> None:
        device = Registers({1: 1234, 500: 0xFFFF})
        line = ScriptedLine(device)
        driver = driver_of(scattered(1, exponent={"address": 500, "type": "int16"}), line)
        block = await driver.read(driver.points)
        assert block.values == (123.4,)
        del device.numbers[500]
        assert (await driver.read(driver.points)).causes == {"r1": Cause.UNSUPPORTED}

    run(scenario())


def test_what_makes_a_device_measure_is_sent_before_it_is_proved() -> None:
    async def scenario() -> None:
        line = ScriptedLine(Registers(dict.fromkeys(range(20), 5)))
        start = [{"address": 15}, {"address": 16, "values": [1, 2]}]
        profile = ModbusProfile.model_validate(
            {**scattered(1).model_dump(), "start": start, "probe": {"point": "r1", "low": 5, "high": 5}}
        )
        line._answer = lambda pdu: pdu[:5] if pdu[0] == 16 else Registers(dict.fromkeys(range(20), 5))(pdu)
        reading = await driver_of(profile, line).probe()
        assert reading is not None
        assert [pdu[0] for pdu, _ in line.asked] == [3, 16, 3]

    run(scenario())
