"""commands.db: the audit, orders and what came of them, calendars and which gateway is to run which."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from collector.core.order_book import Answer, AnswerState, Order
from collector.shell.state_file import open_or_set_aside, transaction

FILE_NAME: Final = "commands.db"
KEPT_ORDERS: Final = 20_000
"""Ended orders beyond this many go, the oldest first; the audit keeps what was ordered."""
_MIGRATIONS: Final = (
    """
    CREATE TABLE audit (
        id INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, user TEXT NOT NULL, account TEXT NOT NULL,
        action TEXT NOT NULL, facts TEXT NOT NULL, previous TEXT NOT NULL, hash TEXT NOT NULL) STRICT;
    CREATE TRIGGER audit_kept BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit only grows'); END;
    CREATE TRIGGER audit_unchanged BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit only grows'); END;
    CREATE TABLE orders (
        id TEXT PRIMARY KEY, token TEXT NOT NULL UNIQUE, op TEXT NOT NULL, arguments TEXT NOT NULL,
        reason TEXT NOT NULL, by TEXT NOT NULL, created_ms INTEGER NOT NULL, not_after_ms INTEGER NOT NULL,
        refused TEXT NOT NULL, ended INTEGER NOT NULL DEFAULT 0) STRICT, WITHOUT ROWID;
    CREATE INDEX orders_open ON orders (id) WHERE ended = 0;
    CREATE TABLE answer (
        order_id TEXT NOT NULL, gateway TEXT NOT NULL, circuits TEXT NOT NULL, cabinets TEXT NOT NULL,
        state TEXT NOT NULL, reason TEXT NOT NULL, outcome TEXT NOT NULL, sent INTEGER NOT NULL,
        sent_ms INTEGER NOT NULL, nonce TEXT NOT NULL, changed_ms INTEGER NOT NULL,
        PRIMARY KEY (order_id, gateway)) STRICT, WITHOUT ROWID;
    CREATE TABLE permit (
        gateway TEXT NOT NULL, cabinet TEXT NOT NULL, order_id TEXT NOT NULL, by TEXT NOT NULL, reason TEXT NOT NULL,
        until_ms INTEGER, opened_ms INTEGER NOT NULL, PRIMARY KEY (gateway, cabinet)) STRICT, WITHOUT ROWID;
    CREATE TABLE calendar (
        version INTEGER PRIMARY KEY, name TEXT NOT NULL, hash TEXT NOT NULL, body TEXT NOT NULL, source TEXT NOT NULL,
        by TEXT NOT NULL, reason TEXT NOT NULL, at_ms INTEGER NOT NULL) STRICT;
    CREATE TABLE want (
        gateway TEXT NOT NULL, rev INTEGER NOT NULL, version INTEGER NOT NULL, hash TEXT NOT NULL, by TEXT NOT NULL,
        reason TEXT NOT NULL, at_ms INTEGER NOT NULL, rollout INTEGER NOT NULL,
        PRIMARY KEY (gateway, rev)) STRICT, WITHOUT ROWID;
    CREATE TABLE want_report (
        gateway TEXT PRIMARY KEY, rev INTEGER NOT NULL, hash TEXT NOT NULL, applied_ms INTEGER, error TEXT NOT NULL,
        received_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE rollout (
        id INTEGER PRIMARY KEY, token TEXT NOT NULL UNIQUE, version INTEGER NOT NULL, by TEXT NOT NULL,
        reason TEXT NOT NULL, at_ms INTEGER NOT NULL) STRICT;
    CREATE TABLE rollout_held (
        rollout INTEGER NOT NULL, gateway TEXT NOT NULL, PRIMARY KEY (rollout, gateway)) STRICT, WITHOUT ROWID;
    """,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """Who did what, or tried to."""

    at_ms: int
    user: str
    account: str
    action: str
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Permit:
    """A work permit that was opened and not closed; `until_ms` is its planned end."""

    gateway: str
    cabinet: str
    order_id: str
    by: str
    reason: str
    until_ms: int | None
    opened_ms: int


class CommandStore:
    """The database; used by one thread. Every method that writes is one transaction, on the disk when it returns."""

    def __init__(self, state_dir: Path) -> None:
        """Open it, made if it is not there.

        Raises:
            sqlite3.Error: It cannot be opened, is damaged, or a newer version wrote it.
        """
        self._connection = sqlite3.connect(
            state_dir / FILE_NAME, timeout=5.0, isolation_level=None, check_same_thread=False
        )
        try:
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            self._migrate()
        except BaseException:
            self._connection.close()
            raise

    @property
    def connection(self) -> sqlite3.Connection:
        """For the part of this database that stands in a module of its own."""
        return self._connection

    def close(self) -> None:
        """Close it."""
        self._connection.close()

    def check(self) -> None:
        """Read what a start needs, and what lies around it.

        Raises:
            sqlite3.DatabaseError: It is damaged.
        """
        found = self._connection.execute("PRAGMA quick_check(1)").fetchone()
        if found != ("ok",):
            raise sqlite3.DatabaseError(str(found[0]))

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Commit what is done within, or nothing of it."""
        with transaction(self._connection) as connection:
            yield connection

    def note(self, entry: AuditEntry) -> None:
        """Add one entry to the audit."""
        with self.transaction() as connection:
            add_to_audit(connection, entry)

    def audit(self, limit: int) -> list[dict[str, Any]]:
        """Return the newest entries, the newest first."""
        found = self._connection.execute(
            "SELECT id, at_ms, user, account, action, facts FROM audit ORDER BY id DESC LIMIT ?", (limit,)
        )
        names = ("id", "at_ms", "user", "account", "action")
        return [dict(zip(names, row[:5], strict=True)) | {"facts": orjson.loads(row[5])} for row in found]

    def broken_link(self) -> int | None:
        """Return the id of the first audit entry that does not follow from the one before; None: all do."""
        previous, expected_id = "", 1
        for row in self._connection.execute(
            "SELECT id, at_ms, user, account, action, facts, previous, hash FROM audit ORDER BY id"
        ):
            if row[0] != expected_id or row[6] != previous or _link(previous, *row[:6]) != row[7]:
                return int(row[0])
            previous, expected_id = row[7], expected_id + 1
        return None

    def add_order(self, order: Order, token: str, entry: AuditEntry) -> None:
        """Keep a new order together with its audit entry, before anything is sent."""
        with self.transaction() as connection:
            add_to_audit(connection, entry)
            connection.execute(
                "INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    order.id,
                    token,
                    order.op,
                    orjson.dumps(order.arguments).decode(),
                    order.reason,
                    order.by,
                    order.created_ms,
                    order.not_after_ms,
                    orjson.dumps(order.refused).decode(),
                    int(order.ended),
                ),
            )
            _put_answers(connection, order.id, order.answers.values())

    def save_answers(self, changed: Mapping[str, Iterable[Answer]], entries: Iterable[AuditEntry] = ()) -> None:
        """Keep changed parts of orders (order id to parts), with what the audit has to say of them."""
        with self.transaction() as connection:
            for order_id, answers in changed.items():
                _put_answers(connection, order_id, answers)
            for entry in entries:
                add_to_audit(connection, entry)

    def end_orders(self, ids: Iterable[str]) -> None:
        """Mark orders as ended, and drop the oldest of too many."""
        with self.transaction() as connection:
            connection.executemany("UPDATE orders SET ended = 1 WHERE id = ?", [(name,) for name in ids])
            old = connection.execute(
                "SELECT id FROM orders WHERE ended = 1 ORDER BY id DESC LIMIT -1 OFFSET ?", (KEPT_ORDERS,)
            ).fetchall()
            connection.executemany("DELETE FROM answer WHERE order_id = ?", old)
            connection.executemany("DELETE FROM orders WHERE id = ?", old)

    def open_orders(self) -> list[Order]:
        """Return the orders that have not ended, the oldest first."""
        return self._orders("WHERE ended = 0 ORDER BY id", ())

    def order(self, order_id: str) -> Order | None:
        """Return one order."""
        return next(iter(self._orders("WHERE id = ?", (order_id,))), None)

    def order_of_token(self, token: str) -> Order | None:
        """Return the order that a request with this token made before."""
        return next(iter(self._orders("WHERE token = ?", (token,))), None)

    def recent_orders(self, limit: int) -> list[Order]:
        """Return the newest orders, the newest first."""
        return self._orders("ORDER BY id DESC LIMIT ?", (limit,))

    def newest_id(self) -> str:
        """Return the greatest id that was ever given, empty if none was."""
        found = self._connection.execute("SELECT max(id) FROM orders").fetchone()
        return str(found[0] or "")

    def open_permits(self, permits: Iterable[Permit]) -> None:
        """Keep work permits; a new one for the same cabinet takes the place of the old one."""
        with self.transaction() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO permit VALUES (?, ?, ?, ?, ?, ?, ?)",
                [(p.gateway, p.cabinet, p.order_id, p.by, p.reason, p.until_ms, p.opened_ms) for p in permits],
            )

    def close_permits(self, places: Iterable[tuple[str, str]]) -> None:
        """Forget work permits by (gateway, cabinet)."""
        with self.transaction() as connection:
            connection.executemany("DELETE FROM permit WHERE gateway = ? AND cabinet = ?", list(places))

    def permits(self) -> list[Permit]:
        """Return all that are open."""
        found = self._connection.execute(
            "SELECT gateway, cabinet, order_id, by, reason, until_ms, opened_ms FROM permit ORDER BY gateway, cabinet"
        )
        names = ("gateway", "cabinet", "order_id", "by", "reason", "until_ms", "opened_ms")
        return [Permit(**dict(zip(names, row, strict=True))) for row in found]

    def _orders(self, which: str, facts: tuple[object, ...]) -> list[Order]:
        columns = "id, op, arguments, reason, by, created_ms, not_after_ms, refused"
        query = f"SELECT {columns} FROM orders {which}"  # noqa: S608 - `which` is one of the literals above
        found = self._connection.execute(query, facts).fetchall()
        return [
            Order(
                id=row[0],
                op=row[1],
                arguments=orjson.loads(row[2]),
                reason=row[3],
                by=row[4],
                created_ms=row[5],
                not_after_ms=row[6],
                refused=orjson.loads(row[7]),
                answers=self._answers(row[0]),
            )
            for row in found
        ]

    def _answers(self, order_id: str) -> dict[str, Answer]:
        found = self._connection.execute(
            "SELECT gateway, circuits, cabinets, state, reason, outcome, sent, sent_ms, nonce, changed_ms"
            " FROM answer WHERE order_id = ? ORDER BY gateway",
            (order_id,),
        )
        return {
            row[0]: Answer(
                gateway=row[0],
                circuits=tuple(orjson.loads(row[1])),
                cabinets=tuple(orjson.loads(row[2])),
                state=AnswerState(row[3]),
                reason=row[4],
                outcome=orjson.loads(row[5]),
                sent=row[6],
                sent_ms=row[7],
                nonce=row[8],
                changed_ms=row[9],
            )
            for row in found
        }

    def _migrate(self) -> None:
        version = int(self._connection.execute("PRAGMA user_version").fetchone()[0])
        if version > len(_MIGRATIONS):
            raise sqlite3.OperationalError(f"{FILE_NAME} was written by a newer version ({version})")
        for number, script in enumerate(_MIGRATIONS[version:], version + 1):
            self._connection.executescript(f"BEGIN; {script} PRAGMA user_version = {number}; COMMIT;")


def add_to_audit(connection: sqlite3.Connection, entry: AuditEntry) -> None:
    """Add one entry within a transaction; its hash covers the one before, so that nothing is taken out unseen."""
    last = connection.execute("SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1").fetchone() or (0, "")
    number, previous = int(last[0]) + 1, str(last[1])
    facts = orjson.dumps(dict(entry.facts), option=orjson.OPT_SORT_KEYS).decode()
    row = (number, entry.at_ms, entry.user, entry.account, entry.action, facts)
    connection.execute("INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*row, previous, _link(previous, *row)))


def _link(previous: str, *row: object) -> str:
    return hashlib.sha256(orjson.dumps([previous, *row])).hexdigest()


def _put_answers(connection: sqlite3.Connection, order_id: str, answers: Iterable[Answer]) -> None:
    connection.executemany(
        "INSERT OR REPLACE INTO answer VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                order_id,
                answer.gateway,
                orjson.dumps(answer.circuits).decode(),
                orjson.dumps(answer.cabinets).decode(),
                str(answer.state),
                answer.reason,
                orjson.dumps(answer.outcome).decode(),
                answer.sent,
                answer.sent_ms,
                answer.nonce,
                answer.changed_ms,
            )
            for answer in answers
        ],
    )


def open_command_store(state_dir: Path) -> CommandStore:
    """Open the database, or set it aside if it is damaged: lamps must be commanded, and gateways know their wants.

    Raises:
        sqlite3.OperationalError, OSError: The folder or its disk cannot be used.
    """
    return open_or_set_aside(
        state_dir / FILE_NAME, lambda: CommandStore(state_dir), CommandStore.check, "audit, orders and calendars are"
    )
