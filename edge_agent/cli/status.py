"""`edge-agent status`: from the running agent, or from the spool that a stopped one has left."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Any, Final

from config.agent import AgentConfig
from config.errors import ConfigErrors
from edge_agent.cli.bus_page import bus_lines
from edge_agent.cli.exit_codes import ExitCode
from edge_agent.cli.lights_page import lights_are_well
from edge_agent.cli.output import fail, print_json, print_lines, say
from edge_agent.cli.status_page import status_lines, undelivered_line
from edge_agent.cli.words import TEXTS
from edge_agent.shell.control import ControlError, ask, socket_path
from edge_agent.shell.last_good import config_in_use

SPOOL_FILE: Final = "spool.db"
TIMEOUT_S: Final = 10.0


def status_command(config_file: Path, *, show_all: bool, as_json: bool, show_bus: bool = False) -> ExitCode:
    """Print, and return 0 if all is well, 1 if something needs attention, 5 if the agent does not run, 6 offline."""
    try:
        config = config_in_use(config_file)
        status = ask(socket_path(config.runtime_dir), {"op": "status"}, TIMEOUT_S)
    except ConfigErrors as error:
        fail(ExitCode.CONFIG, str(error), "status", as_json=as_json)
    except ControlError as error:
        fail(ExitCode.NO_ANSWER, str(error), "status", as_json=as_json)
    if status is None:
        return _not_running(config, as_json=as_json)
    if as_json:
        print_json("status", **status)
    else:
        page = bus_lines if show_bus else status_lines
        print_lines(page(status, show_all=show_all))
    if not status["connected"]:
        return ExitCode.UPLINK
    return ExitCode.OK if _is_well(status) else ExitCode.FINDING


def _is_well(status: dict[str, Any]) -> bool:
    delivery = status["delivery"]
    spool = delivery["spool"]
    delivers = not (
        spool["failure"]
        or spool["evicted_readings"]
        or delivery["denied"]
        or delivery["metrics"].get("session_takeovers")
    )
    lights = status.get("lighting")
    lights_are_good = lights is None or lights_are_well(lights)
    return (
        delivers
        and not status.get("config_problem")
        and not any(line["cycle_too_short"] for line in status.get("lines", ()))
        and lights_are_good
        and not any(device["bad_points"] or device["set_aside"] for device in status["devices"])
    )


def _not_running(config: AgentConfig, *, as_json: bool) -> ExitCode:
    say(TEXTS.text("not_running"))
    file = config.state_dir / SPOOL_FILE
    try:
        spool = read_spool(file, time.time_ns() // 1_000_000)
    except (OSError, sqlite3.Error) as error:
        fail(ExitCode.NO_ANSWER, TEXTS.text("spool_unreadable", error=error), "status", as_json=as_json)
    if as_json:
        print_json("status", running=False, gateway=config.gateway, undelivered=spool)
    elif spool is None:
        say(TEXTS.text("no_spool", file=file))
    else:
        print_lines([undelivered_line(spool)])
    return ExitCode.NO_ANSWER


def read_spool(file: Path, now_ms: int) -> dict[str, Any] | None:
    """Return what waits in the spool of an agent that does not run, without changing it; None without a spool.

    Raises:
        sqlite3.Error: It cannot be read.
    """
    if not file.is_file():
        return None
    database = sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=2.0)
    try:
        row = database.execute("SELECT COUNT(*), COALESCE(SUM(bytes), 0), MIN(first_ms) FROM batch").fetchone()
        held = database.execute("SELECT COUNT(*), COALESCE(SUM(bytes), 0) FROM held").fetchone()
    finally:
        database.close()
    return {
        "spool_batches": row[0] + held[0],
        "spool_bytes": row[1] + held[1],
        "oldest_age_s": None if row[2] is None else max(0, now_ms - row[2]) / 1000,
    }
