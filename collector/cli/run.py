"""`collector run`."""

from __future__ import annotations

import signal
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from collector.cli.options import ConfigFailure, RefusedFailure, config_option, lang_option
from collector.cli.setup import Setup, load_setup
from collector.cli.texts import text
from collector.shell.desk import Desk
from collector.shell.own_evidence import OwnEvidence
from config.terminal import for_stream
from contract.lights import Calendar


@click.command(help=text("help_run"))
@config_option
@click.option("--verbose", is_flag=True, help=text("opt_verbose"))
@lang_option
def run(config_file: Path, verbose: bool) -> None:
    """Run until a signal."""
    from collector.app import AlreadyRunningError, Collector
    from collector.shell.lights_centre import LightsCentre
    from collector.shell.log import configure_logging
    from collector.shell.stores import open_store
    from collector.shell.stores.base import StoreRefusedError

    setup = load_setup(config_file)
    configure_logging(verbose=verbose)
    for finding in setup.findings:
        click.echo(for_stream(str(finding), sys.stderr), err=True)
    config = setup.config

    evidence = OwnEvidence()
    centres: list[LightsCentre] = []

    def rolled_out(gateway: str) -> Calendar | None:
        return centres[0].calendar_of(gateway) if centres else None

    def make_desk(*, publish: Callable[[str, bytes | None], None]) -> Desk:
        return _desk(setup, publish, evidence, rolled_out)

    def make_lights(**parts: Any) -> LightsCentre:
        centres.append(LightsCentre(config=config, city=setup.city, evidence=evidence, **parts))
        return centres[0]

    def make_lights_desk(inner: Desk, **parts: Any) -> Desk:
        return _lights_desk(setup, inner, evidence, rolled_out, parts)

    try:
        collector = Collector(
            config=config,
            named_gateways=frozenset(cabinet.gateway for cabinet in setup.city.cabinets),
            store=open_store(config),
            make_desk=make_desk,
            make_lights=make_lights,
            make_lights_desk=make_lights_desk,
        )
    except AlreadyRunningError as error:
        raise RefusedFailure(text("already_running", path=config.state_dir)) from error
    except StoreRefusedError as error:
        raise ConfigFailure(text("store_refused", error=error)) from error
    except (OSError, sqlite3.Error, KeyError) as error:
        raise ConfigFailure(text("state_dir_unusable", path=config.state_dir, error=error)) from error
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: collector.stop())
    collector.run()


def _desk(
    setup: Setup,
    publish: Callable[[str, bytes | None], None],
    evidence: OwnEvidence,
    rolled_out: Callable[[str], Calendar | None],
) -> Desk:
    from collector.shell.alarm_desk import AlarmDesk

    return AlarmDesk(
        state_dir=setup.config.state_dir,
        city=setup.city,
        rules=setup.rules,
        notify=setup.config.notify,
        publish=publish,
        root=setup.config.mqtt.root,
        own_evidence=evidence,
        rolled_out=rolled_out,
    )


def _lights_desk(
    setup: Setup,
    inner: Desk,
    evidence: OwnEvidence,
    rolled_out: Callable[[str], Calendar | None],
    parts: dict[str, Any],
) -> Desk:
    from collector.shell.lights_desk import LightsDesk, Plans

    plans = Plans(setup.city, rolled_out)
    return LightsDesk(inner, state_dir=setup.config.state_dir, city=setup.city, plans=plans, evidence=evidence, **parts)
