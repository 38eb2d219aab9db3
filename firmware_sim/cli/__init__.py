"""`firmware-sim`: run simulated cabinets, check and show scenarios."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click

from config.click_words import translate_click
from config.language import LANGUAGES, process_language
from firmware_sim.cli.city import city
from firmware_sim.cli.options import shared_options
from firmware_sim.cli.texts import TEXTS

if TYPE_CHECKING:
    from firmware_sim.scenario import Timed

EXIT_NOT_OPEN: Final = 1
EXIT_CONFIG: Final = 3

_FILE = click.Path(path_type=Path, dir_okay=False)
_HELP = {"help_option_names": ["-h", "--help"]}


def _fail_config(error: Exception, *, as_json: bool) -> None:
    from config.errors import ConfigErrors

    if as_json and isinstance(error, ConfigErrors):
        findings = [
            {"file": str(item.file), "line": item.line, "column": item.column, "message": item.message}
            for item in error.problems
        ]
        print(json.dumps({"ok": False, "errors": findings}, ensure_ascii=False))
    else:
        print(error, file=sys.stderr)
    sys.exit(EXIT_CONFIG)


class _Main(click.Group):
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Be called as the command: Click's own words are told in the reader's language."""
        translate_click(process_language())
        return super().__call__(*args, **kwargs)


@click.group(cls=_Main, help=TEXTS.text("main_help"), epilog=TEXTS.text("exit_codes"), context_settings=_HELP)
@click.version_option(package_name="lamplighter", help=TEXTS.text("version_help"))
@click.option("--lang", type=click.Choice(LANGUAGES), expose_value=False, help=TEXTS.text("lang_help"))
def main() -> None:
    """Start here."""


@main.command(help=TEXTS.text("run_help"))
@click.argument("config", type=_FILE)
@click.option("--scenario", type=_FILE, help=TEXTS.text("run_scenario_help"))
@click.option("--control", type=_FILE, help=TEXTS.text("control_help"))
@click.option("--ready-file", type=_FILE, help=TEXTS.text("ready_file_help"))
@click.option("--journal", type=_FILE, help=TEXTS.text("journal_help"))
@shared_options
def run(
    *,
    config: Path,
    scenario: Path | None,
    control: Path | None,
    ready_file: Path | None,
    journal: Path | None,
    as_json: bool,
) -> None:
    """Run until a signal."""
    import asyncio

    from config.errors import ConfigErrors
    from firmware_sim.app import Simulator
    from firmware_sim.opening import LinkInUseError, NotOpenError
    from firmware_sim.scenario import load_config, load_scenario, named_scenario

    try:
        settings = load_config(config)
        named = scenario or named_scenario(config, settings)
        steps = None
        if named is not None:
            from firmware_sim.world import World

            steps = load_scenario(named, World(settings, 0.0))
    except ConfigErrors as error:
        _fail_config(error, as_json=as_json)
        return
    try:
        simulator = Simulator(settings, steps, control=control, journal=journal)
        asyncio.run(_serve(simulator, ready_file, as_json=as_json))
    except LinkInUseError as error:
        _fail_open(TEXTS.text("link_served" if error.served else "link_is_file", link=error.link))
    except NotOpenError as error:
        reason = TEXTS.text("in_use") if error.in_use else error.reason
        _fail_open(TEXTS.text(f"{error.what}_not_open", name=error.name, where=error.where, reason=reason))
    except OSError as error:
        _fail_open(TEXTS.text("not_open", error=error))


def _fail_open(text: str) -> NoReturn:
    print(text, file=sys.stderr)
    sys.exit(EXIT_NOT_OPEN)


async def _serve(simulator: Any, ready_file: Path | None, *, as_json: bool) -> None:
    import asyncio
    import signal

    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    await simulator.start()
    try:
        ready = simulator.ready()
        if as_json:
            print(json.dumps(ready), flush=True)
        else:
            for line in ready["lines"]:
                print(TEXTS.text(f"ready_{line['kind']}", **line))
            counts = {"cabinets": len(simulator.world.cabinets), "devices": len(simulator.world.stations)}
            print(TEXTS.text("ready", **counts), flush=True)
        if ready_file is not None:
            fresh = ready_file.with_name(f"{ready_file.name}.part")
            fresh.write_text(json.dumps(ready) + "\n", encoding="utf-8")
            fresh.replace(ready_file)
        await stopping.wait()
    finally:
        await simulator.stop()
    if not as_json:
        print(TEXTS.text("stopped"), flush=True)


@main.command(help=TEXTS.text("control_command_help"))
@click.argument("socket", type=_FILE)
@click.argument("do")
@click.argument("facts", nargs=-1, metavar="[KEY=VALUE]...")
@shared_options
def control(*, socket: Path, do: str, facts: tuple[str, ...], as_json: bool) -> None:
    """Send one command to a running simulator."""
    from firmware_sim.cli.control import SocketSilentError, command_of, send

    try:
        command = command_of(do, facts)
    except ValueError as error:
        raise click.UsageError(TEXTS.text("fact_wanted", fact=error)) from error
    try:
        answer = send(socket, command)
    except OSError as error:
        _fail_open(TEXTS.text("nobody_there", where=socket, reason=error.strerror or error))
    except SocketSilentError:
        _fail_open(TEXTS.text("no_answer", where=socket))
    if as_json or (answer["ok"] and len(answer) > 1):
        print(json.dumps(answer, ensure_ascii=False, indent=None if as_json else 2))
    elif answer["ok"]:
        print(TEXTS.text("done"))
    else:
        print(answer["error"], file=sys.stderr)
    if not answer["ok"]:
        sys.exit(click.UsageError.exit_code)


@main.group(help=TEXTS.text("scenario_help"))
def scenario() -> None:
    """Group the commands on scenario files."""


@scenario.command(help=TEXTS.text("check_help"))
@click.argument("file", type=_FILE)
@click.option("--config", type=_FILE, help=TEXTS.text("config_help"))
@shared_options
def check(*, file: Path, config: Path | None, as_json: bool) -> None:
    """Check a scenario."""
    from config.errors import ConfigErrors
    from firmware_sim.scenario import load_config, load_scenario
    from firmware_sim.world import World

    try:
        world = World(load_config(config), 0.0) if config is not None else None
        loaded = load_scenario(file, world)
    except ConfigErrors as error:
        _fail_config(error, as_json=as_json)
        return
    if as_json:
        print(json.dumps({"ok": True, "file": str(file), "steps": len(loaded.steps)}))
    else:
        print(TEXTS.text("scenario_ok", file=file, steps=len(loaded.steps)))


@scenario.command(help=TEXTS.text("show_help"))
@click.argument("file", type=_FILE)
@shared_options
def show(*, file: Path, as_json: bool) -> None:
    """Print a time line."""
    from config.errors import ConfigErrors
    from firmware_sim.scenario import load_scenario, time_line_with_ends

    try:
        steps = time_line_with_ends(load_scenario(file))
    except ConfigErrors as error:
        _fail_config(error, as_json=as_json)
        return
    if as_json:
        rows = [{**step.action.model_dump(exclude_none=True), "at_s": step.at_s} for step in steps]
        print(json.dumps({"file": str(file), "steps": rows}, ensure_ascii=False))
        return
    from config.language import cells, pad

    table = [[TEXTS.text(f"{name}_column") for name in ("time", "event", "target", "facts")]]
    table += [_row(step) for step in steps]
    widths = [max(cells(row[column]) for row in table) for column in range(3)]
    for row in table:
        print("  ".join([*(pad(row[column], widths[column]) for column in range(3)), row[3]]).rstrip())


def _row(step: Timed) -> list[str]:
    facts = step.action.model_dump(exclude_defaults=True)
    facts.pop("at_s", None)
    target = facts.pop("cabinet", None) or facts.pop("device", "")
    where = ", ".join(target) if isinstance(target, tuple | list) else str(target)
    event = str(facts.pop("do"))
    return [f"{step.at_s:g}", event, where, " ".join(f"{key}={value}" for key, value in facts.items())]


main.add_command(city)
