"""Wire format v1: models to bytes and back, and blocks into the columns of a batch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeVar

import orjson
from pydantic import BaseModel, ValidationError

from contract.batch import MAX_BATCH_BYTES, Batch, ClockState, Gone, Priority
from contract.reading import BAD_CAUSES, Block, Cause

Model = TypeVar("Model", bound=BaseModel)
MAX_DEPTH: Final = 12
"""Deeper than anything in the contract; beyond it a payload is refused before it is parsed."""


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
    _check_depth(payload)
    try:
        data = orjson.loads(payload)
    except (orjson.JSONDecodeError, RecursionError) as error:
        raise PayloadError("not_json", f"not JSON: {error}") from error
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise PayloadError("invalid", f"{where}: {first['msg']}"[:256]) from error


def _check_depth(payload: bytes) -> None:
    # Counting brackets in strings too only makes the check stricter; our names and texts hold none.
    if payload.count(b"[") + payload.count(b"{") <= MAX_DEPTH:
        return
    depth = deepest = 0
    for part in payload.replace(b"{", b"[").replace(b"}", b"]").split(b"["):
        deepest = max(deepest, depth)
        depth += 1 - part.count(b"]")
        if deepest > MAX_DEPTH:
            raise PayloadError("nested", f"nested deeper than {MAX_DEPTH} levels")


def encode(model: BaseModel) -> bytes:
    """Return a message as JSON, without what has its default."""
    return orjson.dumps(model.model_dump(mode="json", exclude_none=True))


def columns(blocks: Iterable[Block]) -> dict[str, dict[str, Any]]:
    """Return blocks as the `d` of a batch: device to t0, dt, m and q.

    Blocks of one device with the same time are merged; a point twice at one time keeps the later value.
    """
    rows_by_device: dict[str, dict[int, list[Block]]] = {}
    for block in blocks:
        rows_by_device.setdefault(block.device, {}).setdefault(block.observed_at_ms, []).append(block)
    return {device: _device_columns(rows) for device, rows in rows_by_device.items()}


def _device_columns(rows: Mapping[int, list[Block]]) -> dict[str, Any]:
    times = sorted(rows)
    if len(times) == 1 and len(rows[times[0]]) == 1:
        return _single_row(rows[times[0]][0])
    measured: dict[str, list[Any]] = {}
    runs: dict[str, list[list[Any]]] = {}
    for row, time_ms in enumerate(times):
        for block in rows[time_ms]:
            for key, value in zip(block.keys, block.values, strict=True):
                column = measured.get(key)
                if column is None:
                    column = measured[key] = [None] * len(times)
                column[row] = value
            for key, cause in block.causes.items():
                if cause in BAD_CAUSES:
                    measured[key][row] = None
                _extend_run(runs.setdefault(key, []), row, cause)
    result: dict[str, Any] = {"t0": times[0], "dt": [time_ms - times[0] for time_ms in times], "m": measured}
    if runs:
        result["q"] = runs
    return result


def _single_row(block: Block) -> dict[str, Any]:
    measured = {key: [value] for key, value in zip(block.keys, block.values, strict=True)}
    result: dict[str, Any] = {"t0": block.observed_at_ms, "dt": [0], "m": measured}
    if block.causes:
        for key, cause in block.causes.items():
            if cause in BAD_CAUSES:
                measured[key] = [None]
        result["q"] = {key: [[0, 1, cause]] for key, cause in block.causes.items()}
    return result


def _extend_run(runs: list[list[Any]], row: int, cause: Cause) -> None:
    if runs and runs[-1][2] == cause and runs[-1][0] + runs[-1][1] == row:
        runs[-1][1] += 1
    elif not runs or runs[-1][0] + runs[-1][1] <= row:
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
