"""The Unix socket by which the command line reaches the running collector: one JSON object a line, both ways.

Who asks is what the kernel says of the other end (SO_PEERCRED), never what the request says.
"""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import socket
import struct
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import orjson
import structlog

MAX_REQUEST_BYTES: Final = 1024 * 1024
MAX_CONNECTIONS: Final = 32
IDLE_S: Final = 30.0
"""A connection that says nothing for so long is closed; a watching command line asks every few hundred ms."""
_PEER: Final = struct.Struct("3i")
_log = structlog.get_logger("collector.control")

Answer = Callable[[dict[str, Any], str], dict[str, Any]]


class ControlSocket:
    """Listens, and gives each request with the account of who asks to `answer`."""

    def __init__(self, path: Path, *, group: str | None, answer: Answer) -> None:
        """Bind the socket, so that a wrong path or group ends the start and not a night.

        Args:
            path: A socket that an earlier run left behind is replaced; the state_dir's lock keeps two runs apart.
            group: Of the operating system, may use it; only our own account and root if None.
            answer: Called from several threads.

        Raises:
            OSError: The path cannot be used.
            KeyError: There is no such group.
        """
        self._path = path
        self._answer = answer
        self._slots = threading.BoundedSemaphore(MAX_CONNECTIONS)
        self._stopping = threading.Event()
        with contextlib.suppress(FileNotFoundError):
            if path.is_socket():
                path.unlink()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            # Narrow from its first moment: a mode that is set afterwards leaves a gap.
            before = os.umask(0o177)
            try:
                self._listener.bind(str(path))
            finally:
                os.umask(before)
            if group is not None:
                wanted = grp.getgrnam(group).gr_gid
                # In a folder with the set-group-id bit it has its group already, and no right to change it is needed.
                if path.stat().st_gid != wanted:
                    os.chown(path, -1, wanted)
                path.chmod(0o660)
            self._listener.listen(MAX_CONNECTIONS)
            self._listener.settimeout(0.5)
        except BaseException:
            self._listener.close()
            raise
        self._thread = threading.Thread(target=self._accept, name="control", daemon=True)

    @property
    def is_alive(self) -> bool:
        """True while its thread runs."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def stop(self) -> None:
        """Refuse new connections; those that wait for an answer get theirs or are cut."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(5.0)
        self._listener.close()
        with contextlib.suppress(OSError):
            self._path.unlink()

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                continue
            except OSError as error:
                if not self._stopping.is_set():
                    _log.error("control socket failed", error=str(error))
                    self._stopping.wait(1.0)
                continue
            if not self._slots.acquire(blocking=False):
                with connection, contextlib.suppress(OSError):
                    connection.settimeout(1.0)
                    connection.sendall(b'{"error":"busy"}\n')
                continue
            try:
                threading.Thread(target=self._serve, args=(connection,), name="control-peer", daemon=True).start()
            except RuntimeError as error:
                # No thread is to be had now: this peer is sent away, and the next one may have more luck.
                _log.error("control peer not served", error=str(error))
                self._slots.release()
                connection.close()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection:
                connection.settimeout(IDLE_S)
                account = _account_of(connection)
                waiting = b""
                while not self._stopping.is_set():
                    line, found, waiting = waiting.partition(b"\n")
                    if found:
                        connection.sendall(orjson.dumps(self._answered(line, account)) + b"\n")
                        continue
                    if len(line) > MAX_REQUEST_BYTES:
                        connection.sendall(b'{"error":"too_long"}\n')
                        return
                    more = connection.recv(65_536)
                    if not more:
                        return
                    waiting = line + more
        except (OSError, TimeoutError):
            return
        finally:
            self._slots.release()

    def _answered(self, line: bytes, account: str) -> dict[str, Any]:
        try:
            body = orjson.loads(line)
        except orjson.JSONDecodeError:
            body = None
        if not isinstance(body, dict):
            return {"error": "bad_request", "where": "", "why": "not a JSON object"}
        return self._answer(body, account)


def _account_of(connection: socket.socket) -> str:
    """Return the account of the other end; `uid-…` where the system has no name for it."""
    _, uid, _ = _PEER.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid-{uid}"


class ControlError(Exception):
    """The collector cannot be reached by its socket."""


class ControlClient:
    """The command line's end. A collector that restarts meanwhile is reached again by the next request."""

    def __init__(self, path: Path, timeout_s: float = 25.0) -> None:
        self._path = path
        self._timeout_s = timeout_s
        self._connection: socket.socket | None = None
        self._waiting = b""

    def ask(self, do: str, **facts: Any) -> dict[str, Any]:
        """Send one request and return its answer.

        Raises:
            ControlError: There is nobody at the socket, we may not use it, or it ended before the answer.
        """
        line = orjson.dumps({"do": do, **facts}) + b"\n"
        try:
            if self._connection is None:
                self._connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                self._connection.settimeout(self._timeout_s)
                self._connection.connect(str(self._path))
                self._waiting = b""
            # Who is sent away finds the connection closed, with the reason still to be read.
            with contextlib.suppress(BrokenPipeError):
                self._connection.sendall(line)
            while b"\n" not in self._waiting:
                more = self._connection.recv(262_144)
                if not more:
                    raise ConnectionResetError("the collector closed the connection")
                self._waiting += more
        except OSError as error:
            self.close()
            raise ControlError(f"{self._path}: {error.strerror or error}") from error
        answer, _, self._waiting = self._waiting.partition(b"\n")
        told: dict[str, Any] = orjson.loads(answer)
        return told

    def close(self) -> None:
        """End the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
