"""Loading of simulator configurations and scenario files, with findings by line and column."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import Field

from config.errors import ConfigErrors, ConfigProblem
from config.loader import StrictModel, load_document
from firmware_sim.actions import Action, FaultEnd, FaultStart
from firmware_sim.findings import TEXTS, no_such
from firmware_sim.models import (
    CabinetDevice,
    CounterConfig,
    InstrumentLineConfig,
    PostDeviceConfig,
    RelayConfig,
    RtuLineConfig,
    SimulatorConfig,
    TcpLineConfig,
    TwinConfig,
)
from firmware_sim.positions import Location, Positions
from firmware_sim.steps import ActionError
from firmware_sim.world import World

MAX_STEPS: Final = 10_000
Named = tuple[Location, str | tuple[int, str]]
"""Where a name stands that may stand only once; a unit's name is its number and its line."""


class Scenario(StrictModel):
    """A time line; steps may stand in any order, equal times keep the file's order."""

    description: str = ""
    steps: tuple[Action, ...] = Field(max_length=MAX_STEPS)


@dataclass(frozen=True, slots=True)
class Timed:
    """An action with the simulated time at which it is due."""

    at_s: float
    action: Action


def time_line(scenario: Scenario) -> list[Timed]:
    """Return the actions by time."""
    return sorted((Timed(action.at_s, action) for action in scenario.steps), key=lambda item: item.at_s)


def time_line_with_ends(scenario: Scenario) -> list[Timed]:
    """Return the actions by time and, for people, when each fault with `for_s` ends by itself."""
    ends = [
        Timed(action.at_s + action.for_s, FaultEnd(do="clear_fault", device=action.device, fault=action.fault))
        for action in scenario.steps
        if isinstance(action, FaultStart) and action.for_s is not None
    ]
    return sorted([*time_line(scenario), *ends], key=lambda item: item.at_s)


def load_scenario(file: Path, world: World | None = None) -> Scenario:
    """Read a scenario; with a world, also hold it against the cabinets, circuits and devices there.

    Raises:
        ConfigErrors: Everything that is wrong, each with line and column.
    """
    scenario = load_document(file, Scenario)
    if world is None:
        return scenario
    problems: list[ConfigProblem] = []
    positions = Positions(file)
    for index, action in enumerate(scenario.steps):
        try:
            action.check(world)
        except ActionError as error:
            problems.append(positions.problem(("steps", index, error.key), str(error)))
    if problems:
        raise ConfigErrors(problems)
    return scenario


def load_config(file: Path) -> SimulatorConfig:
    """Read a simulator configuration.

    Raises:
        ConfigErrors: Everything that is wrong, each with line and column.
    """
    config = load_document(file, SimulatorConfig)
    findings = _contradictions(config)
    if findings:
        positions = Positions(file)
        raise ConfigErrors([positions.problem(location, message) for location, message in findings])
    return config


def named_scenario(file: Path, config: SimulatorConfig) -> Path | None:
    """Return the scenario that a configuration names, seen from its own folder.

    Raises:
        ConfigErrors: There is no such file; at the line that names it.
    """
    if config.scenario is None:
        return None
    named = file.parent / config.scenario
    if not named.is_file():
        raise ConfigErrors([Positions(file).problem(("scenario",), TEXTS.text("no_scenario", file=named))])
    return named


def _contradictions(config: SimulatorConfig) -> list[tuple[Location, str]]:
    """Return what only the whole file shows: lines that are not there, numbers and names given twice."""
    findings: list[tuple[Location, str]] = []
    lines = {line.id for line in config.lines if not isinstance(line, InstrumentLineConfig)}
    findings += _repeated([(("lines", i, "id"), line.id) for i, line in enumerate(config.lines)], "line")
    links = [
        (("lines", i, "link"), line.link)
        for i, line in enumerate(config.lines)
        if isinstance(line, RtuLineConfig | InstrumentLineConfig) and line.link is not None
    ]
    findings += _repeated(list(links), "link")
    ports = [
        (("lines", i, "port"), f"{line.host}:{line.port}")
        for i, line in enumerate(config.lines)
        if isinstance(line, TcpLineConfig) and line.port
    ]
    findings += _repeated(list(ports), "port")
    cabinets = [(("cabinets", i, "id"), cabinet.id) for i, cabinet in enumerate(config.cabinets)]
    findings += _repeated(list(cabinets), "cabinet")
    placed: list[tuple[Location, str, CabinetDevice | PostDeviceConfig | CounterConfig | TwinConfig]] = []
    for i, cabinet in enumerate(config.cabinets):
        relays = 0
        for j, device in enumerate(cabinet.devices):
            placed.append((("cabinets", i, "devices", j), f"{cabinet.id}/{device.id}", device))
            relays += isinstance(device, RelayConfig)
            if relays > 1:
                findings.append((("cabinets", i, "devices", j, "kind"), TEXTS.text("one_relay")))
                relays = 1
        names = [(("cabinets", i, "circuits", j, "id"), item.id) for j, item in enumerate(cabinet.circuits)]
        findings += _repeated(list(names), "circuit")
    posts = [(("posts", i, "id"), post.id) for i, post in enumerate(config.posts)]
    findings += _repeated(list(posts), "post")
    placed += [
        (("posts", i, "devices", j), f"{post.id}/{device.id}", device)
        for i, post in enumerate(config.posts)
        for j, device in enumerate(post.devices)
    ]
    placed += [(("devices", i), device.id, device) for i, device in enumerate(config.devices)]
    instruments: list[Named] = [
        (("lines", i, "instruments", j, "id"), one.id)
        for i, line in enumerate(config.lines)
        if isinstance(line, InstrumentLineConfig)
        for j, one in enumerate(line.instruments)
    ]
    findings += _repeated([*(((*where, "id"), name) for where, name, _ in placed), *instruments], "device")
    units: list[Named] = []
    for where, _, item in placed:
        if item.line not in lines:
            findings.append(((*where, "line"), no_such("line", item.line, sorted(lines))))
        count = item.count if isinstance(item, CounterConfig) else 1
        units += [((*where, "unit"), (unit, item.line)) for unit in range(item.unit, item.unit + count)]
    return findings + _repeated(units, "unit")


def _repeated(named: list[Named], kind: str) -> list[tuple[Location, str]]:
    seen: set[str | tuple[int, str]] = set()
    findings: list[tuple[Location, str]] = []
    for location, name in named:
        if name in seen:
            shown = name if isinstance(name, str) else TEXTS.text("unit_on_line", unit=name[0], line=name[1])
            findings.append((location, TEXTS.text("twice", what=TEXTS.text(kind), name=shown)))
        seen.add(name)
    return findings
