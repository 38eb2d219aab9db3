"""The languages that people read: Vietnamese and English, chosen once for a process."""

from __future__ import annotations

import itertools
import os
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Final, Literal, get_args

Language = Literal["en", "vi"]
LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)
ENVIRONMENT_VARIABLE: Final = "LAMPLIGHTER_LANG"


def choose_language(arguments: Sequence[str], environment: Mapping[str, str]) -> Language:
    """Return the language that was asked for: `--lang`, then LAMPLIGHTER_LANG, LC_ALL, LC_MESSAGES, LANG, else en.

    Command lines need it before they parse, because their help texts are written in it.
    """
    asked = [
        *(value for flag, value in itertools.pairwise(arguments) if flag == "--lang"),
        *(argument.removeprefix("--lang=") for argument in arguments if argument.startswith("--lang=")),
        *(environment.get(name, "") for name in (ENVIRONMENT_VARIABLE, "LC_ALL", "LC_MESSAGES", "LANG")),
    ]
    for value in asked:
        for language in LANGUAGES:
            if value.lower().startswith(language):
                return language
    return "en"


def process_language() -> Language:
    """Return the language of this process, from its arguments and environment."""
    return choose_language(sys.argv[1:], os.environ)


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
