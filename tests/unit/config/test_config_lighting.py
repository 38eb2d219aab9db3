"""The lights of an agent's configuration: what is told, and where."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.agent import AgentConfig
from config.errors import ConfigErrors
from config.loader import load_text

HEAD = """\
gateway: gw-1
place: {latitude: 13.98, longitude: 108.0, timezone: Asia/Ho_Chi_Minh}
lines: [{id: bus, kind: serial, port: /dev/ttyX}]
devices:
  - {id: relay, profile: waveshare-relay-d, line: bus, unit: 1}
  - {id: meter, profile: eastron-sdm630, line: bus, unit: 2}
commands: {allow: [{point: relay/k1}, {point: relay/k2}]}
lighting:
  schedule_file: s.yaml
"""


def load(lighting: str) -> AgentConfig:
    return load_text(HEAD + lighting, Path("agent.yaml"), AgentConfig)


def told(lighting: str) -> list[str]:
    with pytest.raises(ConfigErrors) as caught:
        load(lighting)
    return [str(problem) for problem in caught.value.problems]


def test_the_short_form_becomes_circuits_without_proof() -> None:
    lighting = load("  outputs: [relay/k1, relay/k2]\n").lighting
    assert lighting is not None
    assert [(circuit.id, circuit.output, circuit.feedback, circuit.power) for circuit in lighting.switched] == [
        ("k1", "relay/k1", None, ()),
        ("k2", "relay/k2", None, ()),
    ]


def test_circuits_have_their_proof() -> None:
    circuit = "{id: A, output: relay/k1, feedback: relay/in_1, power: [meter/p1, meter/p2], full_power_w: 4080}"
    lighting = load(f"  circuits: [{circuit}]\n  selector: relay/auto\n").lighting
    assert lighting is not None
    assert lighting.switched[0].key == "a"
    assert lighting.stagger_s == 4.0
    assert not lighting.shared_power
    assert [point for _, point in lighting.read_points()] == ["relay/in_1", "meter/p1", "meter/p2", "relay/auto"]


def test_a_meter_of_two_circuits_is_known_as_shared() -> None:
    lighting = load(
        "  circuits:\n"
        "    - {id: A, output: relay/k1, power: [meter/p1], full_power_w: 100}\n"
        "    - {id: B, output: relay/k2, power: [meter/p1], full_power_w: 100}\n"
    ).lighting
    assert lighting is not None
    assert lighting.shared_power == {"meter/p1"}


@pytest.mark.parametrize(
    ("lighting", "where", "what"),
    [
        ("  stagger_s: 4\n", "9:3", "either 'circuits' or"),
        ("  outputs: [relay/k1]\n  circuits: [{id: A, output: relay/k2}]\n", "10:12", "either 'circuits' or"),
        ("  outputs: [relay/k3]\n", "10:13", "commands.allow does not list 'relay/k3'"),
        ("  outputs: [relay/k1, relay/k1]\n", "10:23", "already belongs to circuit 'k1'"),
        ("  circuits: [{id: A, output: relay/k9}]\n", "10:30", "commands.allow does not list 'relay/k9'"),
        (
            "  circuits: [{id: A, output: relay/k1, dimmer: relay/d}]\n",
            "10:48",
            "commands.allow does not list 'relay/d'",
        ),
        ("  circuits: [{id: A, output: relay/k1}, {id: a, output: relay/k2}]\n", "10:46", "circuit 'a' stands twice"),
        ("  circuits: [{id: A, output: relay/k1, power: [meter/p]}]\n", "10:47", "write full_power_w"),
        ("  circuits: [{id: A, output: relay/k1, full_power_w: 40}]\n", "10:54", "needs the power points"),
        (
            "  circuits: [{id: A, output: relay/k1, power: [meter/p, meter/p], full_power_w: 4}]\n",
            "10:57",
            "meter/p",
        ),
        ("  outputs: [relay/k1]\n  selector: rely/auto\n", "11:13", "did you mean 'relay'"),
        ("  circuits: [{id: A, output: relay/k1, feedback: io/x}]\n", "10:50", "no device 'io'"),
    ],
)
def test_a_mistake_is_told_at_its_place(lighting: str, where: str, what: str) -> None:
    problems = told(lighting)
    assert any(f"agent.yaml:{where}:" in problem and what in problem for problem in problems), problems
