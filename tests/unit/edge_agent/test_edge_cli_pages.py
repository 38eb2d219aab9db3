from __future__ import annotations

import asyncio
import json
import string
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest
from click.testing import CliRunner

from config import click_words
from config.city import City
from config.collector import CollectorConfig
from config.language import LANGUAGES, Language, cells
from config.loader import load_document
from contract.lights import Calendar
from contract.reading import Block
from drivers.errors import UnsupportedError
from edge_agent.cli import status_page
from edge_agent.cli.commands import edge_agent
from edge_agent.cli.exit_codes import MEANINGS, ExitCode
from edge_agent.cli.status import read_spool
from edge_agent.cli.words import TEXTS
from edge_agent.shell.broker_problem import BrokerProblem
from edge_agent.shell.configuration import load_config
from edge_agent.shell.control import ControlError, socket_path
from edge_agent.shell.read_now import read_device

EXAMPLES = Path(__file__).parents[3] / "config" / "examples"
GOLDEN = "01 04 04 43 67 af 55 e2 10"


def device(number: int, **facts: Any) -> dict[str, Any]:
    return {
        "device": f"tu-chieu-sang-{number:03}-dong-ho-ba-pha",
        "line": "bus-1",
        "profile": "eastron-sdm630",
        "last_good_age_s": 3.0,
        "points": 30,
        "bad_points": {},
        "set_aside": False,
        "wrong_type": False,
        "polls": 1_234_567,
        "polls_dropped": 0,
        "failures": {},
        "busy_s": 1.0,
        "last_cause": "ok",
        "last_failure": "",
    } | facts


def delivery(**facts: Any) -> dict[str, Any]:
    return {
        "broker": "broker.with-a-very-long-name-indeed.lighting.pleiku.gialai.example:8883",
        "broker_reason": None,
        "broker_problem": None,
        "spool": {"failure": None, "evicted_readings": 0, "unkept_rows": 0},
        "denied": [],
        "metrics": {},
    } | facts


def ailing() -> dict[str, Any]:
    """Return a delivery that has every fault at once."""
    topics = [f"city/v1/gw-117-le-duan-hung-vuong/state/tu-chieu-sang-{number}" for number in range(5)]
    return delivery(
        broker_problem="own_refused",
        broker_reason="failed to receive on socket: [SSL: SSLV3_ALERT_BAD_CERTIFICATE] sslv3 alert bad certificate",
        spool={"failure": "database or disk is full " * 3, "evicted_readings": 98_765, "unkept_rows": 1234},
        denied=[{"topic": topic, "reason": "Not authorized", "count": 321} for topic in topics],
        metrics={"session_takeovers": 17},
    )


def status(devices: list[dict[str, Any]], **facts: Any) -> dict[str, Any]:
    return {
        "gateway": "gw-117-le-duan-hung-vuong",
        "version": "0.1.0",
        "uptime_s": 400_000.0,
        "rss_bytes": 52_000_000,
        "connected": False,
        "clock_synced": False,
        "clock_required": True,
        "undelivered": {"spool_batches": 86_400, "spool_bytes": 123_456_789, "oldest_age_s": 90_000.0},
        "delivery": delivery(broker_problem="refused", broker_reason="[Errno 111] Connection refused"),
        "lighting": lights(),
        "malformed": {f"modbus_wrong_{number}": 12_345 for number in range(12)},
        "devices": devices,
    } | facts


def lights(**facts: Any) -> dict[str, Any]:
    circuit = {
        "wanted": True, "dim": None, "reason": "override by huong", "until_ms": 1_795_446_000_000, "relay": None,
        "actual": None, "proof": "failed", "cause": "did_not_close", "feedback": None, "power_w": 12_345.6,
        "held_back": "", "on_hours": 98_765.4, "switch_count": 12_345,
        "override": {"by": "huong", "reason": "lễ hội " * 20, "level": 100, "until_ms": 1_795_446_000_000},
    }  # fmt: skip
    permit = {"circuit": "A", "by": "local:nam", "reason": "thay đèn " * 15, "since_ms": 1, "until_ms": 2}
    return {
        "now_ms": 1_795_440_000_000,
        "timezone": "Asia/Ho_Chi_Minh",
        "calendar": {"name": "pleiku-standard", "rev": 41, "hash": "0" * 64, "problem": None},
        "level": 100,
        "reason": "override",
        "program": "standard",
        "rule": "tet",
        "until_ms": 1_795_446_000_000,
        "lamps_due": True,
        "selector_local": True,
        "supply": False,
        "permits": [permit | {"overdue": True}],
        "circuits": [circuit | {"id": f"K{number}", "output": f"relay/k{number}"} for number in range(1, 9)],
        "want_error": None,
    } | facts


def troubled(count: int) -> list[dict[str, Any]]:
    good = [device(number) for number in range(count - 3)]
    return [
        *good,
        device(900, set_aside=True, last_good_age_s=None, last_cause="timeout", failures={"timeout": 99_999}),
        device(901, wrong_type=True, bad_points={"u1": "unsupported"}),
        device(902, bad_points={f"u{number}": "range" for number in range(30)}),
    ]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("count", [3, 40, 261])
def test_status_fits_a_terminal(language: Language, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMPLIGHTER_LANG", language)
    lines = status_page.status_lines(status(troubled(count)))
    assert len(lines) <= 24
    assert max(cells(line) for line in lines) <= 80
    text = "\n".join(lines)
    # The worst are always in view, with words and not by colour.
    assert TEXTS.text("wrong_type") in text
    assert TEXTS.text("set_aside", failure=TEXTS.text("cause_timeout")) in text
    if count > 20:
        assert TEXTS.text("more_devices", count=count - 11, good=count - 11) in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_fault_of_delivery_is_named_and_the_page_still_fits(
    language: Language, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAMPLIGHTER_LANG", language)
    lines = status_page.status_lines(status(troubled(40), delivery=ailing()))
    assert len(lines) <= 24
    assert max(cells(line) for line in lines) <= 80
    text = " ".join(line.strip() for line in lines)
    for said in ("city/v1/gw-117-le-duan-hung-vuong/state/tu-chieu-sang-0", "Not authorized", "98765", "1234", "17"):
        assert said in text
    assert TEXTS.text("denied_more", count=3) in text


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("problem", BrokerProblem)
def test_every_problem_with_the_broker_has_its_sentence(
    language: Language, problem: BrokerProblem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAMPLIGHTER_LANG", language)
    facts = delivery(broker="10.1.2.3:8883", broker_problem=problem, broker_reason="what OpenSSL says")
    lines = status_page.status_lines(status([device(1)], delivery=facts, lighting=None))
    assert lines[1].startswith(TEXTS.text("disconnected"))
    assert "10.1.2.3:8883" in lines[2] or problem is BrokerProblem.FILE
    assert "…" not in lines[2] + lines[3]


def test_columns_stand_under_each_other_in_vietnamese(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMPLIGHTER_LANG", "vi")
    lines = status_page.status_lines(status([device(1), device(2)]))
    head = next(line for line in lines if line.startswith("THIẾT BỊ"))
    row = lines[lines.index(head) + 1]
    at = cells(head[: head.index("CHẤT LƯỢNG")])
    assert cells(row[: row.index("tốt")]) == at


def test_all_devices_are_shown_when_asked_for() -> None:
    lines = status_page.status_lines(status(troubled(100)), show_all=True)
    assert sum("tu-chieu-sang" in line for line in lines) == 100


def test_a_healthy_gateway_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMPLIGHTER_LANG", "en")
    nothing = {"spool_batches": 0, "spool_bytes": 0, "oldest_age_s": None}
    page = status([device(1)], connected=True, clock_synced=True, undelivered=nothing, lighting=None, malformed={})
    lines = status_page.status_lines(page)
    assert lines[1:4] == ["Connected: yes, clock synchronised", "Not yet delivered: nothing", "Malformed: none"]
    assert status_page.status_lines(page | {"lighting": lights(lamps_due=None, level=None, permits=[], circuits=[])})[
        3
    ].startswith("Lamps: waiting")


def test_sizes_and_spans() -> None:
    assert [status_page.size_text(size) for size in (0, 999, 14_000, 3e6, 2.5e9)] == [
        "0 B",
        "999 B",
        "14 kB",
        "3 MB",
        "2.5 GB",
    ]
    spans = [status_page.span_text(seconds) for seconds in (0, 119, 120, 7199, 7200, 172_800)]
    assert spans == ["0 s", "119 s", "2 min", "119 min", "2 h", "2 d"]


def test_both_languages_fill_in_the_same_facts() -> None:
    for key in TEXTS.keys():  # noqa: SIM118 - keys() is the table's own
        templates = [TEXTS._table[key][language] for language in LANGUAGES]
        facts = [{name for _, name, _, _ in string.Formatter().parse(text) if name} for text in templates]
        assert facts[0] == facts[1], key


def test_click_s_own_words_keep_their_places() -> None:
    for english, vietnamese in click_words._VIETNAMESE.items():
        names = [{name for _, name, _, _ in string.Formatter().parse(text) if name} for text in (english, vietnamese)]
        assert names[0] == names[1], english


def test_click_speaks_vietnamese(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in click_words._MODULES:
        module = vars(__import__(f"click.{name}", fromlist=["_"]))
        for word in {"_", "ngettext"} & set(module):
            monkeypatch.setitem(module, word, module[word])
    click_words.translate_click("vi")
    result = CliRunner().invoke(edge_agent, ["nope"])
    assert "Không có lệnh 'nope'." in result.output
    assert result.exit_code == 2
    assert "Cách dùng:" in CliRunner().invoke(edge_agent, ["read", "--help"]).output


def test_help_lists_every_exit_code() -> None:
    text = CliRunner().invoke(edge_agent, ["--help"]).output
    assert set(MEANINGS) == set(ExitCode)
    for code, (english, _) in MEANINGS.items():
        assert f"{int(code):>4}  {english}" in text


def test_the_technician_s_page_lists_every_exit_code_in_both_languages() -> None:
    page = (EXAMPLES.parents[1] / "docs" / "edge-agent.md").read_text("utf-8")
    for code, meanings in MEANINGS.items():
        for meaning in meanings:
            assert f"| {int(code)} | {meaning} |" in page


def test_help_of_every_command_fits_80_cells() -> None:
    for name, command in edge_agent.commands.items():
        text = CliRunner().invoke(edge_agent, [name, "--help"], terminal_width=80).output
        assert isinstance(command, click.Command)
        assert max(cells(line) for line in text.splitlines()) <= 80


def test_decode_explains_the_golden_frame() -> None:
    runner = CliRunner()
    result = runner.invoke(edge_agent, ["decode", "eastron-sdm630", "--hex", GOLDEN])
    assert result.exit_code == 0
    assert "CRC good" in result.output
    assert "231.6849 V  Voltage L1 to neutral" in result.output
    request = ["--request", "01 04 00 00 00 02 71 cb", "--json"]
    result = runner.invoke(edge_agent, ["decode", "eastron-sdm630", "--hex", GOLDEN, *request])
    found = json.loads(result.stdout)
    assert found["schema"] == 1
    assert found["ok"] is True
    (point,) = found["candidates"][0]["points"]
    assert (point["point"], point["value"]) == ("u1", pytest.approx(231.685, abs=0.001))


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["eastron-sdm630", "--hex", GOLDEN.replace("e2", "e3")], ExitCode.FINDING),
        (["eastron-sdm630", "--hex", "zz"], ExitCode.USAGE),
        (["eastron-sdm630", "--hex", ""], ExitCode.FINDING),
        (["no-such-meter", "--hex", GOLDEN], ExitCode.CONFIG),
        (["eastron-sdm630"], ExitCode.USAGE),
    ],
)
def test_decode_exit_codes(arguments: list[str], code: ExitCode) -> None:
    result = CliRunner().invoke(edge_agent, ["decode", *arguments])
    assert result.exit_code == code
    assert "Traceback" not in result.output


def test_every_example_loads() -> None:
    config = load_config(EXAMPLES / "agent.yaml")
    assert config.lighting is not None
    assert load_document(config.lighting.schedule_file, Calendar).program == "standard"
    assert load_document(EXAMPLES / "collector.yaml", CollectorConfig).city_file == Path("city.yaml")
    assert len(load_document(EXAMPLES / "city.yaml", City).cabinets) == 2
    assert load_document(EXAMPLES / "calendar.yaml", Calendar).rules
    known = {"agent", "schedule", "calendar", "collector", "city", "scenario", "simulator"}
    assert {file.stem for file in EXAMPLES.glob("*.yaml")} == known | {"traffic-signal", "water-station"}


def test_check_finds_only_the_missing_adapter_in_the_example(tmp_path: Path) -> None:
    for name in ("agent.yaml", "schedule.yaml"):
        text = (EXAMPLES / name).read_text("utf-8")
        (tmp_path / name).write_text(text.replace("/dev/ttyUSB0", str(tmp_path / "no-port")), "utf-8")
    result = CliRunner().invoke(edge_agent, ["check", "--json", "--config", str(tmp_path / "agent.yaml")])
    (finding,) = json.loads(result.stdout)["findings"]
    assert (finding["severity"], finding["line"], finding["column"]) == ("warning", 17, 11)
    assert result.exit_code == 1


def test_check_tells_every_mistake_of_every_file(tmp_path: Path) -> None:
    (tmp_path / "schedule.yaml").write_text(
        "periods:\n  - {on: 22:00, off: 18:00}\n  - {on: midday, off: 18:00}\n", "utf-8"
    )
    (tmp_path / "key").write_text("short", "utf-8")
    (tmp_path / "agent.yaml").write_text(
        "gateway: gw-1\n"
        "place: {latitude: 1, longitude: 108, timezone: Asia/Ho_Chi_Minh}\n"
        "mqtt: {password_file: no-password}\n"
        f"runtime_dir: /run/{'x' * 120}\n"
        "lines: [{id: a, kind: tcp, host: localhost}]\n"
        "devices:\n"
        "  - {id: meter, profile: eastron-sdm631, line: a}\n"
        "  - {id: relay, profile: waveshare-relay-d, line: a, names: {di9: door}}\n"
        "  - {id: meter-2, profile: eastron-sdm630, line: a}\n"
        "commands: {key_file: key, allow: [{point: meter-2/u1}]}\n"
        "lighting: {schedule_file: schedule.yaml, outputs: [meter-2/u1]}\n",
        "utf-8",
    )
    result = CliRunner().invoke(edge_agent, ["check", "--config", str(tmp_path / "agent.yaml")])
    assert result.exit_code == 3
    found = [line.removeprefix(f"{tmp_path}/") for line in result.stdout.splitlines()]
    expected = {
        "agent.yaml:7:26: error: no profile 'eastron-sdm631'": 1,
        "agent.yaml:8:67: error: no point 'di9'; there are: ": 1,
        "agent.yaml:9:5: warning: unit 1 of line 'a' is already device 'meter'": 1,
        "agent.yaml:8:5: warning: unit 1 of line 'a' is already device 'meter'": 1,
        "agent.yaml:10:43: error: 'meter-2/u1' cannot be written": 1,
        "schedule.yaml:3:10: error: periods.1.on: 'midday' is no time": 1,
        "agent.yaml:10:22: error: ": 1,
        "agent.yaml:3:23: error: ": 1,
        "agent.yaml:4:14: error: runtime_dir:": 1,
    }
    for start in expected:
        assert any(line.startswith(start) for line in found), (start, found)
    assert len(found) == len(expected)


def test_check_warns_of_a_period_that_never_comes(tmp_path: Path) -> None:
    underpass = "{on: noon, off: next-noon}"
    (tmp_path / "schedule.yaml").write_text(f"periods: [{{on: 22:00, off: 18:00}}, {underpass}]\n", "utf-8")
    text = (EXAMPLES / "agent.yaml").read_text("utf-8").replace("/dev/ttyUSB0", "/dev/null")
    (tmp_path / "agent.yaml").write_text(text, "utf-8")
    result = CliRunner().invoke(edge_agent, ["check", "--config", str(tmp_path / "agent.yaml")])
    assert "period 1 of 'default' is never on" in result.stdout
    assert "period 2" not in result.stdout
    assert result.exit_code == 1


def test_a_socket_path_that_is_too_long_is_named(tmp_path: Path) -> None:
    with pytest.raises(ControlError, match="at most 107"):
        socket_path(Path("/" + "a" * 100))
    assert socket_path(Path("/run/x")).name == "control.sock"
    assert read_spool(tmp_path / "spool.db", 0) is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["nobody"], "there is no device 'nobody'; there are: meter, relay"), (["meter", "u9"], "has no point 'u9'")],
)
def test_read_names_what_there_is(arguments: list[str], words: str) -> None:
    config = ["--config", str(EXAMPLES / "agent.yaml"), "--json"]
    result = CliRunner().invoke(edge_agent, ["read", *arguments, *config])
    assert result.exit_code == 2
    assert words in json.loads(result.stdout)["error"]


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "tty9: no such device; is the adapter plugged in?"),
        ("vi", "tty9: không có thiết bị này; bộ chuyển đổi đã cắm chưa?"),
    ],
)
def test_read_says_what_is_wrong_with_the_line_in_the_readers_language(
    tmp_path: Path, language: str, words: str
) -> None:
    config = {
        "gateway": "gw-1",
        "state_dir": "state",
        "runtime_dir": ".",
        "lines": [{"id": "bus", "kind": "serial", "port": str(tmp_path / "tty9")}],
        "devices": [{"id": "relay", "line": "bus", "unit": 1, "profile": "waveshare-relay-d"}],
    }
    file = tmp_path / "agent.yaml"
    file.write_text(json.dumps(config), "utf-8")
    result = CliRunner().invoke(
        edge_agent, ["read", "--config", str(file)], env={"LAMPLIGHTER_LANG": language, "LANG": "C"}
    )
    assert result.exit_code == 5
    assert words in result.stderr


class Stranger:
    """A driver whose device answers every read and is of another type."""

    points = ("u1",)

    async def probe(self) -> None:
        raise UnsupportedError("not the device of its profile", vi="không đúng thiết bị của hồ sơ")

    async def read(self, points: object) -> Block:
        raise AssertionError(f"registers of another type were read as {points}")


def test_a_device_of_another_type_is_told_so_instead_of_read() -> None:
    """2.6e-29 V, 741 W and 1e27 Wh were shown as good values of a device that is no meter."""
    stranger: Any = SimpleNamespace(driver=Stranger(), by_key={}, patience_s=0.0)
    with pytest.raises(UnsupportedError, match="not the device of its profile"):
        asyncio.run(read_device(stranger, []))
