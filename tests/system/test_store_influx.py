"""The error table of the InfluxDB writer on the real server: what is isolated, what is held, what is never lost."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from collector.core.rows import Row
from collector.shell.stores import influx1
from collector.shell.stores.base import Sample, SeriesName, StoreRefusedError, StoreUnavailableError
from collector.shell.stores.influx1 import DAY_MS, Influx1Store
from config.collector import InfluxStore
from tests.servers import Influx
from tests.servers.waiting import accepts_connections
from tests.system.authority import Authority
from tests.system.collector_rig import now_ms

BEGIN_MS = now_ms() - 3_600_000


def store_of(influx: Influx, database: str, **more: Any) -> Influx1Store:
    more = {"timeout_s": 5.0} | more
    return Influx1Store(InfluxStore(kind="influxdb1", url=influx.url, database=database, **more))


def row(number: int, device: str = "m1", **fields: Any) -> Row:
    return Row(
        measurement="meter",
        gateway="gw-1",
        device=device,
        time_ms=BEGIN_MS + number,
        fields=fields or {"u1": float(number)},
    )


def count(influx: Influx, database: str) -> int:
    rows = influx.rows("SELECT count(u1) FROM meter", database=database)
    return int(rows[0]["count"]) if rows else 0


def requests_of(store: Influx1Store, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that grows with the size of each request."""
    sizes: list[int] = []
    real: Callable[..., tuple[int, bytes]] = store._exchange

    def exchange(method: str, target: str, body: bytes | None, *more: Any) -> tuple[int, bytes]:
        sizes.append(len(body or b""))
        return real(method, target, body, *more)

    monkeypatch.setattr(store, "_exchange", exchange)
    return sizes


def test_exactly_the_bad_lines_among_a_thousand_are_isolated(influx: Influx, monkeypatch: pytest.MonkeyPatch) -> None:
    influx.create_database("bisect")
    store = store_of(influx, "bisect")
    store.write([row(-1)])
    rng = random.Random(1)
    bad = set(rng.sample(range(1000), 4))
    rows = [row(number, u1="text") if number in bad else row(number) for number in range(1000)]
    requests = requests_of(store, monkeypatch)
    written = store.write(rows)
    assert {BEGIN_MS + number for number in bad} == {one.row.time_ms for one in written.rejected}
    assert {one.reason for one in written.rejected} == {"field_type_conflict"}
    assert written.stored == 996
    assert count(influx, "bisect") == 997
    assert len(requests) < 100
    again = store.write(rows)
    assert (again.stored, count(influx, "bisect")) == (996, 997)
    store.close()


def test_a_field_of_another_type_costs_its_device_no_other_point(
    influx: Influx, monkeypatch: pytest.MonkeyPatch
) -> None:
    influx.create_database("fields")
    # As after a collector that lost what it knew, or another writer: two fields of the shard have other types.
    influx.write(f'meter,gw=other,dev=x n="text",on="text" {BEGIN_MS}', database="fields")
    store = store_of(influx, "fields")
    requests = requests_of(store, monkeypatch)
    rows = [row(number, u1=float(number), n=number, on=True) for number in range(1000)]
    written = store.write([*rows, row(1000, n=5), row(1001, u1=1.5)])
    assert written.stored == 1001
    assert {(len(one.row.fields), one.fields) for one in written.rejected} == {(3, ("n",)), (3, ("on",)), (1, ())}
    assert len(written.rejected) == 2001
    assert count(influx, "fields") == 1001
    assert len(requests) < 40
    store.close()


def test_times_that_the_server_cannot_count_are_brought_into_what_it_can(influx: Influx) -> None:
    influx.create_database("forever")
    store = store_of(influx, "forever")
    store.write([row(1)])
    assert store.range("gw-1", "m1", "u1", -(10**15), 10**15, 9) == [Sample(BEGIN_MS + 1, 1.0)]
    assert store.range("gw-1", "m1", "u1", 10**15, 10**16, 9) == []
    store.close()


class SecureInflux(Influx):
    """One that speaks TLS only."""

    def _is_ready(self) -> bool:
        return accepts_connections(self.port)


def test_a_server_of_the_city_s_own_authority_is_trusted_and_no_other(tmp_path: Path) -> None:
    city = Authority(tmp_path / "city")
    city.sign("influx", hosts="IP:127.0.0.1")
    files = {"https-certificate": f'"{city.folder}/influx.crt"', "https-private-key": f'"{city.folder}/influx.key"'}
    with SecureInflux(tmp_path / "influx", http={"https-enabled": "true", **files}) as influx:
        url = f"https://127.0.0.1:{influx.port}"
        config = InfluxStore(kind="influxdb1", url=url, database="t", ca_file=city.folder / "ca.crt")
        store = Influx1Store(config)
        store._query('CREATE DATABASE "t"')
        assert store.write([row(1)]).stored == 1
        store.close()
        stranger = Influx1Store(config.model_copy(update={"ca_file": None}))
        with pytest.raises(StoreUnavailableError, match="certificate verify failed"):
            stranger.write([row(2)])
        stranger.close()


def test_series_of_other_writers_are_not_ours(influx: Influx) -> None:
    influx.create_database("shared")
    lines = (
        r"cpu\ load,host=a\,b,path=c\=d u=1",
        "cpu,gw=GW\\ 1,dev=x u=1",
        "meter,dev=m1,gw=gw-1,room=2 u=1",
        "meter,gw=gw-1 u1=1.0",
    )
    for line in lines:
        influx.write(line, database="shared")
    store = store_of(influx, "shared")
    store.write([row(1)])
    assert store.series() == [SeriesName("gw-1", "", key) for key in ("u", "u1")] + [
        SeriesName("gw-1", "m1", key) for key in ("u", "u1")
    ]
    store.close()


def test_a_row_that_line_protocol_cannot_carry_costs_no_other(influx: Influx) -> None:
    influx.create_database("unwritable")
    store = store_of(influx, "unwritable")
    written = store.write([row(1), row(2, u1=float("nan")), row(3, device="a\nforged"), row(4)])
    assert [(one.row.time_ms - BEGIN_MS, one.reason) for one in written.rejected] == [
        (2, "unwritable"),
        (3, "unwritable"),
    ]
    assert count(influx, "unwritable") == 2
    shown = influx.query("SHOW MEASUREMENTS", database="unwritable")["results"][0]["series"]
    assert [series["values"] for series in shown] == [[["meter"]]]
    store.close()


def test_awkward_texts_come_back_unchanged(influx: Influx) -> None:
    influx.create_database("texts")
    store = store_of(influx, "texts")
    texts = ['say "hi"', "back\\slash\\", "đèn đường", "a=b,c d", "line\nbreak", "", "'; DROP SERIES", "\t", "😀"]
    store.write([row(number, s=text) for number, text in enumerate(texts)])
    found = store.range("gw-1", "m1", "s", BEGIN_MS, BEGIN_MS + 100, 100)
    assert [sample.value for sample in found] == texts
    store.close()


def test_types_and_causes_come_back_and_repeats_fall_on_themselves(influx: Influx) -> None:
    influx.create_database("types")
    store = store_of(influx, "types")
    rows = [row(0, u1=230.5, n=2**62, on=True), row(1, u1=229.0, q_u1="stale"), row(2, q_u1="timeout")]
    for _ in range(3):
        assert store.write(rows).stored == 3
    assert store.range("gw-1", "m1", "u1", BEGIN_MS, BEGIN_MS + 10, 10) == [
        Sample(BEGIN_MS, 230.5),
        Sample(BEGIN_MS + 1, 229.0, "stale"),
        Sample(BEGIN_MS + 2, None, "timeout"),
    ]
    assert [s.time_ms for s in store.range("gw-1", "m1", "u1", BEGIN_MS, BEGIN_MS + 2, 1)] == [BEGIN_MS + 1]
    assert store.latest("gw-1", "m1") == {
        "u1": Sample(BEGIN_MS + 2, None, "timeout"),
        "n": Sample(BEGIN_MS, 2**62),
        "on": Sample(BEGIN_MS, True),
    }
    assert store.series("gw-1") == [SeriesName("gw-1", "m1", key) for key in ("n", "on", "u1")]
    assert store.series("gw-9") == []
    assert store.latest("gw-1", "nothing") == {}
    store.close()


@pytest.mark.parametrize("name", ["a' OR 'a'='a", 'x" FROM y', "A", "", "a b"])
def test_a_query_for_an_impossible_name_is_an_error_and_no_injection(influx: Influx, name: str) -> None:
    influx.create_database("names")
    store = store_of(influx, "names")
    with pytest.raises(ValueError, match="name"):
        store.range("gw-1", "m1", name, 0, 1, 1)
    store.close()


def test_points_beyond_the_retention_are_handed_back_in_few_requests(
    influx: Influx, monkeypatch: pytest.MonkeyPatch
) -> None:
    influx.query('CREATE DATABASE "short" WITH DURATION 2d REPLICATION 1 SHARD DURATION 1d NAME raw')
    store = store_of(influx, "short", retention_policy="raw")
    old: Sequence[Row] = [row(number - 5 * DAY_MS) for number in range(1000)]
    requests = requests_of(store, monkeypatch)
    written = store.write([*old, *(row(number) for number in range(50))])
    assert written.stored == 50
    assert [one.row for one in written.rejected] == list(old)
    assert {one.reason for one in written.rejected} == {"beyond_retention"}
    assert len(requests) < 30
    store.close()


@pytest.mark.parametrize(
    ("target", "reason"),
    [({"database": "nope"}, "database_not_found"), ({"retention_policy": "zz"}, "retention_policy_not_found")],
)
def test_what_somebody_has_to_mend_is_refused_whole(influx: Influx, target: dict[str, str], reason: str) -> None:
    influx.create_database("mend")
    store = store_of(influx, **({"database": "mend"} | target))
    with pytest.raises(StoreRefusedError) as caught:
        store.write([row(1), row(2)])
    assert caught.value.reason == reason
    store.close()


def test_a_wrong_password_holds_and_the_right_one_writes(tmp_path: Path) -> None:
    with Influx(tmp_path / "influx", http={"auth-enabled": "true"}) as influx:
        bootstrap = store_of(influx, "t")
        bootstrap._query("CREATE USER admin WITH PASSWORD 'right' WITH ALL PRIVILEGES")
        bootstrap.close()
        password = tmp_path / "password"
        password.write_text("right\n")
        store = store_of(influx, "t", username="admin", password_file=password)
        store._query('CREATE DATABASE "t"')
        assert store.write([row(1)]).stored == 1
        store.close()
        password.write_text("wrong\n")
        for refused in (store_of(influx, "t", username="admin", password_file=password), store_of(influx, "t")):
            with pytest.raises(StoreRefusedError) as caught:
                refused.write([row(2)])
            assert caught.value.reason == "unauthorised"
            assert "wrong" not in str(caught.value)
            refused.close()


def test_a_password_that_is_mended_in_its_file_is_taken_without_a_restart(tmp_path: Path) -> None:
    with Influx(tmp_path / "influx", http={"auth-enabled": "true"}) as influx:
        bootstrap = store_of(influx, "t")
        bootstrap._query("CREATE USER admin WITH PASSWORD 'right' WITH ALL PRIVILEGES")
        bootstrap.close()
        password = tmp_path / "password"
        password.write_text("right\n")
        admin = store_of(influx, "t", username="admin", password_file=password)
        for statement in (
            'CREATE DATABASE "t"',
            "CREATE USER writer WITH PASSWORD 'first'",
            'GRANT READ ON "t" TO writer',
        ):
            admin._query(statement)
        password.write_text("wrong\n")
        store = store_of(influx, "t", username="writer", password_file=password)
        with pytest.raises(StoreRefusedError, match="unauthorised"):
            store.write([row(1)])
        password.write_text("first\n")
        with pytest.raises(StoreRefusedError, match="unauthorised"):
            store.write([row(1)])
        # The user may read only: somebody has to grant more, and nothing is given up meanwhile.
        with pytest.raises(StoreRefusedError, match=r"forbidden.*not authorized to write"):
            store.write([row(1)])
        admin._query('GRANT ALL ON "t" TO writer')
        assert store.write([row(1)]).stored == 1
        for used in (store, admin):
            used.close()


@pytest.mark.parametrize("most_bytes", [2_000, 100_000])
def test_a_request_too_large_for_the_server_is_halved(tmp_path: Path, most_bytes: int) -> None:
    with Influx(tmp_path / "influx", http={"max-body-size": str(most_bytes)}) as influx:
        influx.create_database("small")
        store = store_of(influx, "small")
        long_row = row(5001, s="x" * most_bytes)
        written = store.write([*(row(number) for number in range(5000)), long_row])
        assert (written.stored, [one.row for one in written.rejected]) == (5000, [long_row])
        assert written.rejected[0].reason == "too_large"
        assert count(influx, "small") == 5000
        store.close()


def test_a_series_limit_quarantines_the_new_and_keeps_the_known(tmp_path: Path) -> None:
    with Influx(tmp_path / "influx", data={"max-series-per-database": "10"}) as influx:
        influx.create_database("few")
        store = store_of(influx, "few")
        assert store.write([row(0, device=f"m{number}") for number in range(10)]).stored == 10
        written = store.write([row(1, device=f"m{number}") for number in range(15)])
        assert {one.row.device for one in written.rejected} == {f"m{number}" for number in range(10, 15)}
        assert {one.reason for one in written.rejected} == {"series_limit"}
        assert count(influx, "few") == 20
        store.close()


def test_a_server_that_hangs_ends_in_its_time_and_the_connection_is_not_used_again(influx: Influx) -> None:
    influx.create_database("hang")
    store = store_of(influx, "hang", timeout_s=0.3)
    store.write([row(1)])
    influx.suspend()
    try:
        with pytest.raises(StoreUnavailableError) as caught:
            store.write([row(2)])
        assert caught.value.reason == "timeout"
    finally:
        influx.resume()
    store.close()
    patient = store_of(influx, "hang")
    assert patient.write([row(2), row(3)]).stored == 2
    assert count(influx, "hang") == 3
    patient.close()


def test_a_server_that_comes_back_on_its_port_is_written_to_again(tmp_path: Path) -> None:
    with Influx(tmp_path / "influx") as influx:
        influx.create_database("back")
        store = store_of(influx, "back")
        store.write([row(1)])
        influx.kill9()
        with pytest.raises(StoreUnavailableError) as caught:
            store.write([row(2)])
        assert caught.value.reason == "unreachable"
        influx.start()
        store.write([row(2)])
        # The kept connection is closed by a restart that the store has not noticed.
        influx.kill9()
        influx.start()
        assert store.write([row(3)]).stored == 1
        assert count(influx, "back") == 3
        store.close()


def test_requests_are_cut_by_lines_bytes_and_days(influx: Influx, monkeypatch: pytest.MonkeyPatch) -> None:
    influx.create_database("cut")
    store = store_of(influx, "cut", batch_rows=100)
    monkeypatch.setattr(influx1, "MAX_BODY_BYTES", 10_000)
    requests = requests_of(store, monkeypatch)
    rows = [row(number - day * DAY_MS, s="x" * 200) for day in range(3) for number in range(250)]
    assert store.write(rows).stored == 750
    assert max(requests) <= 10_000
    days = influx.query("SELECT count(s) FROM meter WHERE time > 0 GROUP BY time(1d) fill(none)", database="cut")
    assert sum(value[1] for value in days["results"][0]["series"][0]["values"]) == 750
    store.close()
