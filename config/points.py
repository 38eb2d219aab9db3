"""The points of a device: what each means, how far it is believed, and where its register or field stands."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Final, Literal

from pydantic import Field, field_validator, model_validator

from config.loader import At, StrictModel, refuse
from config.texts import TEXTS
from contract.reading import NAME_PATTERN
from contract.state import PointKind

Name = Annotated[str, Field(pattern=NAME_PATTERN)]
PointId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}/[a-z0-9][a-z0-9_-]{0,63}$")]
Table = Literal["coil", "discrete", "holding", "input"]
NumberType = Literal["uint16", "int16", "uint32", "int32", "float32", "uint64", "int64", "float64", "bcd16", "bcd32"]
RegisterType = Literal[
    "bool", "uint16", "int16", "uint32", "int32", "float32", "uint64", "int64", "float64", "bcd16", "bcd32", "string"
]
WordOrder = Literal["ABCD", "CDAB", "BADC", "DCBA"]
PollClass = Literal["fast", "normal", "slow", "once"]
Seconds = Annotated[float, Field(gt=0, le=86_400)]
PollInterval = Annotated[float, Field(ge=0.001, le=86_400)]
"""A point's milliseconds rise strictly from one reading to the next."""
Address = Annotated[int, Field(ge=0, le=65535)]
Code = Annotated[int, Field(ge=-(2**31), le=2**32 - 1)]

REGISTERS_OF: Final[dict[str, int]] = {
    "bool": 1,
    "uint16": 1,
    "int16": 1,
    "bcd16": 1,
    "uint32": 2,
    "int32": 2,
    "float32": 2,
    "bcd32": 2,
    "uint64": 4,
    "int64": 4,
    "float64": 4,
}
"""How many registers (or, for bool, bits) a type takes; a string says so itself."""

MAX_WINDOW: Final = 16
"""A point and its companions this near to each other, in registers, are read in one request."""


def check_field(key: str) -> str:
    """Return a point's key if a store can have a field of that name.

    Raises:
        ValueError: It is taken: `q_<key>` says why a value is not GOOD, `gw`, `dev` and `time` are the store's own.
    """
    if key.startswith("q_") or key in {"gw", "dev", "time"}:
        raise ValueError(TEXTS.text("field_taken", key=key))
    return key


class PointSpec(StrictModel):
    """What every point has, wherever it comes from.

    Attributes:
        key: The name within its device; field name in the store.
        en: Its name in English.
        vi: Its name in Vietnamese.
        unit: The SI unit of the stored value, empty for states.
        scale: What a raw number is multiplied by to give `unit`.
        offset: What is then added, in `unit`.
        store_as: `float` for a whole number that other types of its device class give with a fraction: a store has one
            kind of number for each field.
        low: Smallest possible value; below it the reading is BAD with cause `range`.
        high: Largest possible value.
        sentinels: Raw numbers by which the device says that it has no value; the reading is BAD with cause `sentinel`.
        max_rate: Greatest possible change, in `unit` per second; a faster one is UNCERTAIN with cause `rate`.
        flat_after_s: An unchanged value for this long, in seconds, is UNCERTAIN with cause `flat`.
        deadband: Smallest change worth a new retained state, in `unit`.
        poll: How often it is read; `once` is read when the device is found, and again when it was away.
        interval_s: Seconds between its reads, if its poll class does not fit.
        max_silence_s: Report on change: a value within the deadband is reported this often only, in seconds; urgent
            points are reported always.
        average: What a period's value is made of (`averages` of agent.yaml): the mean; the median, for levels; the mean
            vector, for directions in degrees; for counters how far they rose.
        average_with: For directions: the point whose value weights them, such as the wind speed.
        rolls_over_at: For counters: the count that is 0 again.
        priority: Low gives way first when the disk is full.
        urgent: A change of state is sent at once and repeated until it is confirmed.
        urgent_levels: For measured values: the limits between which the state is the same, rising.
    """

    key: Name
    en: str
    vi: str
    unit: str = ""
    scale: float = 1.0
    offset: float = 0.0
    store_as: Literal["float"] | None = None
    low: float | None = None
    high: float | None = None
    sentinels: Annotated[tuple[float, ...], Field(max_length=16)] = ()
    max_rate: Annotated[float, Field(gt=0)] | None = None
    flat_after_s: Seconds | None = None
    deadband: Annotated[float, Field(ge=0)] = 0.0
    poll: PollClass = "normal"
    interval_s: PollInterval | None = None
    max_silence_s: Seconds | None = None
    average: Literal["mean", "median", "direction", "counter"] = "mean"
    average_with: Name | None = None
    rolls_over_at: Annotated[float, Field(gt=0)] | None = None
    priority: Literal["normal", "low"] = "normal"
    urgent: bool = False
    urgent_levels: tuple[float, ...] = ()

    @property
    @abstractmethod
    def kind(self) -> PointKind:
        """What the point's values are once they are scaled."""

    @property
    def can_be_written(self) -> bool:
        """Whether the device lets it be written."""
        return False

    @field_validator("key")
    @classmethod
    def _storable(cls, key: str) -> str:
        return check_field(key)

    @model_validator(mode="after")
    def _bounds_agree(self) -> PointSpec:
        findings = []
        if list(self.urgent_levels) != sorted(set(self.urgent_levels)):
            findings.append(At(("urgent_levels",), TEXTS.text("levels_rise")))
        if self.low is not None and self.high is not None and self.low >= self.high:
            findings.append(At(("low",), TEXTS.text("low_below_high")))
        if self.scale == 0:
            findings.append(At(("scale",), TEXTS.text("scale_zero")))
        if self.interval_s is not None and self.poll == "once":
            findings.append(At(("interval_s",), TEXTS.text("once_interval")))
        if self.average_with is not None and self.average != "direction":
            findings.append(At(("average_with",), TEXTS.text("only_with_average", average="direction")))
        if self.rolls_over_at is not None and self.average != "counter":
            findings.append(At(("rolls_over_at",), TEXTS.text("only_with_average", average="counter")))
        refuse(findings)
        return self


class FieldPoint(PointSpec):
    """A point that a frame of an instrument names, or that the agent itself makes.

    Attributes:
        field: What the driver of the protocol calls it.
        type: What it holds.
    """

    field: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
    type: Literal["number", "integer", "bool", "text"] = "number"

    @property
    def kind(self) -> PointKind:
        """What the point's values are."""
        kinds: dict[str, PointKind] = {"number": "float", "integer": "int", "bool": "bool", "text": "text"}
        scaled = self.scale != 1.0 or self.offset or self.store_as
        return "float" if self.type == "integer" and scaled else kinds[self.type]


class Register(StrictModel):
    """A number that another point depends on, in the same table.

    Attributes:
        address: Wire address, counted from 0.
        type: What its registers hold.
        order: Word order.
    """

    address: Address
    type: NumberType = "uint16"
    order: WordOrder = "ABCD"

    @property
    def width(self) -> int:
        """Registers that it takes."""
        return REGISTERS_OF[self.type]


class QualityWord(Register):
    """A register by which the device itself says what its value is worth.

    Attributes:
        good: Codes that mean a good value; with them every code that stands nowhere is a fault.
        uncertain: Codes that mean an uncertain value.
        bad_bits: Bits, counted from 0, of which any makes the value BAD.
        uncertain_bits: Bits of which any makes it UNCERTAIN.
        bits: First and last bit of the code within the register, counted from 0; the whole number if not set.
        below: A code below this one means an uncertain value (a signal strength).
    """

    good: Annotated[tuple[Code, ...], Field(max_length=64)] = ()
    uncertain: Annotated[tuple[Code, ...], Field(max_length=64)] = ()
    bad_bits: Annotated[tuple[Annotated[int, Field(ge=0, le=31)], ...], Field(max_length=32)] = ()
    uncertain_bits: Annotated[tuple[Annotated[int, Field(ge=0, le=31)], ...], Field(max_length=32)] = ()
    bits: tuple[Annotated[int, Field(ge=0, le=31)], Annotated[int, Field(ge=0, le=31)]] | None = None
    below: Code | None = None

    @model_validator(mode="after")
    def _says_something(self) -> QualityWord:
        if not (self.good or self.uncertain or self.bad_bits or self.uncertain_bits or self.below is not None):
            raise At((), TEXTS.text("quality_says_nothing"))
        if self.bits is not None and self.bits[0] > self.bits[1]:
            raise At(("bits",), TEXTS.text("bits_form"))
        return self


class RegisterPoint(PointSpec):
    """A point of a Modbus device.

    Attributes:
        table: Which of the four Modbus tables holds it.
        address: Wire address, counted from 0.
        type: What its registers hold; bool for coils and discrete inputs, or with `bits` for one bit of a register.
        order: Word order of values over several registers: ABCD is big endian, CDAB low word first, BADC bytes swapped,
            DCBA little endian.
        registers: How many registers a string takes, two characters each.
        bits: First and last bit of the register that hold it, counted from 0; [3, 3] is one bit.
        labels: What the codes of the register mean; the value is then the label, and an unknown code is BAD.
        quality: The register that says what the value is worth.
        unit_word: The register that says in which unit the device gives the value; any other code than its `good` ones,
            and the value is BAD, since it is a number of something else.
        exponent: The register whose number n multiplies the value by 10^n.
        addend: A register whose number is added to this one before scaling, such as the fraction of a total.
        writable: Whether the device lets it be written.
    """

    table: Table
    address: Address
    type: RegisterType
    order: WordOrder = "ABCD"
    registers: Annotated[int, Field(ge=1, le=32)] | None = None
    bits: tuple[Annotated[int, Field(ge=0, le=31)], Annotated[int, Field(ge=0, le=31)]] | None = None
    labels: Annotated[dict[Code, Annotated[str, Field(min_length=1, max_length=64)]], Field(max_length=256)] = Field(
        default_factory=dict
    )
    quality: QualityWord | None = None
    unit_word: QualityWord | None = None
    exponent: Register | None = None
    addend: Register | None = None
    writable: bool = False

    @property
    def kind(self) -> PointKind:
        """What the point's values are once they are scaled."""
        if self.type == "string" or self.labels:
            return "text"
        if self.type == "bool":
            return "bool"
        scaled = self.scale != 1.0 or self.offset or self.store_as or self.exponent or self.addend
        return "float" if self.type.startswith("float") or scaled else "int"

    @property
    def width(self) -> int:
        """Registers or bits that the value takes."""
        return self.registers or REGISTERS_OF.get(self.type, 1)

    @property
    def can_be_written(self) -> bool:
        """Whether the device lets it be written."""
        return self.writable

    @property
    def is_plain(self) -> bool:
        """Whether its registers hold one number or coil and nothing else: what can be written."""
        return not (self.bits or self.labels or self.companions or self.type in {"string", "bcd16", "bcd32"})

    @property
    def companions(self) -> tuple[Register, ...]:
        """The other registers that its value depends on."""
        return tuple(one for one in (self.quality, self.unit_word, self.exponent, self.addend) if one is not None)

    @model_validator(mode="after")
    def _possible(self) -> RegisterPoint:
        refuse(list(self._findings()))
        return self

    def _findings(self) -> list[At]:
        is_bit_table = self.table in {"coil", "discrete"}
        one_bit = self.bits is not None and self.bits[0] == self.bits[1]
        findings = []
        if is_bit_table != (self.type == "bool") and not (self.type == "bool" and one_bit):
            findings.append(At(("type",), TEXTS.text("table_type", table=self.table, type=self.type)))
        if (self.type == "string") != (self.registers is not None):
            findings.append(At(("registers",), TEXTS.text("string_registers")))
        findings += self._bit_findings(is_bit_table=is_bit_table)
        if self.writable and self.table not in {"coil", "holding"}:
            findings.append(At(("writable",), TEXTS.text("table_write", table=self.table)))
        elif self.writable and not self.is_plain:
            findings.append(At(("writable",), TEXTS.text("plain_write")))
        if self.companions and (is_bit_table or self.type == "string"):
            findings.append(At(("type",), TEXTS.text("no_companion", type=self.type)))
        for name in ("quality", "unit_word", "exponent", "addend"):
            one: Register | None = getattr(self, name)
            if one is not None and one.address + one.width > 65536:
                findings.append(At((name, "address"), TEXTS.text("address_end")))
        if self.address + self.width > 65536:
            findings.append(At(("address",), TEXTS.text("address_end")))
        return findings

    def _bit_findings(self, *, is_bit_table: bool) -> list[At]:
        if self.bits is None:
            return []
        first, last = self.bits
        whole = {"bool", "uint16", "uint32"}
        if is_bit_table or self.type not in whole:
            return [At(("bits",), TEXTS.text("bits_type"))]
        if first > last:
            return [At(("bits",), TEXTS.text("bits_form"))]
        return [At(("bits",), TEXTS.text("no_bit", type=self.type, bit=last))] if last >= 16 * self.width else []
