"""`edge-agent sdi12`: who is on an SDI-12 line, and another address for a sensor."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from pathlib import Path

from config.agent import SerialLine
from config.errors import ConfigErrors
from config.language import process_language
from drivers.errors import DriverError
from edge_agent.cli.exit_codes import ExitCode
from edge_agent.cli.output import fail, print_json, print_lines
from edge_agent.cli.reading import is_port_busy
from edge_agent.cli.words import TEXTS
from edge_agent.shell.configuration import load_config


def sdi12_command(
    config_file: Path, line_id: str, address: str | None, change_to: str | None, *, as_json: bool
) -> ExitCode:
    """Ask the only sensor of a line, or the one of an address, who it is; give it another address first if wanted.

    Returns:
        0, 4 if the port is another program's (the running agent's), 5 if nobody answers.
    """
    try:
        config = load_config(config_file)
    except ConfigErrors as error:
        fail(ExitCode.CONFIG, str(error), "sdi12", as_json=as_json)
    line = next((one for one in config.lines if one.id == line_id), None)
    if not isinstance(line, SerialLine):
        known = ", ".join(one.id for one in config.lines if isinstance(one, SerialLine))
        fail(ExitCode.USAGE, TEXTS.text("sdi12_no_line", line=line_id, known=known), "sdi12", as_json=as_json)
    for one in (address, change_to):
        if one is not None and not (len(one) == 1 and one.isascii() and one.isalnum()):
            fail(ExitCode.USAGE, TEXTS.text("sdi12_no_address", address=one), "sdi12", as_json=as_json)
    try:
        found, facts = asyncio.run(_ask(line, address, change_to))
    except DriverError as error:
        code = ExitCode.PORT_BUSY if is_port_busy(error) else ExitCode.NO_ANSWER
        fail(code, error.text(process_language()), "sdi12", as_json=as_json)
    if as_json:
        print_json("sdi12", ok=True, address=found, **facts)
    else:
        print_lines([TEXTS.text("sdi12_found", address=found, **facts)])
    return ExitCode.OK


async def _ask(config: SerialLine, address: str | None, change_to: str | None) -> tuple[str, dict[str, str]]:
    from drivers.lines.serial import SerialBusLine
    from drivers.serial.sdi12_sensor import change_address, find_address, identify
    from edge_agent.shell.clock import SystemClock

    line = SerialBusLine(config, SystemClock())
    try:
        found = address or await find_address(line)
        if change_to is not None:
            await change_address(line, found, change_to)
            found = change_to
        return found, asdict(await identify(line, found))
    finally:
        await line.close()
