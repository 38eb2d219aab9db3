"""Registers to values and back: type, word order, scale, range. Pure."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from typing import Final

from config.profile import PointSpec
from contract.reading import Cause, Value

_FORMAT: Final = {
    "uint16": "H",
    "int16": "h",
    "uint32": "I",
    "int32": "i",
    "float32": "f",
    "uint64": "Q",
    "int64": "q",
    "float64": "d",
}
_LARGEST_INTEGER: Final = 2**63 - 1
"""Stores hold 64-bit signed integers; a counter past it is a wrong reading in any case."""

_FLOAT32: Final = struct.Struct(">f")
Decoded = tuple[Value | None, Cause]
BAD_RANGE: Final[Decoded] = (None, Cause.RANGE)


def arrange(data: bytes, order: str) -> bytes:
    """Return registers in big-endian order; the same call turns them back."""
    if order == "DCBA":
        return data[::-1]
    if order == "CDAB":
        return b"".join(data[place : place + 2] for place in range(len(data) - 2, -1, -2))
    if order == "BADC":
        return b"".join(data[place : place + 2][::-1] for place in range(0, len(data), 2))
    return data


def shortest_float32(number: float) -> float:
    """Return the float of the shortest decimals that still mean this single-precision number.

    A register's 229.8 is 229.8000030517578 as a double: six bytes of noise in every message.
    """
    short = float(f"{number:.8g}")
    # Eight digits tell most of them apart, nine all (IEEE 754: 24 bits).
    return short if _FLOAT32.unpack(_FLOAT32.pack(short))[0] == number else float(f"{number:.9g}")


def _scaling(spec: PointSpec) -> Callable[[float], float]:
    scale, offset = spec.scale, spec.offset
    divisor = round(1 / scale) if scale and abs(scale) < 1 else 0
    if not offset and divisor and math.isclose(divisor * scale, 1.0, rel_tol=1e-12):
        # 2301 x 0.1 is 230.10000000000002, 2301 / 10 is 230.1.
        return lambda raw: raw / divisor
    return lambda raw: float(f"{raw * scale + offset:.15g}")


def converter(spec: PointSpec) -> Callable[[float], Decoded]:
    """Return the function from a raw number to a point's value and cause.

    NaN, infinity and what lies out of the point's range give (None, Cause.RANGE), never a value.
    """
    scaled = spec.scale != 1.0 or spec.offset != 0.0
    scaling = _scaling(spec) if scaled else None
    low = -math.inf if spec.low is None else spec.low
    high = math.inf if spec.high is None else spec.high
    single, whole = spec.type == "float32", spec.kind == "int"

    def convert(raw: float) -> Decoded:
        value: float = raw
        if single:
            if not math.isfinite(raw):
                return BAD_RANGE
            value = shortest_float32(raw)
        if scaling:
            value = scaling(value)
        if not low <= value <= high or (value > _LARGEST_INTEGER if whole else not math.isfinite(value)):
            return BAD_RANGE
        return value, Cause.OK

    return convert


def decode(spec: PointSpec, registers: bytes) -> Decoded:
    """Return the value in a point's registers, two bytes each as they came."""
    raw = struct.unpack(">" + _FORMAT[spec.type], arrange(registers, spec.order))[0]
    return converter(spec)(raw)


def encode(spec: PointSpec, value: Value) -> bytes:
    """Return the registers that mean a value, two bytes each as they go out.

    Raises:
        ValueError: The value is no number, lies between two steps of the register, or does not fit the type or the
            point's range.
    """
    if isinstance(value, bool | str) or not math.isfinite(value):
        raise ValueError(f"'{spec.key}' takes a number, not {value!r}")
    if (spec.low is not None and value < spec.low) or (spec.high is not None and value > spec.high):
        raise ValueError(f"{value} lies out of the range of '{spec.key}'")
    if spec.kind == "int" and value != int(value):
        raise ValueError(f"'{spec.key}' takes a whole number, not {value!r}")
    raw: float = (value - spec.offset) / spec.scale if spec.scale != 1.0 or spec.offset else value
    floating = spec.type.startswith("float")
    if not floating and abs(raw - round(raw)) > 1e-6 * max(1.0, abs(raw)):
        # Rounded in silence, the read-back would differ from what was asked for.
        raise ValueError(f"'{spec.key}' comes in steps of {spec.scale:g}: it cannot be {value!r}")
    try:
        packed = struct.pack(">" + _FORMAT[spec.type], raw if floating else round(raw))
    except (struct.error, OverflowError) as error:
        raise ValueError(f"{value} does not fit '{spec.key}' ({spec.type})") from error
    return arrange(packed, spec.order)


class BlockDecoder:
    """Decodes the answers of one read request; made once for each request of a plan."""

    __slots__ = ("_bits", "_converters", "_slices", "_struct")

    def __init__(self, specs: Sequence[PointSpec], offsets: Sequence[int]) -> None:
        self._converters = tuple(converter(spec) for spec in specs)
        self._bits = tuple(offsets) if specs[0].type == "bool" else None
        self._struct: struct.Struct | None = None
        self._slices: tuple[tuple[slice, str, struct.Struct], ...] = ()
        if self._bits is not None:
            return
        layout = _layout(specs, offsets)
        if layout:
            self._struct = struct.Struct(layout)
        else:
            self._slices = tuple(
                (slice(2 * offset, 2 * (offset + spec.width)), spec.order, struct.Struct(">" + _FORMAT[spec.type]))
                for spec, offset in zip(specs, offsets, strict=True)
            )

    def decode(self, payload: bytes) -> list[Decoded]:
        """Return value and cause of each point, in the order of the specs.

        Args:
            payload: The answer's data, of exactly the length that the request asked for.
        """
        if self._bits is not None:
            field = int.from_bytes(payload, "little")
            return [(bool(field >> offset & 1), Cause.OK) for offset in self._bits]
        raw: Sequence[float]
        if self._struct:
            raw = self._struct.unpack_from(payload)
        else:
            raw = [packing.unpack(arrange(payload[part], order))[0] for part, order, packing in self._slices]
        return [convert(number) for convert, number in zip(self._converters, raw, strict=True)]


def _layout(specs: Sequence[PointSpec], offsets: Sequence[int]) -> str:
    """Return one struct format for all points, or nothing if they overlap or are not big endian."""
    layout, at = ">", 0
    for spec, offset in zip(specs, offsets, strict=True):
        plain = spec.order == "ABCD" or (spec.order == "CDAB" and spec.width == 1)
        if not plain or offset < at:
            return ""
        layout += "x" * (2 * (offset - at)) + _FORMAT[spec.type]
        at = offset + spec.width
    return layout
