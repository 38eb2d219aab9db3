"""Every shipped profile against the simulated instrument of its type, which shares neither map nor codec with it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.agent import DeviceConfig
from config.profile import ModbusProfile, load_profile, shipped_profiles
from contract.reading import Block, Cause
from drivers.base import Driver, Exchange, Framing, LineCounters, Moment
from drivers.errors import Fault, FrameError, UnsupportedError
from drivers.lines.memory import VirtualTime
from drivers.registry import build_driver
from firmware_sim.core.codec import Request, pack
from firmware_sim.core.noise import Noise
from firmware_sim.core.server import serve
from firmware_sim.twins import MODELS

UNIT = 7
CASES = sorted((Path(__file__).parents[2] / "fixtures" / "twins").glob("*.yaml"))
OLDER = {"eastron-sdm630", "waveshare-relay-d"}
"""Proved by tests of their own, on whole cabinets."""


class TwinLine:
    """A line whose only unit is a simulated instrument; requests and answers cross it as RTU frames."""

    framing: Framing = "rtu"
    id = "bus"
    up = True

    def __init__(self, model: str, values: dict[str, Any]) -> None:
        self.counters = LineCounters()
        self.twin = MODELS[model](UNIT, Noise(1, model), values=values)
        self.now_ms = 1000

    async def exchange(self, exchange: Exchange, *, urgent: bool = False) -> Moment:
        frame = exchange.begin(self.now_ms)
        self.now_ms += 100
        await asyncio.sleep(0)
        request = Request("rtu", frame[0], frame[1:-2])
        answer = serve(self.twin, request.pdu, self.now_ms / 1000) if request.unit == UNIT else None
        if answer is None:
            raise FrameError(Fault.TIMEOUT, f"no answer{', urgent' if urgent else ''}")
        assert exchange.feed(pack(request, answer.pdu))
        return Moment(self.now_ms, self.now_ms)

    async def close(self) -> None:
        """Nothing to close."""


def driver_of(profile: str, line: TwinLine) -> Driver:
    device = DeviceConfig(id="dev", profile=profile, line="bus", unit=UNIT)
    return build_driver(device, load_profile(profile), line, VirtualTime())


def case_of(file: Path) -> dict[str, Any]:
    case: dict[str, Any] = yaml.safe_load(file.read_text("utf-8"))
    return case


@pytest.mark.parametrize("file", CASES, ids=lambda file: file.stem)
def test_a_profile_reads_what_its_twin_holds(file: Path) -> None:
    case = case_of(file)
    line = TwinLine(case["model"], case.get("values", {}))

    async def scenario() -> Block:
        driver = driver_of(case["profile"], line)
        await driver.probe()
        return await driver.read(driver.points)

    block = asyncio.run(scenario())
    found = dict(zip(block.keys, block.values, strict=True))
    causes = case.get("causes", {})
    assert {key: found[key] for key in case["expect"]} == {
        key: pytest.approx(value, rel=1e-6) if isinstance(value, float) else value
        for key, value in case["expect"].items()
    }
    assert block.causes == {key: Cause(cause) for key, cause in causes.items()}
    # Nothing else of it is left out: every point has a value, or the case says why not.
    assert {key for key, value in found.items() if value is None} <= set(causes)


REFUSED = [(case_of(file)["profile"], model) for file in CASES for model in case_of(file).get("refuses", ())]


@pytest.mark.parametrize(("profile", "model"), REFUSED)
def test_a_probe_refuses_the_wrong_variant(profile: str, model: str) -> None:
    async def scenario() -> None:
        with pytest.raises(UnsupportedError, match="not the device of its profile"):
            await driver_of(profile, TwinLine(model, {})).probe()

    asyncio.run(scenario())


def test_every_modbus_profile_has_a_twin() -> None:
    proved = {case_of(file)["profile"] for file in CASES} | OLDER
    modbus = {name for name in shipped_profiles() if isinstance(load_profile(name), ModbusProfile)}
    assert modbus - proved == set()


def test_every_profile_with_a_probe_names_a_variant_that_it_refuses() -> None:
    with_probe = {
        name
        for name in shipped_profiles()
        if getattr(load_profile(name), "probe", None) is not None and name not in OLDER
    }
    assert with_probe - {profile for profile, _ in REFUSED} == set()
