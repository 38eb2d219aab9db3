"""The loader says what is wrong with a file, all of it, each at its line and column."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
import yaml
from pydantic import Field

from config.agent import AgentConfig
from config.city import City
from config.collector import CollectorConfig
from config.errors import ConfigErrors
from config.loader import MAX_FILE_BYTES, At, StrictModel, load_document, load_text, refuse, resolve, twice
from config.profile import ModbusProfile, load_modbus_profile, load_profile
from config.wording import _NAME
from contract.reading import NAME_PATTERN

FILE = Path("city/agent.yaml")


class Inner(StrictModel):
    count: int = 0
    share: float = 0.0
    flag: bool = False
    text: str = ""
    side: Literal["left", "right"] = "left"


class Outer(StrictModel):
    inner: Inner = Inner()
    many: tuple[Inner, ...] = ()
    named: dict[str, Inner] = Field(default_factory=dict)
    grid: tuple[tuple[int, ...], ...] = ()


def findings(text: str, model: type[StrictModel] = Outer) -> list[tuple[int, int, str]]:
    with pytest.raises(ConfigErrors) as caught:
        load_text(text, FILE, model)
    return [(problem.line, problem.column, problem.message) for problem in caught.value.problems]


def inner(text: str) -> Inner:
    return load_text(f"inner:\n  {text}", FILE, Outer).inner


def test_an_error_reads_file_line_column_message() -> None:
    with pytest.raises(ConfigErrors) as caught:
        load_text("inner:\n  cuont: 1\n  flag: 3\n", FILE, Outer)
    assert str(caught.value).splitlines() == [
        "city/agent.yaml:2:3: unknown key 'cuont'; did you mean 'count'?",
        "city/agent.yaml:3:9: inner.flag: write true or false (given: 3)",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("many:\n  - count: 1\n  - count: x\n", (3, 12, "many.1.count: must be a whole number (given: 'x')")),
        ("named: {a: {share: '1'}}", (1, 20, "named.a.share: must be a number; write it without quotes (given: '1')")),
        ("grid: [[1, 2], [3, four]]", (1, 20, "grid.1.1: must be a whole number (given: 'four')")),
        ("grid: [1]", (1, 8, "grid.0: must be a list: lines that begin with '- ' (given: 1)")),
        ("inner: 5", (1, 8, "inner: must be a mapping: lines of 'key: value' (given: 5)")),
        ("inner:\n", (1, 7, "inner: must be a mapping: lines of 'key: value' (nothing is given)")),
        ("many: {a: 1}", (1, 7, "many: must be a list: lines that begin with '- '")),
        ("named:\n  a:\n    txet: x", (3, 5, "unknown key 'txet'; did you mean 'text'?")),
        ("many:\n- {}\n- {falg: true}", (3, 4, "unknown key 'falg'; did you mean 'flag'?")),
        ("inner: {Count: 1}", (1, 9, "unknown key 'Count'; did you mean 'count'?")),
        ("inner: {zzz: 1}", (1, 9, "unknown key 'zzz'; known here: count, share, flag, text, side")),
        (
            "inner: {side: lift}",
            (1, 15, "inner.side: must be one of: left, right; did you mean 'left'? (given: 'lift')"),
        ),
        ("inner: {count: 1, count: 2}", (1, 19, "'count' stands twice, first in line 1")),
        ("inner:\n  count: 1\n  text: a\n  count: 2", (4, 3, "'count' stands twice, first in line 2")),
        ("<<: {a: 1}", (1, 1, "unknown key '<<'; known here: inner, many, named, grid")),
        ("inner: {[1]: 2}", (1, 9, "a key must be a plain word")),
        ("inner: !!set {a}", (1, 8, "inner: cannot be read")),
        ("inner:\n  text: !custom x", (2, 9, "cannot be read: tags (!custom) are not read")),
        ("inner:\n  text: !!binary aGk=", (2, 9, "cannot be read: tags (!!binary) are not read")),
        ("inner:\n  count: 100000000000000000000000", (2, 10, "cannot be read: an integer has at most 20 digits")),
    ],
)
def test_a_finding_stands_where_the_fault_is(text: str, expected: tuple[int, int, str]) -> None:
    line, column, message = expected
    found = findings(text)
    assert len(found) == 1
    assert found[0][:2] == (line, column)
    assert message.removeprefix("inner: ") in found[0][2]


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("", 1, 1, "the file is empty"),
        ("\n# nothing\n", 1, 1, "the file is empty"),
        ("inner:\n\tcount: 1", 2, 1, "a tab stands here"),
        ('inner:\n  text: "open\n', 2, 9, "the quote that opens here is never closed"),
        ("inner: {count: 1", 1, 8, "the bracket that opens here is not closed"),
        ("inner: &a {}\nmany: [*a]", 2, 8, "aliases (*name) are not read"),
        ("a: 1\n---\nb: 1\n", 2, 1, "another document"),
        ("inner:\n  text: a\x07b", 2, 10, "the character U+0007 may not stand in it"),
        ("[" * 100_000, 1, 34, "nested deeper than 32 levels"),
        ("{a: " * 100_000, 1, 130, "nested deeper than 32 levels"),
        ("inner: count: 1", 1, 13, "no ': ' is expected here"),
    ],
)
def test_what_is_no_yaml_is_one_finding_at_its_place(text: str, line: int, column: int, message: str) -> None:
    found = findings(text)
    assert [found[0][:2]] == [(line, column)] == [each[:2] for each in found]
    assert message in found[0][2]
    assert "\n" not in found[0][2]


def test_all_errors_of_a_file_come_at_once_in_the_order_of_the_file() -> None:
    text = "inner: {count: x, flag: y, extra: 1}\nmany:\n  - side: up\n  - 7\nnamed: {a: {share: .nan}}\nwrong: 1\n"
    places = [(line, column) for line, column, _ in findings(text)]
    assert places == [(1, 16), (1, 25), (1, 28), (3, 11), (4, 5), (5, 20), (6, 1)]


@pytest.mark.parametrize(
    "word", ["on", "no", "yes", "off", "y", "18:45", "0777x", ".inf", ".nan", "1_000", "2026-11-24"]
)
def test_words_that_yaml_1_1_turns_into_something_else_stay_text(word: str) -> None:
    assert inner(f"text: {word}").text == word


@pytest.mark.parametrize(
    ("written", "value"), [("0777", 777), ("0x10", 16), ("0o17", 15), ("-3", -3), ("+3", 3), ("007", 7)]
)
def test_integers_follow_the_core_schema(written: str, value: int) -> None:
    assert inner(f"count: {written}").count == value


@pytest.mark.parametrize(
    ("written", "value"), [("1e3", 1000.0), ("1.", 1.0), (".5", 0.5), ("2", 2.0), ("-1.5E-1", -0.15)]
)
def test_numbers_follow_the_core_schema(written: str, value: float) -> None:
    assert inner(f"share: {written}").share == value


@pytest.mark.parametrize(
    "written",
    [
        "count: true", "count: '5'", "count: 1.5", "count: 1e3", "flag: 1", "flag: 'true'", "flag: on", "text: 5",
        "text: true", "text: 1.0", "share: '1'", "share: nan", "share: .inf", "share: inf", "share: 1e999",
        "share: true",
    ],
)  # fmt: skip
def test_a_value_of_another_type_is_refused_not_converted(written: str) -> None:
    found = findings(f"inner:\n  {written}")
    assert [each[:2] for each in found] == [(2, 5 + written.index(":"))]


def test_a_text_that_looks_like_a_number_is_told_to_take_quotes() -> None:
    assert "put it in quotes" in findings("inner: {text: 1.0}")[0][2]


def test_a_password_in_a_wrong_value_is_not_repeated() -> None:
    text = "city_file: c\nstore: {kind: influxdb1, database: d, url: 'http://user:hunter2@host'}\n"
    assert all("hunter2" not in message for _, _, message in findings(text, CollectorConfig))


def test_a_union_is_told_by_its_kind_and_never_by_its_name_in_the_code() -> None:
    text = "gateway: g\nlines:\n  - {id: a, kind: tpc}\n  - {id: b, knd: tcp}\n  - {id: c}\n  - {id: d, kind: 1}\n"
    assert findings(text, AgentConfig) == [
        (3, 19, "lines.0.kind: 'tpc' is none of: serial, tcp; did you mean 'tcp'?"),
        (4, 13, "'kind' is missing in lines.1; it is one of: serial, tcp; did you mean it by 'knd'?"),
        (5, 5, "'kind' is missing in lines.2; it is one of: serial, tcp"),
        (6, 19, "lines.3.kind: '1' is none of: serial, tcp"),
    ]


def test_keys_within_a_union_are_those_of_its_kind() -> None:
    text = (
        "gateway: g\nlines:\n  - {id: a, kind: tcp, host: h, prot: 1}\n  - {id: b, kind: serial, port: p, baudd: 1}\n"
    )
    assert [message for _, _, message in findings(text, AgentConfig)] == [
        "unknown key 'prot'; did you mean 'port'?",
        "unknown key 'baudd'; did you mean 'baud'?",
    ]
    store = findings("city_file: c\nstore: {kind: sqlite, databse: x}\n", CollectorConfig)
    assert store == [(2, 23, "unknown key 'databse'; known here: kind, file, retention_days")]
    wrong = findings("city_file: c\nstore: {kind: influxdb, url: x}\n", CollectorConfig)
    assert wrong == [(2, 15, "store.kind: 'influxdb' is none of: sqlite, influxdb1; did you mean 'influxdb1'?")]


def test_a_key_of_a_union_that_is_named_like_its_kind_does_not_mislead() -> None:
    text = "gateway: g\nlines:\n  - {id: a, kind: tcp, host: h, tcp: {timeout_s: x}, timeout_s: y}\n"
    assert [each[:2] for each in findings(text, AgentConfig)] == [(3, 33), (3, 65)]


def test_names_are_told_in_words_at_the_key_that_is_wrong() -> None:
    text = "gateway: g\nlines: [{id: a, kind: tcp, host: h}]\ndevices:\n"
    text += "- {id: d, profile: p, line: a, names: {BAD: ok, ok: B D}}"
    rule = "a name has 1 to 64 of a-z 0-9 - _ and begins with a letter or digit"
    assert findings(text, AgentConfig) == [
        (4, 40, f"devices.0.names.BAD: {rule} (given: 'BAD')"),
        (4, 53, f"devices.0.names.ok: {rule} (given: 'B D')"),
    ]
    assert f"^{_NAME}$" == NAME_PATTERN


class Checked(StrictModel):
    outer: Outer = Outer()
    words: tuple[Inner, ...] = ()

    def model_post_init(self, _: object, /) -> None:
        refuse(
            [
                *twice(("words",), "text", [word.text for word in self.words]),
                *([At(("outer", "inner", "count"), "is odd")] if self.outer.inner.count % 2 else []),
            ]
        )


class Deep(StrictModel):
    checked: tuple[Checked, ...]


def test_a_validator_points_at_what_it_means_below_its_model() -> None:
    text = "checked:\n- words: [{text: a}, {text: b}, {text: a}]\n- outer:\n    inner:\n      count: 3\n"
    assert findings(text, Deep) == [
        (2, 40, "'a' stands twice; it is already number 1 of the list"),
        (5, 14, "is odd"),
    ]


def test_a_validator_points_at_the_nearest_part_that_the_file_has() -> None:
    class Bad(StrictModel):
        inner: Inner = Inner()

        def model_post_init(self, _: object, /) -> None:
            raise At(("inner", "count"), "must be given")

    assert findings("inner:\n  flag: true\n", Bad) == [(2, 3, "must be given")]


def test_relative_paths_start_at_the_files_own_folder() -> None:
    assert resolve(Path("/etc/lamplighter"), Path("city.yaml")) == Path("/etc/lamplighter/city.yaml")
    assert resolve(Path("/etc/lamplighter"), Path("/srv/city.yaml")) == Path("/srv/city.yaml")


def _file_finding(file: Path) -> tuple[int, int, str]:
    with pytest.raises(ConfigErrors) as caught:
        load_document(file, Outer)
    problem = caught.value.problems[0]
    assert problem.file == file
    return problem.line, problem.column, problem.message


def test_files_that_cannot_be_read_are_findings(tmp_path: Path) -> None:
    assert _file_finding(tmp_path / "none.yaml") == (1, 1, "cannot be read: there is no such file")
    assert _file_finding(tmp_path) == (1, 1, "is not a file")
    latin = tmp_path / "latin.yaml"
    latin.write_bytes("inner:\n  text: đường ".encode() + b"\xe9\n")
    assert _file_finding(latin) == (2, 15, "not UTF-8 text; save the file as UTF-8")
    large = tmp_path / "large.yaml"
    large.write_bytes(b"#" * (MAX_FILE_BYTES + 1))
    assert _file_finding(large) == (1, 1, "larger than 4194304 bytes")
    endless = Path("/dev/zero")
    assert _file_finding(endless) == (1, 1, "is not a file")


def test_a_file_from_another_system_keeps_its_columns(tmp_path: Path) -> None:
    file = tmp_path / "windows.yaml"
    file.write_bytes("\ufeffinner:\r\n  text: Đường Hùng Vương\r\n  flag: x\r\n".encode())
    assert _file_finding(file)[:2] == (3, 9)


AGENT = """\
gateway: gw-1
lines:
  - {id: bus, kind: serial, port: /dev/ttyUSB0}
  - {id: bus, kind: tcp, host: 10.0.0.5}
devices:
  - {id: meter, profile: eastron-sdm630, line: buss}
  - {id: meter, profile: eastron-sdm630, line: bus, names: {a: x, b: x}}
commands:
  allow:
    - {point: io/relay_1, low: 1, high: 0}
"""


def test_cross_checks_of_the_agent_stand_at_their_values() -> None:
    assert findings(AGENT, AgentConfig) == [
        (7, 70, "'x' is already the name of 'a'"),
        (10, 41, "high 0 lies below low 1"),
    ]
    mended = AGENT.replace(", b: x", "").replace("high: 0", "high: 1")
    mended += "lighting: {schedule_file: s.yaml, outputs: [io/relay_1, io/relay_2]}\n"
    assert findings(mended, AgentConfig) == [
        (4, 10, "'bus' stands twice; it is already number 1 of the list"),
        (6, 48, "no line 'buss'; there are: bus; did you mean 'bus'?"),
        (7, 10, "'meter' stands twice; it is already number 1 of the list"),
        (11, 11, "lighting needs 'place': the sun and the hour depend on it"),
        (11, 57, "commands.allow does not list 'io/relay_2'"),
    ]


CITY = """\
city: Pleiku
place: {latitude: 13.98, longitude: 108.0, timezone: Asia/Ho_Chi_Minh}
crews: [{id: north, name: Bắc}, {id: north, name: Nam}]
cabinets:
  - {id: kk-1, name: A, street: B, ward: w, crew: north, gateway: g, devices: {}}
  - {id: kk-1, name: A, street: B, ward: w, crew: south, gateway: g, devices: {}}
"""


def test_cross_checks_of_the_city_stand_at_their_values() -> None:
    assert findings(CITY, City) == [
        (3, 38, "'north' stands twice; it is already number 1 of the list"),
        (5, 42, "no ward 'w'; there are: none"),
        (6, 10, "cabinet 'kk-1' stands twice"),
        (6, 42, "no ward 'w'; there are: none"),
        (6, 51, "no crew 'south'; there are: north; did you mean 'north'?"),
    ]


def test_a_meter_measures_one_cabinet() -> None:
    text = (
        CITY.replace("ward: w, ", "")
        .replace("south", "north")
        .replace("kk-1", "kk-2", 1)
        .replace(", {id: north, name: Nam}", "")
    )
    text = text.replace("place:", "wards: [{id: w, name: W}]\nplace:").replace("gateway: g", "ward: w, gateway: g")
    load_text(text, FILE, City)
    shared = text.replace("devices: {}", "devices: {meter: m}")
    ((line, _, message),) = findings(shared, City)
    assert line == 7
    assert message == "g/m is already the meter of cabinet 'kk-2': both would raise the same alarms"
    load_text(shared.replace("gateway: g,", "gateway: h,", 1), FILE, City)


PROFILE = """\
profile: p
version: "1"
device_class: meter
en: P
vi: P
source: {manual: M, page: "1", origin: composed, verified_by: manual}
probe: {point: zz, low: 0, high: 1}
points:
  - {key: a, en: A, vi: A, table: input, address: 0, type: uint16}
  - {key: a, en: A, vi: A, table: input, address: 1, type: uint16}
"""
B_POINT = "key: b, en: A, vi: A, table: input, address: 1"


def test_cross_checks_of_a_profile_stand_at_their_values(tmp_path: Path) -> None:
    assert findings(PROFILE, ModbusProfile) == [
        (7, 16, "there is no point 'zz'"),
        (10, 11, "'a' stands twice; it is already number 1 of the list"),
    ]
    renamed = PROFILE.replace("zz", "a").replace("key: a, en: A, vi: A, table: input, address: 1", B_POINT)
    for change, at, message in (
        ("type: uint16, writable: true", "true", "table input cannot be written"),
        ("type: bool", "bool", "table input holds no bool"),
        ("type: uint16, low: 2, high: 1", "2, high", "low must lie below high"),
        ("type: uint16, urgent_levels: [2, 1]", "[2", "urgent_levels must rise"),
    ):
        text = renamed.replace(f"{B_POINT}, type: uint16", f"{B_POINT}, {change}")
        assert findings(text, ModbusProfile) == [(10, text.splitlines()[9].index(at) + 1, message)]
    (tmp_path / "p.yaml").write_text(renamed)
    assert load_modbus_profile("./p.yaml", tmp_path).point("b").address == 1
    with pytest.raises(ConfigErrors, match=r"no such profile; there are: .*eastron-sdm630, "):
        load_profile("eastron")


def test_a_crew_is_told_of_twice_and_a_password_at_their_places() -> None:
    text = "city_file: c\nnotify:\n- {crew: a, channels: [{url: 'json://h'}]}\n- {crew: a, channels: [{url_file: f}]}\n"
    assert findings(text, CollectorConfig) == [(4, 10, "'a' stands twice; it is already number 1 of the list")]
    secret = "city_file: c\nnotify:\n- {crew: a, channels: [{url: 'mailto://u:hunter2@h'}]}\n"
    ((line, column, message),) = findings(secret, CollectorConfig)
    assert (line, column) == (3, 30)
    assert "url_file" in message
    assert "hunter2" not in message
    assert findings("city_file: c\nnotify: [{crew: a, channels: []}]", CollectorConfig) == [
        (2, 30, "notify.0.channels: must have at least one item")
    ]


def test_yaml_of_ours_is_the_same_data_for_others() -> None:
    text = "inner: {count: 3, text: 'on'}\nmany: [{share: 0.5}]\n"
    ours = load_text(text, FILE, Outer)
    assert Outer.model_validate(yaml.safe_load(text)) == ours
