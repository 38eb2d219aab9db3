"""What holds for all circuits: calendar and sensors while the time is known, and what is left when it is not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from contract.lights import (
    Calendar,
    DarkDayJudge,
    Located,
    PhotocellJudge,
    Resolved,
    Sensors,
    SunTable,
    lamps_due,
    lit_circuits,
    resolve,
)
from contract.lights.document import SensorRules
from edge_agent.core.lights.priority import Background, without_clock


@dataclass(frozen=True, slots=True, kw_only=True)
class GoingBy:
    """The calendar in force.

    Attributes:
        place: Where the cabinet stands.
        sun: The sun's times of that place; computed where it has none.
        rev: The revision of the want that brought it; 0: the gateway's own file.
        hash: SHA-256 in hex of what it goes by.
        problem: Why the own file is not used although it should be; None if it is, or need not be.
    """

    calendar: Calendar
    place: Located
    sun: SunTable | None = None
    rev: int = 0
    hash: str = ""
    problem: str | None = None


class Backdrop:
    """Decides for all circuits; times in seconds are of the boot clock."""

    def __init__(self, going: GoingBy, circuits: Sequence[str]) -> None:
        self.going = going
        self._circuits = tuple(circuits)
        self._rules = going.calendar.sensors or SensorRules()
        self._photocell = PhotocellJudge(self._rules)
        self._dark_day = DarkDayJudge(self._rules)

    def use(self, going: GoingBy) -> None:
        """Go by another calendar; what the sensors have said so far stays, unless they are judged otherwise now."""
        rules = going.calendar.sensors or SensorRules()
        if rules != self._rules:
            self._rules = rules
            self._photocell, self._dark_day = PhotocellJudge(rules), DarkDayJudge(rules)
        self.going = going

    def see_photocell(self, is_dark: bool | None, at_s: float) -> None:
        """Take what the photocell's contact says; None if its reading is BAD."""
        self._photocell.observe(is_dark, at_s)

    def see_lux(self, lux: float | None, at_s: float, *, is_photocell: bool) -> None:
        """Take what a lux meter says; where there is no photocell it tells dusk as well."""
        self._dark_day.observe(lux, at_s)
        if is_photocell:
            self._photocell.observe(None if lux is None else float(lux), at_s)

    def decide(
        self, now_ms: int | None, at_s: float, *, other_ms: int | None = None, waits: bool = False
    ) -> Background | None:
        """Return what holds now; None while a start waits for its clock.

        Args:
            now_ms: Milliseconds since 1970 UTC; None while no clock is to be trusted.
            at_s: The boot clock.
            other_ms: The time by a lesser source, such as a battery-backed clock; None if there is none.
            waits: Whether a clock may still come.
        """
        photocell_dark = self._photocell.state(at_s)
        if now_ms is None:
            if waits:
                return None
            if photocell_dark is not None or other_ms is None:
                return without_clock(photocell_dark=photocell_dark)
            now_ms = other_ms
        sensors = Sensors(photocell_dark=photocell_dark, dark_day=self._dark_day.state(at_s))
        going = self.going
        return _background(resolve(going.calendar, going.place, now_ms, sensors, going.sun))

    def lit(self, level: int) -> frozenset[str]:
        """Return the circuits that burn at a level."""
        return lit_circuits(self.going.calendar, level, self._circuits)

    def lamps_due(self, now_ms: int | None, background: Background) -> bool:
        """Return whether lamps should be on by the calendar alone; without a clock, as it is decided."""
        if now_ms is None:
            return background.level > 0
        return lamps_due(self.going.calendar, self.going.place, now_ms, self.going.sun) or background.level > 0


def _background(resolved: Resolved) -> Background:
    return Background(
        level=resolved.level,
        dim=resolved.dim,
        reason=resolved.reason,
        program=resolved.program,
        rule=resolved.rule or "",
        until_ms=resolved.until_ms,
    )
