"""`edge-agent profile check`: every mistake of a profile at its place, then what its polls cost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from config.document import Document, Location, read_document
from config.errors import ConfigErrors
from config.language import cells, pad, process_language
from config.loader import read_text
from config.profile import InstrumentProfile, ModbusProfile, load_profile, shipped_profiles
from edge_agent.cli.exit_codes import ExitCode
from edge_agent.cli.output import print_json, print_lines, say
from edge_agent.cli.words import TEXTS
from edge_agent.core.poll_cost import PollCost, costs_of
from edge_agent.core.profile_review import Doubt, Severity, review

BAUD = 9600
Finding = tuple[Severity, Path, int, int, str]
"""Severity, file, line, column, message."""


def profile_check_command(name: str, *, as_json: bool) -> ExitCode:
    """Check, print, and return 3 for errors, 1 for warnings alone, 0 for nothing or notes."""
    file = Path(name)
    if not file.exists() and name in shipped_profiles():
        file = shipped_profiles()[name]
    profile: ModbusProfile | InstrumentProfile | None = None
    findings: list[Finding]
    try:
        profile = load_profile(str(file.absolute()))
        findings = _doubts(profile, read_document(read_text(file), file))
    except ConfigErrors as error:
        findings = [("error", file, one.line, one.column, one.message) for one in error.problems]
    errors = sum(severity == "error" for severity, *_ in findings)
    warnings = sum(severity == "warning" for severity, *_ in findings)
    costs = costs_of(profile) if isinstance(profile, ModbusProfile) and not errors else {}
    if as_json:
        print_json("profile check", **_facts(file, profile, findings, costs))
    else:
        _print(file, profile, findings, costs)
        if errors or warnings:
            say(TEXTS.text("check_counts", errors=errors, warnings=warnings))
    if errors:
        return ExitCode.CONFIG
    return ExitCode.FINDING if warnings else ExitCode.OK


def _doubts(profile: ModbusProfile | InstrumentProfile, document: Document) -> list[Finding]:
    doubts = [_finding(doubt, document) for doubt in review(profile)]
    if isinstance(profile, InstrumentProfile):
        doubts += _protocol(profile, document)
    return doubts


def _finding(doubt: Doubt, document: Document) -> Finding:
    return _at(doubt.severity, document, doubt.location, TEXTS.text(doubt.key, **doubt.facts))


def _at(severity: Severity, document: Document, location: Location, message: str) -> Finding:
    mark = document.mark(location)
    return severity, document.file, mark.line + 1, mark.column + 1, message


def _protocol(profile: InstrumentProfile, document: Document) -> list[Finding]:
    """Return what the protocol itself refuses of the settings and fields."""
    from drivers.serial.families import family_of
    from edge_agent.shell.clock import SystemClock

    try:
        family_of(profile, "0", SystemClock())
    except ValueError as error:
        return [_at("error", document, ("points",), str(error))]
    return []


def _facts(
    file: Path, profile: ModbusProfile | InstrumentProfile | None, findings: list[Finding], costs: dict[str, PollCost]
) -> dict[str, Any]:
    return {
        "ok": all(severity == "note" for severity, *_ in findings),
        "file": str(file),
        "profile": profile.profile if profile else None,
        "findings": [
            {"severity": severity, "file": str(where), "line": line, "column": column, "message": message}
            for severity, where, line, column, message in findings
        ],
        "baud": BAUD,
        "polls": {
            name: {
                "points": cost.points,
                "requests": cost.requests,
                "sent_bytes": cost.sent_bytes,
                "received_bytes": cost.received_bytes,
                "bus_ms": round(cost.bus_ms(BAUD), 1),
            }
            for name, cost in costs.items()
        },
    }


def _print(
    file: Path, profile: ModbusProfile | InstrumentProfile | None, findings: list[Finding], costs: dict[str, PollCost]
) -> None:
    print_lines(
        f"{where}:{line}:{column}: {TEXTS.text(severity)}: {message}"
        for severity, where, line, column, message in findings
    )
    if profile is None:
        return
    name = profile.vi if process_language() == "vi" else profile.en
    clean = all(severity == "note" for severity, *_ in findings)
    facts = {"file": file, "name": name, "points": len(profile.specs)}
    print_lines([TEXTS.text("profile_good" if clean else "profile_head", **facts)])
    if isinstance(profile, InstrumentProfile):
        print_lines([TEXTS.text("profile_instrument", protocol=profile.protocol, points=len(profile.specs))])
    elif costs:
        print_lines(_cost_lines(costs))


def _cost_lines(costs: dict[str, PollCost]) -> list[str]:
    rows = [[TEXTS.text(f"column_{name}") for name in ("class", "points", "requests", "bytes", "bus")]]
    for name, cost in costs.items():
        shown = TEXTS.text("class_all") if name == "all" else name
        size = f"{cost.sent_bytes + cost.received_bytes}"
        rows.append([shown, f"{cost.points}", f"{cost.requests}", size, f"{cost.bus_ms(BAUD):.0f} ms"])
    return [*columns(rows), TEXTS.text("profile_cost")]


def columns(rows: list[list[str]]) -> list[str]:
    """Return rows as lines with their columns aligned."""
    widths = [max(cells(row[column]) for row in rows) + 2 for column in range(len(rows[0]) - 1)]
    return ["".join(pad(cell, width) for cell, width in zip(row, widths, strict=False)) + row[-1] for row in rows]
