"""Options that several commands share."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from collector.cli.texts import text
from config.language import LANGUAGES
from config.terminal import for_stream

Command = TypeVar("Command", bound=Callable[..., Any])

EXIT_FINDING: Final = 1


def config_option(command: Command) -> Command:
    """Add --config."""
    return click.option(
        "--config",
        "config_file",
        type=click.Path(path_type=Path),
        default=Path("/etc/lamplighter/collector.yaml"),
        show_default=True,
        help=text("opt_config"),
    )(command)


def json_option(command: Command) -> Command:
    """Add --json."""
    return click.option("--json", "as_json", is_flag=True, help=text("opt_json"))(command)


def lang_option(command: Command) -> Command:
    """Add --lang, which config.language reads from the arguments before they are parsed."""
    return click.option("--lang", type=click.Choice(LANGUAGES), expose_value=False, help=text("opt_lang"))(command)


class Failure(click.ClickException):
    """Ends the command with a message and one of the documented exit codes: 1, something was found."""

    exit_code = EXIT_FINDING

    def show(self, file: Any = None) -> None:
        """Print the message alone: findings begin with their file and line."""
        click.echo(for_stream(self.message, file or sys.stderr), err=file is None, file=file)


class ConfigFailure(Failure):
    """The configuration is wrong."""

    exit_code = 3


class UnreachableFailure(Failure):
    """Store or broker cannot be reached."""

    exit_code = 6


class RefusedFailure(Failure):
    """The store, or another collector, says no."""

    exit_code = 7
