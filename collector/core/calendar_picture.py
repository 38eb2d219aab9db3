"""A calendar as a picture: one row a night, the hours across, levels as shades, the sun's curve over them (SVG)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

from contract.lights import Located, Night, Step, sun_table

HOUR_WIDTH: Final = 38.0
LEFT: Final = 86.0
TOP: Final = 58.0
RIGHT: Final = 20.0
BOTTOM: Final = 46.0
HOURS: Final = 24
_DARK: Final = "#1d2433"
_LIT: Final = "#ffd43b"
_SUN: Final = "#ff6b6b"
_GRID: Final = "#5c677d"
_TEXT: Final = "#212529"


def row_height(nights: int) -> float:
    """Return how high a night is drawn, so that a year fits a page and a week is no strip."""
    return min(16.0, max(2.0, 1_000.0 / max(1, nights)))


def brightness(step: Step) -> float:
    """Return the share of the cabinet's full light that a step gives, as far as the calendar knows: 0 to 1."""
    return step.level / 100 * (100 if step.dim is None else step.dim) / 100


def picture(nights: Sequence[Night], place: Located, title: str) -> str:
    """Return an SVG document.

    Args:
        nights: Of consecutive lighting days, at least one.
        place: Where they were planned for.
        title: Drawn above; any text.
    """
    zone = ZoneInfo(place.timezone)
    height = row_height(len(nights))
    bottom = TOP + height * len(nights)
    width = LEFT + HOUR_WIDTH * HOURS + RIGHT
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{bottom + BOTTOM:.0f}"'
            f' viewBox="0 0 {width:.0f} {bottom + BOTTOM:.0f}" font-family="sans-serif" font-size="11">'
        ),
        f"<title>{escape(title)}</title>",
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        f'<text x="{LEFT:.0f}" y="20" font-size="15" fill="{_TEXT}">{escape(title)}</text>',
        f'<rect x="{LEFT}" y="{TOP}" width="{HOUR_WIDTH * HOURS}" height="{height * len(nights):.2f}" fill="{_DARK}"/>',
    ]
    # Smoothed edges would let the dark shine through between the rows.
    parts.append('<g shape-rendering="crispEdges">')
    for number, night in enumerate(nights):
        parts += _row(night, zone, TOP + number * height, height)
    parts.append("</g>")
    parts += _grid(bottom)
    parts += _sun_curves(nights, place, zone, height)
    parts += _days(nights, height)
    parts += _legend(nights, bottom)
    return "\n".join([*parts, "</svg>", ""])


def _x_of(at_ms: int, night: Night, zone: ZoneInfo) -> float:
    """Return where an instant of a lighting day stands: by the wall's clock, noon at the left edge."""
    wall = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone).replace(tzinfo=None)
    noon = datetime.combine(night.day, datetime.min.time()) + timedelta(hours=12)
    hours = (wall - noon).total_seconds() / 3600
    return LEFT + HOUR_WIDTH * min(float(HOURS), max(0.0, hours))


def _row(night: Night, zone: ZoneInfo, y: float, height: float) -> Iterable[str]:
    if night.is_exception:
        yield f'<rect x="{LEFT - 6}" y="{y:.2f}" width="4" height="{height:.2f}" fill="{_SUN}"/>'
    for step in night.steps:
        first, end = _x_of(step.start_ms, night, zone), _x_of(step.end_ms, night, zone)
        if end > first:
            opacity = 0.15 + 0.85 * brightness(step)
            yield (
                f'<rect x="{first:.2f}" y="{y:.2f}" width="{end - first:.2f}" height="{height:.2f}"'
                f' fill="{_LIT}" fill-opacity="{opacity:.2f}"/>'
            )


def _grid(bottom: float) -> Iterable[str]:
    for hour in range(0, HOURS + 1, 2):
        x = LEFT + hour * HOUR_WIDTH
        yield f'<line x1="{x}" y1="{TOP}" x2="{x}" y2="{bottom:.2f}" stroke="{_GRID}" stroke-width="0.4"/>'
        yield f'<text x="{x}" y="{TOP - 8}" text-anchor="middle" fill="{_TEXT}">{(12 + hour) % 24:02d}:00</text>'


def _sun_curves(nights: Sequence[Night], place: Located, zone: ZoneInfo, height: float) -> Iterable[str]:
    table = sun_table(place, nights[0].day, len(nights))
    for event in ("sunset", "sunrise"):
        # Where the sun does not set or rise, the line breaks.
        runs: list[list[str]] = [[]]
        for number, night in enumerate(nights):
            dark = table.dark_of(night.day)
            happens = dark is not None and (dark.sets if event == "sunset" else dark.rises)
            if dark is None or not happens:
                runs.append([])
                continue
            at_ms = dark.sunset_ms if event == "sunset" else dark.sunrise_ms
            runs[-1].append(f"{_x_of(at_ms, night, zone):.2f},{TOP + (number + 0.5) * height:.2f}")
        for run in runs:
            if len(run) == 1:
                x, y = run[0].split(",")
                yield f'<circle cx="{x}" cy="{y}" r="2" fill="{_SUN}"/>'
            elif run:
                yield f'<polyline points="{" ".join(run)}" fill="none" stroke="{_SUN}" stroke-width="1.2"/>'


def _days(nights: Sequence[Night], height: float) -> Iterable[str]:
    every = max(1, round(14 / height))
    for number, night in enumerate(nights):
        is_first = number == 0 or night.day.day == 1
        if is_first or (len(nights) <= 62 and number % every == 0):
            y = TOP + number * height
            yield f'<text x="{LEFT - 10}" y="{y + 9:.2f}" text-anchor="end" fill="{_TEXT}">{night.day:%Y-%m-%d}</text>'


def _legend(nights: Sequence[Night], bottom: float) -> Iterable[str]:
    levels = sorted({(step.level, step.dim) for night in nights for step in night.steps}, key=str, reverse=True)[:8]
    x = LEFT
    for level, dim in levels:
        opacity = 0.15 + 0.85 * level / 100 * (100 if dim is None else dim) / 100
        told = f"{level} %" + ("" if dim is None else f" / {dim} %")
        yield f'<rect x="{x:.0f}" y="{bottom + 16:.2f}" width="18" height="12" fill="{_DARK}"/>'
        yield (
            f'<rect x="{x:.0f}" y="{bottom + 16:.2f}" width="18" height="12" fill="{_LIT}"'
            f' fill-opacity="{opacity:.2f}"/>'
        )
        yield f'<text x="{x + 24:.0f}" y="{bottom + 26:.2f}" fill="{_TEXT}">{told}</text>'
        x += 100
