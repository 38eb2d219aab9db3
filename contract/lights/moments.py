"""Times of a lighting day as people write them, and the periods between them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Final, LiteralString, Self

from pydantic import BaseModel, ConfigDict, Field, StrictInt, model_validator
from pydantic_core import PydanticCustomError

MAX_OFFSET_MINUTES: Final = 360
DAY_S: Final = 86_400
NOON_S: Final = 43_200
NO_TIME: Final = "'{given}' is no time: write 18:45, sunset, sunset-10 or sunrise+5"

_CLOCK = re.compile(r"^([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?$")
_SUN = re.compile(r"^(sunset|sunrise)(?:\s*([+-])\s*(\d{1,3}))?$")
_ENDS: Final = {"noon": 0, "next-noon": DAY_S}
"""Where a lighting day begins and ends: lamps of an underpass burn from `noon` to `next-noon`."""


class Frozen(BaseModel):
    """The base of a calendar's parts; unknown keys are refused, since a rule that is not understood must not act."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy, with some fields changed; what was worked out from the old ones is left behind."""
        copied = super().model_copy(update=update, deep=deep)
        for name in [name for name in copied.__dict__ if name not in type(self).model_fields]:
            del copied.__dict__[name]
        return copied


def refused(kind: LiteralString, told: LiteralString, **facts: str | int) -> PydanticCustomError:
    """Return a finding whose kind lets the reader of a file say it in another language."""
    return PydanticCustomError(kind, told, facts)


def clock_seconds(text: str) -> int | None:
    """Return the seconds after midnight of "HH:MM[:SS]", None if it is none."""
    match = _CLOCK.match(text)
    if not match:
        return None
    hours, minutes, seconds = match.groups()
    return int(hours) * 3600 + int(minutes) * 60 + int(seconds or 0)


def after_noon(clock_s: int) -> int:
    """Return how many seconds of wall time lie between the lighting day's noon and a clock time."""
    return (clock_s - NOON_S) % DAY_S


class Moment(Frozen):
    """A time of the lighting day.

    Attributes:
        at: "HH:MM[:SS]" on the wall's clock; "sunset" or "sunrise" with minutes as in "sunset-10"; or "noon" and
            "next-noon", where the lighting day begins and ends.
        not_before: "HH:MM[:SS]" that a sun event never precedes.
        not_after: "HH:MM[:SS]" that a sun event never follows.
    """

    at: Annotated[str, Field(max_length=32)]
    not_before: str | None = None
    not_after: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        if isinstance(value, bool | int | float):
            raise refused("no_time", NO_TIME, given=str(value))
        return {"at": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _readable(self) -> Moment:
        sun = _SUN.match(self.at)
        if self.wall_s is None and not sun:
            raise refused("no_time", NO_TIME, given=self.at)
        if sun and int(sun.group(3) or 0) > MAX_OFFSET_MINUTES:
            told = "'{given}': at most {minutes} minutes from the sun's event"
            raise refused("far_from_sun", told, given=self.at, minutes=MAX_OFFSET_MINUTES)
        bounds = []
        for name, text in (("not_before", self.not_before), ("not_after", self.not_after)):
            if text is None:
                continue
            clock_s = clock_seconds(text)
            if clock_s is None:
                raise refused("bound_no_time", "{bound} '{given}' is no time: write 18:45", bound=name, given=text)
            bounds.append(after_noon(clock_s))
        if bounds and not sun:
            told = "not_before and not_after bound the sun's events; a fixed time needs none"
            raise refused("bounds_of_fixed_time", told)
        if len(bounds) == 2 and bounds[0] > bounds[1]:
            told = "not_before lies after not_after (the lighting day runs from noon to noon)"
            raise refused("bounds_crossed", told)
        return self

    @cached_property
    def wall_s(self) -> int | None:
        """Seconds of wall time after the lighting day's noon, None of a sun event."""
        if self.at in _ENDS:
            return _ENDS[self.at]
        clock_s = clock_seconds(self.at)
        return None if clock_s is None else after_noon(clock_s)

    @cached_property
    def sun(self) -> tuple[str, int] | None:
        """`sunset` or `sunrise` and the minutes after it, None of a time on the clock."""
        match = _SUN.match(self.at)
        if match is None:
            return None
        event, sign, minutes = match.groups()
        return event, int(f"{sign or '+'}{minutes or 0}")

    @cached_property
    def bounds_s(self) -> tuple[int | None, int | None]:
        """`not_before` and `not_after` in seconds of wall time after the lighting day's noon."""
        before, after = (
            None if text is None else after_noon(clock_seconds(text) or 0) for text in (self.not_before, self.not_after)
        )
        return before, after


class Period(Frozen):
    """Lamps are on from `on` up to, not including, `off`; where `on` is not before `off` they stay off.

    Attributes:
        on: When they go on; in short the text of `at`.
        off: When they go off; in short the text of `at`.
        level: Percent of the cabinet's light; where periods overlap the brighter one holds.
        dim: Percent that a circuit with a dimmer is set to; full if not set, and of no meaning to the others.
    """

    on: Moment
    off: Moment
    level: Annotated[StrictInt, Field(ge=1, le=100)] = 100
    dim: Annotated[StrictInt, Field(ge=1, le=100)] | None = None


Label = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]*$")]
"""What people call a calendar, a program or a rule; one line."""
MAX_PERIODS: Final = 32
Periods = Annotated[tuple[Period, ...], Field(max_length=MAX_PERIODS)]


class Program(Frozen):
    """What the lamps do on a lighting day.

    Attributes:
        id: Its name, shown beside what it switches.
        periods: Those that touch or overlap make one; none: the lamps stay dark.
    """

    id: Label
    periods: Periods
