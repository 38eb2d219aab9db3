"""The spool: every reading stays here, on disk, until the collector has confirmed it.

All methods block and belong to one thread. None of them raises for a disk that fails: then rows stay in bounded
memory, are counted as not kept, and go to the disk when it works again.
"""

from __future__ import annotations

import itertools
import secrets
import sqlite3
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import merge
from pathlib import Path
from typing import Final

import structlog

from contract.batch import Gone
from edge_agent.core.backoff import backoff_s
from edge_agent.core.clock_hold import SavedClock
from edge_agent.core.delivery import Answer, Request
from edge_agent.core.delivery_batches import HeldRow, Numbering
from edge_agent.core.delivery_rows import (
    MAX_EPOCH_NUMBER,
    MAX_SEQ,
    Fetched,
    Rank,
    Row,
    epoch_number_of,
    key_of,
    key_of_id,
    rank_of_id,
    row_id,
    seq_of,
)
from edge_agent.shell import spool_file
from edge_agent.shell.spool_file import SpoolDamagedError
from edge_agent.shell.spool_tables import Counters, SpoolTables, add_gone, cost_of, gone_of, told_in

_log = structlog.get_logger(__name__)

MAX_UNKEPT_BYTES: Final = 4 * 1024 * 1024
"""Of rows that wait in memory for a disk that fails."""
_NUMBER_WITHOUT_FILE: Final = MAX_EPOCH_NUMBER // 2
_FULL_ATTEMPTS: Final = 4
_NOTHING: Final = Answer()


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """One transaction.

    Attributes:
        rows: New batches.
        held: New readings without a wall time.
        placed: Ids of held rows that are among `rows` now.
        confirmed: Inclusive ranges of keys to delete.
        in_flight: Ids that are not to be evicted.
        told: Of `gone`, what a row among `rows` tells.
        lost: What was given up before it got here.
        clock: What is known of the time, None to leave it.
    """

    rows: Sequence[Row] = ()
    held: Sequence[HeldRow] = ()
    placed: Sequence[int] = ()
    confirmed: Sequence[tuple[int, int]] = ()
    in_flight: Collection[int] = ()
    told: Sequence[Gone] = ()
    lost: Sequence[Gone] = ()
    clock: SavedClock | None = None


class Spool:
    """The rows of one gateway on its disk.

    Attributes:
        live: The epoch of new batches, drawn at this start.
        placed: The epoch of readings that get their time late. It is another and counts as older, or they would stand
            among the batches of the last ten minutes and delay what was lost just now.
        epoch_numbers: The local number of each epoch that has rows here, and of those of this start; replaced, never
            changed, so that another thread may read it.
        failure: Why the disk keeps nothing now, None while it does.
    """

    def __init__(self, path: Path, *, max_bytes: int) -> None:
        """Draw the epochs; nothing is opened before `open`.

        Args:
            path: The database file.
            max_bytes: Cap of bodies and their overhead.
        """
        self._path = path
        self._max_bytes = max_bytes
        self._tables: SpoolTables | None = None
        self._unkept: dict[int, Row] = {}
        self._unkept_held: list[HeldRow] = []
        self._unkept_bytes = 0
        self._unkept_gone: dict[Rank, Gone] = {}
        self._damaged: set[tuple[str, int]] = set()
        self._damage: str | None = None
        self._attempt = 0
        self._retry_at_s = 0.0
        # Numbers for a start whose disk fails; far above those that a start with a file gives.
        number = _NUMBER_WITHOUT_FILE + 2 * secrets.randbelow(_NUMBER_WITHOUT_FILE // 4)
        self.placed = Numbering(secrets.token_hex(16), number)
        self.live = Numbering(secrets.token_hex(16), number + 1)
        self.epoch_numbers: dict[str, int] = {}
        self.counters = Counters()
        self.failure: str | None = None

    def open(self) -> None:
        """Open the file, whatever state it is in; if the disk does not let it, go on in memory."""
        self._reopen()
        if self._tables is not None:
            self.placed.number = max(self._tables.epochs, default=0) + 1
            self.live.number = self.placed.number + 1
        self._know_epochs()

    def close(self) -> None:
        """Close the file; harmless when it is not open."""
        if self._tables is not None:
            self._tables.database.close()
            self._tables = None

    @property
    def is_open(self) -> bool:
        """Whether the disk takes commits now."""
        return self._tables is not None

    @property
    def gone(self) -> list[Gone]:
        """What was given up and is not told yet."""
        return list(self._tables.gone.values()) if self._tables else list(self._unkept_gone.values())

    @property
    def saved_clock(self) -> SavedClock | None:
        """What the file knows of the time."""
        return self._tables.saved_clock if self._tables else None

    def commit(self, commit: Commit) -> bool:
        """Keep rows and delete confirmed ones in one transaction.

        Returns:
            Whether the disk has it. If not, new rows stay in memory and the deletions must be asked for again.
        """
        for row in commit.rows:
            self._unkept[row.identity] = row
        self._unkept_held.extend(commit.held)
        self._unkept_bytes += sum(cost_of(row.body) for row in commit.rows)
        self._unkept_bytes += sum(cost_of(held.body) for held in commit.held)
        self._forget_confirmed(commit.confirmed)
        for gone in commit.lost:
            add_gone(self._unkept_gone, gone)
        if self._tables is None and time.monotonic() >= self._retry_at_s:
            self._reopen()
        kept = self._tables is not None and self._try_commit(self._tables, commit)
        if not kept:
            self._bound_unkept()
        self.counters.unkept_rows = len(self._unkept) + len(self._unkept_held)
        return kept

    def fetch(self, request: Request) -> Answer:
        """Read what a request names; rows that are gone are left out."""
        try:
            newer = (one for one in self._ids((Rank.URGENT,), 0, None) if one not in request.known_urgent)
            more = itertools.islice(
                (one for one in newer if key_of_id(one) not in request.confirmed), request.more_urgent
            )
            history: list[int] = []
            for above, up_to, count in (request.recent, request.old):
                candidates = (
                    one
                    for one in self._ids((Rank.NORMAL, Rank.LOW), above, up_to)
                    if one not in request.in_flight and key_of_id(one) not in request.confirmed
                )
                history.extend(itertools.islice(candidates, max(0, count - len(history))))
            return Answer(
                urgent=list(self._fetched(request.urgent)),
                more_urgent=list(more),
                history=list(self._fetched(history)),
            )
        except sqlite3.Error as error:
            self._failed(error)
            return _NOTHING

    def lowest_seq(self, epoch_number: int) -> int | None:
        """Return the lowest number of an epoch that is still held, None if there is none."""
        seqs = [seq_of(key) for key in map(key_of_id, self._unkept) if epoch_number_of(key) == epoch_number]
        if self._tables is not None:
            try:
                found = self._tables.lowest_seq(epoch_number)
            except sqlite3.Error as error:
                self._failed(error)
            else:
                seqs += [] if found is None else [found]
        return min(seqs, default=None)

    def held_boots(self) -> list[tuple[str, int]]:
        """Return (boot, boot clock of its last held reading) of what waits for the time, the oldest boot first."""
        try:
            return self._tables.held_boots() if self._tables else []
        except sqlite3.Error as error:
            self._failed(error)
            return []

    def held_rows(self, limit: int) -> list[HeldRow]:
        """Return rows that wait for the time, by id; damaged ones are left out, deleted and counted."""
        try:
            rows, damaged = self._tables.held_rows(limit) if self._tables else ([], [])
        except sqlite3.Error as error:
            self._failed(error)
            return []
        self._damaged.update(("held", identity) for identity in damaged)
        return rows

    def _try_commit(self, tables: SpoolTables, commit: Commit) -> bool:
        extra_bytes = 0
        for _ in range(_FULL_ATTEMPTS):
            counters, gone, clock = tables.counters.copied(), dict(tables.gone), tables.saved_clock
            try:
                tables.database.execute("BEGIN IMMEDIATE")
                self._write(tables, commit, extra_bytes)
                tables.database.execute("COMMIT")
            except sqlite3.Error as error:
                self.counters = tables.counters = counters
                tables.gone, tables.saved_clock = gone, clock
                if not spool_file.is_full(error):
                    self._failed(error)
                    return False
                try:
                    if tables.database.in_transaction:
                        tables.database.rollback()
                except sqlite3.Error as worse:
                    self._failed(worse)
                    return False
                # No page is free although the cap is not reached: room for what comes, twice as much each time.
                extra_bytes = max(2 * self._unkept_bytes, 4 * extra_bytes, 64 * spool_file.PAGE_BYTES)
                continue
            self._kept(tables)
            return True
        self._failed(sqlite3.OperationalError("database or disk is full"))
        return False

    def _kept(self, tables: SpoolTables) -> None:
        for numbering in (self.placed, self.live):
            if any(epoch_number_of(key_of_id(one)) == numbering.number for one in self._unkept):
                tables.epochs[numbering.number] = numbering.epoch
        self._unkept.clear()
        self._unkept_held.clear()
        self._unkept_gone.clear()
        self._damaged.clear()
        self._unkept_bytes = 0
        self.counters.commits += 1
        if self.failure is not None:
            _log.info("spool_recovered")
        self.failure, self._attempt = None, 0

    def _write(self, tables: SpoolTables, commit: Commit, extra_bytes: int) -> None:
        before = dict(tables.gone)
        for first, last in commit.confirmed:
            tables.delete(first, last)
        for table, identity in self._damaged:
            tables.give_up_damaged(table, identity)
        for told in commit.told:
            tables.tell(told)
        if extra_bytes:
            tables.evict(tables.counters.bytes - extra_bytes, commit.in_flight)
        tables.insert(list(self._unkept.values()), {one.number: one.epoch for one in (self.placed, self.live)})
        tables.hold(self._unkept_held)
        for held_id in commit.placed:
            tables.unhold(held_id)
        if tables.counters.bytes > self._max_bytes:
            tables.evict(self._max_bytes, {*commit.in_flight, *(row.identity for row in commit.rows)})
        for gone in self._unkept_gone.values():
            add_gone(tables.gone, gone)
        tables.save_gone(before)
        if commit.clock is not None:
            tables.save_clock(commit.clock)
        tables.find_oldest()

    def _ids(self, ranks: Iterable[Rank], above_key: int, up_to_key: int | None) -> Iterator[int]:
        """Yield ids above one key and up to another, from disk and from memory, the oldest first."""
        up_to = key_of(MAX_EPOCH_NUMBER, MAX_SEQ) if up_to_key is None else up_to_key
        sources: list[Iterator[int]] = []
        for rank in ranks:
            first, last = row_id(rank, above_key) + 1, row_id(rank, up_to)
            sources.append(iter(sorted(one for one in self._unkept if first <= one <= last)))
            if self._tables is not None and self.counters.rows[rank]:
                sources.append(self._tables.ids(first, last))
        return merge(*sources, key=key_of_id)

    def _fetched(self, identities: Iterable[int]) -> Iterator[Fetched]:
        lowest: dict[int, int | None] = {}
        for identity in identities:
            number = epoch_number_of(key_of_id(identity))
            body = self._body(identity)
            if body is None:
                continue
            if number not in lowest:
                lowest[number] = self.lowest_seq(number)
            yield Fetched(identity, lowest[number] or seq_of(key_of_id(identity)), body)

    def _body(self, identity: int) -> bytes | None:
        if identity in self._unkept:
            return self._unkept[identity].body
        found = self._tables.body(identity) if self._tables else None
        if found is not None and not found[1]:
            self._damaged.add(("batch", identity))
        return found[0] if found is not None and found[1] else None

    def _forget_confirmed(self, ranges: Iterable[tuple[int, int]]) -> None:
        if len(self._unkept):
            for first, last in ranges:
                for identity in [one for one in self._unkept if first <= key_of_id(one) <= last]:
                    self._unkept_bytes -= cost_of(self._unkept.pop(identity).body)

    def _bound_unkept(self) -> None:
        """Keep the newest in memory, the urgent before the others; count what goes."""
        for identity in sorted(self._unkept):
            if self._unkept_bytes <= MAX_UNKEPT_BYTES:
                return
            row = self._unkept.pop(identity)
            self._unkept_bytes -= cost_of(row.body)
            rank = rank_of_id(identity)
            told = [gone_of(rank, row.first_ms, row.last_ms, 1, row.readings)] if row.readings else told_in(row.body)
            for gone in told:
                add_gone(self._unkept_gone, gone)
        self._unkept_held.sort(key=lambda held: held.rank)
        while self._unkept_held and self._unkept_bytes > MAX_UNKEPT_BYTES:
            held = self._unkept_held.pop(0)
            self._unkept_bytes -= cost_of(held.body)
            add_gone(self._unkept_gone, gone_of(held.rank, 0, 0, 1, held.readings))

    def _failed(self, error: Exception) -> None:
        """Close the file and try again later: after an I/O error nothing that the connection says can be believed."""
        self.counters.errors += 1
        if self.failure is None:
            _log.error("spool_failed", reason=str(error), file=str(self._path))
        self.failure = str(error) or type(error).__name__
        try:
            self.close()
        except sqlite3.Error:
            self._tables = None
        pause_s = backoff_s(self._attempt, first_s=1.0, longest_s=30.0, fraction=1.0)
        self._attempt += 1
        if spool_file.is_damage(error):
            self._damage = str(error)
            pause_s = 0.0 if self._attempt < 3 else pause_s
        self._retry_at_s = time.monotonic() + pause_s

    def _reopen(self) -> None:
        try:
            try:
                if self._damage is not None:
                    # Found while it was in use, by what a check at open does not look at.
                    raise SpoolDamagedError(self._damage)  # noqa: TRY301 - the same road as damage found at open
                database = spool_file.open_database(self._path, self._max_bytes)
            except SpoolDamagedError as error:
                self._replace(str(error))
                self._damage = None
                database = spool_file.open_database(self._path, self._max_bytes)
            try:
                self._tables = SpoolTables(database, self.counters)
            except BaseException:
                database.close()
                raise
            self._forget_kept(self._tables)
            self._know_epochs()
        except (sqlite3.Error, OSError, SpoolDamagedError, UnicodeDecodeError) as error:
            self._failed(error)

    def _know_epochs(self) -> None:
        known = {epoch: number for number, epoch in self._tables.epochs.items()} if self._tables else {}
        self.epoch_numbers = known | {one.epoch: one.number for one in (self.placed, self.live)}

    def _forget_kept(self, tables: SpoolTables) -> None:
        # After an error a commit may have reached the disk although it was reported as failed.
        for identity in [one for one in self._unkept if tables.body(one) is not None]:
            self._unkept_bytes -= cost_of(self._unkept.pop(identity).body)

    def _replace(self, reason: str) -> None:
        """Set a damaged file aside, and bring over what can still be read of it."""
        aside = spool_file.set_aside(self._path, reason)
        self.counters.set_aside += 1
        count = spool_file.salvage(aside, self._path, self._max_bytes)
        self.counters.salvaged += count
        _log.warning("spool_salvaged", rows=count)
