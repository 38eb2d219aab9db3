"""Registers that were read with another program, in the words of a profile. Pure.

They are written as people and manuals have them: by Modicon numbers (40001 is holding register 0 on the wire, 400001
the same with six digits; 1xxxx inputs, 0xxxx coils, 3xxxx input registers), or by table and wire address
(input:0x0000).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from config.points import Table
from config.profile import ModbusProfile
from drivers.modbus.captured import HexError, Problem
from drivers.modbus.explain_points import PointInFrame, points_in
from drivers.modbus.plan import BIT_TABLES

MAX_GIVEN: Final = 2000
_TABLES: Final[Mapping[str, Table]] = {
    "coil": "coil",
    "discrete": "discrete",
    "holding": "holding",
    "input": "input",
    "0": "coil",
    "1": "discrete",
    "3": "input",
    "4": "holding",
}
_STATES: Final = {"0": 0, "1": 1, "off": 0, "on": 1, "false": 0, "true": 1}
Given = Mapping[Table, Mapping[int, int]]
"""Registers, or bits as 0 and 1, by table and wire address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistersExplanation:
    """Registers taken apart.

    Attributes:
        count: How many were given.
        points: Those whose registers are there, by table and address.
        problems: What is unclear: points that lack a part, registers that no point uses.
    """

    count: int
    points: tuple[tuple[Table, PointInFrame], ...]
    problems: tuple[Problem, ...]


def _refuse(key: str, **facts: object) -> HexError:
    return HexError(Problem(key=key, facts=facts))


def parse_registers(text: str) -> Given:
    """Return registers from text such as `40001=17234,40002=0x4366` or `input:0x0000=0x4366`.

    Raises:
        HexError: It is none, one stands twice, or there are more than a device can have been asked for at once.
    """
    given: dict[Table, dict[int, int]] = {}
    pairs = text.replace(",", " ").replace(";", " ").split()
    if not pairs or len(pairs) > MAX_GIVEN:
        raise _refuse("registers_count", found=len(pairs), wanted=MAX_GIVEN)
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise _refuse("register_form", found=pair[:24])
        table, address = _place(name)
        known = given.setdefault(table, {})
        if address in known:
            raise _refuse("register_twice", found=name[:24])
        known[address] = _state(pair, value) if table in BIT_TABLES else _word(pair, value)
    return given


def _place(name: str) -> tuple[Table, int]:
    word, colon, rest = name.lower().partition(":")
    if colon:
        address = _number(rest)
        if word not in _TABLES or not word.isalpha() or address is None or not 0 <= address <= 0xFFFF:
            raise _refuse("register_place", found=name[:24])
        return _TABLES[word], address
    if not name.isascii() or not name.isdecimal() or len(name) not in (5, 6) or name[0] not in _TABLES:
        raise _refuse("register_place", found=name[:24])
    address = int(name[1:]) - 1
    if not 0 <= address <= 0xFFFF:
        raise _refuse("register_place", found=name[:24])
    return _TABLES[name[0]], address


def _number(text: str) -> int | None:
    digits = text.lower().removeprefix("-")
    if not digits.isascii() or len(digits) > 8:
        return None
    hexadecimal = digits.startswith("0x")
    if not digits.removeprefix("0x").isalnum() or (not hexadecimal and not digits.isdecimal()):
        return None
    try:
        number = int(digits, 16 if hexadecimal else 10)
    except ValueError:
        return None
    return -number if text.startswith("-") else number


def _word(pair: str, text: str) -> int:
    number = _number(text)
    # Programs show a register as a signed number, too.
    if number is None or not -0x8000 <= number <= 0xFFFF:
        raise _refuse("register_value", found=pair[:24])
    return number & 0xFFFF


def _state(pair: str, text: str) -> int:
    state = _STATES.get(text.lower())
    if state is None:
        raise _refuse("register_state", found=pair[:24])
    return state


def explain_registers(profile: ModbusProfile, given: Given) -> RegistersExplanation:
    """Return what the points of a profile are in registers that were read at the same time."""
    shown: list[tuple[Table, PointInFrame]] = []
    problems: list[Problem] = []
    for table, registers in given.items():

        def words(address: int, count: int, registers: Mapping[int, int] = registers) -> bytes | None:
            wanted = range(address, address + count)
            if any(one not in registers for one in wanted):
                return None
            return b"".join(registers[one].to_bytes(2, "big") for one in wanted)

        def bit(address: int, registers: Mapping[int, int] = registers) -> bool | None:
            return bool(registers[address]) if address in registers else None

        shown += [(table, point) for point in points_in(profile.points, table, words, bit)]
        problems += _gaps(profile, table, registers)
    return RegistersExplanation(
        count=sum(len(registers) for registers in given.values()), points=tuple(shown), problems=tuple(problems)
    )


def _gaps(profile: ModbusProfile, table: Table, registers: Mapping[int, int]) -> list[Problem]:
    """Return the points that are there in part, and the registers that no point uses."""
    problems = []
    used: set[int] = set()
    for point in profile.points:
        if point.table != table:
            continue
        own = range(point.address, point.address + point.width)
        used.update(own)
        for one in point.companions:
            used.update(range(one.address, one.address + one.width))
        lacking = [address for address in own if address not in registers]
        if lacking and len(lacking) < len(own):
            shown = ", ".join(f"{table}:0x{address:04X}" for address in lacking)
            problems.append(Problem(key="register_lacking", facts={"wanted": point.key, "found": shown}))
    unused = sorted(address for address in registers if address not in used)
    if unused:
        shown = ", ".join(f"{table}:0x{address:04X}" for address in unused[:8]) + (", …" if len(unused) > 8 else "")
        problems.append(Problem(key="register_unused", facts={"found": shown}))
    return problems
