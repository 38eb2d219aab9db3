"""Whether the users who may command lights, and the keys that it takes, fit the inventory."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from collector.cli.lights_refusals import REFUSALS
from collector.shell.command_keys import CommandKeys
from config.city import City
from config.collector import CollectorConfig
from config.document import read_document
from config.errors import ConfigProblem
from config.loader import no_such

LISTED: Final = 5


def unknown_areas(config: CollectorConfig, city: City, file: Path) -> list[ConfigProblem]:
    """Find wards and feeders of users that the inventory does not have: there they could do nothing."""
    known = {"wards": [ward.id for ward in city.wards], "feeders": [feeder.id for feeder in city.feeders]}
    return [
        _problem(file, ("commands", "users", number, kind, index), no_such(kind.removesuffix("s"), name, known[kind]))
        for number, user in enumerate(config.commands.users)
        for kind, names in (("wards", user.wards), ("feeders", user.feeders))
        for index, name in enumerate(names)
        if name not in known[kind]
    ]


def missing_keys(config: CollectorConfig, city: City, file: Path) -> list[ConfigProblem]:
    """Find switched gateways that nobody can command for want of a key; nothing while nobody may command any."""
    commands = config.commands
    if not any(user.operations for user in commands.users):
        return []
    keys = CommandKeys(commands.keys_folder)
    gateways = dict.fromkeys(cabinet.gateway for cabinet in city.cabinets if cabinet.is_switched)
    missing = [gateway for gateway in gateways if keys.key(gateway) is None]
    if not missing:
        return []
    named = ", ".join(missing[:LISTED]) + (", …" if len(missing) > LISTED else "")
    told = REFUSALS.text("keys_missing", count=len(missing), names=named, folder=commands.keys_folder or "-")
    place = ("commands", "users") if commands.keys_folder is None else ("commands", "keys_folder")
    return [_problem(file, place, told)]


def _problem(file: Path, keys: tuple[str | int, ...], message: str) -> ConfigProblem:
    mark = read_document(file.read_text("utf-8"), file).mark(keys)
    return ConfigProblem(file, mark.line + 1, mark.column + 1, message)
