"""Blocks into the rows of the spool: encoded once, split below the size that a collector accepts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from contract.batch import EARLIEST_MS, MAX_BATCH_BYTES, MAX_DEVICES_PER_BATCH, ClockState, Gone
from contract.codec import batch_body, columns
from contract.reading import Block
from edge_agent.core.clock_hold import shifted
from edge_agent.core.delivery_rows import PRIORITY_OF, Rank, Row, key_of, row_id

STAMP_BYTES: Final = 128
"""Room for `sent`, `lo` and `age_ms`, which each copy adds."""
MAX_BLOCKS: Final = 4096
"""Fewer than a device may have rows in a batch."""
MAX_READINGS: Final = 32_768
"""In one row: eight bytes for each; numbers are seldom longer, and a row that is too large must be made again."""


@dataclass(slots=True)
class Numbering:
    """The numbers of one epoch; each is given once."""

    epoch: str
    number: int
    last_seq: int = 0

    def next_seq(self) -> int:
        """Return a number never given before."""
        self.last_seq += 1
        return self.last_seq


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldRow:
    """Readings whose wall time is not known yet.

    Attributes:
        identity: The spool's key, rising in the order of commits; 0 before it is kept.
        boot_id: The boot whose clock gave the times.
        first_ms: The oldest reading, milliseconds of the boot clock.
        last_ms: The newest.
        body: JSON of the columns, times of the boot clock.
    """

    identity: int = 0
    rank: Rank
    boot_id: str
    first_ms: int
    last_ms: int
    readings: int
    body: bytes


def rows_of(
    blocks: Sequence[Block], *, rank: Rank, clock: ClockState, numbering: Numbering, born_ms: int
) -> Iterator[Row]:
    """Yield blocks of one priority as rows, each below the size limit."""
    for part in _in_parts(blocks):
        readings = sum(len(block.keys) for block in part)
        row = row_of(columns(part), readings, rank=rank, clock=clock, numbering=numbering, born_ms=born_ms)
        if len(row.body) <= MAX_BATCH_BYTES - STAMP_BYTES or len(part) == 1:
            yield row
            continue
        # The number of the oversized attempt is never used: gaps are allowed, repeats are not.
        middle = len(part) // 2
        for half in (part[:middle], part[middle:]):
            yield from rows_of(half, rank=rank, clock=clock, numbering=numbering, born_ms=born_ms)


def row_of(
    device_columns: dict[str, Any], readings: int, *, rank: Rank, clock: ClockState, numbering: Numbering, born_ms: int
) -> Row:
    """Return columns as one row with the next number."""
    seq = numbering.next_seq()
    body = batch_body(
        epoch=numbering.epoch, seq=seq, priority=PRIORITY_OF[rank], clock=clock, device_columns=device_columns
    )
    return Row(
        identity=row_id(rank, key_of(numbering.number, seq)),
        born_ms=born_ms,
        first_ms=min((one["t0"] for one in device_columns.values()), default=born_ms),
        last_ms=max((one["t0"] + one["dt"][-1] for one in device_columns.values()), default=born_ms),
        readings=readings,
        body=body,
    )


def gone_row(gone: Sequence[Gone], *, clock: ClockState, numbering: Numbering, born_ms: int) -> Row:
    """Return what was given up as an urgent row: it is told as data is, and given up last."""
    seq = numbering.next_seq()
    return Row(
        identity=row_id(Rank.URGENT, key_of(numbering.number, seq)),
        born_ms=born_ms,
        first_ms=min(one.first_ms for one in gone),
        last_ms=max(one.last_ms for one in gone),
        readings=0,
        body=batch_body(
            epoch=numbering.epoch,
            seq=seq,
            priority=PRIORITY_OF[Rank.URGENT],
            clock=clock,
            device_columns={},
            gone=gone,
        ),
    )


def held_rows_of(blocks: Sequence[Block], *, rank: Rank, boot_id: str) -> Iterator[HeldRow]:
    """Yield blocks whose times are of the boot clock as rows that wait for the wall clock."""
    for part in _in_parts(blocks):
        body = orjson.dumps(columns(part))
        if len(body) > MAX_BATCH_BYTES // 2 and len(part) > 1:
            middle = len(part) // 2
            yield from held_rows_of(part[:middle], rank=rank, boot_id=boot_id)
            yield from held_rows_of(part[middle:], rank=rank, boot_id=boot_id)
            continue
        yield HeldRow(
            rank=rank,
            boot_id=boot_id,
            first_ms=min(block.observed_at_ms for block in part),
            last_ms=max(block.observed_at_ms for block in part),
            readings=sum(len(block.keys) for block in part),
            body=body,
        )


def placed_row(held: HeldRow, *, offset_ms: int, clock: ClockState, numbering: Numbering, born_ms: int) -> Row:
    """Return a held row with its wall times; those of a boot that was placed are UNCERTAIN."""
    device_columns = shifted(orjson.loads(held.body), offset_ms, uncertain=clock is ClockState.PLACED)
    return row_of(device_columns, held.readings, rank=held.rank, clock=clock, numbering=numbering, born_ms=born_ms)


def waiting_body(blocks: Sequence[Block], numbering: Numbering) -> bytes:
    """Return urgent readings that go out before the time is known; times are of the boot clock, moved to 2020."""
    return batch_body(
        epoch=numbering.epoch,
        seq=numbering.next_seq(),
        priority=PRIORITY_OF[Rank.URGENT],
        clock=ClockState.WAITING,
        device_columns=shifted(columns(blocks), EARLIEST_MS, uncertain=False),
    )


def _in_parts(blocks: Sequence[Block]) -> Iterator[Sequence[Block]]:
    readings = sum(len(block.keys) for block in blocks)
    if len(blocks) <= MAX_DEVICES_PER_BATCH and readings <= MAX_READINGS:
        # The common case: however they are spread, there cannot be more devices than blocks.
        if blocks:
            yield blocks
        return
    part: list[Block] = []
    devices: set[str] = set()
    room = MAX_READINGS
    for block in blocks:
        is_full = len(part) >= MAX_BLOCKS or (part and len(block.keys) > room)
        if is_full or (block.device not in devices and len(devices) >= MAX_DEVICES_PER_BATCH):
            yield part
            part, devices, room = [], set(), MAX_READINGS
        part.append(block)
        devices.add(block.device)
        room -= len(block.keys)
    if part:
        yield part
