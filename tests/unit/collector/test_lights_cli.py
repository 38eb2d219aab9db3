"""`collector lights` without a running collector: calendars are checked, previewed, drawn and compared."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import click
import pytest
from click.testing import CliRunner, Result

from collector.cli import lights_orders, lights_refusals, lights_texts, main
from collector.cli.lights_options import instant_of, seconds_of
from collector.cli.lights_view import circuits_told, show_status
from tests.unit.collector.lights_parts import NOW_MS

CALENDAR = """\
name: evening
levels: {100: [A, B], 67: [A]}
programs:
  - id: usual
    periods:
      - {on: sunset-10, off: "22:30"}
      - {on: "22:30", off: sunrise+5, level: 67}
  - {id: all, periods: [{on: sunset, off: sunrise}]}
rules:
  - {id: tet, exception: true, program: all, when: {holidays: [{country: VN, days_before: 1}]}}
default: usual
"""
CITY = {
    "city": "Pleiku",
    "place": {"latitude": 13.98, "longitude": 108.0, "timezone": "Asia/Ho_Chi_Minh"},
    "crews": [{"id": "night", "name": "Night"}],
}
ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    (tmp_path / "city.yaml").write_text(json.dumps(CITY), "utf-8")
    (tmp_path / "collector.yaml").write_text(json.dumps({"city_file": "city.yaml", "state_dir": "state"}), "utf-8")
    (tmp_path / "calendar.yaml").write_text(CALENDAR, "utf-8")

    def run_command(*arguments: str, language: str = "en") -> Result:
        given = [str(tmp_path / word) if word.endswith((".yaml", ".svg")) else word for word in arguments]
        config = ["--config", str(tmp_path / "collector.yaml")]
        return CliRunner().invoke(main, ["lights", *given, *config], env={"LAMPLIGHTER_LANG": language})

    return run_command


def test_a_right_calendar_is_told_with_the_hours_it_lights(run: Run) -> None:
    done = run("calendar", "check", "calendar.yaml")
    assert done.exit_code == 0, done.output
    hours = float(re.findall(r"lit (\d+) h", done.output)[0])
    # 4,334 h of dark a year in Pleiku, 10 minutes more in the evening, 5 in the morning.
    assert 4334 + 80 < hours < 4334 + 100
    assert "hợp lệ" in run("calendar", "check", "calendar.yaml", language="vi").output


def test_a_wrong_calendar_is_told_by_line_and_column(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "calendar.yaml"
    file.write_text(CALENDAR.replace("sunset-10", "sunsett").replace("default: usual", "default: none"), "utf-8")
    done = run("calendar", "check", "calendar.yaml")
    assert done.exit_code == 3
    assert f"{file}:6:14: " in done.output
    assert "no_time" not in done.output


def test_a_preview_is_a_line_a_night_and_exceptions_name_their_rule(run: Run) -> None:
    done = run("calendar", "preview", "calendar.yaml", "--from", "2027-02-02", "--nights", "5")
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert len(lines) == 6
    assert re.search(r"2027-02-02 +usual +17:\d\d-22:30 100 % +22:30-06:\d\d 67 %", lines[1])
    assert re.search(r"2027-02-04 +all \(tet\) +17:\d\d-06:\d\d 100 %", lines[3])


def test_a_picture_shows_every_night_its_levels_and_the_suns_curves(run: Run, tmp_path: Path) -> None:
    arguments = ("calendar", "preview", "calendar.yaml", "--from", "2027-01-01", "--nights", "400")
    done = run(*arguments, "--picture", "out.svg", "--json")
    assert done.exit_code == 0, done.output
    nights = json.loads(done.stdout)
    root = ET.fromstring((tmp_path / "out.svg").read_text("utf-8"))  # noqa: S314 - our own file
    shapes = list(root.iter())
    lit = [shape for shape in shapes if shape.get("fill") == "#ffd43b" and float(shape.get("y", "0")) < 1100]
    steps = sum(len(night["steps"]) for night in nights)
    # Beside the nights stand two levels of the legend.
    assert len(lit) in {steps, steps + 2}
    assert {shape.get("fill-opacity") for shape in lit} == {"1.00", "0.72"}
    curves = [shape for shape in shapes if shape.tag.endswith("polyline")]
    assert [len((curve.get("points") or "").split()) for curve in curves] == [400, 400]
    xs = [float(point.split(",")[0]) for point in (curves[0].get("points") or "").split()]
    # Sunset in Pleiku stands between 17:16 and 18:20: 38 pixels an hour from noon, 86 from the edge.
    assert 86 + 38 * 5.2 < min(xs) < max(xs) < 86 + 38 * 6.4
    assert max(abs(b - a) for a, b in pairwise(xs)) < 1


def test_two_calendars_are_compared_by_their_lines_and_by_their_nights(run: Run, tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text(CALENDAR.replace("days_before: 1", "days_before: 2"), "utf-8")
    done = run("calendar", "diff", "calendar.yaml", "other.yaml", "--nights", "365")
    assert done.exit_code == 1, done.output
    assert (
        "+  - {id: tet, exception: true, program: all, when: {holidays: [{country: VN, days_before: 2}]}}"
        in done.output
    )
    found = re.search(r"(\d+) of 365 nights differ", done.output)
    assert found is not None
    assert 0 < int(found[1]) < 12
    assert run("calendar", "diff", "calendar.yaml", "calendar.yaml").exit_code == 0


def test_without_a_collector_at_the_socket_the_command_says_so(run: Run) -> None:
    done = run("off", "--cabinet", "c-1", "--for", "2h", "--reason", "x")
    assert done.exit_code == 6
    assert "control.sock" in done.output


@pytest.mark.parametrize(
    "arguments",
    [
        ("on", "--cabinet", "c-1", "--reason", "x"),
        ("on", "--cabinet", "c-1", "--reason", "x", "--for", "1h", "--until", "22:00"),
        ("on", "--for", "1h", "--cabinet", "c-1"),
        ("level", "101", "--cabinet", "c-1", "--for", "1h", "--reason", "x"),
        ("permit", "open", "--cabinet", "c-1"),
    ],
)
def test_what_is_missing_is_wrong_usage(run: Run, arguments: tuple[str, ...]) -> None:
    assert run(*arguments).exit_code == 2


def test_times_are_those_of_the_city_and_the_next_ones() -> None:
    now = datetime.fromtimestamp(NOW_MS / 1000, UTC).astimezone(ZONE)
    assert f"{now:%Y-%m-%d %H:%M}" == "2026-12-31 20:00"

    def told(given: str) -> str:
        at_ms = instant_of(given, ZONE, NOW_MS)
        return f"{datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(ZONE):%Y-%m-%d %H:%M}"

    assert told("22:30") == "2026-12-31 22:30"
    assert told("5:00") == "2027-01-01 05:00"
    assert told("20:00") == "2027-01-01 20:00"
    assert told("2027-01-02T06:00") == "2027-01-02 06:00"
    assert told("2027-01-02T06:00+00:00") == "2027-01-02 13:00"
    assert [seconds_of(text) for text in ("90s", "30m", "2h", "1d")] == [90, 1800, 7200, 86_400]
    for wrong in ("25:00", "x", "22", ""):
        with pytest.raises(click.UsageError):
            instant_of(wrong, ZONE, NOW_MS)
    for wrong in ("2", "h", "0h", "-1h", "1w", "9999999h"):
        with pytest.raises(click.UsageError):
            seconds_of(wrong)


def test_circuits_are_told_by_what_is_wanted_and_what_is_proved() -> None:
    control = {"wanted_a": 1, "actual_a": 1, "wanted_b": 0, "actual_b": 0, "wanted_c": 1, "actual_c": 0, "wanted_d": 1}
    assert circuits_told(control) == "A+ B- C! D?"


def test_the_live_count_fits_into_80_by_24() -> None:
    answers = [
        {
            "gateway": f"gw-{number:03d}-with-a-long-name-of-a-street",
            "state": "failed" if number % 2 else "waiting",
            "reason": "did_not_open",
            "outcome": {"A": {"state": "failed", "cause": "did_not_open"}},
            "online": False,
        }
        for number in range(261)
    ]
    order = {
        "order": "0" * 26,
        "op": "override",
        "arguments": {"level": 67, "until": NOW_MS + 7_200_000},
        "timezone": "Asia/Ho_Chi_Minh",
        "now_ms": NOW_MS,
        "not_after_ms": NOW_MS + 600_000,
        "counts": dict.fromkeys(lights_orders._STATES, 7) | {"failed": 130},
        "answers": answers,
    }
    lines = lights_orders._live(order)
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80


def test_every_fixed_word_of_the_centre_has_a_text() -> None:
    shell = Path(lights_texts.__file__).parents[1] / "shell"
    codes = {
        code
        for name in ("order_requests", "want_requests", "control_requests", "command_service")
        for code in re.findall(r'Refused\(\s*"(\w+)"', (shell / f"{name}.py").read_text("utf-8"))
    }
    assert len(codes) > 15
    told_apart = {"unknown_names", "no_such_request"}
    missing = {code for code in codes - told_apart if f"no_{code}" not in lights_refusals.REFUSALS}
    assert missing == set()


def test_status_tells_what_stands_above_the_calendar_in_80_columns(capsys: pytest.CaptureFixture[str]) -> None:
    cabinet = {
        "id": "c-001",
        "street": "Đường Hùng Vương nối dài",
        "class": "lighting",
        "online": True,
        "at_ms": NOW_MS - 1000,
        "permit": None,
    }
    control = {"level": 67, "reason": "program", "next_change": NOW_MS + 3_600_000, "wanted_a": 1, "actual_a": 1}
    answer = {
        "timezone": "Asia/Ho_Chi_Minh",
        "now_ms": NOW_MS,
        "cabinets": [
            cabinet | {"control": control | {"reason_a": "program"}},
            cabinet | {"control": control | {"reason_a": "override by huong"}},
            cabinet | {"control": control | {"permit": True, "permit_by": "an", "reason_a": "permit"}},
            cabinet | {"control": control, "at_ms": NOW_MS - 600_000, "online": False},
        ],
    }
    show_status(answer)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    told = [re.split(r"  +", line) for line in lines[1:]]
    assert told[0][2:] == ["67 %", "program", "A+", "21:00"]
    assert told[1][2:4] == ["(67 %)", "override: huong"]
    assert told[2][2:4] == ["(67 %)", "work permit"]
    assert told[2][-1] == "permit: an"
    assert told[3][2:] == ["?", "away 10m"]
