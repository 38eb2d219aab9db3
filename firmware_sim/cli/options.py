"""Options that every command takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from config.language import LANGUAGES
from firmware_sim.cli.texts import TEXTS


def shared_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command --json and, as every command takes it at its end too, --lang."""
    command = click.option("--json", "as_json", is_flag=True, help=TEXTS.text("json_help"))(command)
    return click.option("--lang", type=click.Choice(LANGUAGES), expose_value=False, help=TEXTS.text("lang_help"))(
        command
    )
