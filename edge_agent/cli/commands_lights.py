"""What `edge-agent lights` understands; the work stands in `lighting`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from edge_agent.cli.options import config_option, interruptible, json_option, lang_option
from edge_agent.cli.words import TEXTS


@click.group(help=TEXTS.text("help_lights"), invoke_without_command=True)
@config_option
@json_option
@lang_option
@click.pass_context
def lights(context: click.Context, config_file: Path, as_json: bool) -> None:
    """Show what burns and why; or hold the commands that switch."""
    context.obj = (config_file, as_json)
    if context.invoked_subcommand is None:
        from edge_agent.cli.lighting import lights_command

        sys.exit(interruptible(lights_command, config_file, as_json=as_json))


_own_config = click.option(
    "--config", "config_file", type=click.Path(path_type=Path, dir_okay=False), help=TEXTS.text("help_config")
)
_own_json = click.option("--json", "as_json", is_flag=True, help=TEXTS.text("help_json"))
_circuits = click.argument("circuits", nargs=-1)
_by = click.option("--by", required=True, help=TEXTS.text("help_by"))
_why = click.option("--reason", required=True, help=TEXTS.text("help_reason"))
_for = click.option("--for", "span", required=True, help=TEXTS.text("help_lights_for"))


def _where(context: click.Context, config_file: Path | None, as_json: bool) -> tuple[Path, bool]:
    """Return the configuration and the form of the answer: of the command itself, else of the group before it."""
    file, json = context.obj
    return config_file or file, as_json or json


def _switch(
    where: tuple[Path, bool], operation: str, by: str, span: str | None, circuits: tuple[str, ...], **args: Any
) -> None:
    """Run a command to the lights, and end with its exit code."""
    from edge_agent.cli.lighting import switch_command

    config_file, as_json = where
    told = {**args, "circuits": list(circuits)} if operation != "read" else {}
    sys.exit(interruptible(switch_command, config_file, operation, told, by=by, span=span, as_json=as_json))


@lights.command("plan", help=TEXTS.text("help_lights_plan"))
@click.option("--days", type=click.IntRange(1, 400), default=7, show_default=True, help=TEXTS.text("help_days"))
@_own_config
@_own_json
@lang_option
@click.pass_context
def lights_plan(context: click.Context, days: int, config_file: Path | None, as_json: bool) -> None:
    """Show the coming nights."""
    from edge_agent.cli.lighting import plan_command

    file, json = _where(context, config_file, as_json)
    sys.exit(interruptible(plan_command, file, days=days, as_json=json))


@lights.command("on", help=TEXTS.text("help_lights_on"))
@_circuits
@_for
@_why
@_by
@_own_config
@_own_json
@lang_option
@click.pass_context
def lights_on(
    context: click.Context,
    circuits: tuple[str, ...],
    span: str,
    reason: str,
    by: str,
    config_file: Path | None,
    as_json: bool,
) -> None:
    """Light circuits."""
    _switch(_where(context, config_file, as_json), "override", by, span, circuits, level=100, reason=reason)


@lights.command("off", help=TEXTS.text("help_lights_off"))
@_circuits
@_for
@_why
@_by
@_own_config
@_own_json
@lang_option
@click.pass_context
def lights_off(
    context: click.Context,
    circuits: tuple[str, ...],
    span: str,
    reason: str,
    by: str,
    config_file: Path | None,
    as_json: bool,
) -> None:
    """Darken circuits."""
    _switch(_where(context, config_file, as_json), "override", by, span, circuits, level=0, reason=reason)


@lights.command("level", help=TEXTS.text("help_lights_level"))
@click.argument("level", type=click.IntRange(0, 100))
@_circuits
@_for
@_why
@_by
@_own_config
@_own_json
@lang_option
@click.pass_context
def lights_level(
    context: click.Context,
    level: int,
    circuits: tuple[str, ...],
    span: str,
    reason: str,
    by: str,
    config_file: Path | None,
    as_json: bool,
) -> None:
    """Set a level."""
    _switch(_where(context, config_file, as_json), "override", by, span, circuits, level=level, reason=reason)


@lights.command("release", help=TEXTS.text("help_lights_release"))
@_circuits
@_by
@_own_config
@_own_json
@lang_option
@click.pass_context
def lights_release(
    context: click.Context, circuits: tuple[str, ...], by: str, config_file: Path | None, as_json: bool
) -> None:
    """Give circuits back."""
    _switch(_where(context, config_file, as_json), "release", by, None, circuits)


@lights.command("permit", help=TEXTS.text("help_lights_permit"))
@_circuits
@click.option("--for", "span", help=TEXTS.text("help_permit_for"))
@click.option("--end", is_flag=True, help=TEXTS.text("help_permit_end"))
@_why
@_by
@_own_config
@_own_json
@lang_option
@click.pass_context
def lights_permit(
    context: click.Context,
    circuits: tuple[str, ...],
    span: str | None,
    end: bool,
    reason: str,
    by: str,
    config_file: Path | None,
    as_json: bool,
) -> None:
    """Begin or end a work permit."""
    _switch(
        _where(context, config_file, as_json),
        "permit",
        by,
        None if end else span,
        circuits,
        active=not end,
        reason=reason,
    )


@lights.command("read", help=TEXTS.text("help_lights_read"))
@_by
@_own_config
@_own_json
@lang_option
@click.pass_context
def lights_read(context: click.Context, by: str, config_file: Path | None, as_json: bool) -> None:
    """Read contactors and meters."""
    _switch(_where(context, config_file, as_json), "read", by, None, ())


@lights.command("test", help=TEXTS.text("help_lights_test"))
@_circuits
@click.option("--minutes", type=click.IntRange(1, 30), default=5, show_default=True, help=TEXTS.text("help_minutes"))
@_by
@_own_config
@_own_json
@lang_option
@click.pass_context
def lights_test(
    context: click.Context, circuits: tuple[str, ...], minutes: int, by: str, config_file: Path | None, as_json: bool
) -> None:
    """Light circuits by day as well."""
    _switch(_where(context, config_file, as_json), "lamp_test", by, None, circuits, minutes=minutes)
