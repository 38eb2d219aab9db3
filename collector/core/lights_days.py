"""Lighting days, noon to noon on the wall of one zone, by their instants."""

from __future__ import annotations

from datetime import timedelta

from contract.lights.wall_time import lighting_day, wall_ms


class Days:
    """The lighting days of one time zone; the last two asked for are known without reckoning."""

    def __init__(self, zone: str) -> None:
        self._zone = zone
        self._known: list[tuple[int, int, str]] = []

    def of(self, at_ms: int) -> tuple[str, int]:
        """Return the lighting day of an instant: its ISO date and the ms of its noon."""
        for first_ms, end_ms, iso in self._known:
            if first_ms <= at_ms < end_ms:
                return iso, first_ms
        day = lighting_day(self._zone, at_ms)
        first_ms = wall_ms(self._zone, day, 0)
        end_ms = wall_ms(self._zone, day + timedelta(days=1), 0)
        self._known = [(first_ms, end_ms, day.isoformat()), *self._known][:2]
        return day.isoformat(), first_ms
