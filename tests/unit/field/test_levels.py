"""Drain levels and fills of bins: distance sensors read through the agent's driver, where a place adjusts them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from config.adjust import Adjust, adjusted
from config.agent import DeviceConfig
from config.points import FieldPoint
from config.profile import load_profile
from contract.reading import Block, Cause
from drivers.lines.memory import VirtualTime
from drivers.registry import build_driver
from drivers.serial.fields import value_of
from tests.unit.field.test_profiles_and_twins import UNIT, TwinLine


def read(model: str, device: dict[str, Any], values: dict[str, Any]) -> Block:
    config = DeviceConfig.model_validate({"id": "dev", "line": "bus", "unit": UNIT} | device)
    line = TwinLine(model, values)

    async def scenario() -> Block:
        driver = build_driver(config, load_profile(config.profile), line, VirtualTime())
        await driver.probe()
        return await driver.read(driver.points)

    return asyncio.run(scenario())


DRAIN = {"profile": "generic-ultrasonic-level", "adjust": {"distance": {"mounting_height_m": 3.2}}}
BIN = {"profile": "generic-ultrasonic-bin", "adjust": {"distance": {"mounting_height_m": 1.5, "depth_m": 1.2}}}


@pytest.mark.parametrize(
    ("device", "distance_m", "key", "value"),
    [
        (DRAIN, 0.754, "level", 2.446),
        (DRAIN, 3.2, "level", 0.0),
        (BIN, 1.5, "fill", 0.0),
        (BIN, 1.05, "fill", 37.5),
        (BIN, 0.3, "fill", 100.0),
    ],
)
def test_a_distance_becomes_what_the_place_makes_of_it(
    device: dict[str, Any], distance_m: float, key: str, value: float
) -> None:
    block = read("generic-ultrasonic", device, {"distance": distance_m})
    found = dict(zip(block.keys, block.values, strict=True))
    assert found[key] == value
    assert block.causes == {}
    assert "distance" not in found


def test_no_echo_is_no_level() -> None:
    block = read("generic-ultrasonic", DRAIN, {"echo": "none"})
    assert block.causes == {"level": Cause.SENTINEL}


def test_a_lid_that_is_too_near_is_out_of_range() -> None:
    # The sensor's blind zone: 0.02 m of it are no full bin.
    assert read("generic-ultrasonic", BIN, {"distance": 0.01}).causes == {"fill": Cause.RANGE}


def test_a_radar_whose_own_level_is_left_out_gives_one_by_the_place() -> None:
    device = {
        "profile": "radar-level-ld8001h",
        "points": ["distance"],
        "adjust": {"distance": {"mounting_height_m": 4.5}},
    }
    block = read("radar-level-ld8001h", device, {"level": 0.35, "mounting_height": 4.2})
    assert (block.keys, block.values) == (("level",), (0.65,))


def test_a_wind_in_tenths_is_set_right_by_its_place() -> None:
    device = {
        "profile": "renke-rs-fsxcs",
        "points": ["wind_speed"],
        "adjust": {"wind_speed": {"scale": 10, "high": 60}},
    }
    # A station of the other year shows 3.2 m/s as 32: a tenth of what the profile takes it for.
    block = read("renke-rs-fsxcs", device, {"wind_speed": 0.32})
    assert (block.keys, block.values) == (("wind_speed",), (3.2,))
    assert read("renke-rs-fsxcs", device, {"wind_speed": 6.1}).causes == {"wind_speed": Cause.RANGE}


def test_a_field_of_a_serial_instrument_is_adjusted_alike() -> None:
    distance = FieldPoint(key="distance", en="d", vi="d", unit="m", field="C.2", low=0, high=20)
    spec = adjusted(distance, Adjust(mounting_height_m=6.0))
    assert isinstance(spec, FieldPoint)
    assert value_of(spec, 4.25) == (1.75, Cause.OK)
    assert value_of(spec, 20.5) == (None, Cause.RANGE)
    assert value_of(spec, Cause.DEVICE) == (None, Cause.DEVICE)
