"""`edge-agent profile list` and `show`: which device types are known, and what is known of one."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from shutil import get_terminal_size
from typing import Any

from config.errors import ConfigErrors
from config.language import process_language
from config.points import RegisterPoint
from config.profile import (
    Condition,
    InstrumentProfile,
    ModbusProfile,
    SetupValue,
    load_profile,
    shipped_profiles,
)
from edge_agent.cli.exit_codes import ExitCode
from edge_agent.cli.output import fail, print_json, print_lines
from edge_agent.cli.profile_check import columns
from edge_agent.cli.status_page import fit
from edge_agent.cli.words import TEXTS


def profile_list_command(*, as_json: bool) -> ExitCode:
    """Print the shipped profiles; return 0."""
    profiles = [load_profile(name) for name in shipped_profiles()]
    if as_json:
        print_json("profile list", ok=True, profiles=[_head(profile) for profile in profiles])
        return ExitCode.OK
    rows = [[TEXTS.text(f"column_{name}") for name in ("profile", "verified", "name")]]
    rows += [
        [profile.profile, TEXTS.text(f"verified_{profile.source.verified_by}"), _title(profile)] for profile in profiles
    ]
    print_lines(_fitted(columns(rows)))
    return ExitCode.OK


def profile_show_command(name: str, *, as_json: bool) -> ExitCode:
    """Print one profile; return 0, or 3 if there is none or it is wrong."""
    try:
        profile = load_profile(name, Path())
    except ConfigErrors as error:
        fail(ExitCode.CONFIG, str(error), "profile show", as_json=as_json)
    if as_json:
        print_json("profile show", ok=True, **_head(profile), **profile.model_dump(mode="json", include={"points"}))
        return ExitCode.OK
    source = profile.source
    facts = {"manual": source.manual, "page": source.page, "firmware": source.firmware}
    verified = TEXTS.text(f"verified_{source.verified_by}")
    origin = TEXTS.text(f"origin_{source.origin}")
    lines = [
        f"{profile.profile}: {_title(profile)} ({profile.device_class})",
        TEXTS.text("show_source", **facts),
        TEXTS.text("show_verified", origin=origin, verified=verified),
    ]
    lines += [source.note] if source.note else []
    if isinstance(profile, ModbusProfile):
        lines += [_condition(profile, one) for one in (profile.probe.conditions if profile.probe else ())]
        lines += settings_lines(profile.setup)
    print_lines([*lines, "", *_fitted(columns(_point_rows(profile)))])
    return ExitCode.OK


def _title(profile: ModbusProfile | InstrumentProfile) -> str:
    return profile.vi if process_language() == "vi" else profile.en


def _head(profile: ModbusProfile | InstrumentProfile) -> dict[str, Any]:
    facts = profile.model_dump(mode="json", include={"profile", "version", "device_class", "protocol", "en", "vi"})
    more = profile.model_dump(mode="json", include={"source", "probe", "setup", "limits"})
    return {**facts, **more}


def _condition(profile: ModbusProfile, condition: Condition) -> str:
    unit = profile.point(condition.point).unit
    if condition.begins is not None:
        wanted = TEXTS.text("show_begins", text=condition.begins)
    elif condition.contains is not None:
        wanted = TEXTS.text("show_contains", text=condition.contains)
    else:
        wanted = f"{TEXTS.text('show_range', low=condition.low, high=condition.high)} {unit}".rstrip()
    return TEXTS.text("show_probe", point=condition.point, wanted=wanted)


def settings_lines(setup: Sequence[SetupValue]) -> list[str]:
    """Return settings by their reasons, each reason once."""
    by_reason: dict[str, list[str]] = {}
    for one in setup:
        why = one.vi if process_language() == "vi" else one.en
        by_reason.setdefault(why, []).append(f"{one.point} = {wanted_text(one)}")
    return [TEXTS.text("show_setup", points=", ".join(points), why=why) for why, points in by_reason.items()]


def wanted_text(setup: SetupValue) -> str:
    """Return the value that is wanted as people write it."""
    return TEXTS.text("on" if setup.want else "off") if isinstance(setup.want, bool) else f"{setup.want:g}"


def _point_rows(profile: ModbusProfile | InstrumentProfile) -> list[list[str]]:
    rows = [[TEXTS.text(f"column_{name}") for name in ("point", "address", "type", "poll", "name")]]
    for point in profile.specs:
        name = point.vi if process_language() == "vi" else point.en
        unit = f" [{point.unit}]" if point.unit else ""
        where = f"{point.table} 0x{point.address:04X}" if isinstance(point, RegisterPoint) else point.field
        kind = f"{point.type} {point.order}" if isinstance(point, RegisterPoint) and point.width > 1 else point.type
        written = f", {TEXTS.text('writable')}" if point.can_be_written else ""
        rows.append([point.key, where, kind, point.poll, f"{name}{unit}{written}"])
    return rows


def _fitted(lines: list[str]) -> list[str]:
    # A terminal would wrap a long name into the next row; a file or a pipe gets all of it.
    return [fit(line, get_terminal_size().columns) for line in lines] if sys.stdout.isatty() else lines
