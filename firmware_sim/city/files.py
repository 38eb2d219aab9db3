"""Writes a planned city: simulator.yaml, city.yaml, calendar.yaml, collector.yaml, keys, and a folder a gateway."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import yaml

from firmware_sim.city.centre import city_document, collector_document
from firmware_sim.city.field import agent_document, simulated_cabinet, simulated_line, simulated_post
from firmware_sim.city.plan import LATITUDE, LONGITUDE, CityPlan, Site

HEAD: Final = "# Written by firmware-sim city; the same options write the same again.\n"
LAST_PORT: Final = 65_535


class NotEmptyError(Exception):
    """The folder has something in it already."""


class PortsError(Exception):
    """The city needs more ports than there are behind the first one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CityOptions:
    """What the files need beside the plan.

    Attributes:
        first_port: TCP port of the first gateway's devices; each further gateway takes the next.
        mqtt_port: The broker's, on this machine.
        account: The account of the operating system that may command at the centre.
        fast_s: Poll interval of fast points; normal ones are polled at five times it.
    """

    first_port: int = 15_200
    mqtt_port: int = 1883
    account: str = "root"
    fast_s: float = 2.0


def laboratory_key(seed: int, gateway: str) -> str:
    """Return the command key of a simulated gateway in hex; whoever knows the seed knows it."""
    return hashlib.sha256(f"lamplighter city {seed} {gateway}".encode()).hexdigest()


def write_city(plan: CityPlan, folder: Path, options: CityOptions) -> None:
    """Write all files of a city into a folder that is empty or not there yet.

    Raises:
        NotEmptyError: There is something in it.
        PortsError: The ports do not suffice.
        OSError: It cannot be written.
    """
    if options.first_port + len(plan.sites) - 1 > LAST_PORT:
        raise PortsError
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise NotEmptyError
    calendar = (files("firmware_sim") / "city" / "calendar.yaml").read_text(encoding="utf-8")
    _write(folder / "simulator.yaml", simulator_document(plan, options.first_port))
    _write(folder / "city.yaml", city_document(plan))
    _write(folder / "collector.yaml", collector_document(plan, mqtt_port=options.mqtt_port, account=options.account))
    (folder / "calendar.yaml").write_text(calendar, encoding="utf-8")
    keys = folder / "keys"
    keys.mkdir(mode=0o700)
    for place, site in enumerate(plan.sites):
        _write_gateway(folder / "gateways" / site.gateway, site, place, calendar, options)
        if site.contactors:
            key = keys / f"{site.gateway}.key"
            key.touch(mode=0o600)
            key.write_text(laboratory_key(plan.seed, site.gateway) + "\n", encoding="ascii")


def _write_gateway(folder: Path, site: Site, place: int, calendar: str, options: CityOptions) -> None:
    folder.mkdir(parents=True)
    port = options.first_port + place
    _write(folder / "agent.yaml", agent_document(site, port=port, mqtt_port=options.mqtt_port, fast_s=options.fast_s))
    if site.contactors:
        (folder / "schedule.yaml").write_text(calendar, encoding="utf-8")


def simulator_document(plan: CityPlan, first_port: int) -> dict[str, Any]:
    """Return the simulator's configuration."""
    solar: Sequence[Site] = [site for site in plan.sites if site.post_class == "warning_solar"]
    others = [site for site in plan.sites if site.post_class != "warning_solar"]
    return {
        "seed": plan.seed,
        "place": {"latitude": LATITUDE, "longitude": LONGITUDE},
        "lines": [simulated_line(site, first_port + place) for place, site in enumerate(plan.sites)],
        "cabinets": [simulated_cabinet(site) for site in others],
        "posts": [simulated_post(site) for site in solar],
    }


class _PlainDumper(yaml.SafeDumper):
    """Writes repeated values in full: the loader knows no aliases."""

    def ignore_aliases(self, data: object) -> bool:
        del data
        return True


def _write(file: Path, document: dict[str, Any]) -> None:
    text = yaml.dump(
        document, Dumper=_PlainDumper, sort_keys=False, allow_unicode=True, default_flow_style=None, width=120
    )
    file.write_text(HEAD + text, encoding="utf-8")
