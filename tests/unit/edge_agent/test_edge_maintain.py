from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from edge_agent.cli import maintaining
from edge_agent.cli.commands import edge_agent
from edge_agent.cli.maintaining import duration_s
from edge_agent.cli.status_page import status_lines

STATUS: dict[str, Any] = {
    "gateway": "gw-117",
    "version": "1.0",
    "uptime_s": 7300,
    "clock_synced": True,
    "connected": True,
    "rss_bytes": 52_000_000,
    "undelivered": {"spool_batches": 0, "spool_bytes": 0, "oldest_age_s": None},
    "delivery": {"spool": {"failure": None, "evicted_readings": 0}, "denied": [], "metrics": {}},
    "malformed": {},
    "devices": [],
}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("30m", 1800), ("2h", 7200), ("1d", 86_400), (" 2h ", 7200)]
    + [(text, None) for text in ("", "2", "h", "0h", "-1h", "2.5h", "2 h", "2w", "1h30m", "1234567s")],
)
def test_a_span_is_a_number_with_its_unit(text: str, seconds: int | None) -> None:
    assert duration_s(text) == seconds


class Agent:
    """The agent's end of the control socket."""

    def __init__(self, reply: dict[str, Any] | None) -> None:
        self.reply = reply
        self.requests: list[dict[str, Any]] = []

    def __call__(self, _path: Path, request: dict[str, Any], _timeout_s: float) -> dict[str, Any] | None:
        self.requests.append(request)
        return self.reply


def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, agent: Agent, *arguments: str) -> Result:
    file = tmp_path / "agent.yaml"
    file.write_text(f"gateway: gw\nruntime_dir: {tmp_path}\n", "utf-8")
    monkeypatch.setattr(maintaining, "ask", agent)
    return CliRunner().invoke(edge_agent, ["maintain", "ph-1", "--by", "N. T. Hoa", "--config", str(file), *arguments])


def test_an_announcement_carries_who_why_and_how_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    agent = Agent({"ok": True, "kept": True})
    result = run(tmp_path, monkeypatch, agent, "--for", "2h", "--reason", "buffers", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["ok"] is True
    assert agent.requests == [
        {"op": "maintain", "device": "ph-1", "by": "N. T. Hoa", "for_s": 7200, "reason": "buffers"}
    ]


def test_it_is_ended_by_who_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    agent = Agent({"ok": True, "kept": True})
    assert run(tmp_path, monkeypatch, agent, "--end").exit_code == 0
    assert agent.requests == [{"op": "maintain", "device": "ph-1", "by": "N. T. Hoa", "end": True}]


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (None, 5),
        ({"error": "no", "problem": "no_device"}, 2),
        ({"error": "no", "problem": "none_announced"}, 2),
        ({"ok": True, "kept": False}, 1),
    ],
)
def test_what_the_agent_says_is_the_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reply: dict[str, Any] | None, code: int
) -> None:
    assert run(tmp_path, monkeypatch, Agent(reply), "--for", "1h", "--reason", "x").exit_code == code


@pytest.mark.parametrize(
    "arguments",
    [[], ["--for", "2h"], ["--for", "2 hours", "--reason", "x"], ["--end", "--for", "2h"], ["--end", "--reason", "x"]],
)
def test_half_an_announcement_is_a_wrong_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    agent = Agent({"ok": True, "kept": True})
    assert run(tmp_path, monkeypatch, agent, *arguments).exit_code == 2
    assert agent.requests == []


def test_status_lists_the_devices_that_somebody_works_on() -> None:
    works: list[dict[str, Any]] = [
        {"device": "ph-1", "left_s": 7200, "reason": "buffers", "by": "N. T. Hoa"},
        {"device": "do-1", "switch": "io/di8"},
    ]
    lines = status_lines({**STATUS, "maintenance": works})
    assert "Maintenance: ph-1, 2 h more, by N. T. Hoa: buffers" in lines
    assert "Maintenance: do-1, by switch io/di8" in lines
    many = status_lines({**STATUS, "maintenance": works * 20})
    assert sum("Maintenance:" in line for line in many) == 4
    assert "Maintenance: 37 devices more" in many
