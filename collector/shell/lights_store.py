"""lights.db: what is learned of each cabinet's lamps, their days, and logged relamping."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import orjson

from collector.core.lights_cabinet import KEPT_DAYS
from collector.core.lights_engine import Saved
from collector.core.lights_summary import NightSummary
from collector.shell.state_file import open_or_set_aside, transaction

FILE_NAME: Final = "lights.db"
SUMMARY_DAYS: Final = 1100
"""Three years of nights; their minutes are kept for as long as history may complete them."""
MAX_RELAMPINGS: Final = 10_000
_SCHEMA: Final = """
    CREATE TABLE IF NOT EXISTS cabinet (name TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS night (
        cabinet TEXT NOT NULL, day TEXT NOT NULL, body TEXT, summary TEXT NOT NULL,
        PRIMARY KEY (cabinet, day)) STRICT, WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS night_day ON night (day);
    CREATE TABLE IF NOT EXISTS relamping (
        id INTEGER PRIMARY KEY, cabinet TEXT NOT NULL, circuits TEXT NOT NULL, by TEXT NOT NULL,
        at_ms INTEGER NOT NULL, taken INTEGER NOT NULL DEFAULT 0) STRICT;
"""


@dataclass(frozen=True, slots=True)
class Relamping:
    """Somebody's word that lamps were replaced.

    Attributes:
        circuits: Of which; empty: of all.
        by: Whose word.
    """

    id: int
    cabinet: str
    circuits: tuple[str, ...]
    by: str
    at_ms: int


class LightsStore:
    """The file; safe for several threads."""

    def __init__(self, state_dir: Path) -> None:
        """Open it, made if it is not there.

        Raises:
            sqlite3.Error: It cannot be used.
        """
        self._lock = threading.Lock()
        self._database = sqlite3.connect(
            state_dir / FILE_NAME, timeout=5.0, isolation_level=None, check_same_thread=False
        )
        try:
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = FULL")
            self._database.executescript(_SCHEMA)
        except BaseException:
            self._database.close()
            raise

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()

    def states(self) -> dict[str, bytes]:
        """Return what was saved of each cabinet, as JSON."""
        with self._lock:
            return {
                name: body.encode()
                for name, body in self._database.execute("SELECT name, body FROM cabinet").fetchall()
            }

    def day(self, cabinet: str, day: str) -> dict[str, Any] | None:
        """Return the saved minutes of a lighting day."""
        with self._lock:
            row = self._database.execute(
                "SELECT body FROM night WHERE cabinet = ? AND day = ?", (cabinet, day)
            ).fetchone()
        if row is None or row[0] is None:
            return None
        found: dict[str, Any] = orjson.loads(row[0])
        return found

    def save(self, saved: Iterable[Saved]) -> None:
        """Keep cabinets and their changed days, all or none."""
        states, nights = [], []
        for each in saved:
            states.append((each.cabinet, orjson.dumps(each.state).decode()))
            for day, (body, summary) in each.days.items():
                minutes = orjson.dumps(body, option=orjson.OPT_NON_STR_KEYS).decode()
                nights.append((each.cabinet, day, minutes, orjson.dumps(summary.dump()).decode()))
        with self._transaction() as database:
            database.executemany("INSERT OR REPLACE INTO cabinet VALUES (?, ?)", states)
            database.executemany("INSERT OR REPLACE INTO night VALUES (?, ?, ?, ?)", nights)

    def prune(self, today: date) -> None:
        """Drop the minutes of days that no history completes any more, and nights of years ago."""
        with self._transaction() as database:
            oldest = (today - timedelta(days=KEPT_DAYS + 2)).isoformat()
            database.execute("UPDATE night SET body = NULL WHERE day < ? AND body IS NOT NULL", (oldest,))
            database.execute("DELETE FROM night WHERE day < ?", ((today - timedelta(days=SUMMARY_DAYS)).isoformat(),))
            database.execute("DELETE FROM relamping WHERE id <= (SELECT max(id) FROM relamping) - ?", (MAX_RELAMPINGS,))

    def log_relamping(self, cabinet: str, circuits: Iterable[str], by: str, at_ms: int) -> None:
        """Write down that lamps were replaced; the collector takes it within a second."""
        with self._transaction() as database:
            database.execute(
                "INSERT INTO relamping (cabinet, circuits, by, at_ms) VALUES (?, ?, ?, ?)",
                (cabinet, orjson.dumps(sorted(circuits)).decode(), by[:64], at_ms),
            )

    def relampings(self) -> list[Relamping]:
        """Return what was written down and not taken yet."""
        with self._lock:
            rows = self._database.execute(
                "SELECT id, cabinet, circuits, by, at_ms FROM relamping WHERE taken = 0 ORDER BY id LIMIT 100"
            ).fetchall()
        return [
            Relamping(id_, cabinet, tuple(orjson.loads(names)), by, at_ms) for id_, cabinet, names, by, at_ms in rows
        ]

    def taken(self, saved: Iterable[Saved], last_id: int) -> None:
        """Keep the cabinets whose bases begin anew, and that their relamping is taken."""
        states = [(each.cabinet, orjson.dumps(each.state).decode()) for each in saved]
        with self._transaction() as database:
            database.executemany("INSERT OR REPLACE INTO cabinet VALUES (?, ?)", states)
            database.execute("UPDATE relamping SET taken = 1 WHERE id <= ?", (last_id,))

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock, transaction(self._database) as database:
            yield database


def open_lights_store(state_dir: Path) -> LightsStore:
    """Open the file, or set it aside if it is damaged: bases are learned again in a week, alarms cannot wait.

    Raises:
        sqlite3.OperationalError, OSError: The folder or its disk cannot be used.
    """

    def check(store: LightsStore) -> None:
        store.states()
        store.relampings()
        store.day("", "")

    return open_or_set_aside(
        state_dir / FILE_NAME, lambda: LightsStore(state_dir), check, "what was learned of the lights is"
    )


@dataclass(frozen=True, slots=True)
class KeptNights:
    """What a report is made of.

    Attributes:
        nights: Cabinet to its nights, in order.
        states: Cabinet to its saved state, as JSON.
    """

    nights: dict[str, list[NightSummary]]
    states: dict[str, bytes]


def read_nights(state_dir: Path, first: date, end: date) -> KeptNights:
    """Read the nights of `first` up to, not including, `end`, also while a collector runs.

    Raises:
        FileNotFoundError: No collector ever watched lights with this state_dir.
        sqlite3.Error: The file cannot be read.
    """
    file = state_dir / FILE_NAME
    if not file.exists():
        raise FileNotFoundError(file)
    connection = sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=5.0)
    try:
        nights: dict[str, list[NightSummary]] = {}
        rows = connection.execute(
            "SELECT cabinet, summary FROM night WHERE day >= ? AND day < ? ORDER BY cabinet, day",
            (first.isoformat(), end.isoformat()),
        )
        for cabinet, summary in rows:
            nights.setdefault(cabinet, []).append(NightSummary.restored(orjson.loads(summary)))
        states = {name: body.encode() for name, body in connection.execute("SELECT name, body FROM cabinet").fetchall()}
    finally:
        connection.close()
    return KeptNights(nights, states)
