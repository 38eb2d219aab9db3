"""The inventory: which cabinet stands where, who looks after it, and which gateway sees it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from config.agent import Place
from config.loader import At, StrictModel, no_such, refuse, twice
from config.points import Name
from config.texts import TEXTS

CabinetClass = Literal["lighting", "traffic_signal", "warning_ac", "warning_solar"]


class Coordinates(StrictModel):
    """A point on the map.

    Attributes:
        latitude: Degrees north, WGS 84.
        longitude: Degrees east, WGS 84.
    """

    latitude: Annotated[float, Field(ge=-90, le=90)]
    longitude: Annotated[float, Field(ge=-180, le=180)]


class Area(StrictModel):
    """A ward or a feeder.

    Attributes:
        id: Its name in this file.
        name: What people call it.
    """

    id: Name
    name: str


class Crew(StrictModel):
    """Who goes out; the ways to reach them stand in the collector's configuration.

    Attributes:
        id: Its name in these files.
        name: What people call it.
        language: Of its notifications.
    """

    id: Name
    name: str
    language: Literal["en", "vi"] = "vi"


class CabinetDevices(StrictModel):
    """Which device of the gateway is the cabinet's meter and which its inputs and relays.

    Attributes:
        meter: Name of the meter among the gateway's devices.
        io: Name of the inputs and relays.
    """

    meter: Name | None = None
    io: Name | None = None


class Cabinet(StrictModel):
    """One cabinet.

    Attributes:
        id: Its name in topics and rules.
        name: What people call it.
        street: For whoever drives there.
        ward: The id of its ward.
        feeder: The id of the feeder that supplies it.
        crew: The id of the crew that looks after it.
        gateway: The gateway that sees it.
        devices: Which of the gateway's devices are its own.
        cabinet_class: Lighting cabinets matter while lamps are due, the others 24 hours.
        lamps: How many lamps hang on it.
        nominal_voltage_v: Volts between phase and neutral.
        place: Where it stands, for a map.
        schedule_file: The schedule its gateway runs, evaluated here while the gateway is silent; the city's if not set.
    """

    id: Name
    name: str
    street: str
    ward: Name
    feeder: Name | None = None
    crew: Name
    gateway: Name
    devices: CabinetDevices
    cabinet_class: CabinetClass = "lighting"
    lamps: Annotated[int, Field(ge=0, le=100_000)] = 0
    nominal_voltage_v: Annotated[float, Field(gt=0, le=1000)] = 230.0
    place: Coordinates | None = None
    schedule_file: Path | None = None


class City(StrictModel):
    """One city.

    Attributes:
        city: Its name.
        place: Its middle and its time zone.
        crews: Who goes out.
        wards: The areas of administration.
        feeders: The supply lines of the cabinets.
        schedule_file: The schedule of all cabinets that name none of their own.
        cabinets: All of them.
    """

    city: str
    place: Place
    crews: Annotated[tuple[Crew, ...], Field(min_length=1)]
    wards: tuple[Area, ...] = ()
    feeders: tuple[Area, ...] = ()
    schedule_file: Path | None = None
    cabinets: Annotated[tuple[Cabinet, ...], Field(max_length=100_000)] = ()

    @model_validator(mode="after")
    def _refers(self) -> City:
        known: dict[str, list[str]] = {
            "crew": [crew.id for crew in self.crews],
            "ward": [ward.id for ward in self.wards],
            "feeder": [feeder.id for feeder in self.feeders],
        }
        findings = [finding for what, names in known.items() for finding in twice((f"{what}s",), "id", names)]
        seen: set[str] = set()
        meters: dict[tuple[str, str], str] = {}
        for index, cabinet in enumerate(self.cabinets):
            if cabinet.id in seen:
                findings.append(At(("cabinets", index, "id"), TEXTS.text("cabinet_twice", name=cabinet.id)))
            seen.add(cabinet.id)
            if cabinet.devices.meter is not None:
                owner = meters.setdefault((cabinet.gateway, cabinet.devices.meter), cabinet.id)
                if owner != cabinet.id:
                    facts = {"meter": f"{cabinet.gateway}/{cabinet.devices.meter}", "cabinet": owner}
                    findings.append(At(("cabinets", index, "devices", "meter"), TEXTS.text("meter_twice", **facts)))
            for what, name in (("crew", cabinet.crew), ("ward", cabinet.ward), ("feeder", cabinet.feeder)):
                if name is not None and name not in known[what]:
                    findings.append(At(("cabinets", index, what), no_such(what, name, known[what])))
        refuse(findings)
        return self
