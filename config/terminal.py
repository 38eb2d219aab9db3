"""Prose on a terminal: a line that is too long for it goes on at a word, not in the middle of one."""

from __future__ import annotations

from shutil import get_terminal_size
from typing import Final, TextIO

from config.language import cells

INDENT: Final = "  "
"""Before what goes on, so that the next message is seen to begin."""
NARROWEST_CELLS: Final = 20


def wrapped(text: str, width_cells: int) -> str:
    """Return the text with its long lines broken between words; a word that no line holds stays whole.

    Args:
        text: Any number of lines.
        width_cells: Of the terminal.
    """
    width_cells = max(width_cells, NARROWEST_CELLS)
    return "\n".join(part for line in text.split("\n") for part in _lines(line, width_cells))


def _lines(line: str, width_cells: int) -> list[str]:
    if cells(line) <= width_cells:
        return [line]
    words = line.split(" ")
    lines, current = [], words[0]
    for word in words[1:]:
        if cells(current) + 1 + cells(word) <= width_cells or not current.strip():
            current = f"{current} {word}"
        else:
            lines.append(current.rstrip())
            current = INDENT + word
    return [*lines, current.rstrip()]


def for_stream(text: str, stream: TextIO) -> str:
    """Return the text as a stream wants it: wrapped for a terminal, as it is for a file or a pipe."""
    return wrapped(text, get_terminal_size().columns) if stream.isatty() else text
