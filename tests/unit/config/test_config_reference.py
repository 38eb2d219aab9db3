"""The configuration reference is that of the models, and says what every key means."""

from __future__ import annotations

import re
from pathlib import Path

from config.__main__ import main
from config.agent import AgentConfig, Mqtt, SerialLine
from config.devices_page import devices_page
from config.profile import shipped_profiles
from config.reference import reference

PAGE = Path(__file__).parents[3] / "docs" / "configuration.md"


def test_the_page_is_that_of_the_models() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference(), "docs/configuration.md is old: run `python -m config`"


def test_every_key_has_a_type_a_default_and_a_meaning() -> None:
    rows = [line for line in reference().splitlines() if line.startswith("| `")]
    assert len(rows) >= 150
    for row in rows:
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]]
        assert len(cells) == 4, row
        assert all(cells), f"{row}: describe it in its model's docstring, under Attributes"


def test_the_page_has_every_key_of_the_agent() -> None:
    text = reference()
    for model in (AgentConfig, Mqtt, SerialLine):
        for name in model.model_fields:
            assert f"| `{name}` |" in text
    assert "### `lines` kind `serial`" in text
    assert "| `port` | integer, at least 1, at most 65535 | `1883` |" in text
    assert "| `gateway` | name | **needed** |" in text


def test_the_command_writes_the_pages(tmp_path: Path) -> None:
    assert main([str(tmp_path)]) == 0
    assert (tmp_path / "configuration.md").read_text(encoding="utf-8") == reference()
    assert (tmp_path / "devices.md").read_text(encoding="utf-8") == devices_page()
    assert main(["--help"]) == 2


def test_the_page_of_devices_is_that_of_the_profiles() -> None:
    text = PAGE.with_name("devices.md").read_text(encoding="utf-8")
    assert text == devices_page(), "docs/devices.md is old: run `python -m config`"
    assert all(f"| `{name}` |" in text for name in shipped_profiles())
