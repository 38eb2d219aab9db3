"""alarms.db: engine state, alarms as people see them, their history and the outbox, committed together."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import orjson

from collector.core.alarm_record import Transition
from collector.shell.state_file import transaction

FILE_NAME: Final = "alarms.db"
MAX_TRANSITIONS: Final = 200_000
MAX_SENT: Final = 50_000
MAX_WAITING: Final = 5_000
"""Messages that wait on one channel; the oldest go first."""
WAITING_MS: Final = 7 * 86_400_000
"""What could not be delivered for so long helps no crew any more."""
_MIGRATIONS: Final = (
    """
    CREATE TABLE engine (gateway TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE alarm (
        site TEXT NOT NULL, name TEXT NOT NULL, active INTEGER NOT NULL, state TEXT NOT NULL,
        changed_ms INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (site, name)) STRICT, WITHOUT ROWID;
    CREATE TABLE transition (
        id INTEGER PRIMARY KEY, rule TEXT NOT NULL, site TEXT NOT NULL, observed_at_ms INTEGER NOT NULL,
        kind TEXT NOT NULL, known_ms INTEGER NOT NULL, path TEXT NOT NULL, state TEXT NOT NULL, late INTEGER NOT NULL,
        by TEXT NOT NULL, UNIQUE (rule, site, observed_at_ms, kind)) STRICT;
    CREATE TABLE outbox (
        id INTEGER PRIMARY KEY, identity TEXT NOT NULL UNIQUE, thread TEXT NOT NULL, crew TEXT NOT NULL,
        channel TEXT NOT NULL, title TEXT NOT NULL, body TEXT NOT NULL, written_ms INTEGER NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0, next_ms INTEGER NOT NULL DEFAULT 0, sent_ms INTEGER,
        error TEXT NOT NULL DEFAULT '') STRICT;
    CREATE INDEX outbox_waiting ON outbox (channel, id) WHERE sent_ms IS NULL;
    CREATE TABLE acknowledgement (
        id INTEGER PRIMARY KEY, site TEXT NOT NULL, name TEXT NOT NULL, by TEXT NOT NULL) STRICT;
    """,
    """
    ALTER TABLE outbox ADD COLUMN urgency TEXT NOT NULL DEFAULT 'alarm';
    CREATE INDEX outbox_thread ON outbox (channel, crew, thread, id) WHERE sent_ms IS NULL;
    """,
)

Urgency = Literal["alarm", "warning", "over", "quiet"]
"""How loudly a message is delivered, where its service knows of such things."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """One message to one crew by one channel; its identity keeps a repeat from being written twice."""

    identity: str
    thread: str
    crew: str
    channel: str
    title: str
    body: str
    written_ms: int
    urgency: Urgency = "alarm"


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A message that is due.

    Attributes:
        attempts: How often it was tried before.
    """

    id: int
    crew: str
    title: str
    body: str
    written_ms: int
    attempts: int
    urgency: Urgency = "alarm"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One alarm as people and integrators see it."""

    site: str
    name: str
    active: bool
    state: str
    changed_ms: int
    body: dict[str, Any]


class AlarmStore:
    """The file; safe for several threads."""

    def __init__(self, state_dir: Path) -> None:
        """Open it, made or brought to the present form if need be.

        Raises:
            sqlite3.Error: It cannot be opened, or was written by a later version.
        """
        self._lock = threading.Lock()
        self._database = sqlite3.connect(
            state_dir / FILE_NAME, timeout=5.0, isolation_level=None, check_same_thread=False
        )
        try:
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = FULL")
            for number in range(_form(self._database), len(_MIGRATIONS)):
                self._database.executescript(
                    f"BEGIN; {_MIGRATIONS[number]} PRAGMA user_version = {number + 1}; COMMIT;"
                )
        except BaseException:
            self._database.close()
            raise

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()

    def engine_states(self) -> dict[str, str]:
        """Return what was saved of each gateway, as JSON."""
        with self._lock:
            rows = self._database.execute("SELECT gateway, body FROM engine").fetchall()
        return dict(rows)

    def commit(
        self,
        *,
        states: Mapping[str, Mapping[str, Any]],
        shown: Iterable[Shown],
        transitions: Sequence[Transition],
        outgoing: Iterable[Outgoing],
    ) -> None:
        """Write everything that one step gave, or nothing.

        Raises:
            sqlite3.Error: Nothing was written.
        """
        with self._transaction() as database:
            database.executemany(
                "INSERT INTO engine VALUES (?, ?) ON CONFLICT DO UPDATE SET body = excluded.body",
                [(gateway, orjson.dumps(body).decode()) for gateway, body in states.items()],
            )
            database.executemany(
                "INSERT INTO alarm VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET active = excluded.active,"
                " state = excluded.state, changed_ms = excluded.changed_ms, body = excluded.body",
                [(a.site, a.name, a.active, a.state, a.changed_ms, orjson.dumps(a.body).decode()) for a in shown],
            )
            database.executemany(
                "INSERT OR IGNORE INTO transition (rule, site, observed_at_ms, kind, known_ms, path, state, late, by)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (t.rule, t.site, t.observed_at_ms, t.kind, t.known_ms, t.path, str(t.state), t.late, t.by)
                    for t in transitions
                ],
            )
            database.executemany(
                "INSERT OR IGNORE INTO outbox (identity, thread, crew, channel, title, body, written_ms, urgency)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [(o.identity, o.thread, o.crew, o.channel, o.title, o.body, o.written_ms, o.urgency) for o in outgoing],
            )

    def prune(self, now_ms: int) -> int:
        """Forget the oldest history and messages past their bounds; return how many were never delivered."""
        with self._transaction() as database:
            database.execute(
                "DELETE FROM transition WHERE id <= (SELECT max(id) FROM transition) - ?", (MAX_TRANSITIONS,)
            )
            database.execute(
                "DELETE FROM outbox WHERE sent_ms IS NOT NULL AND id <= (SELECT max(id) FROM outbox) - ?", (MAX_SENT,)
            )
            return database.execute(
                "DELETE FROM outbox WHERE sent_ms IS NULL AND (written_ms < ? OR id IN (SELECT id FROM ("
                " SELECT id, row_number() OVER (PARTITION BY channel ORDER BY id DESC) AS place"
                " FROM outbox WHERE sent_ms IS NULL) WHERE place > ?))",
                (now_ms - WAITING_MS, MAX_WAITING),
            ).rowcount

    def adopt(self, channels: Mapping[str, Sequence[str]]) -> tuple[int, int]:
        """Give what waits on channels that no longer exist to those that their crew has now; a new password is one.

        A channel that had its own copy of a message keeps to that: identities end with the channel.

        Args:
            channels: Crew to its channels.

        Returns:
            How many messages go another way now, and how many have none, because their crew has no channel.
        """
        moved = dropped = 0
        known = {(crew, channel) for crew, names in channels.items() for channel in names}
        with self._transaction() as database:
            used = set(database.execute("SELECT DISTINCT crew, channel FROM outbox WHERE sent_ms IS NULL"))
            for crew, channel in sorted(used - known):
                for name in channels.get(crew, ()):
                    moved += database.execute(
                        "INSERT OR IGNORE INTO outbox"
                        " (identity, thread, crew, channel, title, body, written_ms, urgency)"
                        " SELECT substr(identity, 1, length(identity) - length(channel)) || ?, thread, crew, ?, title,"
                        " body, written_ms, urgency FROM outbox WHERE crew = ? AND channel = ? AND sent_ms IS NULL"
                        " ORDER BY id",
                        (name, name, crew, channel),
                    ).rowcount
                gone = database.execute(
                    "DELETE FROM outbox WHERE crew = ? AND channel = ? AND sent_ms IS NULL", (crew, channel)
                ).rowcount
                dropped += 0 if channels.get(crew) else gone
        return moved, dropped

    def shown(self) -> list[Shown]:
        """Return every alarm that was ever raised, as it is now."""
        with self._lock:
            rows = self._database.execute("SELECT site, name, active, state, changed_ms, body FROM alarm").fetchall()
        return [
            Shown(site=site, name=name, active=bool(active), state=state, changed_ms=changed, body=orjson.loads(body))
            for site, name, active, state, changed, body in rows
        ]

    def due(self, channel: str, now_ms: int) -> Waiting | None:
        """Return the oldest message that a channel must send now; a restore never before its loss."""
        with self._lock:
            row = self._database.execute(
                "SELECT id, crew, title, body, written_ms, attempts, urgency FROM outbox AS o"
                " WHERE channel = ? AND sent_ms IS NULL AND next_ms <= ? AND NOT EXISTS ("
                " SELECT 1 FROM outbox AS e WHERE e.channel = o.channel AND e.thread = o.thread AND e.crew = o.crew"
                " AND e.id < o.id AND e.sent_ms IS NULL) ORDER BY id LIMIT 1",
                (channel, now_ms),
            ).fetchone()
        if row is None:
            return None
        return Waiting(
            **dict(zip(("id", "crew", "title", "body", "written_ms", "attempts", "urgency"), row, strict=True))
        )

    def sent(self, identity: int, now_ms: int) -> None:
        """Write that a message was taken by its service."""
        with self._transaction() as database:
            database.execute("UPDATE outbox SET sent_ms = ?, error = '' WHERE id = ?", (now_ms, identity))

    def failed(self, identity: int, next_ms: int, error: str) -> None:
        """Write that a message was not taken, and when it is tried again."""
        with self._transaction() as database:
            database.execute(
                "UPDATE outbox SET attempts = attempts + 1, next_ms = ?, error = ? WHERE id = ?",
                (next_ms, error[:200], identity),
            )

    def clock_set(self, by_ms: int) -> None:
        """Move the next tries along with our clock."""
        with self._transaction() as database:
            database.execute("UPDATE outbox SET next_ms = max(0, next_ms + ?) WHERE sent_ms IS NULL", (by_ms,))

    def retire(self, active: AbstractSet[tuple[str, str]], now_ms: int) -> int:
        """End what is shown as active of sites and rules that no longer exist; return how many those were."""
        gone = [shown for shown in self.shown() if shown.active and (shown.site, shown.name) not in active]
        with self._transaction() as database:
            for shown in gone:
                body = shown.body | {"active": False, "state": "normal", "since": None, "ended": now_ms}
                database.execute(
                    "UPDATE alarm SET active = 0, state = 'normal', changed_ms = ?, body = ?"
                    " WHERE site = ? AND name = ?",
                    (now_ms, orjson.dumps(body).decode(), shown.site, shown.name),
                )
        return len(gone)

    def waiting_count(self) -> int:
        """Return how many messages wait."""
        with self._lock:
            count: int = self._database.execute("SELECT count(*) FROM outbox WHERE sent_ms IS NULL").fetchone()[0]
        return count

    def ask_acknowledge(self, site: str, name: str, by: str) -> None:
        """Leave an acknowledgement for the running collector."""
        with self._transaction() as database:
            database.execute("INSERT INTO acknowledgement (site, name, by) VALUES (?, ?, ?)", (site, name, by[:64]))

    def acknowledgements(self) -> list[tuple[int, str, str, str]]:
        """Return (id, site, name, by) of those that were left, the oldest first."""
        with self._lock:
            return self._database.execute(
                "SELECT id, site, name, by FROM acknowledgement ORDER BY id LIMIT 100"
            ).fetchall()

    def acknowledged(self, up_to: int) -> None:
        """Forget acknowledgements that were carried out."""
        with self._transaction() as database:
            database.execute("DELETE FROM acknowledgement WHERE id <= ?", (up_to,))

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock, transaction(self._database) as database:
            yield database


def _form(database: sqlite3.Connection) -> int:
    form: int = database.execute("PRAGMA user_version").fetchone()[0]
    if form > len(_MIGRATIONS):
        raise sqlite3.DatabaseError(f"{FILE_NAME} was written by a later version (form {form})")
    return form


def read_alarms(state_dir: Path, *, limit: int) -> tuple[list[Shown], list[dict[str, Any]]]:
    """Return every active alarm, and the newest of the others and of the history; whether a collector runs or not.

    Raises:
        sqlite3.Error: There is no such file, or it cannot be read.
    """
    database = sqlite3.connect(f"file:{state_dir / FILE_NAME}?mode=ro", uri=True, timeout=5.0)
    try:
        rows = database.execute(
            "SELECT site, name, active, state, changed_ms, body FROM alarm WHERE active UNION ALL SELECT * FROM ("
            " SELECT site, name, active, state, changed_ms, body FROM alarm WHERE NOT active"
            " ORDER BY changed_ms DESC LIMIT ?)",
            (limit,),
        ).fetchall()
        columns = ("rule", "site", "observed_at_ms", "kind", "known_ms", "path", "state", "late", "by")
        history = database.execute(
            f"SELECT {', '.join(columns)} FROM transition ORDER BY id DESC LIMIT ?",  # noqa: S608 - fixed names
            (limit,),
        ).fetchall()
    finally:
        database.close()
    shown = [
        Shown(site=site, name=name, active=bool(active), state=state, changed_ms=changed, body=orjson.loads(body))
        for site, name, active, state, changed, body in rows
    ]
    return shown, [dict(zip(columns, row, strict=True)) for row in history]
