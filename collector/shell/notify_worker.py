"""The process that talks to notification services: what hangs or floods there costs this process, not the collector.

Reads one JSON object a line (url, title, body, urgency), answers each with `1` (taken) or `0`; a URL alone is only
looked at. The URL comes by the pipe because arguments are seen by every user of the machine. Nothing is printed: a
plug-in may quote the URL.
"""

from __future__ import annotations

import contextlib
import importlib
import itertools
import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any, Final

import orjson

SEND_TIMEOUT_S: Final = 30.0
"""Of one exchange with a service."""
CONNECT_TIMEOUT_S: Final = 10.0
ANSWER_TIMEOUT_S: Final = 25.0
"""Apprise waits 4 s unless the URL says otherwise (cto, rto). A slow service has the message by then: it would be sent
again, and again."""
PR_SET_PDEATHSIG: Final = 1
"""Source: prctl(2), linux/prctl.h."""
MAX_ANSWER_BYTES: Final = 65_536
MAX_DATA_BYTES: Final = 512 * 1024 * 1024
TYPES: Final = {"alarm": "failure", "warning": "warning", "over": "success", "quiet": "info"}
"""Urgency to what Apprise calls a type: services show it as a colour, an icon, a priority."""
QUIET_PARAMETERS: Final = {
    "tgram": "silent=yes",
    "ntfy": "priority=low",
    "ntfys": "priority=low",
    "pover": "priority=low",
    "gotify": "priority=low",
    "gotifys": "priority=low",
}
"""Services that can deliver without a sound, and the parameter of their URL that says so. Source: Apprise 2.2."""


def url_for(url: str, urgency: str) -> str:
    """Return the URL that delivers with this urgency."""
    parameter = QUIET_PARAMETERS.get(url.partition("://")[0].lower())
    if urgency != "quiet" or parameter is None:
        return url
    address, _, query = url.partition("?")
    name = parameter.partition("=")[0]
    kept = [part for part in query.split("&") if part and part.partition("=")[0].lower() != name]
    return f"{address}?{'&'.join([*kept, parameter])}"


def be_patient() -> None:
    """Let slow services answer; what a URL says of its own time-outs holds."""
    from apprise import URLBase  # noqa: PLC0415 - costs 0.4 s and 14 MB

    URLBase.socket_connect_timeout = CONNECT_TIMEOUT_S
    URLBase.socket_read_timeout = ANSWER_TIMEOUT_S


def is_understood(url: str) -> bool:
    """Return whether Apprise knows the service and finds what it needs in the URL; nothing is sent."""
    from apprise import Apprise  # noqa: PLC0415 - costs 0.4 s and 14 MB

    return bool(Apprise().add(url))


def send(url: str, title: str, body: str, urgency: str) -> bool:
    """Send once; retries are the outbox's."""
    from apprise import Apprise, NotifyFormat, NotifyType  # noqa: PLC0415 - costs 0.4 s and 14 MB

    service = Apprise()
    if not service.add(url_for(url, urgency)):
        return False
    return bool(
        service.notify(
            title=title,
            body=body,
            notify_type=NotifyType(TYPES[urgency]),
            body_format=NotifyFormat.TEXT.value,
            timeout=SEND_TIMEOUT_S,
        )
    )


def bound_answers() -> None:
    """Read no more of an HTTP answer than anybody needs: whether a message was taken stands in its first line."""
    # Not imported by name: it is Apprise's client and none of ours.
    response = importlib.import_module("requests").Response
    whole: Callable[..., Iterator[bytes]] = response.iter_content

    def beginning(answer: Any, chunk_size: int = 1024, **options: Any) -> Iterator[bytes]:
        size = min(chunk_size or 1024, 8192)
        return itertools.islice(whole(answer, chunk_size=size, **options), MAX_ANSWER_BYTES // size)

    response.iter_content = beginning


def end_with_parent(parent_pid: int) -> None:
    """Die when the collector does: what it could not mark as sent goes out again, and once is enough."""
    # Best effort: where libc cannot be called, the closed pipe ends this process after the message under way.
    with contextlib.suppress(ImportError, OSError, AttributeError, MemoryError):
        import ctypes  # noqa: PLC0415 - guarded too

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:
        sys.exit(1)


def main(kill_after_s: int) -> None:
    """Serve until the collector closes the pipe.

    Args:
        kill_after_s: A service that answers a byte now and then keeps every exchange alive: the process ends itself.
    """
    # A stop of the service lets the message under way arrive; the closed pipe ends this process.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    # The hardened unit forbids changes of limits; its MemoryMax holds there.
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_DATA, (MAX_DATA_BYTES, MAX_DATA_BYTES))
    bound_answers()
    be_patient()
    for line in sys.stdin.buffer:
        order = orjson.loads(line)
        signal.alarm(kill_after_s)
        try:
            taken = is_understood(**order) if len(order) == 1 else send(**order)
        except Exception:  # noqa: BLE001 - a plug-in of one service must not end the channel
            taken = False
        signal.alarm(0)
        sys.stdout.write("1\n" if taken else "0\n")
        sys.stdout.flush()


if __name__ == "__main__":
    end_with_parent(int(sys.argv[1]))
    main(int(sys.argv[2]))
