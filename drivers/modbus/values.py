"""Registers to values and back: type, word order, bits, labels, scale, range. Pure."""

from __future__ import annotations

import math
import operator
import struct
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final

from config.points import PointSpec, RegisterPoint
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
    "bcd16": "H",
    "bcd32": "I",
}
_LARGEST_INTEGER: Final = 2**63 - 1
"""Stores hold 64-bit signed integers; a counter past it is a wrong reading in any case."""

SMALLEST_SINGLE: Final = 2.0**-126
"""Below it lie the subnormal numbers of single precision (IEEE 754)."""
_FLOAT32: Final = struct.Struct(">f")
Decoded = tuple[Value | None, Cause]
BAD_RANGE: Final[Decoded] = (None, Cause.RANGE)
BAD_SENTINEL: Final[Decoded] = (None, Cause.SENTINEL)


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
    # Seven digits tell many of them apart, eight most, nine all (IEEE 754: 24 bits).
    short = float(f"{number:.7g}")
    if _FLOAT32.unpack(_FLOAT32.pack(short))[0] == number:
        return short
    short = float(f"{number:.8g}")
    return short if _FLOAT32.unpack(_FLOAT32.pack(short))[0] == number else float(f"{number:.9g}")


_BLANK: Final = "".join(map(chr, range(0x21)))


def from_bcd(number: int) -> int | None:
    """Return the number that binary coded decimals mean, four bits a digit; None if a digit is above 9."""
    digits = f"{number:x}"
    return int(digits) if digits.isdecimal() else None


def text_of(registers: bytes, order: str) -> str | None:
    """Return the text in registers, two characters each; None if it is no printable ASCII.

    It ends at the first NUL; blanks around it and 0xFF bytes after it are filling.
    """
    swapped = arrange(registers, "BADC") if order in {"BADC", "DCBA"} else registers
    body = swapped.partition(b"\0")[0].rstrip(b"\xff")
    # Some instruments put a tab or a count in front of their text.
    text = body.decode("ascii", "replace").strip(_BLANK)
    return text if text.isascii() and text.isprintable() else None


def _scaling(spec: PointSpec) -> Callable[[float], float]:
    scale, offset = spec.scale, spec.offset
    divisor = round(1 / scale) if scale and abs(scale) < 1 else 0
    if not offset and divisor and math.isclose(divisor * scale, 1.0, rel_tol=1e-12):
        # 2301 x 0.1 is 230.10000000000002, 2301 / 10 is 230.1.
        return lambda raw: raw / divisor
    if not offset:
        return lambda raw: float(f"{raw * scale:.15g}")

    def shifted(raw: float) -> float:
        # 3.2 - 3.21 is -0.00999999999999979: the sum is no better than the greater of its parts.
        part = raw * scale
        size = max(abs(part), abs(offset))
        return round(part + offset, 14 - math.floor(math.log10(size))) if math.isfinite(size) else part + offset

    return shifted


def measure(spec: PointSpec, *, single: bool = False) -> Callable[[float], Decoded]:
    """Return the function from a raw number to a point's value and cause: sentinels, scale, range.

    NaN, infinity and what lies out of the point's range give (None, Cause.RANGE), never a value; so do numbers of
    single precision that are smaller than any measurement: 7.0 in another word order is 0.00000…, which every range
    allows.

    Args:
        spec: The point.
        single: Whether the raw number is one of single precision.
    """
    scaled = spec.scale != 1.0 or spec.offset != 0.0
    scaling = _scaling(spec) if scaled else None
    low = -math.inf if spec.low is None else spec.low
    high = math.inf if spec.high is None else spec.high
    whole = spec.kind == "int"
    widened = spec.store_as == "float"
    sentinels = frozenset(spec.sentinels)

    def convert(raw: float) -> Decoded:
        value: float = raw
        if single:
            if not math.isfinite(raw) or 0.0 < abs(raw) < SMALLEST_SINGLE:
                return BAD_RANGE
            value = shortest_float32(raw)
        if sentinels and (raw in sentinels or value in sentinels):
            return BAD_SENTINEL
        if scaling:
            value = scaling(value)
        elif widened:
            value = float(value)
        if not low <= value <= high or (value > _LARGEST_INTEGER if whole else not math.isfinite(value)):
            return BAD_RANGE
        return value, Cause.OK

    return convert


def converter(spec: RegisterPoint) -> Callable[[float], Decoded]:
    """Return the function from the number in a point's registers to its value and cause."""
    convert = measure(spec, single=spec.type == "float32")
    picked = raw_number(spec) if spec.bits is not None or spec.type in {"bcd16", "bcd32"} else None
    if not (picked or spec.labels or spec.type == "bool"):
        return convert
    labels, is_bit = spec.labels, spec.type == "bool"
    sentinels = frozenset(spec.sentinels)

    def convert_picked(raw: float) -> Decoded:
        number = picked(raw) if picked else raw
        if number is None:
            return BAD_RANGE
        if is_bit:
            return bool(number), Cause.OK
        if labels:
            if number in sentinels:
                return BAD_SENTINEL
            label = labels.get(int(number))
            return BAD_RANGE if label is None else (label, Cause.OK)
        return convert(number)

    return convert_picked


def raw_number(spec: RegisterPoint) -> Callable[[float], float | None]:
    """Return the function from the number in registers to the one that is meant: decimals of BCD, picked bits."""
    is_bcd = spec.type in {"bcd16", "bcd32"}
    first, last = spec.bits or (0, 0)
    mask = (1 << (last - first + 1)) - 1

    def pick(raw: float) -> float | None:
        if is_bcd:
            return from_bcd(int(raw))
        return int(raw) >> first & mask if spec.bits is not None else raw

    return pick


def number_in(kind: str, order: str, registers: bytes) -> float:
    """Return the number in registers by type and word order, before BCD, bits and scale."""
    number: float = struct.unpack(">" + _FORMAT[kind], arrange(registers, order))[0]
    return number


def decode(spec: RegisterPoint, registers: bytes) -> Decoded:
    """Return the value in a point's registers, two bytes each as they came; its companions are not looked at."""
    if spec.type == "string":
        text = text_of(registers, spec.order)
        return BAD_RANGE if text is None else (text, Cause.OK)
    return converter(spec)(number_in("uint16" if spec.type == "bool" else spec.type, spec.order, registers))


def encode(spec: RegisterPoint, value: Value) -> bytes:
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


class _Same(tuple[RegisterPoint, ...]):
    """Points that are the same objects: devices of one type share the points of their profile."""

    __slots__ = ()

    def __hash__(self) -> int:
        """Return a hash of which objects these are."""
        return hash(tuple(map(id, self)))

    def __eq__(self, other: object) -> bool:
        """Return whether the other has the very same points."""
        return isinstance(other, _Same) and len(self) == len(other) and all(map(operator.is_, self, other))


@lru_cache(maxsize=1024)
def _made_decoder(specs: _Same, offsets: tuple[int, ...]) -> BlockDecoder:
    return BlockDecoder(specs, offsets)


def decoder_of(specs: Sequence[RegisterPoint], offsets: Sequence[int]) -> BlockDecoder:
    """Return the decoder of a read request; devices of one type share it, since a city has hundreds of them."""
    return _made_decoder(_Same(specs), tuple(offsets))


class BlockDecoder:
    """Decodes the answers of one read request; made once for each request of a plan."""

    __slots__ = ("_as_they_are", "_bits", "_converters", "_slices", "_struct")

    def __init__(self, specs: Sequence[RegisterPoint], offsets: Sequence[int]) -> None:
        self._converters = tuple(converter(spec) for spec in specs)
        self._bits = tuple(offsets) if specs[0].table in {"coil", "discrete"} else None
        self._struct: struct.Struct | None = None
        self._as_they_are = all(_is_as_it_is(spec) for spec in specs)
        self._slices: tuple[tuple[slice, RegisterPoint], ...] = ()
        if self._bits is not None:
            return
        layout = _layout(specs, offsets)
        if layout:
            self._struct = struct.Struct(layout)
        else:
            self._slices = tuple(
                (slice(2 * offset, 2 * (offset + spec.width)), spec)
                for spec, offset in zip(specs, offsets, strict=True)
            )

    def sound_values(self, payload: bytes) -> Sequence[Value] | None:
        """Return the values of an answer whose registers mean just what they hold; None if they must be looked at."""
        return self._struct.unpack_from(payload) if self._struct is not None and self._as_they_are else None

    def decode(self, payload: bytes) -> list[Decoded]:
        """Return value and cause of each point, in the order of the specs.

        Args:
            payload: The answer's data, of exactly the length that the request asked for.
        """
        if self._bits is not None:
            field = int.from_bytes(payload, "little")
            return [(bool(field >> offset & 1), Cause.OK) for offset in self._bits]
        if self._struct:
            raw = self._struct.unpack_from(payload)
            return [convert(number) for convert, number in zip(self._converters, raw, strict=True)]
        return [
            _decode_with(spec, convert, payload[part])
            for (part, spec), convert in zip(self._slices, self._converters, strict=True)
        ]


def _is_as_it_is(spec: RegisterPoint) -> bool:
    """Return whether every number that its registers can hold is the value itself."""
    plain = {"uint16", "int16", "uint32", "int32"}
    limited = spec.low is not None or spec.high is not None or spec.sentinels
    changed = spec.scale != 1.0 or spec.offset or spec.store_as or spec.labels or spec.bits is not None
    return spec.type in plain and not limited and not changed


def _decode_with(spec: RegisterPoint, convert: Callable[[float], Decoded], registers: bytes) -> Decoded:
    if spec.type == "string":
        return decode(spec, registers)
    return convert(number_in("uint16" if spec.type == "bool" else spec.type, spec.order, registers))


def _layout(specs: Sequence[RegisterPoint], offsets: Sequence[int]) -> str:
    """Return one struct format for all points, or nothing if they overlap or are not big endian numbers."""
    layout, at = ">", 0
    for spec, offset in zip(specs, offsets, strict=True):
        plain = spec.order == "ABCD" or (spec.order == "CDAB" and spec.width == 1)
        if not plain or offset < at or spec.type == "string":
            return ""
        layout += "x" * (2 * (offset - at)) + _FORMAT["uint16" if spec.type == "bool" else spec.type]
        at = offset + spec.width
    return layout
