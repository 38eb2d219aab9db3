"""What `edge-agent lights` prints: within 80 cells, in both languages, nothing hidden that a technician must know."""

from __future__ import annotations

from typing import Any

import pytest

from config.language import LANGUAGES, Language, cells
from contract.command import CircuitResult, Result, ResultState
from edge_agent.cli.lights_page import lights_are_well, lights_in_status, lights_lines, plan_lines, result_lines
from edge_agent.cli.words_lights import LIGHTS
from edge_agent.core.lights.proof import SUPERVISED_S

ZONE = "Asia/Ho_Chi_Minh"
DAWN_MS = 1_795_560_660_000
"""2026-11-25 05:51 in Pleiku."""


def circuit(name: str, *, on: bool = True, **facts: Any) -> dict[str, Any]:
    return {
        "id": name,
        "wanted": on,
        "dim": None,
        "reason": "program",
        "until_ms": DAWN_MS,
        "output": f"relay/{name.lower()}",
        "relay": on,
        "actual": on,
        "proof": "done",
        "cause": "",
        "feedback": on,
        "power_w": 1672.0 if on else 0.0,
        "held_back": "",
        "on_hours": 812.44,
        "switch_count": 41,
        "override": None,
    } | facts


def lights(**facts: Any) -> dict[str, Any]:
    return {
        "now_ms": DAWN_MS - 3_600_000,
        "timezone": ZONE,
        "calendar": {"name": "pleiku-standard", "rev": 41, "hash": "0" * 64, "problem": None},
        "level": 67,
        "reason": "program",
        "program": "standard",
        "rule": "",
        "until_ms": DAWN_MS,
        "lamps_due": True,
        "selector_local": False,
        "supply": True,
        "permits": [],
        "circuits": [
            circuit("A"),
            circuit("B", proof="failed", cause="line_open", power_w=3.0, on_hours=811.9),
            circuit("C", on=False, on_hours=402.6),
        ],
        "want_error": None,
    } | facts


WORST = lights(
    reason="permit",
    rule="tet",
    selector_local=True,
    supply=False,
    calendar={
        "name": "một-cái-tên-rất-dài-của-lịch" * 2,
        "rev": 123_456,
        "hash": "",
        "problem": "s.yaml:1:1: " + "x" * 99,
    },
    permits=[
        {"circuit": "A", "by": "local:nam", "reason": "thay đèn " * 15, "since_ms": 1, "until_ms": 2, "overdue": True}
    ],
    circuits=[
        circuit(
            "mạch-dài-ơi-là-dài-hai-ba-bốn",
            proof="failed",
            cause=cause,
            dim=70,
            on_hours=123_456.7,
            power_w=123_456.7,
            reason="override by một-người-có-tên-rất-dài-ở-trung-tâm",
            override={"by": "huong", "reason": "lễ hội " * 20, "level": 100, "until_ms": DAWN_MS},
        )
        for cause in SUPERVISED_S
    ],
    want_error={"rev": 42, "where": "calendar.rules.2.program", "text_en": "x " * 200, "text_vi": "y " * 200},
)


def test_the_page_is_that_of_the_documentation() -> None:
    assert lights_lines(lights()) == [
        "Lights: level 67 % (program), next change 05:51 (25.11.)",
        "Calendar: pleiku-standard, program standard, revision 41 of the centre",
        "",
        "circuit should be is     proof    W      hours   why, until",
        "A       on        on     proved   1672   812.4   program, until 05:51 (25.11.)",
        "B       on        on     !!!      3      811.9   program, until 05:51 (25.11.)",
        "    !!! closed, but no power: fuse or cable",
        "C       off       off    proved   0      402.6   program, until 05:51 (25.11.)",
    ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_line_fits_a_terminal(language: Language, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMPLIGHTER_LANG", language)
    for told in (lights(), WORST, lights(level=None, lamps_due=None)):
        for line in (*lights_lines(told), *lights_in_status(told)):
            assert cells(line) <= 80, line
    for cause in SUPERVISED_S:
        assert f"light_{cause}" in LIGHTS


def test_what_must_be_known_is_told() -> None:
    page = "\n".join(lights_lines(WORST))
    for words in ("WORK PERMIT", "PAST ITS PLANNED END", "NOT in automatic", "NO SUPPLY", "REFUSED", "WRONG"):
        assert words in page
    assert not lights_are_well(WORST)
    assert not lights_are_well(lights())
    assert lights_are_well(lights(circuits=[circuit("A")]))


def test_a_start_that_waits_says_so() -> None:
    told = lights(level=None, lamps_due=None, until_ms=None)
    assert lights_lines(told)[0] == "Lights: waiting for the clock"
    held = lights_lines(lights(circuits=[circuit("A", proof="pending", held_back="resting")]))
    assert "lamps cool down" in "\n".join(held)


def test_a_plan_is_a_line_a_night() -> None:
    steps = [
        {"start_ms": DAWN_MS - 44_000_000, "end_ms": DAWN_MS - 26_000_000, "level": 100, "dim": None},
        {"start_ms": DAWN_MS - 26_000_000, "end_ms": DAWN_MS, "level": 67, "dim": 70},
    ]
    nights: list[dict[str, Any]] = [
        {"day": "2026-11-24", "program": "standard", "rule": None, "exception": False, "steps": steps},
        {"day": "2026-11-25", "program": "dark", "rule": "closed", "exception": True, "steps": []},
    ]
    assert plan_lines(nights, ZONE) == [
        "2026-11-24  standard  17:37-22:37 100 %, 22:37-05:51 67 % (70 %)",
        "2026-11-25  dark [closed]  no lamps",
    ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_result_tells_each_circuit(language: Language, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMPLIGHTER_LANG", language)
    result = Result(
        id="0" * 26,
        state=ResultState.FAILED,
        circuits={
            "A": CircuitResult(state="done", feedback=True, power_w=1672.4),
            "B": CircuitResult(state="failed", cause="did_not_close", feedback=False, power_w=0.0),
            "C": CircuitResult(state="rejected", cause="permit"),
        },
        ts=1,
    ).model_dump(mode="json", exclude_none=True)
    lines = result_lines(result)
    assert [line[:4] for line in lines[:3]] == ["+ A,", "! B:", "! C:"] or lines[0].startswith("+ A")
    assert "1672 W" in lines[0]
    refused = {"id": "0" * 26, "state": "rejected", "reason": "until_too_far", "ts": 1}
    assert len(result_lines(refused)) == 1
    assert "until_too_far" not in result_lines(refused)[0]
