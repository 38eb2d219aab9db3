"""The command `collector`."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import Final

import click

from collector.cli.options import lang_option
from collector.cli.texts import text

_COMMANDS: Final = {
    "run": "collector.cli.run:run",
    "check": "collector.cli.check:check",
    "alarms": "collector.cli.alarms:alarms",
    "lights": "collector.cli.lights:lights",
    "rules": "collector.cli.rules:rules",
    "query": "collector.cli.query:query",
    "gateways": "collector.cli.status:gateways",
    "status": "collector.cli.status:status",
}
"""Each is imported when it is asked for: a command line starts fast."""


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        module, name = _COMMANDS[cmd_name].split(":")
        command = getattr(import_module(module), name)
        if not isinstance(command, click.Command):
            raise TypeError(f"{_COMMANDS[cmd_name]} is no command")
        return command


@click.group(cls=_Commands, help=text("help"), epilog=text("exit_codes"))
@click.version_option(version("lamplighter"))
@lang_option
def main() -> None:
    """Run one command."""
