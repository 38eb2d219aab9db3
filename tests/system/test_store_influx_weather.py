"""The real InfluxDB at its limits, met by a whole collector: nothing lost, nothing confirmed that is not stored."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.servers import Influx, InfluxRefusedError, Mosquitto, wait_until
from tests.system.collector_rig import FakeGateway, Rig, now_ms

BATCHES = 30


class Hall:
    """A database with limits, a collector on it, and a gateway whose first batch is stored."""

    def __init__(self, influx: Influx, rig: Rig, gateway: FakeGateway) -> None:
        self.influx = influx
        self.rig = rig
        self.gateway = gateway

    def wait_trouble(self, reason: str) -> str:
        wait_until(lambda: self.rig.collector.writer.trouble.startswith(f"{reason}:"), 30, reason)
        return self.rig.collector.writer.trouble

    def read_and_send(self) -> None:
        for _ in range(BATCHES):
            self.gateway.read()
        self.gateway.send()

    def assert_all_stored_once(self) -> None:
        self.gateway.wait_confirmed()
        rows = self.influx.rows("SELECT u1 FROM meter WHERE gw = 'gw-weather'", database="t")
        assert sorted(row["u1"] for row in rows) == [float(n) for n in range(1, BATCHES + 2)]
        wait_until(lambda: self.rig.collector.writer.trouble == "", 30, "the recovery")
        assert self.rig.letters() == []


@contextlib.contextmanager
def hall(
    mosquitto: Mosquitto,
    folder: Path,
    *,
    http: Mapping[str, str] | None = None,
    data: Mapping[str, str] | None = None,
    **store: Any,
) -> Iterator[Hall]:
    with Influx(folder / "influx", http=http, data=data) as influx:
        influx.create_database("t")
        config = {"kind": "influxdb1", "url": influx.url, "database": "t", "timeout_s": 5.0} | store
        with Rig(folder, mosquitto, config) as rig, FakeGateway(mosquitto, "gw-weather") as gateway:
            rig.wait_connected()
            gateway.read()
            gateway.wait_confirmed()
            yield Hall(influx, rig, gateway)


@contextlib.contextmanager
def slow_writer(influx: Influx) -> Iterator[None]:
    """Take a place among the writers and never send the body."""
    with socket.create_connection(("127.0.0.1", influx.port)) as connection:
        head = "POST /write?db=t HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nmeter,dev=slow"
        connection.sendall(head.encode())
        yield


def fill_cache(influx: Influx) -> None:
    """Write until not even one line is taken."""
    time_ms = now_ms() - 7_200_000
    for size in (1000, 100, 10, 1):
        with contextlib.suppress(InfluxRefusedError):
            for _ in range(1000):
                influx.write("\n".join(f"other v=1 {time_ms + number}" for number in range(size)), database="t")
                time_ms += size


@pytest.mark.parametrize(
    ("http", "writers", "words"),
    [
        ({"max-concurrent-write-limit": "1", "max-enqueued-write-limit": "1"}, 2, "request throttled, queue full"),
        (
            {"max-concurrent-write-limit": "1", "max-enqueued-write-limit": "9", "enqueued-write-timeout": '"50ms"'},
            1,
            "request throttled, exceeds timeout",
        ),
    ],
)
def test_a_database_that_throttles_writers_is_waited_for(
    mosquitto: Mosquitto, tmp_path: Path, http: dict[str, str], writers: int, words: str
) -> None:
    with hall(mosquitto, tmp_path, http=http) as h:
        with contextlib.ExitStack() as stack:
            for _ in range(writers):
                stack.enter_context(slow_writer(h.influx))
            h.read_and_send()
            assert words in h.wait_trouble("throttled")
            assert len(h.gateway.spool) == BATCHES
        h.assert_all_stored_once()


def test_a_database_whose_cache_is_full_is_waited_for(mosquitto: Mosquitto, tmp_path: Path) -> None:
    # Bytes of data that are not yet in a file; what fills it here is another writer.
    limits = {"cache-max-memory-size": "200000", "cache-snapshot-write-cold-duration": '"3s"'}
    with hall(mosquitto, tmp_path, data=limits) as h:
        fill_cache(h.influx)
        h.read_and_send()
        assert "cache-max-memory-size exceeded" in h.wait_trouble("cache_full")
        assert len(h.gateway.spool) == BATCHES
        h.assert_all_stored_once()


def test_a_series_limit_costs_the_new_series_alone(mosquitto: Mosquitto, tmp_path: Path) -> None:
    with hall(mosquitto, tmp_path, data={"max-series-per-database": "1"}) as h:
        with FakeGateway(mosquitto, "gw-new") as newcomer:
            newcomer.read()
            newcomer.wait_confirmed()
        h.read_and_send()
        h.gateway.wait_confirmed()
        rows = h.influx.rows("SELECT u1 FROM meter", database="t")
        assert len(rows) == BATCHES + 1
        (letter,) = h.rig.letters()
        assert (letter["reason"], letter["gateway"], letter["fields"]) == ("series_limit", "gw-new", {"u1": 1.0})


def test_readings_older_than_the_retention_are_kept_beside_it(mosquitto: Mosquitto, tmp_path: Path) -> None:
    with hall(mosquitto, tmp_path) as h:
        h.influx.query('CREATE RETENTION POLICY "day" ON "t" DURATION 1d REPLICATION 1 SHARD DURATION 1h DEFAULT')
        old_ms = now_ms() - 3 * 86_400_000
        h.gateway.read([7.5], t0=old_ms)
        h.gateway.read([8.5])
        h.gateway.wait_confirmed()
        (letter,) = h.rig.letters()
        assert (letter["reason"], letter["time_ms"], letter["fields"]) == ("beyond_retention", old_ms, {"u1": 7.5})
        assert [row["u1"] for row in h.influx.rows("SELECT u1 FROM meter", database="t")] == [8.5]


def test_a_body_larger_than_the_server_takes_is_halved(mosquitto: Mosquitto, tmp_path: Path) -> None:
    with hall(mosquitto, tmp_path, http={"max-body-size": "500"}) as h:
        h.read_and_send()
        h.assert_all_stored_once()
