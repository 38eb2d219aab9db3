"""Instruments under the poller: what a talker leaves out, slow measurements, silence and return."""

from __future__ import annotations

from typing import Any

from config.agent import DeviceConfig, Intervals, SerialLine
from config.profile import InstrumentProfile
from contract.reading import Block, Cause
from drivers.registry import build_driver
from drivers.serial.driver import ABSENT_SAMPLES
from edge_agent.shell.devices import Device
from edge_agent.shell.poller import Poller
from firmware_sim.core.instrument import Instrument
from firmware_sim.core.noise import Noise
from firmware_sim.twins.air_instruments import PlantowerPms5003, WinsenZe03
from firmware_sim.twins.sdi12_sensors import SoilProbe
from firmware_sim.twins.weather_instruments import VaisalaWxt530, VaisalaWxt530Automatic
from tests.unit.drivers.virtual_instruments import SDI12, Rig, with_settings
from tests.unit.edge_agent.virtual_agent import run_for


class Field:
    """One polled instrument."""

    def __init__(self, twin: Instrument, profile: InstrumentProfile, normal_s: float, **line: Any) -> None:
        self.rig = Rig(twin, **line)
        self.blocks: list[Block] = []
        config = DeviceConfig(id="dev", profile=profile.profile, line="bus")
        device = Device(
            config=config,
            profile=profile,
            line=self.rig.line,
            line_config=SerialLine(id="bus", kind="serial", port="memory", timeout_s=0.2),
            driver=build_driver(config, profile, self.rig.line, self.rig.time),
            intervals=Intervals(normal_s=normal_s, slow_s=normal_s),
        )
        self.poller = Poller((device,), self.rig.time, lambda _, block: self.blocks.append(block))

    def poll(self, seconds: float) -> None:
        self.rig.run(run_for(seconds, self.poller.run()))

    def causes(self, block: Block) -> set[Cause]:
        return {block.causes.get(key, Cause.OK) for key in block.keys}


class NoRain(VaisalaWxt530Automatic):
    messages = {number: parts for number, parts in VaisalaWxt530.messages.items() if number != 3}  # noqa: RUF012 - a class variable of the twin


def test_what_a_talker_leaves_out_is_not_sampled_and_then_no_longer_asked_for() -> None:
    profile = with_settings("vaisala-wxt530", mode="automatic", period_s=2)
    field = Field(NoRain(Noise(1, "wxt")), profile, 10.0, baud=19_200)
    field.poll(10.0 * (ABSENT_SAMPLES + 5))
    rain = {"rain_total", "rain_intensity"}
    assert all(not rain & set(block.keys) for block in field.blocks[: ABSENT_SAMPLES - 1])
    [told] = [block for block in field.blocks if rain & set(block.keys)]
    assert told.causes == dict.fromkeys(rain, Cause.UNSUPPORTED)
    assert all(field.causes(block) == {Cause.OK} for block in field.blocks if block is not told)
    # Once nobody waits for the rain, a read no longer takes the whole period.
    assert len(field.blocks) > ABSENT_SAMPLES
    status = field.poller.status(field.rig.time.monotonic_ms())[0]
    assert (status["failures"], status["set_aside"]) == ({"unsupported": 1}, False)


def test_a_slow_measurement_is_no_stuck_line() -> None:
    probe = SoilProbe(Noise(1, "soil"), values={"measure_s": 100.0})
    field = Field(probe, with_settings("generic-sdi12-soil", max_wait_s=120), 200.0, **SDI12)
    field.poll(400.0)
    assert field.poller.passes >= 395
    assert [field.causes(block) for block in field.blocks] == [{Cause.OK}] * 2


def test_a_talker_that_falls_silent_is_set_aside_and_found_again() -> None:
    sensor = PlantowerPms5003(Noise(1, "pms"))
    field = Field(sensor, with_settings("plantower-pms5003"), 5.0)
    field.poll(12.0)
    sensor.silent = True
    good = len(field.blocks)
    field.poll(60.0)
    silent = field.blocks[good:]
    assert {cause for block in silent for cause in field.causes(block)} == {Cause.TIMEOUT, Cause.SET_ASIDE}
    assert all(value is None for block in silent for value in block.values)
    sensor.silent = False
    away = len(field.blocks)
    field.poll(600.0)
    assert field.causes(field.blocks[-1]) == {Cause.OK}
    assert len(field.blocks) > away + 5


def test_a_sensor_that_was_away_is_told_again_to_wait_for_questions() -> None:
    sensor = WinsenZe03(Noise(1, "co"))
    field = Field(sensor, with_settings("winsen-ze03-co"), 5.0)
    field.poll(12.0)
    sensor.silent, sensor.asked = True, False
    field.poll(60.0)
    sensor.silent = False
    field.poll(600.0)
    assert sensor.asked
    assert field.causes(field.blocks[-1]) == {Cause.OK}
