"""What the lamps should do now: a pure function of time, calendar, place and sensors; nothing is remembered."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Final, Literal

from contract.lights.document import Calendar
from contract.lights.planning import Stretch, Where, brightest, is_planned, night_of, stretches_of
from contract.lights.sun_table import SunTable
from contract.lights.wall_time import Located, lighting_day, wall_ms

HORIZON_DAYS: Final = 400
"""How far the next change is looked for: past a year nothing new comes."""
ResolvedReason = Literal["program", "exception", "photocell", "dark_day", "default"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensors:
    """What light sensors say.

    Attributes:
        photocell_dark: Whether the photocell sees dusk; None: there is none, or it is not believed.
        dark_day: Whether a lux meter sees a dark day; None: there is none, or it is not believed.
    """

    photocell_dark: bool | None = None
    dark_day: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """What the lamps should do at a time, and why.

    Attributes:
        level: Percent of the cabinet's light; 0: off.
        dim: Percent for circuits with a dimmer; None: full, or off.
        reason: `exception` or `program`, by what rule the day's program was chosen; `photocell` or `dark_day` where a
            sensor changed it; `default` on days that the calendar has no program for.
        program: The id of the program.
        rule: The id of the rule that chose it; None: no rule did.
        until_ms: When this will change if the sensors stay as they are, milliseconds since 1970 UTC; None: not within
            400 days.
    """

    level: int
    dim: int | None
    reason: ResolvedReason
    program: str
    rule: str | None
    until_ms: int | None


_State = tuple[int, int | None, ResolvedReason, str, str | None]
_Piece = tuple[int, _State]
"""From this millisecond on this holds, up to the next piece."""
_NOTHING: Final = Sensors()


def resolve(
    calendar: Calendar, place: Located, now_ms: int, sensors: Sensors = _NOTHING, sun: SunTable | None = None
) -> Resolved:
    """Return what the lamps should do at a time.

    Whatever happened before does not count: a restart, the return of power or a step of the clock gives the state of
    the time that the clock shows now, and no edge is ever made up for.

    Args:
        calendar: With `expanded` holidays, or where the package `holidays` is installed.
        place: Where the cabinet stands.
        now_ms: Milliseconds since 1970 UTC.
        sensors: What the light sensors say.
        sun: The sun's times of that place; computed where it has none.
    """
    where = Where.of(place, sun)
    day = lighting_day(where.timezone, now_ms)
    state = _state_at(_pieces(calendar, where, day, sensors), now_ms)
    level, dim, reason, program, rule = state
    until_ms = _next_other(calendar, where, day, sensors, now_ms)
    return Resolved(level=level, dim=dim, reason=reason, program=program, rule=rule, until_ms=until_ms)


def lamps_due(calendar: Calendar, place: Located, now_ms: int, sun: SunTable | None = None) -> bool:
    """Return whether the calendar alone wants any lamp on at a time (ms since 1970 UTC)."""
    where = Where.of(place, sun)
    pieces = _pieces(calendar, where, lighting_day(where.timezone, now_ms), _NOTHING)
    return _state_at(pieces, now_ms)[0] > 0


def next_change_ms(calendar: Calendar, place: Located, now_ms: int, sun: SunTable | None = None) -> int | None:
    """Return when the calendar alone next changes level or dim after a time (ms since 1970 UTC).

    None: not within 400 days.
    """
    where = Where.of(place, sun)
    day = lighting_day(where.timezone, now_ms)
    light = _state_at(_pieces(calendar, where, day, _NOTHING), now_ms)[:2]
    for start_ms, state in _pieces(calendar, where, day, _NOTHING):
        if start_ms > now_ms and state[:2] != light:
            return start_ms
    return _first_light_other(calendar, where, day + timedelta(days=1), light)


def _state_at(pieces: tuple[_Piece, ...], now_ms: int) -> _State:
    return pieces[max(0, bisect_right(pieces, now_ms, key=lambda piece: piece[0]) - 1)][1]


def _next_other(calendar: Calendar, where: Where, day: date, sensors: Sensors, now_ms: int) -> int | None:
    pieces = _pieces(calendar, where, day, sensors)
    index = bisect_right(pieces, now_ms, key=lambda piece: piece[0])
    if index < len(pieces):
        return pieces[index][0]
    return _first_other(calendar, where, day + timedelta(days=1), sensors, pieces[-1][1])


@lru_cache(maxsize=64)
def _first_other(calendar: Calendar, where: Where, day: date, sensors: Sensors, state: _State) -> int | None:
    for offset in range(HORIZON_DAYS):
        for start_ms, other in _pieces(calendar, where, day + timedelta(days=offset), sensors):
            if other != state:
                return start_ms
    return None


@lru_cache(maxsize=64)
def _first_light_other(calendar: Calendar, where: Where, day: date, light: tuple[int, int | None]) -> int | None:
    for offset in range(HORIZON_DAYS):
        for start_ms, other in _pieces(calendar, where, day + timedelta(days=offset), _NOTHING):
            if other[:2] != light:
                return start_ms
    return None


@lru_cache(maxsize=256)
def _pieces(calendar: Calendar, where: Where, day: date, sensors: Sensors) -> tuple[_Piece, ...]:
    """Return what holds from noon to noon of a lighting day; neighbours differ, the first begins at noon."""
    days = [day + timedelta(days=offset) for offset in (-1, 0, 1)]
    stretches = brightest(stretch for each in days for stretch in stretches_of(calendar, where, each))
    daylight = _daylight(where, days)
    noon_ms, end_ms = wall_ms(where.timezone, day, 0), wall_ms(where.timezone, days[2], 0)
    edges = {edge for stretch in stretches for edge in _edges(stretch)} | {edge for span in daylight for edge in span}
    night, reason = night_of(calendar, day), _reason(calendar, day)
    off: _State = (0, None, reason, night.program, night.rule)
    pieces: list[_Piece] = []
    for at_ms in sorted({noon_ms} | {edge for edge in edges if noon_ms < edge < end_ms}):
        state = _state(calendar, stretches, daylight, sensors, at_ms, off)
        if not pieces or pieces[-1][1] != state:
            pieces.append((at_ms, state))
    return tuple(pieces)


def _reason(calendar: Calendar, day: date) -> ResolvedReason:
    if night_of(calendar, day).is_exception:
        return "exception"
    return "program" if is_planned(calendar, day) else "default"


def _daylight(where: Where, days: list[date]) -> list[tuple[int, int]]:
    """Return when the sun is up between the first of some days and the last, as far as it matters between them."""
    spans, first_ms = [], wall_ms(where.timezone, days[0], 0)
    for each in days:
        dark = where.dark(each)
        if dark is not None:
            spans.append((first_ms, dark.sunset_ms))
            first_ms = dark.sunrise_ms
    spans.append((first_ms, wall_ms(where.timezone, days[-1] + timedelta(days=1), 0)))
    return [(first, end) for first, end in spans if first < end]


def _edges(stretch: Stretch) -> set[int]:
    return {
        stretch.step.start_ms,
        stretch.step.end_ms,
        *(stretch.on_window or ()),
        *(stretch.off_window or ()),
    }


def _state(
    calendar: Calendar,
    stretches: tuple[Stretch, ...],
    daylight: list[tuple[int, int]],
    sensors: Sensors,
    at_ms: int,
    off: _State,
) -> _State:
    here = next((each for each in stretches if each.step.start_ms <= at_ms < each.step.end_ms), None)
    if sensors.photocell_dark is not None:
        moved = _moved(stretches, here, at_ms)
        if moved is not None and sensors.photocell_dark and here is None:
            return _lit(moved, "photocell")
        if moved is not None and not sensors.photocell_dark and here is not None:
            return 0, None, "photocell", here.night.program, here.night.rule
    if here is not None:
        return _lit(here, _reason(calendar, here.night.day))
    dark_day = calendar.sensors.dark_day if calendar.sensors is not None else None
    by_day = any(first <= at_ms < end for first, end in daylight)
    if dark_day is not None and sensors.dark_day and by_day and off[2] != "exception":
        return (dark_day.level, None, "dark_day", off[3], off[4])
    return off


def _lit(stretch: Stretch, reason: ResolvedReason) -> _State:
    return stretch.step.level, stretch.step.dim, reason, stretch.night.program, stretch.night.rule


def _moved(stretches: tuple[Stretch, ...], here: Stretch | None, at_ms: int) -> Stretch | None:
    """Return the stretch whose beginning or end the photocell decides at a time; of lit ones only that which burns."""
    for run in _runs(stretches):
        if here is not None and here not in run:
            continue
        for stretch, window in ((run[0], run[0].on_window), (run[-1], run[-1].off_window)):
            if window is not None and window[0] <= at_ms < window[1]:
                return stretch
    return None


def _runs(stretches: tuple[Stretch, ...]) -> list[list[Stretch]]:
    """Return stretches in groups that touch: the lamps do not go off within one."""
    runs: list[list[Stretch]] = []
    for stretch in stretches:
        if runs and runs[-1][-1].step.end_ms == stretch.step.start_ms:
            runs[-1].append(stretch)
        else:
            runs.append([stretch])
    return runs
