"""The points of `control`: what the lights should do and why, and of each circuit whether it does."""

from __future__ import annotations

from typing import Final

from config.lighting import Lighting
from contract.reading import Value
from edge_agent.core.lights.backdrop import GoingBy
from edge_agent.core.lights.circuits import Circuit
from edge_agent.core.lights.priority import Background
from edge_agent.shell.built_in_point import BuiltInPoint

SLOW_INTERVAL_S: Final = 60.0
"""Hours, counts and the calendar's hash are told this seldom."""
_CONTROL: Final[tuple[BuiltInPoint, ...]] = (
    BuiltInPoint("lamps_due", "Lamps should be on", "Đèn phải sáng", "bool", urgent=True),
    BuiltInPoint("level", "Level of light", "Mức sáng", "int", "%", urgent=True),
    BuiltInPoint("reason", "Why", "Lý do", "text", urgent=True),
    BuiltInPoint("program", "Program of the calendar", "Chương trình của lịch", "text"),
    BuiltInPoint("rule", "Rule of the calendar", "Quy tắc của lịch", "text"),
    BuiltInPoint("next_change", "Next change", "Lần đổi kế tiếp", "int", "ms"),
    BuiltInPoint("calendar_rev", "Revision of the calendar from the centre", "Phiên bản lịch từ trung tâm", "int"),
    BuiltInPoint("calendar_hash", "Hash of what the lights go by", "Mã băm của lịch đang dùng", "text", priority="low"),
    BuiltInPoint("permit", "Work permit in force", "Đang có phiếu công tác", "bool", urgent=True),
    BuiltInPoint("permit_by", "Who holds the work permit", "Người giữ phiếu công tác", "text", urgent=True),
    BuiltInPoint("permit_overdue", "Work permit past its planned end", "Phiếu công tác quá hạn", "bool", urgent=True),
    BuiltInPoint("selector_local", "Selector not in automatic", "Khóa chọn không ở tự động", "bool", urgent=True),
    BuiltInPoint("schedule_valid", "Schedule file is good", "Tệp lịch dùng được", "bool", urgent=True),
)


def control_points(lighting: Lighting) -> tuple[BuiltInPoint, ...]:
    """Return the points of `control` for the lights of a gateway."""
    points = list(_CONTROL)
    for circuit in lighting.switched:
        name, key = circuit.id, circuit.key
        points += [
            BuiltInPoint(f"wanted_{key}", f"{name} should be on", f"Mạch {name} phải bật", "bool", urgent=True),
            BuiltInPoint(f"actual_{key}", f"{name} is on", f"Mạch {name} đang bật", "bool", urgent=True),
            BuiltInPoint(f"proof_{key}", f"Proof of {name}", f"Xác nhận mạch {name}", "text", urgent=True),
            BuiltInPoint(f"reason_{key}", f"Why {name}", f"Lý do mạch {name}", "text", urgent=True),
            BuiltInPoint(
                f"on_hours_{key}", f"Hours that {name} was on", f"Giờ sáng mạch {name}", "float", "h", priority="low"
            ),
            BuiltInPoint(
                f"switch_count_{key}", f"Switches of {name}", f"Số lần đóng cắt mạch {name}", "int", priority="low"
            ),
        ]
        if circuit.dimmer:
            points.append(BuiltInPoint(f"dim_{key}", f"Dim level of {name}", f"Mức điều sáng mạch {name}", "int", "%"))
    return tuple(points)


def control_values(
    *, background: Background, going: GoingBy, is_due: bool, reason: str, circuits: dict[str, Circuit], is_local: bool
) -> dict[str, Value]:
    """Return what is told at every change: the lights as a whole and each circuit, by point key."""
    values: dict[str, Value] = {
        "lamps_due": is_due,
        "level": background.level,
        "reason": reason,
        "program": background.program,
        "rule": background.rule,
        "calendar_rev": going.rev,
        "selector_local": is_local,
        "schedule_valid": going.problem is None,
    }
    if background.until_ms is not None:
        values["next_change"] = background.until_ms
    for name, circuit in circuits.items():
        key = name.lower()
        if circuit.aim is None:
            continue
        values[f"wanted_{key}"] = circuit.aim.is_on
        values[f"reason_{key}"] = circuit.aim.reason
        if circuit.proof.state != "pending":
            values[f"proof_{key}"] = circuit.proof.cause or circuit.proof.state
        actual = circuit.actual()
        if actual is not None:
            values[f"actual_{key}"] = actual
        if circuit.dimmer is not None and circuit.dimmer.shown is not None:
            values[f"dim_{key}"] = circuit.dimmer.shown
    return values


def slow_values(going: GoingBy, circuits: dict[str, Circuit]) -> dict[str, Value]:
    """Return what is told seldom, by point key."""
    values: dict[str, Value] = {"calendar_hash": going.hash}
    for name, circuit in circuits.items():
        values[f"on_hours_{name.lower()}"] = round(circuit.ledger.on_s / 3600, 3)
        values[f"switch_count_{name.lower()}"] = circuit.ledger.switches
    return values
