"""`collector lights calendar`: check, preview, publish, follow, compare and roll back calendars."""

from __future__ import annotations

import difflib
import json
import time
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from collector.cli.calendar_texts import CALENDAR_TEXTS
from collector.cli.lights_options import client_of, clock, selected, selection_options, socket_options
from collector.cli.lights_orders import confirm, show_plan
from collector.cli.lights_texts import TEXTS
from collector.cli.lights_view import steps_told
from collector.cli.options import EXIT_FINDING, ConfigFailure, Failure, config_option, json_option, lang_option
from collector.cli.setup import load_config
from collector.cli.table import print_table
from collector.cli.texts import text
from config.agent import Place
from config.city import City
from config.errors import ConfigErrors
from config.language import process_language
from config.loader import load_document, read_text
from contract.lights import Calendar, HolidaysError, Night, expand, lighting_day, plan

HOLIDAYS_LEFT_MS = 60 * 86_400_000
MS_PER_HOUR = 3_600_000


@click.group(help=CALENDAR_TEXTS.text("help_calendar"))
def calendar() -> None:
    """Run one command."""


@calendar.command(help=CALENDAR_TEXTS.text("help_check"))
@click.argument("file", type=click.Path(path_type=Path))
@config_option
@json_option
@lang_option
def check(file: Path, config_file: Path, as_json: bool) -> None:
    """Check a calendar file, with its holidays."""
    found = _loaded(file)
    place = _place(config_file, None) if config_file.exists() else None
    facts: dict[str, Any] = {"file": str(file), "name": found.name, "rules": len(found.rules)}
    facts["programs"] = len(found.all_programs)
    if place is not None:
        nights = plan(found, place, lighting_day(place.timezone, _now_ms()), 365)
        facts["hours"] = round(sum(map(_lit_hours, nights)), 1)
    if as_json:
        click.echo(json.dumps(facts, ensure_ascii=False))
    else:
        click.echo(CALENDAR_TEXTS.text("check_ok" if place is not None else "check_ok_anywhere", **facts))


@calendar.command(help=CALENDAR_TEXTS.text("help_preview"))
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--cabinet", help=CALENDAR_TEXTS.text("opt_preview_cabinet"))
@click.option("--nights", type=click.IntRange(1, 800), default=30, show_default=True, help=TEXTS.text("opt_nights"))
@click.option("--from", "first", help=CALENDAR_TEXTS.text("opt_from_day"))
@click.option("--picture", "picture_file", type=click.Path(path_type=Path), help=CALENDAR_TEXTS.text("opt_picture"))
@config_option
@json_option
@lang_option
def preview(
    file: Path,
    cabinet: str | None,
    nights: int,
    first: str | None,
    picture_file: Path | None,
    config_file: Path,
    as_json: bool,
) -> None:
    """Show night by night what a calendar does."""
    found = _loaded(file)
    place = _place(config_file, cabinet)
    first_day = _day(first) if first else lighting_day(place.timezone, _now_ms())
    planned = plan(_expanded(found, first_day, nights, file), place, first_day, nights)
    if picture_file is not None:
        from collector.core.calendar_picture import picture

        try:
            picture_file.write_text(
                picture(planned, place, " · ".join(filter(None, (found.name or file.name, cabinet)))), "utf-8"
            )
        except OSError as error:
            raise Failure(CALENDAR_TEXTS.text("write_failed", file=picture_file, error=error.strerror)) from error
        click.echo(CALENDAR_TEXTS.text("picture_written", file=picture_file), err=True)
    if as_json:
        click.echo(json.dumps([_night_told(night) for night in planned], ensure_ascii=False))
        return
    zone = ZoneInfo(place.timezone)
    rows = [
        [
            night.day.isoformat(),
            night.program + (f" ({night.rule})" if night.rule else ""),
            steps_told([[step.start_ms, step.end_ms, step.level, step.dim] for step in night.steps], zone),
            _hours_told(_lit_hours(night)),
        ]
        for night in planned
    ]
    header = [TEXTS.text(f"col_{key}") for key in ("night", "program", "steps")] + [CALENDAR_TEXTS.text("col_lit")]
    print_table(header, rows)


@calendar.command(help=CALENDAR_TEXTS.text("help_publish"))
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--reason", required=True, help=TEXTS.text("opt_reason"))
@click.option("--first", type=click.IntRange(min=1), help=CALENDAR_TEXTS.text("opt_first"))
@click.option("--yes-count", type=click.IntRange(min=1), help=TEXTS.text("opt_yes_count"))
@selection_options
@socket_options
def publish(file: Path, reason: str, first: int | None, yes_count: int | None, **options: Any) -> None:
    """Give a calendar to gateways."""
    found = _loaded(file)
    asking, as_json = client_of(options), options.pop("as_json")
    selection = selected(options)
    touched = asking.ask("plan", operation="calendar", **selection)
    show_plan(touched, TEXTS.text("what_calendar", name=found.name or file.name), TEXTS.text("away_calendar"))
    confirm(len(touched["cabinets"]), yes_count)
    answer = asking.once(
        "publish",
        calendar=json.loads(found.model_dump_json(exclude_defaults=True)),
        source=read_text(file),
        first=first,
        reason=reason,
        fingerprint=touched["fingerprint"],
        **selection,
    )
    _told(answer, "published", as_json=as_json)


@calendar.command("status", help=CALENDAR_TEXTS.text("help_calendar_status"))
@selection_options
@socket_options
def calendar_status(**options: Any) -> None:
    """Show which calendar each gateway is to run, and runs."""
    asking, as_json = client_of(options), options.pop("as_json")
    answer = asking.ask("wants", **selected(options, needed=False))
    if as_json:
        click.echo(json.dumps(answer, ensure_ascii=False))
        return
    zone, now_ms = ZoneInfo(answer["timezone"]), _now_ms()
    keys = ("gateway", "cabinets", "calendar", "rev", "standing", "when", "note")
    header = [TEXTS.text(f"col_{key}") for key in keys]
    rows = [_want_row(gateway, zone, now_ms) for gateway in answer["gateways"]]
    print_table(header, rows)
    if any(gateway["standing"] in {"differs", "refused"} for gateway in answer["gateways"]):
        raise click.exceptions.Exit(EXIT_FINDING)


def _want_row(gateway: dict[str, Any], zone: ZoneInfo, now_ms: int) -> list[str]:
    wanted, reported = gateway["wanted"], gateway["reported"]
    notes: list[str] = []
    if gateway["held_in"] is not None:
        notes.append(TEXTS.text("note_held", rollout=gateway["held_in"]))
    ends_ms = gateway["holidays_end_ms"]
    if ends_ms is not None and ends_ms - now_ms < HOLIDAYS_LEFT_MS:
        notes.append(CALENDAR_TEXTS.text("holidays_end", day=clock(ends_ms, zone, now_ms)[:5]))
    if not gateway["online"]:
        notes.append(TEXTS.text("note_away"))
    if reported is not None and gateway["standing"] == "refused":
        notes.append(reported[f"error_{process_language()}"])
    named = TEXTS.text("own_file")
    if wanted is not None and wanted["version"]:
        named = f"{wanted['version']} {wanted['name']}".strip()
    revs = "" if wanted is None else f"{reported['rev'] if reported else '?'}/{wanted['rev']}"
    return [
        gateway["gateway"],
        ", ".join(gateway["cabinets"][:3]),
        named,
        revs,
        TEXTS.text(f"standing_{gateway['standing']}"),
        clock(reported["applied_ms"] if reported else None, zone, now_ms),
        ", ".join(notes),
    ]


@calendar.command(help=CALENDAR_TEXTS.text("help_rollback"))
@click.option("--reason", required=True, help=TEXTS.text("opt_reason"))
@click.option("--yes-count", type=click.IntRange(min=1), help=TEXTS.text("opt_yes_count"))
@selection_options
@socket_options
def rollback(reason: str, yes_count: int | None, **options: Any) -> None:
    """Give gateways back what they were to run before."""
    asking, as_json = client_of(options), options.pop("as_json")
    selection = selected(options)
    touched = asking.ask("plan", operation="calendar", **selection)
    show_plan(touched, TEXTS.text("what_rollback"), TEXTS.text("away_calendar"))
    confirm(len(touched["cabinets"]), yes_count)
    answer = asking.once("rollback", reason=reason, fingerprint=touched["fingerprint"], **selection)
    _told(answer, "rolled_back", as_json=as_json)


@calendar.command("continue", help=CALENDAR_TEXTS.text("help_continue"))
@click.argument("rollout", type=click.IntRange(min=1))
@click.option("--reason", required=True, help=TEXTS.text("opt_reason"))
@click.option("--regardless", is_flag=True, help=CALENDAR_TEXTS.text("opt_regardless"))
@socket_options
def continue_rollout(rollout: int, reason: str, regardless: bool, **options: Any) -> None:
    """Go on with a rollout."""
    asking = client_of(options)
    answer = asking.ask("continue", rollout=rollout, reason=reason, regardless=regardless)
    _told(answer, "published", as_json=options["as_json"])


@calendar.command("list", help=CALENDAR_TEXTS.text("help_list"))
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help=TEXTS.text("opt_limit"))
@socket_options
def list_versions(limit: int, **options: Any) -> None:
    """List the published calendars."""
    answer = client_of(options).ask("versions", limit=limit)
    if options["as_json"]:
        click.echo(json.dumps(answer, ensure_ascii=False))
        return
    zone, now_ms = ZoneInfo(answer["timezone"]), _now_ms()
    keys = ("version", "calendar", "when", "who", "gateways", "why")
    header = [TEXTS.text(f"col_{key}") for key in keys]
    rows = [
        [
            str(version["version"]),
            version["name"],
            clock(version["at_ms"], zone, now_ms),
            version["by"],
            str(version["gateways"]),
            version["reason"],
        ]
        for version in answer["versions"]
    ]
    print_table(header, rows)


@calendar.command(help=CALENDAR_TEXTS.text("help_diff"))
@click.argument("one")
@click.argument("other")
@click.option("--cabinet", help=CALENDAR_TEXTS.text("opt_preview_cabinet"))
@click.option("--nights", type=click.IntRange(1, 800), default=365, show_default=True, help=TEXTS.text("opt_nights"))
@socket_options
def diff(one: str, other: str, cabinet: str | None, nights: int, **options: Any) -> None:
    """Compare two calendars: their files line by line, and what they do night by night."""
    config_file: Path = options["config_file"]
    sources, calendars = zip(*(_either(name, options) for name in (one, other)), strict=True)
    place = _place(config_file, cabinet)
    first_day = lighting_day(place.timezone, _now_ms())
    planned = [plan(_expanded(each, first_day, nights, Path(one)), place, first_day, nights) for each in calendars]
    changed = [(a, b) for a, b in zip(*planned, strict=True) if a.steps != b.steps]
    if options["as_json"]:
        told = [{"one": _night_told(a), "other": _night_told(b)} for a, b in changed]
        click.echo(json.dumps({"nights": nights, "differ": told}, ensure_ascii=False))
    else:
        lines = difflib.unified_diff(sources[0].splitlines(), sources[1].splitlines(), one, other, lineterm="")
        for line in lines:
            click.echo(line)
        zone = ZoneInfo(place.timezone)
        for a, b in changed[:20]:
            for sign, night in (("-", a), ("+", b)):
                steps = [[step.start_ms, step.end_ms, step.level, step.dim] for step in night.steps]
                click.echo(f"{sign} {night.day}  {night.program}  {steps_told(steps, zone)}")
        key = "nights_differ" if changed else "same_nights"
        click.echo(CALENDAR_TEXTS.text(key, differ=len(changed), count=nights))
    if changed:
        raise click.exceptions.Exit(EXIT_FINDING)


def _either(name: str, options: dict[str, Any]) -> tuple[str, Calendar]:
    """Return (source, calendar) of a version's number or of a file."""
    if name.isdigit() and not Path(name).exists():
        answer = client_of(dict(options)).ask("version", version=int(name))
        return answer["source"], Calendar.model_validate_json(json.dumps(answer["calendar"]))
    file = Path(name)
    return _text(file), _loaded(file)


def _told(answer: dict[str, Any], key: str, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(answer, ensure_ascii=False))
        return
    count = len(answer.get("published", ()))
    click.echo(CALENDAR_TEXTS.text(key, rollout=answer["rollout"], version=answer["version"], count=count))
    if answer["held"]:
        click.echo(CALENDAR_TEXTS.text("held_rest", count=len(answer["held"]), rollout=answer["rollout"]))


def _text(file: Path) -> str:
    try:
        return read_text(file)
    except ConfigErrors as error:
        raise ConfigFailure(str(error)) from error


def _loaded(file: Path) -> Calendar:
    """Return the calendar of a file.

    Raises:
        ConfigFailure: Everything that is wrong with it, with line and column; exit code 3.
    """
    try:
        return load_document(file, Calendar)
    except ConfigErrors as error:
        raise ConfigFailure(str(error)) from error


def _expanded(found: Calendar, first_day: date, nights: int, file: Path) -> Calendar:
    try:
        return found if found.expanded is not None else expand(found, first_day, nights + 1)
    except HolidaysError as error:
        raise ConfigFailure(CALENDAR_TEXTS.text("holidays_missing", file=file, error=error)) from error


def _place(config_file: Path, cabinet: str | None) -> Place:
    """Return where a cabinet stands, or the middle of the city."""
    from collector.core.selection import Criteria, UnknownNamesError, select
    from collector.shell.want_requests import place_of

    config = load_config(config_file)
    try:
        city = load_document(config.city_file, City)
    except ConfigErrors as error:
        raise ConfigFailure(str(error)) from error
    if cabinet is None:
        return city.place
    try:
        return place_of(city, select(city, Criteria(cabinets=(cabinet,)))[0])
    except UnknownNamesError as error:
        nearest = ", ".join(error.unknown[0].nearest)
        told = f"; {nearest}?" if nearest else ""
        raise Failure(CALENDAR_TEXTS.text("no_cabinet", name=cabinet, nearest=told)) from error


def _day(given: str) -> date:
    try:
        return date.fromisoformat(given)
    except ValueError as error:
        raise click.UsageError(text("bad_time", text=given)) from error


def _night_told(night: Night) -> dict[str, Any]:
    return {
        "day": night.day.isoformat(),
        "program": night.program,
        "rule": night.rule,
        "steps": [
            {"start_ms": step.start_ms, "end_ms": step.end_ms, "level": step.level, "dim": step.dim}
            for step in night.steps
        ],
        "lit_h": round(_lit_hours(night), 3),
    }


def _lit_hours(night: Night) -> float:
    return sum(step.end_ms - step.start_ms for step in night.steps) / MS_PER_HOUR


def _hours_told(hours: float) -> str:
    minutes = round(hours * 60)
    return CALENDAR_TEXTS.text("hours_short", hours=minutes // 60, minutes=minutes % 60)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
