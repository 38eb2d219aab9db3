"""What `edge-agent status` prints: at most 80 cells wide, and 24 lines unless all devices are asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from config.language import cells, pad
from edge_agent.cli.lights_page import WIDTH_CELLS, folded, lights_in_status
from edge_agent.cli.words import TEXTS, cause_text

HEIGHT_LINES: Final = 24
_COLUMNS: Final = (("device", 15), ("good", 13), ("quality", 13), ("failed", 13))
_MAX_DENIED_LINES: Final = 2
_MAX_MAINTENANCE_LINES: Final = 4
_MAX_SHORT_LINES: Final = 2


def status_lines(status: Mapping[str, Any], *, show_all: bool = False) -> list[str]:
    """Return the page of a running agent's status."""
    lines = [
        TEXTS.text(
            "gateway_line",
            gateway=status["gateway"],
            version=status["version"],
            uptime=span_text(status["uptime_s"]),
            memory=size_text(status["rss_bytes"]),
        ),
        *_configuration(status),
        *_connection(status),
        undelivered_line(status["undelivered"]),
        *_delivery_faults(status),
        *short_cycles(status),
        *lights_in_status(status.get("lighting")),
        *_maintenance(status.get("maintenance", [])),
        _malformed(status["malformed"]),
        "",
    ]
    room = None if show_all else HEIGHT_LINES - len(lines) - 1
    return [fit(line, WIDTH_CELLS) for line in lines + _devices(status["devices"], room)]


def short_cycles(status: Mapping[str, Any]) -> list[str]:
    """Return which lines cannot keep the intervals of their devices, two at most by name."""
    short = [line for line in status.get("lines", ()) if line["cycle_too_short"]]
    lines = [
        text
        for line in short[:_MAX_SHORT_LINES]
        for text in folded(
            TEXTS.text(
                "cycle_too_short",
                line=fit(line["line"], 24),
                needs=share_text(line["needs"]),
                carries=share_text(line["carries"]),
            )
        )
    ]
    if len(short) > _MAX_SHORT_LINES:
        lines.append(TEXTS.text("cycles_too_short_more", count=len(short) - _MAX_SHORT_LINES))
    return lines


def undelivered_line(waiting: Mapping[str, Any]) -> str:
    """Return how much the centre does not have yet."""
    batches = waiting["spool_batches"]
    if not batches:
        return TEXTS.text("all_delivered")
    age_s = waiting["oldest_age_s"]
    return TEXTS.text(
        "undelivered",
        batches=batches,
        size=size_text(waiting["spool_bytes"]),
        age=TEXTS.text("unknown") if age_s is None else span_text(age_s),
    )


def span_text(seconds: float) -> str:
    """Return a time span in its largest fitting unit, whole numbers."""
    for unit, length in (("days", 172_800), ("hours", 7200), ("minutes", 120)):
        if seconds >= length:
            return TEXTS.text(unit, count=int(seconds // {"days": 86_400, "hours": 3600, "minutes": 60}[unit]))
    return TEXTS.text("seconds", count=int(seconds))


def share_text(share: float) -> str:
    """Return a share of a line's time in per cent."""
    return f"{100 * share:.0f} %" if share >= 0.1 or not share else f"{100 * share:.1f} %"


def size_text(size: float) -> str:
    """Return bytes in B, kB, MB or GB (powers of 1000)."""
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def fit(text: str, width_cells: int) -> str:
    """Return the text cut to a width in terminal cells, an ellipsis at its end if it was longer."""
    if cells(text) <= width_cells:
        return text
    while cells(text) > width_cells - 1:
        text = text[:-1]
    return text + "…"


def _configuration(status: Mapping[str, Any]) -> list[str]:
    problem = status.get("config_problem")
    return folded(TEXTS.text("config_wrong", problem=problem)) if problem else []


def _connection(status: Mapping[str, Any]) -> list[str]:
    connected = TEXTS.text("connected" if status["connected"] else "disconnected")
    synced = "clock_synced" if status["clock_synced"] else "clock_not_synced"
    if not status["clock_synced"] and not status.get("clock_required", True):
        synced = "clock_assumed"
    lines = [f"{connected}, {TEXTS.text(synced)}"]
    delivery = status["delivery"]
    problem = delivery.get("broker_problem")
    if not status["connected"] and problem:
        reason = delivery.get("broker_reason") or ""
        facts = {"broker": delivery["broker"], "reason": reason, "gateway": status["gateway"]}
        lines += folded(TEXTS.text(f"broker_{problem}", **facts))
    return lines


def _delivery_faults(status: Mapping[str, Any]) -> list[str]:
    """Return what keeps readings from the disk or from the centre, each with what to do."""
    delivery = status["delivery"]
    spool, denied = delivery["spool"], delivery["denied"]
    lines: list[str] = []
    if spool["failure"]:
        lines += folded(TEXTS.text("disk_fails", failure=spool["failure"], batches=spool["unkept_rows"]))
    if spool["evicted_readings"]:
        lines += folded(TEXTS.text("given_up", readings=spool["evicted_readings"]))
    for one in denied[:_MAX_DENIED_LINES]:
        lines += folded(TEXTS.text("denied", **one))
    if len(denied) > _MAX_DENIED_LINES:
        lines.append(TEXTS.text("denied_more", count=len(denied) - _MAX_DENIED_LINES))
    if delivery["metrics"].get("session_takeovers"):
        facts = {"gateway": status["gateway"], "count": delivery["metrics"]["session_takeovers"]}
        lines += folded(TEXTS.text("taken_over", **facts))
    return lines


def _maintenance(works: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = [
        TEXTS.text("maintenance_switch", **work)
        if "switch" in work
        else TEXTS.text("maintenance_line", **work, span=span_text(work["left_s"]))
        for work in works
    ]
    if len(lines) <= _MAX_MAINTENANCE_LINES:
        return lines
    shown = _MAX_MAINTENANCE_LINES - 1
    return [*lines[:shown], TEXTS.text("maintenance_more", count=len(lines) - shown)]


def _malformed(counted: Mapping[str, int]) -> str:
    counts = ", ".join(f"{name} {count}" for name, count in sorted(counted.items()) if count)
    return TEXTS.text("malformed", counts=counts) if counts else TEXTS.text("malformed_none")


def _is_good(device: Mapping[str, Any]) -> bool:
    return not (
        device["bad_points"] or device["set_aside"] or device["wrong_type"] or device["last_good_age_s"] is None
    )


def _devices(devices: list[Mapping[str, Any]], room: int | None) -> list[str]:
    """Return the table, the worst devices first where not all have room."""
    rows = [_row([TEXTS.text(f"column_{name}") for name, _ in _COLUMNS], TEXTS.text("column_remark"))]
    shown = devices
    if room is not None and len(devices) > room:
        shown = sorted(devices, key=_is_good)[: room - 1]
    rows += [_device_row(device) for device in shown]
    hidden = [device for device in devices if not any(device is one for one in shown)]
    if hidden:
        rows.append(TEXTS.text("more_devices", count=len(hidden), good=sum(map(_is_good, hidden))))
    return rows


def _device_row(device: Mapping[str, Any]) -> str:
    age_s = device["last_good_age_s"]
    bad = len(device["bad_points"])
    failed = sum(device["failures"].values())
    return _row(
        [
            device["device"],
            TEXTS.text("never") if age_s is None else TEXTS.text("ago", age=span_text(age_s)),
            TEXTS.text("bad_points", count=bad) if bad else TEXTS.text("good" if age_s is not None else "unknown"),
            f"{failed}/{device['polls']}",
        ],
        _remark(device),
    )


def _remark(device: Mapping[str, Any]) -> str:
    if device["wrong_type"]:
        return TEXTS.text("wrong_type")
    if device["set_aside"]:
        return TEXTS.text("set_aside", failure=cause_text(device["last_cause"]))
    return ", ".join(f"{key}: {cause_text(cause)}" for key, cause in device["bad_points"].items())


def _row(columns: list[str], remark: str) -> str:
    parts = [pad(fit(text, width - 1), width) for text, (_, width) in zip(columns, _COLUMNS, strict=True)]
    return ("".join(parts) + remark).rstrip()
