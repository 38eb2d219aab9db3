"""Transactions of the collector's state files: all or nothing, and the first error is the one that is told."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest

from collector.shell.state_file import transaction


@pytest.fixture
def database() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("CREATE TABLE one (value INTEGER)")
    yield connection
    connection.close()


def rows(database: sqlite3.Connection) -> list[tuple[int]]:
    return database.execute("SELECT value FROM one").fetchall()


def insert_and_fail(database: sqlite3.Connection, between: str) -> None:
    with transaction(database) as connection:
        connection.execute("INSERT INTO one VALUES (7)")
        connection.execute(between)
        raise KeyError


def test_what_is_done_within_is_committed(database: sqlite3.Connection) -> None:
    with transaction(database) as connection:
        connection.execute("INSERT INTO one VALUES (7)")
    assert (rows(database), database.in_transaction) == ([(7,)], False)


def test_an_error_takes_all_of_it_back(database: sqlite3.Connection) -> None:
    with pytest.raises(KeyError):
        insert_and_fail(database, "SELECT 1")
    assert (rows(database), database.in_transaction) == ([], False)


def test_where_the_database_has_rolled_back_itself_the_first_error_is_told(database: sqlite3.Connection) -> None:
    # As SQLite does on a full disk.
    with pytest.raises(KeyError):
        insert_and_fail(database, "ROLLBACK")
    assert rows(database) == []
