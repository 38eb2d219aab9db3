"""What the lights must not forget: overrides, permits, the ledgers of the circuits, the last time that was known.

It stands in the file of the commands, so that a command and what it changes reach the disk together or not at all.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import asdict, astuple, dataclass, fields, replace
from pathlib import Path
from typing import Final

import structlog

from edge_agent.core.lights.ledger import Ledger
from edge_agent.core.lights.orders import Change
from edge_agent.core.lights.tables import Override, Permit
from edge_agent.shell.journal import CommandJournal, LightsStep
from edge_agent.shell.whole_file import replace_whole

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS override(
    circuit TEXT PRIMARY KEY, level INTEGER NOT NULL, is_named INTEGER NOT NULL, by TEXT NOT NULL, reason TEXT NOT NULL,
    until_ms INTEGER NOT NULL, boot_id TEXT NOT NULL, until_boot_ms INTEGER NOT NULL, command_id TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS permit(
    circuit TEXT PRIMARY KEY, by TEXT NOT NULL, reason TEXT NOT NULL, since_ms INTEGER NOT NULL, until_ms INTEGER,
    command_id TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ledger(
    circuit TEXT PRIMARY KEY, on_s REAL NOT NULL, switches INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS last_run(only_row INTEGER PRIMARY KEY CHECK (only_row = 1), now_ms INTEGER, boot_id TEXT);
"""
_OVERRIDES: Final = """
SELECT circuit, level, is_named, by, reason, until_ms, boot_id, until_boot_ms, command_id FROM override
"""
_PERMITS: Final = "SELECT circuit, by, reason, since_ms, until_ms, command_id FROM permit"
_log = structlog.get_logger("lights")


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What the disk holds of the lights.

    Attributes:
        ledgers: Seconds on and switches, by circuit.
        last_known_ms: The newest time that was trusted, milliseconds since 1970 UTC; None if there never was one.
        boot_id: The boot in which the lights were last kept.
    """

    overrides: tuple[Override, ...] = ()
    permits: tuple[Permit, ...] = ()
    ledgers: Mapping[str, tuple[float, int]]
    last_known_ms: int | None = None
    boot_id: str = ""


class LightRecord:
    """The tables of the lights in the journal's file, and a copy of the permits beside it.

    Its methods block: call them in a thread.
    """

    def __init__(self, journal: CommandJournal, permits_file: Path) -> None:
        """Make the tables; a disk that refuses them darkens no street: then nothing of people can be kept."""
        self._journal = journal
        self._permits_file = permits_file
        try:
            with journal.transaction() as database:
                database.executescript(_SCHEMA)
        except sqlite3.Error as error:
            _log.exception("lights cannot be kept on the disk", error=str(error))

    def load(self) -> Kept:
        """Return what the disk holds; what cannot be read is reported and counts as nothing.

        Where the file is new although there is a copy of permits, it was lost or damaged: then the copy holds, since a
        permit that is forgotten lights a street under somebody's hands.
        """
        kept = self._load()
        if self._journal.is_new or kept is None:
            permits = self._copied_permits()
            kept = replace(kept or Kept(ledgers={}), permits=permits)
            if permits:
                _log.error("permits taken from their copy", circuits=[one.circuit for one in permits])
                self._put_back(permits)
        return kept

    def copy_permits(self, permits: Iterable[Permit]) -> None:
        """Write the permits that are in force a second time, outside the database."""
        try:
            replace_whole(self._permits_file, json.dumps([asdict(one) for one in permits], ensure_ascii=False))
        except OSError as error:
            _log.exception("no copy of the permits", file=str(self._permits_file), error=str(error))

    def _put_back(self, permits: Iterable[Permit]) -> None:
        try:
            with self._journal.transaction() as database:
                step_of(Change(circuits=(), permits=tuple(permits)))(database)
        except sqlite3.Error as error:
            _log.exception("permits not on the disk again", error=str(error))

    def _copied_permits(self) -> tuple[Permit, ...]:
        try:
            rows = json.loads(self._permits_file.read_bytes())
            return tuple(Permit(**row) for row in rows)
        except FileNotFoundError:
            return ()
        except (OSError, ValueError, TypeError) as error:
            _log.exception("copy of the permits not usable", file=str(self._permits_file), error=str(error))
            return ()

    def _load(self) -> Kept | None:
        try:
            with self._journal.transaction() as database:
                overrides = database.execute(_OVERRIDES).fetchall()
                permits = database.execute(_PERMITS).fetchall()
                ledgers = database.execute("SELECT circuit, on_s, switches FROM ledger").fetchall()
                last = database.execute("SELECT now_ms, boot_id FROM last_run").fetchone() or (None, "")
        except sqlite3.Error as error:
            _log.exception("lights not read from the disk", error=str(error))
            return None
        return Kept(
            overrides=tuple(
                Override(**dict(zip(_names(Override), row, strict=True)) | {"is_named": bool(row[2])})
                for row in overrides
            ),
            permits=tuple(Permit(**dict(zip(_names(Permit), row, strict=True))) for row in permits),
            ledgers={circuit: (on_s, switches) for circuit, on_s, switches in ledgers},
            last_known_ms=last[0],
            boot_id=last[1],
        )

    def release(self, circuits: Iterable[str]) -> None:
        """Forget overrides that are over.

        Raises:
            sqlite3.Error: The disk refuses.
        """
        with self._journal.transaction() as database:
            database.executemany("DELETE FROM override WHERE circuit = ?", [(name,) for name in circuits])

    def save(self, ledgers: Mapping[str, Ledger], now_ms: int | None, boot_id: str) -> None:
        """Keep the ledgers and the present time.

        Raises:
            sqlite3.Error: The disk refuses.
        """
        with self._journal.transaction() as database:
            database.executemany(
                "INSERT OR REPLACE INTO ledger VALUES (?, ?, ?)",
                [(name, ledger.on_s, ledger.switches) for name, ledger in ledgers.items()],
            )
            database.execute(
                "INSERT INTO last_run VALUES (1, ?, ?) ON CONFLICT(only_row) DO UPDATE SET"
                " now_ms = COALESCE(MAX(excluded.now_ms, last_run.now_ms), excluded.now_ms, last_run.now_ms),"
                " boot_id = excluded.boot_id",
                (now_ms, boot_id),
            )


def step_of(change: Change) -> LightsStep:
    """Return what puts a change of the lights on the disk, inside the transaction of its command."""

    def step(database: sqlite3.Connection) -> None:
        database.executemany("DELETE FROM override WHERE circuit = ?", [(name,) for name in change.released])
        database.executemany("DELETE FROM permit WHERE circuit = ?", [(name,) for name in change.ended])
        database.executemany(
            "INSERT OR REPLACE INTO override VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", map(astuple, change.overrides)
        )
        database.executemany("INSERT OR REPLACE INTO permit VALUES (?, ?, ?, ?, ?, ?)", map(astuple, change.permits))

    return step


def _names(row: type[Override | Permit]) -> list[str]:
    return [field.name for field in fields(row)]
