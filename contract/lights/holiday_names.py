"""Public holidays by name, from the package `holidays`, which is imported only where a rule names some."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from typing import Final, LiteralString

from pydantic_core import PydanticCustomError

from contract.lights.conditions import Holidays

CHECKED_YEARS: Final = (2025, 2036)
"""A name must occur in one of these years: laws give holidays to some years and take them from others."""
_ENGLISH: Final = "en_US"
_LISTED: Final = 12


class HolidaysError(ValueError):
    """Holidays that cannot be looked up.

    Attributes:
        part: The key of the entry that is wrong, with the index of a name; empty for the whole.
        finding: What a model says of it: of the kind `holidays_missing`, `no_country`, `no_subdivision`, `no_holiday`.
    """

    def __init__(self, kind: LiteralString, message: str, part: tuple[int | str, ...] = (), **facts: str) -> None:
        super().__init__(message)
        self.part = part
        self.finding = PydanticCustomError(kind, "{told}", {"told": message, **facts})


def check(entry: Holidays) -> None:
    """Refuse holidays that the package does not know.

    Raises:
        HolidaysError: What is wrong, and where in the entry.
    """
    named = named_holidays(entry.country, entry.subdivision, *CHECKED_YEARS)
    known = {name for names in named.values() for name in names}
    folded = {name.casefold() for name in known}
    for index, name in enumerate(entry.names):
        if name.casefold() not in folded:
            names = "; ".join(_listed(known, name))
            message = f"no holiday '{name}' in {entry.country}; there are: {names}"
            raise HolidaysError("no_holiday", message, ("names", index), name=name, country=entry.country, names=names)


@lru_cache(maxsize=16)
def named_holidays(
    country: str, subdivision: str | None, first_year: int, last_year: int
) -> Mapping[date, frozenset[str]]:
    """Return the holidays of some years with their names in the country's language and in English.

    Raises:
        HolidaysError: The package is not installed, or does not know the country or its part.
    """
    try:
        import holidays  # noqa: PLC0415 - 20 MB of memory that a gateway without holidays does not need
    except ImportError as error:
        message = "holidays need the package 'holidays': pip install 'lamplighter[collector]'"
        raise HolidaysError("holidays_missing", message) from error
    years = range(first_year, last_year + 1)
    try:
        plain = holidays.country_holidays(country, subdiv=subdivision, years=years)
    except NotImplementedError as error:
        if subdivision is not None and country in holidays.list_supported_countries():
            known = ", ".join(holidays.list_supported_countries()[country]) or "-"
            message = f"no subdivision '{subdivision}' of {country}; there are: {known}"
            raise HolidaysError(
                "no_subdivision", message, ("subdivision",), name=subdivision, country=country, names=known
            ) from error
        message = f"no holidays are known of the country '{country}'"
        raise HolidaysError("no_country", message, ("country",), country=country) from error
    found: dict[date, frozenset[str]] = {}
    for language in {plain.default_language, _ENGLISH} & {*plain.supported_languages} or {None}:
        spoken = holidays.country_holidays(country, subdiv=subdivision, years=years, language=language)
        for day in spoken:
            found[day] = found.get(day, frozenset()) | frozenset(spoken.get_list(day))
    return found


def _listed(known: set[str], name: str) -> list[str]:
    """Return some names for whoever wrote one that is none: similar ones first, substitutes of one year left out."""
    plain = [each for each in known if "(" not in each]
    return sorted(plain, key=lambda each: (_bare(name) not in _bare(each), len(each), each))[:_LISTED]


def _bare(name: str) -> str:
    """Return a name without case and accents, as people type it in a hurry."""
    letters = unicodedata.normalize("NFD", name.casefold().replace("đ", "d"))
    return "".join(letter for letter in letters if not unicodedata.combining(letter))
