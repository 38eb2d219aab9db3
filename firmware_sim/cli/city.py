"""`firmware-sim city`: write the files of a city that does not exist."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Final

import click

from firmware_sim.cli.options import shared_options
from firmware_sim.cli.texts import TEXTS

EXIT_NOT_WRITTEN: Final = 1


@click.command(help=TEXTS.text("city_help"))
@click.option(
    "--cabinets", type=click.IntRange(1, 1000), default=261, show_default=True, help=TEXTS.text("cabinets_help")
)
@click.option(
    "--seed", type=click.IntRange(0, (1 << 63) - 1), default=1, show_default=True, help=TEXTS.text("seed_help")
)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help=TEXTS.text("out_help"))
@click.option("--alley-lamps", type=click.IntRange(0, 20_000), help=TEXTS.text("alley_lamps_help"))
@click.option("--signals", type=click.IntRange(0, 1000), help=TEXTS.text("signals_help"))
@click.option("--warnings", type=click.IntRange(0, 1000), help=TEXTS.text("warnings_help"))
@click.option(
    "--first-port",
    type=click.IntRange(1024, 65_535),
    default=15_200,
    show_default=True,
    help=TEXTS.text("first_port_help"),
)
@click.option(
    "--mqtt-port", type=click.IntRange(1, 65_535), default=1883, show_default=True, help=TEXTS.text("mqtt_port_help")
)
@click.option(
    "--fast-s", type=click.FloatRange(0.1, 3600), default=2.0, show_default=True, help=TEXTS.text("fast_help")
)
@click.option("--account", help=TEXTS.text("account_help"))
@shared_options
def city(
    *,
    cabinets: int,
    seed: int,
    out: Path,
    alley_lamps: int | None,
    signals: int | None,
    warnings: int | None,
    first_port: int,
    mqtt_port: int,
    fast_s: float,
    account: str | None,
    as_json: bool,
) -> None:
    """Write the files of a city."""
    import getpass

    from firmware_sim.city.files import CityOptions, NotEmptyError, PortsError, write_city
    from firmware_sim.city.names import names
    from firmware_sim.city.plan import numbers_for, plan_city

    numbers = numbers_for(cabinets, alley_lamps, signals, warnings)
    options = CityOptions(
        first_port=first_port, mqtt_port=mqtt_port, account=account or getpass.getuser(), fast_s=fast_s
    )
    plan = plan_city(numbers, seed, names())
    try:
        write_city(plan, out, options)
    except NotEmptyError:
        raise click.UsageError(TEXTS.text("not_empty", out=out)) from None
    except PortsError:
        raise click.UsageError(TEXTS.text("ports_end", count=len(plan.sites), first=first_port)) from None
    except OSError as error:
        print(TEXTS.text("not_written", out=error.filename or out, reason=error.strerror or error), file=sys.stderr)
        sys.exit(EXIT_NOT_WRITTEN)
    facts = {
        "cabinets": numbers.cabinets,
        "lamps": numbers.lamps,
        "streets": numbers.streets,
        "alley_cabinets": numbers.alley_cabinets,
        "alley_lamps": numbers.alley_lamps,
        "signals": numbers.signals,
        "warnings": numbers.warnings,
        "solar": numbers.solar_posts,
        "gateways": numbers.gateways,
    }
    print(
        json.dumps({"ok": True, "out": str(out), **facts}) if as_json else TEXTS.text("city_written", out=out, **facts)
    )
