"""collector.db: what the collector knows of gateways, and its numbers, for itself after a restart and for `status`."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from collector.shell.state_file import open_or_set_aside, transaction
from contract.state import PointKind

FILE_NAME: Final = "collector.db"
_SCHEMA: Final = """
    CREATE TABLE IF NOT EXISTS device (
        gateway TEXT NOT NULL, device TEXT NOT NULL, measurement TEXT NOT NULL, PRIMARY KEY (gateway, device)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS kind (
        measurement TEXT NOT NULL, key TEXT NOT NULL, kind TEXT NOT NULL, PRIMARY KEY (measurement, key)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS gateway (
        name TEXT PRIMARY KEY, last_seen_ms INTEGER NOT NULL, lag_ms INTEGER NOT NULL, epoch TEXT NOT NULL,
        seq INTEGER NOT NULL, online INTEGER, online_since_ms INTEGER, software TEXT NOT NULL,
        devices INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS metric (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
"""


@dataclass(slots=True, kw_only=True)
class GatewayRecord:
    """What is known of one gateway.

    Attributes:
        lag_ms: Receipt minus newest reading of its last batch; negative if its clock runs ahead.
        online: As the gateway or its last will says; None while neither was heard.
    """

    name: str
    last_seen_ms: int = 0
    lag_ms: int = 0
    epoch: str = ""
    seq: int = 0
    online: bool | None = None
    online_since_ms: int | None = None
    software: str = ""
    devices: int = 0


@dataclass(frozen=True, slots=True)
class Overview:
    """What a running or dead collector last wrote of itself."""

    gateways: tuple[GatewayRecord, ...]
    metrics: Mapping[str, int]
    facts: Mapping[str, str]


class Records:
    """The database; one object for each thread that uses it."""

    def __init__(self, state_dir: Path) -> None:
        """Open the database, made if it is not there.

        Raises:
            sqlite3.Error: It cannot be opened or is damaged.
        """
        self._connection = sqlite3.connect(
            state_dir / FILE_NAME, timeout=5.0, isolation_level=None, check_same_thread=False
        )
        try:
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.executescript(_SCHEMA)
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        """Close it."""
        self._connection.close()

    def devices(self) -> list[tuple[str, str, str]]:
        """Return (gateway, device, measurement)."""
        return self._connection.execute("SELECT gateway, device, measurement FROM device").fetchall()

    def kinds(self) -> list[tuple[str, str, PointKind]]:
        """Return (measurement, key, kind)."""
        return self._connection.execute("SELECT measurement, key, kind FROM kind").fetchall()

    def gateways(self) -> list[GatewayRecord]:
        """Return all gateways by name."""
        return _gateways(self._connection)

    def save_catalogue(
        self, devices: Iterable[tuple[str, str, str]], kinds: Iterable[tuple[str, str, PointKind]]
    ) -> None:
        """Keep what a meta taught."""
        with self._transaction():
            self._connection.executemany("INSERT OR REPLACE INTO device VALUES (?, ?, ?)", devices)
            self._connection.executemany("INSERT OR REPLACE INTO kind VALUES (?, ?, ?)", kinds)

    def save_overview(
        self, gateways: Iterable[GatewayRecord], metrics: Mapping[str, int], facts: Mapping[str, str]
    ) -> None:
        """Keep what `status` and `gateways` show."""
        rows = [
            (
                record.name,
                record.last_seen_ms,
                record.lag_ms,
                record.epoch,
                record.seq,
                None if record.online is None else int(record.online),
                record.online_since_ms,
                record.software,
                record.devices,
            )
            for record in gateways
        ]
        with self._transaction():
            self._connection.executemany("INSERT OR REPLACE INTO gateway VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
            self._connection.executemany("INSERT OR REPLACE INTO metric VALUES (?, ?)", metrics.items())
            self._connection.executemany("INSERT OR REPLACE INTO fact VALUES (?, ?)", facts.items())

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        with transaction(self._connection):
            yield


def open_records(state_dir: Path) -> Records:
    """Open the database, or set it aside if it is damaged: gateways tell again what stood in it, alarms cannot wait.

    Raises:
        sqlite3.OperationalError, OSError: The folder or its disk cannot be used.
    """

    def check(records: Records) -> None:
        for table in (records.devices, records.kinds, records.gateways):
            table()

    return open_or_set_aside(
        state_dir / FILE_NAME, lambda: Records(state_dir), check, "what was known of the gateways is"
    )


def read_overview(state_dir: Path) -> Overview:
    """Read what a collector wrote, also while it runs.

    Raises:
        FileNotFoundError: No collector ever ran with this state_dir.
        sqlite3.Error: The file cannot be read.
    """
    file = state_dir / FILE_NAME
    if not file.exists():
        raise FileNotFoundError(file)
    connection = sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=5.0)
    try:
        metrics = dict(connection.execute("SELECT name, value FROM metric").fetchall())
        facts = dict(connection.execute("SELECT name, value FROM fact").fetchall())
        return Overview(tuple(_gateways(connection)), metrics, facts)
    finally:
        connection.close()


def _gateways(connection: sqlite3.Connection) -> list[GatewayRecord]:
    found = connection.execute(
        "SELECT name, last_seen_ms, lag_ms, epoch, seq, online, online_since_ms, software, devices"
        " FROM gateway ORDER BY name"
    )
    return [
        GatewayRecord(
            name=name,
            last_seen_ms=last_seen_ms,
            lag_ms=lag_ms,
            epoch=epoch,
            seq=seq,
            online=None if online is None else bool(online),
            online_since_ms=online_since_ms,
            software=software,
            devices=devices,
        )
        for name, last_seen_ms, lag_ms, epoch, seq, online, online_since_ms, software, devices in found
    ]
