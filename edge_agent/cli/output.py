"""Data on stdout, prose on stderr, one versioned JSON schema for all commands."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import Any, Final, NoReturn

import click

from config.terminal import for_stream
from edge_agent.cli.exit_codes import ExitCode
from edge_agent.cli.words import TEXTS

SCHEMA: Final = 1


def print_json(command: str, **facts: Any) -> None:
    """Print one JSON object: `schema`, `command` and the facts."""
    click.echo(json.dumps({"schema": SCHEMA, "command": command, **facts}, ensure_ascii=False))


def print_lines(lines: Iterable[str]) -> None:
    """Print data for people."""
    for line in lines:
        click.echo(line)


def say(text: str) -> None:
    """Print prose, where it disturbs no one who reads the data."""
    click.echo(for_stream(text, sys.stderr), err=True)


def fail(code: ExitCode, message: str, command: str, *, as_json: bool) -> NoReturn:
    """End the command with a message; with --json the error is data too."""
    if as_json:
        print_json(command, ok=False, error=message, exit_code=int(code))
    say(f"{TEXTS.text('error')}: {message}")
    sys.exit(code)
