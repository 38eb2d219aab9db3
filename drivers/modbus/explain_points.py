"""Points of a profile in registers that were captured or read with another program. Pure.

A compound point is taken apart: its own registers, and those that it depends on, as far as they are given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from config.points import Register, RegisterPoint, Table
from contract.reading import Cause, Value
from drivers.modbus.compound import Compound, Role
from drivers.modbus.plan import BIT_TABLES
from drivers.modbus.values import decode, number_in

ORDERS: Final = ("ABCD", "CDAB", "BADC", "DCBA")
Words = Callable[[int, int], bytes | None]
"""Gives the bytes of registers by address and count; None if they are not there."""
Bits = Callable[[int], bool | None]
"""Gives a coil or input by address; None if it is not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PointInFrame:
    """One point as the frame has it.

    Attributes:
        data: Its bytes as they came, in hexadecimal digits; empty for bits.
        value: In `unit`; None if the cause is not OK, or if registers that it depends on are not there.
        unchecked: The same without regard to the point's range, its labels' table and its quality word; None for NaN
            and infinity, and for codes without a label.
        other_orders: The same in the other word orders, for values over several registers.
        companions: The raw numbers of the registers that it depends on, by role: quality, unit, exponent, addend.
        needs: Addresses of registers that it depends on and that are not there.
    """

    key: str
    en: str
    vi: str
    unit: str
    address: int
    data: str
    value: Value | None
    cause: Cause
    unchecked: Value | None
    other_orders: Mapping[str, Value | None]
    companions: Mapping[str, float] = field(default_factory=dict)
    needs: Sequence[int] = ()

    @property
    def plausible(self) -> bool:
        """Whether nothing speaks against it."""
        return self.cause is Cause.OK


def point_in(spec: RegisterPoint, words: Words, bits: Bits) -> PointInFrame | None:
    """Return a point; None if its own registers are not there."""
    if spec.table in BIT_TABLES:
        state = bits(spec.address)
        return None if state is None else _shown(spec, b"", state, Cause.OK, state, {})
    data = words(spec.address, spec.width)
    if data is None:
        return None
    others = [order for order in ORDERS if order != spec.order and spec.width > 1 and spec.type != "string"]
    if not spec.companions:
        value, cause = decode(spec, data)
        in_orders = {order: _unchecked(spec, order, data) for order in others}
        return _shown(spec, data, value, cause, _unchecked(spec, spec.order, data), in_orders)
    return _compound(spec, data, words, others)


def _compound(spec: RegisterPoint, data: bytes, words: Words, others: Sequence[str]) -> PointInFrame:
    numbers: dict[Role, float] = {}
    needs: list[int] = []
    companions: Sequence[tuple[Role, Register | None]] = (
        ("quality", spec.quality),
        ("unit", spec.unit_word),
        ("exponent", spec.exponent),
        ("addend", spec.addend),
    )
    for role, one in companions:
        found = words(one.address, one.width) if one else None
        if one and found is None:
            needs.append(one.address)
        elif one and found is not None:
            numbers[role] = number_in(one.type, one.order, found)
    seen = {str(role): number for role, number in numbers.items()}
    # What its quality word and its unit say is another matter than what its registers hold.
    bare = spec.model_copy(update={"quality": None, "unit_word": None, "low": None, "high": None})
    reckoned = all(one is None or one.address not in needs for one in (spec.exponent, spec.addend))

    def unchecked(order: str) -> Value | None:
        raw = number_in(_number_type(spec), order, data)
        return Compound(bare).combine({**numbers, "value": raw})[0] if reckoned else None

    in_orders = {order: unchecked(order) for order in others} if reckoned else {}
    if needs:
        shown = _shown(spec, data, None, Cause.OK, unchecked(spec.order), in_orders)
    else:
        raw = number_in(_number_type(spec), spec.order, data)
        value, cause = Compound(spec).combine({**numbers, "value": raw})
        shown = _shown(spec, data, value, cause, unchecked(spec.order), in_orders)
    return replace(shown, companions=seen, needs=tuple(needs))


def _number_type(spec: RegisterPoint) -> str:
    return "uint16" if spec.type == "bool" else spec.type


def _unchecked(spec: RegisterPoint, order: str, data: bytes) -> Value | None:
    return decode(spec.model_copy(update={"order": order, "low": None, "high": None}), data)[0]


def _shown(
    spec: RegisterPoint,
    data: bytes,
    value: Value | None,
    cause: Cause,
    unchecked: Value | None,
    other_orders: Mapping[str, Value | None],
) -> PointInFrame:
    return PointInFrame(
        key=spec.key,
        en=spec.en,
        vi=spec.vi,
        unit=spec.unit,
        address=spec.address,
        data=data.hex(" "),
        value=value,
        cause=cause,
        unchecked=unchecked,
        other_orders=other_orders,
    )


def points_in(
    profile_points: Sequence[RegisterPoint], table: Table, words: Words, bits: Bits
) -> tuple[PointInFrame, ...]:
    """Return the points of a table whose own registers are there, by address."""
    points = sorted((point for point in profile_points if point.table == table), key=lambda point: point.address)
    return tuple(found for point in points if (found := point_in(point, words, bits)))
