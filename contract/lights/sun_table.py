"""The sun's times of the next 400 lighting days, as a gateway keeps them on its disk."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import date, timedelta
from functools import cached_property
from typing import Annotated, Final

from pydantic import Field, StrictBool, StrictInt, model_validator

from contract.lights.conditions import Day
from contract.lights.moments import Frozen, refused
from contract.lights.sun import Dark, dark_of
from contract.lights.wall_time import Located

TABLE_DAYS: Final = 400
MAX_TABLE_DAYS: Final = 800
DarkRow = tuple[StrictInt, StrictInt, StrictBool, StrictBool]
"""Sunset and sunrise in milliseconds since 1970 UTC, whether the sun sets, whether it rises."""


class SunTable(Frozen):
    """Sunset and sunrise of one place.

    Attributes:
        latitude: Degrees north.
        longitude: Degrees east.
        timezone: IANA name of the wall's clock.
        first_day: The first lighting day.
        rows: One a lighting day; null where the sun stays up.
    """

    latitude: Annotated[float, Field(ge=-90, le=90)]
    longitude: Annotated[float, Field(ge=-180, le=180)]
    timezone: Annotated[str, Field(max_length=256)]
    first_day: Day
    rows: Annotated[tuple[DarkRow | None, ...], Field(max_length=MAX_TABLE_DAYS)]

    @model_validator(mode="after")
    def _rises(self) -> SunTable:
        last_ms = None
        for row in self.rows:
            if row is None:
                continue
            if row[0] >= row[1] or (last_ms is not None and row[0] < last_ms):
                raise refused("sun_table", "the sun's times must rise")
            last_ms = row[1]
        return self

    @cached_property
    def _first(self) -> date:
        return date.fromisoformat(self.first_day)

    @cached_property
    def _darks(self) -> tuple[Dark | None, ...]:
        return tuple(None if row is None else Dark(*row) for row in self.rows)

    @cached_property
    def digest(self) -> str:
        """SHA-256 in hex of its content."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    def __hash__(self) -> int:
        return hash(self.digest)

    def is_of(self, place: Located) -> bool:
        """Return whether it was made for a place."""
        return (self.latitude, self.longitude, self.timezone) == (place.latitude, place.longitude, place.timezone)

    def covers(self, day: date) -> bool:
        """Return whether it holds a lighting day."""
        return 0 <= (day - self._first).days < len(self.rows)

    def dark_of(self, day: date) -> Dark | None:
        """Return the dark of a lighting day that it covers; None where the sun stays up.

        Raises:
            IndexError: It does not cover that day.
        """
        if not self.covers(day):
            raise IndexError(f"the table holds no {day}")
        return self._darks[(day - self._first).days]


def sun_table(place: Located, first_day: date, days: int = TABLE_DAYS) -> SunTable:
    """Return the sun's times of a place for some lighting days.

    Args:
        place: Where and in which zone.
        first_day: The first lighting day.
        days: How many, at most 800.
    """
    return SunTable(
        latitude=place.latitude,
        longitude=place.longitude,
        timezone=place.timezone,
        first_day=first_day.isoformat(),
        rows=tuple(_rows(place, first_day, days)),
    )


def _rows(place: Located, first_day: date, days: int) -> Iterator[DarkRow | None]:
    for offset in range(days):
        dark = dark_of(place.latitude, place.longitude, place.timezone, first_day + timedelta(days=offset))
        yield None if dark is None else (dark.sunset_ms, dark.sunrise_ms, dark.sets, dark.rises)
