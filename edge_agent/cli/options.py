"""Options that several commands have, and how a command ends when somebody interrupts it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

from config.language import LANGUAGES
from edge_agent.cli.exit_codes import ExitCode
from edge_agent.cli.words import TEXTS

DEFAULT_CONFIG: Final = Path("/etc/lamplighter/agent.yaml")

# Read before parsing (config.language), because the help is written in it; here it is only accepted.
lang_option = click.option(
    "--lang", type=click.Choice(LANGUAGES), expose_value=False, help=TEXTS.text("help_lang"), is_eager=True
)
json_option = click.option("--json", "as_json", is_flag=True, help=TEXTS.text("help_json"))
config_option = click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path, dir_okay=False),
    default=DEFAULT_CONFIG,
    show_default=True,
    help=TEXTS.text("help_config"),
)


def interruptible(command: Callable[..., ExitCode], *arguments: Any, **options: Any) -> ExitCode:
    """Run a command; Ctrl-C ends it with its own code."""
    try:
        return command(*arguments, **options)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
