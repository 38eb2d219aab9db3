"""Answers of InfluxDB 1.6.7, word by word, and what each means."""

from __future__ import annotations

import pytest

from collector.core.influx_answers import MAX_DETAIL, Verdict, judge

TYPE_CONFLICT = (
    'partial write: field type conflict: input field "v" on measurement "tc" is type integer, '
    "already exists as type float dropped=1"
)
ANSWERS = [
    (204, "", Verdict.STORED, "stored", None),
    (400, TYPE_CONFLICT, Verdict.SOME_LINES, "field_type_conflict", 1),
    (400, "partial write: unable to parse 'x': invalid field format dropped=0", Verdict.SOME_LINES, "unparsable", None),
    (400, "unable to parse 'x v=NaN': invalid number", Verdict.SOME_LINES, "unparsable", None),
    (
        400,
        "partial write: points beyond retention policy dropped=12",
        Verdict.SOME_LINES,
        "beyond_retention",
        12,
    ),
    (
        400,
        "partial write: max-values-per-tag limit exceeded (1000/1000): measurement=m tag=t value=v dropped=1",
        Verdict.SOME_LINES,
        "series_limit",
        1,
    ),
    (
        400,
        "partial write: max-series-per-database limit exceeded: (5000) dropped=6000",
        Verdict.SOME_LINES,
        "series_limit",
        6000,
    ),
    (400, '{"error":"database is required"}', Verdict.CONFIGURATION, "http_400", None),
    (401, '{"error":"authorization failed"}', Verdict.CONFIGURATION, "unauthorised", None),
    (403, "", Verdict.CONFIGURATION, "forbidden", None),
    (404, '{"error":"database not found: \\"nope\\""}', Verdict.CONFIGURATION, "database_not_found", None),
    (301, "", Verdict.CONFIGURATION, "http_301", None),
    (413, '{"error":"Request Entity Too Large"}', Verdict.TOO_LARGE, "too_large", None),
    (429, "", Verdict.WEATHER, "throttled", None),
    (500, '{"error":"retention policy not found: zz"}', Verdict.CONFIGURATION, "retention_policy_not_found", None),
    (
        500,
        '{"error":"engine: error writing WAL entry: write x: no space left on device"}',
        Verdict.WEATHER,
        "no_space_restart_influxd",
        None,
    ),
    (
        500,
        '{"error":"engine: cache-max-memory-size exceeded: (209180/200000)"}',
        Verdict.WEATHER,
        "cache_full",
        None,
    ),
    (500, "timeout", Verdict.WEATHER, "http_500", None),
    (503, "request throttled, queue full", Verdict.WEATHER, "throttled", None),
]


@pytest.mark.parametrize(("status", "body", "verdict", "reason", "dropped"), ANSWERS)
def test_each_answer_has_one_meaning(
    status: int, body: str, verdict: Verdict, reason: str, dropped: int | None
) -> None:
    answer = judge(status, body)
    assert (answer.verdict, answer.reason, answer.dropped) == (verdict, reason, dropped)


def test_no_answer_but_success_and_isolated_lines_ever_gives_data_up() -> None:
    for status in range(300, 600):
        assert judge(status, "words of a proxy that nobody has seen before").verdict in {
            Verdict.CONFIGURATION,
            Verdict.WEATHER,
            Verdict.TOO_LARGE,
        }


def test_what_a_server_says_is_bounded() -> None:
    assert len(judge(500, "x" * 100_000).detail) == MAX_DETAIL
