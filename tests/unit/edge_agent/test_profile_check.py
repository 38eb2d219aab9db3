"""`edge-agent profile`: mistakes with their places, doubts, what a poll costs, and the pages of what there is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from config.language import cells
from config.loader import load_text
from config.profile import ModbusProfile, load_profile, shipped_profiles
from drivers.modbus.plan import plan_reads
from edge_agent.cli.commands import edge_agent
from edge_agent.cli.exit_codes import ExitCode
from edge_agent.cli.words import TEXTS
from edge_agent.core.poll_cost import cost_of, costs_of
from edge_agent.core.profile_review import review
from edge_agent.core.unit_spelling import SCALED, STORED, spelt

HEAD = """\
profile: mine
version: "1"
device_class: meter
en: My meter
vi: Công tơ của tôi
source: {manual: m, page: "1", origin: composed, verified_by: manual}
"""


def profile_of(body: str) -> ModbusProfile:
    return load_text(HEAD + body, Path("mine.yaml"), ModbusProfile)


def keys_of(body: str) -> list[tuple[str, str]]:
    return [(doubt.severity, doubt.key) for doubt in review(profile_of(body)) if doubt.key != "no_probe"]


def point(key: str, address: int, kind: str = "uint16", more: str = "", unit: str = "V") -> str:
    return (
        f"  - {{key: {key}, en: name {key}, vi: tên {key}, unit: '{unit}', "
        f"table: holding, address: {address}, type: {kind}{more}}}\n"
    )


@pytest.mark.parametrize("name", shipped_profiles())
def test_no_shipped_profile_leaves_a_doubt(name: str) -> None:
    assert [doubt for doubt in review(load_profile(name)) if doubt.severity != "note"] == []


def test_a_poll_costs_what_its_frames_take() -> None:
    cost = cost_of(profile_of("points:\n" + point("a", 0, "float32") + point("b", 2, "float32")).points, LIMITS)
    # One request of 8 bytes; unit, function, byte count, 8 bytes of data, CRC; twice 3.5 characters of silence.
    assert (cost.points, cost.requests, cost.sent_bytes, cost.received_bytes) == (2, 1, 8, 13)
    assert cost.bus_ms(9600) == pytest.approx((8 + 13 + 7) * 10 / 9.6)


LIMITS = profile_of("points:\n" + point("a", 0)).limits


def test_the_cost_counts_classes_companions_and_bits() -> None:
    costs = costs_of(
        profile_of(
            "points:\n"
            + point("a", 0, more=", poll: fast")
            + point("b", 1, more=", poll: slow")
            + point("far", 100, more=", quality: {address: 500, good: [1]}")
            + "  - {key: k, en: k, vi: k, table: coil, address: 0, type: bool, poll: fast}\n"
            + "  - {key: m, en: m, vi: m, table: coil, address: 9, type: bool, poll: fast}\n"
        )
    )
    assert {name: (cost.points, cost.requests) for name, cost in costs.items()} == {
        "fast": (3, 2),
        "normal": (1, 2),
        "slow": (1, 1),
        "all": (5, 4),
    }
    # Ten coils are two bytes; one register two.
    assert costs["fast"].received_bytes == 5 + 2 + 5 + 2


@pytest.mark.parametrize("name", [name for name in shipped_profiles() if isinstance(load_profile(name), ModbusProfile)])
def test_the_cost_of_shipped_profiles_is_that_of_their_plan(name: str) -> None:
    profile = load_profile(name)
    assert isinstance(profile, ModbusProfile)
    if any(one.companions for one in profile.points):
        return
    assert costs_of(profile)["all"].requests == len(plan_reads(profile.points, profile.limits))


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (point("a", 0) + point("b", 1), []),
        (point("a", 0, "uint32") + point("b", 1), [("warning", "overlap")]),
        (point("a", 0) + point("b", 0), [("warning", "same_registers")]),
        (point("a", 0, more=", bits: [0, 3]") + point("b", 0, more=", bits: [4, 7]"), []),
        (point("a", 0, more=", bits: [0, 3]") + point("b", 0, more=", bits: [3, 7]"), [("warning", "same_registers")]),
        (point("a", 0) + point("b", 0, more=", bits: [3, 7]"), []),
        ("  - {key: a, en: a b, vi: a b, table: coil, address: 0, type: bool}\n", [("warning", "not_translated")]),
        ("  - {key: a, en: pH, vi: pH, table: input, address: 0, type: uint16}\n", []),
        ("  - {key: a, en: ' ', vi: b, table: input, address: 0, type: uint16}\n", [("warning", "no_name")]),
        (point("a", 0, unit="kW"), [("warning", "unit_scaled")]),
        (point("a", 0, unit="KWH"), [("warning", "unit_scaled")]),
        (point("a", 0, unit="degC"), [("warning", "unit_spelling")]),
        (point("a", 0, unit="μS/cm"), [("warning", "unit_spelling")]),
        (point("a", 0, unit="furlong"), [("warning", "unit_unknown")]),
    ],
)  # fmt: skip
def test_each_doubt_has_its_case(body: str, wanted: list[tuple[str, str]]) -> None:
    assert keys_of("points:\n" + body) == wanted


@pytest.mark.parametrize(
    ("limits", "key"),
    [("{max_registers: 1}", "too_wide"), ("{forbidden: [[holding, 1, 5]]}", "forbidden")],
)
def test_a_point_that_no_request_can_fetch_is_an_error(limits: str, key: str) -> None:
    doubts = review(profile_of(f"limits: {limits}\npoints:\n" + point("a", 0, "float32")))
    assert [(doubt.severity, doubt.key, doubt.location) for doubt in doubts][:1] == [
        ("error", key, ("points", 0, "address"))
    ]


@pytest.mark.parametrize(
    ("probe", "more", "wanted"),
    [
        ("{point: a, low: 1, high: 9}", "", []),
        ("{point: a, low: 0, high: 65535}", "", ["probe_empty"]),
        ("{point: a, low: 0, high: 6553.5}", ", scale: 0.1", ["probe_empty"]),
        ("{point: a, low: 0, high: 65535}", ", high: 300", ["probe_zero"]),
        ("{point: a, low: -40, high: 85}", "", ["probe_zero"]),
        ("{point: a, low: -40, high: 85, inconclusive: [0]}", "", []),
        ("{point: a, low: -40, high: 85, also: [{point: b, low: 5, high: 6}]}", "", []),
        ("{point: b, low: 5, high: 6, also: [{point: a, low: 0, high: 65535}]}", "", ["probe_empty"]),
    ],
)
def test_a_probe_that_proves_nothing_is_told(probe: str, more: str, wanted: list[str]) -> None:
    doubts = review(profile_of(f"probe: {probe}\npoints:\n" + point("a", 0, more=more) + point("b", 1)))
    assert [doubt.key for doubt in doubts] == wanted


@pytest.mark.parametrize(
    ("want", "wanted"),
    [("6.5", []), ("6.55", ["setup_value"]), ("7000", ["setup_value"])],
)
def test_a_setting_that_its_register_cannot_hold_is_an_error(want: str, wanted: list[str]) -> None:
    body = f"setup: [{{point: a, want: {want}, en: w, vi: s}}]\npoints:\n" + point("a", 0, more=", scale: 0.1")
    doubts = [doubt for doubt in review(profile_of(body)) if doubt.severity == "error"]
    assert [doubt.key for doubt in doubts] == wanted
    assert {doubt.location for doubt in doubts} <= {("setup", 0, "want")}


def test_units_are_spelt_one_way() -> None:
    for unit in [*STORED, *SCALED]:
        assert spelt(unit) == unit
    for stored, factor in SCALED.values():
        assert stored in STORED
        assert float(factor) > 0


def run(*arguments: str, language: str = "en") -> tuple[int, str]:
    result = CliRunner(env={"LAMPLIGHTER_LANG": language}).invoke(edge_agent, ["profile", *arguments])
    return result.exit_code, result.stdout


BROKEN = (
    HEAD.replace('version: "1"', "version: 1")
    + "probe: {point: z, low: 1, high: 2}\npoints:\n"
    + point("a", 0, "uint61")
)


def test_every_mistake_of_a_file_is_told_with_its_place(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(BROKEN, "utf-8")
    for language, word in (("en", "must be a text"), ("vi", "phải là văn bản")):
        code, output = run("check", str(file), language=language)
        assert code == ExitCode.CONFIG
        places = [line.split(" ", 1)[0] for line in output.splitlines()]
        assert places[:1] == [f"{file}:2:10:"]
        assert len(places) == 2
        assert places[1].startswith(f"{file}:9:")
        assert word in output.splitlines()[0]
        assert "uint61" in output.splitlines()[1]


def test_doubts_stand_at_their_places_and_leave_1(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(
        HEAD
        + "points:\n  - key: a\n    en: a\n    vi: b\n    unit: kW\n"
        + "    table: input\n    address: 1\n    type: int16\n",
        "utf-8",
    )
    code, output = run("check", str(file))
    assert code == ExitCode.FINDING
    first, second, *_ = output.splitlines()
    assert first.startswith(f"{file}:11:11: warning: values are stored in W")
    assert second.startswith(f"{file}:1:1: note: there is no probe")
    code, output = run("check", str(file), "--json")
    found = json.loads(output)
    assert (code, found["ok"], found["profile"]) == (ExitCode.FINDING, False, "mine")
    assert (found["findings"][0]["line"], found["findings"][0]["column"]) == (11, 11)
    assert found["polls"]["all"] == {
        "points": 1,
        "requests": 1,
        "sent_bytes": 8,
        "received_bytes": 7,
        "bus_ms": round(22 * 10 / 9.6, 1),
    }


@pytest.mark.parametrize("name", shipped_profiles())
def test_every_shipped_profile_checks_and_shows(name: str) -> None:
    code, output = run("check", name)
    assert (code, "error" in output) == (ExitCode.OK, False)
    code, output = run("show", name, language="vi")
    profile = load_profile(name)
    assert code == ExitCode.OK
    assert profile.vi in output.splitlines()[0]
    assert all(any(line.startswith(spec.key) for line in output.splitlines()) for spec in profile.specs)
    code, output = run("show", name, "--json")
    shown: dict[str, Any] = json.loads(output)
    assert [one["key"] for one in shown["points"]] == [spec.key for spec in profile.specs]


def test_the_list_names_every_profile() -> None:
    code, output = run("list")
    assert (code, [line.split()[0] for line in output.splitlines()[1:]]) == (ExitCode.OK, list(shipped_profiles()))
    found = json.loads(run("list", "--json")[1])
    assert [one["profile"] for one in found["profiles"]] == list(shipped_profiles())


def test_an_instrument_whose_settings_its_protocol_refuses(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    text = HEAD + "protocol: plantower\npoints:\n  - {key: a, en: a, vi: b, field: no_such_field}\n"
    file.write_text(text, "utf-8")
    code, output = run("check", str(file))
    assert (code, "no_such_field" in output) == (ExitCode.CONFIG, True)


def test_what_is_not_there_is_told() -> None:
    assert run("check", "/nowhere/mine.yaml")[0] == ExitCode.CONFIG
    assert run("show", "no-such-profile")[0] == ExitCode.CONFIG


def test_the_pages_fit_a_terminal_and_their_doubts_have_two_languages() -> None:
    for command in ("check", "list", "show"):
        result = CliRunner().invoke(edge_agent, ["profile", command, "--help"], terminal_width=80)
        assert max(cells(line) for line in result.output.splitlines()) <= 80
    for key in ("probe_empty", "unit_unknown", "overlap"):
        facts = {"point": "P", "unit": "U", "other": "O"}
        assert TEXTS.text(key, "en", **facts) != TEXTS.text(key, "vi", **facts)
