"""One channel's way out: a process of its own that runs while there is something to send."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Final, Protocol

import orjson

END_TIMEOUT_S: Final = 5.0
KILL_AFTER_S: Final = 60


class Sender(Protocol):
    """One way to one crew."""

    def send(self, title: str, body: str, urgency: str) -> bool:
        """Return whether the service took the message; it may block for a minute."""

    def rest(self) -> None:
        """Nothing is left to send."""


class AppriseSender:
    """Any service that Apprise knows. The URL may carry a secret: it is in no log and no argument. For one thread."""

    def __init__(self, url: str, kill_after_s: int = KILL_AFTER_S) -> None:
        """Prepare; the process starts with the first message, and ends itself where one takes longer than this."""
        self._url = url
        self._kill_after_s = kill_after_s
        self._worker: subprocess.Popen[bytes] | None = None

    def send(self, title: str, body: str, urgency: str) -> bool:
        """Send once; retries are the outbox's.

        Raises:
            OSError: The process cannot be started.
        """
        order = {"url": self._url, "title": title, "body": body, "urgency": urgency}
        answer = self._asked(orjson.dumps(order) + b"\n")
        if not answer:
            # It ended itself: the service kept it busy beyond any measure.
            self.rest()
        return answer == b"1\n"

    def rest(self) -> None:
        """End the process: a city's night has few messages, and Apprise holds 40 MB."""
        worker, self._worker = self._worker, None
        if worker is None:
            return
        try:
            worker.communicate(timeout=END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.communicate()

    def _asked(self, order: bytes) -> bytes:
        if self._worker is None:
            self._worker = subprocess.Popen(
                _command(self._kill_after_s),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        worker = self._worker
        assert worker.stdin is not None  # noqa: S101 - both are pipes
        assert worker.stdout is not None  # noqa: S101 - both are pipes
        try:
            worker.stdin.write(order)
            worker.stdin.flush()
        except BrokenPipeError:
            return b""
        return worker.stdout.readline()


def understood(urls: Sequence[str]) -> list[bool]:
    """Return whether each URL is one of a known service with all its parts; nothing is sent. Not measured is True."""
    orders = b"".join(orjson.dumps({"url": url}) + b"\n" for url in urls)
    ended = subprocess.run(_command(KILL_AFTER_S), input=orders, capture_output=True, check=False)
    answers = ended.stdout.split()
    return [number >= len(answers) or answers[number] == b"1" for number in range(len(urls))]


def _command(kill_after_s: int) -> list[str]:
    return [sys.executable, "-P", "-m", "collector.shell.notify_worker", str(os.getpid()), str(kill_after_s)]
