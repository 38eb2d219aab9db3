"""The InfluxDB 1.x server, as Debian ships it."""

from __future__ import annotations

import http.client
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from tests.servers.process import ServerProcess
from tests.servers.provision import INFLUXD
from tests.servers.waiting import free_port

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class InfluxRefusedError(RuntimeError):
    """The database refused a query or a write; the message is its own."""


class Influx(ServerProcess):
    """A database on 127.0.0.1: no statistics, no telemetry, no request log."""

    program = INFLUXD

    def __init__(
        self, folder: Path, *, http: Mapping[str, str] | None = None, data: Mapping[str, str] | None = None
    ) -> None:
        """Prepare a database.

        Args:
            folder: Its own folder: configuration, `server.log`, meta, data, write-ahead log.
            http: Options added to `[http]`, values in TOML: `{"max-body-size": "1000"}`.
            data: Options added to `[data]`, values in TOML: `{"max-series-per-database": "10"}`.
        """
        super().__init__(folder)
        self.port = 0
        self.rpc_port = 0
        self._http = dict(http or {})
        self._data = dict(data or {})

    @property
    def url(self) -> str:
        """Base address of the HTTP interface."""
        return f"http://127.0.0.1:{self.port}"

    def create_database(self, name: str) -> None:
        """Create a database; harmless when it exists."""
        self.query(f'CREATE DATABASE "{name}"')

    def query(self, q: str, *, database: str = "", timeout_s: float = 30.0) -> dict[str, Any]:
        """Run InfluxQL and give the answer as decoded JSON, times in ms.

        Raises:
            InfluxRefusedError: The answer or one of its results is an error.
            OSError: The server is not reachable within timeout_s.
        """
        form = urlencode({"q": q, "db": database, "epoch": "ms"})
        status, body = self._request("POST", "/query", form.encode(), timeout_s, form=True)
        answer: dict[str, Any] = json.loads(body)
        errors = [part["error"] for part in [answer, *answer.get("results", [])] if "error" in part]
        if errors or status != http.client.OK:
            raise InfluxRefusedError(f"{q}: {status} {'; '.join(errors)}")
        return answer

    def rows(self, q: str, *, database: str) -> list[dict[str, Any]]:
        """Run InfluxQL and give one dict a row: columns (time in ms), and tags of a GROUP BY."""
        results = self.query(q, database=database)["results"]
        return [
            {**series.get("tags", {}), **dict(zip(series["columns"], values, strict=True))}
            for result in results
            for series in result.get("series", [])
            for values in series.get("values", [])
        ]

    def write(self, lines: str, *, database: str, precision: str = "ms", timeout_s: float = 30.0) -> None:
        """Write line protocol.

        Raises:
            InfluxRefusedError: Any status but 204.
        """
        target = "/write?" + urlencode({"db": database, "precision": precision})
        status, body = self._request("POST", target, lines.encode(), timeout_s)
        if status != http.client.NO_CONTENT:
            raise InfluxRefusedError(f"write: {status} {body.decode(errors='replace')}")

    def _request(
        self, method: str, target: str, body: bytes | None, timeout_s: float, *, form: bool = False
    ) -> tuple[int, bytes]:
        headers = {"Content-Type": "application/x-www-form-urlencoded"} if form else {}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout_s)
        try:
            connection.request(method, target, body=body, headers=headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def _choose_ports(self) -> None:
        self.port = free_port()
        self.rpc_port = free_port()

    def _arguments(self) -> list[str]:
        sections: dict[str, dict[str, str]] = {
            "meta": {"dir": _quoted(self.folder / "meta")},
            "data": {
                "dir": _quoted(self.folder / "data"),
                "wal-dir": _quoted(self.folder / "wal"),
                "query-log-enabled": "false",
                **self._data,
            },
            "http": {
                "bind-address": f'"127.0.0.1:{self.port}"',
                "log-enabled": "false",
                **self._http,
            },
            "monitor": {"store-enabled": "false"},
        }
        lines = ["reporting-disabled = true", f'bind-address = "127.0.0.1:{self.rpc_port}"']
        for section, options in sections.items():
            lines += ["", f"[{section}]", *(f"{key} = {value}" for key, value in options.items())]
        path = self.folder / "influxdb.conf"
        path.write_text("\n".join([*lines, ""]), "utf-8")
        return ["-config", str(path)]

    def _is_ready(self) -> bool:
        try:
            status, _ = self._request("GET", "/ping", None, 1.0)
        except (OSError, http.client.HTTPException):
            return False
        return status == http.client.NO_CONTENT


def _quoted(path: Path) -> str:
    return json.dumps(str(path))
