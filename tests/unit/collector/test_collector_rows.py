from __future__ import annotations

from typing import Any

import pytest

from collector.core.catalogue import MAX_DEVICES_PER_GATEWAY, MAX_KEYS_PER_MEASUREMENT, Catalogue
from collector.core.rows import MAX_AHEAD_MS, Rows, rows_of
from contract.reading import Value
from tests.unit.collector.collector_parts import NOW_MS, batch_payload, meta, received


def made(payload: bytes, catalogue: Catalogue | None = None) -> Rows:
    if catalogue is None:
        catalogue = Catalogue()
        catalogue.learn("gw-1", meta())
    return rows_of(received(payload), catalogue)


def test_a_batch_becomes_one_wide_row_per_device_and_time() -> None:
    rows = made(batch_payload(devices={"m1": {"u1": [230.5, 231.5], "on": [True, None]}})).rows
    assert [(row.time_ms - NOW_MS, dict(row.fields)) for row in rows] == [
        (-500, {"u1": 230.5, "on": True}),
        (500, {"u1": 231.5}),
    ]
    assert {(row.measurement, row.gateway, row.device) for row in rows} == {("meter", "gw-1", "m1")}


def test_quality_stands_beside_the_value_only_where_it_is_not_good() -> None:
    payload = batch_payload(
        devices={"m1": {"u1": [230.5, None, 229.0, None]}}, q={"u1": [[1, 1, "timeout"], [2, 1, "stale"]]}
    )
    assert [dict(row.fields) for row in made(payload).rows] == [
        {"u1": 230.5},
        {"q_u1": "timeout"},
        {"u1": 229.0, "q_u1": "stale"},
    ]


def test_a_batch_whose_times_wait_for_a_clock_is_not_stored() -> None:
    assert made(batch_payload(clk="waiting", age_ms=10)) == Rows((), ())


def test_a_row_from_the_future_is_refused_and_the_rest_stored() -> None:
    ahead_s = MAX_AHEAD_MS // 1000
    column: list[float] = [float(n) for n in range(ahead_s + 2)]
    result = made(batch_payload(t0=NOW_MS, devices={"m1": {"u1": column}}))
    assert len(result.rows) == ahead_s + 1
    (refused,) = result.refused
    assert (refused.reason, refused.times_ms) == ("future", (NOW_MS + (ahead_s + 1) * 1000,))
    assert refused.values == {"u1": (float(ahead_s + 1),)}


@pytest.mark.parametrize(
    ("key", "sent", "stored"),
    [
        ("u1", 230, 230.0),
        ("u1", True, 1.0),
        ("n", 5.0, 5),
        ("n", True, 1),
        ("on", 1, True),
        ("on", 0, False),
        ("s", "open", "open"),
    ],
)
def test_values_take_the_kind_of_their_point(key: str, sent: Value, stored: Value) -> None:
    value = made(batch_payload(devices={"m1": {key: [sent]}})).rows[0].fields[key]
    assert value == stored
    assert type(value) is type(stored)


@pytest.mark.parametrize(("key", "sent"), [("u1", "high"), ("n", 5.5), ("n", "5"), ("n", 2**63), ("on", 2), ("s", 1)])
def test_a_value_that_would_lose_something_is_refused_alone(key: str, sent: Any) -> None:
    other = "on" if key != "on" else "u1"
    result = made(batch_payload(devices={"m1": {key: [sent], other: [1]}}))
    assert [dict(row.fields) for row in result.rows] == [{other: 1}]
    (refused,) = result.refused
    assert (refused.reason, refused.values) == ("kind", {key: (sent,)})


@pytest.mark.parametrize("key", ["time", "gw", "dev", "q_u1"])
def test_names_of_the_stores_own_columns_are_refused(key: str) -> None:
    result = made(batch_payload(devices={"m1": {key: ["x"], "u1": [1.0]}}))
    assert [dict(row.fields) for row in result.rows] == [{"u1": 1.0}]
    assert [refused.reason for refused in result.refused] == ["reserved_key"]


def test_points_that_no_meta_described_keep_the_kind_of_their_first_value() -> None:
    catalogue = Catalogue()
    catalogue.learn("gw-1", meta())
    first = rows_of(received(batch_payload(devices={"m1": {"new": [7]}})), catalogue).rows[0]
    then = rows_of(received(batch_payload(devices={"m1": {"new": [7.5]}})), catalogue).rows[0]
    assert (first.fields["new"], then.fields["new"]) == (7.0, 7.5)
    assert isinstance(first.fields["new"], float)
    assert ("meter", "new", "float") in catalogue.changes()[1]


def test_built_in_devices_belong_to_every_gateway() -> None:
    rows = made(batch_payload(devices={"control": {"lamps_due": [1]}, "agent": {"spool_rows": [3]}})).rows
    assert {(row.measurement, row.device) for row in rows} == {("control", "control"), ("agent", "agent")}


def test_what_a_gateway_gave_up_is_a_row_and_repeats_fall_on_it() -> None:
    gone = [{"what": "low", "first_ms": NOW_MS - 9000, "last_ms": NOW_MS - 5000, "batches": 4, "readings": 99}]
    first, repeat = (made(batch_payload(1234, gone=gone, sent=sent)).rows[-1] for sent in (NOW_MS, NOW_MS + 60_000))
    assert first == repeat
    assert first.measurement == "gone"
    assert first.fields["low_readings"] == 99
    assert first.time_ms == NOW_MS - 5000 + 234


def test_what_was_given_up_in_the_future_is_refused_like_a_reading() -> None:
    last_ms = NOW_MS + 10 * 365 * 86_400_000
    gone = [{"what": "low", "first_ms": NOW_MS, "last_ms": last_ms, "batches": 4, "readings": 99}]
    result = made(batch_payload(1, gone=gone))
    assert {row.measurement for row in result.rows} == {"meter"}
    (refused,) = result.refused
    assert (refused.reason, refused.times_ms) == ("future", (last_ms + 1,))
    assert refused.values["low_readings"] == (99,)


def test_the_first_kind_of_a_field_holds_for_its_measurement() -> None:
    catalogue = Catalogue()
    catalogue.learn("gw-1", meta({"m1": {"u1": "float"}}))
    learned = catalogue.learn("gw-2", meta({"m9": {"u1": "text"}}))
    assert learned.conflicts == ("meter.u1",)
    assert catalogue.kind("meter", "u1") == "float"


def test_a_catalogue_restored_from_its_changes_knows_the_same() -> None:
    catalogue, restored = Catalogue(), Catalogue()
    catalogue.learn("gw-1", meta())
    restored.restore(*catalogue.changes())
    assert restored.owns("gw-1", "m1")
    assert not restored.owns("gw-2", "m1")
    assert restored.measurement("gw-1", "m1") == "meter"
    assert restored.kind("meter", "on") == "bool"
    assert catalogue.changes() == ([], [])


def test_a_device_taken_out_of_the_meta_stays_known_and_the_number_is_bounded() -> None:
    catalogue = Catalogue()
    for block in range(MAX_DEVICES_PER_GATEWAY // 256):
        catalogue.learn("gw-1", meta({f"d-{block}-{n}": {"u1": "float"} for n in range(256)}))
    learned = catalogue.learn("gw-1", meta({"one-more": {"u1": "float"}}))
    assert learned.refused_devices == ("one-more",)
    assert catalogue.owns("gw-1", "d-0-0")
    assert catalogue.device_count("gw-1") == MAX_DEVICES_PER_GATEWAY


def test_the_fields_of_a_measurement_are_bounded() -> None:
    catalogue = Catalogue()
    catalogue.learn("gw-1", meta())
    for number in range(MAX_KEYS_PER_MEASUREMENT):
        catalogue.pin("meter", f"k{number}", 1.0)
    result = rows_of(received(batch_payload(devices={"m1": {"one-more": [1.0], "u1": [2.0]}})), catalogue)
    assert [dict(row.fields) for row in result.rows] == [{"u1": 2.0}]
    assert [refused.reason for refused in result.refused] == ["too_many_keys"]


def test_a_class_named_like_a_series_of_our_own_does_not_mix_with_it() -> None:
    catalogue = Catalogue()
    catalogue.learn("gw-1", meta({"m1": {"u1": "float"}}, device_class="ingest"))
    assert catalogue.measurement("gw-1", "m1") == "ingest_device"


def test_a_device_of_another_gateway_has_no_measurement() -> None:
    with pytest.raises(KeyError):
        Catalogue().measurement("gw-1", "m1")
