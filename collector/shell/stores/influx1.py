"""InfluxDB 1.x by its own writer over /write: nothing is dropped that is not isolated first."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import http.client
import json
import re
import ssl
from collections.abc import Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from collector.core.catalogue import QUALITY_PREFIX
from collector.core.influx_answers import Answer, Verdict, judge
from collector.core.lineproto import LineEncoder, LineError
from collector.core.rows import Row
from collector.shell.stores.base import (
    RejectedRow,
    Sample,
    SeriesName,
    StoreRefusedError,
    StoreUnavailableError,
    Written,
)
from config.collector import InfluxStore
from contract.topics import check_name

DAY_MS: Final = 86_400_000
MAX_BODY_BYTES: Final = 4 * 1024 * 1024
"""Of one request; the server's own bound is 25 MB unless it was set lower."""
_LATEST_MS: Final = 9_223_372_036_854
"""The server counts in 64 bits of nanoseconds."""
_MAX_ERROR_BYTES: Final = 64 * 1024
_MAX_ANSWER_BYTES: Final = 64 * 1024 * 1024
_CONFLICT = re.compile(r'input field \\?"([^"\\]+)\\?" on measurement')
_SERIES = re.compile(r"(?P<measurement>(?:[^,\\]|\\.)+)(?:,dev=(?P<dev>[a-z0-9_-]+))?,gw=(?P<gw>[a-z0-9_-]+)")
"""A series of ours; others may write to the same database."""
_NOT_AUTHORISED: Final = frozenset({"unauthorised", "forbidden"})
_Line = tuple[str, Row]


class Influx1Store:
    """See `Store`. One keep-alive connection; every request ends within the configured time-out."""

    def __init__(self, config: InfluxStore) -> None:
        """Prepare; nothing connects before the first call.

        Raises:
            StoreRefusedError: The password file cannot be read.
        """
        self._config = config
        self._address = urlsplit(config.url)
        self._connection: http.client.HTTPConnection | None = None
        self._encoder = LineEncoder()
        self._authorisation = _authorisation(config.username, config.password_file)
        parameters = {"db": config.database, "precision": "ms"}
        if config.retention_policy:
            parameters["rp"] = config.retention_policy
        self._write_target = f"{self._address.path}/write?{urlencode(parameters)}"
        self._query_target = f"{self._address.path}/query"
        self._prefix = f'"{_quoted(config.retention_policy)}".' if config.retention_policy else ""

    def write(self, rows: Sequence[Row]) -> Written:
        """See `Store.write`: by day, so that one request opens one shard, and in requests of bounded size."""
        rejected: list[RejectedRow] = []
        lines_by_day: dict[int, list[_Line]] = {}
        # Rising times: what lies beyond the retention stands together and is found in few halvings.
        for row in sorted(rows, key=attrgetter("time_ms")):
            try:
                line = self._encoder.encode(row)
            except LineError as error:
                rejected.append(RejectedRow(row, "unwritable", str(error)))
            else:
                lines_by_day.setdefault(row.time_ms // DAY_MS, []).append((line, row))
        for lines in lines_by_day.values():
            for part in _requests(lines, self._config.batch_rows):
                self._write_lines(part, rejected)
        return Written(len(rows) - sum(not one.fields for one in rejected), tuple(rejected))

    def series(self, gateway: str | None = None, device: str | None = None) -> list[SeriesName]:
        """See `Store.series`; a field counts for every series of its measurement."""
        conditions = [f"{tag} = '{_checked(name)}'" for tag, name in (("gw", gateway), ("dev", device)) if name]
        keys = self._field_keys()
        names: set[SeriesName] = set()
        for series in self._query("SHOW SERIES" + (" WHERE " + " AND ".join(conditions) if conditions else "")):
            for (written,) in series.get("values", []):
                found = _SERIES.fullmatch(written)
                if found is not None and (device is None or (found["dev"] or "") == device):
                    measurement = found["measurement"].replace("\\", "")
                    names.update(
                        SeriesName(found["gw"], found["dev"] or "", key) for key in keys.get(measurement, set())
                    )
        return sorted(names)

    def latest(self, gateway: str, device: str) -> dict[str, Sample]:
        """See `Store.latest`."""
        newest: dict[str, Sample] = {}
        for name in self.series(gateway, device):
            key = name.key
            found = self._select(key, gateway, device, "", 1)
            if found:
                newest[key] = found[-1]
        return newest

    def range(self, gateway: str, device: str, key: str, from_ms: int, to_ms: int, limit: int) -> list[Sample]:
        """See `Store.range`."""
        first_ms, end_ms = (min(max(int(time_ms), 0), _LATEST_MS) for time_ms in (from_ms, to_ms))
        return self._select(key, gateway, device, f" AND time >= {first_ms}ms AND time < {end_ms}ms", limit)

    def close(self) -> None:
        """See `Store.close`."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _write_lines(self, lines: Sequence[_Line], rejected: list[RejectedRow]) -> None:
        """Write, halving until whatever is refused stands alone; rewriting what was taken does no harm."""
        waiting = [list(lines)]
        taken_out: dict[int, set[str]] = {}
        while waiting:
            part = waiting.pop()
            if not part:
                continue
            answer = self._post("\n".join(line for line, _ in part).encode())
            if answer.verdict is Verdict.STORED:
                continue
            if answer.verdict is Verdict.CONFIGURATION:
                raise self._refused(answer)
            if answer.verdict is Verdict.WEATHER:
                raise StoreUnavailableError(answer.reason, self._told(answer))
            if len(part) == 1 or (answer.dropped is not None and answer.dropped >= len(part)):
                field = _conflicting_field(answer)
                if any(field in row.fields and field not in taken_out.get(id(row), ()) for _, row in part):
                    waiting.append(self._without(field, part, answer, taken_out, rejected))
                else:
                    rejected.extend(RejectedRow(row, answer.reason, answer.detail) for _, row in part)
                continue
            middle = len(part) // 2
            waiting += [part[middle:], part[:middle]]

    def _without(
        self,
        field: str,
        part: Sequence[_Line],
        answer: Answer,
        taken_out: dict[int, set[str]],
        rejected: list[RejectedRow],
    ) -> list[_Line]:
        """Take a field out of lines: a type that only one point has wrong must not cost a device all others."""
        rest: list[_Line] = []
        for line, row in part:
            out = taken_out.setdefault(id(row), set())
            left = {key: value for key, value in row.fields.items() if key not in out and key != field}
            if field not in row.fields or field in out:
                rest.append((line, row))
            elif left:
                out.add(field)
                rejected.append(RejectedRow(row, answer.reason, answer.detail, (field,)))
                rest.append((self._encoder.encode(dataclasses.replace(row, fields=left)), row))
            else:
                rejected.append(RejectedRow(row, answer.reason, answer.detail))
        return rest

    def _refused(self, answer: Answer) -> StoreRefusedError:
        if answer.reason in _NOT_AUTHORISED:
            # Somebody mends it by writing the file anew: the next attempt goes with what stands there now.
            self._authorisation = _authorisation(self._config.username, self._config.password_file)
        return StoreRefusedError(answer.reason, self._told(answer))

    def _told(self, answer: Answer) -> str:
        return f"{self._config.url} database '{self._config.database}': {answer.reason}: {answer.detail}"

    def _post(self, body: bytes) -> Answer:
        try:
            status, answer = self._request(self._write_target, body, "text/plain; charset=utf-8", _MAX_ERROR_BYTES)
        except BrokenPipeError as error:
            # A server that refuses a large body may close before we have read why.
            if len(body) > _MAX_ERROR_BYTES and self._answers_ping():
                return judge(413, "the connection was closed while the body was sent")
            raise StoreUnavailableError("unreachable", f"{self._config.url}: {error}") from error
        return judge(status, answer.decode("utf-8", "replace"))

    def _answers_ping(self) -> bool:
        with contextlib.suppress(StoreUnavailableError, OSError):
            return self._request(f"{self._address.path}/ping", None, "", _MAX_ERROR_BYTES)[0] == http.client.NO_CONTENT
        return False

    def _request(self, target: str, body: bytes | None, content_type: str, max_bytes: int) -> tuple[int, bytes]:
        """Send one request; once more on a new connection if a kept one had been closed meanwhile.

        Raises:
            StoreUnavailableError: No answer in time, or none at all.
            BrokenPipeError: A new connection was closed while the body was sent, without an answer.
        """
        headers = {"Content-Type": content_type} if content_type else {}
        if self._authorisation:
            headers["Authorization"] = self._authorisation
        while True:
            kept = self._connection is not None
            try:
                return self._exchange("POST" if body is not None else "GET", target, body, headers, max_bytes)
            except TimeoutError as error:
                self.close()
                raise StoreUnavailableError("timeout", f"{self._config.url}: no answer in time") from error
            except (OSError, http.client.HTTPException) as error:
                self.close()
                if kept:
                    continue
                if isinstance(error, BrokenPipeError | ConnectionResetError):
                    raise BrokenPipeError(*error.args) from error
                raise StoreUnavailableError("unreachable", f"{self._config.url}: {error!r}") from error

    def _exchange(
        self, method: str, target: str, body: bytes | None, headers: dict[str, str], max_bytes: int
    ) -> tuple[int, bytes]:
        connection = self._connection = self._connection or self._connect()
        try:
            connection.request(method, target, body=body, headers=headers)
        except (BrokenPipeError, ConnectionResetError):
            # The answer may have come before the body was through.
            if connection.sock is None:
                raise
            response = http.client.HTTPResponse(connection.sock, method=method)
            response.begin()
        else:
            response = connection.getresponse()
        data = response.read(max_bytes + 1)
        status = response.status
        if len(data) > max_bytes or response.will_close or not response.isclosed():
            self.close()
        if len(data) > max_bytes and max_bytes == _MAX_ANSWER_BYTES:
            raise StoreUnavailableError("answer_too_large", f"an answer of more than {max_bytes} bytes: ask for less")
        return status, data[:max_bytes]

    def _connect(self) -> http.client.HTTPConnection:
        host, timeout_s = self._address.hostname or "", self._config.timeout_s
        if self._address.scheme == "https":
            return http.client.HTTPSConnection(
                host,
                self._address.port,
                timeout=timeout_s,
                context=ssl.create_default_context(cafile=self._config.ca_file),
            )
        return http.client.HTTPConnection(host, self._address.port, timeout=timeout_s)

    def _field_keys(self) -> dict[str, set[str]]:
        """Return the points of each measurement, also of those that were never GOOD."""
        keys: dict[str, set[str]] = {}
        for series in self._query("SHOW FIELD KEYS"):
            names = {str(value[0]).removeprefix(QUALITY_PREFIX) for value in series.get("values", [])}
            keys.setdefault(str(series["name"]), set()).update(names)
        return keys

    def _select(self, key: str, gateway: str, device: str, times: str, limit: int) -> list[Sample]:
        field = _quoted(_checked(key))
        series = self._query(
            f'SELECT "{field}" AS value, "{QUALITY_PREFIX}{field}" AS cause FROM {self._prefix}/.*/ '  # noqa: S608 - names are checked against NAME_PATTERN, values are bound
            f"WHERE gw = $gateway AND dev = $device{times} ORDER BY time DESC LIMIT {int(limit)}",
            {"gateway": gateway, "device": device},
        )
        samples = [
            Sample(int(ts), value, str(cause or ""))
            for found in series
            for ts, value, cause in found.get("values", [])
            if value is not None or cause is not None
        ]
        return sorted(samples, key=lambda sample: sample.time_ms)[-limit:]

    def _query(self, statement: str, bound: dict[str, str] | None = None) -> list[dict[str, Any]]:
        form = urlencode(
            {"db": self._config.database, "q": statement, "epoch": "ms", "params": json.dumps(bound or {})}
        )
        try:
            status, body = self._request(
                self._query_target, form.encode(), "application/x-www-form-urlencoded", _MAX_ANSWER_BYTES
            )
        except BrokenPipeError as error:
            raise StoreUnavailableError("unreachable", f"{self._config.url}: {error}") from error
        text = body.decode("utf-8", "replace")
        if status != http.client.OK:
            answer = judge(status, text)
            error_type = StoreUnavailableError if answer.verdict is Verdict.WEATHER else StoreRefusedError
            raise error_type(answer.reason, self._told(answer))
        try:
            results = json.loads(text)["results"]
        except (ValueError, KeyError, TypeError) as error:
            raise StoreRefusedError("not_influxdb", f"{self._config.url} answers no query result") from error
        for result in results:
            if "error" in result:
                raise StoreRefusedError("query", str(result["error"])[:300])
        return [series for result in results for series in result.get("series", [])]


def _authorisation(username: str | None, password_file: Path | None) -> str | None:
    if username is None:
        return None
    password = ""
    if password_file is not None:
        try:
            password = password_file.read_text("utf-8").splitlines()[0].strip()
        except (OSError, UnicodeDecodeError, IndexError) as error:
            raise StoreRefusedError("password_file", f"{password_file}: {error}") from error
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


def _conflicting_field(answer: Answer) -> str:
    """Return the field that the server says is of another type; empty if that is not what it says."""
    named = _CONFLICT.search(answer.detail) if answer.reason == "field_type_conflict" else None
    return named[1] if named else ""


def _requests(lines: Sequence[_Line], most_lines: int) -> list[list[_Line]]:
    """Cut lines into requests bounded in lines and bytes."""
    parts: list[list[_Line]] = []
    size = MAX_BODY_BYTES
    for line in lines:
        length = 4 * len(line[0]) if not line[0].isascii() else len(line[0]) + 1
        if size + length > MAX_BODY_BYTES or len(parts[-1]) >= most_lines:
            parts.append([])
            size = 0
        parts[-1].append(line)
        size += length
    return parts


def _quoted(name: str) -> str:
    return name.replace("\\", "\\\\").replace('"', '\\"')


def _checked(name: str) -> str:
    """Return a name that needs no escaping, for the places of InfluxQL where nothing can be bound."""
    return check_name(name, "name")
