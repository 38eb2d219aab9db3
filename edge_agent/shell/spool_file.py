"""The spool's file: opened, checked, migrated, set aside when it is damaged."""

from __future__ import annotations

import contextlib
import functools
import os
import sqlite3
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import structlog

from edge_agent.core.delivery_rows import epoch_number_of, key_of_id

_log = structlog.get_logger(__name__)

MIGRATIONS: Final = (
    # 1: the primary keys are those of core/delivery_rows.py, so that no second index is ever written.
    # STRICT (SQLite 3.37 or later), so that the check at open also finds values whose type a flipped bit has changed.
    """
    CREATE TABLE epoch (number INTEGER PRIMARY KEY, epoch TEXT NOT NULL) STRICT;
    CREATE TABLE batch (
        id INTEGER PRIMARY KEY, born_ms INTEGER NOT NULL, first_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL,
        readings INTEGER NOT NULL, bytes INTEGER NOT NULL, crc INTEGER NOT NULL, body BLOB NOT NULL) STRICT;
    CREATE TABLE held (
        id INTEGER PRIMARY KEY, boot TEXT NOT NULL, first_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL,
        readings INTEGER NOT NULL, bytes INTEGER NOT NULL, crc INTEGER NOT NULL, body BLOB NOT NULL) STRICT;
    CREATE TABLE gone (
        what INTEGER PRIMARY KEY, first_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL,
        batches INTEGER NOT NULL, readings INTEGER NOT NULL) STRICT;
    CREATE TABLE clock (
        one INTEGER PRIMARY KEY CHECK (one = 1), boot TEXT NOT NULL, offset_ms INTEGER,
        highest_ms INTEGER NOT NULL) STRICT;
    """,
)
PAGE_BYTES: Final = 4096
WAL_PAGES: Final = 1000
"""The log is written back when it has this many pages, 4 MB: a row that is confirmed before costs its page once."""
_SIDE_FILES: Final = ("", "-wal", "-shm")
_KEPT_ASIDE: Final = 2
_SMALLEST_PAGES: Final = 64


class SpoolDamagedError(Exception):
    """The file is no spool that this version can read; it must be set aside."""


def open_database(path: Path, max_bytes: int) -> sqlite3.Connection:
    """Open or create the spool.

    Args:
        path: The file; its folder is made.
        max_bytes: What the rows may take; pages are limited to a quarter more, and below what the disk has.

    Raises:
        SpoolDamagedError: The file is damaged, or from a later version.
        sqlite3.Error: It cannot be opened now: no right, no room, locked by another agent.
        OSError: The same for its folder.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    database = sqlite3.connect(path, timeout=5, isolation_level=None, check_same_thread=False)
    try:
        _prepare(database, path, max_bytes)
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        database.close()
        if is_damage(error):
            raise SpoolDamagedError(str(error)) from error
        raise
    except BaseException:
        database.close()
        raise
    return database


def _prepare(database: sqlite3.Connection, path: Path, max_bytes: int) -> None:
    # Exclusive: a second agent on the same spool is refused, and no shared-memory file is needed.
    database.execute("PRAGMA locking_mode = EXCLUSIVE")
    mode = database.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    if mode != "wal":
        raise sqlite3.OperationalError(f"the disk does not carry a write-ahead log (journal mode is {mode})")
    # FULL: with NORMAL a power cut takes the last commits. No auto_vacuum: freed pages are used again, and its pointer
    # pages would cost the flash a write in each commit; the file never grows past max_page_count.
    database.execute("PRAGMA synchronous = FULL")
    database.execute("PRAGMA temp_store = MEMORY")
    database.execute(f"PRAGMA wal_autocheckpoint = {WAL_PAGES}")
    database.execute(f"PRAGMA journal_size_limit = {2 * WAL_PAGES * PAGE_BYTES}")
    problems = [row[0] for row in database.execute("PRAGMA quick_check(1)")]
    if problems != ["ok"]:
        raise SpoolDamagedError(str(problems[0]))
    version = database.execute("PRAGMA user_version").fetchone()[0]
    if version > len(MIGRATIONS):
        raise SpoolDamagedError(f"written by a later version (schema {version}, known up to {len(MIGRATIONS)})")
    for number in range(version, len(MIGRATIONS)):
        database.executescript(f"BEGIN; {MIGRATIONS[number]}; PRAGMA user_version = {number + 1}; COMMIT;")
    if _schema(database) != _expected_schema():
        # A flipped bit in a table's definition is no damage to SQLite's checks, but every later statement would fail.
        raise SpoolDamagedError("the tables are not those of the spool")
    database.execute(f"PRAGMA max_page_count = {page_limit(path, max_bytes)}")


def _schema(database: sqlite3.Connection) -> set[tuple[str, str]]:
    return set(database.execute("SELECT name, sql FROM sqlite_master").fetchall())


@functools.cache
def _expected_schema() -> set[tuple[str, str]]:
    with contextlib.closing(sqlite3.connect(":memory:")) as fresh:
        for migration in MIGRATIONS:
            fresh.executescript(migration)
        return _schema(fresh)


def page_limit(path: Path, max_bytes: int) -> int:
    """Return how many pages the file may have: a full disk would lock a write-ahead log for ever.

    Half of what is free beyond the log stays free for it and for others.
    """
    wanted = max_bytes // PAGE_BYTES * 5 // 4 + _SMALLEST_PAGES
    disk = os.statvfs(path.parent)
    free = disk.f_bavail * disk.f_frsize - 2 * WAL_PAGES * PAGE_BYTES
    possible = (path.stat().st_size + max(0, free // 2)) // PAGE_BYTES
    return max(_SMALLEST_PAGES, min(wanted, possible))


def is_damage(error: Exception) -> bool:
    """Return whether an error means a damaged file rather than a disk that fails now."""
    if isinstance(error, UnicodeDecodeError):
        # Python cannot read SQLite's own message: it quotes a damaged table definition.
        return True
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    words = str(error)
    return code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB} or "no such" in words or "decode to UTF-8" in words


def is_full(error: sqlite3.Error) -> bool:
    """Return whether there was no room."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL


def set_aside(path: Path, reason: str) -> Path:
    """Rename a damaged spool and its log; of those set aside before, only the newest stays.

    Raises:
        OSError: The disk does not let it be renamed.
    """
    old = sorted(path.parent.glob(f"{path.name}.damaged-*[0-9]"), key=lambda file: int(file.name.rpartition("-")[2]))
    for file in old[: max(0, len(old) - (_KEPT_ASIDE - 1))]:
        for side in _SIDE_FILES:
            Path(f"{file}{side}").unlink(missing_ok=True)
    number = int(old[-1].name.rpartition("-")[2]) + 1 if old else 1
    aside = path.with_name(f"{path.name}.damaged-{number}")
    for side in _SIDE_FILES:
        with contextlib.suppress(FileNotFoundError):
            Path(f"{path}{side}").rename(f"{aside}{side}")
    _log.error("spool_set_aside", file=str(aside), reason=reason)
    return aside


def salvage(aside: Path, path: Path, max_bytes: int) -> int:
    """Bring over into a new spool what can still be read of a damaged one; return how many batches.

    Raises:
        sqlite3.Error: The new spool cannot be written.
        OSError: The same for its folder.
    """
    count = 0
    database = open_database(path, max_bytes)
    try:
        database.execute("BEGIN")
        for epochs, row in _salvaged(aside):
            number = epoch_number_of(key_of_id(row[0]))
            if number in epochs:
                database.execute("INSERT OR IGNORE INTO epoch VALUES (?, ?)", (number, epochs[number]))
                count += database.execute("INSERT OR IGNORE INTO batch VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row).rowcount
        database.execute("COMMIT")
    finally:
        database.close()
    return count


def _salvaged(aside: Path) -> Iterator[tuple[dict[int, str], tuple[int, int, int, int, int, int, int, bytes]]]:
    """Yield (epochs, row of `batch`) for what can still be read of a damaged spool, each row checked by its CRC."""
    with contextlib.suppress(sqlite3.Error, OSError, UnicodeDecodeError):
        source = sqlite3.connect(aside, isolation_level=None)
        try:
            epochs = dict(source.execute("SELECT number, epoch FROM epoch").fetchall())
            for direction in ("ASC", "DESC"):
                rows = source.execute(f"SELECT * FROM batch ORDER BY id {direction}")  # noqa: S608 - two fixed words
                try:
                    for row in rows:
                        if isinstance(row[7], bytes) and zlib.crc32(row[7]) == row[6]:
                            yield epochs, row
                except sqlite3.Error:
                    # Up to the damage from this side; the other side may reach further.
                    continue
                return
        finally:
            source.close()
