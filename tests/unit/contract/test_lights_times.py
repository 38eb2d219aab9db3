from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from config.errors import ConfigErrors
from config.loader import load_text
from contract.lights import Calendar, lamps_due, next_change_ms, plan, resolve
from contract.state import Place

PLEIKU = Place(latitude=13.983, longitude=108.0, timezone="Asia/Ho_Chi_Minh")
BERLIN = Place(latitude=52.52, longitude=13.40, timezone="Europe/Berlin")
TROMSO = Place(latitude=69.65, longitude=18.96, timezone="Europe/Oslo")
DUSK_TO_DAWN = Calendar.model_validate({"periods": [{"on": "sunset", "off": "sunrise"}]})


def schedule(*periods: tuple[object, object]) -> Calendar:
    return Calendar.model_validate({"periods": [{"on": on, "off": off} for on, off in periods]})


def periods_of(calendar: Calendar, place: Place, day: date) -> tuple[tuple[int, int], ...]:
    (night,) = plan(calendar, place, day, 1)
    return tuple((step.start_ms, step.end_ms) for step in night.steps)


def at(place: Place, text: str, fold: int = 0) -> int:
    local = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(place.timezone), fold=fold)
    return round(local.timestamp() * 1000)


def wall(place: Place, at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, ZoneInfo(place.timezone)).strftime("%m-%d %H:%M")


def test_pleiku_sunset_of_the_domain_notes() -> None:
    for day, clock in ((date(2026, 11, 20), "17:16"), (date(2026, 7, 9), "18:20")):
        first, _ = periods_of(DUSK_TO_DAWN, PLEIKU, day)[0]
        assert abs(first - at(PLEIKU, f"{day}T{clock}:30")) <= 60_000
    for day, clock in ((date(2026, 6, 1), "05:19"), (date(2026, 1, 22), "06:16")):
        _, end = periods_of(DUSK_TO_DAWN, PLEIKU, day)[0]
        assert abs(end - at(PLEIKU, f"{day + timedelta(days=1)}T{clock}:00")) <= 60_000


def test_hours_before_noon_belong_to_the_morning_after() -> None:
    evening = schedule(("18:45", "22:00"), ("04:45", "05:30"))
    spans = periods_of(evening, PLEIKU, date(2026, 11, 23))
    assert [(wall(PLEIKU, a), wall(PLEIKU, b)) for a, b in spans] == [
        ("11-23 18:45", "11-23 22:00"),
        ("11-24 04:45", "11-24 05:30"),
    ]


def test_periods_are_half_open() -> None:
    evening = schedule(("18:45", "22:00"))
    assert not lamps_due(evening, PLEIKU, at(PLEIKU, "2026-11-23T18:45:00") - 1)
    assert lamps_due(evening, PLEIKU, at(PLEIKU, "2026-11-23T18:45:00"))
    assert lamps_due(evening, PLEIKU, at(PLEIKU, "2026-11-23T22:00:00") - 1)
    assert not lamps_due(evening, PLEIKU, at(PLEIKU, "2026-11-23T22:00:00"))


def test_on_not_before_off_stays_off() -> None:
    for on, off in (("22:00", "18:45"), ("19:00", "19:00"), ("05:00", "sunset")):
        backwards = schedule((on, off))
        assert periods_of(backwards, PLEIKU, date(2026, 11, 23)) == ()
        assert next_change_ms(backwards, PLEIKU, at(PLEIKU, "2026-11-23T13:00:00")) is None


def test_touching_and_overlapping_periods_make_one() -> None:
    joined = schedule(("18:00", "22:00"), ("22:00", "23:00"), ("22:30", "05:00"))
    ((first, end),) = periods_of(joined, PLEIKU, date(2026, 11, 23))
    assert (wall(PLEIKU, first), wall(PLEIKU, end)) == ("11-23 18:00", "11-24 05:00")
    assert next_change_ms(joined, PLEIKU, first) == end


def test_periods_that_touch_at_noon_make_no_glitch() -> None:
    around = schedule(("12:00", "11:59:59"), ("11:59:59", "11:59:59"), ("11:00", "11:59:59"))
    now = at(PLEIKU, "2026-11-23T11:59:59")
    assert not lamps_due(around, PLEIKU, now)
    assert next_change_ms(around, PLEIKU, now) == now + 1000
    assert next_change_ms(around, PLEIKU, now + 1000) == now + 86_400_000


def test_offsets_and_bounds_of_the_sun() -> None:
    day = date(2026, 11, 20)
    ((plain_on, plain_off),) = periods_of(DUSK_TO_DAWN, PLEIKU, day)
    ((on, off),) = periods_of(schedule(("sunset-10", "sunrise + 5")), PLEIKU, day)
    assert (on, off) == (plain_on - 600_000, plain_off + 300_000)
    bounded = schedule(({"at": "sunset", "not_before": "17:45"}, {"at": "sunrise", "not_after": "05:30"}))
    ((on, off),) = periods_of(bounded, PLEIKU, day)
    assert (wall(PLEIKU, on), wall(PLEIKU, off)) == ("11-20 17:45", "11-21 05:30")
    loose = schedule(({"at": "sunset", "not_before": "17:00", "not_after": "18:00"}, "sunrise"))
    assert periods_of(loose, PLEIKU, day) == ((plain_on, plain_off),)


def test_a_time_in_the_gap_of_summer_time_is_the_first_valid_one() -> None:
    # 29 March 2026, Berlin: 02:00 becomes 03:00.
    spans = periods_of(schedule(("20:00", "02:30")), BERLIN, date(2026, 3, 28))
    assert spans[0][1] == at(BERLIN, "2026-03-29T03:00:00")
    assert periods_of(schedule(("02:10", "02:50")), BERLIN, date(2026, 3, 28)) == ()


def test_a_time_that_comes_twice_is_the_first() -> None:
    # 25 October 2026, Berlin: 03:00 becomes 02:00.
    ((first, end),) = periods_of(schedule(("02:30", "03:30")), BERLIN, date(2026, 10, 24))
    assert first == at(BERLIN, "2026-10-25T02:30:00", fold=0)
    assert end - first == 2 * 3_600_000


def test_polar_summer_is_off_and_polar_night_is_on() -> None:
    june, december = at(TROMSO, "2026-06-15T01:00:00"), at(TROMSO, "2026-12-15T12:30:00")
    offset = schedule(("sunset+20", "sunrise-20"))
    for program in (DUSK_TO_DAWN, offset):
        assert not lamps_due(program, TROMSO, june)
        assert lamps_due(program, TROMSO, december)
    leaves_summer = next_change_ms(DUSK_TO_DAWN, TROMSO, june)
    leaves_night = next_change_ms(DUSK_TO_DAWN, TROMSO, december)
    assert leaves_summer is not None
    assert datetime.fromtimestamp(leaves_summer / 1000, UTC).strftime("%m") == "07"
    assert leaves_night is not None
    assert datetime.fromtimestamp(leaves_night / 1000, UTC).strftime("%Y-%m") == "2027-01"


def test_minutes_around_an_event_that_stays_away_open_no_gap_in_the_polar_night() -> None:
    shorter = schedule(("sunset+20", "sunrise-20"))
    begins_ms = at(TROMSO, "2026-12-08T00:00:00")
    assert next_change_ms(shorter, TROMSO, begins_ms) == next_change_ms(shorter, TROMSO, begins_ms + 10 * 86_400_000)
    assert all(lamps_due(shorter, TROMSO, begins_ms + minute * 60_000) for minute in range(0, 10 * 1440, 5))


def test_another_program_with_the_same_light_is_no_change_of_the_lamps() -> None:
    night = [{"on": "sunset", "off": "sunrise"}]
    two = Calendar.model_validate(
        {
            "programs": [{"id": "a", "periods": night}, {"id": "b", "periods": night}],
            "rules": [{"id": "even", "program": "a", "when": {"weekdays": ["mon", "wed", "fri", "sun"]}}],
            "default": "b",
        }
    )
    begins_ms = at(TROMSO, "2026-12-08T10:00:00")
    assert next_change_ms(two, TROMSO, begins_ms) == next_change_ms(DUSK_TO_DAWN, TROMSO, begins_ms)
    told = resolve(two, TROMSO, begins_ms)
    assert told.until_ms is not None
    assert told.until_ms - begins_ms < 86_400_000
    assert resolve(two, TROMSO, told.until_ms).program != told.program


def test_polar_summer_leaves_even_a_bounded_sunset_off() -> None:
    bounded = schedule(({"at": "sunset", "not_after": "22:00"}, "23:30"))
    assert periods_of(bounded, TROMSO, date(2026, 6, 15)) == ()


def test_a_schedule_file_tells_every_mistake_with_its_line() -> None:
    text = (
        "program: standard\n"
        "periods:\n"
        "  - on: sunsett\n"
        "    off: 25:00\n"
        "  - on: {at: sunset, not_before: 19:00, not_after: 18:00}\n"
        "    off: {at: 05:00, not_after: 06:00}\n"
        "    of: 1\n"
    )
    with pytest.raises(ConfigErrors) as caught:
        load_text(text, Path("schedule.yaml"), Calendar)
    lines = [(problem.line, problem.message) for problem in caught.value.problems]
    assert [line for line, _ in lines] == [3, 4, 5, 6, 7]
    assert "write 18:45, sunset, sunset-10" in lines[0][1]
    assert "did you mean 'off'" in lines[4][1]


def test_clock_times_in_yaml_need_no_quotes() -> None:
    read = load_text("periods:\n  - {on: 18:45, off: 22:00:30}\n", Path("s.yaml"), Calendar)
    assert read.all_programs[0].periods[0].off.at == "22:00:30"
