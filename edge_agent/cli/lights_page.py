"""What `edge-agent lights` prints, and the lines that `edge-agent status` has about the lights; 80 cells wide."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from config.language import cells, pad
from edge_agent.cli.words import TEXTS

WIDTH_CELLS: Final = 80
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_STATUS_LINES: Final = 4
_COLUMNS: Final = (("circuit", 8), ("wanted", 10), ("actual", 7), ("proof", 9), ("power", 7), ("hours", 8))


def folded(text: str) -> list[str]:
    """Return a text in lines of at most the page's width, those after the first one indented; two lines at most."""
    return textwrap.wrap(text, WIDTH_CELLS, subsequent_indent="  ", max_lines=2, placeholder=" …")


def clock_text(at_ms: int | None, zone: str) -> str:
    """Return a time (ms since 1970 UTC) as the wall's clock shows it."""
    from zoneinfo import ZoneInfo

    if at_ms is None:
        return TEXTS.text("none")
    moment = (_EPOCH + timedelta(milliseconds=at_ms)).astimezone(ZoneInfo(zone or "UTC"))
    return moment.strftime("%H:%M (%d.%m.)")


def state_text(state: bool | None) -> str:
    """Return on, off or unknown."""
    return TEXTS.text("unknown" if state is None else "on" if state else "off")


def reason_text(reason: str) -> str:
    """Return who decides, in words."""
    by = reason.removeprefix("override by ")
    if by != reason:
        return TEXTS.text("why_override_by", by=by)
    return TEXTS.text(f"why_{reason}") if f"why_{reason}" in TEXTS else reason


def light_cause_text(cause: str) -> str:
    """Return why a circuit is not as it should be, or why a command was refused, in words."""
    return TEXTS.text(f"light_{cause}") if f"light_{cause}" in TEXTS else cause


def lights_are_well(lights: Mapping[str, Any]) -> bool:
    """Return whether the calendar is as it should be and no circuit has failed."""
    is_calendar_good = not (lights["calendar"]["problem"] or lights["want_error"])
    return is_calendar_good and all(one["proof"] != "failed" for one in lights["circuits"])


def lights_in_status(lights: Mapping[str, Any] | None) -> list[str]:
    """Return the few lines of `edge-agent status` about the lights."""
    if lights is None:
        return []
    zone = lights["timezone"]
    if lights["lamps_due"] is None:
        lines = [TEXTS.text("lamps_waiting")]
    else:
        key = "lamps_on" if lights["lamps_due"] else "lamps_off"
        change = clock_text(lights["until_ms"], zone)
        lines = [TEXTS.text(key, reason=reason_text(lights["reason"]), change=change)]
    lines += _warnings(lights)
    for circuit in lights["circuits"]:
        if circuit["relay"] is not circuit["wanted"] and circuit["wanted"] is not None:
            shown, target = state_text(circuit["relay"]), state_text(circuit["wanted"])
            lines.append(TEXTS.text("output_differs", point=circuit["output"], shown=shown, target=target))
        elif circuit["proof"] == "failed":
            cause = light_cause_text(circuit["cause"])
            lines += folded(TEXTS.text("circuit_failed", circuit=circuit["id"], cause=cause))
    return lines[:_MAX_STATUS_LINES]


def _warnings(lights: Mapping[str, Any]) -> list[str]:
    lines: list[str] = []
    if lights["calendar"]["problem"]:
        lines += folded(TEXTS.text("schedule_wrong", problem=lights["calendar"]["problem"]))
    error = lights.get("want_error")
    if error:
        told = error[f"text_{_language()}"]
        where = f"{error['where']}: " if error["where"] else ""
        lines += folded(TEXTS.text("want_refused", rev=error["rev"], problem=where + told))
    for permit in lights["permits"]:
        lines += folded(TEXTS.text("permit_over" if permit["overdue"] else "permit_line", **permit))
    return lines


def _language() -> str:
    from config.language import process_language

    return process_language()


def lights_lines(lights: Mapping[str, Any]) -> list[str]:
    """Return the page of `edge-agent lights`."""
    zone, calendar = lights["timezone"], lights["calendar"]
    if lights["level"] is None:
        lines = [TEXTS.text("lights_starting")]
    else:
        facts = {"level": lights["level"], "reason": reason_text(lights["reason"])}
        lines = folded(TEXTS.text("lights_head", **facts, change=clock_text(lights["until_ms"], zone)))
    source = TEXTS.text("lights_of_centre", rev=calendar["rev"]) if calendar["rev"] else TEXTS.text("lights_of_file")
    if lights["rule"]:
        source += f", {TEXTS.text('lights_rule', rule=lights['rule'])}"
    name, program = calendar["name"] or "-", lights["program"] or "-"
    lines += folded(TEXTS.text("lights_calendar", name=name, program=program, source=source))
    lines += _warnings(lights)
    if lights["selector_local"]:
        lines.append(TEXTS.text("selector_line"))
    if lights["supply"] is False:
        lines.append(TEXTS.text("supply_line"))
    lines += ["", _row([TEXTS.text(f"column_{name}") for name, _ in _COLUMNS], TEXTS.text("column_why"))]
    for circuit in lights["circuits"]:
        lines += _circuit_lines(circuit, zone)
    return lines


def _row(values: Sequence[str], last: str) -> str:
    row = "".join(pad(value, width - 1) + " " for value, (_, width) in zip(values, _COLUMNS, strict=True))
    return (row + last).rstrip()


def _circuit_lines(circuit: Mapping[str, Any], zone: str) -> list[str]:
    dim = "" if circuit["dim"] is None else f" {circuit['dim']} %"
    held = circuit["held_back"]
    proof = TEXTS.text(f"held_{held}") if held else TEXTS.text("proof_pending")
    if circuit["proof"] != "pending":
        proof = TEXTS.text("proof_not_proved" if circuit["cause"] == "not_proved" else "proof_done")
    is_failed = circuit["proof"] == "failed"
    until = clock_text(circuit["until_ms"], zone)
    why = TEXTS.text("lights_until", reason=reason_text(circuit["reason"]), until=until)
    values = [
        circuit["id"],
        state_text(circuit["wanted"]) + (dim if circuit["wanted"] else ""),
        state_text(circuit["actual"]),
        "!!!" if is_failed else proof,
        "-" if circuit["power_w"] is None else f"{circuit['power_w']:.0f}",
        f"{circuit['on_hours']:.1f}",
    ]
    row = _row(values, why)
    lines = [row] if cells(row) <= WIDTH_CELLS else [_row(values, ""), f"    {why}"]
    if is_failed:
        lines.append(f"    !!! {light_cause_text(circuit['cause'])}")
    if circuit["override"]:
        lines += folded(f"    {circuit['override']['by']}: {circuit['override']['reason']}")
    return lines


def plan_lines(nights: Sequence[Mapping[str, Any]], zone: str) -> list[str]:
    """Return one line a night: its date, program, and when which level burns."""
    lines = []
    for night in nights:
        steps = ", ".join(
            f"{clock_text(step['start_ms'], zone)[:5]}-{clock_text(step['end_ms'], zone)[:5]} {step['level']} %"
            + ("" if step["dim"] is None else f" ({step['dim']} %)")
            for step in night["steps"]
        )
        head = night["program"] + (f" [{night['rule']}]" if night["rule"] else "")
        text = f"{night['day']}  {head}  {steps or TEXTS.text('plan_dark')}"
        lines += textwrap.wrap(text, WIDTH_CELLS, subsequent_indent="            ")
    return lines


def result_lines(result: Mapping[str, Any]) -> list[str]:
    """Return what became of a command, circuit by circuit."""
    state = result["state"]
    if state in {"rejected", "expired"} and not result.get("circuits"):
        return [TEXTS.text(f"result_{state}", reason=light_cause_text(result["reason"]))]
    lines = []
    for name, one in (result.get("circuits") or {}).items():
        contact = "" if "feedback" not in one else f", {state_text(one['feedback'])}"
        power = "" if "power_w" not in one else f", {one['power_w']:.0f} W"
        cause = f": {light_cause_text(one['cause'])}" if one["cause"] else ""
        mark = "+" if one["state"] == "done" else "!"
        lines += folded(f"{mark} {name}{cause}{contact}{power}")
    closing = "result_done" if state == "done" else "result_failed"
    return [*lines, TEXTS.text(closing)]
