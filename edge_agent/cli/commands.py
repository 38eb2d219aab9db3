"""What `edge-agent` understands; the work stands in the modules that the commands import."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from config.language import process_language
from edge_agent.cli.commands_lights import lights
from edge_agent.cli.exit_codes import MEANINGS
from edge_agent.cli.options import config_option, interruptible, json_option, lang_option
from edge_agent.cli.words import TEXTS

Command = TypeVar("Command", bound=Callable[..., Any])


def _epilog() -> str:
    column = 1 if process_language() == "vi" else 0
    rows = [f"{int(code):>4}  {meaning[column]}" for code, meaning in MEANINGS.items()]
    return "\b\n" + "\n".join([TEXTS.text("exit_codes"), *rows])


def _version() -> str:
    from edge_agent.shell.built_in import software_version

    return software_version()


@click.group(
    help=TEXTS.text("help"),
    epilog=_epilog(),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
)
@click.version_option(version=_version(), prog_name="edge-agent")
@lang_option
def edge_agent() -> None:
    """Hold the commands; the help text is in TEXTS."""


@edge_agent.command(help=TEXTS.text("help_run"))
@config_option
@lang_option
def run(config_file: Path) -> None:
    """Run the agent."""
    from edge_agent.cli.running import run_command

    sys.exit(run_command(config_file))


@edge_agent.command(help=TEXTS.text("help_check"))
@config_option
@json_option
@lang_option
def check(config_file: Path, as_json: bool) -> None:
    """Check the configuration."""
    from edge_agent.cli.checking import check_command

    sys.exit(check_command(config_file, as_json=as_json))


@edge_agent.command(help=TEXTS.text("help_read"))
@click.argument("device", required=False)
@click.argument("points", nargs=-1)
@config_option
@json_option
@lang_option
def read(device: str | None, points: tuple[str, ...], config_file: Path, as_json: bool) -> None:
    """Read points now."""
    from edge_agent.cli.reading import read_command

    sys.exit(interruptible(read_command, config_file, device, list(points), as_json=as_json))


@edge_agent.command(help=TEXTS.text("help_status"))
@config_option
@click.option("--all", "show_all", is_flag=True, help=TEXTS.text("help_all"))
@click.option("--bus", "show_bus", is_flag=True, help=TEXTS.text("help_bus"))
@json_option
@lang_option
def status(config_file: Path, show_all: bool, show_bus: bool, as_json: bool) -> None:
    """Show how the agent is."""
    from edge_agent.cli.status import status_command

    sys.exit(interruptible(status_command, config_file, show_all=show_all, show_bus=show_bus, as_json=as_json))


@edge_agent.command(help=TEXTS.text("help_maintain"))
@click.argument("device")
@click.option("--for", "span", help=TEXTS.text("help_for"))
@click.option("--reason", help=TEXTS.text("help_reason"))
@click.option("--by", required=True, help=TEXTS.text("help_by"))
@click.option("--end", is_flag=True, help=TEXTS.text("help_end"))
@config_option
@json_option
@lang_option
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
@json_option
@lang_option
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
@config_option
@json_option
@lang_option
def setup(device: str, write: bool, config_file: Path, as_json: bool) -> None:
    """Compare a device's settings with those of its profile."""
    from edge_agent.cli.setting_up import setup_command

    sys.exit(interruptible(setup_command, config_file, device, write=write, as_json=as_json))


@edge_agent.group(help=TEXTS.text("help_profile"))
@lang_option
def profile() -> None:
    """Hold the commands for profiles."""


@profile.command("check", help=TEXTS.text("help_profile_check"))
@click.argument("file")
@json_option
@lang_option
def profile_check(file: str, as_json: bool) -> None:
    """Check a profile."""
    from edge_agent.cli.profile_check import profile_check_command

    sys.exit(profile_check_command(file, as_json=as_json))


@profile.command("list", help=TEXTS.text("help_profile_list"))
@json_option
@lang_option
def profile_list(as_json: bool) -> None:
    """List the shipped profiles."""
    from edge_agent.cli.profile_pages import profile_list_command

    sys.exit(profile_list_command(as_json=as_json))


@profile.command("show", help=TEXTS.text("help_profile_show"))
@click.argument("name")
@json_option
@lang_option
def profile_show(name: str, as_json: bool) -> None:
    """Show a profile."""
    from edge_agent.cli.profile_pages import profile_show_command

    sys.exit(profile_show_command(name, as_json=as_json))


@edge_agent.command(help=TEXTS.text("help_sdi12"))
@click.argument("line")
@click.option("--address", help=TEXTS.text("help_sdi12_address"))
@click.option("--change-to", "change_to", help=TEXTS.text("help_sdi12_change"))
@config_option
@json_option
@lang_option
def sdi12(line: str, address: str | None, change_to: str | None, config_file: Path, as_json: bool) -> None:
    """Ask who is on an SDI-12 line."""
    from edge_agent.cli.sdi12 import sdi12_command

    sys.exit(interruptible(sdi12_command, config_file, line, address, change_to, as_json=as_json))


edge_agent.add_command(lights)
