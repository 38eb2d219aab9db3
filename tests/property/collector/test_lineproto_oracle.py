"""Two encoders and a parser that others wrote judge ours."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from influxdb_client.client.write.point import Point
from influxdb_client.domain.write_precision import WritePrecision
from line_protocol_parser._line_protocol_parser import parse_line

from collector.core.lineproto import LineEncoder
from collector.core.rows import Row

# What may stand in a tag: no control characters, no backslash. The parser at hand reads bytes as UTF-8.
NAMES = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\\"), min_size=1, max_size=20
)
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"], exclude_characters="\x00"), max_size=40)
# The parser at hand refuses subnormal numbers; InfluxDB reads them.
VALUES = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False),
    st.integers(-(2**63), 2**63 - 1),
    st.booleans(),
    TEXTS,
)
PLAIN = st.from_regex(r"\A[a-z0-9][a-z0-9_-]{0,20}\Z")
PLAIN_VALUES = st.one_of(
    st.floats(-1e9, 1e9, allow_subnormal=False),
    st.integers(-(10**9), 10**9),
    st.booleans(),
    st.text('abc ,=äđ"', max_size=10),
)


@given(
    measurement=NAMES.filter(lambda name: name[0] not in "#_"),
    gateway=NAMES,
    device=NAMES,
    fields=st.dictionaries(NAMES, VALUES, min_size=1, max_size=5),
    time_ms=st.integers(0, 4_102_444_800_000),
)
def test_a_foreign_parser_reads_back_what_was_written(
    measurement: str, gateway: str, device: str, fields: dict[str, Any], time_ms: int
) -> None:
    row = Row(measurement=measurement, gateway=gateway, device=device, time_ms=time_ms, fields=fields)
    parsed = parse_line(LineEncoder().encode(row))
    assert parsed["measurement"] == measurement
    assert parsed["tags"] == {"dev": device, "gw": gateway}
    assert parsed["time"] == time_ms
    assert parsed["fields"] == fields
    assert {key: type(value) for key, value in parsed["fields"].items()} == {
        key: type(value) for key, value in fields.items()
    }


@given(
    gateway=PLAIN,
    device=PLAIN,
    fields=st.dictionaries(PLAIN, PLAIN_VALUES, min_size=1, max_size=5),
    time_ms=st.integers(1_577_836_800_000, 4_102_444_800_000),
)
def test_the_official_client_writes_the_same_meaning(
    gateway: str, device: str, fields: dict[str, Any], time_ms: int
) -> None:
    row = Row(measurement="meter", gateway=gateway, device=device, time_ms=time_ms, fields=fields)
    untyped: Any = Point
    point = untyped("meter").tag("gw", gateway).tag("dev", device).time(time_ms, WritePrecision.MS)
    for key, value in fields.items():
        point.field(key, value)
    # The official client drops the decimal point of whole floats and sorts fields: the meaning is compared.
    ours, theirs = parse_line(LineEncoder().encode(row)), parse_line(point.to_line_protocol())
    assert ours["fields"] == theirs["fields"]
    assert (ours["measurement"], ours["tags"], ours["time"]) == (theirs["measurement"], theirs["tags"], theirs["time"])
