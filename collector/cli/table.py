"""Tables and durations for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

import click

from config.language import cells, pad


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows below a header, each column as wide as its widest cell."""
    lines = [[printable(cell) for cell in line] for line in (header, *rows)]
    widths = [max(cells(line[column]) for line in lines) for column in range(len(header))]
    for line in lines:
        click.echo("  ".join(pad(cell, width) for cell, width in zip(line, widths, strict=True)).rstrip())


def printable(words: str) -> str:
    """Return words from the field with whatever would steer the terminal, or break a row, written out."""
    if words.isprintable():
        return words
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in words)


def duration(milliseconds: int) -> str:
    """Return a duration in its two largest units: 850ms, 12s, 3m 5s, 2h 10m, 4d 3h."""
    sign = "-" if milliseconds < 0 else ""
    milliseconds = abs(milliseconds)
    if milliseconds < 1000:
        return f"{sign}{milliseconds}ms"
    seconds = milliseconds // 1000
    units = (("d", seconds // 86_400), ("h", seconds // 3600 % 24), ("m", seconds // 60 % 60), ("s", seconds % 60))
    first = next(index for index, (_, count) in enumerate(units) if count)
    shown = [f"{count}{unit}" for unit, count in units[first : first + 2] if count]
    return sign + " ".join(shown)
