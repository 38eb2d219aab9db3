"""Wire format v1: models to bytes and back, and blocks into the columns of a batch."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, TypeVar

import orjson
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from contract.batch import (
    GREATEST_INTEGER,
    LEAST_INTEGER,
    MAX_BATCH_BYTES,
    MAX_TEXT_LENGTH,
    Batch,
    ClockState,
    Gone,
    Priority,
)
from contract.reading import BAD_CAUSES, Block, Cause, Value

Model = TypeVar("Model", bound=BaseModel)
MAX_DEPTH: Final = 12
"""Deeper than anything in the contract; beyond it a payload is refused before it is compared with a model."""


_SURROGATES: Final = re.compile("[\ud800-\udfff]")


class PayloadError(ValueError):
    """A payload that is not what its topic promises; `kind` names the metric that counts it."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def decode(payload: bytes, model: type[Model], max_bytes: int = MAX_BATCH_BYTES) -> Model:
    """Return the message in a payload.

    Raises:
        PayloadError: kind `oversized`, `nested`, `not_json` or `invalid`.
    """
    if len(payload) > max_bytes:
        raise PayloadError("oversized", f"{len(payload)} bytes, at most {max_bytes}")
    try:
        data = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        # orjson itself stops at 1,024 levels.
        kind = "nested" if "depth limit" in error.msg else "not_json"
        raise PayloadError(kind, f"not JSON: {error}") from error
    if payload.count(b"[") + payload.count(b"{") > MAX_DEPTH and _is_deep(data):
        raise PayloadError("nested", f"nested deeper than {MAX_DEPTH} levels")
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = _telling(error.errors(include_url=False, include_input=False))
        where = ".".join(str(part) for part in first["loc"])
        raise PayloadError("invalid", f"{where}: {first['msg']}"[:256]) from error


def _telling(errors: list[ErrorDetails]) -> ErrorDetails:
    """Return the first finding; of a value that may be of several types that of the type it has."""
    first = errors[0]
    beside = [error for error in errors if error["loc"][:-1] == first["loc"][:-1]]
    return next((error for error in beside if not error["type"].endswith("_type")), first)


def _is_deep(data: object) -> bool:
    """Return whether containers stand within one another more than MAX_DEPTH deep; linear in their items."""
    level = [data]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True


_FLOATS: Final = frozenset({float})


def encode(model: BaseModel) -> bytes:
    """Return a message as JSON; fields that hold None are left out, values that are None stay null."""
    return orjson.dumps(model.model_dump(mode="json", exclude_none=True))


def columns(blocks: Iterable[Block]) -> dict[str, dict[str, Any]]:
    """Return blocks as the `d` of a batch: device to t0, dt, m and q.

    Blocks of one device with the same time are merged; a point twice at one time keeps the later value. A value that
    cannot travel (NaN, an infinity, an integer beyond 64 bits, a text beyond 256 characters) becomes BAD with cause
    `range`; None without a cause is not sampled.
    """
    rows_by_device: dict[str, dict[int, list[Block]]] = {}
    for block in blocks:
        rows_by_device.setdefault(block.device, {}).setdefault(block.observed_at_ms, []).append(block)
    return {device: _device_columns(rows) for device, rows in rows_by_device.items()}


def _device_columns(rows: Mapping[int, list[Block]]) -> dict[str, Any]:
    times = sorted(rows)
    whole = _whole_columns([rows[time_ms] for time_ms in times])
    if whole is not None:
        return {"t0": times[0], "dt": [time_ms - times[0] for time_ms in times], "m": whole}
    measured: dict[str, list[Value | None]] = {}
    runs: dict[str, list[list[Any]]] = {}
    for row, time_ms in enumerate(times):
        for key, (value, cause) in _samples(rows[time_ms]).items():
            column = measured.get(key)
            if column is None:
                column = measured[key] = [None] * len(times)
            column[row] = value
            if cause is not None:
                _extend_run(runs.setdefault(key, []), row, cause)
    result: dict[str, Any] = {"t0": times[0], "dt": [time_ms - times[0] for time_ms in times], "m": measured}
    if runs:
        result["q"] = runs
    return result


def _whole_columns(rows: list[list[Block]]) -> dict[str, list[Value | None]] | None:
    """Return the columns of rows that need no second look: one block each, the same points, all sound; else None.

    This is what a healthy field sends all day: a look at each value by itself costs more than all the rest.
    """
    keys = rows[0][0].keys
    for blocks in rows:
        block = blocks[0]
        if len(blocks) > 1 or block.causes or len(block.values) != len(keys):
            return None
        if block.keys is not keys and block.keys != keys:
            return None
        if not _all_fit(block.values):
            return None
    if len(set(keys)) != len(keys):
        return None
    if len(rows) == 1:
        return {key: [value] for key, value in zip(keys, rows[0][0].values, strict=True)}
    return {
        key: list(column) for key, column in zip(keys, zip(*(row[0].values for row in rows), strict=True), strict=True)
    }


def _all_fit(values: Sequence[Value | None]) -> bool:
    """Return whether values can all travel; False also where they must be looked at singly."""
    if not values:
        return False
    if isinstance(values[0], int):
        try:
            # The range of 64 bits, which struct checks ten times as fast as min and max would.
            _integers(len(values)).pack(*values)
        except struct.error:
            pass
        else:
            return True
    elif set(map(type, values)) == _FLOATS and math.isfinite(sum(values)):  # type: ignore[arg-type]  # all are floats
        # One NaN or infinity would be the sum as well.
        return True
    return all(value is not None and _fits(value) for value in values)


@lru_cache(maxsize=256)
def _integers(count: int) -> struct.Struct:
    return struct.Struct(f"{count}q")


def _samples(blocks: Iterable[Block]) -> dict[str, tuple[Value | None, Cause | None]]:
    """Return what blocks of one time hold, the later over the earlier, as the wire writes it."""
    samples: dict[str, tuple[Value | None, Cause | None]] = {}
    for block in blocks:
        causes = block.causes
        for key, value in zip(block.keys, block.values, strict=True):
            cause = causes.get(key) if causes else None
            if cause in BAD_CAUSES:
                samples[key] = (None, cause)
            elif value is None:
                samples.setdefault(key, (None, None))
            elif _fits(value):
                samples[key] = (value, None if cause is Cause.OK else cause)
            else:
                samples[key] = (None, Cause.RANGE)
    return samples


def _fits(value: Value) -> bool:
    """Return whether a value can travel: JSON has no NaN, the stores have 64 bits, texts are short Unicode."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, str):
        return len(value) <= MAX_TEXT_LENGTH and not _SURROGATES.search(value)
    return LEAST_INTEGER <= value <= GREATEST_INTEGER


def _extend_run(runs: list[list[Any]], row: int, cause: Cause) -> None:
    if runs and runs[-1][2] == cause and runs[-1][0] + runs[-1][1] == row:
        runs[-1][1] += 1
    else:
        runs.append([row, 1, cause])


def batch_body(
    *,
    epoch: str,
    seq: int,
    priority: Priority,
    clock: ClockState,
    device_columns: Mapping[str, Any],
    gone: Iterable[Gone] = (),
) -> bytes:
    """Return the kept bytes of a batch: they never change once it was sent."""
    body: dict[str, Any] = {
        "v": 1,
        "epoch": epoch,
        "seq": seq,
        "pri": priority,
        "clk": clock,
        "d": device_columns,
    }
    told = [row.model_dump(mode="json") for row in gone]
    if told:
        body["gone"] = told
    return orjson.dumps(body)


def stamped(body: bytes, *, sent_ms: int, lowest_seq: int, age_ms: int | None = None) -> bytes:
    """Return the payload of one sending: the kept bytes with `sent` and `lo` set before them."""
    age = b"" if age_ms is None else b'"age_ms":%d,' % age_ms
    return b'{"sent":%d,"lo":%d,%s%s' % (sent_ms, lowest_seq, age, body[1:])


def decode_batch(payload: bytes) -> Batch:
    """Return the batch in a payload.

    Raises:
        PayloadError: It is none.
    """
    return decode(payload, Batch)
