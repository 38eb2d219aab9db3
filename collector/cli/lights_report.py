"""`collector lights report` and `collector lights relamp`."""

from __future__ import annotations

import csv
import json
import re
import sqlite3
import time
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import click
import orjson

from collector.cli.lights_report_texts import TEXTS
from collector.cli.options import (
    EXIT_FINDING,
    ConfigFailure,
    Failure,
    UnreachableFailure,
    config_option,
    json_option,
    lang_option,
)
from collector.cli.setup import load_config
from collector.cli.table import print_table, printable
from collector.core.lights_chart import chart
from collector.core.lights_report import Report, Standing, Sums, csv_rows, month_report, standing_of
from collector.shell.lights_store import FILE_NAME, LightsStore, read_nights
from config.city import Cabinet, City
from config.errors import ConfigErrors
from config.language import process_language
from config.loader import load_document

CABINETS_SHOWN: Final = 40
"""More are told by ward; `--ward` or the CSV file has each."""
AGED_BELOW: Final = 0.85
ABOVE_NAMEPLATE: Final = 1.15
_MONTH: Final = re.compile(r"^(\d{4})-(\d{2})$")


@click.command(help=TEXTS.text("help_report"))
@click.option("--month", required=True, help=TEXTS.text("opt_month"))
@click.option("--ward", help=TEXTS.text("opt_ward"))
@click.option("--csv", "csv_file", type=click.Path(path_type=Path, dir_okay=False), help=TEXTS.text("opt_csv"))
@click.option("--chart", "chart_file", type=click.Path(path_type=Path, dir_okay=False), help=TEXTS.text("opt_chart"))
@config_option
@json_option
@lang_option
def report(
    *,
    month: str,
    ward: str | None,
    csv_file: Path | None,
    chart_file: Path | None,
    config_file: Path,
    as_json: bool,
) -> None:
    """Show a month of lights."""
    config = load_config(config_file)
    city = _city(config.city_file)
    first, end = _month(month, city)
    chosen = _ward(ward, city)
    try:
        kept = read_nights(config.state_dir, first, end)
    except FileNotFoundError as error:
        raise Failure(TEXTS.text("never_ran", path=config.state_dir)) from error
    except sqlite3.Error as error:
        raise UnreachableFailure(TEXTS.text("not_readable", error=error)) from error
    days = [first + timedelta(days=number) for number in range((end - first).days)]
    standings = {
        cabinet.id: _standing(cabinet, kept.states[cabinet.id])
        for cabinet in city.cabinets
        if cabinet.id in kept.states
    }
    made = month_report(city, kept.nights, standings, days, chosen)
    ward_names = {area.id: area.name for area in city.wards}
    if csv_file is not None:
        _write_csv(csv_file, made, month, ward_names)
    if chart_file is not None:
        where = city.city if chosen is None else f"{ward_names.get(chosen, chosen)}, {city.city}"
        title = TEXTS.text("chart_title", month=_spoken(first), where=where)
        _write(chart_file, chart(made.nights, title, lambda key: TEXTS.text(f"chart_{key}")))
    if as_json:
        heads, *lines = csv_rows(made, month, ward_names)
        rows = [dict(zip(heads, line, strict=True)) for line in lines]
        click.echo(json.dumps({"rows": rows}, ensure_ascii=False))
    else:
        _print(made, ward_names, by_cabinet=chosen is not None or len(made.cabinets) <= CABINETS_SHOWN)
    _tell_aged(made)
    for file in (csv_file, chart_file):
        if file is not None:
            click.echo(TEXTS.text("written", file=file), err=True)
    if made.total.nights == 0:
        click.echo(TEXTS.text("no_nights", month=month), err=True)
        raise click.exceptions.Exit(EXIT_FINDING)


@click.command(help=TEXTS.text("help_relamp"))
@click.option("--cabinet", required=True, help=TEXTS.text("opt_cabinet"))
@click.option("--circuit", "circuits", multiple=True, help=TEXTS.text("opt_circuit"))
@click.option("--by", required=True, help=TEXTS.text("opt_by"))
@config_option
@lang_option
def relamp(cabinet: str, circuits: tuple[str, ...], by: str, config_file: Path) -> None:
    """Log that lamps were replaced."""
    config = load_config(config_file)
    city = _city(config.city_file)
    found = next((each for each in city.cabinets if each.id == cabinet), None)
    if found is None:
        raise Failure(TEXTS.text("no_cabinet", name=printable(cabinet)))
    names = [circuit.id for circuit in found.circuits]
    unknown = [name for name in circuits if name not in names]
    if unknown or not names:
        there = ", ".join(names) or TEXTS.text("none")
        raise Failure(TEXTS.text("no_circuit", name=printable(", ".join(unknown)), names=there))
    if not (config.state_dir / FILE_NAME).is_file():
        # Made here it would belong to whoever asks, and not to the collector.
        raise Failure(TEXTS.text("never_ran", path=config.state_dir))
    try:
        store = LightsStore(config.state_dir)
        try:
            store.log_relamping(cabinet, circuits, by, time.time_ns() // 1_000_000)
        finally:
            store.close()
    except sqlite3.Error as error:
        raise UnreachableFailure(TEXTS.text("not_readable", error=error)) from error
    click.echo(TEXTS.text("relamped", cabinet=cabinet, circuits=", ".join(circuits or names)))


def _city(file: Path) -> City:
    try:
        return load_document(file, City)
    except ConfigErrors as error:
        raise ConfigFailure(str(error)) from error


def _month(words: str, city: City) -> tuple[date, date]:
    """Return the first day of a month and of the next; `this` and `last` are months too."""
    now = datetime.fromtimestamp(time.time(), UTC).astimezone(ZoneInfo(city.place.timezone)).date()
    first = now.replace(day=1)
    if words == "last":
        first = (first - timedelta(days=1)).replace(day=1)
    elif words != "this":
        found = _MONTH.match(words)
        if found is None or not 1 <= int(found[2]) <= 12 or int(found[1]) < 1970:
            raise click.BadParameter(TEXTS.text("bad_month", text=printable(words)), param_hint="--month")
        first = date(int(found[1]), int(found[2]), 1)
    return first, (first + timedelta(days=31)).replace(day=1)


def _spoken(first: date) -> str:
    return f"{first.month}/{first.year}" if process_language() == "vi" else f"{first:%B %Y}"


def _ward(words: str | None, city: City) -> str | None:
    if words is None:
        return None
    for area in city.wards:
        if words in {area.id, area.name}:
            return area.id
    names = ", ".join(area.id for area in city.wards)
    raise Failure(TEXTS.text("no_ward", name=printable(words), names=names))


def _standing(cabinet: Cabinet, body: bytes) -> Standing:
    """Return what is believed of a cabinet's lamps; nothing where its state is not of this version."""
    try:
        return standing_of(cabinet, orjson.loads(body))
    except (KeyError, TypeError, ValueError, AttributeError):
        return Standing()


def _write_csv(file: Path, made: Report, month: str, ward_names: Mapping[str, str]) -> None:
    try:
        # A spreadsheet takes UTF-8 for what it is only by its mark.
        with file.open("w", encoding="utf-8-sig", newline="") as stream:
            csv.writer(stream).writerows(csv_rows(made, month, ward_names))
    except OSError as error:
        raise Failure(TEXTS.text("not_written", file=file, error=error.strerror)) from error


def _write(file: Path, content: str) -> None:
    try:
        file.write_text(content, "utf-8")
    except OSError as error:
        raise Failure(TEXTS.text("not_written", file=file, error=error.strerror)) from error


def _print(made: Report, ward_names: Mapping[str, str], *, by_cabinet: bool) -> None:
    keys = ("lamps", "nights", "energy", "plan", "saved", "percent", "burning", "switchings", "unlit", "unknown")
    header = [TEXTS.text("col_cabinet" if by_cabinet else "col_ward"), *(TEXTS.text(f"col_{key}") for key in keys)]
    rows: list[list[str]] = []
    if by_cabinet:
        rows += ([each.cabinet.name, *_cells(each.sums)] for each in made.cabinets)
    if not by_cabinet or len(made.wards) > 1:
        rows += ([ward_names.get(ward, ward), *_cells(sums)] for ward, sums in made.wards.items())
    rows.append([TEXTS.text("total"), *_cells(made.total)])
    print_table(header, rows)


def _tell_aged(made: Report) -> None:
    """Say which circuits draw much less, or more, than their nameplates: old lamps, or a wrong inventory."""
    for each in made.cabinets:
        for circuit in each.circuits:
            share = circuit.base_share
            if share is not None and not AGED_BELOW <= share <= ABOVE_NAMEPLATE:
                facts = {"cabinet": each.cabinet.name, "circuit": circuit.name, "percent": f"{100 * share:.0f}"}
                click.echo(TEXTS.text("aged" if share < 1 else "above", **facts), err=True)


def _cells(sums: Sums) -> list[str]:
    measured = sums.measured > 0
    share, lamps = sums.saved_share, str(sums.lamps)
    return [
        f"{lamps} (~{sums.lamps_out})" if sums.lamps_out else lamps,
        f"{sums.measured}/{sums.nights}",
        f"{sums.energy_kwh:.1f}" if measured else "-",
        f"{sums.plan_kwh:.1f}" if measured else "-",
        f"{sums.saved_kwh:.1f}" if measured and share is not None else "-",
        f"{100 * share:.1f} %" if measured and share is not None else "-",
        f"{sums.burning_h:.1f}/{sums.planned_h:.1f}",
        str(sums.switchings),
        str(sums.unlit_min),
        str(sums.unknown_min),
    ]
