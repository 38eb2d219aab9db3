"""Every instrument's profile against its simulated twin, in virtual time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from config.agent import Allowed, DeviceConfig, TcpLine
from config.profile import InstrumentProfile, load_profile, shipped_profiles
from contract.reading import Block, Cause, Value
from drivers.errors import DriverError, Fault, FrameError, RefusedError, UnsupportedError
from drivers.lines.memory import VirtualTime
from drivers.registry import build_driver, open_line
from drivers.serial.driver import ABSENT_SAMPLES
from firmware_sim.core.instrument import Instrument, InstrumentFaults
from firmware_sim.core.noise import Noise
from firmware_sim.twins.air_instruments import (
    NovaSds011,
    PlantowerPms5003,
    SensirionSps30,
    WinsenGas,
    WinsenZe03,
    WinsenZe07Ch2o,
    WinsenZh03b,
)
from firmware_sim.twins.sdi12_sensors import Sdi12Sensor, SoilProbe, Vegapuls21
from firmware_sim.twins.weather_instruments import NmeaAnemometer, VaisalaWxt530, VaisalaWxt530Automatic
from tests.unit.drivers.virtual_instruments import SDI12, Rig, with_settings

CASES: dict[str, tuple[type[Instrument], dict[str, Any], dict[str, Value]]] = {
    "plantower-pms5003": (
        PlantowerPms5003,
        {},
        {
            "pm1": 5.0, "pm2_5": 8.0, "pm10": 11.0,
            "n0_3": 9.0, "n0_5": 3.0, "n1": 0.6, "n2_5": 0.12, "n5": 0.03, "n10": 0.01,
        },
    ),
    "nova-sds011": (NovaSds011, {}, {"pm2_5": 0.6, "pm10": 0.9, "sensor_id": "58D9"}),
    "sensirion-sps30": (
        SensirionSps30,
        {"baud": 115_200},
        {
            "pm1": 5.25, "pm2_5": 9.5, "pm4": 12.75, "pm10": 13.25,
            "n0_5": 26.5, "n1": 37.0, "n2_5": 41.5, "n4": 42.5, "n10": 42.75, "typical_size": 0.75,
        },
    ),
    "winsen-mh-z19b": (WinsenGas, {}, {"co2": 636.0}),
    "winsen-ze03-co": (WinsenZe03, {}, {"co": 209.0}),
    "winsen-ze03-o2": (WinsenZe03, {}, {"o2": 20.9}),
    "winsen-ze07-ch2o": (WinsenZe07Ch2o, {}, {"ch2o": 42.0, "ch2o_ppb": 32.0}),
    "winsen-zh03b": (WinsenZh03b, {}, {"pm1": 21.0, "pm2_5": 35.0, "pm10": 52.0}),
    "vaisala-wxt530": (
        VaisalaWxt530,
        {"baud": 19_200},
        {
            "wind_direction": 214.0, "wind_speed": 4.0, "wind_gust": 6.6, "air_temperature": 26.0, "humidity": 70.0,
            "pressure": 928.1, "rain_total": 12.25, "rain_intensity": 1.5, "heating_temperature": 27.0,
            "supply_voltage": 12.2,
        },
    ),
    "generic-nmea-wind": (NmeaAnemometer, {"baud": 4800}, {"wind_direction": 214.8, "wind_speed": 1.0}),
    "vegapuls-21": (
        Vegapuls21,
        SDI12,
        {"level": 1.25, "distance": 6.75, "electronics_temperature": 25.5, "reliability": 14.0, "status": 0},
    ),
    "generic-sdi12-soil": (SoilProbe, SDI12, {"moisture": 31.25, "temperature": 24.5, "conductivity": 410.0}),
}  # fmt: skip


def twin(kind: type[Instrument], seed: int = 1, **settings: Any) -> Instrument:
    return kind(Noise(seed, kind.__name__), **settings)


async def found_and_read(rig: Rig, profile: str | InstrumentProfile, **device: Any) -> Block:
    driver = rig.driver(profile, **device)
    await driver.probe()
    return await driver.read(driver.points)


def values_of(block: Block) -> dict[str, Value | None]:
    return dict(zip(block.keys, block.values, strict=True))


def test_every_instrument_profile_has_a_twin() -> None:
    instruments = {name for name in shipped_profiles() if isinstance(load_profile(name), InstrumentProfile)}
    assert instruments - CASES.keys() == set()


@pytest.mark.parametrize("name", CASES)
def test_a_profile_reads_what_its_twin_holds(name: str) -> None:
    kind, line, expected = CASES[name]
    rig = Rig(twin(kind), **line)
    block = rig.run(found_and_read(rig, name))
    assert values_of(block) == {
        key: pytest.approx(value, rel=1e-6) if isinstance(value, float) else value for key, value in expected.items()
    }
    assert block.causes == {}
    assert block.monotonic_ms <= rig.time.monotonic_ms()
    assert rig.line.counters.late_bytes == 0


@pytest.mark.parametrize("name", CASES)
def test_silence_is_a_time_out_and_never_a_value(name: str) -> None:
    kind, line, _ = CASES[name]
    silent = twin(kind)
    silent.silent = True
    rig = Rig(silent, **line)
    driver = rig.driver(name)
    with pytest.raises(FrameError) as error:
        rig.run(driver.read(driver.points))
    assert error.value.cause is Cause.TIMEOUT
    assert error.value.text("vi") == "không có dữ liệu trong thời gian cho phép"


@pytest.mark.parametrize("name", sorted(name for name in CASES if not name.startswith("winsen-")))
def test_what_the_instrument_marks_as_invalid_has_no_value(name: str) -> None:
    kind, line, _ = CASES[name]
    rig = Rig(twin(kind, faults=InstrumentFaults(invalid=1.0)), **line)
    block = rig.run(found_and_read(rig, name))
    causes = {
        "nova-sds011": {"pm2_5": Cause.SENTINEL, "pm10": Cause.SENTINEL},
        "vaisala-wxt530": dict.fromkeys(("wind_direction", "wind_speed", "wind_gust"), Cause.DEVICE),
        "sensirion-sps30": dict.fromkeys(block.keys, Cause.SENTINEL),
    }.get(name, dict.fromkeys(block.keys, Cause.DEVICE))
    assert block.causes == causes
    assert all((value is None) == (key in causes) for key, value in values_of(block).items())


def test_dust_is_no_carbon_dioxide() -> None:
    """A frame does not tell which Winsen sensor it is of: only what the air can hold does."""
    rig = Rig(twin(WinsenZh03b))
    block = rig.run(found_and_read(rig, with_settings("winsen-mh-z19b", question_mode=0x41)))
    assert (block.values, block.causes) == ((None,), {"co2": Cause.RANGE})


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(
    ("fault", "cause"), [("checksum", {Cause.CRC}), ("cut", {Cause.PROTOCOL, Cause.CRC, Cause.TIMEOUT})]
)
def test_a_damaged_frame_is_no_value(name: str, fault: str, cause: set[Cause]) -> None:
    kind, line, _ = CASES[name]
    rig = Rig(twin(kind, faults=InstrumentFaults(**{fault: 1.0})), **line)
    with pytest.raises(DriverError) as error:
        rig.run(found_and_read(rig, name))
    assert error.value.text("vi") != error.value.text("en")
    assert error.value.cause in cause | ({Cause.PROTOCOL, Cause.TIMEOUT} if line is SDI12 else set())


def test_a_passive_plantower_is_asked() -> None:
    rig = Rig(twin(PlantowerPms5003, period_s=3600))
    block = rig.run(found_and_read(rig, with_settings("plantower-pms5003", mode="passive")))
    assert values_of(block)["pm2_5"] == 8.0
    assert rig.requests == [bytes.fromhex("424de200000171")]


def test_an_sps30_that_lost_its_supply_is_started_again() -> None:
    sensor = SensirionSps30(Noise(1, "sps"))
    rig = Rig(sensor, baud=115_200)

    async def scenario() -> tuple[DriverError, Block]:
        driver = rig.driver("sensirion-sps30")
        await driver.probe()
        await driver.read(driver.points)
        sensor.started = False
        with pytest.raises(DriverError) as refused:
            await driver.read(driver.points)
        return refused.value, await driver.read(driver.points)

    refused, block = rig.run(scenario())
    assert (refused.cause, values_of(block)["pm10"]) == (Cause.DEVICE, 13.25)


def test_an_sps30_with_nothing_new_is_asked_again() -> None:
    rig = Rig(twin(SensirionSps30), baud=115_200)

    async def scenario() -> list[int]:
        driver = rig.driver("sensirion-sps30")
        await driver.probe()
        return [(await driver.read(driver.points)).monotonic_ms for _ in range(3)]

    first, second, third = rig.run(scenario())
    assert second - first >= 1000
    assert third - second >= 1000


def test_an_sps30_that_measures_already_is_no_fault() -> None:
    sensor = SensirionSps30(Noise(1, "sps"))
    sensor.started = True
    rig = Rig(sensor, baud=115_200)
    assert values_of(rig.run(found_and_read(rig, "sensirion-sps30")))["pm1"] == 5.25


def test_wxt530_without_crc_asks_without() -> None:
    rig = Rig(twin(VaisalaWxt530), baud=19_200)
    block = rig.run(found_and_read(rig, with_settings("vaisala-wxt530", crc=False)))
    assert values_of(block)["pressure"] == 928.1
    assert rig.requests == [b"0R0\r\n"]


def test_wxt530_at_another_address() -> None:
    rig = Rig(twin(VaisalaWxt530, address="A"), baud=19_200)
    assert values_of(rig.run(found_and_read(rig, "vaisala-wxt530", address="A")))["humidity"] == 70.0


def test_what_a_message_does_not_have_is_unsupported() -> None:
    rig = Rig(twin(VaisalaWxt530), baud=19_200)
    block = rig.run(found_and_read(rig, with_settings("vaisala-wxt530", message=2)))
    assert values_of(block)["air_temperature"] == 26.0
    assert block.causes["rain_total"] is Cause.UNSUPPORTED


def test_an_automatic_wxt530_is_heard_until_all_of_it_has_come() -> None:
    rig = Rig(twin(VaisalaWxt530Automatic), baud=19_200)
    block = rig.run(found_and_read(rig, with_settings("vaisala-wxt530", mode="automatic", period_s=5)))
    assert values_of(block) == CASES["vaisala-wxt530"][2]
    assert rig.requests == []


def test_what_a_talker_does_not_say_is_left_out_and_in_the_end_unsupported() -> None:
    class NoRain(VaisalaWxt530Automatic):
        messages = {number: parts for number, parts in VaisalaWxt530.messages.items() if number != 3}  # noqa: RUF012 - as its base class has it

    rig = Rig(twin(NoRain), baud=19_200)

    async def scenario() -> list[Block]:
        driver = rig.driver(with_settings("vaisala-wxt530", mode="automatic", period_s=2))
        return [await driver.read(driver.points) for _ in range(ABSENT_SAMPLES)]

    *first, last = rig.run(scenario())
    assert all("rain_total" not in block.keys and not block.causes for block in first)
    assert last.causes == {"rain_total": Cause.UNSUPPORTED, "rain_intensity": Cause.UNSUPPORTED}


def test_what_waits_in_the_port_is_too_old_for_a_listener() -> None:
    sensor = PlantowerPms5003(Noise(1, "pms"))

    def count(one: Instrument) -> None:
        one.set("pm1", one.number("pm1") + 1)

    sensor.before_frame = count
    rig = Rig(sensor)

    async def scenario() -> tuple[Block, Block]:
        driver = rig.driver("plantower-pms5003")
        first = await driver.read(driver.points)
        await asyncio.sleep(60)
        return first, await driver.read(driver.points)

    first, second = rig.run(scenario())
    assert values_of(first)["pm1"] == 6.0
    assert values_of(second)["pm1"] == sensor.number("pm1")


def test_a_talker_of_noise_ends_at_its_time() -> None:
    rig = Rig(twin(PlantowerPms5003, period_s=0.04, faults=InstrumentFaults(noise=1.0)))
    driver = rig.driver("plantower-pms5003")
    with pytest.raises(FrameError) as error:
        rig.run(driver.read(driver.points))
    assert error.value.fault in {Fault.NOISE, Fault.CRC, Fault.TRUNCATED}
    assert rig.time.us <= 1_000_000 + 3_100_000


def test_nothing_of_an_instrument_can_be_written() -> None:
    rig = Rig(twin(NovaSds011))
    driver = rig.driver("nova-sds011")
    with pytest.raises(RefusedError):
        rig.run(driver.write(driver.points[0], 1.0))
    config = DeviceConfig(id="dev", profile="nova-sds011", line="bus")
    with pytest.raises(ValueError, match=r"dev/pm10.*cannot be written"):
        build_driver(config, load_profile("nova-sds011"), rig.line, rig.time, [Allowed(point="dev/pm10")])


def test_an_instrument_needs_a_serial_line() -> None:
    line = open_line(TcpLine(id="tcp", kind="tcp", host="192.0.2.1"), VirtualTime())
    with pytest.raises(ValueError, match="kind serial"):
        build_driver(
            DeviceConfig(id="dev", profile="nova-sds011", line="tcp"), load_profile("nova-sds011"), line, VirtualTime()
        )


@pytest.mark.parametrize(
    ("profile", "settings", "message"),
    [
        ("nova-sds011", {"periods": 3}, "settings.periods"),
        ("nova-sds011", {"period_s": 0}, "settings.period_s"),
        ("vaisala-wxt530", {"mode": "loud"}, "settings.mode"),
        ("vegapuls-21", {"status": "X.1"}, "no SDI-12 field"),
    ],
)
def test_settings_that_a_protocol_has_not_are_named(profile: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Rig(twin(NovaSds011)).driver(with_settings(profile, **settings))


def test_a_field_that_no_frame_has_is_named() -> None:
    loaded = load_profile("nova-sds011")
    assert isinstance(loaded, InstrumentProfile)
    wrong = loaded.model_copy(update={"points": (loaded.points[0].model_copy(update={"field": "pm3"}),)})
    with pytest.raises(ValueError, match="point 'pm2_5': no field 'pm3'; there are id, pm10, pm2_5"):
        Rig(twin(NovaSds011)).driver(wrong)


def sdi12(*sensors: Sdi12Sensor) -> Rig:
    return Rig(*sensors, **SDI12)


def test_sdi12_concurrent_measurement_on_the_wire() -> None:
    rig = sdi12(SoilProbe(Noise(1, "soil")))
    rig.run(found_and_read(rig, "generic-sdi12-soil"))
    assert rig.talk[:5] == [("~~", b""), (">>", b"0CC!"), ("<<", b"000203\r\n"), ("~~", b""), (">>", b"0D0!")]
    asked_us = [at for at, direction, _ in rig.port.log if direction == ">>"]
    assert asked_us[1] - asked_us[0] >= 2_000_000


def test_who_asks_a_measuring_sdi12_sensor_waits_and_spoils_nothing() -> None:
    """A technician reads what the poller has just begun to measure: both get their values."""
    sensor = twin(SoilProbe, values={"measure_s": 8.0})
    rig = Rig(sensor, **SDI12)
    driver = rig.driver("generic-sdi12-soil")

    async def later() -> Block:
        await asyncio.sleep(3.0)
        await driver.probe()
        return await driver.read(driver.points)

    async def scenario() -> list[Block]:
        return list(await asyncio.gather(driver.read(driver.points), later()))

    begun_us = rig.time.us
    for block in rig.run(scenario()):
        assert (block.values, block.causes) == ((31.25, 24.5, 410.0), {})
    assert 16e6 < rig.time.us - begun_us < 20e6


def test_slow_sdi12_sensors_do_not_hold_the_line() -> None:
    sensors = [SoilProbe(Noise(1, str(number)), address=str(number), values={"measure_s": 10.0}) for number in range(5)]
    rig = sdi12(*sensors)

    async def scenario() -> list[Block]:
        drivers = [rig.driver("generic-sdi12-soil", address=str(number)) for number in range(5)]
        return list(await asyncio.gather(*(driver.read(driver.points) for driver in drivers)))

    blocks = rig.run(scenario())
    assert [values_of(block)["moisture"] for block in blocks] == [31.25] * 5
    # Each alone would take ten seconds: five side by side take little more.
    assert rig.time.us - 1_000_000 < 14_000_000


def profile_of(command: str, **settings: Any) -> InstrumentProfile:
    """Return the soil probe's profile read by another command."""
    loaded = with_settings("generic-sdi12-soil", **settings)
    points = tuple(
        point.model_copy(update={"field": point.field.replace("C.", f"{command}.")}) for point in loaded.points
    )
    return loaded.model_copy(update={"points": points})


@pytest.mark.parametrize(
    ("command", "crc", "sent"),
    [
        ("M", True, [b"0MC!", b"0D0!"]),
        ("M", False, [b"0M!", b"0D0!"]),
        ("C", False, [b"0C!", b"0D0!"]),
        ("V", True, [b"0V!", b"0D0!"]),
        ("R0", True, [b"0RC0!"]),
        ("R0", False, [b"0R0!"]),
    ],
)
def test_sdi12_measurements(command: str, crc: bool, sent: list[bytes]) -> None:
    rig = sdi12(SoilProbe(Noise(1, "soil")))
    block = rig.run(found_and_read(rig, profile_of(command, crc=crc)))
    assert values_of(block) == CASES["generic-sdi12-soil"][2]
    assert rig.requests == sent


def test_a_service_request_ends_the_wait_early() -> None:
    rig = sdi12(SoilProbe(Noise(1, "soil"), values={"measure_s": 2.05}))
    rig.run(found_and_read(rig, profile_of("M")))
    asked_us = [at for at, direction, _ in rig.port.log if direction == ">>"]
    # It says three seconds, and calls after 2.05.
    assert 2_050_000 < asked_us[1] - asked_us[0] < 2_300_000


def test_a_sensor_that_never_calls_is_asked_when_its_time_is_up() -> None:
    class Shy(SoilProbe):
        def answer(self, request: bytes, now_s: float) -> list[Any]:
            return super().answer(request, now_s)[:1]

    rig = sdi12(Shy(Noise(1, "soil")))
    assert values_of(rig.run(found_and_read(rig, profile_of("M"))))["moisture"] == 31.25


def test_the_line_is_held_from_a_measurement_to_its_values() -> None:
    rig = sdi12(SoilProbe(Noise(1, "a")), SoilProbe(Noise(1, "b"), address="1"))

    async def scenario() -> None:
        drivers = [rig.driver(profile_of("M"), address=address) for address in "01"]
        await asyncio.gather(*(driver.read(driver.points) for driver in drivers))

    rig.run(scenario())
    assert rig.requests == [b"0MC!", b"0D0!", b"1MC!", b"1D0!"]


def test_values_over_several_answers_are_put_together() -> None:
    class Narrow(SoilProbe):
        most_characters = {"C": 8, "M": 8, "R": 8, "V": 8}  # noqa: RUF012 - as its base class has it

    rig = sdi12(Narrow(Noise(1, "soil")))
    block = rig.run(found_and_read(rig, "generic-sdi12-soil"))
    assert values_of(block) == CASES["generic-sdi12-soil"][2]
    assert rig.requests == [b"0CC!", b"0D0!", b"0D1!", b"0D2!"]


def test_a_sensor_that_announces_another_number_of_values_is_another_variant() -> None:
    rig = sdi12(SoilProbe(Noise(1, "soil")))
    driver = rig.driver(with_settings("generic-sdi12-soil", values=4))
    with pytest.raises(UnsupportedError, match="announces 3 values, the profile is for 4"):
        rig.run(driver.read(driver.points))


def test_a_measurement_that_a_sensor_has_not_is_unsupported() -> None:
    rig = sdi12(SoilProbe(Noise(1, "soil")))
    driver = rig.driver(profile_of("C3"))
    with pytest.raises(UnsupportedError, match="no such measurement"):
        rig.run(driver.read(driver.points))


def test_the_probe_refuses_another_make() -> None:
    rig = sdi12(SoilProbe(Noise(1, "soil")))
    with pytest.raises(UnsupportedError, match="'VEGA PSC' wanted, it says 'SIMULATE SOIL'"):
        rig.run(rig.driver("vegapuls-21").probe())
    assert load_profile("vegapuls-21").proves_type


def test_one_answer_that_noise_changed_is_not_held_against_a_sensor() -> None:
    class Misheard(Vegapuls21):
        asked = 0

        def answer(self, request: bytes, now_s: float) -> list[Any]:
            self.asked += 1
            sent = super().answer(request, now_s)
            if self.asked == 1:
                return [one._replace(data=one.data.replace(b"VEGA", b"VOGA")) for one in sent]
            if request.endswith(b"CC") and self.asked == 3:
                return [one._replace(data=one.data.replace(b"05", b"04")) for one in sent]
            return sent

    rig = sdi12(Misheard(Noise(1, "radar"), values={"measure_s": 1.0}))
    assert values_of(rig.run(found_and_read(rig, "vegapuls-21")))["level"] == 1.25
    assert rig.requests == [b"0I!", b"0I!", b"0CC!", b"0CC!", b"0D0!"]


def test_a_status_that_is_not_0_takes_the_values_away() -> None:
    rig = sdi12(Vegapuls21(Noise(1, "radar"), values={"status": 13.0}))
    block = rig.run(found_and_read(rig, "vegapuls-21"))
    assert values_of(block)["status"] == 13
    assert block.causes == dict.fromkeys(("level", "distance", "electronics_temperature", "reliability"), Cause.DEVICE)


def test_a_silent_sdi12_sensor_is_asked_nine_times_with_three_breaks() -> None:
    sensor = SoilProbe(Noise(1, "soil"))
    sensor.silent = True
    rig = sdi12(sensor)
    driver = rig.driver("generic-sdi12-soil")
    with pytest.raises(FrameError):
        rig.run(driver.read(driver.points))
    assert "".join({"~~": "b", ">>": "c"}[direction] for _, direction, _ in rig.port.log) == "bcccbcccbccc"
    gaps = [later - earlier for (earlier, *_), (later, *_) in zip(rig.port.log, rig.port.log[1:], strict=False)]
    assert min(gaps) >= 12_500 + 8_800


def test_an_adapter_that_echoes_the_command_is_understood() -> None:
    class Echo(SoilProbe):
        def answer(self, request: bytes, now_s: float) -> list[Any]:
            first, *rest = super().answer(request, now_s)
            return [first._replace(data=b"\0" + request + b"!" + first.data), *rest]

    rig = sdi12(Echo(Noise(1, "soil")))
    assert values_of(rig.run(found_and_read(rig, "generic-sdi12-soil"))) == CASES["generic-sdi12-soil"][2]
