"""The calendar of a cabinet's lights: one model for the gateway's file, the centre's file and the wire."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from functools import cached_property
from typing import Annotated, Any, Final

from pydantic import Field, StrictBool, StrictInt, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from contract.command_arguments import Circuits
from contract.lights.conditions import Day, When
from contract.lights.holiday_names import HolidaysError, check
from contract.lights.moments import Frozen, Label, Periods, Program, refused

MAX_PROGRAMS: Final = 32
MAX_RULES: Final = 64
MAX_LEVELS: Final = 16
MAX_EXPANDED: Final = 400
DEFAULT_PROGRAM: Final = "default"
"""The name of the short form's program, and of dusk to dawn where a calendar has no program for a day."""
MAX_NAMED: Final = 20

LevelKey = Annotated[int, Field(ge=1, le=100)]
Lux = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0, le=100_000)]


class Rule(Frozen):
    """Which program runs on some lighting days.

    Attributes:
        id: Its name, shown beside what it switches.
        program: The id of its program.
        when: Its days.
        exception: Whether it stands above sensors and above what ordinary programs say, as for a festival.
    """

    id: Label
    program: Label
    when: When
    exception: StrictBool = False


class DarkDay(Frozen):
    """Lamps by day when a storm makes it dark; the same lux tell dusk where the photocell is a lux meter.

    Attributes:
        on_below_lux: Below this it is dark.
        off_above_lux: Above this it is bright again.
        hold_s: Seconds that either must last.
        level: Percent of the cabinet's light by such a day.
    """

    on_below_lux: Lux = 20.0
    off_above_lux: Lux = 40.0
    hold_s: Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0, le=3600)] = 180.0
    level: Annotated[StrictInt, Field(ge=1, le=100)] = 100

    @model_validator(mode="after")
    def _apart(self) -> DarkDay:
        if self.on_below_lux >= self.off_above_lux:
            raise refused("lux_crossed", "on_below_lux must lie below off_above_lux: else the lamps would flicker")
        return self


class SensorRules(Frozen):
    """How far light sensors may change what the program says; they never change an exception.

    Attributes:
        photocell_minutes: Within so many minutes of sunset and sunrise the photocell moves a switch that the program
            ties to that event; 0: never.
        dark_day: Lamps between sunrise and sunset when it is dark; never if not set.
        failed_after_h: A sensor that has not changed for so many hours is broken, and ignored.
    """

    photocell_minutes: Annotated[StrictInt, Field(ge=0, le=120)] = 0
    dark_day: DarkDay | None = None
    failed_after_h: Annotated[float, Field(strict=True, allow_inf_nan=False, ge=1, le=168)] = 24.0


class Expanded(Frozen):
    """The days that the holidays of the rules make, so that a gateway needs no list of holidays.

    Attributes:
        first: The first day that was looked at.
        last: The last one; later holidays are not known.
        dates: Rule to its days.
    """

    first: Day
    last: Day
    dates: Annotated[
        dict[Label, Annotated[tuple[Day, ...], Field(max_length=MAX_EXPANDED)]], Field(max_length=MAX_RULES)
    ]


class Calendar(Frozen):
    """When the lamps of a cabinet burn.

    Attributes:
        name: What people call it.
        program: The name of the one program of the short form.
        periods: The short form: one program for all days. Those that touch or overlap make one.
        levels: Percent to the circuits that burn at it; a circuit that is named nowhere burns at every level. If not
            set, every circuit burns at every level.
        programs: The long form: what the lamps can do on a day.
        rules: Which program runs when; the first rule that holds decides.
        default: The program of days that no rule names; from sunset to sunrise if not set.
        sensors: What photocell and lux meter may change; nothing if not set.
        expanded: Written by the centre: the days of the holidays that rules name.
    """

    name: Annotated[str, Field(max_length=64, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""
    program: Label = DEFAULT_PROGRAM
    periods: Periods | None = None
    levels: Annotated[dict[LevelKey, Circuits], Field(max_length=MAX_LEVELS)] = Field(default_factory=dict)
    programs: Annotated[tuple[Program, ...], Field(max_length=MAX_PROGRAMS)] = ()
    rules: Annotated[tuple[Rule, ...], Field(max_length=MAX_RULES)] = ()
    default: Label | None = None
    sensors: SensorRules | None = None
    expanded: Expanded | None = None

    @model_validator(mode="after")
    def _agrees(self) -> Calendar:
        findings = [*self._of_forms(), *self._of_names(), *self._of_levels(), *self._of_holidays()]
        if findings:
            raise ValidationError.from_exception_data(type(self).__name__, findings)
        return self

    def _of_forms(self) -> Iterator[InitErrorDetails]:
        if self.periods is None and not self.programs:
            yield _at((), refused("calendar_empty", "a calendar needs periods, or programs"))
        elif self.periods is not None and self.programs:
            told = "periods are the short form of one program: put them into programs"
            yield _at(("periods",), refused("calendar_both", told))
        # A bound of the field would also speak of every file whose periods have mistakes of their own.
        elif self.periods == ():
            yield _at(("periods",), refused("no_period", "a schedule needs at least one period"))

    def _of_names(self) -> Iterator[InitErrorDetails]:
        programs = [program.id for program in self.all_programs]
        for key, names in (("programs", programs), ("rules", [rule.id for rule in self.rules])):
            for index, name in enumerate(names):
                if name in names[:index]:
                    told = "'{name}' stands twice; it is already number {number} of the list"
                    number = names.index(name) + 1
                    yield _at((key, index, "id"), refused("twice_in_list", told, name=name, number=number), name)
        for index, rule in enumerate(self.rules):
            if rule.program not in programs:
                yield _no_program(("rules", index, "program"), rule.program, programs)
        if self.default is not None and self.default not in programs:
            yield _no_program(("default",), self.default, programs)
        for rule_id in self.expanded.dates if self.expanded else ():
            if rule_id not in [rule.id for rule in self.rules]:
                told = "'{name}' is no rule of this calendar"
                yield _at(("expanded", "dates", rule_id), refused("no_rule", told, name=rule_id))

    def _of_levels(self) -> Iterator[InitErrorDetails]:
        lit: frozenset[str] = frozenset()
        for level in sorted(self.levels):
            circuits = frozenset(self.levels[level])
            if not lit <= circuits:
                told = "level {level} leaves out {names}, which burn at a lower level"
                names = ", ".join(sorted(lit - circuits))
                yield _at(("levels", str(level)), refused("level_falls", told, level=level, names=names))
            lit = lit | circuits
        if not self.levels:
            return
        known = sorted({*self.levels, 100})
        for place, level in self._named_levels():
            if level not in known:
                told = "no level {level} in levels; there are: {names}"
                names = ", ".join(map(str, known))
                yield _at(place, refused("no_level", told, level=level, names=names), level)

    def _of_holidays(self) -> Iterator[InitErrorDetails]:
        if self.expanded is not None:
            return
        for number, rule in enumerate(self.rules):
            for index, entry in enumerate(rule.when.holidays):
                try:
                    check(entry)
                except HolidaysError as error:
                    place = ("rules", number, "when", "holidays", index, *error.part)
                    yield _at(place, error.finding)

    def _named_levels(self) -> Iterator[tuple[tuple[int | str, ...], int]]:
        for index, period in enumerate(self.periods or ()):
            yield ("periods", index, "level"), period.level
        for number, program in enumerate(self.programs):
            for index, period in enumerate(program.periods):
                yield ("programs", number, "periods", index, "level"), period.level
        if self.sensors is not None and self.sensors.dark_day is not None:
            yield ("sensors", "dark_day", "level"), self.sensors.dark_day.level

    @cached_property
    def all_programs(self) -> tuple[Program, ...]:
        """The programs, of the short form the one that it makes."""
        if self.periods is not None and not self.programs:
            return (Program(id=self.program, periods=self.periods),)
        return self.programs

    @cached_property
    def default_program(self) -> str | None:
        """The id of the program of days that no rule names, None: dusk to dawn."""
        if self.default is None and not self.rules and len(self.all_programs) == 1:
            return self.all_programs[0].id
        return self.default

    @cached_property
    def holiday_dates(self) -> Mapping[str, frozenset[date]]:
        """Rule to the days of its holidays, as the centre has written them."""
        dates = self.expanded.dates if self.expanded is not None else {}
        return {rule: frozenset(map(date.fromisoformat, days)) for rule, days in dates.items()}

    @cached_property
    def digest(self) -> str:
        """SHA-256 in hex of its canonical JSON; the short form gives that of the long one."""
        return hashlib.sha256(canonical_json(self)).hexdigest()

    def __hash__(self) -> int:
        return hash(self.digest)


def canonical(calendar: Calendar) -> dict[str, Any]:
    """Return a calendar as plain data in the long form, without what has its default."""
    data = calendar.model_dump(mode="json", exclude_defaults=True, exclude={"program", "periods", "programs"})
    programs = [program.model_dump(mode="json", exclude_defaults=True) for program in calendar.all_programs]
    given = calendar.default_program
    return {**data, "programs": programs, **({} if given is None else {"default": given})}


def canonical_json(calendar: Calendar) -> bytes:
    """Return the bytes that a calendar's hash is made of: JSON with sorted keys, without spaces, in UTF-8."""
    return json.dumps(canonical(calendar), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def calendar_hash(calendar: Calendar) -> str:
    """Return the SHA-256 in hex of a calendar's canonical JSON."""
    return calendar.digest


def lit_circuits(calendar: Calendar, level: int, circuits: Sequence[str]) -> frozenset[str]:
    """Return which circuits burn at a level.

    A level between two of the calendar's counts as the brighter one, and a circuit that no level names burns at every
    level: what is not understood is lit.

    Args:
        calendar: Its `levels` say which.
        level: Percent; 0 is dark.
        circuits: Those that the cabinet has.
    """
    if level <= 0:
        return frozenset()
    reached = [known for known in sorted(calendar.levels) if known >= level]
    if not reached:
        return frozenset(circuits)
    named = {circuit for lit in calendar.levels.values() for circuit in lit}
    lit = calendar.levels[reached[0]]
    return frozenset(circuit for circuit in circuits if circuit in lit or circuit not in named)


def _at(place: tuple[int | str, ...], finding: PydanticCustomError, given: Any = None) -> InitErrorDetails:
    return InitErrorDetails(type=finding, loc=place, input=given if given is not None else {})


def _no_program(place: tuple[int | str, ...], name: str, programs: Sequence[str]) -> InitErrorDetails:
    there = list(dict.fromkeys(programs))
    listed = ", ".join(there[:MAX_NAMED]) + (", …" if len(there) > MAX_NAMED else "")
    return _at(place, refused("no_program", "no program '{name}'; there are: {names}", name=name, names=listed))
