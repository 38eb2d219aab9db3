"""Wall times as instants, and lighting days: noon to noon on the clock of a cabinet's wall."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final, Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from contract.lights.moments import DAY_S, NOON_S

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ANY_WINTER_DAY: Final = date(2026, 1, 1)
_GAP_S: Final = 2 * DAY_S
"""No zone ever skipped more than a day (Samoa, 30 December 2011)."""


MOST_HOURS_OFF_THE_SUN: Final = 5.0
"""A place beyond this is a slip: degrees with the wrong sign, or the zone of another country."""


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


def is_zone(name: str) -> bool:
    """Return whether the machine knows a time zone of this IANA name."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: a folder of zones, such as Asia
        return False
    return True


def hours_off_the_sun(place: Located) -> float:
    """Return how many hours the clock on the wall runs ahead of the mean sun in January, -12 to 12.

    The 418 places of the zone files have -2.1 to 2.3.
    """
    noon_ms = wall_ms(place.timezone, _ANY_WINTER_DAY, 0)
    sun_hours = (noon_ms / 3_600_000 + place.longitude / 15) % 24
    return 12 - sun_hours


def ms_of(moment: datetime) -> int:
    """Return milliseconds since 1970 UTC."""
    return (moment - EPOCH) // timedelta(milliseconds=1)


def lighting_day(zone: str, now_ms: int) -> date:
    """Return the lighting day of an instant: the date of its evening."""
    local = (EPOCH + timedelta(milliseconds=now_ms)).astimezone(ZoneInfo(zone))
    return local.date() if local.hour >= 12 else local.date() - timedelta(days=1)


@lru_cache(maxsize=8192)
def wall_ms(zone: str, day: date, after_noon_s: int) -> int:
    """Return a wall time of a lighting day as an instant; of a time that comes twice the first.

    A time that summer time skips is the first valid one after the gap, so that a period may shrink but never turns.

    Args:
        zone: IANA name.
        day: The lighting day.
        after_noon_s: Seconds that the wall's clock shows more than at the day's noon, 0 to 86,400.
    """
    info = ZoneInfo(zone)
    wall = datetime(day.year, day.month, day.day) + timedelta(seconds=NOON_S + after_noon_s)  # noqa: DTZ001 - the zone follows
    later = wall.replace(tzinfo=info).astimezone(UTC)
    if later.astimezone(info).replace(tzinfo=None) == wall:
        return ms_of(later)
    offset = later.astimezone(info).utcoffset()
    low, high = ms_of(later) - _GAP_S * 1000, ms_of(later)
    while high - low > 1:
        middle = (low + high) // 2
        if (EPOCH + timedelta(milliseconds=middle)).astimezone(info).utcoffset() == offset:
            high = middle
        else:
            low = middle
    return high
