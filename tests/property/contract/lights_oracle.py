"""An oracle of the lights that shares nothing with contract/lights: the sun by ephem, days and hours by plain dates."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import ephem

from contract.state import Place

LIMB = "-0:34"
"""Mean refraction at the horizon; ephem itself knows how large the sun is on that day."""


@dataclass
class Sky:
    """The sun over one place, by ephem."""

    place: Place
    _days: dict[tuple[str, date], float | None] = field(default_factory=dict)

    def observer(self, at_s: float) -> ephem.Observer:
        observer = ephem.Observer()
        observer.lat, observer.lon = math.radians(self.place.latitude), math.radians(self.place.longitude)
        observer.pressure, observer.elevation, observer.horizon = 0, 0, LIMB
        observer.date = datetime.fromtimestamp(at_s, UTC).replace(tzinfo=None)
        return observer

    def above_limb(self, at_s: float) -> float:
        """Return how many degrees the upper limb stands above the refracted horizon."""
        sun = ephem.Sun(self.observer(at_s))
        return float(math.degrees(sun.alt) + sun.size / 2 / 3600 + 34 / 60)

    def event(self, which: str, day: date) -> float | None:
        """Return the sunset of a date, or the sunrise of the date after it, in s since 1970; None if it stays away."""
        if (which, day) not in self._days:
            self._days[which, day] = self._event(which, day)
        return self._days[which, day]

    def _event(self, which: str, day: date) -> float | None:
        noon = datetime(day.year, day.month, day.day, 12, tzinfo=ZoneInfo(self.place.timezone))
        if which == "sunrise":
            noon = noon + timedelta(hours=12)
        observer, sun = self.observer(noon.timestamp()), ephem.Sun()
        try:
            found = observer.next_setting(sun) if which == "sunset" else observer.next_rising(sun)
        except ephem.CircumpolarError:
            return None
        at_s = found.datetime().replace(tzinfo=UTC).timestamp()
        return at_s if at_s - noon.timestamp() < 86_400 else None

    def is_grazing(self, day: date, degrees: float = 2.0) -> bool:
        """Return whether the sun's lowest or highest on a lighting day lies so near the horizon."""
        midnight_s = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(self.place.timezone)).timestamp() + 86_400
        heights = [self.above_limb(midnight_s + 600 * step) for step in range(-72, 73)]
        return min(abs(min(heights)), abs(max(heights))) < degrees


Edge = Callable[[Sky, date], float | None]


def clock(text: str) -> Edge:
    hours, minutes = map(int, text.split(":"))

    def edge(sky: Sky, day: date) -> float:
        on = day if hours >= 12 else day + timedelta(days=1)
        wall = datetime(on.year, on.month, on.day, hours, minutes, tzinfo=ZoneInfo(sky.place.timezone))
        return wall.timestamp()

    return edge


def sun(which: str, minutes: int = 0, earliest: str | None = None, latest: str | None = None) -> Edge:
    def edge(sky: Sky, day: date) -> float | None:
        at_s = sky.event(which, day)
        if at_s is None:
            return None
        at_s += minutes * 60
        if earliest is not None:
            at_s = max(at_s, clock(earliest)(sky, day) or 0)
        if latest is not None:
            at_s = min(at_s, clock(latest)(sky, day) or 0)
        return at_s

    return edge


Program = list[tuple[Edge, Edge, int]]


def switches(sky: Sky, first: date, days: int, program_of: Callable[[date], Program]) -> Iterator[tuple[float, int]]:
    """Yield when the level changes and to what, in s since 1970; of days whose events all happen."""
    spans: list[tuple[float, float, int]] = []
    for offset in range(days):
        day = first + timedelta(days=offset)
        for on, off, level in program_of(day):
            begins, ends = on(sky, day), off(sky, day)
            if begins is not None and ends is not None and begins < ends:
                spans.append((begins, ends, level))
    level = 0
    for at_s in sorted({edge for begins, ends, _ in spans for edge in (begins, ends)}):
        holding = max((height for begins, ends, height in spans if begins <= at_s < ends), default=0)
        if holding != level:
            level = holding
            yield at_s, level
