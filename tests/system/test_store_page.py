"""docs/store.md: every query on it, run as it stands on what a collector stores."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from collector.core.received import Received
from collector.core.rows import Row, gone_row
from collector.shell.gateways import Gateways
from collector.shell.stores.influx1 import Influx1Store
from collector.shell.stores.sqlite import SqliteStore
from config.collector import InfluxStore
from contract.batch import Gone, Priority
from contract.codec import decode_batch
from tests.servers import Influx
from tests.system.collector_rig import now_ms
from tests.unit.collector.collector_parts import batch_payload

PAGE = (Path(__file__).parents[2] / "docs" / "store.md").read_text("utf-8")
_STATEMENTS = [block.strip() for block in re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)]
INFLUXQL = [line for block in _STATEMENTS if " series " not in block for line in block.splitlines()]
SQL = [block for block in _STATEMENTS if " series " in block]


def rows(gateway: str = "gw-117") -> Sequence[Row]:
    """Return a quarter of an hour of one gateway, and a minute of what the collector itself writes."""
    begin_ms = now_ms() - 900_000
    made = [_row(gateway, "meter", "meter", begin_ms + n * 1000, u1=230.0, p_total=5000.0) for n in range(900)]
    made.append(_row(gateway, "meter", "meter", begin_ms + 500, q_u1="timeout"))
    made.append(_row(gateway, "control", "control", begin_ms + 899_000, lamps_due=1.0))
    gone = Gone(what=Priority.LOW, first_ms=begin_ms, last_ms=begin_ms + 1000, batches=3, readings=90)
    made.append(gone_row(gateway, 7, gone))
    gateways = Gateways(limit=10, named=())
    for name in (gateway, "gw-silent"):
        gateways.admit(name)
    batch = decode_batch(batch_payload(t0=begin_ms))
    gateways.heard(Received(gateway=gateway, batch=batch, channel="live", received_ms=now_ms()))
    gateways.stored(gateway, 1)
    return [*made, *gateways.facts(now_ms())]


def _row(gateway: str, device: str, measurement: str, time_ms: int, **fields: Any) -> Row:
    return Row(measurement=measurement, gateway=gateway, device=device, time_ms=time_ms, fields=fields)


@pytest.fixture(scope="module")
def stored(influx: Influx) -> Influx:
    influx.create_database("page")
    store = Influx1Store(InfluxStore(kind="influxdb1", url=influx.url, database="page"))
    assert store.write(rows()).rejected == ()
    store.close()
    return influx


def test_the_page_has_queries_for_both_stores() -> None:
    assert (len(INFLUXQL), len(SQL)) == (8, 2)


@pytest.mark.parametrize("statement", INFLUXQL)
def test_each_query_of_influxql_finds_what_it_says(stored: Influx, statement: str) -> None:
    found = stored.rows(statement, database="page")
    assert found
    if "n=0" in statement:
        assert [row["gw"] for row in found] == ["gw-silent"]
    elif "late_s" in statement:
        assert [row["gw"] for row in found] == ["gw-117"]


@pytest.mark.parametrize("statement", SQL)
def test_each_query_of_the_embedded_store_finds_what_it_says(tmp_path: Path, statement: str) -> None:
    store = SqliteStore(tmp_path / "samples.db", retention_days=7)
    store.write(rows())
    # As an analyst would, while the collector has it open.
    reader = sqlite3.connect(f"file:{tmp_path / 'samples.db'}?mode=ro", uri=True)
    found = reader.execute(statement).fetchall()
    reader.close()
    store.close()
    if "latest" in statement:
        assert [(row[:2], row[3:]) for row in found if row[0] != ""][:1] == [(("control", "lamps_due"), (1.0, None))]
        assert (("meter", "u1"), (230.0, None)) in [(row[:2], row[3:]) for row in found]
    else:
        assert len(found) == 20
        assert found[0][1:] == (230.0, None)
