"""Findings of a file speak the reader's language, and never that of the libraries underneath."""

from __future__ import annotations

import copy
import json
import string
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel, ValidationError

from config.agent import AgentConfig
from config.city import City
from config.collector import CollectorConfig
from config.document import read_document
from config.errors import ConfigErrors
from config.language import LANGUAGES
from config.loader import load_document, load_text
from config.profile import Profile
from config.rules import Rule
from config.texts import TEXTS
from contract.lights import Calendar, Moment

FILE = Path("agent.yaml")
ROOT = Path(__file__).parents[3] / "config"
WRONG: tuple[Any, ...] = (
    None,
    True,
    -1,
    10**12,
    0.5,
    1e300,
    "",
    "x",
    "X y",
    "0,5",
    "7",
    "a" * 300,
    [],
    [[]],
    {},
    {"zz": 1},
)
OF_LIBRARIES = ("should", "Input", "valid ", "expected", "block", "scalar", "token", "Extra", "Value error", "Errno")


def _sample(path: Path, model: type[BaseModel]) -> tuple[str, Any, type[BaseModel]]:
    data = read_document(path.read_text("utf-8"), path).data
    if "points" in data and isinstance(data["points"], list):
        data["points"] = data["points"][:2]
    return path.stem, data, model


def _rule_model(path: Path) -> type[BaseModel]:
    kind = read_document(path.read_text("utf-8"), path).data["kind"]
    models: tuple[type[BaseModel], ...] = get_args(Rule)
    return next(model for model in models if get_args(model.model_fields["kind"].annotation) == (kind,))


SAMPLES = [
    _sample(ROOT / "examples" / "agent.yaml", AgentConfig),
    _sample(ROOT / "examples" / "collector.yaml", CollectorConfig),
    _sample(ROOT / "examples" / "city.yaml", City),
    _sample(ROOT / "examples" / "schedule.yaml", Calendar),
    _sample(ROOT / "examples" / "calendar.yaml", Calendar),
    _sample(ROOT / "profiles" / "eastron-sdm630.yaml", Profile),
    *(
        _sample(path, _rule_model(path))
        for path in sorted((ROOT / "alarms").glob("*.yaml"))
        if not path.stem.endswith("_test")
    ),
]


def _places(data: Any, above: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield above
    inner = data.items() if isinstance(data, dict) else enumerate(data[:2]) if isinstance(data, list) else ()
    for key, value in inner:
        yield from _places(value, (*above, key))


def _with(data: Any, place: tuple[str | int, ...], value: Any) -> Any:
    if not place:
        return value
    changed = copy.deepcopy(data)
    part = changed
    for key in place[:-1]:
        part = part[key]
    part[place[-1]] = value
    return changed


def _messages(text: str, model: type[BaseModel]) -> list[str]:
    try:
        load_text(text, FILE, model)
    except ConfigErrors as error:
        return [problem.message for problem in error.problems]
    return []


@pytest.mark.parametrize(("data", "model"), [sample[1:] for sample in SAMPLES], ids=[sample[0] for sample in SAMPLES])
def test_no_wrong_value_speaks_the_words_of_a_library(
    data: Any, model: type[BaseModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in _places(data):
        for value in WRONG:
            text = json.dumps(_with(data, place, value), ensure_ascii=False)
            monkeypatch.setenv("LAMPLIGHTER_LANG", "en")
            english = _messages(text, model)
            monkeypatch.setenv("LAMPLIGHTER_LANG", "vi")
            vietnamese = _messages(text, model)
            assert len(english) == len(vietnamese)
            for one, other in zip(english, vietnamese, strict=True):
                assert not [word for word in OF_LIBRARIES if word in one], (place, value, one)
                assert one != other, (place, value, one)


@pytest.mark.parametrize(
    "text",
    [
        "", "a: 1\n\tb: 2", "a: @x", "- a\n b: 1", "a: b: 1", "a: 1\nb 2\nc: 3", "a: - b", "a:\n  b: 1\n - c",
        'a: "x', 'a: "C:\\Users"', "a: {b: 1", "a: [1, 2\nb: 3", "a: 1\n---\nb: 1", "a: &x 1\nb: *x", "[" * 50,
        "a: 1\na: 2", "? [1]\n: 2", "a: !x 1", "a: " + "9" * 50, "a: \x07",
    ],
)  # fmt: skip
def test_no_syntax_error_speaks_the_words_of_a_library(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMPLIGHTER_LANG", "en")
    english = _messages(text, AgentConfig)
    monkeypatch.setenv("LAMPLIGHTER_LANG", "vi")
    vietnamese = _messages(text, AgentConfig)
    assert len(english) == len(vietnamese) > 0
    for one, other in zip(english, vietnamese, strict=True):
        assert not [word for word in OF_LIBRARIES if word in one.replace("is expected here", "")], one
        assert one != other


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("a: 1\nb 2\nc: 3", "agent.yaml:2:1: không phải YAML: sau khóa phải có ':' và một dấu cách, ví dụ 'unit: 1'"),
        ('a: 1\nb: "x\nc: 3', "agent.yaml:2:4: không phải YAML: dấu nháy mở ở đây không được đóng"),
        (
            "a: {x: 1\nb: 3",
            "agent.yaml:1:4: không phải YAML: ngoặc mở ở đây không được đóng, hoặc thiếu ',' (thấy ở dòng 2)",
        ),
    ],
)
def test_a_syntax_error_stands_where_its_cause_is(text: str, finding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMPLIGHTER_LANG", "vi")
    with pytest.raises(ConfigErrors) as caught:
        load_text(text, FILE, AgentConfig)
    assert str(caught.value) == finding


def test_a_misspelt_key_is_one_finding_and_not_missing_as_well() -> None:
    text = "gatway: g\nplace: {lattitude: 1, longitude: 2, timezone: UTC}\n"
    assert _messages(text, AgentConfig) == [
        "unknown key 'gatway'; did you mean 'gateway'?",
        "unknown key 'lattitude'; did you mean 'latitude'?",
    ]
    assert _messages("zzz: g\n", AgentConfig)[0] == "'gateway' is missing"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("0,5", "must be a number; the decimal sign is a point, such as 0.5 (given: '0,5')"),
        ("'0.5'", "must be a number; write it without quotes (given: '0.5')"),
        ("fast", "must be a number (given: 'fast')"),
    ],
)
def test_a_number_in_another_form_is_told_how_to_write_it(value: str, message: str) -> None:
    text = f"gateway: g\nstate_interval_s: {value}\n"
    assert _messages(text, AgentConfig) == [f"state_interval_s: {message}"]


@pytest.mark.parametrize(("written", "read"), [("6", "6"), ("0600", "600"), ("6.30", "6.3"), ("true", "True")])
def test_a_time_that_yaml_reads_as_a_number_is_told_how_to_write_it(written: str, read: str) -> None:
    (message,) = _messages(f"periods: [{{on: sunset, off: {written}}}]\n", Calendar)
    assert message.startswith(f"periods.0.off: '{read}' is no time: write 18:45, sunset")


def test_a_choice_in_another_case_is_recognised() -> None:
    text = "gateway: g\nlines: [{id: a, kind: serial, port: p, parity: n}]\n"
    assert _messages(text, AgentConfig) == ["lines.0.parity: must be one of: N, E, O; did you mean 'N'? (given: 'n')"]


def test_a_bus_and_a_host_belong_to_one_line_each() -> None:
    text = (
        "gateway: g\nlines:\n"
        "- {id: a, kind: serial, port: /dev/ttyUSB0}\n- {id: b, kind: serial, port: /dev/ttyUSB0}\n"
        "- {id: c, kind: tcp, host: Gate.example}\n- {id: d, kind: tcp, host: gate.example, port: 502}\n"
        "- {id: e, kind: tcp, host: gate.example, port: 503}\n"
    )
    with pytest.raises(ConfigErrors) as caught:
        load_text(text, FILE, AgentConfig)
    assert str(caught.value).splitlines() == [
        "agent.yaml:4:31: line 'a' already uses /dev/ttyUSB0: one line for all devices on it",
        "agent.yaml:6:28: line 'c' already uses gate.example:502: one line for all devices on it",
    ]


@pytest.mark.parametrize("zone", ["Asia", "a" * 300, "/etc", "../x", "Asia/HoChiMinh"])
def test_what_is_no_time_zone_is_told_with_one_that_is(zone: str) -> None:
    text = f"gateway: g\nplace: {{latitude: 1, longitude: 2, timezone: {zone}}}\n"
    (message,) = _messages(text, AgentConfig)
    assert message.startswith(f"place.timezone: no time zone '{zone}'; write one such as Asia/Ho_Chi_Minh")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_a_file_in_utf_16_is_named_as_such(encoding: str, tmp_path: Path) -> None:
    file = tmp_path / "agent.yaml"
    file.write_bytes("gateway: g\n".encode(encoding))
    with pytest.raises(ConfigErrors, match="UTF-16"):
        load_document(file, AgentConfig)


def test_both_languages_have_the_same_places_for_facts() -> None:
    for key in TEXTS.keys():  # noqa: SIM118 - no mapping
        english, vietnamese = (
            {place for _, place, _, _ in string.Formatter().parse(TEXTS.text(key, language)) if place}
            for language in LANGUAGES
        )
        assert english == vietnamese, key
        assert unicodedata.is_normalized("NFC", TEXTS.text(key, "vi"))


@pytest.mark.parametrize(
    "moment",
    [
        {"at": "midday"},
        {"at": "sunset+999"},
        {"at": "sunset", "not_before": "never"},
        {"at": "18:00", "not_after": "19:00"},
        {"at": "sunset", "not_before": "19:00", "not_after": "18:00"},
    ],
)
def test_a_schedule_is_refused_in_the_same_words_by_contract_and_loader(moment: dict[str, str]) -> None:
    with pytest.raises(ValidationError) as caught:
        Moment.model_validate(moment)
    (detail,) = caught.value.errors()
    assert detail["type"] in TEXTS
    assert detail["msg"] == TEXTS.text(detail["type"], "en", **detail.get("ctx", {}))


@pytest.mark.parametrize("longitude", [-108.0, 0.0, -150.0])
def test_a_place_whose_zone_is_elsewhere_is_refused_at_its_longitude(longitude: float) -> None:
    place = f"place: {{latitude: 13.98, longitude: {longitude}, timezone: Asia/Ho_Chi_Minh}}\n"
    with pytest.raises(ConfigErrors) as caught:
        load_text("city: x\n" + place, Path("city.yaml"), City)
    (told,) = [problem for problem in caught.value.problems if "hours apart" in problem.message]
    assert (told.line, told.column) == (2, place.index(str(longitude)) + 1)
