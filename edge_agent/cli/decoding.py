"""`edge-agent decode`: a captured frame in the words of a profile."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from config.errors import ConfigErrors
from config.language import process_language
from config.profile import load_modbus_profile
from contract.reading import Cause
from drivers.modbus.explain import Candidate, FrameExplanation, HexError, PointInFrame, explain, parse_hex
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
        found = explain(profile, parse_hex(frame), parse_hex(request) if request else None)
    except HexError as error:
        fail(ExitCode.USAGE, error.problem.text(process_language()), "decode", as_json=as_json)
    if as_json:
        print_json("decode", profile=profile.profile, ok=not found.problems, **_facts(found))
    else:
        print_lines(_lines(found))
    # A sound reply whose address only its request could tell is no fault.
    return ExitCode.FINDING if any(problem.key != "unknown_address" for problem in found.problems) else ExitCode.OK


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
        return lines + [_point_line(candidate.points[0]) for candidate in plausible]
    return lines + [line for candidate in plausible for line in _candidate_lines(candidate)]


def _candidate_lines(candidate: Candidate) -> list[str]:
    key = "frame_reads" if candidate.plausible else "frame_reads_implausible"
    lines = [TEXTS.text(key, table=candidate.table, first=candidate.address, count=candidate.count)]
    return lines + [_point_line(point) for point in candidate.points]


def _point_line(point: PointInFrame) -> str:
    name = point.vi if process_language() == "vi" else point.en
    shown = point.value if point.cause is Cause.OK else point.unchecked
    value = f"{shown:.7g}" if isinstance(shown, float) else str(shown)
    remark = "" if point.cause is Cause.OK else f"  ! {cause_text(point.cause)}"
    address = f"0x{point.address:04X}"
    return f"  {address}  {point.key:<14} {value} {point.unit}".rstrip() + f"  {name}{remark}"
