"""Rows into InfluxDB line protocol, as InfluxDB 1.x reads it; times in milliseconds.

Source: InfluxDB 1.x line protocol reference; the traps (a backslash before a separator in a tag, newlines in tags
that forge series) were measured on 1.6.7.
"""

from __future__ import annotations

import math
import re
from typing import Final

from collector.core.rows import Row
from contract.reading import Value

_MAX_CACHED: Final = 200_000
_UNSAFE = re.compile(r"[\x00-\x1f\x7f\\]")
_TAG_ESCAPES: Final = str.maketrans({",": r"\,", "=": r"\=", " ": r"\ "})
_MEASUREMENT_ESCAPES: Final = str.maketrans({",": r"\,", " ": r"\ "})
_STRING_ESCAPES: Final = str.maketrans({"\\": r"\\", '"': r"\""})
_LOWEST_INTEGER: Final = -(2**63)
_HIGHEST_INTEGER: Final = 2**63 - 1


class LineError(ValueError):
    """A row that line protocol cannot carry; the message says which part."""


def escape_name(name: str, what: str) -> str:
    """Return a tag or field name, or a tag's value, escaped.

    Raises:
        LineError: It is empty, or holds a backslash or a control character, which no escape carries safely.
    """
    if not name or _UNSAFE.search(name):
        raise LineError(f"{what} {name!r} is empty or holds a backslash or a control character")
    return name.translate(_TAG_ESCAPES)


def field_value(value: Value) -> str:
    """Return a field's value: a float always as float, an integer with `i`, a boolean, a text in quotes.

    Raises:
        LineError: Not finite, beyond 64 bits, or of another type.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if not math.isfinite(value):
            raise LineError(f"the value {value!r} is not finite")
        return repr(value)
    if isinstance(value, int):
        if not _LOWEST_INTEGER <= value <= _HIGHEST_INTEGER:
            raise LineError(f"the integer {value} is beyond 64 bits")
        return f"{value}i"
    if isinstance(value, str):
        return f'"{value.translate(_STRING_ESCAPES)}"'
    raise LineError(f"a {type(value).__name__} is no field value")


class LineEncoder:
    """Encodes rows; names are escaped once and kept, since a series comes back every second."""

    def __init__(self) -> None:
        self._series: dict[tuple[str, str, str], str] = {}
        self._fields: dict[str, str] = {}

    def encode(self, row: Row) -> str:
        """Return one line without its end.

        Raises:
            LineError: The row cannot be written as line protocol.
        """
        if not row.fields:
            raise LineError("a row needs a field")
        if not _LOWEST_INTEGER <= row.time_ms * 1_000_000 <= _HIGHEST_INTEGER:
            raise LineError(f"the time {row.time_ms} ms is beyond 64 bits of nanoseconds")
        identity = (row.measurement, row.gateway, row.device)
        series = self._series.get(identity) or self._series_key(identity)
        names = self._fields
        fields = ",".join(
            f"{names.get(key) or self._field_name(key)}={field_value(value)}" for key, value in row.fields.items()
        )
        return f"{series} {fields} {row.time_ms}"

    def _series_key(self, identity: tuple[str, str, str]) -> str:
        measurement, gateway, device = identity
        if not measurement or measurement.startswith(("#", "_")) or _UNSAFE.search(measurement):
            raise LineError(f"measurement {measurement!r} cannot be written")
        key = f"{measurement.translate(_MEASUREMENT_ESCAPES)}"
        # Tags in the order of their names: the server sorts them otherwise.
        if device:
            key += f",dev={escape_name(device, 'device')}"
        key += f",gw={escape_name(gateway, 'gateway')}"
        if len(self._series) >= _MAX_CACHED:
            self._series.clear()
        self._series[identity] = key
        return key

    def _field_name(self, key: str) -> str:
        name = escape_name(key, "field")
        if len(self._fields) >= _MAX_CACHED:
            self._fields.clear()
        self._fields[key] = name
        return name
