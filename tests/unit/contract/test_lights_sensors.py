from __future__ import annotations

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from contract.lights import Calendar, DarkDayJudge, PhotocellJudge, Resolved, Sensors, plan, resolve, sun_table
from contract.lights.document import DarkDay, SensorRules
from contract.lights.sensing import SILENT_AFTER_S
from contract.lights.sun import dark_of
from contract.lights.sun_table import SunTable
from contract.state import Place

PLEIKU = Place(latitude=13.983, longitude=108.0, timezone="Asia/Ho_Chi_Minh")
TROMSO = Place(latitude=69.65, longitude=18.96, timezone="Europe/Oslo")
DAY = date(2026, 11, 24)
DARK, BRIGHT, STORM = Sensors(photocell_dark=True), Sensors(photocell_dark=False), Sensors(dark_day=True)
RULES = {"photocell_minutes": 30, "dark_day": {"level": 67}}
HOUR = 3600.0


def calendar(*periods: dict[str, Any], **keys: Any) -> Calendar:
    return Calendar.model_validate({"periods": periods, "sensors": RULES, **keys})


NIGHT = calendar({"on": "sunset-10", "off": "22:30"}, {"on": "22:30", "off": "sunrise+5", "level": 67, "dim": 50})
NIGHT_OF_DAY = dark_of(PLEIKU.latitude, PLEIKU.longitude, PLEIKU.timezone, DAY)
assert NIGHT_OF_DAY is not None
SUNSET_MS, SUNRISE_MS = NIGHT_OF_DAY.sunset_ms, NIGHT_OF_DAY.sunrise_ms
MINUTE = 60_000


def at(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Asia/Ho_Chi_Minh")).timestamp() * 1000)


def now(minutes: float, sensors: Sensors, written: Calendar = NIGHT) -> Resolved:
    """Return what holds so many minutes after sunset."""
    return resolve(written, PLEIKU, SUNSET_MS + round(minutes * MINUTE), sensors)


def test_a_dark_evening_lights_earlier_but_not_before_the_window() -> None:
    told = [(now(minutes, DARK).level, now(minutes, DARK).reason) for minutes in (-30.1, -30, -10.1, -10, 0)]
    assert told == [(0, "program"), (100, "photocell"), (100, "photocell"), (100, "program"), (100, "program")]


def test_a_bright_evening_lights_later_but_within_the_window() -> None:
    told = [(now(minutes, BRIGHT).level, now(minutes, BRIGHT).reason) for minutes in (-10.1, -10, 29.9, 30)]
    assert told == [(0, "program"), (0, "photocell"), (0, "photocell"), (100, "program")]
    assert now(-10, BRIGHT).until_ms == SUNSET_MS + 30 * MINUTE


def test_a_morning_ends_by_the_photocell_with_the_level_of_its_last_hours() -> None:
    def morning(minutes: float, sensors: Sensors) -> tuple[int, int | None, str]:
        told = resolve(NIGHT, PLEIKU, SUNRISE_MS + round(minutes * MINUTE), sensors)
        return told.level, told.dim, told.reason

    assert morning(-30.1, BRIGHT) == (67, 50, "program")
    assert morning(-30, BRIGHT) == (0, None, "photocell")
    assert morning(5, DARK) == (67, 50, "photocell")
    assert morning(29.9, DARK) == (67, 50, "photocell")
    assert morning(30, DARK) == (0, None, "program")


def test_the_photocell_moves_the_ends_of_periods_that_touch_and_are_alike() -> None:
    joined = calendar({"on": "sunset", "off": "22:00"}, {"on": "22:00", "off": "sunrise"})
    assert now(-20, DARK, joined).reason == "photocell"
    assert resolve(joined, PLEIKU, SUNRISE_MS + 20 * MINUTE, DARK).reason == "photocell"
    assert resolve(joined, PLEIKU, SUNRISE_MS - 20 * MINUTE, BRIGHT).level == 0


@pytest.mark.parametrize("sensors", [DARK, BRIGHT])
def test_the_photocell_moves_nothing_else(sensors: Sensors) -> None:
    fixed = calendar({"on": "17:30", "off": "05:00"})
    evening = calendar({"on": "sunset+45", "off": "sunrise-45"})
    without = calendar({"on": "sunset", "off": "sunrise"}, sensors=None)
    for written in (fixed, evening, without):
        for minutes in range(-60, 800, 7):
            assert now(minutes, sensors, written) == now(minutes, Sensors(), written)
    assert (now(400, sensors).level, now(400, sensors).reason) == (67, "program")


def test_the_photocell_leaves_another_period_alone() -> None:
    written = calendar({"on": "16:50", "off": "17:05"}, {"on": "sunset", "off": "22:00"})
    inside_ms = at("2026-11-24T17:00")
    assert abs(inside_ms - SUNSET_MS) < 30 * MINUTE
    assert resolve(written, PLEIKU, inside_ms, BRIGHT).level == 100
    assert resolve(written, PLEIKU, inside_ms, BRIGHT).reason == "program"


def test_bounds_hold_against_the_photocell_too() -> None:
    bounded = calendar({"on": {"at": "sunset-10", "not_before": "17:15", "not_after": "17:25"}, "off": "22:00"})
    assert resolve(bounded, PLEIKU, at("2026-11-24T17:14"), DARK).level == 0
    assert resolve(bounded, PLEIKU, at("2026-11-24T17:15"), DARK).level == 100
    assert resolve(bounded, PLEIKU, at("2026-11-24T17:24"), BRIGHT).level == 0
    assert resolve(bounded, PLEIKU, at("2026-11-24T17:25"), BRIGHT).level == 100


def test_a_dark_day_lights_between_sunrise_and_sunset_alone() -> None:
    day = [resolve(NIGHT, PLEIKU, at(f"2026-11-24T{clock}"), STORM) for clock in ("10:00", "12:00", "16:30")]
    assert {(told.level, told.dim, told.reason) for told in day} == {(67, None, "dark_day")}
    early = calendar({"on": "sunset", "off": "22:00"})
    assert resolve(early, PLEIKU, at("2026-11-24T23:00"), STORM).level == 0
    assert resolve(early, PLEIKU, SUNRISE_MS - 1, STORM).level == 0
    assert resolve(early, PLEIKU, SUNRISE_MS, STORM).level == 67
    assert resolve(early, PLEIKU, SUNSET_MS, STORM).level == 100


def test_sensors_change_no_exception() -> None:
    written = Calendar.model_validate(
        {
            "programs": [{"id": "a", "periods": [{"on": "sunset", "off": "sunrise"}]}, {"id": "b", "periods": []}],
            "rules": [{"id": "film", "program": "b", "when": {"dates": ["2026-11-24"]}, "exception": True}],
            "default": "a",
            "sensors": RULES,
        }
    )
    for sensors in (DARK, STORM):
        told = [resolve(written, PLEIKU, at(f"2026-11-24T{clock}"), sensors) for clock in ("13:00", "17:30", "23:00")]
        assert {(each.level, each.reason) for each in told} == {(0, "exception")}
    assert resolve(written, PLEIKU, at("2026-11-25T13:00"), STORM).reason == "dark_day"
    feast = written.model_copy(update={"rules": (written.rules[0].model_copy(update={"program": "a"}),)})
    for minutes in (-20, -1, 1, 20):
        for sensors in (DARK, BRIGHT):
            assert now(minutes, sensors, feast).level == now(minutes, Sensors(), feast).level


def test_in_polar_day_and_night_there_is_no_event_to_be_near_of() -> None:
    dusk = calendar({"on": "sunset", "off": "sunrise"})
    for text, level in (("2026-06-15T10:00:00+00:00", 0), ("2026-12-15T10:00:00+00:00", 100)):
        at_ms = round(datetime.fromisoformat(text).timestamp() * 1000)
        for minutes in range(0, 1440, 30):
            for sensors in (DARK, BRIGHT):
                assert resolve(dusk, TROMSO, at_ms + minutes * MINUTE, sensors).level == level
    june_ms = round(datetime.fromisoformat("2026-06-15T23:00:00+00:00").timestamp() * 1000)
    assert resolve(dusk, TROMSO, june_ms, STORM).reason == "dark_day"


def lux_judge(**rules: Any) -> DarkDayJudge:
    return DarkDayJudge(SensorRules(dark_day=DarkDay(), **rules))


def test_a_day_is_dark_after_three_minutes_and_bright_after_three() -> None:
    judge = lux_judge()
    assert judge.state(0) is None
    for second in range(0, 180, 10):
        judge.observe(15.0 + second / 1000, second)
        assert judge.state(second) is False
    judge.observe(15.5, 180)
    assert judge.state(180) is True
    for second in range(190, 400, 10):
        judge.observe(41.0 + second / 1000, second)
        assert judge.state(second) is (second < 370), second


def test_lux_between_the_limits_change_nothing_and_a_cloud_s_gap_begins_anew() -> None:
    judge = lux_judge()
    for second, lux in ((0, 30.0), (60, 10.0), (200, 25.0), (210, 12.0), (380, 11.0)):
        judge.observe(lux, second)
        assert judge.state(second) is False, second
    judge.observe(10.5, 391)
    assert judge.state(391) is True
    for second in range(400, 1000, 60):
        judge.observe(30.0 + second / 1e4, second)
        assert judge.state(second) is True


def test_a_gap_in_the_samples_proves_no_darkness() -> None:
    judge = lux_judge()
    judge.observe(10.0, 0)
    judge.observe(None, 100)
    assert judge.state(100) is None
    judge.observe(10.1, 200)
    assert judge.state(200) is False
    judge.observe(10.2, 380)
    assert judge.state(380) is True


def test_a_sensor_that_has_not_changed_for_a_day_is_ignored_until_it_changes() -> None:
    judge = PhotocellJudge(SensorRules())
    judge.observe(True, 0)
    for minute in range(1, 24 * 60 + 30, 10):
        judge.observe(True, minute * 60)
        assert judge.state(minute * 60) is (True if minute < 24 * 60 else None), minute
    judge.observe(False, 25 * HOUR)
    assert judge.state(25 * HOUR) is False


def test_a_silent_sensor_says_nothing() -> None:
    judge = PhotocellJudge(SensorRules())
    assert judge.state(0) is None
    judge.observe(True, 0)
    assert judge.state(SILENT_AFTER_S - 1) is True
    assert judge.state(SILENT_AFTER_S) is None
    judge.observe(True, SILENT_AFTER_S + 60)
    assert judge.state(SILENT_AFTER_S + 60) is True
    judge.observe(None, SILENT_AFTER_S + 120)
    assert judge.state(SILENT_AFTER_S + 120) is None


def test_a_lux_meter_in_place_of_a_photocell_judges_by_the_same_limits() -> None:
    judge = PhotocellJudge(SensorRules(dark_day=DarkDay(on_below_lux=10.0, off_above_lux=20.0, hold_s=60.0)))
    for second, lux in ((0, 30.0), (30, 9.0), (60, 8.0)):
        judge.observe(lux, second)
        assert judge.state(second) is False
    judge.observe(7.5, 90)
    assert judge.state(90) is True


def test_a_table_holds_its_days_and_refuses_what_cannot_be() -> None:
    table = sun_table(TROMSO, date(2026, 5, 1), 60)
    assert table.covers(date(2026, 6, 29))
    assert not table.covers(date(2026, 6, 30))
    assert not table.covers(date(2026, 4, 30))
    assert table.dark_of(date(2026, 6, 15)) is None
    with pytest.raises(IndexError):
        table.dark_of(date(2026, 6, 30))
    data = table.model_dump(mode="json")
    for rows in ([[5, 4, True, True]], [[1, 9, True, True], [3, 12, True, True]], [[1, 9, True, True]] * 801):
        with pytest.raises(ValueError, match=r"rise|at most"):
            SunTable.model_validate(data | {"rows": rows})


def test_before_and_past_its_table_the_sun_is_computed() -> None:
    short = sun_table(PLEIKU, date(2026, 11, 30), 3)
    assert plan(NIGHT, PLEIKU, DAY, 20, sun=short) == plan(NIGHT, PLEIKU, DAY, 20)


def test_a_table_that_was_kept_is_what_counts() -> None:
    table = sun_table(PLEIKU, DAY, 3)
    moved = [[row[0] + MINUTE, row[1], row[2], row[3]] for row in table.rows if row is not None]
    other = SunTable.model_validate(table.model_dump(mode="json") | {"rows": moved})
    ours, theirs = (plan(NIGHT, PLEIKU, DAY, 1, sun=each)[0].steps[0].start_ms for each in (table, other))
    assert theirs - ours == MINUTE
