"""A gateway whose description passes the wire's limit is told before it runs, at the first device too many."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from contract.codec import encode
from edge_agent.cli import checking_size
from edge_agent.cli.commands import edge_agent
from edge_agent.shell.built_in import meta_of
from edge_agent.shell.clock import SystemClock
from edge_agent.shell.configuration import load_config
from edge_agent.shell.devices import build_fleet

LIMIT = 250_000


def _file(folder: Path, count: int, name: str = "agent.yaml") -> Path:
    text = "gateway: city\nlines:\n"
    text += "".join(f"- {{id: l-{number:03}, kind: tcp, host: 192.0.2.{number}}}\n" for number in range(2))
    text += "devices:\n"
    text += "".join(
        f"- {{id: meter-{number:03}, profile: eastron-sdm630, line: l-{number % 2:03}, unit: {1 + number // 2}}}\n"
        for number in range(count)
    )
    file = folder / name
    file.write_text(text, "utf-8")
    return file


def test_it_names_the_first_device_that_does_not_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking_size, "MAX_META_BYTES", LIMIT)
    result = CliRunner().invoke(edge_agent, ["check", "--config", str(_file(tmp_path, 90)), "--json"])
    (finding,) = json.loads(result.stdout)["findings"]
    assert finding["severity"] == "error"
    # Five lines stand before the devices, and the first one that does not fit is named.
    fits = finding["line"] - 6
    assert f"{LIMIT}: {fits} of 90 devices fit" in finding["message"]
    assert _size(_file(tmp_path, fits, "fits.yaml")) <= LIMIT < _size(_file(tmp_path, fits + 1, "more.yaml"))
    assert CliRunner().invoke(edge_agent, ["check", "--config", str(tmp_path / "fits.yaml")]).exit_code == 0


def _size(file: Path) -> int:
    config = load_config(file)
    fleet = build_fleet(config, file.parent, SystemClock(), writable=False)
    return len(encode(meta_of(config, fleet.devices).model_copy(update={"epoch": "0" * 32})))
