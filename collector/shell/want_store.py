"""The part of commands.db that holds calendars, what each gateway is to run by, and what it reported."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from collector.core.want_book import Reported, Wanted
from collector.shell.command_store import AuditEntry, CommandStore, add_to_audit

_WANT: Final = "gateway, rev, version, hash, by, reason, at_ms, rollout"


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A calendar that was published once.

    Attributes:
        version: Its number at this centre.
        hash: Of the desired document that it makes.
        body: JSON of the contract's calendar, as it goes to gateways.
        source: The file that it was written in.
    """

    version: int
    name: str
    hash: str
    body: str
    source: str
    by: str
    reason: str
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """One publication; what is held waits for somebody to go on with it."""

    id: int
    version: int
    by: str
    reason: str
    at_ms: int
    held: tuple[str, ...]


class WantStore:
    """Used by the command service's thread."""

    def __init__(self, store: CommandStore) -> None:
        self._store = store
        self._connection = store.connection

    def current(self) -> dict[str, Wanted]:
        """Return the newest want of each gateway."""
        found = self._connection.execute(
            f"SELECT {_WANT} FROM want AS w WHERE rev = (SELECT max(rev) FROM want WHERE gateway = w.gateway)"  # noqa: S608 - a constant
        )
        return {row[0]: _wanted(row) for row in found}

    def history(self, gateway: str) -> list[Wanted]:
        """Return all wants of a gateway, the newest first."""
        found = self._connection.execute(
            f"SELECT {_WANT} FROM want WHERE gateway = ? ORDER BY rev DESC",  # noqa: S608 - a constant
            (gateway,),
        )
        return [_wanted(row) for row in found]

    def reports(self) -> dict[str, Reported]:
        """Return what each gateway said last."""
        found = self._connection.execute("SELECT gateway, rev, hash, applied_ms, error, received_ms FROM want_report")
        reports: dict[str, Reported] = {}
        for gateway, rev, digest, applied_ms, error, received_ms in found:
            told: dict[str, Any] = orjson.loads(error)
            reports[gateway] = Reported(
                rev=rev,
                hash=digest,
                applied_ms=applied_ms,
                received_ms=received_ms,
                refused_rev=told.get("rev"),
                error_en=told.get("en", ""),
                error_vi=told.get("vi", ""),
            )
        return reports

    def save_report(self, gateway: str, report: Reported) -> None:
        """Keep what a gateway says."""
        refused = {"rev": report.refused_rev, "en": report.error_en, "vi": report.error_vi}
        error = orjson.dumps(refused if report.refused_rev is not None else {}).decode()
        with self._store.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO want_report VALUES (?, ?, ?, ?, ?, ?)",
                (gateway, report.rev, report.hash, report.applied_ms, error, report.received_ms),
            )

    def versions(self, limit: int) -> list[Version]:
        """Return the newest calendars, the newest first."""
        return self._versions("ORDER BY version DESC LIMIT ?", (limit,))

    def version(self, number: int) -> Version | None:
        """Return one calendar."""
        return next(iter(self._versions("WHERE version = ?", (number,))), None)

    def bodies(self, hashes: Iterable[str]) -> dict[str, str]:
        """Return hash to JSON of the calendars that were published here."""
        bodies: dict[str, str] = {}
        for digest in hashes:
            found = self._connection.execute(
                "SELECT body FROM calendar WHERE hash = ? ORDER BY version DESC LIMIT 1", (digest,)
            ).fetchone()
            if found is not None:
                bodies[digest] = found[0]
        return bodies

    def rollout_of_token(self, token: str) -> Rollout | None:
        """Return the rollout that a request with this token made before."""
        found = self._connection.execute("SELECT id FROM rollout WHERE token = ?", (token,)).fetchone()
        return self.rollout(found[0]) if found else None

    def rollout(self, number: int) -> Rollout | None:
        """Return one rollout."""
        row = self._connection.execute(
            "SELECT id, version, by, reason, at_ms FROM rollout WHERE id = ?", (number,)
        ).fetchone()
        if row is None:
            return None
        held = self._connection.execute(
            "SELECT gateway FROM rollout_held WHERE rollout = ? ORDER BY gateway", (number,)
        ).fetchall()
        return Rollout(
            id=row[0], version=row[1], by=row[2], reason=row[3], at_ms=row[4], held=tuple(name for (name,) in held)
        )

    def held(self) -> dict[str, int]:
        """Return gateway to the rollout that it waits in."""
        return dict(self._connection.execute("SELECT gateway, rollout FROM rollout_held ORDER BY rollout").fetchall())

    def publish(
        self,
        *,
        entry: AuditEntry,
        token: str,
        version: Version | None,
        wants: Sequence[Wanted],
        held: Sequence[str],
        rollout: Rollout,
    ) -> None:
        """Keep a publication, its audit entry first, in one transaction.

        Args:
            entry: Who and what.
            token: Of the request.
            version: A new calendar; None: one that is there already.
            wants: What gateways are to run by from now on.
            held: Gateways that wait; whatever they waited for before is forgotten.
            rollout: To keep.
        """
        with self._store.transaction() as connection:
            add_to_audit(connection, entry)
            if version is not None:
                v = version
                connection.execute(
                    "INSERT INTO calendar VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (v.version, v.name, v.hash, v.body, v.source, v.by, v.reason, v.at_ms),
                )
            connection.execute(
                "INSERT INTO rollout VALUES (?, ?, ?, ?, ?, ?)",
                (rollout.id, token, rollout.version, rollout.by, rollout.reason, rollout.at_ms),
            )
            places = [(want.gateway,) for want in wants] + [(gateway,) for gateway in held]
            connection.executemany("DELETE FROM rollout_held WHERE gateway = ?", places)
            connection.executemany("INSERT INTO rollout_held VALUES (?, ?)", [(rollout.id, name) for name in held])
            _put(connection, wants)

    def release(self, *, entry: AuditEntry, rollout: int, wants: Sequence[Wanted]) -> None:
        """Keep what the held gateways of a rollout are to run by from now on."""
        with self._store.transaction() as connection:
            add_to_audit(connection, entry)
            connection.execute("DELETE FROM rollout_held WHERE rollout = ?", (rollout,))
            _put(connection, wants)

    def next_numbers(self) -> tuple[int, int]:
        """Return the numbers of the next calendar and of the next rollout."""
        version = self._connection.execute("SELECT coalesce(max(version), 0) + 1 FROM calendar").fetchone()[0]
        rollout = self._connection.execute("SELECT coalesce(max(id), 0) + 1 FROM rollout").fetchone()[0]
        return int(version), int(rollout)

    def _versions(self, which: str, facts: tuple[object, ...]) -> list[Version]:
        columns = ("version", "name", "hash", "body", "source", "by", "reason", "at_ms")
        query = f"SELECT {', '.join(columns)} FROM calendar {which}"  # noqa: S608 - `which` is one of the literals above
        return [Version(**dict(zip(columns, row, strict=True))) for row in self._connection.execute(query, facts)]


def _put(connection: Any, wants: Iterable[Wanted]) -> None:
    connection.executemany(
        "INSERT INTO want VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [(w.gateway, w.rev, w.version, w.hash, w.by, w.reason, w.at_ms, w.rollout) for w in wants],
    )


def _wanted(row: Sequence[Any]) -> Wanted:
    gateway, rev, version, digest, by, reason, at_ms, rollout = row
    return Wanted(
        gateway=gateway,
        rev=rev,
        version=version,
        hash=digest,
        by=by,
        reason=reason,
        at_ms=at_ms,
        rollout=rollout,
    )
