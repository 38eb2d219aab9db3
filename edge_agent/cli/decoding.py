"""`edge-agent decode`: a captured frame, or registers read with another program, in the words of a profile."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from config.errors import ConfigErrors
from config.language import process_language
from config.profile import load_modbus_profile
from contract.reading import Value
from drivers.modbus.captured import HexError, parse_capture, parse_hex
from drivers.modbus.explain import Candidate, FrameExplanation, explain
from drivers.modbus.explain_points import PointInFrame
from drivers.modbus.explain_registers import explain_registers, parse_registers
from drivers.modbus.explain_texts import TEXTS as EXPLAINED
from edge_agent.cli.exit_codes import ExitCode
from edge_agent.cli.output import fail, print_json, print_lines
from edge_agent.cli.words import TEXTS, cause_text


def decode_command(profile_name: str, frame: str, request: str | None, *, as_json: bool) -> ExitCode:
    """Print what a frame says; return 0 if it is sound and has one reading, 1 if not, 2 or 3 for wrong input."""
    try:
        profile = load_modbus_profile(profile_name, Path())
    except ConfigErrors as error:
        fail(ExitCode.CONFIG, str(error), "decode", as_json=as_json)
    try:
        captured = parse_capture(frame)
        found = explain(profile, captured.frame, parse_hex(request) if request else captured.request)
    except HexError as error:
        fail(ExitCode.USAGE, error.problem.text(process_language()), "decode", as_json=as_json)
    if as_json:
        print_json("decode", profile=profile.profile, ok=not found.problems, **_facts(found))
    else:
        print_lines(_lines(found))
    # A sound reply whose address only its request could tell is no fault.
    return ExitCode.FINDING if any(problem.key != "unknown_address" for problem in found.problems) else ExitCode.OK


def one_of_two(frame: str | None, request: str | None, registers: str | None, *, as_json: bool) -> str:
    """Return what was given of a frame and registers; the command ends if it is both or neither."""
    given = [one for one in (frame, registers) if one is not None]
    if len(given) != 1:
        fail(ExitCode.USAGE, TEXTS.text("decode_one"), "decode", as_json=as_json)
    if registers is not None and request is not None:
        fail(ExitCode.USAGE, TEXTS.text("decode_request_hex"), "decode", as_json=as_json)
    return given[0]


def decode_registers_command(profile_name: str, registers: str, *, as_json: bool) -> ExitCode:
    """Print what registers say; return 0 if each of them is a part of a sound point, 1 if not, 2 or 3 as above."""
    try:
        profile = load_modbus_profile(profile_name, Path())
    except ConfigErrors as error:
        fail(ExitCode.CONFIG, str(error), "decode", as_json=as_json)
    try:
        found = explain_registers(profile, parse_registers(registers))
    except HexError as error:
        fail(ExitCode.USAGE, error.problem.text(process_language()), "decode", as_json=as_json)
    sound = not found.problems and all(point.plausible and not point.needs for _, point in found.points)
    if as_json:
        points = [{"table": table, **_point_facts(point)} for table, point in found.points]
        problems = [{"code": one.key, "text": one.text(process_language())} for one in found.problems]
        print_json("decode", profile=profile.profile, ok=sound, count=found.count, points=points, problems=problems)
    else:
        lines = [TEXTS.text("registers_head", count=found.count)]
        lines += [line for table, point in found.points for line in _point_lines(point, table, orders=True)]
        print_lines(lines + [f"! {problem.text(process_language())}" for problem in found.problems])
    return ExitCode.OK if sound else ExitCode.FINDING


def _facts(found: FrameExplanation) -> dict[str, Any]:
    return {
        "framing": found.framing,
        "direction": found.direction,
        "unit": found.unit,
        "function": found.function,
        "transaction": found.transaction,
        "crc_ok": found.crc_ok,
        "address": found.address,
        "count": found.count,
        "exception_code": found.exception_code,
        "registers": list(found.registers),
        "bits": list(found.bits),
        "candidates": [
            {
                "table": candidate.table,
                "address": candidate.address,
                "count": candidate.count,
                "plausible": candidate.plausible,
                "points": [_point_facts(point) for point in candidate.points],
            }
            for candidate in found.candidates
        ],
        "problems": [{"code": problem.key, "text": problem.text(process_language())} for problem in found.problems],
    }


def _point_facts(point: PointInFrame) -> dict[str, Any]:
    return {
        "point": point.key,
        "name": point.vi if process_language() == "vi" else point.en,
        "unit": point.unit,
        "address": point.address,
        "data": point.data,
        "value": point.value,
        "cause": str(point.cause),
        "unchecked": point.unchecked,
        "other_orders": dict(point.other_orders),
        "companions": dict(point.companions),
        "needs": list(point.needs),
    }


def _lines(found: FrameExplanation) -> list[str]:
    head = [TEXTS.text("frame_head", framing=found.framing.upper(), direction=TEXTS.text(f"frame_{found.direction}"))]
    if found.unit is not None:
        head.append(TEXTS.text("frame_unit", unit=found.unit, function=f"{found.function:02d}"))
    if found.crc_ok is not None:
        key = "frame_crc_good" if found.crc_ok else "frame_crc_bad"
        check = "LRC" if found.framing == "ascii" else "CRC"
        head.append(TEXTS.text(key, check=check, found=found.crc_found, expected=found.crc_expected))
    lines = ["  ".join(head)]
    if found.address is not None:
        lines.append(TEXTS.text("frame_asks", first=found.address, count=found.count))
    if found.registers and not found.candidates:
        lines.append(" ".join(f"{register:04x}" for register in found.registers))
    lines += _several_lines(found.candidates) if len(found.candidates) > 1 else []
    lines += _candidate_lines(found.candidates[0]) if len(found.candidates) == 1 else []
    lines += [f"! {problem.text(process_language())}" for problem in found.problems]
    return lines


def _several_lines(candidates: Sequence[Candidate]) -> list[str]:
    """Return the readings that are possible; those out of range are only counted."""
    plausible = [candidate for candidate in candidates if candidate.plausible]
    lines = [TEXTS.text("frame_several", count=len(plausible), refused=len(candidates) - len(plausible))]
    if all(len(candidate.points) == 1 for candidate in plausible):
        return lines + [
            line for candidate in plausible for line in _point_lines(candidate.points[0], candidate.table, orders=False)
        ]
    return lines + [line for candidate in plausible for line in _candidate_lines(candidate)]


def _candidate_lines(candidate: Candidate) -> list[str]:
    key = "frame_reads" if candidate.plausible else "frame_reads_implausible"
    lines = [TEXTS.text(key, table=candidate.table, first=candidate.address, count=candidate.count)]
    # Of a long answer the other orders are of interest only where the right one gives nonsense.
    few = len(candidate.points) <= 4
    for point in candidate.points:
        lines += _point_lines(point, candidate.table, orders=few or not point.plausible)
    return lines


def _point_lines(point: PointInFrame, table: str, *, orders: bool) -> list[str]:
    """Return a point, what it depends on and, if wanted, what the other word orders would give."""
    name = point.vi if process_language() == "vi" else point.en
    shown = point.value if point.value is not None else point.unchecked
    remark = "" if point.plausible else f"  ! {cause_text(point.cause)}"
    if point.needs:
        given = ", ".join(f"{table}:0x{address:04X}" for address in point.needs)
        remark = f"  ! {EXPLAINED.text('needs', found=given)}"
    parts = "".join(f" {role}={number:g}" for role, number in point.companions.items())
    address = f"0x{point.address:04X}"
    lines = [f"  {address}  {point.key:<14} {_number(shown)} {point.unit}".rstrip() + f"  {name}{parts}{remark}"]
    if orders and point.other_orders:
        listed = ", ".join(f"{order} {_number(value)}" for order, value in point.other_orders.items())
        lines.append(f"          {TEXTS.text('other_orders', orders=listed)}")
    return lines


def _number(value: Value | None) -> str:
    if value is None:
        return "-"
    return f"{value:.7g}" if isinstance(value, float) else str(value)
