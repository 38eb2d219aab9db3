"""`collector lights`: what the lamps do, commands to them, and their calendars."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import click

from collector.cli.lights_calendar import calendar
from collector.cli.lights_options import (
    Asking,
    client_of,
    clock,
    instant_of,
    order_options,
    seconds_of,
    selected,
    selection_options,
    socket_options,
)
from collector.cli.lights_orders import confirm, follow, show_order, show_plan, what_of
from collector.cli.lights_report import relamp, report
from collector.cli.lights_texts import TEXTS
from collector.cli.lights_view import show_nights, show_status
from collector.cli.options import EXIT_FINDING, lang_option
from collector.cli.table import print_table


@click.group(help=TEXTS.text("help"), epilog=TEXTS.text("exit_codes"))
@lang_option
def lights() -> None:
    """Run one command."""


lights.add_command(calendar)
lights.add_command(report)
lights.add_command(relamp)


@lights.command(help=TEXTS.text("help_status"))
@selection_options
@socket_options
def status(**options: Any) -> None:
    """Show what the lamps do."""
    asking, as_json = client_of(options), options.pop("as_json")
    answer = asking.ask("status", **selected(options, needed=False))
    if as_json:
        click.echo(json.dumps(answer, ensure_ascii=False))
    else:
        show_status(answer)


@lights.command("plan", help=TEXTS.text("help_plan"))
@selection_options
@click.option("--nights", type=click.IntRange(1, 400), default=1, show_default=True, help=TEXTS.text("opt_nights"))
@socket_options
def plan_command(nights: int, **options: Any) -> None:
    """Show what the calendar plans."""
    asking, as_json = client_of(options), options.pop("as_json")
    answer = asking.ask("nights", nights=nights, **selected(options))
    if as_json:
        click.echo(json.dumps(answer, ensure_ascii=False))
    else:
        show_nights(answer)


def _override(level: int | None, options: dict[str, Any]) -> None:
    lasting, until, reason = options.pop("lasting"), options.pop("until"), options.pop("reason")
    if (lasting is None) == (until is None):
        raise click.UsageError(TEXTS.text("for_or_until"))
    facts: dict[str, Any] = {"level": level, "reason": reason}
    _order("override", "switch", facts, options, lasting=lasting, until=until)


def _override_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--reason", required=True, help=TEXTS.text("opt_reason")),
        click.option("--until", help=TEXTS.text("opt_until")),
        click.option("--for", "lasting", help=TEXTS.text("opt_for")),
        order_options,
        selection_options,
        socket_options,
    ):
        command = option(command)
    return command


@lights.command("on", help=TEXTS.text("help_on"))
@_override_options
def on(**options: Any) -> None:
    """Light lamps."""
    _override(100, options)


@lights.command("off", help=TEXTS.text("help_off"))
@_override_options
def off(**options: Any) -> None:
    """Put lamps out."""
    _override(0, options)


@lights.command("level", help=TEXTS.text("help_level"))
@click.argument("percent", type=click.IntRange(0, 100))
@_override_options
def level(percent: int, **options: Any) -> None:
    """Set a level."""
    _override(percent, options)


@lights.command(help=TEXTS.text("help_release"))
@order_options
@selection_options
@socket_options
def release(**options: Any) -> None:
    """Give lamps back to the calendar."""
    _order("release", "switch", {}, options)


@lights.command("test", help=TEXTS.text("help_lamp_test"))
@click.option("--minutes", type=click.IntRange(1, 30), default=10, show_default=True, help=TEXTS.text("opt_minutes"))
@order_options
@selection_options
@socket_options
def lamp_test(minutes: int, **options: Any) -> None:
    """Light lamps for a crew."""
    _order("lamp_test", "switch", {"minutes": minutes}, options)


@lights.command(help=TEXTS.text("help_read"))
@order_options
@selection_options
@socket_options
def read(**options: Any) -> None:
    """Let gateways read their devices now."""
    _order("read", "switch", {}, options)


@lights.group(help=TEXTS.text("help_permit"))
def permit() -> None:
    """Open and close work permits."""


@permit.command("open", help=TEXTS.text("help_open"))
@click.option("--reason", required=True, help=TEXTS.text("opt_reason"))
@click.option("--until", help=TEXTS.text("opt_until_permit"))
@click.option("--for", "lasting", help=TEXTS.text("opt_until_permit"))
@order_options
@selection_options
@socket_options
def open_permit(reason: str, until: str | None, lasting: str | None, **options: Any) -> None:
    """Open a work permit."""
    if lasting is not None and until is not None:
        raise click.UsageError(TEXTS.text("for_or_until"))
    _order("permit", "permit", {"active": True, "reason": reason}, options, lasting=lasting, until=until)


@permit.command("close", help=TEXTS.text("help_close"))
@click.option("--reason", required=True, help=TEXTS.text("opt_reason"))
@order_options
@selection_options
@socket_options
def close_permit(reason: str, **options: Any) -> None:
    """Close a work permit."""
    _order("permit", "permit", {"active": False, "reason": reason}, options)


@lights.command(help=TEXTS.text("help_orders"))
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help=TEXTS.text("opt_limit"))
@socket_options
def orders(limit: int, **options: Any) -> None:
    """List the newest orders."""
    asking = client_of(options)
    answer = asking.ask("orders", limit=limit)
    if options["as_json"]:
        click.echo(json.dumps(answer, ensure_ascii=False))
        return
    zone, now_ms = ZoneInfo(answer["timezone"]), _now_ms()
    rows = [
        [
            order["order"],
            clock(order["created_ms"], zone, now_ms),
            order["by"],
            what_of(order, zone, now_ms),
            f"{order['counts']['done']}/{sum(order['counts'].values())}" + ("" if order["ended"] else " …"),
            order["reason"],
        ]
        for order in answer["orders"]
    ]
    header = [TEXTS.text(f"col_{key}") for key in ("order", "when", "who", "what", "result", "why")]
    print_table(header, rows)


@lights.command(help=TEXTS.text("help_show"))
@click.argument("order")
@click.option("--no-wait", is_flag=True, help=TEXTS.text("opt_no_wait"))
@socket_options
def show(order: str, no_wait: bool, **options: Any) -> None:
    """Follow an order."""
    asking = client_of(options)
    found = asking.ask("progress", order=order)
    if no_wait and not options["as_json"]:
        show_order(found)
    else:
        follow(asking, found, wait=not no_wait, as_json=options["as_json"])


@lights.command(help=TEXTS.text("help_audit"))
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help=TEXTS.text("opt_limit"))
@click.option("--check", is_flag=True, help=TEXTS.text("opt_check"))
@socket_options
def audit(limit: int, check: bool, **options: Any) -> None:
    """Show the audit."""
    answer = client_of(options).ask("audit", limit=limit, check=check)
    if options["as_json"]:
        click.echo(json.dumps(answer, ensure_ascii=False))
    else:
        zone = ZoneInfo(answer["timezone"])
        rows = [
            [
                str(entry["id"]),
                f"{datetime.fromtimestamp(entry['at_ms'] / 1000, UTC).astimezone(zone):%d/%m %H:%M:%S}",
                entry["user"] + (f" ({entry['account']})" if entry["account"] else ""),
                entry["action"],
                json.dumps(entry["facts"], ensure_ascii=False)[:200],
            ]
            for entry in answer["entries"]
        ]
        print_table(["#", *(TEXTS.text(f"col_{key}") for key in ("when", "who", "what", "why"))], rows)
    if check:
        broken = answer["broken"]
        told = TEXTS.text("audit_whole") if broken is None else TEXTS.text("audit_broken", id=broken)
        click.echo(told, err=True)
        if broken is not None:
            raise click.exceptions.Exit(EXIT_FINDING)


def _order(
    op: str,
    operation: str,
    facts: dict[str, Any],
    options: dict[str, Any],
    *,
    lasting: str | None = None,
    until: str | None = None,
) -> None:
    """Show what an order touches, ask, send it, count the answers."""
    asking: Asking = client_of(options)
    as_json, wait = options.pop("as_json"), not options.pop("no_wait")
    yes_count, patience = options.pop("yes_count"), options.pop("patience")
    selection = selected(options)
    plan = asking.ask("plan", operation=operation, **selection)
    zone, now_ms = ZoneInfo(plan["timezone"]), plan["now_ms"]
    if lasting is not None:
        facts["for_s"] = seconds_of(lasting)
    if until is not None:
        facts["until_ms"] = instant_of(until, zone, now_ms)
    if patience is not None:
        facts["patience_s"] = seconds_of(patience)
    until_ms = facts.get("until_ms") or (now_ms + round(facts["for_s"] * 1000) if "for_s" in facts else None)
    arguments = {"level": facts.get("level"), "active": facts.get("active"), "until": until_ms}
    not_after_ms = now_ms + round(facts.get("patience_s", plan["patience_s"]) * 1000)
    if op == "override" and until_ms is not None:
        not_after_ms = min(not_after_ms, until_ms)
    away = TEXTS.text("away", time=clock(not_after_ms, zone, now_ms))
    show_plan(plan, what_of({"op": op, "arguments": arguments}, zone, now_ms), away)
    confirm(len(plan["cabinets"]), yes_count)
    order = asking.once("order", op=op, fingerprint=plan["fingerprint"], **facts, **selection)
    follow(asking, order, wait=wait, as_json=as_json)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
