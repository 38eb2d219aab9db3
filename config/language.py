"""The languages that people read: Vietnamese and English, chosen once for a process."""

from __future__ import annotations

import itertools
import os
import re
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Literal, get_args

Language = Literal["en", "vi"]
LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)
ENVIRONMENT_VARIABLE: Final = "LAMPLIGHTER_LANG"
MAX_SCANNED_BYTES: Final = 65_536


_LINE: Final = re.compile(rb"^language:[ \t]*['\"]?(en|vi)\b", re.MULTILINE)


class _Preference:
    """What the configuration of this process asks for."""

    language: Language | None = None


def choose_language(
    arguments: Sequence[str], environment: Mapping[str, str], preferred: Language | None = None
) -> Language:
    """Return the language that was asked for.

    `--lang`, then LAMPLIGHTER_LANG, then the configuration's (`preferred`), then LC_ALL, LC_MESSAGES, LANG, else en.
    Command lines need it before they parse, because their help texts are written in it.
    """
    asked = [
        *(value for flag, value in itertools.pairwise(arguments) if flag == "--lang"),
        *(argument.removeprefix("--lang=") for argument in arguments if argument.startswith("--lang=")),
        environment.get(ENVIRONMENT_VARIABLE, ""),
        preferred or "",
        *(environment.get(name, "") for name in ("LC_ALL", "LC_MESSAGES", "LANG")),
    ]
    for value in asked:
        for language in LANGUAGES:
            if value.lower().startswith(language):
                return language
    return "en"


def process_language() -> Language:
    """Return the language of this process, from its arguments, its environment and the file it works by."""
    return choose_language(sys.argv[1:], os.environ, _Preference.language)


def prefer_language_of(file: Path) -> None:
    """Let this process speak as the line `language:` of its file asks; also where the rest of the file is wrong."""
    try:
        with file.open("rb") as stream:
            asked = _LINE.search(stream.read(MAX_SCANNED_BYTES))
    except OSError:
        return
    if asked:
        _Preference.language = "vi" if asked[1] == b"vi" else "en"


class Texts:
    """A table of texts by key, each as (English, Vietnamese), with `str.format` places for facts."""

    def __init__(self, table: Mapping[str, tuple[str, str]]) -> None:
        self._table = {
            key: {"en": english, "vi": unicodedata.normalize("NFC", vietnamese)}
            for key, (english, vietnamese) in table.items()
        }

    def text(self, key: str, language: Language | None = None, /, **facts: object) -> str:
        """Return the text in `language` (the process's own if None) with the facts filled in.

        Raises:
            KeyError: The key or a fact is missing: a programming error.
        """
        template = self._table[key][language or process_language()]
        return template.format(**facts) if facts else template

    def __contains__(self, key: object) -> bool:
        return key in self._table

    def keys(self) -> tuple[str, ...]:
        """Return every key, for tests that hold both languages to the same places for facts."""
        return tuple(self._table)


def cells(text: str) -> int:
    """Return the terminal cells that a text takes: combining marks take none, wide characters two."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )


def pad(text: str, width_cells: int) -> str:
    """Return the text padded with spaces to a width in terminal cells."""
    return text + " " * max(0, width_cells - cells(text))
