"""What `edge-agent status --bus` prints: how long each device holds its line, in at most 80 cells and 24 lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from config.language import pad
from edge_agent.cli.lights_page import WIDTH_CELLS
from edge_agent.cli.status_page import HEIGHT_LINES, fit, share_text
from edge_agent.cli.words import TEXTS

_COLUMNS: Final = (("device", 24), ("line", 15), ("mean", 12), ("worst", 11), ("share", 9), ("need", 8))
_LINES_SHOWN: Final = 6


def bus_lines(status: Mapping[str, Any], *, show_all: bool = False) -> list[str]:
    """Return the lines, those that need most first, and the devices, those that hold their line longest first."""
    lines = sorted(status["lines"], key=lambda line: float(line["needs"]), reverse=True)
    devices = sorted(status["devices"], key=_weight, reverse=True)
    page = [_line(line) for line in (lines if show_all else lines[:_LINES_SHOWN])]
    if len(page) < len(lines):
        page.append(TEXTS.text("bus_more", count=len(lines) - len(page)))
    page += ["", _row([TEXTS.text(f"column_{name}") for name, _ in _COLUMNS])]
    room = len(devices) if show_all else HEIGHT_LINES - len(page) - 1
    shown = devices if len(devices) <= room else devices[: room - 1]
    page += [_device(device) for device in shown]
    if len(shown) < len(devices):
        page.append(TEXTS.text("bus_more", count=len(devices) - len(shown)))
    return [fit(line, WIDTH_CELLS) for line in page]


def _weight(device: Mapping[str, Any]) -> tuple[float, float]:
    return float(device["bus_need"] or 0.0), float(device["bus_share"])


def _line(line: Mapping[str, Any]) -> str:
    shares = {name: share_text(line[name]) for name in ("share", "needs", "carries")}
    return TEXTS.text("bus_line", line=fit(line["line"], 15), **shares)


def _device(device: Mapping[str, Any]) -> str:
    need = device["bus_need"]
    return _row(
        [
            device["device"],
            device["line"],
            _seconds(device["bus_mean_s"]),
            _seconds(device["bus_worst_s"]),
            share_text(device["bus_share"]),
            TEXTS.text("unknown") if need is None else share_text(need),
        ]
    )


def _seconds(seconds: float) -> str:
    return f"{seconds:.3f} s" if seconds < 100 else f"{seconds:.0f} s"


def _row(columns: list[str]) -> str:
    parts = [pad(fit(text, width - 1), width) for text, (_, width) in zip(columns, _COLUMNS, strict=True)]
    return "".join(parts).rstrip()
