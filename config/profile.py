"""Device profiles: what a type of device measures, where in its registers, and who says so."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, field_validator, model_validator

from config.errors import ConfigErrors, ConfigProblem
from config.loader import At, StrictModel, load_document, refuse, resolve, twice
from config.texts import TEXTS
from contract.batch import MAX_POINTS_PER_DEVICE
from contract.reading import NAME_PATTERN
from contract.state import PointKind

Name = Annotated[str, Field(pattern=NAME_PATTERN)]
Table = Literal["coil", "discrete", "holding", "input"]
RegisterType = Literal["bool", "uint16", "int16", "uint32", "int32", "float32", "uint64", "int64", "float64"]
PollClass = Literal["fast", "normal", "slow"]

REGISTERS_OF: Final[dict[str, int]] = {
    "bool": 1,
    "uint16": 1,
    "int16": 1,
    "uint32": 2,
    "int32": 2,
    "float32": 2,
    "uint64": 4,
    "int64": 4,
    "float64": 4,
}
"""How many registers (or, for bool, bits) a type takes."""


def check_field(key: str) -> str:
    """Return a point's key if a store can have a field of that name.

    Raises:
        ValueError: It is taken: `q_<key>` says why a value is not GOOD, `gw`, `dev` and `time` are the store's own.
    """
    if key.startswith("q_") or key in {"gw", "dev", "time"}:
        raise ValueError(TEXTS.text("field_taken", key=key))
    return key


class PointSpec(StrictModel):
    """One point of a device.

    Attributes:
        key: The name within its device; field name in the store.
        en: Its name in English.
        vi: Its name in Vietnamese.
        unit: The SI unit of the stored value, empty for states.
        table: Which of the four Modbus tables holds it.
        address: Wire address, counted from 0.
        type: What its registers hold; bool for coils and discrete inputs.
        order: Word order of values over several registers: ABCD is big endian, CDAB low word first, BADC bytes swapped,
            DCBA little endian.
        scale: What a raw number is multiplied by to give `unit`.
        offset: What is then added, in `unit`.
        low: Smallest possible value; below it the reading is BAD with cause `range`.
        high: Largest possible value.
        deadband: Smallest change worth a new retained state, in `unit`.
        poll: How often it is read.
        priority: Low gives way first when the disk is full.
        urgent: A change of state is sent at once and repeated until it is confirmed.
        urgent_levels: For measured values: the limits between which the state is the same, rising.
        writable: Whether the device lets it be written.
    """

    key: Name
    en: str
    vi: str
    unit: str = ""
    table: Table
    address: Annotated[int, Field(ge=0, le=65535)]
    type: RegisterType
    order: Literal["ABCD", "CDAB", "BADC", "DCBA"] = "ABCD"
    scale: float = 1.0
    offset: float = 0.0
    low: float | None = None
    high: float | None = None
    deadband: Annotated[float, Field(ge=0)] = 0.0
    poll: PollClass = "normal"
    priority: Literal["normal", "low"] = "normal"
    urgent: bool = False
    urgent_levels: tuple[float, ...] = ()
    writable: bool = False

    @property
    def kind(self) -> PointKind:
        """What the point's values are once they are scaled."""
        if self.type == "bool":
            return "bool"
        return "float" if self.type.startswith("float") or self.scale != 1.0 or self.offset else "int"

    @property
    def width(self) -> int:
        """Registers or bits that the point takes."""
        return REGISTERS_OF[self.type]

    @field_validator("key")
    @classmethod
    def _storable(cls, key: str) -> str:
        return check_field(key)

    @model_validator(mode="after")
    def _possible(self) -> PointSpec:
        if (self.type == "bool") != (self.table in {"coil", "discrete"}):
            raise At(("type",), TEXTS.text("table_type", table=self.table, type=self.type))
        if self.writable and self.table not in {"coil", "holding"}:
            raise At(("writable",), TEXTS.text("table_write", table=self.table))
        if list(self.urgent_levels) != sorted(set(self.urgent_levels)):
            raise At(("urgent_levels",), TEXTS.text("levels_rise"))
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise At(("low",), TEXTS.text("low_below_high"))
        if self.address + self.width > 65536:
            raise At(("address",), TEXTS.text("address_end"))
        return self


class DeviceLimits(StrictModel):
    """What a device bears.

    Attributes:
        max_registers: Most registers of one read.
        max_bits: Most coils or inputs of one read.
        gap_s: Least time between its reply and the next request to it, in seconds.
        forbidden: Address ranges [table, first, last] that no read may touch.
    """

    max_registers: Annotated[int, Field(ge=1, le=125)] = 125
    max_bits: Annotated[int, Field(ge=1, le=2000)] = 2000
    gap_s: Annotated[float, Field(ge=0, le=10)] = 0.0
    forbidden: tuple[tuple[Table, int, int], ...] = ()


class Probe(StrictModel):
    """A read that proves the type: the point must lie in the range, or the device is not what the profile says.

    Attributes:
        point: Its key.
        low: Smallest value that proves it.
        high: Greatest value that proves it.
    """

    point: Name
    low: float
    high: float
    inconclusive: tuple[float, ...] = ()


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
    """One type of device.

    Attributes:
        profile: Its name.
        version: Raised with every change of a meaning.
        device_class: The measurement that its values are stored under.
        protocol: What the device speaks.
        en: The type in English.
        vi: The type in Vietnamese.
        source: Where the register map comes from.
        limits: What the device bears.
        probe: A read that proves the type.
        points: What it measures and switches.
    """

    profile: Name
    version: str
    device_class: Name
    protocol: Literal["modbus"] = "modbus"
    en: str
    vi: str
    source: Source
    limits: DeviceLimits = DeviceLimits()
    probe: Probe | None = None
    points: Annotated[tuple[PointSpec, ...], Field(min_length=1, max_length=MAX_POINTS_PER_DEVICE)]

    @model_validator(mode="after")
    def _points_agree(self) -> Profile:
        keys = [point.key for point in self.points]
        findings = twice(("points",), "key", keys)
        if self.probe and self.probe.point not in keys:
            findings.append(At(("probe", "point"), TEXTS.text("no_point", point=self.probe.point)))
        refuse(findings)
        return self

    def point(self, key: str) -> PointSpec:
        """Return the point of a key.

        Raises:
            KeyError: There is none.
        """
        for point in self.points:
            if point.key == key:
                return point
        raise KeyError(key)


def shipped_profiles() -> dict[str, Path]:
    """Return the profiles that the software ships, by name."""
    folder = Path(str(files("config") / "profiles"))
    return {file.stem: file for file in sorted(folder.glob("*.yaml"))}


def load_profile(name_or_path: str, base: Path | None = None) -> Profile:
    """Return a shipped profile by name, or one from a file (a path with `/` or ending in .yaml).

    Args:
        name_or_path: `eastron-sdm630`, or `./my-meter.yaml` taken from `base`.
        base: The folder of the file that names it.

    Raises:
        ConfigErrors: There is none, or anything in it is wrong.
    """
    if "/" in name_or_path or name_or_path.endswith(".yaml"):
        return load_document(resolve(base or Path(), Path(name_or_path)), Profile)
    shipped = shipped_profiles()
    if name_or_path not in shipped:
        message = TEXTS.text("no_profile", names=", ".join(shipped))
        raise ConfigErrors([ConfigProblem(Path(name_or_path), 1, 1, message)])
    return load_document(shipped[name_or_path], Profile)
