"""README's picture shows what the demonstration prints today."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import pytest

from firmware_sim.demo.run import EXPECTED
from firmware_sim.demo.texts import TEXTS

PICTURE = Path(__file__).parents[3] / "docs" / "pictures" / "demo.svg"
KEPT_OUT = {"try", "interrupted", "in_use", "long_path"}
"""What a run that goes well to its end does not say."""


def _shown() -> str:
    return "\n".join(unescape(row) for row in re.findall(r"<text[^>]*>(.*?)</text>", PICTURE.read_text("utf-8")))


@pytest.mark.parametrize("key", [key for key in TEXTS.keys() if key not in KEPT_OUT])  # noqa: SIM118 - no mapping
def test_every_line_of_the_time_line_is_in_the_picture(key: str) -> None:
    pattern = re.sub(r"\\\{.*?\\\}", ".+", re.escape(TEXTS.text(key, "en")))
    assert re.search(rf"^ *[0-9.]+ s  {pattern}$", _shown(), re.MULTILINE)


def test_the_picture_shows_every_message_and_a_good_end() -> None:
    shown = _shown()
    for words in EXPECTED.values():
        assert re.search(rf"^  \| ({'|'.join(words)})", shown, re.MULTILINE), words
    end = shown.replace("\n", "").rpartition("demo: ")[2]
    assert '"readings_lost": 0, "duplicates": 0' in end
