"""Points that depend on more than one register: a quality word, a unit, a power of ten, a fraction. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from config.points import MAX_WINDOW, REGISTERS_OF, QualityWord, Register, RegisterPoint
from contract.reading import Cause
from drivers.modbus.plan import Span
from drivers.modbus.values import BAD_RANGE, Decoded, converter, number_in, raw_number

Role = Literal["value", "quality", "unit", "exponent", "addend"]
MAX_EXPONENT: Final = 30
"""A greater power of ten is a misread register, not a measurement."""


@dataclass(frozen=True, slots=True)
class Part:
    """Registers of a point that come in one answer.

    Attributes:
        roles: What stands in them: role, offset in registers from the span's address, type and word order.
    """

    span: Span
    roles: tuple[tuple[Role, int, str, str], ...]

    def numbers(self, registers: bytes) -> dict[Role, float]:
        """Return the raw number of each role.

        Args:
            registers: Those of the span, two bytes each as they came.
        """
        found: dict[Role, float] = {}
        for role, offset, kind, order in self.roles:
            size = 2 * REGISTERS_OF[kind]
            found[role] = number_in(kind, order, registers[2 * offset : 2 * offset + size])
        return found


def parts_of(spec: RegisterPoint) -> tuple[Part, ...]:
    """Return the parts of a compound point, the one with its value first.

    Companions that touch the value stand in its part, so that they are of the same moment. Others have parts of their
    own: a register between them may not exist. The planner puts parts that lie near into one request, as far as the
    device answers it.
    """
    table = spec.table
    companions: Sequence[tuple[Role, Register | None]] = (
        ("quality", spec.quality),
        ("unit", spec.unit_word),
        ("exponent", spec.exponent),
        ("addend", spec.addend),
    )
    left: list[tuple[Role, Register]] = [(role, one) for role, one in companions if one is not None]
    near: list[tuple[Role, Register]] = []
    first, end = spec.address, spec.address + spec.width
    while touching := [(role, one) for role, one in left if _touches(one, first, end)]:
        near += touching
        left = [one for one in left if one not in touching]
        first = min(first, *(one.address for _, one in touching))
        end = max(end, *(one.address + one.width for _, one in touching))
    roles: list[tuple[Role, int, str, str]] = [("value", spec.address - first, spec.type, spec.order)]
    roles += [(role, one.address - first, one.type, one.order) for role, one in near]
    apart = (
        Part(Span(spec.key, table, one.address, one.width), ((role, 0, one.type, one.order),)) for role, one in left
    )
    return (Part(Span(spec.key, table, first, end - first), tuple(roles)), *apart)


def window_of(spec: RegisterPoint) -> Span:
    """Return the registers from the first to the last of a point's, as far as they lie near its value.

    A request that joins its parts brings them all.
    """
    first, end = spec.address, spec.address + spec.width
    for one in spec.companions:
        low, high = min(one.address, first), max(one.address + one.width, end)
        if high - low <= MAX_WINDOW:
            first, end = low, high
    return Span(spec.key, spec.table, first, end - first)


def _touches(one: Register, first: int, end: int) -> bool:
    """Return whether registers touch or overlap others, and both fit a part."""
    is_beside = one.address <= end and one.address + one.width >= first
    return is_beside and max(end, one.address + one.width) - min(first, one.address) <= MAX_WINDOW


def judged(word: QualityWord, number: float) -> Cause:
    """Return what a device's quality word says of its value.

    A code that is named neither good nor uncertain is a fault where good ones are named.
    """
    if not math.isfinite(number):
        return Cause.DEVICE
    code = int(number)
    if word.bits is not None:
        code = code >> word.bits[0] & ((1 << (word.bits[1] - word.bits[0] + 1)) - 1)
    if any(code >> bit & 1 for bit in word.bad_bits):
        return Cause.DEVICE
    if code in word.uncertain or any(code >> bit & 1 for bit in word.uncertain_bits):
        return Cause.SUSPECT
    if word.below is not None and code < word.below:
        return Cause.SUSPECT
    return Cause.OK if not word.good or code in word.good else Cause.DEVICE


class Compound:
    """One compound point: its parts, and its value from their numbers."""

    def __init__(self, spec: RegisterPoint) -> None:
        self.spec = spec
        self.parts = parts_of(spec)
        self._arithmetic = spec.addend is not None or spec.exponent is not None
        self._pick = raw_number(spec)
        # What is added up is no register's number any more: its type is that of the sum.
        summed = spec.model_copy(update={"type": "float64", "bits": None}) if self._arithmetic else spec
        self._convert = converter(summed)

    def combine(self, numbers: Mapping[Role, float]) -> Decoded:
        """Return value and cause.

        The quality word is looked at first: what a device returns for a fault may look like a value.

        Args:
            numbers: The raw numbers of all parts.
        """
        cause = judged(self.spec.quality, numbers["quality"]) if self.spec.quality is not None else Cause.OK
        if self.spec.unit_word is not None and judged(self.spec.unit_word, numbers["unit"]) is not Cause.OK:
            # The device has been set to another unit: its number means something else.
            cause = Cause.DEVICE
        if cause is Cause.DEVICE:
            return None, cause
        raw = self._sum(numbers) if self._arithmetic else numbers["value"]
        if raw is None:
            return BAD_RANGE
        value, found = self._convert(raw)
        return (value, cause) if found is Cause.OK else (value, found)

    def _sum(self, numbers: Mapping[Role, float]) -> float | None:
        picked = self._pick(numbers["value"])
        exponent, addend = numbers.get("exponent", 0.0), numbers.get("addend", 0.0)
        if (
            picked is None
            or not all(map(math.isfinite, (picked, exponent, addend)))
            or abs(exponent) > MAX_EXPONENT
            or exponent % 1
        ):
            return None
        total = picked + addend
        # By whole powers, so that 1234 x 10^-1 is 123.4 and not 123.40000000000001.
        power = math.pow(10.0, abs(exponent))
        return total * power if exponent >= 0 else total / power
