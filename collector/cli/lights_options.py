"""Options of `collector lights` that several commands share, and the way to the running collector."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo

import click

from collector.cli.lights_refusals import REFUSALS
from collector.cli.lights_texts import TEXTS
from collector.cli.options import Failure, RefusedFailure, UnreachableFailure, config_option, json_option, lang_option
from collector.cli.setup import load_config
from collector.cli.texts import text
from collector.shell.control_socket import ControlClient, ControlError
from collector.shell.lights_centre import SOCKET_NAME

Command = TypeVar("Command", bound=Callable[..., Any])
USUAL_SOCKET: Final = Path("/run/lamplighter/control.sock")
_UNITS_S: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_KINDS: Final = (
    ("cabinet", "cabinets"),
    ("street", "streets"),
    ("ward", "wards"),
    ("feeder", "feeders"),
    ("tag", "tags"),
)


def socket_options(command: Command) -> Command:
    """Add --config, --socket, --json and --lang."""
    option = click.option(
        "--socket",
        "socket_file",
        type=click.Path(path_type=Path),
        envvar="LAMPLIGHTER_SOCKET",
        help=TEXTS.text("opt_socket"),
    )
    return config_option(option(json_option(lang_option(command))))


def selection_options(command: Command) -> Command:
    """Add --cabinet, --street, --ward, --feeder, --tag, --all and --circuit."""
    for kind, name in reversed(_KINDS):
        command = click.option(f"--{kind}", name, multiple=True, help=TEXTS.text(f"opt_{kind}"))(command)
    command = click.option("--circuit", "circuits", multiple=True, help=TEXTS.text("opt_circuit"))(command)
    return click.option("--all", "everything", is_flag=True, help=TEXTS.text("opt_all"))(command)


def order_options(command: Command) -> Command:
    """Add what every order takes beside its selection."""
    options = (
        click.option("--yes-count", type=click.IntRange(min=1), help=TEXTS.text("opt_yes_count")),
        click.option("--patience", help=TEXTS.text("opt_patience")),
        click.option("--no-wait", is_flag=True, help=TEXTS.text("opt_no_wait")),
    )
    for option in options:
        command = option(command)
    return command


def selected(options: dict[str, Any], *, needed: bool = True) -> dict[str, Any]:
    """Take the selection out of a command's options, as requests name it.

    Raises:
        click.UsageError: Nothing is chosen, though something must be.
    """
    names = [*(name for _, name in _KINDS), "everything", "circuits"]
    chosen = {name: options.pop(name) for name in names if name in options}
    if needed and not any(chosen[name] for name in chosen if name != "circuits"):
        raise click.UsageError(TEXTS.text("no_selection"))
    return chosen


def client_of(options: dict[str, Any]) -> Asking:
    """Take --config and --socket out of a command's options, and return the way to the collector."""
    config_file: Path = options.pop("config_file")
    socket_file: Path | None = options.pop("socket_file")
    if socket_file is None and not os.access(config_file, os.R_OK) and USUAL_SOCKET.exists():
        # Operators need not read the configuration to switch lamps.
        socket_file = USUAL_SOCKET
    if socket_file is None:
        config = load_config(config_file)
        socket_file = config.commands.socket or config.state_dir / SOCKET_NAME
    asking = Asking(socket_file)
    click.get_current_context().call_on_close(asking.close)
    return asking


class Asking:
    """Asks the running collector; what it refuses ends the command with the reason in words."""

    def __init__(self, socket_file: Path) -> None:
        self._client = ControlClient(socket_file)

    def ask(self, do: str, **facts: Any) -> dict[str, Any]:
        """Return the answer.

        Raises:
            UnreachableFailure: Nobody answers; exit code 6.
            RefusedFailure: The collector says no; exit code 7.
            Failure: A name is of nothing; exit code 1.
        """
        try:
            answer = self._client.ask(do, **facts)
        except ControlError as error:
            raise UnreachableFailure(TEXTS.text("unreachable", error=error)) from error
        if "error" in answer:
            raise refusal(answer)
        return answer

    def close(self) -> None:
        """End the connection."""
        self._client.close()

    def once(self, do: str, **facts: Any) -> dict[str, Any]:
        """Ask with a token, and once more if the answer was lost: it is not done twice."""
        token = secrets.token_hex(16)
        try:
            return self.ask(do, token=token, **facts)
        except UnreachableFailure:
            return self.ask(do, token=token, **facts)


def refusal(answer: dict[str, Any]) -> Failure:
    """Return the failure that says why the collector refused."""
    code = str(answer.pop("error"))
    if code == "unknown_names":
        return Failure("\n".join(_unknown(name) for name in answer["names"]))
    if code == "nothing_to_touch":
        causes = [f"  {name}: {TEXTS.text('cause_' + cause)}" for name, cause in list(answer["refused"].items())[:20]]
        return RefusedFailure("\n".join([REFUSALS.text("no_nothing_to_touch"), *causes]))
    if f"no_{code}" in REFUSALS:
        facts = {key: ", ".join(value) if isinstance(value, list) else value for key, value in answer.items()}
        return RefusedFailure(REFUSALS.text(f"no_{code}", **facts))
    return RefusedFailure(REFUSALS.text("no_other", code=code, facts=answer or ""))


def _unknown(name: dict[str, Any]) -> str:
    nearest = REFUSALS.text("nearest", names=", ".join(name["nearest"])) if name["nearest"] else ""
    kind = REFUSALS.text(f"kind_{name['kind']}")
    return REFUSALS.text("no_unknown_name", kind=kind, name=name["name"], nearest=nearest)


def seconds_of(given: str) -> float:
    """Return the seconds of 30m, 2h or 1d.

    Raises:
        click.UsageError: It is none.
    """
    number, unit = given[:-1], given[-1:]
    if not number.isdigit() or unit not in _UNITS_S or len(number) > 6 or int(number) == 0:
        raise click.UsageError(text("bad_duration", text=given))
    return float(int(number) * _UNITS_S[unit])


def instant_of(given: str, zone: ZoneInfo, now_ms: int) -> int:
    """Return when "22:30" comes next on the city's clocks, or the time of an ISO 8601 text; ms since 1970 UTC.

    Raises:
        click.UsageError: It is neither.
    """
    now = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(zone)
    hours, found, minutes = given.partition(":")
    try:
        if found and len(given) <= 5 and hours.isdigit() and minutes.isdigit():
            at = now.replace(hour=int(hours), minute=int(minutes), second=0, microsecond=0)
            if at <= now:
                at = at + timedelta(days=1)
        else:
            at = datetime.fromisoformat(given)
            at = at if at.tzinfo is not None else at.replace(tzinfo=zone)
    except ValueError as error:
        raise click.UsageError(text("bad_time", text=given)) from error
    return round(at.timestamp() * 1000)


def clock(at_ms: int | None, zone: ZoneInfo, now_ms: int) -> str:
    """Return a time on the city's clocks, with the date if it is not today's."""
    if at_ms is None:
        return ""
    at = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone)
    today = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(zone).date()
    return f"{at:%H:%M}" if at.date() == today else f"{at:%d/%m %H:%M}"
