"""Device profiles: what a type of device measures, where in its registers, and who says so."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from config.errors import ConfigErrors, ConfigProblem
from config.loader import At, StrictModel, load_text, read_text, refuse, resolve, twice
from config.points import Address, FieldPoint, Name, PointSpec, RegisterPoint, Table
from config.texts import TEXTS
from contract.batch import MAX_POINTS_PER_DEVICE
from contract.reading import Value

Protocol = Literal["plantower", "sds011", "sps30", "winsen", "wxt530", "nmea0183", "sdi12"]
_PROTOCOL = re.compile(r"""^\s*["']?protocol["']?\s*:\s*["']?([a-z0-9-]+)""", re.MULTILINE)


class DeviceLimits(StrictModel):
    """What a device bears.

    Attributes:
        max_registers: Most registers of one read.
        max_bits: Most coils or inputs of one read.
        max_hole_registers: Most registers that nobody wants between two points that one read may fetch along. On a
            line of 9600 baud another read costs as much as ten registers.
        max_hole_bits: The same for coils and inputs.
        gap_s: Least time between its reply and the next request to it, in seconds.
        forbidden: Address ranges [table, first, last] that no read may touch.
        blocks: Address ranges [table, first, last] that are read whole or not at all: some devices answer to no other
            request.
    """

    max_registers: Annotated[int, Field(ge=1, le=125)] = 125
    max_bits: Annotated[int, Field(ge=1, le=2000)] = 2000
    max_hole_registers: Annotated[int, Field(ge=0, le=123)] = 8
    max_hole_bits: Annotated[int, Field(ge=0, le=1998)] = 64
    gap_s: Annotated[float, Field(ge=0, le=10)] = 0.0
    forbidden: tuple[tuple[Table, int, int], ...] = ()
    blocks: tuple[tuple[Table, int, int], ...] = ()


class Condition(StrictModel):
    """What one point must show.

    Attributes:
        point: Its key.
        low: Smallest number that proves it.
        high: Greatest number that proves it.
        begins: What a text must begin with.
        contains: What must stand somewhere in a text.
        inconclusive: Values that prove neither that it is this type nor that it is another.
    """

    point: Name
    low: float | None = None
    high: float | None = None
    begins: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    contains: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    inconclusive: tuple[float, ...] = ()

    @model_validator(mode="after")
    def _decides(self) -> Condition:
        number = self.low is not None and self.high is not None
        if [number, self.begins is not None, self.contains is not None].count(True) != 1:
            raise At((), TEXTS.text("probe_form"))
        return self

    def holds(self, value: Value | None) -> bool:
        """Return whether a value proves the type."""
        if self.begins is not None:
            return isinstance(value, str) and value.startswith(self.begins)
        if self.contains is not None:
            return isinstance(value, str) and self.contains in value
        if self.low is None or self.high is None or not isinstance(value, int | float):
            return False
        return self.low <= value <= self.high


class Probe(Condition):
    """A read that proves the type: the points must be as told, or the device is not what the profile says.

    Attributes:
        point: Its key.
        low: Smallest number that proves it.
        high: Greatest number that proves it.
        begins: What a text must begin with.
        contains: What must stand somewhere in a text.
        inconclusive: Values that prove neither that it is this type nor that it is another.
        also: Further points that must be as told.
    """

    also: Annotated[tuple[Condition, ...], Field(max_length=8)] = ()

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """All that must hold."""
        return (self, *self.also)


class StartRequest(StrictModel):
    """A request that makes the device measure; sent when it is found, and again when it was away.

    Attributes:
        table: Which table is read, or with `values` written.
        address: Wire address, counted from 0.
        count: Registers to read.
        values: Registers to write (function 16); nothing is read then. No other write ever leaves without permission.
    """

    table: Literal["holding", "input"] = "holding"
    address: Address
    count: Annotated[int, Field(ge=0, le=125)] = 1
    values: Annotated[tuple[Annotated[int, Field(ge=0, le=65535)], ...], Field(max_length=16)] = ()


class SetupValue(StrictModel):
    """A setting of the device itself that must be as told; `edge-agent setup` compares it, and writes it if told to.

    Attributes:
        point: Its key; a plain point in table holding or coil. Commands cannot write it.
        want: What it must be, in the point's unit; true or false for a coil.
        en: Why, in English.
        vi: Why, in Vietnamese.
    """

    point: Name
    want: float | bool
    en: Annotated[str, Field(min_length=1, max_length=200)]
    vi: Annotated[str, Field(min_length=1, max_length=200)]

    def value_in(self, spec: RegisterPoint) -> Value:
        """Return the value that is written to its point; a whole number where it can be one."""
        if isinstance(self.want, bool) or spec.type.startswith("float") or self.want != int(self.want):
            return self.want
        return int(self.want)

    def why_not(self, spec: RegisterPoint) -> str | None:
        """Return what is wrong with this for its point, None if nothing is."""
        if spec.table not in {"holding", "coil"} or not spec.is_plain:
            return TEXTS.text("setup_point", point=spec.key)
        if spec.writable:
            return TEXTS.text("setup_writable", point=spec.key)
        if isinstance(self.want, bool) != (spec.type == "bool"):
            return TEXTS.text("setup_kind", point=spec.key, type=spec.type)
        low, high = spec.low, spec.high
        if (low is not None and self.want < low) or (high is not None and self.want > high):
            return TEXTS.text("setup_range", point=spec.key, want=f"{self.want:g}")
        return None


class Source(StrictModel):
    """Where the register map comes from, and what it was checked against.

    Attributes:
        manual: Title and version.
        page: Page or section.
        firmware: The device's, as far as it is known.
        origin: Recorded from a device, or composed from the manual.
        verified_by: The manual, code of others who run the device, or secondary sources.
        note: What else a reader must know.
    """

    manual: str
    page: str
    firmware: str = "not stated"
    origin: Literal["recorded", "composed"]
    verified_by: Literal["manual", "code", "secondary"]
    note: str = ""


class Profile(StrictModel):
    """One type of device; what it speaks decides the rest.

    Attributes:
        profile: Its name.
        version: Raised with every change of a meaning.
        device_class: The measurement that its values are stored under.
        en: The type in English.
        vi: The type in Vietnamese.
        source: Where the register map comes from.
        warm_up_s: Seconds after it was found in which its values are UNCERTAIN with cause `warm_up`.
        modular: Whether modules that are not fitted answer like those that are, with 0: then a device must list in
            `points` what it has.
    """

    profile: Name
    version: str
    device_class: Name
    en: str
    vi: str
    source: Source
    warm_up_s: Annotated[float, Field(ge=0, le=86_400)] = 0.0
    modular: bool = False

    @property
    def proves_type(self) -> bool:
        """Whether a refusal of its first requests means another type of device."""
        return False

    @property
    @abstractmethod
    def specs(self) -> Sequence[PointSpec]:
        """What it measures and switches."""

    def point(self, key: str) -> PointSpec:
        """Return the point of a key.

        Raises:
            KeyError: There is none.
        """
        for point in self.specs:
            if point.key == key:
                return point
        raise KeyError(key)


class ModbusProfile(Profile):
    """One type of Modbus device.

    Attributes:
        profile: Its name.
        version: Raised with every change of a meaning.
        device_class: The measurement that its values are stored under.
        protocol: What the device speaks.
        en: The type in English.
        vi: The type in Vietnamese.
        source: Where the register map comes from.
        warm_up_s: Seconds after it was found in which its values are UNCERTAIN with cause `warm_up`.
        modular: Whether modules that are not fitted answer like those that are, with 0: then a device must list in
            `points` what it has.
        limits: What the device bears.
        start: Requests that make it measure.
        probe: A read that proves the type.
        setup: Settings of the device itself, in the order in which they are written.
        points: What it measures and switches.
    """

    protocol: Literal["modbus"] = "modbus"
    limits: DeviceLimits = DeviceLimits()
    start: Annotated[tuple[StartRequest, ...], Field(max_length=4)] = ()
    probe: Probe | None = None
    setup: Annotated[tuple[SetupValue, ...], Field(max_length=64)] = ()
    points: Annotated[tuple[RegisterPoint, ...], Field(min_length=1, max_length=MAX_POINTS_PER_DEVICE)]

    @model_validator(mode="after")
    def _points_agree(self) -> ModbusProfile:
        keys = [point.key for point in self.points]
        findings = twice(("points",), "key", keys)
        for index, condition in enumerate(self.probe.conditions if self.probe else ()):
            if condition.point not in keys:
                where = ("probe", "also", index - 1, "point") if index else ("probe", "point")
                findings.append(At(where, TEXTS.text("no_point", point=condition.point)))
        refuse(findings + self._setup_findings(keys))
        return self

    def _setup_findings(self, keys: list[str]) -> list[At]:
        findings = twice(("setup",), "point", [one.point for one in self.setup])
        for index, one in enumerate(self.setup):
            wrong = one.why_not(self.point(one.point)) if one.point in keys else TEXTS.text("no_point", point=one.point)
            if wrong:
                findings.append(At(("setup", index, "point"), wrong))
        return findings

    @property
    def proves_type(self) -> bool:
        """Whether a refusal of its first requests means another type of device."""
        return self.probe is not None or bool(self.start)

    @property
    def specs(self) -> Sequence[RegisterPoint]:
        """What it measures and switches."""
        return self.points

    def point(self, key: str) -> RegisterPoint:
        """Return the point of a key.

        Raises:
            KeyError: There is none.
        """
        return next(point for point in self.points if point.key == key)


class InstrumentProfile(Profile):
    """One type of instrument that speaks something else than Modbus.

    Attributes:
        profile: Its name.
        version: Raised with every change of a meaning.
        device_class: The measurement that its values are stored under.
        protocol: What the device speaks.
        en: The type in English.
        vi: The type in Vietnamese.
        source: Where the frames come from.
        warm_up_s: Seconds after it was found in which its values are UNCERTAIN with cause `warm_up`.
        modular: Whether modules that are not fitted answer like those that are, with 0: then a device must list in
            `points` what it has.
        settings: What its protocol must know of this type; the protocol's page names the keys.
        points: What it measures.
    """

    protocol: Protocol
    settings: Annotated[dict[Name, str | int | float | bool], Field(max_length=32)] = Field(default_factory=dict)
    points: Annotated[tuple[FieldPoint, ...], Field(min_length=1, max_length=MAX_POINTS_PER_DEVICE)]

    @model_validator(mode="after")
    def _points_differ(self) -> InstrumentProfile:
        refuse(twice(("points",), "key", [point.key for point in self.points]))
        return self

    @property
    def proves_type(self) -> bool:
        """Whether a refusal of its first requests means another type of device."""
        return bool(self.settings.get("identity"))

    @property
    def specs(self) -> Sequence[FieldPoint]:
        """What it measures."""
        return self.points


def shipped_profiles() -> dict[str, Path]:
    """Return the profiles that the software ships, by name."""
    folder = Path(str(files("config") / "profiles"))
    return {file.stem: file for file in sorted(folder.glob("*.yaml"))}


def load_profile(name_or_path: str, base: Path | None = None) -> ModbusProfile | InstrumentProfile:
    """Return a shipped profile by name, or one from a file (a path with `/` or ending in .yaml).

    Args:
        name_or_path: `eastron-sdm630`, or `./my-meter.yaml` taken from `base`.
        base: The folder of the file that names it.

    Raises:
        ConfigErrors: There is none, or anything in it is wrong.
    """
    if "/" in name_or_path or name_or_path.endswith(".yaml"):
        return _load(resolve(base or Path(), Path(name_or_path)))
    shipped = shipped_profiles()
    if name_or_path not in shipped:
        message = TEXTS.text("no_profile", names=", ".join(shipped))
        raise ConfigErrors([ConfigProblem(Path(name_or_path), 1, 1, message)])
    return _load(shipped[name_or_path])


def _load(file: Path) -> ModbusProfile | InstrumentProfile:
    text = read_text(file)
    spoken = _PROTOCOL.search(text)
    if spoken is None or spoken[1] == "modbus":
        return load_text(text, file, ModbusProfile)
    return load_text(text, file, InstrumentProfile)


def load_modbus_profile(name_or_path: str, base: Path | None = None) -> ModbusProfile:
    """Return a profile of a Modbus device; see load_profile.

    Raises:
        ConfigErrors: There is none, it speaks something else, or anything in it is wrong.
    """
    profile = load_profile(name_or_path, base)
    if not isinstance(profile, ModbusProfile):
        message = TEXTS.text("not_modbus", protocol=profile.protocol)
        raise ConfigErrors([ConfigProblem(Path(name_or_path), 1, 1, message)])
    return profile
