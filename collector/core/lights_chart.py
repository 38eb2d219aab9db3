"""A month's energy as a picture (SVG): bars by night, the plan and the full night as lines over them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Final
from xml.sax.saxutils import escape

from collector.core.lights_report import NightEnergy

BAR_WIDTH: Final = 24.0
LEFT: Final = 70.0
TOP: Final = 76.0
HEIGHT: Final = 260.0
BOTTOM: Final = 60.0
RIGHT: Final = 24.0
_BAR: Final = "#f2a93b"
_PARTLY: Final = "#f7dcae"
_PLAN: Final = "#1f5f8b"
_FULL: Final = "#8a8f98"
_GRID: Final = "#d9dce1"
_TEXT: Final = "#212529"


def chart(nights: Sequence[NightEnergy], title: str, words: Callable[[str], str]) -> str:
    """Return an SVG document.

    Args:
        nights: Of consecutive lighting days, at least one.
        title: Drawn above; any text.
        words: Key to a text: energy, partly, plan, full, no_night.
    """
    top_kwh = nice_top(max(max(night.energy_kwh, night.plan_kwh, night.full_kwh) for night in nights))
    width = LEFT + max(BAR_WIDTH * len(nights), 420) + RIGHT
    total_height = TOP + HEIGHT + BOTTOM
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{total_height:.0f}"'
            f' viewBox="0 0 {width:.0f} {total_height:.0f}" font-family="sans-serif" font-size="11">'
        ),
        f"<title>{escape(title)}</title>",
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        f'<text x="{LEFT:.0f}" y="24" font-size="15" fill="{_TEXT}">{escape(title)}</text>',
        *_legend(words),
        *_grid(top_kwh, width),
    ]
    for number, night in enumerate(nights):
        parts += _night(number, night, top_kwh, words)
    for name, colour, dashes in (("full_kwh", _FULL, "4 3"), ("plan_kwh", _PLAN, "")):
        parts += _line(nights, name, colour, dashes, top_kwh)
    return "\n".join([*parts, "</svg>", ""])


def nice_top(greatest: float) -> float:
    """Return the top of the scale: 1, 2, 2.5 or 5 times a power of ten."""
    if not greatest > 0:
        return 1.0
    scale = 10.0 ** math.floor(math.log10(greatest))
    return next(step * scale for step in (1, 2, 2.5, 5, 10) if step * scale >= greatest)


def _y(kwh: float, top_kwh: float) -> float:
    return TOP + HEIGHT * (1 - kwh / top_kwh)


def _legend(words: Callable[[str], str]) -> Iterator[str]:
    x = LEFT
    for key, colour in (("energy", _BAR), ("partly", _PARTLY), ("plan", _PLAN), ("full", _FULL)):
        label = words(key)
        yield f'<rect x="{x:.0f}" y="42" width="12" height="12" fill="{colour}"/>'
        yield f'<text x="{x + 17:.0f}" y="52" fill="{_TEXT}">{escape(label)}</text>'
        x += 34 + 6.2 * len(label)


def _grid(top_kwh: float, width: float) -> Iterator[str]:
    for part in range(6):
        kwh = top_kwh * part / 5
        y = _y(kwh, top_kwh)
        yield f'<line x1="{LEFT}" y1="{y:.1f}" x2="{width - RIGHT}" y2="{y:.1f}" stroke="{_GRID}"/>'
        yield f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end" fill="{_TEXT}">{kwh:g}</text>'
    yield f'<text x="{LEFT - 8}" y="{TOP - 10}" text-anchor="end" fill="{_TEXT}">kWh</text>'


def _night(number: int, night: NightEnergy, top_kwh: float, words: Callable[[str], str]) -> Iterator[str]:
    x = LEFT + number * BAR_WIDTH
    told = f"{night.day.isoformat()}: {night.energy_kwh:.1f} kWh ({night.measured}/{night.cabinets})"
    if night.measured:
        colour = _BAR if night.measured == night.cabinets else _PARTLY
        y = _y(night.energy_kwh, top_kwh)
        yield (
            f'<rect x="{x + 3:.1f}" y="{y:.1f}" width="{BAR_WIDTH - 6:.1f}" height="{TOP + HEIGHT - y:.1f}"'
            f' fill="{colour}"><title>{escape(told)}</title></rect>'
        )
    else:
        middle = x + BAR_WIDTH / 2
        yield (
            f'<text x="{middle:.1f}" y="{TOP + HEIGHT - 6:.1f}" text-anchor="middle" fill="{_FULL}">x'
            f"<title>{escape(words('no_night'))}</title></text>"
        )
    yield (
        f'<text x="{x + BAR_WIDTH / 2:.1f}" y="{TOP + HEIGHT + 16:.1f}" text-anchor="middle"'
        f' fill="{_TEXT}">{night.day.day}</text>'
    )


def _line(nights: Sequence[NightEnergy], name: str, colour: str, dashes: str, top_kwh: float) -> Iterator[str]:
    """Yield the line of the plan or the full nights, broken where nothing was measured."""
    dash = f' stroke-dasharray="{dashes}"' if dashes else ""
    points: list[str] = []
    for number, night in enumerate([*nights, None]):
        if night is not None and night.measured:
            x = LEFT + (number + 0.5) * BAR_WIDTH
            points.append(f"{x:.1f},{_y(getattr(night, name), top_kwh):.1f}")
        elif points:
            if len(points) == 1:
                middle, _, y = points[0].partition(",")
                points = [f"{float(middle) - 8:.1f},{y}", f"{float(middle) + 8:.1f},{y}"]
            yield f'<polyline points="{" ".join(points)}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>'
            points = []
