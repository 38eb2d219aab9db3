"""A bus of 32 mixed instruments on one pseudo-terminal, polled as the agent polls it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.agent import AgentConfig
from config.profile import load_profile
from contract.reading import Block, Cause, Value
from edge_agent.shell.devices import Device, build_fleet
from edge_agent.shell.poller import Poller
from firmware_sim.app import Simulator, running
from firmware_sim.instrument_actions import QuantitySet
from firmware_sim.scenario import Scenario, load_config

UNITS = 32
CLASSES = {"meter", "charger", "water", "air", "level", "waste", "soil"}


def measuring_cases() -> list[dict[str, Any]]:
    """Return cases of instruments that measure, one of each profile first."""
    folder = Path(__file__).parents[1] / "fixtures" / "twins"
    cases = [yaml.safe_load(file.read_text("utf-8")) for file in sorted(folder.glob("*.yaml"))]
    measuring = [case for case in cases if load_profile(case["profile"]).device_class in CLASSES]
    first = {case["profile"]: case for case in reversed(measuring)}
    return [*first.values(), *(case for case in measuring if case is not first[case["profile"]])]


CASES = measuring_cases()[:UNITS]
"""What tests of profiles hold each of them to: model, its quantities, and what must be read of it."""
TIMEOUT_S, QUIET_S = 0.3, 0.1
PATIENCE_S = 150.0
DEAD = "unit-17"


class SystemClock:
    def wall_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic_ms(self) -> int:
        return time.monotonic_ns() // 1_000_000


class Witness:
    """Takes every block, refuses a wrong value at once, and wakes who waits for a condition."""

    def __init__(self) -> None:
        self.values: dict[str, dict[str, Value | None]] = {name: {} for name in names()}
        self.blocks: dict[str, list[Block]] = {name: [] for name in names()}
        self.expected = {name: expected_of(name) for name in names()}
        self.wrong: list[str] = []
        self._changed = asyncio.Event()

    def __call__(self, device: Device, block: Block) -> None:
        self.values[device.id].update(zip(block.keys, block.values, strict=True))
        self.blocks[device.id].append(block)
        expected = self.expected[device.id]
        for key, value in zip(block.keys, block.values, strict=True):
            if value is not None and key in expected and value != expected[key]:
                self.wrong.append(f"{device.id}/{key}: {value!r}, not {expected[key]!r}")
        self._changed.set()

    def whole(self, name: str) -> bool:
        """Whether everything that this instrument must show stands there now."""
        return all(self.values[name].get(key) == value for key, value in self.expected[name].items())

    def causes(self, name: str) -> set[Cause]:
        """Why points of its last block are not GOOD."""
        return set(self.blocks[name][-1].causes.values()) if self.blocks[name] else set()

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for a condition on what was read; the time-out names it."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not condition():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError as error:
            raise AssertionError(f"never: {what}") from error


def names() -> list[str]:
    return [f"unit-{unit}" for unit in range(1, UNITS + 1)]


def expected_of(name: str) -> dict[str, Any]:
    expect: dict[str, Any] = CASES[int(name.removeprefix("unit-")) - 1]["expect"]
    return {key: pytest.approx(value, rel=1e-6) if isinstance(value, float) else value for key, value in expect.items()}


def fitted(case: dict[str, Any]) -> dict[str, Any]:
    """Return which modules a modular device has: those of which something must be read."""
    return {"points": list(case["expect"])} if load_profile(case["profile"]).modular else {}


def act(simulator: Simulator, **action: Any) -> None:
    (step,) = Scenario.model_validate({"steps": [action]}).steps
    simulator.apply(step)


def run(folder: Path, scenario: Callable[[Simulator, Poller, Witness], Coroutine[Any, Any, None]]) -> None:
    """Poll the bus as the agent does while a scenario watches."""
    devices = [
        {"id": name, "kind": "instrument", "model": case["model"], "line": "bus", "unit": unit,
         "values": case.get("values", {})}
        for unit, (name, case) in enumerate(zip(names(), CASES, strict=True), 1)
    ]  # fmt: skip
    sim = {"lines": [{"id": "bus", "kind": "rtu", "baud": 115_200}], "devices": devices}
    (folder / "sim.yaml").write_text(json.dumps(sim), "utf-8")
    with running(Simulator(load_config(folder / "sim.yaml"))) as simulator:
        line = {"id": "bus", "kind": "serial", "port": simulator.ready()["lines"][0]["path"], "baud": 115_200,
                "timeout_s": TIMEOUT_S, "quiet_pause_s": QUIET_S}  # fmt: skip
        config = AgentConfig.model_validate(
            {
                "gateway": "gw",
                "intervals": {"fast_s": 2.0, "normal_s": 2.0, "slow_s": 4.0},
                "lines": [line],
                "devices": [
                    {"id": name, "profile": case["profile"], "line": "bus", "unit": unit} | fitted(case)
                    for unit, (name, case) in enumerate(zip(names(), CASES, strict=True), 1)
                ],
            }
        )

        async def polled() -> None:
            fleet = build_fleet(config, folder, SystemClock())
            witness = Witness()
            poller = Poller(fleet.devices, SystemClock(), witness)
            task = asyncio.create_task(poller.run())
            watching = asyncio.create_task(scenario(simulator, poller, witness))
            try:
                await asyncio.wait({task, watching}, return_when=asyncio.FIRST_COMPLETED)
                assert not task.done(), task.exception()
                await watching
            finally:
                for each in (task, watching):
                    each.cancel()
                await asyncio.gather(task, watching, return_exceptions=True)
                await fleet.close()
            assert witness.wrong == []

        asyncio.run(polled())


def test_there_are_32_mixed_instruments() -> None:
    assert len(CASES) == UNITS
    assert len({case["profile"] for case in CASES}) >= 20
    assert len({load_profile(case["profile"]).device_class for case in CASES}) >= 5


def test_every_value_of_every_unit_is_right(tmp_path: Path) -> None:
    async def scenario(simulator: Simulator, poller: Poller, witness: Witness) -> None:
        del poller
        await witness.until(lambda: all(map(witness.whole, names())), "every point of 32 units read")
        # And of a unit whose quantity changes the new value, of no other.
        changed = next(name for name, case in zip(names(), CASES, strict=True) if case["profile"] == "generic-ph")
        witness.expected[changed] = {}
        simulator.apply(QuantitySet(do="set", device=changed, quantity="ph", value=8.25))
        await witness.until(lambda: witness.values[changed]["ph"] == 8.25, "the new pH")
        assert all(map(witness.whole, names()))

    run(tmp_path, scenario)


def test_a_dead_unit_is_set_aside_and_the_others_go_on(tmp_path: Path) -> None:
    async def scenario(simulator: Simulator, poller: Poller, witness: Witness) -> None:
        await witness.until(lambda: all(map(witness.whole, names())), "every point of 32 units read")
        act(simulator, do="fault", device=DEAD, fault="silent")
        await witness.until(lambda: witness.causes(DEAD) == {Cause.SET_ASIDE}, "the dead unit set aside")
        asked = simulator.status()["devices"][DEAD]["faults"]["silent"]
        aside_s = time.monotonic()
        others = [name for name in names() if name != DEAD]
        counts = {name: len(witness.blocks[name]) for name in others}
        await witness.until(
            lambda: all(len(witness.blocks[name]) >= counts[name] + 3 for name in others), "three more reads of each"
        )
        # Every one of them whole, and none set aside for the silence of another.
        assert [name for name in others if not witness.whole(name)] == []
        assert [name for name in others if poller.pollers[name].breaker.is_open] == []
        # Its probes cost a twentieth of the time: none before 19 times what the last one cost has passed.
        probes = simulator.status()["devices"][DEAD]["faults"]["silent"] - asked
        assert max(0, probes - 1) * (TIMEOUT_S + QUIET_S) <= 0.05 * (time.monotonic() - aside_s)
        act(simulator, do="clear_fault", device=DEAD)
        await witness.until(lambda: not poller.pollers[DEAD].breaker.is_open, "the unit back")
        count = len(witness.blocks[DEAD])
        await witness.until(lambda: len(witness.blocks[DEAD]) >= count + 2, "the unit read again")
        assert witness.whole(DEAD)

    run(tmp_path, scenario)
