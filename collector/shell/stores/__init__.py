"""Time-series stores behind one interface; a new one is a module here and a case in `open_store`."""

from __future__ import annotations

from collector.shell.stores.base import Store
from config.collector import CollectorConfig, SqliteStore

__all__ = ["EMBEDDED_FILE", "Store", "open_store"]
EMBEDDED_FILE = "samples.db"


def open_store(config: CollectorConfig, *, read_only: bool = False) -> Store:
    """Return the store that the configuration names; a server is not asked before the first call.

    Raises:
        StoreRefusedError: The password file cannot be read.
    """
    if isinstance(config.store, SqliteStore):
        from collector.shell.stores import sqlite  # noqa: PLC0415 - only the store in use is loaded

        file = config.store.file or config.state_dir / EMBEDDED_FILE
        return sqlite.SqliteStore(file, retention_days=config.store.retention_days, read_only=read_only)
    from collector.shell.stores import influx1  # noqa: PLC0415 - only the store in use is loaded

    return influx1.Influx1Store(config.store)
