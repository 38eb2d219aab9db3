"""When a rule of a calendar holds: conditions on the lighting day, which is named by the date of its evening."""

from __future__ import annotations

import calendar as months
import re
from collections.abc import Collection
from datetime import date
from functools import cached_property
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, StrictInt, model_validator

from contract.lights.moments import Frozen, Label, refused

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: Final[tuple[Weekday, ...]] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MAX_DATES: Final = 400
MAX_RANGES: Final = 64
MAX_HOLIDAYS: Final = 16
MAX_DAYS_AROUND: Final = 31

_DAY = re.compile(r"^\d{4}-\d{2}-\d{2}$")
_YEARLY = re.compile(r"^(\d{2})-(\d{2})$")
_BETWEEN: Final = ".."
_LEAP_YEAR: Final = 2028


def day_of(text: str) -> date | None:
    """Return the date of "2027-02-05", None if it is none."""
    if not _DAY.match(text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _month_day(text: str) -> tuple[int, int] | None:
    match = _YEARLY.match(text)
    if match is None or day_of(f"{_LEAP_YEAR}-{text}") is None:
        return None
    return int(match.group(1)), int(match.group(2))


def _checked_day(text: str) -> str:
    if day_of(text) is None:
        raise refused("no_date", "'{given}' is no date: write 2027-02-05", given=text)
    return text


def _checked_range(text: str) -> str:
    first, found, last = text.partition(_BETWEEN)
    ends = day_of(first.strip()), day_of(last.strip())
    if not found or ends[0] is None or ends[1] is None:
        raise refused("no_range", "'{given}' is no range: write 2026-12-20..2027-01-05", given=text)
    if ends[0] > ends[1]:
        raise refused("range_crossed", "'{given}' ends before it begins", given=text)
    return text


def _checked_yearly(text: str) -> str:
    first, found, last = text.partition(_BETWEEN)
    if _month_day(first.strip()) is None or (found and _month_day(last.strip()) is None):
        raise refused("no_yearly", "'{given}' is no range of every year: write 05-16..06-30 or 04-30", given=text)
    return text


def _checked_number(number: int) -> int:
    if number == 0:
        raise refused("no_nth", "nth counts from 1, or from -1 at the month's end")
    return number


Day = Annotated[str, Field(max_length=32), AfterValidator(_checked_day)]
"""YYYY-MM-DD."""
Range = Annotated[str, Field(max_length=32), AfterValidator(_checked_range)]
"""YYYY-MM-DD..YYYY-MM-DD, both included."""
Yearly = Annotated[str, Field(max_length=32), AfterValidator(_checked_yearly)]
"""MM-DD..MM-DD, both included, also over New Year; or one MM-DD."""
Month = Annotated[StrictInt, Field(ge=1, le=12)]


class NthWeekday(Frozen):
    """A weekday counted in its month.

    Attributes:
        nth: 1 is the first of the month, -1 the last.
        weekday: Which one.
        months: In which months, 1 to 12; all if none is given.
    """

    nth: Annotated[StrictInt, Field(ge=-5, le=5), AfterValidator(_checked_number)]
    weekday: Weekday
    months: Annotated[tuple[Month, ...], Field(max_length=12)] = ()

    def holds(self, day: date) -> bool:
        """Return whether a date is that day."""
        if WEEKDAYS[day.weekday()] != self.weekday or (self.months and day.month not in self.months):
            return False
        if self.nth > 0:
            return (day.day - 1) // 7 + 1 == self.nth
        return (months.monthrange(day.year, day.month)[1] - day.day) // 7 + 1 == -self.nth


class Holidays(Frozen):
    """Public holidays of a country, by the package `holidays`; the moon's ones as well.

    Attributes:
        country: Two letters by ISO 3166, such as VN.
        subdivision: A province or state that has holidays of its own.
        names: Only these, as the package names them in the country's language or in English; all if none is given.
        days_before: How many days before each hold as well.
        days_after: How many days after each hold as well.
    """

    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
    subdivision: Annotated[str, Field(min_length=1, max_length=32)] | None = None
    names: Annotated[tuple[Label, ...], Field(max_length=MAX_HOLIDAYS)] = ()
    days_before: Annotated[StrictInt, Field(ge=0, le=MAX_DAYS_AROUND)] = 0
    days_after: Annotated[StrictInt, Field(ge=0, le=MAX_DAYS_AROUND)] = 0


class When(Frozen):
    """The lighting days of a rule: every key that is given must hold, in each of them one entry is enough.

    Attributes:
        dates: YYYY-MM-DD.
        ranges: YYYY-MM-DD..YYYY-MM-DD, both days included.
        yearly: MM-DD..MM-DD of every year, both days included, also over New Year; or one MM-DD.
        weekdays: mon, tue, wed, thu, fri, sat, sun.
        nth_weekday: Weekdays counted in their month.
        holidays: Public holidays and the days around them.
    """

    dates: Annotated[tuple[Day, ...], Field(max_length=MAX_DATES)] = ()
    ranges: Annotated[tuple[Range, ...], Field(max_length=MAX_RANGES)] = ()
    yearly: Annotated[tuple[Yearly, ...], Field(max_length=MAX_RANGES)] = ()
    weekdays: Annotated[tuple[Weekday, ...], Field(max_length=7)] = ()
    nth_weekday: Annotated[tuple[NthWeekday, ...], Field(max_length=MAX_RANGES)] = ()
    holidays: Annotated[tuple[Holidays, ...], Field(max_length=MAX_HOLIDAYS)] = ()

    @model_validator(mode="after")
    def _says_something(self) -> When:
        if not self.model_dump(exclude_defaults=True):
            told = "a rule without a condition would hide all rules after it: name its days, or use default"
            raise refused("when_empty", told)
        return self

    def holds(self, day: date, holiday_dates: Collection[date]) -> bool:
        """Return whether a lighting day fulfils it.

        Args:
            day: The date of its evening.
            holiday_dates: The days that `holidays` makes.
        """
        return (
            (not self.dates or day in self._dates)
            and (not self.ranges or any(first <= day <= last for first, last in self._ranges))
            and (not self.yearly or any(_in_year(day, first, last) for first, last in self._yearly))
            and (not self.weekdays or WEEKDAYS[day.weekday()] in self.weekdays)
            and (not self.nth_weekday or any(nth.holds(day) for nth in self.nth_weekday))
            and (not self.holidays or day in holiday_dates)
        )

    @cached_property
    def _dates(self) -> frozenset[date]:
        return frozenset(date.fromisoformat(text) for text in self.dates)

    @cached_property
    def _ranges(self) -> tuple[tuple[date, date], ...]:
        parts = (text.partition(_BETWEEN) for text in self.ranges)
        return tuple((date.fromisoformat(first.strip()), date.fromisoformat(last.strip())) for first, _, last in parts)

    @cached_property
    def _yearly(self) -> tuple[tuple[tuple[int, int], tuple[int, int]], ...]:
        ends = []
        for text in self.yearly:
            first, found, last = text.partition(_BETWEEN)
            begins, ended = _month_day(first.strip()), _month_day((last if found else first).strip())
            if begins is not None and ended is not None:
                ends.append((begins, ended))
        return tuple(ends)


def _in_year(day: date, first: tuple[int, int], last: tuple[int, int]) -> bool:
    here = (day.month, day.day)
    return first <= here <= last if first <= last else here >= first or here <= last
