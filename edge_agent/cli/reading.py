"""`edge-agent read`: points now, with age and quality of each value."""

from __future__ import annotations

import asyncio
import errno
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from shutil import get_terminal_size
from typing import Any

from config.agent import AgentConfig
from config.errors import ConfigErrors
from config.language import cells, pad, process_language
from config.points import PointSpec
from drivers.errors import DriverError, LineDownError
from drivers.registry import device_points
from edge_agent.cli.exit_codes import ExitCode
from edge_agent.cli.output import fail, print_json, print_lines, say
from edge_agent.cli.status_page import fit
from edge_agent.cli.words import TEXTS, cause_text
from edge_agent.shell.control import ControlError, ask, socket_path
from edge_agent.shell.last_good import config_in_use

SILENCE_S = 35.0
"""How long the running agent may say nothing at all; while an instrument measures it says that it waits."""
Answers = dict[str, dict[str, Any]]


def read_command(config_file: Path, device: str | None, points: list[str], *, as_json: bool) -> ExitCode:
    """Read, print, and return 0, 1 if some points are not good, 4 for a busy port, 5 if a device is silent."""
    try:
        config = config_in_use(config_file)
        specs = _specs(config, config_file.absolute().parent)
        path = socket_path(config.runtime_dir)
    except (ConfigErrors, ControlError, ValueError) as error:
        fail(ExitCode.CONFIG, str(error), "read", as_json=as_json)
    wrong = _unknown(specs, device, points)
    if wrong:
        fail(ExitCode.USAGE, wrong, "read", as_json=as_json)
    wanted = [device] if device else list(specs)
    answers: Answers = {}
    try:
        for name in wanted:
            request = {"op": "read", "device": name, "points": points}
            answer = ask(path, request, SILENCE_S, partial(_say_waiting, name))
            if answer is None:
                break
            answers[name] = answer
    except ControlError as error:
        fail(ExitCode.NO_ANSWER, str(error), "read", as_json=as_json)
    if len(answers) < len(wanted):
        say(TEXTS.text("not_running_read"))
        answers = asyncio.run(_read_directly(config, config_file.absolute().parent, wanted, points))
    if as_json:
        failed = {name: answer["error"] for name, answer in answers.items() if "error" in answer}
        readings = [reading for answer in answers.values() for reading in answer.get("readings", ())]
        print_json("read", ok=not failed, readings=readings, errors=failed)
    else:
        print_lines(_table(answers, _with_raw(config, specs)))
        for name, answer in answers.items():
            if "error" in answer:
                vietnamese = answer.get("error_vi") if process_language() == "vi" else None
                say(TEXTS.text("not_read", device=name, error=vietnamese or answer["error"]))
    return _code(answers)


def _say_waiting(device: str) -> None:
    say(TEXTS.text("read_waits", device=device))


def _code(answers: Answers) -> ExitCode:
    if any(answer.get("busy") for answer in answers.values()):
        return ExitCode.PORT_BUSY
    if any("error" in answer for answer in answers.values()):
        return ExitCode.NO_ANSWER
    good = all(reading["quality"] == "GOOD" for answer in answers.values() for reading in answer["readings"])
    return ExitCode.OK if good else ExitCode.FINDING


def _specs(config: AgentConfig, base: Path) -> dict[str, dict[str, PointSpec]]:
    from edge_agent.shell.devices import load_profiles

    profiles = load_profiles(config, base)
    return {
        device.id: {point.key: point.spec for point in device_points(device, profiles[device.profile])}
        for device in config.devices
    }


def _with_raw(config: AgentConfig, specs: dict[str, dict[str, PointSpec]]) -> dict[str, dict[str, PointSpec]]:
    """Return the points with the raw values that stand beside calibrated ones."""
    from edge_agent.core.derived import corrections_of, derived_specs

    calibrated = corrections_of(config)
    return {
        device: points | derived_specs(points, None, [key for key in calibrated.get(device, ()) if key in points])
        for device, points in specs.items()
    }


def _unknown(specs: Mapping[str, Mapping[str, PointSpec]], device: str | None, points: list[str]) -> str:
    if device is None:
        return ""
    if device not in specs:
        return TEXTS.text("no_device", device=device, known=", ".join(specs))
    for point in points:
        if point not in specs[device]:
            return TEXTS.text("no_point", device=device, point=point, known=", ".join(specs[device]))
    return ""


async def _read_directly(config: AgentConfig, base: Path, wanted: list[str], points: list[str]) -> Answers:
    """Read on the lines themselves, without any right to write."""
    from edge_agent.shell.clock import SystemClock
    from edge_agent.shell.devices import build_fleet
    from edge_agent.shell.read_now import as_dict, read_device

    fleet = build_fleet(config, base, SystemClock(), wanted, writable=False)
    answers: Answers = {}
    try:
        for device in fleet.devices:
            try:
                readings = await read_device(device, points)
            except (DriverError, TimeoutError) as error:
                answers[device.id] = {
                    "error": str(error) or cause_text("timeout"),
                    "error_vi": error.vi if isinstance(error, DriverError) else "",
                    "busy": is_port_busy(error),
                }
            else:
                answers[device.id] = {"readings": [as_dict(reading) for reading in readings]}
    finally:
        await fleet.close()
    return answers


def is_port_busy(error: BaseException) -> bool:
    """Return whether another process holds the port."""
    cause = error.__cause__
    return isinstance(error, LineDownError) and getattr(cause, "errno", None) in {errno.EBUSY, errno.EAGAIN}


def _table(answers: Answers, specs: Mapping[str, Mapping[str, PointSpec]]) -> list[str]:
    rows = [[TEXTS.text(f"column_{name}") for name in ("point", "value", "quality", "name")]]
    for name, answer in answers.items():
        for reading in answer.get("readings", ()):
            spec = specs[name][reading["point"].partition("/")[2]]
            rows.append([reading["point"], _value_text(reading, spec), _quality_text(reading), _name(spec)])
    if len(rows) == 1:
        return []
    widths = [max(cells(row[column]) for row in rows) + 2 for column in range(3)]
    lines = [("".join(pad(row[i], widths[i]) for i in range(3)) + row[3]).rstrip() for row in rows]
    # A terminal would wrap a long name into the next row; a file or a pipe gets all of it.
    return [fit(line, get_terminal_size().columns) for line in lines] if sys.stdout.isatty() else lines


def _name(spec: PointSpec) -> str:
    return spec.vi if process_language() == "vi" else spec.en


def _value_text(reading: Mapping[str, Any], spec: PointSpec) -> str:
    value = reading["value"]
    if value is None:
        return "-"
    if isinstance(value, bool):
        return TEXTS.text("on" if value else "off")
    shown = f"{value:.7g}" if isinstance(value, float) else str(value)
    return f"{shown} {spec.unit}".rstrip()


def _quality_text(reading: Mapping[str, Any]) -> str:
    if reading["quality"] == "GOOD":
        return TEXTS.text("good")
    quality = TEXTS.text(f"quality_{reading['quality'].lower()}")
    return f"{quality}: {cause_text(reading['cause'])}"
