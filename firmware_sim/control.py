"""The control socket: JSON lines in, JSON lines out, in the words of the scenario files."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, cast

from pydantic import TypeAdapter, ValidationError

from firmware_sim.actions import Action
from firmware_sim.opening import is_served
from firmware_sim.steps import ActionError

MAX_LINE_BYTES: Final = 65536

Apply = Callable[[Action], None]
Status = Callable[[], dict[str, Any]]

_ACTION: Final[TypeAdapter[Action]] = TypeAdapter(Action)


class ControlSocket:
    """Serves `{"do": ...}` lines on a Unix socket; answers `{"ok": true, ...}` or `{"ok": false, "error"}`."""

    def __init__(self, path: Path, apply: Apply, status: Status) -> None:
        self.path = path
        self._apply = apply
        self._status = status
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen; a socket that a dead process left behind is taken over.

        Raises:
            OSError: A running process has it, or the path cannot be made.
        """
        if self.path.is_socket():
            if is_served(self.path):
                raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
            self.path.unlink()
        self._server = await asyncio.start_unix_server(self._serve, str(self.path), limit=MAX_LINE_BYTES)
        self.path.chmod(0o600)

    async def stop(self) -> None:
        """Stop listening and remove the socket."""
        if self._server is None:
            return
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None
        self.path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = cast("asyncio.Task[None]", asyncio.current_task())
        self._tasks.add(task)
        # CancelledError ends here: the stop of the socket is the task's only canceller.
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            await self._talk(reader, writer)
        self._tasks.discard(task)
        writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                line = await reader.readline()
            except ValueError:
                writer.write(_line({"ok": False, "error": f"a line is longer than {MAX_LINE_BYTES} bytes"}))
                return
            if not line:
                return
            if line.strip():
                writer.write(_line(self.handle(line)))
                await writer.drain()

    def handle(self, line: bytes) -> dict[str, Any]:
        """Carry out one command and return its answer; whatever the line holds, nothing is raised."""
        try:
            command = json.loads(line)
        except (ValueError, RecursionError) as error:
            return {"ok": False, "error": f"not JSON: {error}"}
        if isinstance(command, dict) and command.get("do") == "status":
            return {"ok": True, **self._status()}
        try:
            self._apply(_ACTION.validate_python(command))
        except ValidationError as error:
            return {"ok": False, "error": "; ".join(_finding(item) for item in error.errors(include_url=False))}
        except ActionError as error:
            return {"ok": False, "error": str(error)}
        return {"ok": True}


def _finding(item: Any) -> str:
    where = ".".join(str(part) for part in item["loc"])
    return f"{where}: {item['msg']}" if where else str(item["msg"])


def _line(answer: dict[str, Any]) -> bytes:
    return json.dumps(answer).encode() + b"\n"
