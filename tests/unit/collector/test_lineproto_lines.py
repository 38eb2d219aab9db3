from __future__ import annotations

import math
from typing import Any

import pytest

from collector.core.lineproto import LineEncoder, LineError
from collector.core.rows import Row
from tests.unit.collector.collector_parts import NOW_MS, row


def test_a_row_is_one_line_with_sorted_tags_and_milliseconds() -> None:
    line = LineEncoder().encode(row(u1=230.0, n=3, on=True, off=False, s='say "hi" \\', q_u1="stale"))
    assert line == (f'meter,dev=m1,gw=gw-1 u1=230.0,n=3i,on=true,off=false,s="say \\"hi\\" \\\\",q_u1="stale" {NOW_MS}')


def test_a_gateway_as_a_whole_has_no_device_tag() -> None:
    assert LineEncoder().encode(row(device="", rows=1)) == f"meter,gw=gw-1 rows=1i {NOW_MS}"


def test_the_second_use_of_a_series_gives_the_same_line() -> None:
    encoder = LineEncoder()
    assert encoder.encode(row(u1=1.0)) == encoder.encode(row(u1=1.0))


def test_separators_in_names_are_escaped() -> None:
    odd = Row(measurement="a b,c", gateway="g w", device="d=1,2", time_ms=1, fields={"k =,": 1.0})
    assert LineEncoder().encode(odd) == r"a\ b\,c,dev=d\=1\,2,gw=g\ w k\ \=\,=1.0 1"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 2**63, -(2**63) - 1, None, b"x"])
def test_values_that_no_line_can_carry_are_refused(value: Any) -> None:
    with pytest.raises(LineError):
        LineEncoder().encode(row(u1=value))


@pytest.mark.parametrize("name", ["", "a\nb", "a\\", "a\\,b", "a\x00", "a\r", "a\tb"])
@pytest.mark.parametrize("part", ["measurement", "gateway", "device", "field"])
def test_names_that_could_forge_a_line_are_refused(name: str, part: str) -> None:
    if part == "device" and not name:
        return  # means the gateway as a whole
    parts: dict[str, Any] = {"measurement": "m", "gateway": "g", "device": "d", "field": "f", part: name}
    fields = {parts.pop("field"): 1.0}
    with pytest.raises(LineError):
        LineEncoder().encode(Row(**parts, time_ms=1, fields=fields))


@pytest.mark.parametrize("measurement", ["#comment", "_internal"])
def test_measurements_that_the_server_reads_otherwise_are_refused(measurement: str) -> None:
    with pytest.raises(LineError, match="measurement"):
        LineEncoder().encode(Row(measurement=measurement, gateway="g", device="d", time_ms=1, fields={"f": 1.0}))


def test_a_row_without_fields_or_with_an_impossible_time_is_refused() -> None:
    with pytest.raises(LineError, match="field"):
        LineEncoder().encode(Row(measurement="m", gateway="g", device="d", time_ms=1, fields={}))
    with pytest.raises(LineError, match="time"):
        LineEncoder().encode(Row(measurement="m", gateway="g", device="d", time_ms=2**60, fields={"f": 1.0}))
