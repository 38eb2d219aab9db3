"""The tables of the spool: what one transaction does. Every method may raise sqlite3.Error."""

from __future__ import annotations

import sqlite3
import zlib
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import orjson
import structlog

from contract.batch import EARLIEST_MS, LATEST_MS, Gone
from edge_agent.core.clock_hold import SavedClock
from edge_agent.core.delivery_batches import HeldRow
from edge_agent.core.delivery_rows import (
    MAX_EPOCH_NUMBER,
    MAX_SEQ,
    PRIORITY_OF,
    RANK_OF,
    Rank,
    Row,
    epoch_number_of,
    key_of,
    key_of_id,
    rank_of_id,
    row_id,
    seq_of,
)

_log = structlog.get_logger(__name__)

ROW_OVERHEAD_BYTES: Final = 100
"""What a row takes beside its body, generously."""


def cost_of(body: bytes) -> int:
    """Return what a row counts towards the byte cap."""
    return len(body) + ROW_OVERHEAD_BYTES


def gone_of(rank: Rank, first_ms: int, last_ms: int, batches: int, readings: int) -> Gone:
    """Return the note of rows that were given up."""
    return Gone(
        what=PRIORITY_OF[rank],
        first_ms=min(max(EARLIEST_MS, first_ms), LATEST_MS),
        last_ms=min(max(EARLIEST_MS, last_ms), LATEST_MS),
        batches=batches,
        readings=max(0, readings),
    )


def add_gone(total: dict[Rank, Gone], gone: Gone) -> None:
    """Add a note to the totals by priority."""
    rank = RANK_OF[gone.what]
    before = total.get(rank)
    total[rank] = (
        gone
        if before is None
        else Gone(
            what=gone.what,
            first_ms=min(before.first_ms, gone.first_ms),
            last_ms=max(before.last_ms, gone.last_ms),
            batches=before.batches + gone.batches,
            readings=before.readings + gone.readings,
        )
    )


def told_in(body: bytes) -> list[Gone]:
    """Return the notes in a row that tells of earlier losses."""
    return [Gone.model_validate(told) for told in orjson.loads(body).get("gone", [])]


@dataclass(slots=True)
class Counters:
    """What `status` shows of the spool; kept with each commit, never by scanning.

    Attributes:
        rows: Batches, by rank.
        bytes: On disk, with overhead, held rows included.
        held: Rows that wait for the time.
        oldest_ms: When the oldest batch was committed, milliseconds since 1970 UTC.
        unkept_rows: In memory because the disk fails.
        evicted: Batches given up at the byte cap since the start.
    """

    rows: Counter[Rank] = field(default_factory=Counter)
    bytes: int = 0
    held: int = 0
    oldest_ms: int | None = None
    unkept_rows: int = 0
    evicted: int = 0
    evicted_readings: int = 0
    commits: int = 0
    errors: int = 0
    corrupt_rows: int = 0
    set_aside: int = 0
    salvaged: int = 0

    def copied(self) -> Counters:
        """Return a copy, for the case that the transaction fails."""
        return replace(self, rows=Counter(self.rows))


class SpoolTables:
    """The tables of one open file, with counters that follow each change."""

    def __init__(self, database: sqlite3.Connection, counters: Counters) -> None:
        """Count what the file holds; `epochs` are those that have rows."""
        self.database = database
        self.counters = counters
        self.gone: dict[Rank, Gone] = {}
        self.epochs: dict[int, str] = {}
        self.saved_clock: SavedClock | None = None
        self._next_held = 1
        self._load()

    def insert(self, rows: Sequence[Row], epochs: dict[int, str]) -> None:
        """Keep batches; `epochs` names those of their numbers."""
        for number in {epoch_number_of(key_of_id(row.identity)) for row in rows}:
            if number not in self.epochs:
                self.database.execute("INSERT OR REPLACE INTO epoch VALUES (?, ?)", (number, epochs[number]))
        for row in rows:
            cost = cost_of(row.body)
            self.database.execute(
                "INSERT INTO batch VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    row.identity,
                    row.born_ms,
                    row.first_ms,
                    row.last_ms,
                    row.readings,
                    cost,
                    zlib.crc32(row.body),
                    row.body,
                ),
            )
            self.counters.rows[rank_of_id(row.identity)] += 1
            self.counters.bytes += cost

    def hold(self, rows: Sequence[HeldRow]) -> None:
        """Keep readings that wait for their time."""
        for held in rows:
            cost = cost_of(held.body)
            self.database.execute(
                "INSERT INTO held VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    row_id(held.rank, self._next_held),
                    held.boot_id,
                    held.first_ms,
                    held.last_ms,
                    held.readings,
                    cost,
                    zlib.crc32(held.body),
                    held.body,
                ),
            )
            self._next_held += 1
            self.counters.held += 1
            self.counters.bytes += cost

    def delete(self, first_key: int, last_key: int) -> None:
        """Delete confirmed batches of a range of keys, whatever their priority."""
        for rank in Rank:
            if not self.counters.rows[rank]:
                continue
            deleted = self.database.execute(
                "DELETE FROM batch WHERE id BETWEEN ? AND ? RETURNING bytes",
                (row_id(rank, first_key), row_id(rank, last_key)),
            ).fetchall()
            self.counters.rows[rank] -= len(deleted)
            self.counters.bytes -= sum(cost for (cost,) in deleted)

    def unhold(self, identity: int) -> None:
        """Delete a held row that has become a batch."""
        deleted = self.database.execute("DELETE FROM held WHERE id = ? RETURNING bytes", (identity,)).fetchone()
        if deleted:
            self.counters.held -= 1
            self.counters.bytes -= deleted[0]

    def give_up_damaged(self, table: str, identity: int) -> None:
        """Delete a row whose checksum is wrong, and count it as gone."""
        row = self.database.execute(
            f"SELECT id, bytes, readings, first_ms, last_ms FROM {table} WHERE id = ?",  # noqa: S608 - fixed words
            (identity,),
        ).fetchone()
        if row is not None:
            _log.error("spool_row_damaged", table=table, row=identity, readings=row[2])
            self.counters.corrupt_rows += 1
            self._give_up(table, rank_of_id(identity), [row], is_readable=False)

    def evict(self, target_bytes: int, spared: Collection[int]) -> None:
        """Delete until the rows take no more than a target: low, normal, urgent, the oldest first."""
        for rank in Rank:
            bounds = (row_id(rank, 0), row_id(rank, key_of(MAX_EPOCH_NUMBER, MAX_SEQ)))
            for table in ("batch", "held"):
                if self.counters.bytes <= target_bytes:
                    return
                rows = self.database.execute(
                    f"SELECT id, bytes, readings, first_ms, last_ms FROM {table} "  # noqa: S608 - fixed words
                    "WHERE id BETWEEN ? AND ? ORDER BY id",
                    bounds,
                )
                chosen: list[tuple[int, int, int, int, int]] = []
                freed = 0
                for row in rows:
                    if self.counters.bytes - freed <= target_bytes:
                        break
                    if table == "batch" and row[0] in spared:
                        continue
                    chosen.append(row)
                    freed += row[1]
                rows.close()
                self.counters.evicted += len(chosen)
                self.counters.evicted_readings += sum(row[2] for row in chosen)
                self._give_up(table, rank, chosen)

    def tell(self, told: Gone) -> None:
        """Take from the totals what a batch tells of."""
        rank = RANK_OF[told.what]
        held = self.gone.pop(rank, None)
        self.database.execute("DELETE FROM gone WHERE what = ?", (rank,))
        if held is not None and held.batches > told.batches:
            batches, readings = held.batches - told.batches, held.readings - told.readings
            self.gone[rank] = held.model_copy(update={"batches": batches, "readings": readings})

    def save_gone(self, before: dict[Rank, Gone]) -> None:
        """Write the totals that changed."""
        for rank, gone in self.gone.items():
            if before.get(rank) != gone:
                self.database.execute(
                    "INSERT OR REPLACE INTO gone VALUES (?, ?, ?, ?, ?)",
                    (rank, gone.first_ms, gone.last_ms, gone.batches, gone.readings),
                )

    def save_clock(self, clock: SavedClock) -> None:
        """Write what is known of the time."""
        self.database.execute(
            "INSERT OR REPLACE INTO clock VALUES (1, ?, ?, ?)", (clock.boot_id, clock.offset_ms, clock.highest_ms)
        )
        self.saved_clock = clock

    def find_oldest(self) -> None:
        """Bring `oldest_ms` of the counters up to date: one look at the index for each priority."""
        born: list[int] = []
        for rank in Rank:
            if self.counters.rows[rank]:
                found = self.database.execute(
                    "SELECT born_ms FROM batch WHERE id >= ? ORDER BY id LIMIT 1", (row_id(rank, 0),)
                ).fetchone()
                born += found or ()
        self.counters.oldest_ms = min(born, default=None)

    def lowest_seq(self, epoch_number: int) -> int | None:
        """Return the lowest number that an epoch still holds, None if it holds none."""
        seqs: list[int] = []
        for rank in Rank:
            if self.counters.rows[rank]:
                found = self.database.execute(
                    "SELECT min(id) FROM batch WHERE id BETWEEN ? AND ?",
                    (row_id(rank, key_of(epoch_number, 0)), row_id(rank, key_of(epoch_number, MAX_SEQ))),
                ).fetchone()[0]
                if found is not None:
                    seqs.append(seq_of(key_of_id(found)))
        return min(seqs, default=None)

    def ids(self, first: int, last: int) -> Iterator[int]:
        """Yield the ids of batches between two, inclusive, rising."""
        for row in self.database.execute("SELECT id FROM batch WHERE id BETWEEN ? AND ? ORDER BY id", (first, last)):
            yield row[0]

    def body(self, identity: int) -> tuple[bytes, bool] | None:
        """Return the bytes of a batch and whether their checksum is right, None if it is not there."""
        found = self.database.execute("SELECT body, crc FROM batch WHERE id = ?", (identity,)).fetchone()
        return None if found is None else (found[0], zlib.crc32(found[0]) == found[1])

    def held_boots(self) -> list[tuple[str, int]]:
        """Return (boot, boot clock of its last reading) of what waits for the time, the oldest boot first."""
        return self.database.execute(
            "SELECT boot, max(last_ms) FROM held GROUP BY boot ORDER BY min(id & ?)", (MAX_SEQ,)
        ).fetchall()

    def held_rows(self, limit: int) -> tuple[list[HeldRow], list[int]]:
        """Return held rows by id, and the ids of those whose checksum is wrong."""
        rows, damaged = [], []
        for identity, boot, first_ms, last_ms, readings, body, crc in self.database.execute(
            "SELECT id, boot, first_ms, last_ms, readings, body, crc FROM held ORDER BY id LIMIT ?", (limit,)
        ).fetchall():
            if zlib.crc32(body) != crc:
                damaged.append(identity)
                continue
            held = HeldRow(
                identity=identity,
                rank=rank_of_id(identity),
                boot_id=boot,
                first_ms=first_ms,
                last_ms=last_ms,
                readings=readings,
                body=body,
            )
            rows.append(held)
        return rows, damaged

    def _give_up(
        self, table: str, rank: Rank, rows: Sequence[tuple[int, int, int, int, int]], *, is_readable: bool = True
    ) -> None:
        last_known_ms = self.saved_clock.highest_ms if self.saved_clock else 0
        for identity, cost, readings, first_ms, last_ms in rows:
            if table == "held":
                # Readings that never got a time are told of with the last time that is known.
                add_gone(self.gone, gone_of(rank, last_known_ms, last_known_ms, 1, readings))
            elif readings == 0 and is_readable and (found := self.body(identity)) is not None and found[1]:
                for told in told_in(found[0]):
                    add_gone(self.gone, told)
            else:
                add_gone(self.gone, gone_of(rank, first_ms, last_ms, 1, readings))
            self.database.execute(f"DELETE FROM {table} WHERE id = ?", (identity,))  # noqa: S608 - fixed words
            self.counters.bytes -= cost
            if table == "batch":
                self.counters.rows[rank] -= 1
            else:
                self.counters.held -= 1

    def _epoch_in_rows(self, number: int) -> str | None:
        """Return the epoch as a row of it has it, under its checksum; the table of epochs has none."""
        for rank in Rank:
            first = next(self.ids(row_id(rank, key_of(number, 0)), row_id(rank, key_of(number, MAX_SEQ))), None)
            found = self.body(first) if first is not None else None
            if found is not None and found[1]:
                return str(orjson.loads(found[0])["epoch"])
        return None

    def _load(self) -> None:
        counters = self.counters
        counters.rows.clear()
        counters.bytes = 0
        for rank in Rank:
            count, cost = self.database.execute(
                "SELECT count(*), coalesce(sum(bytes), 0) FROM batch WHERE id BETWEEN ? AND ?",
                (row_id(rank, 0), row_id(rank, key_of(MAX_EPOCH_NUMBER, MAX_SEQ))),
            ).fetchone()
            counters.rows[rank] = count
            counters.bytes += cost
        counters.held, cost, highest = self.database.execute(
            "SELECT count(*), coalesce(sum(bytes), 0), coalesce(max(id & ?), 0) FROM held", (MAX_SEQ,)
        ).fetchone()
        counters.bytes += cost
        self._next_held = highest + 1
        for number, epoch in self.database.execute("SELECT number, epoch FROM epoch").fetchall():
            if self.lowest_seq(number) is None:
                self.database.execute("DELETE FROM epoch WHERE number = ?", (number,))
            else:
                self.epochs[number] = self._epoch_in_rows(number) or epoch
        for what, *rest in self.database.execute("SELECT * FROM gone").fetchall():
            self.gone[Rank(what)] = gone_of(Rank(what), *rest)
        found = self.database.execute("SELECT boot, offset_ms, highest_ms FROM clock").fetchone()
        if found:
            self.saved_clock = SavedClock(boot_id=found[0], offset_ms=found[1], highest_ms=found[2])
        self.find_oldest()
