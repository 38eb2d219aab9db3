from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from config.errors import ConfigErrors
from config.language import ENVIRONMENT_VARIABLE, LANGUAGES, Language
from config.loader import load_text
from config.texts import TEXTS
from contract.codec import decode, encode
from contract.lights import Calendar, HolidaysError, Moment, Period, calendar_hash, expand, lit_circuits, plan, resolve
from contract.lights.conditions import When
from contract.lights.holiday_names import named_holidays
from contract.state import Place

PLEIKU = Place(latitude=13.983, longitude=108.0, timezone="Asia/Ho_Chi_Minh")
PROGRAMS = [
    {"id": "standard", "periods": [{"on": "18:00", "off": "05:00"}]},
    {"id": "feast", "periods": [{"on": "17:00", "off": "06:00"}]},
    {"id": "dark", "periods": []},
]
TET = {"country": "VN", "names": ["Tết Nguyên Đán"]}


def calendar(*rules: Mapping[str, Any], **keys: Any) -> Calendar:
    named = [{"id": f"r{number}", "program": "feast", **rule} for number, rule in enumerate(rules)]
    return Calendar.model_validate({"programs": PROGRAMS, "rules": named, "default": "standard", **keys})


def days_of(when: Mapping[str, Any], first: date = date(2026, 1, 1), days: int = 731) -> list[str]:
    """Return the days between 2026 and 2027 on which a rule holds."""
    nights = plan(calendar({"when": when}), PLEIKU, first, days)
    return [night.day.isoformat() for night in nights if night.rule == "r0"]


def at(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Asia/Ho_Chi_Minh")).timestamp() * 1000)


def test_dates_and_ranges_hold_from_their_first_to_their_last_day() -> None:
    assert days_of({"dates": ["2026-02-28", "2027-02-05"]}) == ["2026-02-28", "2027-02-05"]
    assert days_of({"ranges": ["2026-12-30..2027-01-02"]}) == ["2026-12-30", "2026-12-31", "2027-01-01", "2027-01-02"]
    assert days_of({"ranges": ["2026-03-01..2026-03-01"]}) == ["2026-03-01"]


def test_a_yearly_range_goes_over_new_year() -> None:
    held = days_of({"yearly": ["12-30..01-02"]})
    assert held == [
        *("2026-01-01", "2026-01-02", "2026-12-30", "2026-12-31"),
        *("2027-01-01", "2027-01-02", "2027-12-30", "2027-12-31", "2028-01-01"),
    ]
    assert days_of({"yearly": ["04-30"]}) == ["2026-04-30", "2027-04-30"]
    assert len(days_of({"yearly": ["05-16..06-30"]}, days=365)) == 16 + 30


def test_a_leap_day_comes_in_leap_years_alone() -> None:
    assert days_of({"yearly": ["02-29"]}, date(2027, 1, 1), 800) == ["2028-02-29"]
    assert days_of({"yearly": ["02-29..03-01"]}, date(2027, 1, 1), 500) == ["2027-03-01", "2028-02-29", "2028-03-01"]


def test_weekdays_are_those_of_the_evening() -> None:
    held = [date.fromisoformat(day) for day in days_of({"weekdays": ["sat", "sun"]}, days=70)]
    assert {day.isoweekday() for day in held} == {6, 7}
    assert len(held) == 20
    # Sunday 18 January 2026, two in the morning of Monday: still Sunday's night.
    rule = calendar({"when": {"weekdays": ["sun"]}})
    assert resolve(rule, PLEIKU, at("2026-01-19T02:00")).rule == "r0"
    assert resolve(rule, PLEIKU, at("2026-01-19T11:59")).rule == "r0"
    assert resolve(rule, PLEIKU, at("2026-01-19T12:00")).rule is None


@pytest.mark.parametrize(
    ("nth", "expected"),
    [
        (1, ["2026-03-01", "2026-10-04"]),
        (5, ["2026-03-29"]),
        (-1, ["2026-03-29", "2026-10-25"]),
        (-2, ["2026-03-22", "2026-10-18"]),
        (-5, ["2026-03-01"]),
    ],
)
def test_a_weekday_is_counted_from_either_end_of_its_month(nth: int, expected: list[str]) -> None:
    assert days_of({"nth_weekday": [{"nth": nth, "weekday": "sun", "months": [3, 10]}]}, days=365) == expected


def test_the_end_of_a_month_is_that_of_its_own_length() -> None:
    last = {"nth_weekday": [{"nth": -1, "weekday": "sat", "months": [2, 4]}]}
    assert days_of(last, days=365) == ["2026-02-28", "2026-04-25"]
    assert days_of(last, date(2028, 2, 1), 40) == ["2028-02-26"]


def test_every_key_must_hold_and_in_it_one_entry() -> None:
    held = days_of({"yearly": ["05-16..06-30", "12-24"], "weekdays": ["mon", "thu"]}, days=365)
    assert held[0] == "2026-05-18"
    assert held[-1] == "2026-12-24"
    assert len(held) == 6 + 7 + 1


def test_the_first_rule_that_holds_decides() -> None:
    rules = calendar(
        {"when": {"dates": ["2026-02-05"]}, "program": "dark"},
        {"when": {"weekdays": ["thu"]}, "exception": True},
        {"when": {"yearly": ["01-01..12-31"]}, "program": "standard"},
    )
    noon = "T20:00"
    told = [resolve(rules, PLEIKU, at(day + noon)) for day in ("2026-02-05", "2026-02-12", "2026-02-13")]
    assert [(now.rule, now.program, now.reason, now.level) for now in told] == [
        ("r0", "dark", "program", 0),
        ("r1", "feast", "exception", 100),
        ("r2", "standard", "program", 100),
    ]


def test_a_day_without_a_program_is_lit_from_dusk_to_dawn() -> None:
    gap = Calendar.model_validate(
        {"programs": PROGRAMS, "rules": [{"id": "w", "program": "dark", "when": {"weekdays": ["mon"]}}]}
    )
    monday, tuesday = (resolve(gap, PLEIKU, at(f"2026-01-{day}T23:00")) for day in (19, 20))
    assert (monday.level, monday.reason, monday.rule) == (0, "program", "w")
    assert (tuesday.level, tuesday.reason, tuesday.rule) == (100, "default", None)
    assert resolve(gap, PLEIKU, at("2026-01-20T14:00")).level == 0


@pytest.mark.parametrize("name", ["Tết Nguyên Đán", "tết nguyên đán", "Lunar New Year"])
def test_tet_follows_the_moon(name: str) -> None:
    when = {"holidays": [{"country": "VN", "names": [name], "days_before": 2, "days_after": 5}]}
    held = days_of(when, date(2026, 1, 1), 900)
    first_days = [day for day in held if (date.fromisoformat(day) - timedelta(days=1)).isoformat() not in held]
    # The first of the first month fell and falls on 17 February 2026, 6 February 2027 and 26 January 2028.
    assert first_days == ["2026-02-15", "2027-02-04", "2028-01-24"]
    assert len(held) == 3 * 8


def test_days_around_a_holiday_go_over_the_year_s_end() -> None:
    when = {"holidays": [{"country": "VN", "names": ["New Year's Day"], "days_before": 2}]}
    assert days_of(when, date(2026, 12, 1), 60) == ["2026-12-30", "2026-12-31", "2027-01-01"]
    when = {"holidays": [{"country": "ES", "subdivision": "MD", "names": ["Christmas Day"], "days_after": 8}]}
    assert days_of(when, date(2027, 1, 1), 30) == ["2027-01-01", "2027-01-02"]


def test_holidays_without_names_are_all_of_the_country() -> None:
    held = days_of({"holidays": [{"country": "VN"}]}, days=365)
    assert {"2026-01-01", "2026-02-17", "2026-04-30", "2026-05-01", "2026-09-02"} <= set(held)
    assert len(held) < 25


def test_an_expanded_calendar_means_the_same_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    written = calendar({"when": {"holidays": [{**TET, "days_before": 2, "days_after": 5}]}})
    carried = expand(written, date(2026, 11, 24))
    assert carried.expanded is not None
    assert (carried.expanded.first, carried.expanded.last) == ("2026-11-24", "2028-04-06")
    expected = plan(written, PLEIKU, date(2026, 11, 24), 500)
    named_holidays.cache_clear()
    monkeypatch.setitem(sys.modules, "holidays", None)
    received = decode(encode(carried), Calendar)
    assert received == carried
    assert plan(received, PLEIKU, date(2026, 11, 24), 500) == expected
    with pytest.raises(ValueError, match=r"lamplighter\[collector\]"):
        calendar({"when": {"holidays": [TET]}})
    with pytest.raises(HolidaysError):
        expand(received, date(2026, 11, 24))


def test_a_changed_copy_forgets_what_was_worked_out_of_the_old() -> None:
    written = calendar({"when": {"holidays": [TET]}})
    assert calendar_hash(written) == calendar_hash(written.model_copy())
    assert not written.holiday_dates
    carried = expand(written, date(2026, 11, 24))
    assert calendar_hash(carried) != calendar_hash(written)
    assert date(2027, 2, 6) in carried.holiday_dates["r0"]
    short = Calendar.model_validate({"periods": [{"on": "18:00", "off": "19:00"}]})
    assert resolve(short, PLEIKU, at("2026-11-24T18:30")).level == 100
    later = short.model_copy(update={"periods": (Period(on=Moment(at="20:00"), off=Moment(at="21:00")),)})
    assert resolve(later, PLEIKU, at("2026-11-24T18:30")).level == 0
    assert resolve(later, PLEIKU, at("2026-11-24T20:30")).level == 100


def test_a_calendar_without_holidays_is_not_expanded() -> None:
    plain = calendar({"when": {"weekdays": ["mon"]}})
    assert expand(plain, date(2026, 11, 24)) is plain


def test_the_package_is_loaded_only_for_a_rule_that_needs_it() -> None:
    code = (
        "import sys; from contract.lights import Calendar, resolve\n"
        "Calendar.model_validate({'periods': [{'on': 'sunset', 'off': 'sunrise'}]})\n"
        "print('holidays' in sys.modules)\n"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_the_short_form_hashes_as_the_long_one_and_content_counts() -> None:
    periods = [{"on": "sunset", "off": "sunrise"}]
    short = Calendar.model_validate({"program": "standard", "periods": periods})
    spelt = [{"on": {"at": "sunset"}, "off": {"at": "sunrise"}, "level": 100}]
    long = Calendar.model_validate({"programs": [{"id": "standard", "periods": spelt}], "default": "standard"})
    assert calendar_hash(short) == calendar_hash(long)
    # Written once and kept: a gateway of another version must come to the same.
    assert calendar_hash(short) == "e8c0181c7d27eec704697973227097be148a3127138a6fb53b10b436e74c3ac3"
    for changed in ({"name": "x"}, {"levels": {50: ["A"]}}, {"sensors": {"photocell_minutes": 10}}):
        other = Calendar.model_validate({"program": "standard", "periods": periods, **changed})
        assert calendar_hash(other) != calendar_hash(short)
        assert calendar_hash(decode(encode(other), Calendar)) == calendar_hash(other)


def test_levels_say_which_circuits_burn() -> None:
    thirds = calendar(levels={100: ["A", "B", "C"], 67: ["A", "B"], 33: ["A"]})
    circuits = ["A", "B", "C", "D"]
    lit = {level: "".join(sorted(lit_circuits(thirds, level, circuits))) for level in (0, 1, 33, 34, 67, 68, 100)}
    # D is named nowhere: it burns whenever anything does.
    assert lit == {0: "", 1: "AD", 33: "AD", 34: "ABD", 67: "ABD", 68: "ABCD", 100: "ABCD"}
    assert lit_circuits(calendar(), 5, circuits) == set(circuits)
    assert lit_circuits(calendar(levels={50: ["A"]}), 51, circuits) == set(circuits)


def test_levels_and_dim_are_steps_of_one_night() -> None:
    periods = [
        {"on": "18:00", "off": "22:00"},
        {"on": "22:00", "off": "23:00", "dim": 70},
        {"on": "23:00", "off": "05:00", "level": 67, "dim": 50},
    ]
    (night,) = plan(Calendar.model_validate({"levels": {67: ["A"]}, "periods": periods}), PLEIKU, date(2026, 11, 24), 1)
    assert [(step.level, step.dim) for step in night.steps] == [(100, None), (100, 70), (67, 50)]
    assert [step.end_ms for step in night.steps[:2]] == [step.start_ms for step in night.steps[1:]]
    now = resolve(Calendar.model_validate({"periods": periods}), PLEIKU, at("2026-11-24T22:30"))
    assert (now.level, now.dim, now.until_ms) == (100, 70, at("2026-11-24T23:00"))


HEAD = "programs: [{id: standard, periods: [{on: sunset, off: sunrise}]}]\n"
# The mark stands before what is wrong.
WRONG = (
    ("rules:\n  - {id: a, program: standard, when: {dates: [|2027-02-30]}}", "no_date"),
    ("rules:\n  - {id: a, program: standard, when: {dates: [|5.2.2027]}}", "no_date"),
    ("rules:\n  - {id: a, program: standard, when: {ranges: [|2027-01-02]}}", "no_range"),
    ("rules:\n  - {id: a, program: standard, when: {ranges: [|2027-01-02..2027-01-01]}}", "range_crossed"),
    ("rules:\n  - {id: a, program: standard, when: {yearly: [|02-30]}}", "no_yearly"),
    ("rules:\n  - {id: a, program: standard, when: {yearly: [01-01, |01-01..13-01]}}", "no_yearly"),
    ("rules:\n  - {id: a, program: standard, when: {nth_weekday: [{nth: |0, weekday: sun}]}}", "no_nth"),
    ("rules:\n  - {id: a, program: standard, when: |{}}", "when_empty"),
    ("rules:\n  - {id: a, program: |tet, when: {yearly: [02-01]}}", "no_program"),
    ("rules:\n  - {id: a, program: standard, when: {holidays: [{country: |XX}]}}", "no_country"),
    ("rules:\n  - {id: a, program: standard, when: {holidays: [{country: VN, names: [|Tet]}]}}", "no_holiday"),
    ("rules:\n  - {id: a, program: standard, when: {holidays: [{country: ES, subdivision: |XX}]}}", "no_subdivision"),
    ("default: |tet", "no_program"),
    ("levels: {100: |[A], 50: [A, B]}", "level_falls"),
    ("levels: {67: [A]}\nsensors: {dark_day: {level: |50}}", "no_level"),
    ("sensors: {dark_day: |{on_below_lux: 40}}", "lux_crossed"),
    ("expanded: {first: 2026-01-01, last: 2027-01-01, dates: {x: |[2026-01-02]}}", "no_rule"),
    ("periods: |[{on: sunset, off: sunrise}]", "calendar_both"),
)


@pytest.mark.parametrize(("written", "kind"), WRONG)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_mistake_is_told_at_its_place(
    written: str, kind: str, language: Language, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, language)
    before, _, after = (HEAD + written).partition("|")
    line, column = before.count("\n") + 1, len(before.rpartition("\n")[2]) + 1
    with pytest.raises(ConfigErrors) as caught:
        load_text(f"{before}{after}\n", Path("calendar.yaml"), Calendar)
    (problem,) = caught.value.problems
    assert (problem.line, problem.column) == (line, column)
    form = re.sub(r"\\{\w+\\}", ".+", re.escape(TEXTS.text(kind, language)))
    assert re.search(form, problem.message)


def test_all_mistakes_of_a_calendar_are_told_at_once() -> None:
    with pytest.raises(ConfigErrors) as caught:
        load_text(
            HEAD + "rules: [{id: a, program: x, when: {}}, {id: a, program: y, when: {}}]\n", Path("c.yaml"), Calendar
        )
    assert [problem.line for problem in caught.value.problems] == [2, 2]
    empty = "name: x\n"
    with pytest.raises(ConfigErrors) as caught:
        load_text(empty, Path("c.yaml"), Calendar)
    assert "periods" in caught.value.problems[0].message


def test_what_a_peer_may_choose_is_bounded() -> None:
    day = {"dates": ["2026-01-01"] * 401}
    for refused in (
        {"programs": PROGRAMS * 20},
        {"rules": [{"id": f"r{number}", "program": "dark", "when": {"yearly": ["01-01"]}} for number in range(65)]},
        {"rules": [{"id": "r", "program": "dark", "when": day}]},
        {"levels": {level: ["A"] for level in range(1, 18)}},
        {"name": "x" * 65},
    ):
        with pytest.raises(ValueError, match="at most"):
            Calendar.model_validate({"programs": PROGRAMS, "default": "dark", **refused})
    with pytest.raises(ValueError, match="at most"):
        Calendar.model_validate({"periods": [{"on": "sunset", "off": "sunrise"}] * 33})


def test_conditions_are_pure_of_the_day() -> None:
    when = When.model_validate({"holidays": [TET]})
    assert when.holds(date(2027, 2, 6), frozenset({date(2027, 2, 6)}))
    assert not when.holds(date(2027, 2, 6), frozenset())
    assert datetime.fromtimestamp(at("2027-02-06T00:00") / 1000, UTC).hour == 17
