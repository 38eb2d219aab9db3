"""`edge-agent run`."""

from __future__ import annotations

import asyncio
import gc
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

from config.errors import ConfigErrors
from edge_agent.cli.exit_codes import ExitCode
from edge_agent.cli.output import say
from edge_agent.cli.words import TEXTS

if TYPE_CHECKING:
    from edge_agent.app import Agent

GARBAGE_THRESHOLD: Final = 20_000
"""New objects before the youngest are looked through; Python's own is 700."""


def run_command(config_file: Path) -> ExitCode:
    """Run the agent until it is told to stop."""
    _import_structlog_alone()
    from edge_agent.shell.control import AgentRunningError, ControlError

    agent = _built(config_file)
    if agent is None:
        return ExitCode.CONFIG
    # Readings come and go without cycles, a hundred thousand lists a second at the most: looking through what was
    # loaded once at every few hundred of them cost as much as reading the devices.
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD, 20, 50)
    try:
        asyncio.run(agent.run())
    except ControlError as error:
        say(TEXTS.text("stopped_for", error=error))
        return ExitCode.PORT_BUSY if isinstance(error, AgentRunningError) else ExitCode.CONFIG
    return ExitCode.OK


def _built(config_file: Path) -> Agent | None:
    """Return the agent of a file, or of its last good copy; None where neither gives one, and why was said."""
    from edge_agent.app import build_agent
    from edge_agent.shell.control import ControlError
    from edge_agent.shell.loaded import load, load_last_good
    from edge_agent.shell.log import configure_logging

    configure_logging()
    wrong = (ConfigErrors, ControlError, ValueError)
    try:
        loaded = load(config_file)
        agent = build_agent(loaded)
    except wrong as error:
        problem = str(error)
        say(TEXTS.text("stopped_for", error=problem) if not isinstance(error, ConfigErrors) else problem)
        try:
            agent = build_agent(load_last_good(config_file, problem.partition("\n")[0]))
        except wrong:
            return None
        say(TEXTS.text("config_last_good"))
        return agent
    loaded.keep()
    return agent


def _import_structlog_alone() -> None:
    """Import structlog as on a gateway: where rich is installed it would take 5 MB for coloured tracebacks."""
    if "rich" in sys.modules:
        return
    sys.modules["rich"] = None  # type: ignore[assignment] # None is how an import is refused
    try:
        import_module("structlog")
    finally:
        del sys.modules["rich"]
