"""Texts say the same in both languages, and columns align whatever marks they hold."""

from __future__ import annotations

import importlib
import pkgutil
import string
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.language import LANGUAGES, Texts, _Preference, cells, choose_language, pad, prefer_language_of

PACKAGES = ("contract", "config", "drivers", "edge_agent", "collector", "firmware_sim")
VIETNAMESE_MARKS = set("ăâđêôơưàảãáạằẳẵắặầẩẫấậèẻẽéẹềểễếệìỉĩíịòỏõóọồổỗốộờởỡớợùủũúụừửữứựỳỷỹýỵ")


def _modules() -> Iterator[str]:
    for package in PACKAGES:
        yield package
        for module in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
            if not module.name.endswith("__main__"):
                yield module.name


def _tables() -> list[tuple[str, Texts]]:
    found: dict[int, tuple[str, Texts]] = {}
    for module in _modules():
        for name, value in vars(importlib.import_module(module)).items():
            if isinstance(value, Texts):
                found.setdefault(id(value), (f"{module}.{name}", value))
    return list(found.values())


TEXTS = [
    pytest.param(table, key, id=f"{name}:{key}")
    for name, table in _tables()
    for key in table.keys()  # noqa: SIM118 - Texts is no mapping
]


def places(text: str) -> set[tuple[str, str]]:
    """Return the facts that a text takes, each with how it is written."""
    return {(name, f"{spec}!{how}") for _, name, spec, how in string.Formatter().parse(text) if name is not None}


def test_the_packages_have_texts() -> None:
    assert len(TEXTS) >= 10


@pytest.mark.parametrize(("table", "key"), TEXTS)
def test_both_languages_take_the_same_facts(table: Texts, key: str) -> None:
    english, vietnamese = table.text(key, "en"), table.text(key, "vi")
    assert {name for name, _ in places(english)} == {name for name, _ in places(vietnamese)}
    assert "" not in {name for name, _ in places(english)}, "facts have names"
    assert english.strip()
    assert vietnamese.strip()


@pytest.mark.parametrize(("table", "key"), TEXTS)
def test_texts_are_composed_unicode_and_english_has_no_vietnamese(table: Texts, key: str) -> None:
    for language in LANGUAGES:
        text = table.text(key, language)
        assert unicodedata.is_normalized("NFC", text)
        assert not any(unicodedata.category(char) == "Cc" and char not in "\n\b" for char in text)
    assert not VIETNAMESE_MARKS & set(table.text(key, "en").lower())


def test_vietnamese_is_written_with_its_marks() -> None:
    tables = _tables()
    assert tables
    for name, table in tables:
        whole = " ".join(table.text(key, "vi") for key in table.keys()).lower()  # noqa: SIM118 - Texts is no mapping
        assert VIETNAMESE_MARKS & set(whole), name


def test_a_text_written_in_parts_is_composed() -> None:
    texts = Texts({"lost": ("mains lost at {place}", unicodedata.normalize("NFD", "mất điện tại {place}"))})
    assert texts.text("lost", "vi", place="Hùng Vương") == "mất điện tại Hùng Vương"
    assert texts.text("lost", "en", place="Hùng Vương") == "mains lost at Hùng Vương"
    assert texts.keys() == ("lost",)
    with pytest.raises(KeyError):
        texts.text("lost", "vi", street="x")
    with pytest.raises(KeyError):
        texts.text("found", "vi")


def test_a_fact_is_no_template() -> None:
    texts = Texts({"seen": ("saw {what}", "thấy {what}")})
    assert texts.text("seen", "en", what="{what!r:>{width}}") == "saw {what!r:>{width}}"


@pytest.mark.parametrize(
    ("text", "width"),
    [
        ("", 0),
        ("mains", 5),
        ("mất điện", 8),
        (unicodedata.normalize("NFD", "mất điện"), 8),
        ("Đường Hùng Vương", 16),
        (unicodedata.normalize("NFD", "Đường Hùng Vương"), 16),
        ("\uff57\uff49\uff44\uff45", 8),
        ("灯 1", 4),
    ],
)
def test_cells_count_what_a_terminal_shows(text: str, width: int) -> None:
    assert cells(text) == width
    assert cells(pad(text, 20)) == 20
    assert pad(text, 20).startswith(text)
    assert pad(text, 0) == text


@pytest.mark.parametrize(
    ("arguments", "environment", "language"),
    [
        ([], {}, "en"),
        ([], {"LANG": "vi_VN.UTF-8"}, "vi"),
        ([], {"LANG": "C.UTF-8"}, "en"),
        ([], {"LANG": "vi_VN.UTF-8", "LC_ALL": "en_US.UTF-8"}, "en"),
        ([], {"LANG": "en_US.UTF-8", "LAMPLIGHTER_LANG": "vi"}, "vi"),
        (["status", "--lang", "vi"], {"LAMPLIGHTER_LANG": "en"}, "vi"),
        (["--lang=en", "status"], {"LANG": "vi_VN"}, "en"),
        (["--lang"], {"LANG": "vi"}, "vi"),
        (["--lang", "fr"], {}, "en"),
        (["--lang", "VI"], {}, "vi"),
    ],
)
def test_the_language_is_the_nearest_that_was_asked_for(
    arguments: list[str], environment: dict[str, str], language: str
) -> None:
    assert choose_language(arguments, environment) == language


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        (b"gateway: g\nlanguage: vi\n", "vi"),
        (b"language: 'vi'  # the crew's\r\n", "vi"),
        (b"language: en\n\ttab: broken", "en"),
        (b"\xff\xfe", None),
        (b"mqtt:\n  language: vi\n", None),
        (b"language: de\n", None),
    ],
)
def test_a_process_speaks_as_its_file_asks_unless_somebody_asks_otherwise(
    text: bytes, asked: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_Preference, "language", None)
    file = tmp_path / "agent.yaml"
    file.write_bytes(text)
    prefer_language_of(file)
    prefer_language_of(tmp_path / "none.yaml")
    assert _Preference.language == asked
    other = {"vi": "en_GB.UTF-8", "en": "vi_VN.UTF-8"}.get(asked or "", "en")
    assert choose_language([], {"LANG": other}, _Preference.language) == (asked or "en")
    assert choose_language(["--lang", "en"], {"LANG": other}, "vi") == "en"
    assert choose_language([], {"LAMPLIGHTER_LANG": "en"}, "vi") == "en"
