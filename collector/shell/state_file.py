"""What every SQLite file of the collector's state does alike: transactions, and being set aside when damaged."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, TypeVar

import structlog


class _Closed(Protocol):
    def close(self) -> None: ...


_File = TypeVar("_File", bound=_Closed)
_log = structlog.get_logger("state")


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Commit what is done within, or nothing of it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        # A full disk or a damaged file has rolled back already; saying so again would hide why.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def open_or_set_aside(file: Path, open_file: Callable[[], _File], check: Callable[[_File], object], what: str) -> _File:
    """Open a file and read what a start needs; a damaged one is set aside and begun anew.

    Args:
        file: Where it lies.
        open_file: Opens it.
        check: Reads what a start needs.
        what: What it holds, for the log.

    Raises:
        sqlite3.OperationalError, OSError: The folder or its disk cannot be used.
    """
    try:
        opened = open_file()
        try:
            check(opened)
        except BaseException:
            opened.close()
            raise
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError as error:
        aside = next(
            name for n in itertools.count(1) if not (name := file.with_name(f"{file.name}.damaged-{n}")).exists()
        )
        for tail in ("-wal", "-shm"):
            file.with_name(f"{file.name}{tail}").unlink(missing_ok=True)
        file.replace(aside)
        _log.error(f"{what} damaged and set aside", file=str(aside), error=str(error))
        return open_file()
    return opened
