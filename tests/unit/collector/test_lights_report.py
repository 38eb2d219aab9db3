"""A month's report: sums, savings, CSV and chart, and the commands that show them."""

from __future__ import annotations

import csv
import json
import math
import xml.etree.ElementTree as ET
from datetime import date, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from collector.cli.lights_report import relamp, report
from collector.core.lights_chart import chart, nice_top
from collector.core.lights_engine import Saved
from collector.core.lights_inventory import groups_of
from collector.core.lights_report import COLUMNS, NightEnergy, Standing, csv_rows, month_report, standing_of
from collector.core.lights_summary import NightSummary
from collector.core.lights_watch import GroupWatch
from collector.shell.lights_store import LightsStore, read_nights
from config.city import City
from tests.unit.collector.lights_gateway import CABINET, city_of

DAYS = [date(2026, 11, 1) + timedelta(days=number) for number in range(30)]


def night(day: date, energy_wh: float | None = 30_000.0, **facts: object) -> NightSummary:
    given: dict[str, object] = {
        "day": day.isoformat(),
        "energy_wh": energy_wh,
        "plan_wh": 31_000.0,
        "full_wh": 45_000.0,
        "burning": {"A": 660, "B": 660, "C": 270},
        "planned": {"A": 660, "B": 660, "C": 270},
        "switchings": {"A": 1, "B": 1, "C": 1},
        "due": 660,
    }
    return NightSummary(**(given | facts))  # type: ignore[arg-type] # a table of parts


def two_wards() -> City:
    city = city_of()
    other = city.cabinets[0].model_copy(update={"id": "c-2", "name": "=C-2", "ward": "v"})
    post = other.model_copy(update={"id": "c-3", "cabinet_class": "traffic_signal", "circuits": ()})
    return city.model_copy(update={"cabinets": (city.cabinets[0], other, post)})


def test_savings_compare_only_nights_whose_energy_was_measured() -> None:
    nights = [night(DAYS[0]), night(DAYS[1], None, unlit=30, unknown=12), night(DAYS[2], 36_000.0)]
    made = month_report(city_of(), {CABINET: nights}, {CABINET: Standing(2, {"A": 0.8})}, DAYS)
    sums = made.total
    assert (sums.nights, sums.measured, sums.lamps, sums.lamps_out) == (3, 2, 24, 2)
    assert sums.energy_kwh == pytest.approx(66)
    assert sums.plan_kwh == pytest.approx(62)
    assert sums.saved_kwh == pytest.approx(24)
    assert sums.saved_share == pytest.approx(24 / 90)
    assert sums.of_plan == pytest.approx(66 / 62)
    assert sums.burning_h == pytest.approx(3 * 26.5)
    assert (sums.unlit_min, sums.unknown_min, sums.switchings) == (30, 12, 9)
    assert [(each.energy_kwh, each.measured, each.cabinets) for each in made.nights[:4]] == [
        (30.0, 1, 1),
        (0.0, 0, 1),
        (36.0, 1, 1),
        (0.0, 0, 0),
    ]


def test_wards_add_up_to_the_total_and_posts_are_none_of_it() -> None:
    city = two_wards()
    nights = {CABINET: [night(DAYS[0])], "c-2": [night(DAYS[0], 10_000.0)], "c-3": [night(DAYS[0])]}
    made = month_report(city, nights, {}, DAYS)
    assert [each.cabinet.id for each in made.cabinets] == [CABINET, "c-2"]
    assert {ward: sums.energy_kwh for ward, sums in made.wards.items()} == {"w": 30.0, "v": 10.0}
    assert made.total.energy_kwh == 40.0
    assert month_report(city, nights, {}, DAYS, "v").total.energy_kwh == 10.0


def test_nights_of_another_month_are_left_out() -> None:
    made = month_report(city_of(), {CABINET: [night(date(2026, 10, 31)), night(DAYS[0])]}, {}, DAYS)
    assert made.total.nights == 1


def test_the_csv_has_one_line_for_each_cabinet_circuit_and_ward_and_no_formula() -> None:
    nights = {CABINET: [night(DAYS[0])], "c-2": [night(DAYS[0], 60_000.0)]}
    head, *lines = csv_rows(month_report(two_wards(), nights, {}, DAYS), "2026-11", {"w": "Ward"})
    assert head == ["month", *COLUMNS]
    assert all(len(line) == len(head) for line in lines)
    rows = [dict(zip(head, line, strict=True)) for line in lines]
    assert [row["scope"] for row in rows] == ["cabinet", *["circuit"] * 3] * 2 + ["ward", "ward", "total"]
    assert rows[4]["name"] == "'=C-2"
    # Waste is a negative saving, and a number.
    assert rows[4]["saved_kwh"] == "-15.00"
    assert rows[1]["burning_h"] == "11.00"


def test_what_was_not_measured_is_empty_and_not_zero() -> None:
    made = month_report(city_of(), {CABINET: [night(DAYS[0], None)]}, {}, DAYS)
    head, first, *_ = csv_rows(made, "2026-11", {})
    row = dict(zip(head, first, strict=True))
    assert (row["energy_kwh"], row["saved_percent"], row["nights"]) == ("", "", "1")


def test_the_chart_is_an_svg_with_a_bar_a_measured_night() -> None:
    nights = [NightEnergy(day, 30.0 + day.day, 31.0, 45.0, 2, day.day % 3) for day in DAYS]
    root = ET.fromstring(chart(nights, "Phường <Đống Đa> & 11/2026", lambda key: f"<{key}>"))  # noqa: S314 - our own text
    name = "{http://www.w3.org/2000/svg}"
    bars = [rect for rect in root.iter(f"{name}rect") if rect.find(f"{name}title") is not None]
    assert len(bars) == sum(1 for each in nights if each.measured)
    assert all(float(bar.attrib["height"]) > 0 for bar in bars)
    assert root.findtext(f"{name}title") == "Phường <Đống Đa> & 11/2026"
    # Broken where nothing was measured: two lines in ten pieces each.
    assert len(list(root.iter(f"{name}polyline"))) == 20


def test_the_scale_ends_just_above_the_greatest_night() -> None:
    assert [nice_top(value) for value in (0, 0.9, 1, 1.1, 2.4, 26, 51, 100.1)] == [1, 1, 1, 2, 2.5, 50, 100, 200]


def test_an_empty_month_is_a_chart_too() -> None:
    ET.fromstring(chart([NightEnergy(day) for day in DAYS], "", str))  # noqa: S314 - our own text


# -- the store and the commands -------------------------------------------------------------------------------------


@pytest.fixture
def config(tmp_path: Path) -> Path:
    city = tmp_path / "city.yaml"
    city.write_text(city_of().model_dump_json(exclude_defaults=True), "utf-8")
    file = tmp_path / "collector.yaml"
    file.write_text(f"city_file: city.yaml\nstate_dir: {tmp_path}\n", "utf-8")
    return file


def keep(folder: Path, nights: list[NightSummary]) -> None:
    store = LightsStore(folder)
    cabinet = city_of().cabinets[0]
    watch = GroupWatch.of(groups_of(cabinet)[0])
    watch.out.lamps = 2
    for number in range(7):
        watch.model.close_night(f"{number}", "A", [(0.0, math.log(0.8 * 8 * 170))] * 12, 1 / 8)
    state = {"watches": {"A": watch.dump()}}
    assert standing_of(cabinet, state).base_shares["A"] == pytest.approx(0.8)
    store.save([Saved(CABINET, state, {each.day: ({"noon": 0}, each) for each in nights})])
    store.close()


def test_what_was_saved_is_read_again_and_old_minutes_go_before_old_nights(tmp_path: Path) -> None:
    nights = [night(DAYS[0]), night(DAYS[29])]
    keep(tmp_path, nights)
    assert read_nights(tmp_path, DAYS[0], DAYS[29] + timedelta(days=1)).nights == {CABINET: nights}
    store = LightsStore(tmp_path)
    store.prune(DAYS[0] + timedelta(days=60))
    assert store.day(CABINET, nights[0].day) is None
    assert store.day(CABINET, nights[1].day) == {"noon": 0}
    assert len(read_nights(tmp_path, DAYS[0], date(2027, 1, 1)).nights[CABINET]) == 2
    store.prune(DAYS[0] + timedelta(days=1110))
    assert read_nights(tmp_path, DAYS[0], date(2027, 1, 1)).nights[CABINET] == [nights[1]]
    store.close()


def test_report_shows_writes_and_draws(config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(tmp_path, [night(day) for day in DAYS])
    csv_file, svg = tmp_path / "r.csv", tmp_path / "r.svg"
    arguments = ["--month", "2026-11", "--config", str(config), "--csv", str(csv_file), "--chart", str(svg)]
    monkeypatch.setenv("LAMPLIGHTER_LANG", "en")
    shown = CliRunner().invoke(report, arguments)
    assert shown.exit_code == 0, shown.output
    assert "24 (~2)" in shown.output
    assert "900.0" in shown.output
    assert "33.3 %" in shown.output
    assert "C-1, circuit A: draws 80 % of its nameplates: old lamps" in shown.output
    with csv_file.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert rows[0]["energy_kwh"] == "900.00"
    assert [row["base_percent"] for row in rows[1:4]] == ["80.00", "", ""]
    assert "November 2026, Pleiku" in svg.read_text("utf-8")
    monkeypatch.setenv("LAMPLIGHTER_LANG", "vi")
    shown = CliRunner().invoke(report, [*arguments, "--ward", "Ward"])
    assert "TIẾT KIỆM" in shown.output
    assert "tháng 11/2026, Ward, Pleiku" in svg.read_text("utf-8")


def test_report_as_json_has_the_rows_of_the_csv(config: Path, tmp_path: Path) -> None:
    keep(tmp_path, [night(DAYS[0])])
    shown = CliRunner().invoke(report, ["--month", "2026-11", "--config", str(config), "--json"])
    rows = json.loads(shown.stdout)["rows"]
    assert rows[-1]["scope"] == "total"
    assert rows[-1]["saved_kwh"] == "15.00"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--month", "11/2026"], 2, "is no month"),
        (["--month", "2026-13"], 2, "is no month"),
        (["--month", "2026-11", "--ward", "x"], 1, "no ward 'x'; there are: w"),
        (["--month", "2026-11"], 1, "nothing is known of 2026-11"),
        (["--month", "2026-11", "--csv", "/nowhere/x.csv"], 1, "cannot be written"),
    ],
)
def test_report_says_what_is_wrong(
    config: Path, tmp_path: Path, arguments: list[str], code: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAMPLIGHTER_LANG", "en")
    keep(tmp_path, [])
    shown = CliRunner().invoke(report, [*arguments, "--config", str(config)])
    assert shown.exit_code == code
    assert words in shown.output


def test_report_before_any_run_says_so(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMPLIGHTER_LANG", "en")
    shown = CliRunner().invoke(report, ["--month", "this", "--config", str(config)])
    assert shown.exit_code == 1
    assert "no collector has watched lights" in shown.output


def test_relamp_is_written_down_once_for_circuits_that_there_are(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAMPLIGHTER_LANG", "en")
    common = ["--by", "huong", "--config", str(config)]
    shown = CliRunner().invoke(relamp, ["--cabinet", CABINET, *common])
    assert "no collector has watched lights" in shown.output
    assert list(tmp_path.glob("lights.db*")) == []
    LightsStore(tmp_path).close()
    shown = CliRunner().invoke(relamp, ["--cabinet", CABINET, "--circuit", "B", *common])
    assert shown.exit_code == 0, shown.output
    store = LightsStore(tmp_path)
    waiting = store.relampings()
    assert [(each.cabinet, each.circuits, each.by) for each in waiting] == [(CABINET, ("B",), "huong")]
    store.taken((), waiting[0].id)
    assert store.relampings() == []
    store.close()
    shown = CliRunner().invoke(relamp, ["--cabinet", CABINET, "--circuit", "Z", *common])
    assert "no circuit 'Z'; there are: A, B, C" in shown.output
    shown = CliRunner().invoke(relamp, ["--cabinet", "c-9", *common])
    assert "no cabinet 'c-9'" in shown.output
