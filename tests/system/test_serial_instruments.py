"""Instruments on real pseudo-terminals: the simulator's talkers and sensors, the agent's line and drivers."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from pydantic import TypeAdapter

from config.agent import DeviceConfig, SerialLine
from config.errors import ConfigErrors
from config.profile import load_profile
from contract.reading import Block, Cause, Value
from drivers.base import Driver
from drivers.errors import DriverError, LineDownError
from drivers.lines.serial import SerialBusLine
from drivers.registry import build_driver
from drivers.serial.sdi12_sensor import change_address, find_address, identify
from edge_agent.cli.commands import edge_agent
from firmware_sim.actions import Action
from firmware_sim.app import Simulator, running
from firmware_sim.instrument_line import InstrumentLine
from firmware_sim.scenario import load_config
from firmware_sim.steps import ActionError
from tests.servers.waiting import wait_until
from tests.unit.drivers.virtual_instruments import with_settings

LINES: dict[str, dict[str, Any]] = {
    "air": {"baud": 9600},
    "fan": {"baud": 9600},
    "sps": {"baud": 115_200},
    "gas": {"baud": 9600},
    "wxt": {"baud": 19_200},
    "nmea": {"baud": 4800},
    "sdi": {"baud": 1200, "data_bits": 7, "parity": "E"},
}
CONFIG = """\
seed: 5
lines:
  - id: air
    kind: instrument
    instruments: [{id: pms, model: plantower-pms5003, period_s: 0.05}]
  - id: fan
    kind: instrument
    instruments: [{id: sds, model: nova-sds011, period_s: 0.02, faults: {noise: 0.004, missing: 0.05, checksum: 0.02}}]
  - id: sps
    kind: instrument
    baud: 115200
    instruments: [{id: sps30, model: sensirion-sps30}]
  - id: gas
    kind: instrument
    instruments: [{id: co2, model: winsen-mh-z19b, values: {raw: 812}}]
  - id: wxt
    kind: instrument
    baud: 19200
    instruments: [{id: weather, model: vaisala-wxt530, faults: {invalid: 1.0}}]
  - id: nmea
    kind: instrument
    baud: 4800
    instruments: [{id: wind, model: nmea-wind, period_s: 0.15}]
  - id: sdi
    kind: instrument
    baud: 1200
    data_bits: 7
    parity: E
    instruments:
      - {id: soil, model: sdi12-soil, values: {measure_s: 0.5}}
      - {id: radar, model: vegapuls-21, address: "5", values: {measure_s: 0.9}}
"""


class SystemClock:
    def wall_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic_ms(self) -> int:
        return time.monotonic_ns() // 1_000_000


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Simulator]:
    file = tmp_path / "simulator.yaml"
    file.write_text(CONFIG, encoding="utf-8")
    with running(Simulator(load_config(file))) as started:
        yield started


def instrument_line(simulator: Simulator, name: str) -> InstrumentLine:
    line = simulator.lines[name]
    assert isinstance(line, InstrumentLine)
    return line


def opened(simulator: Simulator, name: str) -> SerialBusLine:
    path = instrument_line(simulator, name).path
    config = SerialLine(id=name, kind="serial", port=path, timeout_s=0.5, quiet_pause_s=0.1, **LINES[name])
    return SerialBusLine(config, SystemClock())


def driver_on(line: SerialBusLine, profile: str, address: str = "0", **settings: Any) -> Driver:
    loaded = with_settings(profile, **settings) if settings else load_profile(profile)
    device = DeviceConfig(id=f"dev-{address.lower()}", profile=profile, line=line.id, address=address)
    return build_driver(device, loaded, line, SystemClock())


async def found_and_read(line: SerialBusLine, driver: Driver) -> dict[str, tuple[Value | None, Cause]]:
    await driver.probe()
    block = await driver.read(driver.points)
    await line.close()
    return shown(block)


def shown(block: Block) -> dict[str, tuple[Value | None, Cause]]:
    return {key: (value, block.causes.get(key, Cause.OK)) for key, value in zip(block.keys, block.values, strict=True)}


@pytest.mark.parametrize(
    ("line", "profile", "expected"),
    [
        ("air", "plantower-pms5003", {"pm2_5": (8.0, Cause.OK), "n0_3": (9.0, Cause.OK)}),
        ("fan", "nova-sds011", {"pm2_5": (0.6, Cause.OK), "sensor_id": ("58D9", Cause.OK)}),
        ("sps", "sensirion-sps30", {"pm1": (5.25, Cause.OK), "typical_size": (0.75, Cause.OK)}),
        ("gas", "winsen-mh-z19b", {"co2": (812.0, Cause.OK)}),
        ("wxt", "vaisala-wxt530", {"pressure": (928.1, Cause.OK), "wind_speed": (None, Cause.DEVICE)}),
        ("nmea", "generic-nmea-wind", {"wind_direction": (214.8, Cause.OK), "wind_speed": (1.0, Cause.OK)}),
        ("sdi", "generic-sdi12-soil", {"moisture": (31.25, Cause.OK), "conductivity": (410.0, Cause.OK)}),
    ],
)
def test_values_come_over_a_pseudo_terminal(
    simulator: Simulator, line: str, profile: str, expected: dict[str, tuple[Value | None, Cause]]
) -> None:
    bus = opened(simulator, line)
    found = asyncio.run(found_and_read(bus, driver_on(bus, profile)))
    assert {key: found[key] for key in expected} == expected


def test_two_sdi12_sensors_share_a_line(simulator: Simulator) -> None:
    async def scenario() -> list[Block]:
        bus = opened(simulator, "sdi")
        soil, radar = driver_on(bus, "generic-sdi12-soil"), driver_on(bus, "vegapuls-21", "5")
        await radar.probe()
        blocks = await asyncio.gather(soil.read(soil.points), radar.read(radar.points))
        await bus.close()
        return list(blocks)

    soil, radar = asyncio.run(scenario())
    assert shown(soil)["temperature"] == (24.5, Cause.OK)
    assert shown(radar)["level"] == (1.25, Cause.OK)


def test_an_sdi12_sensor_is_named_and_given_another_address(simulator: Simulator) -> None:
    async def scenario() -> tuple[str, str, str]:
        bus = opened(simulator, "sdi")
        before = await identify(bus, "5")
        await change_address(bus, "5", "c")
        after = await identify(bus, "c")
        instrument_line(simulator, "sdi").instruments["soil"].silent = True
        only = await find_address(bus)
        await bus.close()
        return before.model, after.rest, only

    assert asyncio.run(scenario()) == ("PSC 21", "43210123", "c")


def test_a_disturbed_talker_gives_its_values_or_a_cause(simulator: Simulator) -> None:
    twin = instrument_line(simulator, "fan").instruments["sds"]
    sent: list[float] = []

    def count(one: Any) -> None:
        sent.append(len(sent) / 10)
        one.set("pm2_5", sent[-1])
        one.set("pm10", sent[-1] + 300)

    twin.before_frame = count

    async def scenario() -> list[tuple[Value | None, Value | None]]:
        bus = opened(simulator, "fan")
        driver = driver_on(bus, "nova-sds011", period_s=0.2)
        found = []
        while sum(twin.counters.values()) < 250:
            try:
                block = await driver.read(driver.points)
            except DriverError:
                continue
            found.append((block.values[0], block.values[1]))
        await bus.close()
        return found

    found = asyncio.run(scenario())
    pairs = {(round(value, 1), round(value + 300, 1)) for value in sent} | {(0.6, 0.9)}
    assert set(found) - pairs == set()
    assert len(found) > 50
    assert twin.counters["noise"] >= 3


def test_a_line_that_goes_away_is_found_again(simulator: Simulator) -> None:
    line = instrument_line(simulator, "gas")

    async def scenario() -> float:
        bus = opened(simulator, "gas")
        driver = driver_on(bus, "winsen-mh-z19b")
        await driver.read(driver.points)
        line.stop()
        with pytest.raises(LineDownError):
            await driver.read(driver.points)
        await bus.close()
        line.start()
        again = opened(simulator, "gas")
        block = await driver_on(again, "winsen-mh-z19b").read(driver.points)
        await again.close()
        return float(str(block.values[0]))

    assert asyncio.run(scenario()) == 812.0


def test_the_simulator_tells_the_truth_of_its_instruments(simulator: Simulator) -> None:
    bus = opened(simulator, "gas")
    asyncio.run(found_and_read(bus, driver_on(bus, "winsen-mh-z19b")))
    truth = simulator.status()["lines"]["gas"]
    assert truth["values"] == {"co2": {"raw": 812.0}}
    assert truth["frames"] == {"co2": {"sound": 1}}
    [ready] = [line for line in simulator.ready()["lines"] if line["id"] == "sdi"]
    assert (ready["kind"], ready["data_bits"], ready["parity"]) == ("instrument", 7, "E")


def act(simulator: Simulator, **facts: Any) -> None:
    simulator.apply(TypeAdapter[Action](Action).validate_python({"do": "instrument", **facts}))


def test_instruments_are_changed_while_they_run(simulator: Simulator) -> None:
    async def scenario() -> tuple[Any, Any, Any]:
        bus = opened(simulator, "gas")
        driver = driver_on(bus, "winsen-mh-z19b")
        act(simulator, device="co2", values={"raw": 1234})
        changed = (await driver.read(driver.points)).values[0]
        act(simulator, device="co2", faults={"checksum": 1.0})
        with pytest.raises(DriverError) as damaged:
            await driver.read(driver.points)
        act(simulator, device="co2", silent=True, faults={})
        with pytest.raises(DriverError) as silent:
            await driver.read(driver.points)
        await bus.close()
        return changed, damaged.value.cause, silent.value.cause

    assert asyncio.run(scenario()) == (1234.0, Cause.CRC, Cause.TIMEOUT)


@pytest.mark.parametrize(
    ("facts", "key"),
    [
        ({"device": "none"}, "device"),
        ({"device": "co2", "values": {"ppm": 3}}, "values"),
        ({"device": "sds", "values": {"id": 3}}, "values"),
    ],
)
def test_a_change_of_what_is_not_there_changes_nothing(simulator: Simulator, facts: dict[str, Any], key: str) -> None:
    before = simulator.status()["lines"]["fan"]["values"]
    with pytest.raises(ActionError) as error:
        act(simulator, **facts)
    assert error.value.key == key
    assert simulator.status()["lines"]["fan"]["values"] == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("model: winsen-mh-z19b, values: {raw: 812}|model: winsen-mh-z19c", "winsen-mh-z19b"),
        ("values: {raw: 812}|values: {ppm: 812}", "raw"),
        ("id: co2|id: soil", "soil"),
    ],
)
def test_mistakes_in_the_simulators_file_are_named(tmp_path: Path, change: str, message: str) -> None:
    file = tmp_path / "simulator.yaml"
    before, _, after = change.partition("|")
    file.write_text(CONFIG.replace(before, after), encoding="utf-8")
    with pytest.raises(ConfigErrors, match=message):
        load_config(file)


def agent_file(folder: Path, simulator: Simulator) -> Path:
    file = folder / "agent.yaml"
    path = instrument_line(simulator, "sdi").path
    file.write_text(
        f"gateway: gw-1\nlines:\n  - {{id: sdi, kind: serial, port: {path}, baud: 1200, data_bits: 7, parity: E}}\n",
        encoding="utf-8",
    )
    return file


def sdi12_cli(file: Path, *arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(edge_agent, ["sdi12", *arguments, "--config", str(file)])
    return result.exit_code, result.output


def test_the_technician_asks_who_is_on_the_line(simulator: Simulator, tmp_path: Path) -> None:
    file = agent_file(tmp_path, simulator)
    soil = instrument_line(simulator, "sdi").instruments["soil"]
    soil.silent = True
    code, output = sdi12_cli(file, "sdi")
    assert (code, output) == (0, "address 5: VEGA PSC 21, version 001, 43210123 (SDI-12 14)\n")
    code, output = sdi12_cli(file, "sdi", "--address", "5", "--change-to", "7", "--json")
    assert (code, json.loads(output)["address"], json.loads(output)["vendor"]) == (0, "7", "VEGA")
    assert instrument_line(simulator, "sdi").instruments["radar"].address == "7"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("sdj",), 2, "no serial line 'sdj'; there are: sdi"),
        (("sdi", "--address", "9"), 5, "no answer in time"),
        (("sdi", "--address", "5", "--change-to", "?"), 2, "no SDI-12 address"),
        (("sdi", "--address", "55"), 2, "'55' is no SDI-12 address"),
    ],
)
def test_what_goes_wrong_on_an_sdi12_line_is_said(
    simulator: Simulator, tmp_path: Path, arguments: tuple[str, ...], code: int, message: str
) -> None:
    found, output = sdi12_cli(agent_file(tmp_path, simulator), *arguments)
    assert (found, message in output) == (code, True), output


def test_a_line_that_listens_can_be_closed(simulator: Simulator) -> None:
    """A transmitter that is silent for an hour must not keep the agent from stopping."""
    instrument_line(simulator, "air").instruments["pms"].silent = True

    async def scenario() -> float:
        bus = opened(simulator, "air")
        driver = driver_on(bus, "plantower-pms5003", period_s=3600)
        reading = asyncio.create_task(driver.read(driver.points))
        await asyncio.to_thread(wait_until, lambda: bus.counters.requests > 0, 10.0, "the line to listen")
        await bus.close()
        with pytest.raises(DriverError):
            await reading
        return bus.counters.busy_s

    assert asyncio.run(scenario()) < 3600


def test_points_of_instruments_are_read_without_an_agent(simulator: Simulator, tmp_path: Path) -> None:
    file = tmp_path / "agent.yaml"
    lines = {name: instrument_line(simulator, name).path for name in ("air", "wxt", "sdi")}
    file.write_text(
        f"""\
gateway: gw-1
lines:
  - {{id: air, kind: serial, port: {lines["air"]}}}
  - {{id: wxt, kind: serial, port: {lines["wxt"]}, baud: 19200}}
  - {{id: sdi, kind: serial, port: {lines["sdi"]}, baud: 1200, data_bits: 7, parity: E}}
devices:
  - {{id: dust, profile: plantower-pms5003, line: air, names: {{pm2_5: fine_dust}}, points: [pm2_5]}}
  - {{id: weather, profile: vaisala-wxt530, line: wxt, points: [wind_speed, pressure]}}
  - {{id: drain, profile: vegapuls-21, line: sdi, address: "5"}}
""",
        encoding="utf-8",
    )
    result = CliRunner().invoke(edge_agent, ["read", "--json", "--config", str(file)])
    answer = json.loads(result.stdout)
    found = {one["point"]: (one["value"], one["cause"]) for one in answer["readings"]}
    assert answer["errors"] == {}
    assert found["dust/fine_dust"] == (8.0, "ok")
    assert found["weather/wind_speed"] == (None, "device")
    assert found["weather/pressure"] == (928.1, "ok")
    assert found["drain/level"] == (1.25, "ok")
    assert result.exit_code == 1
