"""Relays that nobody polls go where they are told, and the settings that say so are compared and written."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from config.agent import DeviceConfig
from config.errors import ConfigErrors
from config.profile import ModbusProfile, load_modbus_profile
from contract.reading import Cause
from drivers.errors import RefusedError, UnsupportedError
from drivers.lines.memory import VirtualTime
from drivers.modbus.frames import read_pdu, write_coil_pdu, write_registers_pdu
from drivers.modbus.setup import Setting, SetupDriver, is_missing
from firmware_sim.core.cabinet import Cabinet, CabinetDesign
from firmware_sim.core.noise import Noise
from firmware_sim.core.server import Device, serve
from firmware_sim.core.waveshare import WaveshareRelayD
from firmware_sim.twins.switching import WaveshareRelay8, WirenBoardMr6cV3
from tests.unit.field.test_profiles_and_twins import UNIT, TwinLine

MR6C = load_modbus_profile("wirenboard-mr6c-v3")
BOARD = load_modbus_profile("waveshare-relay-d")


def module(**values: float) -> WirenBoardMr6cV3:
    return WirenBoardMr6cV3(UNIT, Noise(1, "mr6c"), values=values)


def asked(device: Device, pdu: bytes, now_s: float) -> bytes:
    answer = serve(device, pdu, now_s)
    assert answer is not None
    return answer.pdu


def coils(device: Device, now_s: float) -> int:
    return asked(device, read_pdu(1, 0, 6), now_s)[2]


class DeviceLine(TwinLine):
    """A line with any simulated device on it."""

    def __init__(self, device: Any) -> None:
        super().__init__("wirenboard-mr6c-v3", {})
        self.twin = device


def setup_of(profile: ModbusProfile, device: Any) -> SetupDriver:
    config = DeviceConfig(id="dev", profile=profile.profile, line="bus", unit=UNIT)
    return SetupDriver(config, profile, DeviceLine(device), VirtualTime())


def differing(settings: tuple[Setting, ...]) -> dict[str, object]:
    return {one.point.key: one.found for one in settings if not one.agrees}


def test_relays_that_are_polled_stay_where_they_are() -> None:
    device = module(k1=1, safety_behaviour_k1=1, poll_timeout=10)
    assert [coils(device, now_s) for now_s in (100.0, 109.9, 119.8, 129.7)] == [1, 1, 1, 1]


def test_past_the_poll_time_out_each_relay_goes_where_it_is_told() -> None:
    told = {f"safety_behaviour_k{number}": 1.0 for number in (1, 3)}
    device = module(k1=1, k2=1, safe_position_k3=1, poll_timeout=10, **told)
    assert coils(device, 100.0) == 0b000011
    device.advance(109.9)
    assert device.closed()[:3] == [True, True, False]
    device.advance(110.0)
    # 1 is told to open, 2 to stay, 3 to close.
    assert device.closed()[:3] == [False, True, True]
    assert coils(device, 500.0) == 0b000110
    # It comes back under control, and is watched again.
    asked(device, write_coil_pdu(0, on=True), 500.5)
    assert coils(device, 501.0) == 0b000111
    assert coils(device, 511.0) == 0b000110


@pytest.mark.parametrize(("timeout_s", "behaviour"), [(0, 1), (10, 0)])
def test_without_a_time_out_or_a_behaviour_they_stay_for_ever(timeout_s: float, behaviour: float) -> None:
    device = module(k1=1, safety_behaviour_k1=behaviour, poll_timeout=timeout_s)
    assert [coils(device, now_s) for now_s in (1.0, 100_000.0)] == [1, 1]


@pytest.mark.parametrize(("power_on", "then"), [(0, 0b000010), (1, 0b000001)])
def test_at_power_on_they_do_what_the_register_says(power_on: float, then: int) -> None:
    device = module(k1=1, safe_position_k2=1, power_on=power_on)
    assert coils(device, 1.0) == 0b000001
    device.power_cycle(2.0)
    assert coils(device, 3.0) == then


def test_the_module_refuses_settings_that_it_does_not_have() -> None:
    device = module()
    assert asked(device, write_registers_pdu(8, [30]), 1.0) == write_registers_pdu(8, [30])
    assert asked(device, write_registers_pdu(930, [2]), 1.0) == b"\x86\x03"
    assert asked(device, write_registers_pdu(7, [0]), 1.0) == b"\x86\x02"
    assert device.values["poll_timeout"] == 30


def test_a_flash_ends_by_itself() -> None:
    board = WaveshareRelay8(UNIT, Noise(1, "w"), values={})
    board.write_coil(0x0200, 15, 10.0)
    assert [coils(board, now_s) for now_s in (10.0, 11.4, 11.5)] == [1, 1, 0]


def test_the_settings_of_a_new_module_are_shown_and_written_in_order() -> None:
    device = module(safe_position_k4=1)
    setup = setup_of(MR6C, device)

    async def scenario() -> None:
        await setup.prove()
        settings = await setup.read()
        assert differing(settings) == {
            "k4_safe_position": 1,
            **{f"k{number}_safety_behaviour": 0 for number in range(1, 7)},
            "poll_timeout": 10,
        }
        for one in settings:
            if not one.agrees:
                assert (await setup.write(one)).agrees
        assert differing(await setup.read()) == {}

    asyncio.run(scenario())
    # Positions before what arms them: at no moment would a time-out move a relay to a place that was not meant.
    assert [one.point for one in MR6C.setup][:12] == [
        *(f"k{number}_safe_position" for number in range(1, 7)),
        *(f"k{number}_safety_behaviour" for number in range(1, 7)),
    ]


def test_a_module_set_up_like_that_opens_its_relays_when_the_gateway_dies() -> None:
    device = module()
    setup = setup_of(MR6C, device)

    async def scenario() -> None:
        for one in await setup.read():
            if not one.agrees:
                await setup.write(one)

    asyncio.run(scenario())
    asked(device, write_coil_pdu(2, on=True), 1000.0)
    device.advance(1059.9)
    assert device.closed()[2]
    device.advance(1060.0)
    assert not any(device.closed())


def test_inputs_linked_by_the_factory_are_found_and_freed() -> None:
    cabinet = Cabinet(CabinetDesign(id="c", input_link=True))
    setup = setup_of(BOARD, WaveshareRelayD(cabinet, unit=UNIT))

    async def scenario() -> None:
        settings = await setup.read()
        assert differing(settings) == {f"link{number}": 1 for number in range(1, 9)}
        for one in settings:
            assert (await setup.write(one)).agrees

    asyncio.run(scenario())
    assert cabinet.relay.linked == [False] * 8


def test_a_module_that_does_not_keep_what_is_written_is_told_by_the_read_back() -> None:
    class Forgetful(WirenBoardMr6cV3):
        def write_words(self, address: int, words: Any, now_s: float) -> None:
            del address, words, now_s

    setup = setup_of(MR6C, Forgetful(UNIT, Noise(1, "f"), values={}))

    async def scenario() -> None:
        (timeout,) = [one for one in await setup.read() if one.point.key == "poll_timeout"]
        after = await setup.write(timeout)
        assert (after.found, after.agrees) == (10, False)

    asyncio.run(scenario())


def test_nothing_but_the_wanted_value_can_be_written() -> None:
    device = module()
    setup = setup_of(MR6C, device)
    driver = setup._driver

    async def scenario() -> None:
        by_key = {point.key: point for point in driver.points}
        assert set(by_key) == {one.point for one in MR6C.setup}
        with pytest.raises(RefusedError, match="allow-list"):
            await driver.write(by_key["poll_timeout"], 61)
        with pytest.raises(RefusedError, match="allow-list"):
            await driver.write(by_key["k1_safe_position"], 1)

    asyncio.run(scenario())
    assert device.values["poll_timeout"] == 10


def test_another_device_is_proved_wrong_before_anything_is_written() -> None:
    async def scenario() -> None:
        with pytest.raises(UnsupportedError, match="not the device of its profile"):
            await setup_of(MR6C, WaveshareRelay8(UNIT, Noise(1, "w"), values={})).prove()

    asyncio.run(scenario())


def test_a_setting_that_a_firmware_lacks_is_told_so() -> None:
    class Older(WirenBoardMr6cV3):
        def _settings(self) -> dict[int, str]:
            return {address: name for address, name in super()._settings().items() if address != 8}

    async def scenario() -> None:
        settings = await setup_of(MR6C, Older(UNIT, Noise(1, "o"), values={})).read()
        missing = [one for one in settings if is_missing(one)]
        assert [one.point.key for one in missing] == ["poll_timeout"]
        assert (missing[0].cause, missing[0].agrees) == (Cause.UNSUPPORTED, False)

    asyncio.run(scenario())


BROKEN = """\
profile: x
version: "1"
device_class: relay
en: x
vi: x
source: {manual: m, page: p, origin: composed, verified_by: manual}
setup:
  - {point: %s, want: %s, en: why, vi: sao}
points:
  - {key: k1, en: a, vi: b, table: coil, address: 0, type: bool, writable: true}
  - {key: mode, en: a, vi: b, table: holding, address: 0, type: uint16, low: 0, high: 5}
  - {key: text, en: a, vi: b, table: holding, address: 1, type: string, registers: 2}
  - {key: seen, en: a, vi: b, table: input, address: 0, type: uint16}
  - {key: latch, en: a, vi: b, table: coil, address: 9, type: bool}
"""


@pytest.mark.parametrize(
    ("point", "want", "message"),
    [
        ("k1", "true", "commands and schedules may change it"),
        ("mode", "6", "out of the range"),
        ("mode", "true", "does not fit type uint16"),
        ("latch", "1", "does not fit type bool"),
        ("text", "1", "cannot be set up"),
        ("seen", "1", "cannot be set up"),
        ("none", "1", "there is no point 'none'"),
    ],
)
def test_a_setting_that_cannot_be_is_told_with_its_place(tmp_path: Any, point: str, want: str, message: str) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(BROKEN % (point, want), "utf-8")
    with pytest.raises(ConfigErrors) as caught:
        load_modbus_profile(str(file))
    (problem,) = caught.value.problems
    assert message in problem.message
    assert (problem.line, problem.column) == (8, 13)


def test_coils_and_numbers_can_be_settings(tmp_path: Any) -> None:
    file = tmp_path / "x.yaml"
    for point, want, found in [("latch", "true", True), ("mode", "5", 5)]:
        file.write_text(BROKEN % (point, want), "utf-8")
        (setup,) = load_modbus_profile(str(file)).setup
        assert setup.want == found
