"""`collector check`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from collector.cli.options import EXIT_FINDING, config_option, json_option, lang_option
from collector.cli.setup import load_setup
from collector.cli.texts import text
from config.terminal import for_stream


@click.command(help=text("help_check"))
@config_option
@json_option
@lang_option
def check(config_file: Path, as_json: bool) -> None:
    """Check everything that can be checked without a broker or a store."""
    setup = load_setup(config_file)
    facts = {
        "file": str(setup.file),
        "cabinets": len(setup.city.cabinets),
        "gateways": len({cabinet.gateway for cabinet in setup.city.cabinets}),
        "rules": len(setup.rules),
        "crews": len(setup.city.crews),
        "store": setup.config.store.kind,
    }
    if as_json:
        click.echo(json.dumps(facts | {"findings": [str(finding) for finding in setup.findings]}, ensure_ascii=False))
    else:
        for finding in setup.findings:
            click.echo(for_stream(str(finding), sys.stderr), err=True)
        if not setup.findings:
            click.echo(text("check_ok", **facts))
    if setup.findings:
        raise click.exceptions.Exit(EXIT_FINDING)
