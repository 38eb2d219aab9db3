"""The control socket: how `edge-agent status` and `read` ask the agent that owns the lines.

One JSON line each way: `{"op":"status"}` or `{"op":"read","device":…,"points":[…]}`. Blanks before the answer say that
it is on its way.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, Final

import structlog

MAX_REQUEST_BYTES: Final = 4096
MAX_REPLY_BYTES: Final = 4 * 1024 * 1024
MAX_CLIENTS: Final = 8
REQUEST_TIMEOUT_S: Final = 5.0
STILL_HERE_S: Final = 5.0
"""How often a blank tells a client that its answer is still being worked on: a slow sensor measures for minutes."""
LONGEST_PATH_BYTES: Final = 107
"""struct sockaddr_un holds 108 bytes, the last of them 0: unix(7)."""

Reply = dict[str, Any]
Answer = Callable[[dict[str, Any]], Awaitable[Reply]]
_log = structlog.get_logger("control")


class ControlError(Exception):
    """The control socket cannot be used; the message says why and what to do."""


class AgentRunningError(ControlError):
    """Another agent answers there."""


def socket_path(runtime_dir: Path) -> Path:
    """Return the control socket of an agent's runtime folder.

    Raises:
        ControlError: The path is too long for a Unix socket.
    """
    path = runtime_dir / "control.sock"
    length = len(os.fsencode(path))
    if length > LONGEST_PATH_BYTES:
        raise ControlError(
            f"runtime_dir: '{path}' has {length} bytes, and a Unix socket's path at most {LONGEST_PATH_BYTES}:"
            " choose a shorter runtime_dir"
        )
    return path


class ControlServer:
    """Answers on the control socket until closed; only its own user may ask."""

    def __init__(self, path: Path, answer: Answer) -> None:
        self._path = path
        self._answer = answer
        self._server: asyncio.Server | None = None
        self._clients = 0

    async def open(self) -> None:
        """Listen.

        Raises:
            AgentRunningError: Another agent listens there.
            ControlError: The folder cannot be used.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            if self._path.exists():
                if _somebody_listens(self._path):
                    raise AgentRunningError(f"another agent runs with runtime_dir '{self._path.parent}'")
                self._path.unlink()
            listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
            # Before listen nobody can connect, so the mode is in force from the first client on.
            listener.bind(str(self._path))
            self._path.chmod(0o600)
            self._server = await asyncio.start_unix_server(self._serve, sock=listener, limit=MAX_REQUEST_BYTES)
        except OSError as error:
            raise ControlError(f"cannot listen on '{self._path}': {error.strerror}") from error

    async def close(self) -> None:
        """Stop listening and remove the socket."""
        if self._server is not None:
            self._server.close()
            self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients += 1
        try:
            reply = {"error": "too many clients"}
            if self._clients <= MAX_CLIENTS:
                reply = await _while_connected(self._reply(reader), writer)
            writer.write(json.dumps(reply, ensure_ascii=False).encode() + b"\n")
            await asyncio.wait_for(writer.drain(), REQUEST_TIMEOUT_S)
        except (OSError, TimeoutError) as error:
            _log.info("control client gone", error=repr(error))
        finally:
            self._clients -= 1
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _reply(self, reader: asyncio.StreamReader) -> Reply:
        try:
            line = await asyncio.wait_for(reader.readuntil(b"\n"), REQUEST_TIMEOUT_S)
            request = json.loads(line)
        except asyncio.LimitOverrunError:
            return {"error": f"a request has at most {MAX_REQUEST_BYTES} bytes"}
        except (asyncio.IncompleteReadError, TimeoutError):
            return {"error": "a request is one line of JSON"}
        except (ValueError, RecursionError) as error:
            return {"error": f"not JSON: {error}"}
        if not isinstance(request, dict):
            return {"error": "a request is an object"}
        return await self._answer(request)


async def _while_connected(work: Coroutine[Any, Any, Reply], writer: asyncio.StreamWriter) -> Reply:
    """Return what some work gives, with blanks to the client meanwhile.

    Raises:
        OSError: The client has gone; the work is given up.
    """
    task = asyncio.ensure_future(work)
    try:
        while not (await asyncio.wait({task}, timeout=STILL_HERE_S))[0]:
            writer.write(b" ")
            await asyncio.wait_for(writer.drain(), REQUEST_TIMEOUT_S)
        return task.result()
    finally:
        task.cancel()


def _somebody_listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        except OSError:
            return True
        return True


def ask(
    path: Path, request: dict[str, Any], timeout_s: float, waiting: Callable[[], None] | None = None
) -> Reply | None:
    """Ask the running agent; None if none runs.

    Args:
        path: Its socket.
        request: What is asked.
        timeout_s: How long it may be silent; while it works on the answer it is not.
        waiting: Called once if the answer takes longer than STILL_HERE_S.

    Raises:
        ControlError: It runs but may not be asked, or does not answer.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as client:
        client.settimeout(timeout_s)
        try:
            client.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            return None
        except PermissionError as error:
            raise ControlError(f"'{path}': only the agent's own user may ask; try sudo -u lamplighter-agent") from error
        except OSError as error:
            raise ControlError(f"'{path}': {error.strerror or error}") from error
        try:
            client.sendall(json.dumps(request).encode() + b"\n")
            return _received(client, waiting)
        except (OSError, ValueError) as error:
            raise ControlError(f"the running agent does not answer: {error}") from error


def _received(client: socket.socket, waiting: Callable[[], None] | None) -> Reply:
    received = bytearray()
    while not received.endswith(b"\n"):
        part = client.recv(65_536)
        if not part:
            raise ValueError("it closed the connection")
        received += part
        if waiting is not None and received.isspace() and part != b"\n":
            waiting()
            waiting = None
        if len(received) > MAX_REPLY_BYTES:
            raise ValueError("its reply has no end")
    reply = json.loads(received)
    if not isinstance(reply, dict):
        raise TypeError("its reply is no object")
    return reply
