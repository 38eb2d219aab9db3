"""Draw terminal output as an SVG picture: `make demo | python docs/pictures/terminal.py TITLE > demo.svg`."""

from __future__ import annotations

import sys
from html import escape
from typing import Final

COLUMNS: Final = 110
CELL_WIDTH_PX: Final = 8.4
LINE_HEIGHT_PX: Final = 19
MARGIN_PX: Final = 16
HEADER_PX: Final = 34
COLOURS: Final = (("demo: {", "#7ee787"), ("  |", "#ffd866"), ("!!", "#ff7b72"), ("$", "#79c0ff"))


def _colour(line: str) -> str:
    return next((colour for start, colour in COLOURS if line.startswith(start)), "#d0d7de")


def _folded(lines: list[str]) -> list[str]:
    folded: list[str] = []
    for line in lines:
        folded += [line[start : start + COLUMNS] for start in range(0, max(1, len(line)), COLUMNS)]
    return folded


def draw(title: str, text: str) -> str:
    """Return an SVG document of the text in a terminal window, folded at 110 columns."""
    lines = _folded(text.rstrip("\n").split("\n"))
    width = round(COLUMNS * CELL_WIDTH_PX + 2 * MARGIN_PX)
    height = HEADER_PX + LINE_HEIGHT_PX * len(lines) + MARGIN_PX
    rows = [
        f'<text x="{MARGIN_PX}" y="{HEADER_PX + LINE_HEIGHT_PX * (number + 1) - 6}" fill="{_colour(line)}">'
        f"{escape(line)}</text>"
        for number, line in enumerate(lines)
        if line
    ]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">',
            '<style>text{font:14px "DejaVu Sans Mono",Menlo,Consolas,monospace;white-space:pre}</style>',
            f'<rect width="{width}" height="{height}" rx="8" fill="#161b22"/>',
            f'<text x="{width / 2}" y="21" fill="#8b949e" text-anchor="middle">{escape(title)}</text>',
            *rows,
            "</svg>\n",
        ]
    )


if __name__ == "__main__":
    sys.stdout.write(draw(sys.argv[1], sys.stdin.read()))
