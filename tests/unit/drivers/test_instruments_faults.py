"""Every fault by name against every family: no wrong value, the right cause, and sound again when it ends."""

from __future__ import annotations

from collections import Counter

import pytest

from contract.reading import Cause
from drivers.base import DevicePoint, Driver
from drivers.errors import DriverError
from firmware_sim.core.faults import Fault, FaultName
from firmware_sim.core.instrument import Instrument
from firmware_sim.core.instrument_faults import NAMED_FAULTS
from firmware_sim.core.noise import Noise
from tests.unit.drivers.test_instruments_noise import FAMILIES, SHOWN, close, measured
from tests.unit.drivers.virtual_instruments import Rig, with_settings

READS = 20
LATE_S = {"generic-sdi12-soil": 0.08}
USUALLY_LATE_S = 0.3
"""Past the time-out of 0.2 s (SDI-12: 0.07 s), within the quiet pause after it."""
BROKEN = {Cause.CRC, Cause.PROTOCOL, Cause.TIMEOUT}
MARKED = {Cause.DEVICE, Cause.SENTINEL}
# What the driver must say of each fault; nothing where the value must come all the same.
CAUSES: dict[FaultName, set[Cause]] = {
    "silent": {Cause.TIMEOUT},
    "late": {Cause.TIMEOUT},
    "short": BROKEN,
    "crc": {Cause.CRC},
    "wrong_unit": {Cause.PROTOCOL},
    "wrong_function": {Cause.PROTOCOL},
    "babble": BROKEN,
    "stuck": BROKEN,
    "noise_before": set(),
    "noise_after": set(),
    "previous": set(),
    "twice": set(),
    "sentinel": MARKED,
}
# Talk has no question that an answer could be late for; one number cannot say that there is none; a temperature that
# stands beside a wind that is not valid is valid; and where a break leaves noise of its own, more of it is no answer.
ELSEWHERE: dict[tuple[str, FaultName], set[Cause]] = {
    ("plantower-pms5003", "late"): set(),
    ("nova-sds011", "late"): set(),
    ("generic-nmea-wind", "late"): set(),
    ("winsen-mh-z19b", "sentinel"): set(),
    ("vaisala-wxt530", "sentinel"): set(),
    ("generic-sdi12-soil", "noise_before"): {Cause.CRC},
}
# The first answer of all has none before it; an SPS30's first was to its start; SDI-12 tells them from one another.
FIRST: dict[FaultName, set[Cause]] = {"previous": BROKEN}
PAIRS = [
    (name, fault)
    for name, (kind, *_) in FAMILIES.items()
    for fault in sorted(NAMED_FAULTS)
    if kind(Noise(1, name)).suits(fault)
]


def test_every_family_has_its_faults() -> None:
    counted = Counter(name for name, _ in PAIRS)
    assert min(counted.values()) >= len(NAMED_FAULTS) - 2
    assert CAUSES.keys() == NAMED_FAULTS


async def is_sound(driver: Driver, points: tuple[DevicePoint, ...]) -> bool:
    """Return whether values come again; what a stuck transmitter has still to say takes its time."""
    for _ in range(30):
        try:
            await driver.probe()
            return not (await driver.read(points)).causes
        except DriverError:
            continue
    return False


@pytest.mark.parametrize(("name", "fault"), PAIRS)
def test_a_fault_by_name_gives_its_cause_and_no_wrong_value(name: str, fault: FaultName) -> None:
    kind, _, line, settings, quantities = FAMILIES[name]
    twin = kind(Noise(5, name + fault))
    if "measure_s" in twin.values:
        twin.set("measure_s", 0.0)
    sent: list[tuple[float, ...]] = []

    def count(one: Instrument) -> None:
        number = len(sent)
        for quantity, value in quantities.values():
            one.set(quantity, float(value(number)))
        sent.append(tuple(SHOWN.get(key, float)(value(number)) for key, (_, value) in quantities.items()))

    twin.before_frame = count
    rig = Rig(twin, **line)

    async def scenario() -> tuple[list[Cause], int, bool]:
        driver = rig.driver(with_settings(name, **settings))
        points = tuple(point for point in driver.points if point.key in quantities)
        await driver.probe()
        twin.named[fault] = Fault(name=fault, delay_s=LATE_S.get(name, USUALLY_LATE_S))
        causes: list[Cause] = []
        good = 0
        for _ in range(READS):
            try:
                block = await driver.read(points)
            except DriverError as error:
                causes.append(error.cause)
                continue
            causes += set(block.causes.values())
            if not block.causes:
                # Two measurements may lie between: a talker's is a period old, an asked one is asked three times.
                assert any(close([measured(value) for value in block.values], one) for one in sent[-4:])
                good += 1
        assert twin.counters.get(fault, 0) >= READS / 2 or fault == "sentinel"
        twin.named.clear()
        return causes, good, await is_sound(driver, points)

    causes, good, is_sound_again = rig.run(scenario())
    expected = ELSEWHERE.get((name, fault), CAUSES[fault])
    assert set(causes) <= expected | FIRST.get(fault, set())
    assert good >= (0 if expected else READS - 1)
    assert (good == 0) or not expected
    assert is_sound_again


@pytest.mark.parametrize("name", FAMILIES)
def test_a_fault_ends_by_its_time(name: str) -> None:
    kind, _, line, settings, _ = FAMILIES[name]
    twin = kind(Noise(5, name))
    twin.named["silent"] = Fault(name="silent", ends_s=100.0)
    rig = Rig(twin, **line)
    driver = rig.driver(with_settings(name, **settings))
    with pytest.raises(DriverError):
        rig.run(driver.read(driver.points))
    assert twin.active_faults() == ["silent"]
    twin.simulated_s = 100.0
    assert twin.active_faults() == []
    rig.run(driver.probe())
    assert not rig.run(driver.read(driver.points)).causes
