"""One command to the control socket of a running simulator."""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

_TIMEOUT_S: Final = 10.0
_MAX_ANSWER_BYTES: Final = 64 * 1024 * 1024


class SocketSilentError(Exception):
    """The answer did not come whole, or is none of a simulator."""


def command_of(do: str, facts: Sequence[str]) -> dict[str, Any]:
    """Return the command for words like `phase=2`; a value that reads as JSON is taken so, else as text.

    Raises:
        ValueError: A word is no KEY=VALUE; its text is that word.
    """
    command: dict[str, Any] = {"do": do}
    for fact in facts:
        key, equals, value = fact.partition("=")
        if not key or not equals:
            raise ValueError(fact)
        try:
            command[key] = json.loads(value)
        except ValueError:
            command[key] = value
    return command


def send(path: Path, command: dict[str, Any]) -> dict[str, Any]:
    """Send one command and return its answer.

    Raises:
        OSError: Nobody listens there, or nobody answered in time.
        SocketSilentError: No answer, or one that is not a simulator's.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(_TIMEOUT_S)
        connection.connect(str(path))
        connection.sendall(json.dumps(command).encode() + b"\n")
        with connection.makefile("rb") as stream:
            line = stream.readline(_MAX_ANSWER_BYTES)
    if not line.endswith(b"\n"):
        raise SocketSilentError(str(path))
    try:
        answer: Any = json.loads(line)
    except ValueError as error:
        raise SocketSilentError(str(path)) from error
    if not isinstance(answer, dict) or "ok" not in answer:
        raise SocketSilentError(str(path))
    return answer
