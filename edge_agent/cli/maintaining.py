"""`edge-agent maintain`: say that somebody works on a device, so that its data stays out of averages and alarms."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from config.errors import ConfigErrors
from edge_agent.cli.exit_codes import ExitCode
from edge_agent.cli.output import fail, print_json, say
from edge_agent.cli.status_page import span_text
from edge_agent.cli.words import TEXTS
from edge_agent.shell.control import ControlError, ask, socket_path
from edge_agent.shell.last_good import config_in_use

TIMEOUT_S: Final = 10.0
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_PROBLEMS: Final = frozenset({"no_device", "by", "reason", "duration", "none_announced"})


def duration_s(text: str) -> int | None:
    """Return a span such as 90s, 30m, 2h or 1d in seconds; None if it is none."""
    match = re.fullmatch(r"([1-9][0-9]{0,5})([smhd])", text.strip())
    return int(match[1]) * _UNITS[match[2]] if match else None


def maintain_command(
    config_file: Path, device: str, *, span: str | None, reason: str | None, by: str, end: bool, as_json: bool
) -> ExitCode:
    """Begin or end maintenance, and return 0, 1 if it is not on the disk, 2 if it is refused, 5 without an agent."""
    for_s = duration_s(span) if span is not None else None
    if end and (span is not None or reason is not None):
        fail(ExitCode.USAGE, TEXTS.text("maintain_end_alone"), "maintain", as_json=as_json)
    if not end and for_s is None:
        fail(ExitCode.USAGE, TEXTS.text("maintain_duration"), "maintain", as_json=as_json)
    if not end and not (reason or "").strip():
        fail(ExitCode.USAGE, TEXTS.text("maintain_reason"), "maintain", as_json=as_json)
    request: dict[str, Any] = {"op": "maintain", "device": device, "by": by}
    request |= {"end": True} if end else {"for_s": for_s, "reason": reason}
    try:
        config = config_in_use(config_file)
        reply = ask(socket_path(config.runtime_dir), request, TIMEOUT_S)
    except ConfigErrors as error:
        fail(ExitCode.CONFIG, str(error), "maintain", as_json=as_json)
    except ControlError as error:
        fail(ExitCode.NO_ANSWER, str(error), "maintain", as_json=as_json)
    if reply is None:
        fail(ExitCode.NO_ANSWER, TEXTS.text("not_running"), "maintain", as_json=as_json)
    if "error" in reply:
        problem = reply.get("problem")
        told = TEXTS.text(f"maintain_{problem}", device=device) if problem in _PROBLEMS else str(reply["error"])
        fail(ExitCode.USAGE, told, "maintain", as_json=as_json)
    if as_json:
        print_json("maintain", **reply)
    elif end:
        say(TEXTS.text("maintain_ended", device=device))
    else:
        say(TEXTS.text("maintain_begun", device=device, span=span_text(for_s or 0)))
    if not reply["kept"]:
        say(TEXTS.text("maintain_not_kept"))
        return ExitCode.FINDING
    return ExitCode.OK
