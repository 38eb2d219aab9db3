"""`collector status` and `collector gateways`: from what the collector wrote, whether it runs or not."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
import time
from pathlib import Path
from typing import Final

import click

from collector.cli.options import EXIT_FINDING, Failure, config_option, json_option, lang_option
from collector.cli.remedies import remedy
from collector.cli.setup import load_config
from collector.cli.table import duration, print_table, printable
from collector.cli.texts import text
from collector.shell.metrics import COUNTERS, GAUGES
from collector.shell.records import GatewayRecord, Overview, read_overview
from config.language import process_language

STALE_MS: Final = 20_000
"""Four times what a running collector takes between two writings."""


@click.command(help=text("help_gateways"))
@config_option
@json_option
@lang_option
def gateways(config_file: Path, as_json: bool) -> None:
    """List gateways."""
    overview = _overview(config_file)
    now_ms = time.time_ns() // 1_000_000
    if as_json:
        listed = [dataclasses.asdict(record) for record in overview.gateways]
        age_ms = now_ms - int(overview.facts.get("written_ms", "0"))
        click.echo(json.dumps({"gateways": listed, "age_s": age_ms / 1000}, ensure_ascii=False))
        return
    click.echo(_headline(overview, now_ms), err=True)
    if not overview.gateways:
        click.echo(text("no_gateways"), err=True)
        raise click.exceptions.Exit(EXIT_FINDING)
    columns = ("gateway", "last_seen", "lag", "online", "devices", "seq", "software")
    print_table([text(f"col_{name}") for name in columns], [_cells(record, now_ms) for record in overview.gateways])


@click.command(help=text("help_status"))
@config_option
@json_option
@lang_option
def status(config_file: Path, as_json: bool) -> None:
    """Show troubles, queues and counters."""
    overview = _overview(config_file)
    facts = overview.facts
    now_ms = time.time_ns() // 1_000_000
    state = _state(overview, now_ms)
    troubles = {part: facts.get(part, "") for part in ("broker", "store", "alarms", "lights")}
    if as_json:
        told = {
            "state": state,
            "name": facts.get("name", ""),
            "version": facts.get("version", ""),
            "pid": int(facts.get("pid", "0")),
            "started_ms": int(facts.get("started_ms", "0")),
            "written_ms": int(facts.get("written_ms", "0")),
            "age_s": (now_ms - int(facts.get("written_ms", "0"))) / 1000,
            "store_kind": facts.get("store_kind", ""),
            "troubles": troubles,
            "remedies": {part: remedy(part, trouble) for part, trouble in troubles.items()},
            "metrics": dict(overview.metrics),
        }
        click.echo(json.dumps(told, ensure_ascii=False))
    else:
        click.echo(_headline(overview, now_ms))
        titles = {
            "broker": text("broker"),
            "store": text("store", kind=facts.get("store_kind", "")),
            "alarms": text("alarm_state"),
            "lights": text("orders_state"),
        }
        for part, title in titles.items():
            click.echo(f"{title}: {printable(troubles[part]) or text('well')}")
            if troubles[part]:
                click.echo(f"  -> {remedy(part, troubles[part])}")
        click.echo(text("counters"))
        language = 1 if process_language() == "vi" else 0
        print_table(
            ["", "", ""],
            [
                [f"{overview.metrics.get(name, 0):>10}", name, words[language]]
                for name, words in (GAUGES | COUNTERS).items()
                if overview.metrics.get(name, 0) or name in GAUGES
            ],
        )
    if state != "running" or any(troubles.values()):
        raise click.exceptions.Exit(EXIT_FINDING)


def _overview(config_file: Path) -> Overview:
    state_dir = load_config(config_file).state_dir
    try:
        return read_overview(state_dir)
    except FileNotFoundError as error:
        raise Failure(text("never_ran", path=state_dir)) from error
    except (sqlite3.Error, OSError) as error:
        raise Failure(text("unreadable", path=state_dir, error=error)) from error


def _state(overview: Overview, now_ms: int) -> str:
    if overview.facts.get("stopped"):
        return "stopped"
    return "running" if now_ms - int(overview.facts.get("written_ms", "0")) <= STALE_MS else "dead"


def _headline(overview: Overview, now_ms: int) -> str:
    facts = overview.facts
    return text(
        _state(overview, now_ms),
        name=facts.get("name", ""),
        version=facts.get("version", ""),
        pid=facts.get("pid", ""),
        age=duration(now_ms - int(facts.get("written_ms", "0"))),
    )


def _cells(record: GatewayRecord, now_ms: int) -> list[str]:
    seen = text("ago", age=duration(now_ms - record.last_seen_ms)) if record.last_seen_ms else text("never")
    online = text("unknown") if record.online is None else text("yes" if record.online else "no")
    lag = duration(record.lag_ms) if record.last_seen_ms else ""
    return [record.name, seen, lag, online, str(record.devices), str(record.seq), record.software]
