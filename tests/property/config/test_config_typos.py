"""No typo in a key, no wrong type and no broken line passes the loader in silence."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.agent import AgentConfig
from config.city import City
from config.collector import CollectorConfig
from config.errors import ConfigErrors, ConfigProblem
from config.loader import StrictModel, load_text

FILE = Path("agent.yaml")
AGENT = """\
gateway: gw-pleiku-117
language: vi
place: {latitude: 13.9833, longitude: 108.0, timezone: Asia/Ho_Chi_Minh}
state_dir: /var/lib/lamplighter-agent
runtime_dir: /run/lamplighter-agent
mqtt:
  host: broker.example
  port: 8883
  root: city/v1
  username: gw-pleiku-117
  password_file: /etc/lamplighter/password
  keepalive_s: 20
  allow_mqtt311: false
  tls:
    ca_file: ca.pem
    cert_file: gw.pem
    key_file: gw.key
clock:
  require_sync: true
spool:
  max_bytes: 1048576
  commit_interval_s: 0.5
intervals: {fast_s: 1, normal_s: 5, slow_s: 60}
state_interval_s: 5
lines:
  - id: bus1
    kind: serial
    port: /dev/serial/by-path/one
    baud: 9600
    parity: E
    stop_bits: 1
    timeout_s: 0.5
    quiet_pause_s: 0.5
  - id: net
    kind: tcp
    host: 10.0.0.5
    port: 502
    timeout_s: 1.0
devices:
  - id: meter
    profile: eastron-sdm630
    line: bus1
    unit: 1
    points: [u1, u2]
    names: {u1: voltage_l1_v}
    intervals:
      fast_s: 2
      normal_s: 10
      slow_s: 60
    averages: {points: [voltage_l1_v], periods_s: [60, 3600]}
  - id: io
    profile: waveshare-relay-d
    line: net
    unit: 2
counters:
  - id: rain
    source: io/di2
    en: Rain gauge
    vi: Vũ lượng kế
    quantity_per_pulse: 0.2
    unit: mm
    shortest_pulse_s: 0.1
calibrations:
  - {point: meter/voltage_l1_v, a: 1.01, b: -0.2, valid_from: "2026-11-20T08:00+07:00", by: a technician, note: none}
doubts:
  - {points: [meter/voltage_l1_v], witness: rain/total, above: 70, max_age_s: 300, unknown: suspect}
maintenance:
  - {switch: io/di1, devices: [meter, rain], active: true}
commands:
  key_file: command.key
  allow:
    - point: io/relay_1
      low: 0
      high: 1
lighting:
  schedule_file: schedule.yaml
  outputs: [io/relay_1]
"""
KEY = re.compile(r"(?<=[\s{,-])([a-z][a-z0-9_]*)(?=:)")
FREE_KEYS = re.compile(r"names: \{([a-z0-9_]+):")
LETTERS = "abcdefghijklmnopqrstuvwxyz_0123456789"


def _typo(key: str, seeded: random.Random) -> str:
    """Return a key with one letter dropped, doubled, changed or swapped, or in another spelling."""
    at = seeded.randrange(len(key))
    other = seeded.choice(LETTERS)
    return seeded.choice(
        [
            key[:at] + key[at + 1 :],
            key[:at] + key[at] + key[at:],
            key[:at] + other + key[at + 1 :],
            key[:at] + key[at + 1 : at + 2] + key[at : at + 1] + key[at + 2 :],
            key.upper(),
            key.replace("_", "-") + ("" if "_" in key else "s"),
            key + " ",
        ]
    )


def _free_spans() -> set[tuple[int, int]]:
    return {match.span(1) for match in FREE_KEYS.finditer(AGENT)}


def test_the_sample_is_right_and_its_keys_are_found() -> None:
    agent = load_text(AGENT, FILE, AgentConfig)
    assert agent.devices[0].names == {"u1": "voltage_l1_v"}
    assert len([match for match in KEY.finditer("\n" + AGENT)]) >= 60  # noqa: C416 - finditer has no length
    text = "\n" + AGENT
    keys = {match.group(1) for match in KEY.finditer(text)}
    missing = set(AgentConfig.model_fields) - keys
    assert not missing


@pytest.mark.parametrize("seed", range(500))
def test_a_typo_in_a_key_never_passes_in_silence(seed: int) -> None:
    seeded = random.Random(seed)
    text = "\n" + AGENT
    free = {(first + 1, last + 1) for first, last in _free_spans()}
    keys = [match for match in KEY.finditer(text) if match.span(1) not in free]
    match = seeded.choice(keys)
    key = match.group(1)
    typo = _typo(key, seeded)
    if typo.strip() in {key, ""}:
        typo = key + "x"
    changed = (text[: match.start(1)] + typo + text[match.end(1) :])[1:]
    with pytest.raises(ConfigErrors) as caught:
        load_text(changed, FILE, AgentConfig)
    line = changed[: match.start(1)].count("\n") + 1
    column = match.start(1) - changed.rfind("\n", 0, match.start(1) - 1) - 1
    named = [problem for problem in caught.value.problems if problem.line == line]
    assert named, f"{typo!r} for {key!r} in line {line}: {caught.value}"
    assert any(f"'{typo.strip()}'" in problem.message or problem.column == column for problem in named)


@pytest.mark.parametrize("seed", range(100))
def test_a_key_under_another_parent_never_passes_in_silence(seed: int) -> None:
    seeded = random.Random(seed)
    lines = AGENT.splitlines()
    nested = [index for index, text in enumerate(lines) if re.match(r"^  [a-z_]+:( |$)", text)]
    index = seeded.choice(nested)
    key = lines[index].strip().partition(":")[0]
    moved = f"{key}: 1"
    rest = "\n".join([*lines, moved]) + "\n"
    if key in AgentConfig.model_fields:
        pytest.fail("the sample must not repeat a key of the top below it")
    with pytest.raises(ConfigErrors) as caught:
        load_text(rest, FILE, AgentConfig)
    assert [problem.line for problem in caught.value.problems] == [len(lines) + 1]


MODELS: list[type[StrictModel]] = [AgentConfig, CollectorConfig, City]


@given(st.text(max_size=200), st.sampled_from(MODELS))
def test_any_text_gives_a_model_or_located_findings(text: str, model: type[StrictModel]) -> None:
    _load(text, model)


@given(st.integers(0, len(AGENT) - 1), st.integers(0, 12), st.text("{}[]:,-#&*!|>'\"%@`\t\n abc1.", max_size=6))
def test_any_damage_gives_a_model_or_located_findings(start: int, length: int, inserted: str) -> None:
    _load(AGENT[:start] + inserted + AGENT[start + length :], AgentConfig)


def _load(text: str, model: type[StrictModel]) -> None:
    lines = text.count("\n") + text.count("\r") + text.count("\x85") + text.count("\u2028") + text.count("\u2029") + 2
    problems: tuple[ConfigProblem, ...] = ()
    try:
        assert isinstance(load_text(text, FILE, model), model)
    except ConfigErrors as error:
        problems = error.problems or (ConfigProblem(FILE, 0, 0, "an error without findings"),)
    for problem in problems:
        assert 1 <= problem.line <= lines
        assert problem.column >= 1
        assert problem.message
        assert "\n" not in problem.message
