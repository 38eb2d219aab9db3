"""From a shown plan to counted answers: what an order touches, whether it may go on, what came back."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Sequence
from typing import Any, Final
from zoneinfo import ZoneInfo

import click

from collector.cli.lights_options import Asking, clock
from collector.cli.lights_refusals import REFUSALS
from collector.cli.lights_texts import TEXTS
from collector.cli.options import EXIT_FINDING, Failure, RefusedFailure
from collector.cli.table import print_table, printable
from config.language import cells

LISTED: Final = 12
"""Cabinets and gateways that fit with their heading into 24 lines; the others are counted."""
POLL_S: Final = 0.3
WIDTH: Final = 80
_STATES: Final = ("done", "accepted", "sent", "waiting", "failed", "rejected", "expired", "unknown")
_BAD: Final = frozenset({"failed", "rejected", "expired", "unknown"})


def show_plan(plan: dict[str, Any], what: str, away: str) -> None:
    """Tell what would be touched and what is left out, on standard error: output is for answers."""
    cabinets: Sequence[dict[str, Any]] = plan["cabinets"]
    lamps = sum(cabinet["lamps"] for cabinet in cabinets)
    facts = {"cabinets": len(cabinets), "gateways": plan["gateways"], "lamps": lamps}
    click.echo(TEXTS.text("touches", what=what, **facts), err=True)
    for cabinet in cabinets[:LISTED]:
        circuits = ",".join(cabinet["circuits"])
        note = "" if cabinet["online"] else f"  [{away}]"
        line = f"  {cabinet['id']}  {cabinet['street']}  {circuits}{note}"
        click.echo(_cut(printable(line.rstrip())), err=True)
    if len(cabinets) > LISTED:
        click.echo(f"  {TEXTS.text('and_more', count=len(cabinets) - LISTED)}", err=True)
    refused: dict[str, str] = plan["refused"]
    if refused:
        click.echo(TEXTS.text("left_out", count=len(refused)), err=True)
        for name, cause in list(refused.items())[:LISTED]:
            click.echo(f"  {name}: {TEXTS.text('cause_' + cause)}", err=True)


def confirm(count: int, yes_count: int | None) -> None:
    """Return if the operator has named the count.

    Raises:
        RefusedFailure: There is nothing to do; exit code 7.
        Failure: Another count, or no terminal to ask at.
    """
    if not count:
        raise RefusedFailure(TEXTS.text("nothing_to_touch"))
    if yes_count is not None:
        if yes_count != count:
            raise Failure(TEXTS.text("count_differs", count=count, given=yes_count))
        return
    if not sys.stdin.isatty():
        raise Failure(TEXTS.text("no_terminal", count=count))
    click.echo(TEXTS.text("type_count", count=count), err=True, nl=False)
    if sys.stdin.readline().strip() != str(count):
        raise Failure(TEXTS.text("not_confirmed"))


def follow(asking: Asking, order: dict[str, Any], *, wait: bool, as_json: bool) -> None:
    """Count the answers of an order until it ends, and end the command by what came of it."""
    live = sys.stdout.isatty() and not as_json
    lines = 0
    try:
        while wait and not order["ended"]:
            if live:
                lines = _redraw(_live(order), lines)
            time.sleep(POLL_S)
            order = asking.ask("progress", order=order["order"])
    except KeyboardInterrupt:
        click.echo(TEXTS.text("interrupted", order=order["order"]), err=True)
        raise click.exceptions.Exit(EXIT_FINDING) from None
    if live:
        _redraw([], lines)
    if as_json:
        click.echo(json.dumps(order, ensure_ascii=False))
    else:
        show_order(order)
    if any(order["counts"][state] for state in _BAD):
        raise click.exceptions.Exit(EXIT_FINDING)


def show_order(order: dict[str, Any]) -> None:
    """Print an order: its heading, and every gateway that is not simply done."""
    zone = ZoneInfo(order["timezone"])
    click.echo(f"{TEXTS.text('order_taken', order=order['order'])}  {what_of(order, zone, order['now_ms'])}")
    left = [answer for answer in order["answers"] if answer["state"] != "done"]
    if left:
        header = [TEXTS.text(key) for key in ("col_gateway", "col_cabinets", "col_state", "col_why")]
        rows = [
            [
                answer["gateway"],
                _few(answer["cabinets"]),
                TEXTS.text(f"state_{answer['state']}"),
                why_of(answer, order, zone),
            ]
            for answer in left
        ]
        print_table(header, rows)
    done, count = order["counts"]["done"], len(order["answers"])
    click.echo(TEXTS.text("all_done" if done == count else "not_all_done", done=done, count=count))


def what_of(order: dict[str, Any], zone: ZoneInfo, now_ms: int) -> str:
    """Return what an order does, in words."""
    arguments = order["arguments"]
    until = clock(arguments.get("until"), zone, now_ms)
    match order["op"]:
        case "override":
            return TEXTS.text("what_override", level=arguments["level"], until=until)
        case "permit":
            if not arguments["active"]:
                return TEXTS.text("what_permit_close")
            return TEXTS.text("what_permit_until", until=until) if until else TEXTS.text("what_permit_open")
        case op:
            return TEXTS.text(f"what_{op}")


def why_of(answer: dict[str, Any], order: dict[str, Any], zone: ZoneInfo) -> str:
    """Return why a gateway's part is not done, circuit by circuit where the gateway told."""
    if answer["state"] == "waiting" and not answer["online"]:
        return TEXTS.text("away", time=clock(order["not_after_ms"], zone, order["now_ms"]))
    parts = [
        f"{name}: {_word(circuit['cause'])}"
        for name, circuit in answer["outcome"].items()
        if circuit["state"] != "done" and circuit["cause"]
    ]
    if answer["reason"] and not parts:
        parts.append(_word(answer["reason"]))
    return "; ".join(parts)


def _word(cause: str) -> str:
    return REFUSALS.text(f"why_{cause}") if f"why_{cause}" in REFUSALS else cause


def _live(order: dict[str, Any]) -> list[str]:
    """Return at most LISTED + 3 lines of at most 80 cells: what a phone's terminal shows at once."""
    zone = ZoneInfo(order["timezone"])
    counts = order["counts"]
    total = len(order["answers"])
    told = "  ".join(f"{TEXTS.text('state_' + state)} {counts[state]}" for state in _STATES if counts[state])
    filled = round(30 * sum(counts[state] for state in _BAD | {"done"}) / max(1, total))
    lines = [
        f"{TEXTS.text('order_taken', order=order['order'])}  {what_of(order, zone, order['now_ms'])}",
        f"[{'#' * filled}{'.' * (30 - filled)}] {counts['done']}/{total}",
        told,
    ]
    left = sorted(
        (answer for answer in order["answers"] if answer["state"] != "done"),
        key=lambda answer: (answer["state"] not in _BAD, answer["gateway"]),
    )
    for answer in left[:LISTED]:
        state = TEXTS.text(f"state_{answer['state']}")
        lines.append(f"  {answer['gateway']}  {state}  {why_of(answer, order, zone)}")
    if len(left) > LISTED:
        lines.append(f"  {TEXTS.text('and_more', count=len(left) - LISTED)}")
    return [_cut(printable(line)) for line in lines]


def _redraw(lines: Sequence[str], before: int) -> int:
    """Write lines over those of before; return how many they are."""
    if before:
        sys.stdout.write(f"\x1b[{before}A\x1b[J")
    for line in lines:
        sys.stdout.write(line + "\n")
    sys.stdout.flush()
    return len(lines)


def _cut(line: str) -> str:
    width = min(WIDTH, shutil.get_terminal_size((WIDTH, 24)).columns)
    if cells(line) < width:
        return line
    while cells(line) >= width - 1:
        line = line[:-1]
    return line + "…"


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" +{len(names) - 3}" if len(names) > 3 else "")
