"""The lights: calendars, and what they make of a time and a place. Pure; both sides mean the same by it."""

from contract.lights.document import Calendar, Rule, calendar_hash, lit_circuits
from contract.lights.holiday_dates import expand
from contract.lights.holiday_names import HolidaysError
from contract.lights.moments import Moment, Period, Program
from contract.lights.planning import Night, Step, plan
from contract.lights.resolving import Resolved, Sensors, lamps_due, next_change_ms, resolve
from contract.lights.sensing import DarkDayJudge, PhotocellJudge
from contract.lights.sun import elevation_degrees
from contract.lights.sun_table import TABLE_DAYS, SunTable, sun_table
from contract.lights.wall_time import Located, lighting_day

__all__ = [
    "TABLE_DAYS",
    "Calendar",
    "DarkDayJudge",
    "HolidaysError",
    "Located",
    "Moment",
    "Night",
    "Period",
    "PhotocellJudge",
    "Program",
    "Resolved",
    "Rule",
    "Sensors",
    "Step",
    "SunTable",
    "calendar_hash",
    "elevation_degrees",
    "expand",
    "lamps_due",
    "lighting_day",
    "lit_circuits",
    "next_change_ms",
    "plan",
    "resolve",
    "sun_table",
]
