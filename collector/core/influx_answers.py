"""What an answer of InfluxDB 1.x to a write means for the lines in it, and what to do next.

Source: answers of InfluxDB 1.6.7 to each fault, recorded word by word; bodies are not always JSON.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final

MAX_DETAIL: Final = 300


class Verdict(Enum):
    """What the writer does next."""

    STORED = "stored"
    SOME_LINES = "some_lines"
    """Some of the lines are not stored and never will be: find them."""
    TOO_LARGE = "too_large"
    CONFIGURATION = "configuration"
    """Somebody has to mend the set-up: hold and raise an alarm."""
    WEATHER = "weather"
    """It will pass: hold and back off."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, judged.

    Attributes:
        reason: A fixed word for metrics and the dead-letter file.
        dropped: How many lines the server says it dropped for one shard; None if it does not say.
        detail: Its own words, bounded.
    """

    verdict: Verdict
    reason: str
    detail: str
    dropped: int | None = None


_LINE_REASONS: Final = (
    ("field type conflict", "field_type_conflict"),
    ("points beyond retention policy", "beyond_retention"),
    ("max-series-per-database limit exceeded", "series_limit"),
    ("max-values-per-tag limit exceeded", "series_limit"),
    ("unable to parse", "unparsable"),
    ("partial write", "partial_write"),
)
_WEATHER_REASONS: Final = (
    ("no space left on device", "no_space_restart_influxd"),
    ("cache-max-memory-size exceeded", "cache_full"),
)
_BY_STATUS: Final = {
    401: (Verdict.CONFIGURATION, "unauthorised"),
    403: (Verdict.CONFIGURATION, "forbidden"),
    404: (Verdict.CONFIGURATION, "database_not_found"),
    408: (Verdict.WEATHER, "throttled"),
    413: (Verdict.TOO_LARGE, "too_large"),
    429: (Verdict.WEATHER, "throttled"),
}
"""Every other status below 500 is configuration: a proxy, a redirect, another service on that port."""
_UNRELIABLE_COUNTS: Final = frozenset({"unparsable", "partial_write"})
"""1.6.7 answers `dropped=0` for lines that it could not parse."""


def judge(status: int, body: str) -> Answer:
    """Return what a write's status and body mean."""
    detail = " ".join(body.split())[:MAX_DETAIL]
    if status in {200, 204}:
        return Answer(Verdict.STORED, "stored", detail)
    if status == 400:
        return _judge_bad_request(body, detail)
    if status >= 500:
        return _judge_server_error(status, body, detail)
    verdict, reason = _BY_STATUS.get(status, (Verdict.CONFIGURATION, f"http_{status}"))
    return Answer(verdict, reason, detail)


def _judge_server_error(status: int, body: str, detail: str) -> Answer:
    if "retention policy not found" in body:
        return Answer(Verdict.CONFIGURATION, "retention_policy_not_found", detail)
    for words, reason in _WEATHER_REASONS:
        if words in body:
            return Answer(Verdict.WEATHER, reason, detail)
    return Answer(Verdict.WEATHER, "throttled" if status == 503 else f"http_{status}", detail)


def _judge_bad_request(body: str, detail: str) -> Answer:
    for words, reason in _LINE_REASONS:
        if words in body:
            told = re.search(r"dropped=(\d+)", body)
            dropped = int(told[1]) if told and reason not in _UNRELIABLE_COUNTS else None
            return Answer(Verdict.SOME_LINES, reason, detail, dropped)
    # "database is required" and whatever a proxy may say: no line is to blame.
    return Answer(Verdict.CONFIGURATION, "http_400", detail)
