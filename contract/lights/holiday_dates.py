"""The days that the holidays of a calendar's rules make, written into the calendar for those without the package."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final

from contract.lights.conditions import Holidays
from contract.lights.document import Calendar, Expanded, Rule
from contract.lights.holiday_names import named_holidays

EXPANDED_DAYS: Final = 500
"""How far ahead the centre writes the days of holidays: a gateway that is cut off for a year still knows Tet."""


def expand(calendar: Calendar, first_day: date, days: int = EXPANDED_DAYS) -> Calendar:
    """Return a calendar that carries the days of its holidays; one without holidays comes back as it is.

    Args:
        calendar: What was written.
        first_day: The first lighting day that is looked at.
        days: How many.

    Raises:
        HolidaysError: The package is not installed, or does not know a country or a name.
    """
    if not any(rule.when.holidays for rule in calendar.rules):
        return calendar
    last_day = first_day + timedelta(days=days - 1)
    dates = {
        rule.id: tuple(day.isoformat() for day in sorted(_days_of(rule, first_day, last_day)))
        for rule in calendar.rules
        if rule.when.holidays
    }
    expanded = Expanded(first=first_day.isoformat(), last=last_day.isoformat(), dates=dates)
    return calendar.model_copy(update={"expanded": expanded})


def _days_of(rule: Rule, first_day: date, last_day: date) -> set[date]:
    days: set[date] = set()
    for entry in rule.when.holidays:
        around = timedelta(days=entry.days_before + entry.days_after)
        for holiday in _holidays(entry, (first_day - around).year, (last_day + around).year):
            for offset in range(-entry.days_before, entry.days_after + 1):
                day = holiday + timedelta(days=offset)
                if first_day <= day <= last_day:
                    days.add(day)
    return days


def _holidays(entry: Holidays, first_year: int, last_year: int) -> Iterator[date]:
    named = named_holidays(entry.country, entry.subdivision, first_year, last_year)
    wanted = {name.casefold() for name in entry.names}
    for day, names in named.items():
        if not wanted or wanted & {name.casefold() for name in names}:
            yield day
