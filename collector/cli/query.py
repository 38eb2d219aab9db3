"""`collector query`."""

from __future__ import annotations

import heapq
import json
import re
import time
from collections.abc import Iterator
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import click

from collector.cli.options import (
    EXIT_FINDING,
    RefusedFailure,
    UnreachableFailure,
    config_option,
    json_option,
    lang_option,
)
from collector.cli.setup import load_config
from collector.cli.table import print_table
from collector.cli.texts import text
from collector.shell.stores import Store, open_store
from collector.shell.stores.base import Sample, SeriesName, StoreRefusedError, StoreUnavailableError
from config.city import City
from config.errors import ConfigErrors
from config.loader import load_document
from contract.reading import NAME_PATTERN

MAX_LIMIT: Final = 10_000_000
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_Found = tuple[int, SeriesName, Sample]


@click.command(help=text("help_query"))
@config_option
@click.option("--gw", "gateway", help=text("opt_gw"))
@click.option("--device", help=text("opt_device"))
@click.option("--point", help=text("opt_point"))
@click.option("--last", help=text("opt_last"))
@click.option("--from", "first", help=text("opt_from"))
@click.option("--to", "end", help=text("opt_to"))
@click.option("--limit", type=click.IntRange(1, MAX_LIMIT), default=1000, show_default=True, help=text("opt_limit"))
@json_option
@lang_option
def query(
    *,
    config_file: Path,
    gateway: str | None,
    device: str | None,
    point: str | None,
    last: str | None,
    first: str | None,
    end: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """Show readings of a time span, oldest first."""
    for option, name in (("--gw", gateway), ("--device", device), ("--point", point)):
        if name is not None and not re.fullmatch(NAME_PATTERN, name):
            raise click.BadParameter(text("bad_name", text=name), param_hint=option)
    config = load_config(config_file)
    zone = _city_zone(config.city_file)
    from_ms, to_ms = _span(last, first, end, zone, time.time_ns() // 1_000_000)
    try:
        store = open_store(config, read_only=True)
        try:
            found = newest(store, gateway, device, point, from_ms, to_ms, limit)
        finally:
            store.close()
    except StoreUnavailableError as error:
        raise UnreachableFailure(text("store_unavailable", error=error)) from error
    except StoreRefusedError as error:
        raise RefusedFailure(text("store_refused", error=error)) from error
    is_truncated = len(found) > limit
    readings = [_reading(name, sample) for _, name, sample in found[-limit:]]
    if as_json:
        click.echo(json.dumps({"readings": readings, "truncated": is_truncated}, ensure_ascii=False))
    elif readings:
        _print(readings, zone)
        if is_truncated:
            click.echo(text("truncated", limit=limit), err=True)
    else:
        click.echo(text("nothing_found"), err=True)
    if not readings:
        raise click.exceptions.Exit(EXIT_FINDING)


def newest(
    store: Store, gateway: str | None, device: str | None, point: str | None, from_ms: int, to_ms: int, limit: int
) -> list[_Found]:
    """Return the newest `limit` + 1 samples of all series that match, oldest first; memory stays near that many."""
    kept: list[_Found] = []
    for sample in _samples(store, gateway, device, point, from_ms, to_ms, limit + 1):
        kept.append(sample)
        if len(kept) > 4 * limit + 1000:
            kept = heapq.nlargest(limit + 1, kept, key=_order)
    return sorted(kept, key=_order)[-(limit + 1) :]


def _samples(
    store: Store, gateway: str | None, device: str | None, point: str | None, from_ms: int, to_ms: int, limit: int
) -> Iterator[_Found]:
    for name in store.series(gateway, device):
        if point is None or name.key == point:
            for sample in store.range(name.gateway, name.device, name.key, from_ms, to_ms, limit):
                yield sample.time_ms, name, sample


def _order(found: _Found) -> tuple[int, SeriesName]:
    return found[0], found[1]


def _reading(name: SeriesName, sample: Sample) -> dict[str, Any]:
    return {
        "gw": name.gateway,
        "dev": name.device,
        "point": name.key,
        "ts": sample.time_ms,
        "value": sample.value,
        "cause": sample.cause,
    }


def _print(readings: list[dict[str, Any]], zone: tzinfo) -> None:
    header = [text(f"col_{name}") for name in ("time", "gateway", "device", "point", "value", "cause")]
    rows = [
        [
            datetime.fromtimestamp(reading["ts"] / 1000, zone).isoformat(sep=" ", timespec="milliseconds"),
            reading["gw"],
            reading["dev"],
            reading["point"],
            "" if reading["value"] is None else str(reading["value"]),
            reading["cause"],
        ]
        for reading in readings
    ]
    print_table(header, rows)


def _span(last: str | None, first: str | None, end: str | None, zone: tzinfo, now_ms: int) -> tuple[int, int]:
    if last is not None and (first is not None or end is not None):
        raise click.UsageError(text("last_or_from"))
    if first is None and end is None:
        return now_ms - _duration_ms(last or "1h"), now_ms + 60_000
    to_ms = now_ms + 60_000 if end is None else _time_ms(end, zone)
    return (to_ms - _duration_ms("1h") if first is None else _time_ms(first, zone)), to_ms


def _duration_ms(words: str) -> int:
    found = re.fullmatch(r"(\d{1,6})([smhd])", words)
    if found is None:
        raise click.BadParameter(text("bad_duration", text=words), param_hint="--last")
    return int(found[1]) * _SECONDS[found[2]] * 1000


def _time_ms(words: str, zone: tzinfo) -> int:
    try:
        moment = datetime.fromisoformat(words)
    except ValueError as error:
        raise click.BadParameter(text("bad_time", text=words), param_hint="--from/--to") from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    return int(moment.timestamp() * 1000)


def _city_zone(city_file: Path) -> tzinfo:
    """Return the city's zone, or UTC where the inventory cannot be read: a query needs no inventory."""
    try:
        return ZoneInfo(load_document(city_file, City).place.timezone)
    except ConfigErrors:
        return ZoneInfo("UTC")
