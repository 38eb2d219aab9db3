from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from collector.cli import main, remedies
from collector.cli.table import duration
from collector.cli.texts import TEXTS
from collector.core.influx_answers import judge
from collector.core.rows import Row
from collector.shell.metrics import Metrics
from collector.shell.records import GatewayRecord, Records
from collector.shell.stores.sqlite import SqliteStore

NOW_MS = time.time_ns() // 1_000_000


def city(**more: Any) -> dict[str, Any]:
    return {
        "city": "Pleiku",
        "place": {"latitude": 13.98, "longitude": 108.0, "timezone": "Asia/Ho_Chi_Minh"},
        "crews": [{"id": "night", "name": "Tổ đêm"}],
        "wards": [{"id": "w1", "name": "Phường 1"}],
        "cabinets": [
            {
                "id": "cab-117",
                "name": "Tủ 117",
                "street": "Hùng Vương",
                "ward": "w1",
                "crew": "night",
                "gateway": "gw-117",
                "devices": {"meter": "meter", "io": "relay"},
            }
        ],
    } | more


def collector(**more: Any) -> dict[str, Any]:
    notify = [{"crew": "night", "channels": [{"url": "json://127.0.0.1:9/x"}]}]
    return {"city_file": "city.yaml", "state_dir": "state", "notify": notify} | more


class Commands:
    """Runs commands on files of a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "state"
        self.state.mkdir()
        self.write(city(), collector())

    def write(self, city_document: dict[str, Any], config: dict[str, Any]) -> None:
        (self.folder / "city.yaml").write_text(json.dumps(city_document), "utf-8")
        (self.folder / "collector.yaml").write_text(json.dumps(config, indent=1), "utf-8")

    def __call__(self, command: str, *arguments: str) -> Result:
        return CliRunner().invoke(main, [command, "--config", str(self.folder / "collector.yaml"), *arguments])


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Commands:
    monkeypatch.setenv("LAMPLIGHTER_LANG", "en")
    return Commands(tmp_path)


def store_rows(run: Commands, rows: list[Row]) -> None:
    store = SqliteStore(run.state / "samples.db", retention_days=7)
    store.write(rows)
    store.close()


def row(seconds_ago: int, gateway: str = "gw-117", **fields: Any) -> Row:
    return Row(
        measurement="meter",
        gateway=gateway,
        device="meter",
        time_ms=NOW_MS - seconds_ago * 1000,
        fields=fields or {"u1": 230.5},
    )


def overview(run: Commands, *, written_ago_ms: int = 0, **facts: str) -> None:
    written_ms = time.time_ns() // 1_000_000 - written_ago_ms
    records = Records(run.state)
    metrics = Metrics()
    metrics.add("payload_invalid", 7)
    records.save_overview(
        [GatewayRecord(name="gw-117", last_seen_ms=NOW_MS - 5000, lag_ms=800, online=True, devices=2, seq=9)],
        metrics.snapshot(),
        {"name": "c", "pid": "1", "version": "0", "started_ms": "0", "written_ms": str(written_ms)} | facts,
    )
    records.close()


def test_a_good_configuration_is_said_to_be_good(run: Commands) -> None:
    result = run("check")
    assert (result.exit_code, result.output.count("\n")) == (0, 1), result.output
    assert "1 cabinets, 1 gateways" in result.output
    assert json.loads(run("check", "--json").output)["findings"] == []


def test_all_errors_of_all_files_are_told_at_once_with_their_places(run: Commands) -> None:
    bad_city = city()
    bad_city["cabinets"][0]["crew"] = "day"
    bad_config = collector(notify=[{"crew": "nobody", "channels": [{"url_file": "no-such-file"}]}])
    run.write(bad_city, bad_config)
    result = run("check")
    assert result.exit_code == 3
    files = [line.split(":")[0].rsplit("/", 1)[-1] for line in result.output.splitlines()]
    assert sorted(set(files)) == ["city.yaml", "collector.yaml"]
    assert "no-such-file" in result.output
    for line in result.output.splitlines():
        _file, line_number, column, _message = line.split(":", 3)
        assert int(line_number) >= 1
        assert int(column) >= 1


@pytest.mark.parametrize(
    "url", ["http://h:99999", "http://h:port", "http://:8086", "http://h:0", "ftp://h", "http://h/?a"]
)
def test_an_impossible_address_of_the_store_is_told_before_it_is_used(run: Commands, url: str) -> None:
    run.write(city(), collector(store={"kind": "influxdb1", "url": url, "database": "t"}))
    result = run("check")
    assert result.exit_code == 3
    assert "http://host:port" in result.output


def test_an_unknown_crew_in_notify_is_named_at_its_line(run: Commands) -> None:
    run.write(city(), collector(notify=[{"crew": "nobody", "channels": [{"url": "json://127.0.0.1/x"}]}]))
    result = run("check")
    assert result.exit_code == 3
    text = (run.folder / "collector.yaml").read_text("utf-8").splitlines()
    (told,) = result.output.splitlines()
    line, column = (int(part) for part in told.split(":")[1:3])
    assert text[line - 1][column - 1 :].startswith('"nobody"')


def test_a_users_area_that_is_nowhere_is_named_at_its_place_and_missing_keys_are_a_finding(run: Commands) -> None:
    user = {"name": "an", "accounts": ["an"], "operations": ["switch"], "wards": ["w9"]}
    run.write(city(), collector(commands={"users": [user]}))
    result = run("check")
    assert (result.exit_code, "no ward 'w9'" in result.output) == (3, True), result.output

    del user["wards"]
    (run.folder / "keys").mkdir()
    run.write(city(), collector(commands={"users": [user], "keys_folder": "keys"}))
    result = run("check")
    assert (result.exit_code, "1 gateways have no usable command key" in result.output) == (1, True), result.output
    (run.folder / "keys" / "gw-117.key").write_text("0f" * 32, "ascii")
    assert run("check").exit_code == 0
    other = user | {"name": "binh"}
    run.write(city(), collector(commands={"users": [user, other]}))
    assert "account 'an' is user 'an' already" in run("check").output


def test_a_crew_that_nobody_can_reach_is_a_finding(run: Commands) -> None:
    run.write(city(), collector(notify=[]))
    result = run("check")
    assert result.exit_code == 1
    assert "'night' looks after 1 cabinets" in result.output
    vietnamese = run("check", "--json")
    assert vietnamese.exit_code == 1
    assert len(json.loads(vietnamese.output)["findings"]) == 1


def test_an_address_that_no_service_has_is_a_finding_at_its_line_without_its_secret(run: Commands) -> None:
    (run.folder / "bot").write_text("tgramm://123456789:hunter2/42\n", "utf-8")
    channels = [{"url": "json://127.0.0.1:9/x"}, {"url_file": "bot"}, {"url": "mailto://"}]
    run.write(city(), collector(notify=[{"crew": "night", "channels": channels}]))
    result = run("check")
    assert result.exit_code == 1
    lines = result.output.splitlines()
    assert len(lines) == 2
    assert all("crew 'night': Apprise knows no service by this URL" in line for line in lines)
    assert "hunter2" not in result.output


def test_a_schedule_that_is_missing_is_named(run: Commands) -> None:
    run.write(city(schedule_file="dusk.yaml"), collector())
    result = run("check")
    assert result.exit_code == 3
    assert "city.yaml:1:" in result.output
    assert "dusk.yaml: cannot be read: there is no such file" in result.output


def test_an_inventory_that_is_missing_is_told_where_it_is_named(run: Commands) -> None:
    run.write(city(), collector())
    (run.folder / "city.yaml").unlink()
    result = run("check")
    assert result.exit_code == 3
    assert "collector.yaml:2:15: " in result.output
    assert "city.yaml: cannot be read: there is no such file" in result.output


def test_paths_are_taken_from_the_folder_of_the_file(run: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    from collector.cli.setup import load_setup

    run.write(city(schedule_file="s.yaml"), collector(store={"kind": "sqlite", "file": "data/x.db"}))
    monkeypatch.setattr("collector.cli.setup._schedule_problems", lambda *_: [])
    setup = load_setup(run.folder / "collector.yaml")
    assert setup.config.state_dir == run.folder / "state"
    assert setup.config.store.file == run.folder / "data" / "x.db"  # type: ignore[union-attr]  # it is the embedded one
    assert setup.city.schedule_file == run.folder / "s.yaml"


def test_a_query_gives_every_reading_of_its_span(run: Commands) -> None:
    store_rows(
        run,
        [row(10, u1=230.5, on=True), row(5, q_u1="timeout"), row(7200, u1=1.0), row(3, gateway="gw-2")],
    )
    answer = json.loads(run("query", "--json", "--gw", "gw-117", "--last", "1h").output)
    assert answer == {
        "readings": [
            {"gw": "gw-117", "dev": "meter", "point": "on", "ts": NOW_MS - 10_000, "value": True, "cause": ""},
            {"gw": "gw-117", "dev": "meter", "point": "u1", "ts": NOW_MS - 10_000, "value": 230.5, "cause": ""},
            {"gw": "gw-117", "dev": "meter", "point": "u1", "ts": NOW_MS - 5000, "value": None, "cause": "timeout"},
        ],
        "truncated": False,
    }


def test_a_query_between_two_times_in_the_citys_zone(run: Commands) -> None:
    store_rows(run, [row(3600), row(10)])
    from datetime import datetime
    from zoneinfo import ZoneInfo

    zone = ZoneInfo("Asia/Ho_Chi_Minh")
    first, end = (
        datetime.fromtimestamp((NOW_MS - ago) / 1000, zone).replace(tzinfo=None).isoformat()
        for ago in (3_600_001, 3_500_000)
    )
    readings = json.loads(run("query", "--json", "--from", first, "--to", end).output)["readings"]
    assert [reading["ts"] for reading in readings] == [NOW_MS - 3_600_000]
    table = run("query", "--from", first, "--to", end).output
    assert "+07:00" in table
    assert "230.5" in table


def test_the_newest_are_shown_when_there_are_more_than_asked_for(run: Commands) -> None:
    store_rows(run, [row(ago, u1=float(ago), n=ago) for ago in range(1, 1500)])
    answer = json.loads(run("query", "--json", "--limit", "4").output)
    assert [reading["value"] for reading in answer["readings"]] == [2, 2.0, 1, 1.0]
    assert answer["truncated"] is True
    assert len(json.loads(run("query", "--json", "--point", "n", "--limit", "10000").output)["readings"]) == 1499


@pytest.mark.parametrize(
    ("arguments", "exit_code"),
    [
        (["--last", "1 hour"], 2),
        (["--from", "yesterday"], 2),
        (["--last", "1h", "--from", "2026-01-01"], 2),
        (["--limit", "0"], 2),
        (["--gw", "GW 1"], 2),
        (["--point", "u1'"], 2),
        (["--from", "0001-01-01", "--to", "0001-01-02"], 1),
        (["--from", "9999-12-31T23:00", "--to", "9999-12-31T23:59"], 1),
        (["--gw", "gw-9"], 1),
    ],
)
def test_a_query_that_cannot_be_answered_says_why(run: Commands, arguments: list[str], exit_code: int) -> None:
    store_rows(run, [row(10)])
    result = run("query", *arguments)
    assert result.exit_code == exit_code
    assert result.output.strip()


def test_a_store_that_is_not_there_is_unreachable(run: Commands) -> None:
    assert run("query").exit_code == 6
    run.write(city(), collector(store={"kind": "influxdb1", "url": "http://127.0.0.1:1", "database": "t",
                                       "username": "u", "password_file": "nothing"}))  # fmt: skip
    assert run("query").exit_code == 7


def test_status_shows_each_metric_that_moved(run: Commands) -> None:
    overview(run, store_kind="sqlite")
    result = run("status")
    assert result.exit_code == 0
    assert "payload_invalid" in result.output
    assert "payload_nested" not in result.output
    told = json.loads(run("status", "--json").output)
    assert (told["state"], told["metrics"]["payload_invalid"]) == ("running", 7)
    assert told["metrics"]["payload_nested"] == 0


@pytest.mark.parametrize(
    ("facts", "state"),
    [({"written_ago_ms": 60_000}, "dead"), ({"stopped": "1"}, "stopped"), ({"store": "timeout: x"}, "running")],
)
def test_status_finds_trouble(run: Commands, facts: dict[str, Any], state: str) -> None:
    overview(run, **facts)
    result = run("status", "--json")
    assert (result.exit_code, json.loads(result.output)["state"]) == (1, state)


@pytest.mark.parametrize(
    ("part", "trouble", "words", "vietnamese"),
    [
        ("store", "no_space_restart_influxd: http://x: no space left on device", "restart influxd", "khởi động lại"),
        ("store", "database_not_found: x", "Create the database", "Tạo cơ sở dữ liệu"),
        ("store", "http_302: x", "url", "url"),
        ("broker", "the broker refused the connection: Not authorized", "password_file", "password_file"),
        ("broker", "the broker denied a message of ours: Not authorized", "access list", "danh sách quyền"),
        ("broker", "127.0.0.1:1: [SSL: CERTIFICATE_VERIFY_FAILED] x", "ca_file", "ca_file"),
        ("broker", "127.0.0.1:1: [Errno 111] Connection refused", "Start the broker", "Khởi động broker"),
        ("alarms", "disk I/O error", "state_dir", "state_dir"),
        ("lights", "commands.db: disk I/O error", "no command is taken", "không lệnh nào"),
    ],
)
def test_status_says_what_to_do(
    run: Commands, monkeypatch: pytest.MonkeyPatch, part: str, trouble: str, words: str, vietnamese: str
) -> None:
    facts: dict[str, Any] = {part: trouble}
    overview(run, **facts)
    shown = run("status").output
    assert trouble in shown
    assert words in shown
    told = json.loads(run("status", "--json").output)["remedies"]
    assert words in told.pop(part)
    assert set(told.values()) == {""}
    monkeypatch.setenv("LAMPLIGHTER_LANG", "vi")
    assert vietnamese in run("status").output


def test_a_text_from_the_field_cannot_steer_the_terminal_or_forge_a_row(run: Commands) -> None:
    store_rows(run, [row(10, s="\x1b[2J\n2026 gw-9 forged\u202e đèn")])
    (_header, shown) = run("query").output.splitlines()
    assert r"\x1b[2J\n2026 gw-9 forged\u202e đèn" in shown


def test_gateways_are_listed_with_their_age(run: Commands) -> None:
    overview(run)
    result = run("gateways")
    assert result.exit_code == 0
    assert "gw-117" in result.output
    assert "800ms" in result.output
    assert json.loads(run("gateways", "--json").output)["gateways"][0]["name"] == "gw-117"


def test_before_the_first_run_there_is_nothing_to_show(run: Commands) -> None:
    for command in ("status", "gateways"):
        result = run(command)
        assert result.exit_code == 1
        assert "ever run" in result.output


def test_the_help_documents_the_exit_codes_and_every_command() -> None:
    result = CliRunner().invoke(main, ["--help"])
    assert result.exit_code == 0
    for word in ("run", "check", "query", "gateways", "status", "alarms"):
        assert word in result.output
    assert "6 " in result.output
    assert "7 " in result.output


def test_every_text_has_the_same_places_for_facts_in_both_languages() -> None:
    import string

    for texts in (TEXTS, remedies.TEXTS):
        for key in texts.keys():  # noqa: SIM118 - a method of Texts, no mapping
            places = [
                {name for _, name, _, _ in string.Formatter().parse(texts.text(key, language)) if name}
                for language in ("en", "vi")
            ]
            assert places[0] == places[1], key


def test_every_trouble_that_a_store_can_name_has_its_remedy() -> None:
    words = {answer.reason for answer in map(judge, (401, 403, 404, 408, 429), [""] * 5)}
    words |= {judge(500, body).reason for body in ("retention policy not found", "no space left on device",
                                                    "cache-max-memory-size exceeded")}  # fmt: skip
    words |= {"unreachable", "timeout", "disk_full", "damaged", "cannot_open", "dead_letter", "defect", "part_ended"}
    told = {remedies.remedy("store", f"{word}: facts") for word in words}
    assert len(told) == len(words)
    assert remedies.remedy("store", "something new") not in told


@pytest.mark.parametrize(
    ("milliseconds", "words"),
    [
        (0, "0ms"),
        (850, "850ms"),
        (12_000, "12s"),
        (185_000, "3m 5s"),
        (3_600_000, "1h"),
        (97_200_000, "1d 3h"),
        (-1500, "-1s"),
    ],
)
def test_durations_are_short(milliseconds: int, words: str) -> None:
    assert duration(milliseconds) == words
