"""The inventory: which cabinet stands where, who looks after it, and which gateway sees it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from config.agent import Place
from config.loader import StrictModel
from config.profile import Name

CabinetClass = Literal["lighting", "traffic_signal", "warning_ac", "warning_solar"]


class Coordinates(StrictModel):
    """Degrees, WGS 84."""

    latitude: Annotated[float, Field(ge=-90, le=90)]
    longitude: Annotated[float, Field(ge=-180, le=180)]


class Area(StrictModel):
    """A ward or a feeder."""

    id: Name
    name: str


class Crew(StrictModel):
    """Who goes out; the ways to reach them stand in the collector's configuration."""

    id: Name
    name: str
    language: Literal["en", "vi"] = "vi"


class CabinetDevices(StrictModel):
    """Which device of the gateway is the cabinet's meter and which its inputs and relays."""

    meter: Name | None = None
    io: Name | None = None


class Cabinet(StrictModel):
    """One cabinet.

    Attributes:
        cabinet_class: Lighting cabinets matter while lamps are due, the others 24 hours.
        schedule_file: The schedule its gateway runs, evaluated here while the gateway is silent.
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
    """One city."""

    city: str
    place: Place
    crews: Annotated[tuple[Crew, ...], Field(min_length=1)]
    wards: tuple[Area, ...] = ()
    feeders: tuple[Area, ...] = ()
    schedule_file: Path | None = None
    cabinets: Annotated[tuple[Cabinet, ...], Field(max_length=100_000)] = ()

    @model_validator(mode="after")
    def _refers(self) -> City:
        known = {
            "crew": {crew.id for crew in self.crews},
            "ward": {ward.id for ward in self.wards},
            "feeder": {feeder.id for feeder in self.feeders},
        }
        seen: set[str] = set()
        for cabinet in self.cabinets:
            if cabinet.id in seen:
                raise ValueError(f"cabinet '{cabinet.id}' stands twice")
            seen.add(cabinet.id)
            for what, name in (("crew", cabinet.crew), ("ward", cabinet.ward), ("feeder", cabinet.feeder)):
                if name is not None and name not in known[what]:
                    listed = ", ".join(sorted(known[what])) or "none"
                    raise ValueError(f"cabinet '{cabinet.id}' names {what} '{name}'; there are: {listed}")
        return self
