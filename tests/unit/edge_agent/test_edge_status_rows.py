from __future__ import annotations

import pytest

from config.language import LANGUAGES, Language
from edge_agent.cli import status_page
from edge_agent.cli.words import TEXTS
from tests.unit.edge_agent.test_edge_cli_pages import device, status


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("cause", ["timeout", "crc", "protocol", "refused", "line_down"])
def test_a_device_that_is_set_aside_is_told_in_whole_words(
    language: Language, cause: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAMPLIGHTER_LANG", language)
    dead = device(1, device="meter-1", set_aside=True, last_good_age_s=7199.0, last_cause=cause, polls=99_999)
    dead |= {"bad_points": {f"p{number}": cause for number in range(30)}, "failures": {cause: 99_999}}
    row = status_page.status_lines(status([dead], lighting=None))[-1]
    assert "…" not in row
    assert row.endswith(TEXTS.text("set_aside", failure=TEXTS.text(f"cause_{cause}")))
