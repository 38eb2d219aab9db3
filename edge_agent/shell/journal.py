"""The record of commands on disk: an id is kept before anything is touched, so that nothing is ever done twice."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import structlog

from contract.command import Command, Result, ResultState, SetArguments
from edge_agent.core.commands import KEPT_MS, Origin, subject

MAX_ROWS: Final = 10_000
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS command(
    id TEXT PRIMARY KEY, origin TEXT NOT NULL, point TEXT NOT NULL, value TEXT NOT NULL, issued_by TEXT NOT NULL,
    kept_ms INTEGER NOT NULL, state TEXT NOT NULL, result TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS command_kept ON command(kept_ms);
CREATE TABLE IF NOT EXISTS newest(point TEXT PRIMARY KEY, id TEXT NOT NULL) WITHOUT ROWID;
DROP TABLE IF EXISTS hold;
"""
LightsStep = Callable[[sqlite3.Connection], None]
"""What goes to the disk together with a command, or not at all."""
_log = structlog.get_logger("commands")


class CommandJournal:
    """Commands and their answers in one SQLite file; any thread may call it, one at a time.

    Attributes:
        durable: Whether there is a file; without one nothing of the centre is carried out.
        is_new: Whether it holds nothing of earlier runs: the first one, a damaged one, or none at all.
    """

    def __init__(self, file: Path) -> None:
        """Open or create the file.

        A damaged one is moved aside, and a disk that fails is done without, since a street must not wait for it:
        then nothing can be kept, and only the schedule's commands are carried out.
        """
        self._lock = threading.Lock()
        self.durable = True
        self.is_new = not file.is_file()
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            self._database, is_damaged = _opened(file)
            self.is_new = self.is_new or is_damaged
        except (OSError, sqlite3.Error) as error:
            _log.exception("command journal cannot be opened", file=str(file), error=str(error))
            self.durable, self.is_new = False, True
            self._database = _open(":memory:")

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Give the database for one transaction; any thread may ask, one at a time."""
        with self._lock, self._database:
            yield self._database

    def find(self, command_id: str, sequences: Iterable[str]) -> tuple[Result | None, str | None]:
        """Return the answer on record for an id, and the newest id accepted from the centre in some sequences."""
        with self._lock:
            row = self._database.execute("SELECT result FROM command WHERE id = ?", (command_id,)).fetchone()
            newest = [
                found[0]
                for name in sequences
                for found in self._database.execute("SELECT id FROM newest WHERE point = ?", (name,))
            ]
        return (Result.model_validate_json(row[0]) if row else None, max(newest, default=None))

    def keep(
        self,
        command: Command,
        origin: Origin,
        result: Result,
        *,
        sequences: Iterable[str] = (),
        also: LightsStep | None = None,
    ) -> None:
        """Put an id and its answer so far on the disk, for certain, before anything else happens.

        Args:
            command: What was asked.
            origin: By whom.
            result: The answer so far.
            sequences: In which it is now the newest, if it is of the centre and accepted.
            also: What it changes in the lights.

        Raises:
            sqlite3.Error: The disk refuses; the command must then be refused too.
        """
        if not self.durable:
            raise sqlite3.OperationalError("there is no record on disk")
        with self.transaction() as database:
            database.execute(
                "INSERT INTO command VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    command.id,
                    origin,
                    subject(command),
                    json.dumps(_essence(command)),
                    command.by,
                    result.ts,
                    result.state,
                    result.model_dump_json(exclude_none=True),
                ),
            )
            if origin is Origin.CENTRE and result.state is ResultState.ACCEPTED:
                for name in sequences:
                    database.execute(
                        "INSERT INTO newest VALUES (?, ?) ON CONFLICT(point) DO UPDATE SET id = excluded.id",
                        (name, command.id),
                    )
            if also is not None:
                also(database)
            self._prune(database, result.ts)

    def finish(self, result: Result) -> None:
        """Put the last answer of a command on the disk."""
        with self.transaction() as database:
            database.execute(
                "UPDATE command SET state = ?, result = ? WHERE id = ?",
                (result.state, result.model_dump_json(exclude_none=True), result.id),
            )

    def unfinished(self) -> list[tuple[str, Origin, str, Any]]:
        """Return the commands that a crash cut off: id, origin, subject, and the value or what the lights were told."""
        with self._lock:
            rows = self._database.execute(
                "SELECT id, origin, point, value FROM command WHERE state = ? ORDER BY id", (ResultState.ACCEPTED,)
            ).fetchall()
        return [(row[0], Origin(row[1]), row[2], json.loads(row[3])) for row in rows]

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()

    @staticmethod
    def _prune(database: sqlite3.Connection, now_ms: int) -> None:
        database.execute(
            "DELETE FROM command WHERE kept_ms < ? AND state <> ?", (now_ms - KEPT_MS, ResultState.ACCEPTED)
        )
        database.execute(
            "DELETE FROM command WHERE id IN (SELECT id FROM command ORDER BY kept_ms DESC LIMIT -1 OFFSET ?)",
            (MAX_ROWS,),
        )


def _essence(command: Command) -> Any:
    """Return what a crash leaves to be looked at: the value of a `set`, or operation and circuits."""
    if isinstance(command.args, SetArguments):
        return command.args.value
    return {"op": command.op, "circuits": list(getattr(command.args, "circuits", ()))}


def _opened(file: Path) -> tuple[sqlite3.Connection, bool]:
    """Return the file's connection, and whether a damaged file was moved aside before."""
    try:
        return _open(file), False
    except sqlite3.OperationalError:
        # No right, no room, locked: the file itself is sound.
        raise
    except sqlite3.DatabaseError as error:
        damaged = file.with_suffix(".damaged")
        _log.exception("command journal damaged", file=str(file), moved_to=str(damaged), error=str(error))
        file.replace(damaged)
        for tail in ("-wal", "-shm"):
            file.with_name(file.name + tail).unlink(missing_ok=True)
        return _open(file), True


def _open(file: Path | str) -> sqlite3.Connection:
    database = sqlite3.connect(file, check_same_thread=False, timeout=5.0)
    try:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute("PRAGMA cache_size = -256")
        database.executescript(_SCHEMA)
        database.commit()
    except sqlite3.DatabaseError:
        database.close()
        raise
    return database
