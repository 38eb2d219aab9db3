"""What lamps do, and what they will do, as tables."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import click

from collector.cli.lights_options import clock
from collector.cli.lights_texts import TEXTS
from collector.cli.table import duration, print_table

STREET_CELLS: Final = 16
REASON_CELLS: Final = 24
SILENT_MS: Final = 90_000
"""A gateway says something at least every 30 s: what it said before is history."""


def show_status(answer: dict[str, Any]) -> None:
    """Print one line a cabinet."""
    zone, now_ms = ZoneInfo(answer["timezone"]), answer["now_ms"]
    header = [TEXTS.text(f"col_{key}") for key in ("cabinet", "street", "level", "reason", "circuits", "next", "note")]
    rows = [_status_row(cabinet, zone, now_ms) for cabinet in answer["cabinets"]]
    if not rows:
        click.echo(TEXTS.text("none_found"), err=True)
        return
    print_table(header, rows)
    click.echo(TEXTS.text("legend"), err=True)


def _status_row(cabinet: dict[str, Any], zone: ZoneInfo, now_ms: int) -> list[str]:
    control = cabinet["control"]
    fresh = cabinet["at_ms"] is not None and now_ms - cabinet["at_ms"] <= SILENT_MS
    next_change = control.get("next_change")
    told_next = clock(next_change, zone, now_ms) if isinstance(next_change, int) and next_change else ""
    return [
        cabinet["id"],
        cabinet["street"][:STREET_CELLS],
        _level_told(control) if fresh else "?",
        ", ".join(map(_reason_told, _reasons(control)))[:REASON_CELLS] if fresh else "",
        circuits_told(control) if fresh else "",
        told_next if fresh else "",
        _note(cabinet, fresh=fresh, now_ms=now_ms),
    ]


def circuits_told(control: dict[str, Any]) -> str:
    """Return each circuit with a sign: + lit, - dark, ! not as wanted, ? not known."""
    names = sorted(key.removeprefix("wanted_") for key in control if key.startswith("wanted_"))
    told = []
    for name in names:
        wanted, actual = control.get(f"wanted_{name}"), control.get(f"actual_{name}")
        if actual is None:
            sign = "?"
        elif bool(actual) != bool(wanted):
            sign = "!"
        else:
            sign = "+" if actual else "-"
        told.append(f"{name.upper()}{sign}")
    return " ".join(told)


def _reasons(control: dict[str, Any]) -> list[str]:
    """Return why the circuits are as they are, each reason once; of a cabinet without circuits the calendar's."""
    told = [str(value) for key, value in sorted(control.items()) if key.startswith("reason_") and value]
    return list(dict.fromkeys(told)) or [str(control.get("reason") or "")]


def _level_told(control: dict[str, Any]) -> str:
    """Return the calendar's level, in brackets where something stands above it."""
    level = control.get("level")
    if level is None:
        return "?"
    above = any(reason != control.get("reason") for reason in _reasons(control))
    return f"({level:g} %)" if above else f"{level:g} %"


def _reason_told(reason: str) -> str:
    word, _, by = reason.partition(" by ")
    told = TEXTS.text(f"because_{word}") if f"because_{word}" in TEXTS else word
    return f"{told}: {by}" if by else told


def _note(cabinet: dict[str, Any], *, fresh: bool, now_ms: int) -> str:
    notes: list[str] = []
    permit = cabinet["permit"]
    if permit is not None:
        overdue = permit["until_ms"] is not None and now_ms > permit["until_ms"]
        notes.append(TEXTS.text("note_overdue" if overdue else "note_permit", by=permit["by"]))
    elif cabinet["control"].get("permit"):
        # Opened on site, or before the centre's record began.
        overdue = bool(cabinet["control"].get("permit_overdue"))
        by = cabinet["control"].get("permit_by") or "?"
        notes.append(TEXTS.text("note_overdue" if overdue else "note_permit", by=by))
    if cabinet["class"] not in {"lighting", "alley"}:
        notes.append(TEXTS.text("note_watched"))
    if cabinet["control"].get("selector_local"):
        notes.append(TEXTS.text("note_local"))
    if not cabinet["online"] or not fresh:
        age = "" if cabinet["at_ms"] is None else f" {duration(now_ms - cabinet['at_ms'])}"
        notes.append(f"{TEXTS.text('note_away')}{age}")
    return ", ".join(notes)


def steps_told(steps: list[list[Any]], zone: ZoneInfo) -> str:
    """Return a night's steps such as `17:20-22:30 100 %  22:30-05:35 67 %`."""
    if not steps:
        return TEXTS.text("dark")
    told = []
    for start_ms, end_ms, level, dim in steps:
        first, end = (datetime.fromtimestamp(at / 1000, UTC).astimezone(zone) for at in (start_ms, end_ms))
        dimmed = "" if dim is None or dim == 100 else f" dim {dim} %"
        told.append(f"{first:%H:%M}-{end:%H:%M} {level} %{dimmed}")
    return "  ".join(told)


def show_nights(answer: dict[str, Any]) -> None:
    """Print what cabinets do in the coming nights."""
    zone = ZoneInfo(answer["timezone"])
    header = [TEXTS.text(f"col_{key}") for key in ("cabinet", "night", "program", "steps")]
    rows = [
        [
            cabinet["id"],
            night["day"],
            night["program"] + (f" ({night['rule']})" if night["rule"] else ""),
            steps_told(night["steps"], zone),
        ]
        for cabinet in answer["cabinets"]
        for night in cabinet["nights"]
    ]
    if not rows:
        click.echo(TEXTS.text("none_found"), err=True)
        return
    print_table(header, rows)
