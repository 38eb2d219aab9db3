"""Wait for a condition with a deadline, and find a free port on loopback."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

_Truthy = TypeVar("_Truthy")


def wait_until(
    predicate: Callable[[], _Truthy], timeout_s: float, what: str, *, poll_interval_s: float = 0.01
) -> _Truthy:
    """Poll until the predicate is true, and return what it gave.

    Args:
        predicate: Called at once, then every `poll_interval_s`; its last value is returned.
        timeout_s: How long to wait; the predicate is asked once more after it.
        what: What is waited for, in words, for the error.
        poll_interval_s: Pause between two questions.

    Raises:
        TimeoutError: The predicate was still false at the end; names `what` and its last value.
    """
    deadline_s = time.monotonic() + timeout_s
    while True:
        past_deadline = time.monotonic() >= deadline_s
        value = predicate()
        if value:
            return value
        if past_deadline:
            message = f"after {timeout_s:g} s still not: {what} (last value {value!r})"
            raise TimeoutError(message)
        time.sleep(poll_interval_s)


def free_port() -> int:
    """Give a TCP port of 127.0.0.1 that nobody listened on a moment ago."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def accepts_connections(port: int) -> bool:
    """Tell whether somebody accepts a TCP connection on 127.0.0.1:port."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=0.5):
            return True
    except OSError:
        return False
