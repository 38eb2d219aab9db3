"""The lighting schedule as a pure function of time and place.

It stands in the contract because both sides must mean the same: the agent switches by it, and the collector
evaluates it for a gateway that is silent. A lighting day runs from noon to noon on the wall's clock.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Any, Final, LiteralString, Protocol
from zoneinfo import ZoneInfo

from astral import Observer
from astral.sun import elevation, eq_of_time
from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

SUNSET_ELEVATION_DEGREES: Final = -0.833
"""The upper limb on a flat horizon with mean refraction: 34' + 16'."""
MAX_OFFSET_MINUTES: Final = 360
HORIZON_DAYS: Final = 400
"""How far `next_change_ms` looks: past a year nothing new comes."""

NO_TIME: Final = "'{given}' is no time: write 18:45, sunset, sunset-10 or sunrise+5"

_CLOCK = re.compile(r"^([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?$")
_SUN = re.compile(r"^(sunset|sunrise)(?:\s*([+-])\s*(\d{1,3}))?$")
_DAY_MS: Final = 86_400_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NOON_S: Final = 43_200


class Located(Protocol):
    """Where the lamps stand: degrees (WGS 84) and the IANA zone of the clock on the wall."""

    @property
    def latitude(self) -> float:
        """Degrees north."""

    @property
    def longitude(self) -> float:
        """Degrees east."""

    @property
    def timezone(self) -> str:
        """IANA name."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


def _refused(kind: LiteralString, told: LiteralString, **facts: str | int) -> PydanticCustomError:
    """Return a finding whose kind lets the reader of a file say it in another language."""
    return PydanticCustomError(kind, told, facts)


def _clock_seconds(text: str) -> int | None:
    """Return the seconds after midnight of "HH:MM[:SS]", None if it is none."""
    match = _CLOCK.match(text)
    if not match:
        return None
    hours, minutes, seconds = match.groups()
    return int(hours) * 3600 + int(minutes) * 60 + int(seconds or 0)


def _after_noon(clock_s: int) -> int:
    """Return how many seconds of wall time lie between the lighting day's noon and a clock time."""
    return (clock_s - _NOON_S) % 86_400


class Moment(_Frozen):
    """A time of the lighting day: "HH:MM[:SS]", or "sunset" or "sunrise" with minutes as in "sunset-10".

    Attributes:
        not_before: "HH:MM[:SS]" that it never precedes.
        not_after: "HH:MM[:SS]" that it never follows.
    """

    at: str
    not_before: str | None = None
    not_after: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        if isinstance(value, bool | int | float):
            raise _refused("no_time", NO_TIME, given=str(value))
        return {"at": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _readable(self) -> Moment:
        sun = _SUN.match(self.at)
        if _clock_seconds(self.at) is None and not sun:
            raise _refused("no_time", NO_TIME, given=self.at)
        if sun and int(sun.group(3) or 0) > MAX_OFFSET_MINUTES:
            told = "'{given}': at most {minutes} minutes from the sun's event"
            raise _refused("far_from_sun", told, given=self.at, minutes=MAX_OFFSET_MINUTES)
        bounds = []
        for name, text in (("not_before", self.not_before), ("not_after", self.not_after)):
            if text is None:
                continue
            clock_s = _clock_seconds(text)
            if clock_s is None:
                raise _refused("bound_no_time", "{bound} '{given}' is no time: write 18:45", bound=name, given=text)
            bounds.append(_after_noon(clock_s))
        if bounds and not sun:
            told = "not_before and not_after bound the sun's events; a fixed time needs none"
            raise _refused("bounds_of_fixed_time", told)
        if len(bounds) == 2 and bounds[0] > bounds[1]:
            told = "not_before lies after not_after (the lighting day runs from noon to noon)"
            raise _refused("bounds_crossed", told)
        return self


class Period(_Frozen):
    """Lamps are on from `on` up to, not including, `off`; where `on` is not before `off` they stay off."""

    on: Moment
    off: Moment


class Schedule(_Frozen):
    """One program.

    Attributes:
        program: Its name, shown beside what it switches.
        periods: Those that touch or overlap make one.
    """

    program: Annotated[str, Field(min_length=1, max_length=64)] = "default"
    periods: Annotated[tuple[Period, ...], Field(max_length=32)]

    @model_validator(mode="after")
    def _not_empty(self) -> Schedule:
        # A bound of the field would also speak of every file whose periods have mistakes of their own.
        if not self.periods:
            raise _refused("no_period", "a schedule needs at least one period")
        return self


Span = tuple[int, int]
"""[first, end) in milliseconds since 1970 UTC."""
_Where = tuple[float, float, str]


def lamps_due(schedule: Schedule, place: Located, now_ms: int) -> bool:
    """Return whether the schedule wants the lamps on at a time (ms since 1970 UTC)."""
    where = _where(place)
    spans = _spans_around(schedule, where, _lighting_day(where[2], now_ms))
    index = bisect_right(spans, (now_ms, 1 << 62)) - 1
    return index >= 0 and now_ms < spans[index][1]


def next_change_ms(schedule: Schedule, place: Located, now_ms: int) -> int | None:
    """Return when `lamps_due` next changes after a time (ms since 1970 UTC); None: not within 400 days."""
    where = _where(place)
    day = _lighting_day(where[2], now_ms)
    due = lamps_due(schedule, place, now_ms)
    for first, end in _spans_around(schedule, where, day):
        edge = end if due else first
        # The end of the outer days may be continued by a day that is not in view yet.
        if edge > now_ms and edge < _local_ms(where[2], day + timedelta(days=1), _NOON_S):
            return edge
    return _first_edge(schedule, where, day + timedelta(days=1), due)


def periods_of(schedule: Schedule, place: Located, lighting_day: date) -> tuple[Span, ...]:
    """Return when lamps are on by one lighting day's periods, merged and rising (ms since 1970 UTC).

    In a polar night the first begins, or the last ends, at solar noon, where the neighbouring day continues it.
    """
    return _spans_of(schedule, _where(place), lighting_day)


def _where(place: Located) -> _Where:
    return (place.latitude, place.longitude, place.timezone)


def _ms(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def _lighting_day(zone: str, now_ms: int) -> date:
    local = (_EPOCH + timedelta(milliseconds=now_ms)).astimezone(ZoneInfo(zone))
    return local.date() if local.hour >= 12 else local.date() - timedelta(days=1)


@lru_cache(maxsize=64)
def _spans_around(schedule: Schedule, where: _Where, day: date) -> tuple[Span, ...]:
    """Return the merged spans of a lighting day and its two neighbours."""
    return _merged([span for offset in (-1, 0, 1) for span in _spans_of(schedule, where, day + timedelta(days=offset))])


@lru_cache(maxsize=64)
def _first_edge(schedule: Schedule, where: _Where, day: date, due: bool) -> int | None:
    """Return the first change from `due` at or after the noon of a lighting day."""
    for offset in range(HORIZON_DAYS):
        today = day + timedelta(days=offset)
        noon_ms = _local_ms(where[2], today, _NOON_S)
        end_ms = _local_ms(where[2], today + timedelta(days=1), _NOON_S)
        for first, end in _spans_around(schedule, where, today):
            edge = end if due else first
            if noon_ms <= edge < end_ms:
                return edge
    return None


@lru_cache(maxsize=2048)
def _spans_of(schedule: Schedule, where: _Where, day: date) -> tuple[Span, ...]:
    night = _night(where, day)
    spans = []
    for period in schedule.periods:
        first = _instant_ms(period.on, where, day, night)
        end = _instant_ms(period.off, where, day, night)
        if first is not None and end is not None and first < end:
            spans.append((first, end))
    return _merged(spans)


def _merged(spans: list[Span]) -> tuple[Span, ...]:
    merged: list[Span] = []
    for first, end in sorted(spans):
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((first, end))
    return tuple(merged)


def _instant_ms(moment: Moment, where: _Where, day: date, night: _Night | None) -> int | None:
    """Return when a moment falls in a lighting day; None where it needs a night and the sun stays up."""
    clock_s = _clock_seconds(moment.at)
    if clock_s is not None:
        return _wall_ms(where[2], day, clock_s)
    sun = _SUN.match(moment.at)
    if night is None or sun is None:
        return None
    event, sign, minutes = sun.groups()
    event_ms, happens = night.sunset if event == "sunset" else night.sunrise
    # Without a sunset the night began at solar noon or before: minutes around it would open a gap there.
    offset_ms = int(f"{sign or '+'}{minutes or 0}") * 60_000 if happens else 0
    result = event_ms + offset_ms
    if moment.not_before:
        result = max(result, _wall_ms(where[2], day, _clock_seconds(moment.not_before) or 0))
    if moment.not_after:
        result = min(result, _wall_ms(where[2], day, _clock_seconds(moment.not_after) or 0))
    return result


def _wall_ms(zone: str, day: date, clock_s: int) -> int:
    """Return a clock time of a lighting day: from noon on it lies on the day, before noon on the next."""
    return _local_ms(zone, day if clock_s >= _NOON_S else day + timedelta(days=1), clock_s)


@lru_cache(maxsize=4096)
def _local_ms(zone: str, day: date, clock_s: int) -> int:
    """Return a wall time as an instant; the first of two in a fold, the first valid one after a gap."""
    info = ZoneInfo(zone)
    wall = datetime(day.year, day.month, day.day) + timedelta(seconds=clock_s)  # noqa: DTZ001 - the zone follows
    later = wall.replace(tzinfo=info).astimezone(UTC)
    if later.astimezone(info).replace(tzinfo=None) == wall:
        return _ms(later)
    before = later - timedelta(days=2)
    offset = later.astimezone(info).utcoffset()
    low, high = _ms(before), _ms(later)
    while high - low > 1:
        middle = (low + high) // 2
        if (_EPOCH + timedelta(milliseconds=middle)).astimezone(info).utcoffset() == offset:
            high = middle
        else:
            low = middle
    return high


class _Night:
    """The dark around one solar midnight; each end is (ms, whether the sun's event really happens there)."""

    __slots__ = ("sunrise", "sunset")

    def __init__(self, sunset: tuple[int, bool], sunrise: tuple[int, bool]) -> None:
        self.sunset = sunset
        self.sunrise = sunrise


def _night(where: _Where, day: date) -> _Night | None:
    """Return the night of a lighting day; None where the sun stays up.

    The sun's own elevation decides, since near the poles events are missing, or lie past midnight or noon.
    """
    latitude, longitude, zone = where
    observer = Observer(latitude, longitude, 0.0)
    midnight_ms = _local_ms(zone, day + timedelta(days=1), 0)
    # Solar midnights are numbered so that a noon between two of them belongs to both.
    number = round((midnight_ms + longitude * 240_000) / _DAY_MS)
    middle_ms = _solar_ms(longitude, number)
    if _elevation(observer, middle_ms) >= SUNSET_ELEVATION_DEGREES:
        return None
    return _Night(
        _edge_of_dark(observer, middle_ms, _solar_ms(longitude, number - 0.5)),
        _edge_of_dark(observer, middle_ms, _solar_ms(longitude, number + 0.5)),
    )


def _solar_ms(longitude: float, number: float) -> int:
    """Return a solar midnight (whole numbers) or noon (halves), counted from 1970 at Greenwich."""
    mean_ms = number * _DAY_MS - longitude * 240_000
    centuries = (mean_ms / _DAY_MS + 2_440_587.5 - 2_451_545.0) / 36_525.0
    return round(mean_ms - eq_of_time(centuries) * 60_000)


def _elevation(observer: Observer, at_ms: int) -> float:
    degrees: float = elevation(observer, _EPOCH + timedelta(milliseconds=at_ms), with_refraction=False)
    return degrees


def _edge_of_dark(observer: Observer, dark_ms: int, noon_ms: int) -> tuple[int, bool]:
    """Return where the dark ends between solar midnight and a noon, and whether it does; to the second."""
    if _elevation(observer, noon_ms) < SUNSET_ELEVATION_DEGREES:
        return noon_ms, False
    light_ms = noon_ms
    while abs(light_ms - dark_ms) > 250:
        middle_ms = (light_ms + dark_ms) // 2
        if _elevation(observer, middle_ms) < SUNSET_ELEVATION_DEGREES:
            dark_ms = middle_ms
        else:
            light_ms = middle_ms
    return round(light_ms / 1000) * 1000, True
