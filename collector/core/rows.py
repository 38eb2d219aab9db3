"""A received batch into rows: one wide row per device and time, the same for every store."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from collector.core.catalogue import QUALITY_PREFIX, RESERVED_FIELDS, Catalogue
from collector.core.received import Received
from contract.batch import ClockState, DeviceColumns, Gone
from contract.reading import BAD_CAUSES, Cause, Value
from contract.state import PointKind

MAX_AHEAD_MS: Final = 60_000
"""A reading further ahead of its receipt than this is a clock's mistake: it is evaluated, but not stored as is."""
GONE_MEASUREMENT: Final = "gone"
_INT64: Final = range(-(2**63), 2**63)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What a store keeps of one device at one time.

    Attributes:
        measurement: The device's class.
        device: Empty for what a gateway is as a whole.
        time_ms: Milliseconds since 1970 UTC by the gateway's clock: never stamped anew, so a repeat overwrites itself.
        fields: Point key to value; beside it `q_<key>` with the cause, only where the value is not GOOD.
    """

    measurement: str
    gateway: str
    device: str
    time_ms: int
    fields: Mapping[str, Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Part of a batch that cannot be stored as it is; it goes to the dead-letter file.

    Attributes:
        reason: `future`, `kind`, `reserved_key` or `too_many_keys`.
        values: Point key to values, one a time.
    """

    device: str
    reason: str
    times_ms: tuple[int, ...]
    values: Mapping[str, tuple[Value | None, ...]]


@dataclass(frozen=True, slots=True)
class Rows:
    """What becomes of one batch."""

    rows: tuple[Row, ...]
    refused: tuple[Refused, ...]


def rows_of(received: Received, catalogue: Catalogue) -> Rows:
    """Return what of a batch is stored and what is refused; nothing of one whose times wait for a clock.

    Every device of the batch must be one that the catalogue knows at this gateway.
    """
    batch = received.batch
    if batch.clk is ClockState.WAITING:
        return Rows((), ())
    latest_ms = received.received_ms + MAX_AHEAD_MS
    rows: list[Row] = []
    refused: list[Refused] = []
    for device, columns in batch.d.items():
        measurement = catalogue.measurement(received.gateway, device)
        fields_by_row = _fields(device, columns, measurement, catalogue, refused)
        for offset_ms, fields in zip(columns.dt, fields_by_row, strict=True):
            time_ms = columns.t0 + offset_ms
            if not fields:
                continue
            if time_ms > latest_ms:
                refused.append(_future(device, time_ms, fields))
                continue
            rows.append(
                Row(
                    measurement=measurement,
                    gateway=received.gateway,
                    device=device,
                    time_ms=time_ms,
                    fields=fields,
                )
            )
    for gone in batch.gone:
        row = gone_row(received.gateway, batch.seq, gone)
        if row.time_ms > latest_ms:
            refused.append(_future("", row.time_ms, row.fields))
        else:
            rows.append(row)
    return Rows(tuple(rows), tuple(refused))


def gone_row(gateway: str, seq: int, gone: Gone) -> Row:
    """Return what a gateway gave up as a row.

    Its time is the last of what is missing plus `seq` mod 1000 ms: the same for every repeat, and not the same
    for two of them that end with one reading.
    """
    return Row(
        measurement=GONE_MEASUREMENT,
        gateway=gateway,
        device="",
        time_ms=gone.last_ms + seq % 1000,
        fields={
            f"{gone.what}_batches": gone.batches,
            f"{gone.what}_readings": gone.readings,
            f"{gone.what}_first_ms": gone.first_ms,
            f"{gone.what}_last_ms": gone.last_ms,
        },
    )


def _future(device: str, time_ms: int, fields: Mapping[str, Value]) -> Refused:
    return Refused(
        device=device,
        reason="future",
        times_ms=(time_ms,),
        values={key: (value,) for key, value in fields.items()},
    )


def _fields(
    device: str, columns: DeviceColumns, measurement: str, catalogue: Catalogue, refused: list[Refused]
) -> list[dict[str, Value]]:
    fields_by_row: list[dict[str, Value]] = [{} for _ in columns.dt]
    for key, column in columns.m.items():
        causes = _causes(columns, key)
        reason = _refusal(key, column, measurement, catalogue)
        if reason is None:
            kind = catalogue.kind(measurement, key)
            bad_rows = _fill(fields_by_row, key, column, causes, _COERCIONS[kind] if kind else None)
            reason = "kind"
        else:
            bad_rows = [row for row, value in enumerate(column) if value is not None]
        if bad_rows:
            refused.append(
                Refused(
                    device=device,
                    reason=reason,
                    times_ms=tuple(columns.t0 + columns.dt[row] for row in bad_rows),
                    values={key: tuple(column[row] for row in bad_rows)},
                )
            )
    return fields_by_row


def _causes(columns: DeviceColumns, key: str) -> dict[int, Cause]:
    return {row: cause for first, count, cause in columns.q.get(key, ()) for row in range(first, first + count)}


def _refusal(key: str, column: list[Value | None], measurement: str, catalogue: Catalogue) -> str | None:
    if key in RESERVED_FIELDS or key.startswith(QUALITY_PREFIX):
        return "reserved_key"
    sampled = next((value for value in column if value is not None), None)
    if sampled is not None and not catalogue.pin(measurement, key, sampled):
        return "too_many_keys"
    return None


def _fill(
    fields_by_row: list[dict[str, Value]],
    key: str,
    column: list[Value | None],
    causes: Mapping[int, Cause],
    coerce: Callable[[Value], Value | None] | None,
) -> list[int]:
    """Put a column into its rows; return the rows whose values do not fit the key's kind."""
    unfit: list[int] = []
    quality_field = QUALITY_PREFIX + key
    for row, value in enumerate(column):
        cause = causes.get(row, Cause.OK)
        if cause is not Cause.OK:
            fields_by_row[row][quality_field] = cause.value
        if value is None or coerce is None or cause in BAD_CAUSES:
            continue
        fitted = coerce(value)
        if fitted is None:
            unfit.append(row)
        else:
            fields_by_row[row][key] = fitted
    return unfit


def _as_float(value: Value) -> float | None:
    return None if isinstance(value, str) else float(value)


def _as_int(value: Value) -> int | None:
    if isinstance(value, str) or (isinstance(value, float) and not value.is_integer()):
        return None
    whole = int(value)
    return whole if whole in _INT64 else None


def _as_bool(value: Value) -> bool | None:
    return bool(value) if value in (0, 1) else None


def _as_text(value: Value) -> str | None:
    return value if isinstance(value, str) else None


_COERCIONS: Final[dict[PointKind, Callable[[Value], Value | None]]] = {
    "float": _as_float,
    "int": _as_int,
    "bool": _as_bool,
    "text": _as_text,
}
"""Only what loses nothing: 5 may stand for 5.0, never 5.5 for 5."""
