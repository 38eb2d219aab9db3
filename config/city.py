"""The inventory: which cabinet stands where, who looks after it, and which gateway sees it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from config.agent import Place
from config.loader import At, StrictModel, no_such, refuse, twice
from config.points import Name
from config.texts import TEXTS

CabinetClass = Literal["lighting", "alley", "traffic_signal", "warning_ac", "warning_solar"]
"""`alley`: the small cabinet of a lane's lamps, switched by a calendar like every lighting cabinet."""
NEVER_SWITCHED: Final[frozenset[str]] = frozenset({"traffic_signal", "warning_ac", "warning_solar"})
"""Watched 24 hours a day, and never on a calendar: what they show people must not end with the night."""
CircuitId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$")]
MeterPoint = Annotated[str, Field(pattern=r"^([a-z0-9][a-z0-9_-]{0,63}/)?[a-z0-9][a-z0-9_-]{0,63}$")]
LampType = Literal["sodium", "led", "metal_halide", "fluorescent", "mercury"]
Watts = Annotated[float, Field(gt=0, le=5000)]


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


class Circuit(StrictModel):
    """What one contactor or dimmer switches, and which lamps hang on it.

    Attributes:
        id: Its name in calendars, commands and reports, such as A.
        phases: The phases that feed it.
        lamp_type: What kind of lamp: how their power follows the voltage.
        lamps: How many.
        lamp_power_w: Watts of one lamp at nominal voltage, its ballast or driver included.
        gateway_circuit: What the gateway calls it; its id if not set.
        power: The power points that measure it alone, of the cabinet's meter (`p1`) or of another device
            (`meter-b/p_total`); several add up. Not set: the meter's p1, p2, p3 of its phases, and circuits that share
            one of them are judged together.
    """

    id: CircuitId
    phases: Annotated[tuple[Annotated[int, Field(ge=1, le=3)], ...], Field(min_length=1, max_length=3)] = (1, 2, 3)
    lamp_type: LampType
    lamps: Annotated[int, Field(ge=1, le=5000)]
    lamp_power_w: Watts
    gateway_circuit: CircuitId | None = None
    power: Annotated[tuple[MeterPoint, ...], Field(max_length=12)] = ()

    @property
    def at_gateway(self) -> str:
        """What the gateway calls it."""
        return self.gateway_circuit or self.id


class ReportingLamp(StrictModel):
    """A lamp that reports itself: one of the gateway's devices.

    Attributes:
        device: Its name among the gateway's devices.
        circuit: The circuit that feeds it.
        power_w: Watts at full light; its circuit's lamp_power_w if not set.
        place: Where it stands, for a map.
    """

    device: Name
    circuit: CircuitId | None = None
    power_w: Watts | None = None
    place: Coordinates | None = None


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
        cabinet_class: Lighting and alley cabinets matter while lamps are due; the others 24 hours, never switched.
        lamps: How many lamps hang on it; those of its circuits if not set.
        nominal_voltage_v: Volts between phase and neutral.
        place: Where it stands, for a map.
        transformer: What people call the transformer that supplies it.
        tags: Words by which cabinets are chosen: `--tag school`.
        circuits: What its contactors switch, and which lamps hang on them.
        reporting_lamps: Lamps behind it that report themselves.
        calendar_file: The calendar its gateway runs, evaluated here while the gateway is silent; the city's if not set.
        schedule_file: The same, by its older name.
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
    transformer: Annotated[str, Field(max_length=64)] | None = None
    tags: Annotated[tuple[Name, ...], Field(max_length=32)] = ()
    circuits: Annotated[tuple[Circuit, ...], Field(max_length=32)] = ()
    reporting_lamps: Annotated[tuple[ReportingLamp, ...], Field(max_length=512)] = ()
    calendar_file: Path | None = None
    schedule_file: Path | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Cabinet:
        if "lamps" not in self.model_fields_set and self.circuits:
            # Before anybody has seen the model: a validator in front of it would lose the strict types of files.
            object.__setattr__(self, "lamps", sum(circuit.lamps for circuit in self.circuits))
        findings = [*self._circuit_findings(), *self._lamp_findings()]
        findings += twice(("reporting_lamps",), "device", [lamp.device for lamp in self.reporting_lamps])
        if self.calendar_file is not None and self.schedule_file is not None:
            findings.append(At(("schedule_file",), TEXTS.text("calendar_twice")))
        if self.cabinet_class in NEVER_SWITCHED:
            named = ("circuits", "calendar_file", "schedule_file")
            findings += [
                At((key,), TEXTS.text("never_switched", key=key, cabinet_class=self.cabinet_class))
                for key in named
                if getattr(self, key)
            ]
        refuse(findings)
        return self

    def _circuit_findings(self) -> Iterator[At]:
        seen: dict[str, str] = {}
        for index, circuit in enumerate(self.circuits):
            # Points at the gateway end in the circuit's id in lower case.
            other = seen.setdefault(circuit.id.lower(), circuit.id)
            if other != circuit.id or [each.id for each in self.circuits].index(circuit.id) != index:
                yield At(("circuits", index, "id"), TEXTS.text("circuit_twice", name=circuit.id, other=other))
            if len(set(circuit.phases)) < len(circuit.phases):
                yield At(("circuits", index, "phases"), TEXTS.text("phase_twice", name=circuit.id))
            bare = [point for point in circuit.power if "/" not in point] or ([] if circuit.power else ["p1"])
            if bare and self.devices.meter is None:
                key = "power" if circuit.power else "id"
                yield At(("circuits", index, key), TEXTS.text("power_without_meter", name=circuit.id))

    def _lamp_findings(self) -> Iterator[At]:
        total = sum(circuit.lamps for circuit in self.circuits)
        if self.circuits and self.lamps != total:
            yield At(("lamps",), TEXTS.text("lamps_differ", lamps=self.lamps, total=total))
        names = [circuit.id for circuit in self.circuits]
        for index, lamp in enumerate(self.reporting_lamps):
            if lamp.circuit is not None and lamp.circuit not in names:
                yield At(("reporting_lamps", index, "circuit"), no_such("circuit", lamp.circuit, names))

    @property
    def is_switched(self) -> bool:
        """Whether it hangs on a calendar; the other classes are only watched."""
        return self.cabinet_class not in NEVER_SWITCHED

    @property
    def calendar(self) -> Path | None:
        """Its own calendar file, whichever key names it."""
        return self.calendar_file or self.schedule_file


class City(StrictModel):
    """One city.

    Attributes:
        city: Its name.
        place: Its middle and its time zone.
        crews: Who goes out.
        wards: The areas of administration.
        feeders: The supply lines of the cabinets.
        calendar_file: The calendar of all cabinets that name none of their own.
        schedule_file: The same, by its older name.
        cabinets: All of them.
    """

    city: str
    place: Place
    crews: Annotated[tuple[Crew, ...], Field(min_length=1)]
    wards: tuple[Area, ...] = ()
    feeders: tuple[Area, ...] = ()
    calendar_file: Path | None = None
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
        if self.calendar_file is not None and self.schedule_file is not None:
            findings.append(At(("schedule_file",), TEXTS.text("calendar_twice")))
        findings += self._shared_findings()
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

    @property
    def calendar(self) -> Path | None:
        """The calendar file of cabinets without their own, whichever key names it."""
        return self.calendar_file or self.schedule_file

    def _shared_findings(self) -> Iterator[At]:
        """Find circuits and lamps of one gateway that two cabinets claim."""
        owners: dict[tuple[str, str, str], str] = {}
        for index, cabinet in enumerate(self.cabinets):
            claims: list[tuple[str, str, tuple[str | int, ...]]] = []
            for number, circuit in enumerate(cabinet.circuits):
                claims.append(("circuit", circuit.at_gateway, ("circuits", number, "id")))
            for number, lamp in enumerate(cabinet.reporting_lamps):
                claims.append(("device", lamp.device, ("reporting_lamps", number, "device")))
            for what, name, place in claims:
                owner = owners.setdefault((cabinet.gateway, what, name.lower()), cabinet.id)
                if owner != cabinet.id:
                    facts = {"what": TEXTS.text(what), "name": name, "gateway": cabinet.gateway, "cabinet": owner}
                    yield At(("cabinets", index, *place), TEXTS.text("claimed_twice", **facts))
