"""No wrong value: 2,000 frames of each family, one in a hundred damaged and one in twenty missing, three seeds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from contract.reading import Value
from drivers.errors import DriverError
from firmware_sim.core.instrument import Instrument, InstrumentFaults
from firmware_sim.core.noise import Noise
from firmware_sim.twins.air_instruments import NovaSds011, PlantowerPms5003, SensirionSps30, WinsenGas
from firmware_sim.twins.sdi12_sensors import SoilProbe
from firmware_sim.twins.weather_instruments import NmeaAnemometer, VaisalaWxt530, VaisalaWxt530Automatic
from tests.unit.drivers.virtual_instruments import SDI12, Rig, with_settings

FRAMES = 2000
MISSING = 0.06

# Per family: the twin, its share of damaged bytes, the line, the settings, and per point the quantity and its value for
# the measurement of a number: no two measurements agree in any value, so a stale or mixed one is seen.
Number = Callable[[int], float]
FAMILIES: dict[str, tuple[type[Instrument], float, dict[str, Any], dict[str, Any], dict[str, tuple[str, Number]]]] = {
    "plantower-pms5003": (
        PlantowerPms5003, 0.002, {}, {},
        {"pm1": ("pm1", lambda n: n % 300), "pm2_5": ("pm2_5", lambda n: 300 + n % 300),
         "pm10": ("pm10", lambda n: 600 + n % 300)},
    ),
    "nova-sds011": (
        NovaSds011, 0.002, {}, {},
        {"pm2_5": ("pm2_5", lambda n: n % 7000 / 10), "pm10": ("pm10", lambda n: 250 + n % 7000 / 10)},
    ),
    "sensirion-sps30": (
        SensirionSps30, 0.001, {"baud": 115_200}, {},
        {"pm1": ("pm1", lambda n: n % 3900 / 4), "typical_size": ("typical_size", lambda n: n / 1024)},
    ),
    "winsen-mh-z19b": (WinsenGas, 0.002, {}, {}, {"co2": ("raw", lambda n: 400 + n % 9000)}),
    "vaisala-wxt530": (
        VaisalaWxt530, 0.0005, {"baud": 19_200}, {},
        {"air_temperature": ("Ta", lambda n: -50 + n % 1000 / 10), "rain_total": ("Rc", lambda n: n / 4)},
    ),
    "generic-nmea-wind": (
        NmeaAnemometer, 0.0005, {"baud": 4800}, {},
        {"wind_direction": ("angle", lambda n: n % 3600 / 10), "wind_speed": ("speed_kmh", lambda n: n % 2500 / 10)},
    ),
    "generic-sdi12-soil": (
        SoilProbe, 0.001, SDI12, {},
        {"moisture": ("moisture", lambda n: n % 9000 / 100), "conductivity": ("conductivity", lambda n: 100 + n)},
    ),
}  # fmt: skip
SHOWN: dict[str, Callable[[float], float]] = {"wind_speed": lambda kmh: kmh / 3.6}


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("name", FAMILIES)
def test_noise_and_missing_frames_give_no_wrong_value(name: str, seed: int) -> None:
    kind, noise, line, settings, quantities = FAMILIES[name]
    faults = InstrumentFaults(missing=MISSING, noise=noise)
    twin = kind(Noise(seed, name), faults=faults)
    sent: list[tuple[float, ...]] = []

    def count(one: Instrument) -> None:
        number = len(sent)
        for quantity, value in quantities.values():
            one.set(quantity, float(value(number)))
        sent.append(tuple(SHOWN.get(key, float)(value(number)) for key, (_, value) in quantities.items()))

    twin.before_frame = count
    rig = Rig(twin, **line)
    if "measure_s" in twin.values:
        twin.set("measure_s", 0.0)

    async def scenario() -> tuple[int, int, int]:
        driver = rig.driver(with_settings(name, **settings))
        points = tuple(point for point in driver.points if point.key in quantities)
        proved = good = bad = 0
        newest = -1
        while sum(twin.counters.values()) < FRAMES:
            try:
                if not proved:
                    await driver.probe()
                    proved = 1
                block = await driver.read(points)
            except DriverError:
                bad += 1
                continue
            assert not block.causes
            found = [measured(value) for value in block.values]
            # The measurement is one that was sent, whole, and not older than what was read before or waits in a port.
            number = next(
                (place for place in range(len(sent) - 1, max(newest, len(sent) - 4), -1) if close(found, sent[place])),
                None,
            )
            assert number is not None, f"{found} was not sent lately; the last were {sent[-4:]}"
            newest = number
            good += 1
        return good, bad, newest

    good, _, _ = rig.run(scenario())
    counters = twin.counters
    # Enough of everything happened for the zero to mean something.
    assert counters["noise"] >= 0.01 * FRAMES
    assert counters["missing"] >= 0.05 * FRAMES
    assert good >= 0.2 * FRAMES


def measured(value: Value | None) -> float:
    assert isinstance(value, int | float)
    return float(value)


def close(found: list[float], sent: tuple[float, ...]) -> bool:
    return all(abs(one - other) < 1e-5 for one, other in zip(found, sent, strict=True))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_an_automatic_transmitter_that_is_disturbed_gives_no_wrong_value(seed: int) -> None:
    """Its messages come one after another, so each value is held against what its own message last said."""
    twin = VaisalaWxt530Automatic(Noise(seed, "wxt"), faults=InstrumentFaults(missing=MISSING, noise=0.0005))
    said: list[dict[str, float]] = []
    keys = {"air_temperature": "Ta", "humidity": "Ua", "wind_direction": "Dm", "rain_total": "Rc"}

    def count(one: Instrument) -> None:
        number = len(said)
        values = {"Ta": -50 + number % 1000 / 10, "Ua": number % 1000 / 10, "Dm": number % 360, "Rc": number / 4}
        for quantity, value in values.items():
            one.set(quantity, float(value))
        said.append({key: float(values[quantity]) for key, quantity in keys.items()})

    twin.before_frame = count
    rig = Rig(twin, baud=19_200)

    async def scenario() -> int:
        driver = rig.driver(with_settings("vaisala-wxt530", mode="automatic", period_s=2))
        points = tuple(point for point in driver.points if point.key in keys)
        values = 0
        while sum(twin.counters.values()) < FRAMES:
            begun = len(said)
            try:
                block = await driver.read(points)
            except DriverError:
                continue
            assert not block.causes
            for key, value in zip(block.keys, block.values, strict=True):
                assert any(abs(measured(value) - one[key]) < 1e-6 for one in said[max(0, begun - 1) :]), (key, value)
                values += 1
        return values

    assert rig.run(scenario()) >= 0.5 * FRAMES
    assert twin.counters["noise"] >= 0.01 * FRAMES
    assert twin.counters["missing"] >= 0.05 * FRAMES
