from __future__ import annotations

import os
import sys
from typing import Any

import pytest

from config.language import LANGUAGES, Language, cells
from config.profile import load_profile
from edge_agent.cli import reading

METER = load_profile("eastron-sdm630")
SPECS = {"meter": {point.key: point for point in METER.points}}


def answers(**facts: Any) -> reading.Answers:
    read = [
        {"point": f"meter/{point.key}", "value": 1_234_567.0, "quality": "GOOD", "cause": "ok"} | facts
        for point in METER.points
    ]
    return {"meter": {"readings": read}}


@pytest.mark.parametrize("language", LANGUAGES)
def test_rows_fit_a_terminal_and_are_whole_in_a_pipe(language: Language, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMPLIGHTER_LANG", language)
    monkeypatch.setattr(reading, "get_terminal_size", lambda: os.terminal_size((60, 24)))
    piped = reading._table(answers(), SPECS)
    assert not any("…" in line for line in piped)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    shown = reading._table(answers(), SPECS)
    assert len(shown) == len(piped)
    assert max(cells(line) for line in shown) <= 60
    assert any(line.endswith("…") for line in shown)


def test_a_value_that_is_none_is_told_in_vietnamese(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMPLIGHTER_LANG", "vi")
    table = reading._table(answers(value=None, quality="BAD", cause="timeout"), SPECS)
    assert "HỎNG: không trả lời" in table[1]
    assert "BAD" not in table[1]
