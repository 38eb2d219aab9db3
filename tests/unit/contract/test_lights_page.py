"""docs/lights.md: every example is read as a calendar, and every row of its tables is what the calendar gives."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from config.loader import load_document, load_text
from contract.lights import Calendar, lit_circuits, resolve
from contract.lights.holiday_dates import EXPANDED_DAYS
from contract.lights.moments import MAX_OFFSET_MINUTES
from contract.lights.sensing import SILENT_AFTER_S
from contract.state import Place

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "lights.md").read_text("utf-8")
PLEIKU = Place(latitude=13.983, longitude=108.0, timezone="Asia/Ho_Chi_Minh")
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```\n(.*?)(?=^```|^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)


def _rows(text: str) -> list[dict[str, str]]:
    lines = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")
    ]
    return [dict(zip(lines[0], cells, strict=True)) for cells in lines[2:]] if lines else []


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_an_example_gives_what_its_table_says(number: int) -> None:
    source, after = EXAMPLES[number]
    calendar = load_text(source, Path("lights.yaml"), Calendar)
    for row in _rows(after):
        local = datetime.fromisoformat(row["Pleiku"]).replace(tzinfo=ZoneInfo(PLEIKU.timezone))
        now = resolve(calendar, PLEIKU, round(local.timestamp() * 1000))
        circuits = " ".join(sorted(lit_circuits(calendar, now.level, ["A", "B", "C"])))
        told = {
            "level": str(now.level),
            "dim": str(now.dim or ""),
            "circuits": circuits,
            "program": now.program,
            "rule": now.rule or "",
        }
        assert {key: told[key] for key in row if key in told} == {key: row[key] for key in row if key in told}, row


def test_the_page_shows_what_it_promises() -> None:
    assert len(EXAMPLES) == 4
    assert sum(len(_rows(after)) for _, after in EXAMPLES) >= 19


def test_the_page_names_the_bounds_that_hold() -> None:
    assert f"up to {MAX_OFFSET_MINUTES} minutes" in PAGE
    assert f"next {EXPANDED_DAYS} days" in PAGE
    assert f"silent for {SILENT_AFTER_S / 60:g} minutes" in PAGE


@pytest.mark.parametrize("name", ["schedule.yaml", "calendar.yaml"])
def test_the_shipped_examples_are_calendars(name: str) -> None:
    calendar = load_document(ROOT / "config" / "examples" / name, Calendar)
    assert calendar.all_programs
