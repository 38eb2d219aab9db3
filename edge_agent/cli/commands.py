"""What `edge-agent` understands; the work stands in the modules that the commands import."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from config.language import LANGUAGES, process_language
from edge_agent.cli.exit_codes import MEANINGS, ExitCode
from edge_agent.cli.words import TEXTS

DEFAULT_CONFIG: Final = Path("/etc/lamplighter/agent.yaml")
Command = TypeVar("Command", bound=Callable[..., Any])


def _epilog() -> str:
    column = 1 if process_language() == "vi" else 0
    rows = [f"{int(code):>4}  {meaning[column]}" for code, meaning in MEANINGS.items()]
    return "\b\n" + "\n".join([TEXTS.text("exit_codes"), *rows])


def _version() -> str:
    from edge_agent.shell.built_in import software_version

    return software_version()


# Read before parsing (config.language), because the help is written in it; here it is only accepted.
_lang = click.option(
    "--lang", type=click.Choice(LANGUAGES), expose_value=False, help=TEXTS.text("help_lang"), is_eager=True
)
_json = click.option("--json", "as_json", is_flag=True, help=TEXTS.text("help_json"))
_config = click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path, dir_okay=False),
    default=DEFAULT_CONFIG,
    show_default=True,
    help=TEXTS.text("help_config"),
)


@click.group(
    help=TEXTS.text("help"),
    epilog=_epilog(),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
)
@click.version_option(version=_version(), prog_name="edge-agent")
@_lang
def edge_agent() -> None:
    """Hold the commands; the help text is in TEXTS."""


@edge_agent.command(help=TEXTS.text("help_run"))
@_config
@_lang
def run(config_file: Path) -> None:
    """Run the agent."""
    from edge_agent.cli.running import run_command

    sys.exit(run_command(config_file))


@edge_agent.command(help=TEXTS.text("help_check"))
@_config
@_json
@_lang
def check(config_file: Path, as_json: bool) -> None:
    """Check the configuration."""
    from edge_agent.cli.checking import check_command

    sys.exit(check_command(config_file, as_json=as_json))


@edge_agent.command(help=TEXTS.text("help_read"))
@click.argument("device", required=False)
@click.argument("points", nargs=-1)
@_config
@_json
@_lang
def read(device: str | None, points: tuple[str, ...], config_file: Path, as_json: bool) -> None:
    """Read points now."""
    from edge_agent.cli.reading import read_command

    sys.exit(_interruptible(read_command, config_file, device, list(points), as_json=as_json))


@edge_agent.command(help=TEXTS.text("help_status"))
@_config
@click.option("--all", "show_all", is_flag=True, help=TEXTS.text("help_all"))
@click.option("--bus", "show_bus", is_flag=True, help=TEXTS.text("help_bus"))
@_json
@_lang
def status(config_file: Path, show_all: bool, show_bus: bool, as_json: bool) -> None:
    """Show how the agent is."""
    from edge_agent.cli.status import status_command

    sys.exit(_interruptible(status_command, config_file, show_all=show_all, show_bus=show_bus, as_json=as_json))


@edge_agent.command(help=TEXTS.text("help_maintain"))
@click.argument("device")
@click.option("--for", "span", help=TEXTS.text("help_for"))
@click.option("--reason", help=TEXTS.text("help_reason"))
@click.option("--by", required=True, help=TEXTS.text("help_by"))
@click.option("--end", is_flag=True, help=TEXTS.text("help_end"))
@_config
@_json
@_lang
def maintain(
    device: str, span: str | None, reason: str | None, by: str, end: bool, config_file: Path, as_json: bool
) -> None:
    """Begin or end maintenance of a device."""
    from edge_agent.cli.maintaining import maintain_command

    sys.exit(maintain_command(config_file, device, span=span, reason=reason, by=by, end=end, as_json=as_json))


@edge_agent.command(help=TEXTS.text("help_decode"))
@click.argument("profile")
@click.option("--hex", "frame", help=TEXTS.text("help_hex"))
@click.option("--request", help=TEXTS.text("help_request"))
@click.option("--registers", help=TEXTS.text("help_registers"))
@_json
@_lang
def decode(profile: str, frame: str | None, request: str | None, registers: str | None, as_json: bool) -> None:
    """Explain a captured frame, or registers read with another program."""
    from edge_agent.cli.decoding import decode_command, decode_registers_command, one_of_two

    given = one_of_two(frame, request, registers, as_json=as_json)
    if registers is None:
        sys.exit(decode_command(profile, given, request, as_json=as_json))
    sys.exit(decode_registers_command(profile, given, as_json=as_json))


@edge_agent.command(help=TEXTS.text("help_setup"))
@click.argument("device")
@click.option("--write", is_flag=True, help=TEXTS.text("help_write"))
@_config
@_json
@_lang
def setup(device: str, write: bool, config_file: Path, as_json: bool) -> None:
    """Compare a device's settings with those of its profile."""
    from edge_agent.cli.setting_up import setup_command

    sys.exit(_interruptible(setup_command, config_file, device, write=write, as_json=as_json))


@edge_agent.group(help=TEXTS.text("help_profile"))
@_lang
def profile() -> None:
    """Hold the commands for profiles."""


@profile.command("check", help=TEXTS.text("help_profile_check"))
@click.argument("file")
@_json
@_lang
def profile_check(file: str, as_json: bool) -> None:
    """Check a profile."""
    from edge_agent.cli.profile_check import profile_check_command

    sys.exit(profile_check_command(file, as_json=as_json))


@profile.command("list", help=TEXTS.text("help_profile_list"))
@_json
@_lang
def profile_list(as_json: bool) -> None:
    """List the shipped profiles."""
    from edge_agent.cli.profile_pages import profile_list_command

    sys.exit(profile_list_command(as_json=as_json))


@profile.command("show", help=TEXTS.text("help_profile_show"))
@click.argument("name")
@_json
@_lang
def profile_show(name: str, as_json: bool) -> None:
    """Show a profile."""
    from edge_agent.cli.profile_pages import profile_show_command

    sys.exit(profile_show_command(name, as_json=as_json))


@edge_agent.command(help=TEXTS.text("help_sdi12"))
@click.argument("line")
@click.option("--address", help=TEXTS.text("help_sdi12_address"))
@click.option("--change-to", "change_to", help=TEXTS.text("help_sdi12_change"))
@_config
@_json
@_lang
def sdi12(line: str, address: str | None, change_to: str | None, config_file: Path, as_json: bool) -> None:
    """Ask who is on an SDI-12 line."""
    from edge_agent.cli.sdi12 import sdi12_command

    sys.exit(_interruptible(sdi12_command, config_file, line, address, change_to, as_json=as_json))


@edge_agent.group(help=TEXTS.text("help_lights"), invoke_without_command=True)
@_config
@_json
@_lang
@click.pass_context
def lights(context: click.Context, config_file: Path, as_json: bool) -> None:
    """Show what burns and why; or hold the commands that switch."""
    context.obj = (config_file, as_json)
    if context.invoked_subcommand is None:
        from edge_agent.cli.lighting import lights_command

        sys.exit(_interruptible(lights_command, config_file, as_json=as_json))


_circuits = click.argument("circuits", nargs=-1)
_by = click.option("--by", required=True, help=TEXTS.text("help_by"))
_why = click.option("--reason", required=True, help=TEXTS.text("help_reason"))
_for = click.option("--for", "span", required=True, help=TEXTS.text("help_lights_for"))


def _switch(
    context: click.Context, operation: str, by: str, span: str | None, circuits: tuple[str, ...], **args: Any
) -> None:
    """Run a command to the lights with the options of the group or of the command itself."""
    from edge_agent.cli.lighting import switch_command

    config_file, as_json = context.obj
    told = {**args, "circuits": list(circuits)} if operation != "read" else {}
    sys.exit(_interruptible(switch_command, config_file, operation, told, by=by, span=span, as_json=as_json))


@lights.command("plan", help=TEXTS.text("help_lights_plan"))
@click.option("--days", type=click.IntRange(1, 400), default=7, show_default=True, help=TEXTS.text("help_days"))
@_lang
@click.pass_context
def lights_plan(context: click.Context, days: int) -> None:
    """Show the coming nights."""
    from edge_agent.cli.lighting import plan_command

    config_file, as_json = context.obj
    sys.exit(_interruptible(plan_command, config_file, days=days, as_json=as_json))


@lights.command("on", help=TEXTS.text("help_lights_on"))
@_circuits
@_for
@_why
@_by
@_lang
@click.pass_context
def lights_on(context: click.Context, circuits: tuple[str, ...], span: str, reason: str, by: str) -> None:
    """Light circuits."""
    _switch(context, "override", by, span, circuits, level=100, reason=reason)


@lights.command("off", help=TEXTS.text("help_lights_off"))
@_circuits
@_for
@_why
@_by
@_lang
@click.pass_context
def lights_off(context: click.Context, circuits: tuple[str, ...], span: str, reason: str, by: str) -> None:
    """Darken circuits."""
    _switch(context, "override", by, span, circuits, level=0, reason=reason)


@lights.command("level", help=TEXTS.text("help_lights_level"))
@click.argument("level", type=click.IntRange(0, 100))
@_circuits
@_for
@_why
@_by
@_lang
@click.pass_context
def lights_level(
    context: click.Context, level: int, circuits: tuple[str, ...], span: str, reason: str, by: str
) -> None:
    """Set a level."""
    _switch(context, "override", by, span, circuits, level=level, reason=reason)


@lights.command("release", help=TEXTS.text("help_lights_release"))
@_circuits
@_by
@_lang
@click.pass_context
def lights_release(context: click.Context, circuits: tuple[str, ...], by: str) -> None:
    """Give circuits back."""
    _switch(context, "release", by, None, circuits)


@lights.command("permit", help=TEXTS.text("help_lights_permit"))
@_circuits
@click.option("--for", "span", help=TEXTS.text("help_permit_for"))
@click.option("--end", is_flag=True, help=TEXTS.text("help_permit_end"))
@_why
@_by
@_lang
@click.pass_context
def lights_permit(
    context: click.Context, circuits: tuple[str, ...], span: str | None, end: bool, reason: str, by: str
) -> None:
    """Begin or end a work permit."""
    _switch(context, "permit", by, None if end else span, circuits, active=not end, reason=reason)


@lights.command("read", help=TEXTS.text("help_lights_read"))
@_by
@_lang
@click.pass_context
def lights_read(context: click.Context, by: str) -> None:
    """Read contactors and meters."""
    _switch(context, "read", by, None, ())


@lights.command("test", help=TEXTS.text("help_lights_test"))
@_circuits
@click.option("--minutes", type=click.IntRange(1, 30), default=5, show_default=True, help=TEXTS.text("help_minutes"))
@_by
@_lang
@click.pass_context
def lights_test(context: click.Context, circuits: tuple[str, ...], minutes: int, by: str) -> None:
    """Light circuits by day as well."""
    _switch(context, "lamp_test", by, None, circuits, minutes=minutes)


def _interruptible(command: Callable[..., ExitCode], *arguments: Any, **options: Any) -> ExitCode:
    try:
        return command(*arguments, **options)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
