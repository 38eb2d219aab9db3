"""`edge-agent lights`: what burns and why, what is planned, and switching at the cabinet."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from config.agent import AgentConfig
from config.errors import ConfigErrors
from edge_agent.cli.exit_codes import ExitCode
from edge_agent.cli.lights_page import lights_are_well, lights_lines, plan_lines, result_lines
from edge_agent.cli.maintaining import duration_s
from edge_agent.cli.output import fail, print_json, print_lines, say
from edge_agent.cli.words import TEXTS
from edge_agent.shell.configuration import load_config
from edge_agent.shell.control import ControlError, ask, socket_path

TIMEOUT_S: Final = 15.0
SWITCH_TIMEOUT_S: Final = 300.0
"""Many circuits are switched one after the other, and lamps may have to cool before."""
MAX_FOR_S: Final = 31 * 86_400
MAX_REASON_LENGTH: Final = 160
MAX_BY_LENGTH: Final = 58
_LOCAL_PREFIX: Final = "local:"


def lights_command(config_file: Path, *, as_json: bool) -> ExitCode:
    """Print what burns and why; 0 if every circuit is as it should be, 1 if not, 5 if the agent does not run."""
    reply = _asked(config_file, {"op": "lights", "do": "status"}, as_json=as_json)
    lights: dict[str, Any] = reply["lights"]
    if as_json:
        print_json("lights", **lights)
    else:
        print_lines(lights_lines(lights))
    return ExitCode.OK if lights_are_well(lights) else ExitCode.FINDING


def plan_command(config_file: Path, *, days: int, as_json: bool) -> ExitCode:
    """Print what the calendar plans; from the files if the agent does not run."""
    try:
        config = load_config(config_file)
        reply = ask(socket_path(config.runtime_dir), {"op": "lights", "do": "plan", "days": days}, TIMEOUT_S)
    except ConfigErrors as error:
        fail(ExitCode.CONFIG, str(error), "lights", as_json=as_json)
    except ControlError as error:
        fail(ExitCode.NO_ANSWER, str(error), "lights", as_json=as_json)
    if reply is None:
        say(TEXTS.text("plan_without_agent"))
        nights, zone = _planned_by_files(config, days, as_json=as_json)
    elif "error" in reply:
        problem = reply.get("problem")
        told = {"no_lights": "lights_none", "no_clock": "plan_no_clock"}.get(str(problem))
        fail(ExitCode.USAGE, TEXTS.text(told) if told else str(reply["error"]), "lights", as_json=as_json)
    else:
        nights, zone = reply["plan"], str(reply["timezone"])
    if as_json:
        print_json("lights", plan=nights, timezone=zone)
    else:
        print_lines(plan_lines(nights, zone))
    return ExitCode.OK


def _planned_by_files(config: AgentConfig, days: int, *, as_json: bool) -> tuple[list[dict[str, Any]], str]:
    from edge_agent.shell.cabinet_lights import planned
    from edge_agent.shell.schedule_file import ScheduleFile
    from edge_agent.shell.want_desk import WantDesk

    if config.lighting is None or config.place is None:
        fail(ExitCode.USAGE, TEXTS.text("lights_none"), "lights", as_json=as_json)
    now_ms = time.time_ns() // 1_000_000
    try:
        calendar = ScheduleFile(config.lighting.schedule_file, config.state_dir).load()
    except ConfigErrors as error:
        fail(ExitCode.CONFIG, str(error), "lights", as_json=as_json)
    desk = WantDesk(
        gateway=config.gateway,
        key=None,
        state_dir=config.state_dir,
        calendar=calendar,
        place=config.place,
        now_ms=lambda: now_ms,
    )
    going = desk.going
    return planned(going, now_ms, days), going.place.timezone


def switch_command(
    config_file: Path, operation: str, args: Mapping[str, Any], *, by: str, span: str | None = None, as_json: bool
) -> ExitCode:
    """Send a command to the lights; 0 if every circuit is proved, 1 if not, 2 if it is refused.

    Args:
        config_file: The agent's configuration.
        operation: `override`, `release`, `permit`, `read` or `lamp_test`.
        args: Its arguments but `until`.
        by: Who.
        span: How long, such as 2h; None where it needs no end.
        as_json: Whether to print JSON.
    """
    reason = args.get("reason")
    if reason is not None and not 1 <= len(str(reason).strip()) <= MAX_REASON_LENGTH:
        fail(ExitCode.USAGE, TEXTS.text("lights_reason"), "lights", as_json=as_json)
    if not 1 <= len(by.strip()) <= MAX_BY_LENGTH:
        fail(ExitCode.USAGE, TEXTS.text("lights_by"), "lights", as_json=as_json)
    for_s = duration_s(span) if span is not None else None
    if span is not None and (for_s is None or for_s > MAX_FOR_S):
        fail(ExitCode.USAGE, TEXTS.text("lights_for"), "lights", as_json=as_json)
    request: dict[str, Any] = {"op": "lights", "do": operation, "args": dict(args), "by": _LOCAL_PREFIX + by.strip()}
    if for_s is not None:
        request["for_s"] = for_s
    reply = _asked(config_file, request, as_json=as_json, timeout_s=SWITCH_TIMEOUT_S)
    result = reply["result"]
    if as_json:
        print_json("lights", **result)
    else:
        print_lines(result_lines(result))
    if result["state"] == "done":
        return ExitCode.OK
    return ExitCode.USAGE if result["state"] in {"rejected", "expired"} else ExitCode.FINDING


def _asked(
    config_file: Path, request: dict[str, Any], *, as_json: bool, timeout_s: float = TIMEOUT_S
) -> dict[str, Any]:
    """Return the agent's answer, or end the command with what is wrong."""
    try:
        config = load_config(config_file)
        reply = ask(socket_path(config.runtime_dir), request, timeout_s)
    except ConfigErrors as error:
        fail(ExitCode.CONFIG, str(error), "lights", as_json=as_json)
    except ControlError as error:
        fail(ExitCode.NO_ANSWER, str(error), "lights", as_json=as_json)
    if reply is None:
        fail(ExitCode.NO_ANSWER, TEXTS.text("not_running"), "lights", as_json=as_json)
    if "error" in reply:
        told = TEXTS.text("lights_none") if reply.get("problem") == "no_lights" else str(reply["error"])
        fail(ExitCode.USAGE, told, "lights", as_json=as_json)
    return reply
