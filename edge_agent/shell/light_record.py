"""What the lights must not forget: overrides, permits, the ledgers of the circuits, the last time that was known.

It stands in the file of the commands, so that a command and what it changes reach the disk together or not at all.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, fields
from typing import Final

import structlog

from edge_agent.core.lights.ledger import Ledger
from edge_agent.core.lights.orders import Change
from edge_agent.core.lights.tables import Override, Permit
from edge_agent.shell.journal import CommandJournal, LightsStep

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
    """The tables of the lights in the journal's file. Its methods block: call them in a thread."""

    def __init__(self, journal: CommandJournal) -> None:
        self._journal = journal
        with journal.transaction() as database:
            database.executescript(_SCHEMA)

    def load(self) -> Kept:
        """Return what the disk holds; what cannot be read is reported and counts as nothing.

        A permit that cannot be read would light a street under somebody's hands, so it must never get here silently.
        """
        try:
            with self._journal.transaction() as database:
                overrides = database.execute(_OVERRIDES).fetchall()
                permits = database.execute(_PERMITS).fetchall()
                ledgers = database.execute("SELECT circuit, on_s, switches FROM ledger").fetchall()
                last = database.execute("SELECT now_ms, boot_id FROM last_run").fetchone() or (None, "")
        except sqlite3.Error as error:
            _log.exception("lights not read from the disk", error=str(error))
            return Kept(ledgers={})
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
