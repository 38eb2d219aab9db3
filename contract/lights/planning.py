"""What a calendar makes of a night: which program runs, and when which level burns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Final

from contract.lights.document import DEFAULT_PROGRAM, Calendar, Rule
from contract.lights.holiday_dates import expand
from contract.lights.moments import Moment, Period, Program
from contract.lights.sun import Dark, dark_of
from contract.lights.sun_table import SunTable
from contract.lights.wall_time import Located, wall_ms

_DUSK_TO_DAWN: Final = Program(id=DEFAULT_PROGRAM, periods=(Period(on=Moment(at="sunset"), off=Moment(at="sunrise")),))
Window = tuple[int, int]
"""[first, end) in milliseconds since 1970 UTC."""


@dataclass(frozen=True, slots=True)
class Where:
    """A place as the caches know it: degrees (WGS 84) and the IANA zone, and its table of the sun if there is one."""

    latitude: float
    longitude: float
    timezone: str
    table: SunTable | None = None

    @classmethod
    def of(cls, place: Located, table: SunTable | None) -> Where:
        """Return a place; a table of another place is left out."""
        usable = table if table is not None and table.is_of(place) else None
        return cls(place.latitude, place.longitude, place.timezone, usable)

    def dark(self, day: date) -> Dark | None:
        """Return the dark of a lighting day; None where the sun stays up."""
        if self.table is not None and self.table.covers(day):
            return self.table.dark_of(day)
        return dark_of(self.latitude, self.longitude, self.timezone, day)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A stretch of a night with one level.

    Attributes:
        start_ms: Its first millisecond since 1970 UTC.
        end_ms: The millisecond after its last.
        level: Percent of the cabinet's light, 1 to 100.
        dim: Percent for circuits with a dimmer; None: full.
    """

    start_ms: int
    end_ms: int
    level: int
    dim: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """What a calendar plans for one lighting day.

    Attributes:
        day: The date of its evening.
        program: The id of the program that runs.
        rule: The id of the rule that chose it; None: no rule did.
        is_exception: Whether that rule is an exception.
        steps: Rising, without overlaps; what touches and differs in nothing is one.
    """

    day: date
    program: str
    rule: str | None
    is_exception: bool
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A step with its reason and with how far the photocell may move its ends.

    Attributes:
        step: When and how bright.
        night: Whose it is, without its steps.
        on_window: Where the photocell may move its beginning to; None: nowhere.
        off_window: Where the photocell may move its end to; None: nowhere.
    """

    step: Step
    night: Night
    on_window: Window | None = None
    off_window: Window | None = None


def plan(
    calendar: Calendar, place: Located, first_day: date, days: int, sun: SunTable | None = None
) -> tuple[Night, ...]:
    """Return what a calendar plans for some lighting days, by itself: without sensors and overrides.

    Args:
        calendar: With `expanded` holidays, or where the package `holidays` is installed.
        place: Where the cabinet stands.
        first_day: The first lighting day.
        days: How many.
        sun: The sun's times of that place; computed where it has none.
    """
    where = Where.of(place, sun)
    nights = []
    for offset in range(days):
        day = first_day + timedelta(days=offset)
        steps = tuple(stretch.step for stretch in stretches_of(calendar, where, day))
        nights.append(replace(night_of(calendar, day), steps=steps))
    return tuple(nights)


def night_of(calendar: Calendar, day: date) -> Night:
    """Return which program of a calendar runs on a lighting day, without its steps."""
    rule, program = _chosen(calendar, day)
    named = rule.id if rule is not None else None
    return Night(day=day, program=program.id, rule=named, is_exception=rule is not None and rule.exception, steps=())


def is_planned(calendar: Calendar, day: date) -> bool:
    """Return whether the calendar itself has a program for a lighting day; if not, dusk to dawn holds."""
    return _chosen(calendar, day)[1] is not _DUSK_TO_DAWN


@lru_cache(maxsize=1024)
def _chosen(calendar: Calendar, day: date) -> tuple[Rule | None, Program]:
    programs = {program.id: program for program in calendar.all_programs}
    for rule in calendar.rules:
        holiday_dates = _holiday_dates(calendar, rule, day) if rule.when.holidays else frozenset()
        if rule.when.holds(day, holiday_dates):
            return rule, programs[rule.program]
    default = calendar.default_program
    return None, _DUSK_TO_DAWN if default is None else programs[default]


def _holiday_dates(calendar: Calendar, rule: Rule, day: date) -> frozenset[date]:
    if calendar.expanded is None:
        calendar = _year_of_holidays(calendar, day.year)
    return calendar.holiday_dates.get(rule.id, frozenset())


@lru_cache(maxsize=16)
def _year_of_holidays(calendar: Calendar, year: int) -> Calendar:
    return expand(calendar, date(year, 1, 1), 366)


@lru_cache(maxsize=1024)
def stretches_of(calendar: Calendar, where: Where, day: date) -> tuple[Stretch, ...]:
    """Return the stretches of a lighting day's program, rising and without overlaps."""
    night = night_of(calendar, day)
    dark = where.dark(day)
    reach_ms = 0 if calendar.sensors is None or night.is_exception else calendar.sensors.photocell_minutes * 60_000
    stretches = []
    for period in _chosen(calendar, day)[1].periods:
        first, on_window = _edge(period.on, where, day, dark, reach_ms)
        end, off_window = _edge(period.off, where, day, dark, reach_ms)
        if first is not None and end is not None and first < end:
            step = Step(start_ms=first, end_ms=end, level=period.level, dim=period.dim)
            stretches.append(Stretch(step=step, night=night, on_window=on_window, off_window=off_window))
    return brightest(stretches)


def brightest(stretches: Iterable[Stretch]) -> tuple[Stretch, ...]:
    """Return stretches without overlaps: where several hold, the brightest; of equals the one that began first."""
    rest = sorted(stretches, key=lambda each: (each.step.start_ms, each.step.end_ms))
    cuts = sorted({edge for each in rest for edge in (each.step.start_ms, each.step.end_ms)})
    chosen: list[Stretch] = []
    for first, end in pairwise(cuts):
        holding = [each for each in rest if each.step.start_ms <= first and end <= each.step.end_ms]
        if not holding:
            continue
        best = max(holding, key=_brightness)
        if chosen and chosen[-1].step.end_ms == first and _alike(chosen[-1], best):
            chosen[-1] = _until(chosen[-1], best, end)
        else:
            chosen.append(_cut(best, first, end))
    return tuple(chosen)


def _brightness(stretch: Stretch) -> tuple[int, int]:
    return stretch.step.level, 100 if stretch.step.dim is None else stretch.step.dim


def _alike(one: Stretch, other: Stretch) -> bool:
    return (one.step.level, one.step.dim, one.night) == (other.step.level, other.step.dim, other.night)


def _cut(stretch: Stretch, first: int, end: int) -> Stretch:
    return replace(
        stretch,
        step=replace(stretch.step, start_ms=first, end_ms=end),
        on_window=stretch.on_window if stretch.step.start_ms == first else None,
        off_window=stretch.off_window if stretch.step.end_ms == end else None,
    )


def _until(stretch: Stretch, following: Stretch, end: int) -> Stretch:
    return replace(
        stretch,
        step=replace(stretch.step, end_ms=end),
        off_window=following.off_window if following.step.end_ms == end else None,
    )


def _edge(
    moment: Moment, where: Where, day: date, dark: Dark | None, reach_ms: int
) -> tuple[int | None, Window | None]:
    """Return when a moment falls in a lighting day, and where the photocell may move it to.

    None where it needs the dark and the sun stays up.
    """
    if moment.wall_s is not None:
        return wall_ms(where.timezone, day, moment.wall_s), None
    if dark is None or moment.sun is None:
        return None, None
    event, minutes = moment.sun
    event_ms, happens = (dark.sunset_ms, dark.sets) if event == "sunset" else (dark.sunrise_ms, dark.rises)
    # Without a sunset the dark began at solar noon or before: minutes around it would open a gap there.
    at_ms = event_ms + (minutes * 60_000 if happens else 0)
    low_ms, high_ms = event_ms - reach_ms, event_ms + reach_ms
    before_s, after_s = moment.bounds_s
    if before_s is not None:
        bound_ms = wall_ms(where.timezone, day, before_s)
        at_ms, low_ms = max(at_ms, bound_ms), max(low_ms, bound_ms)
    if after_s is not None:
        bound_ms = wall_ms(where.timezone, day, after_s)
        at_ms, high_ms = min(at_ms, bound_ms), min(high_ms, bound_ms)
    movable = reach_ms > 0 and happens and low_ms <= at_ms <= high_ms and low_ms < high_ms
    return at_ms, (low_ms, high_ms) if movable else None
