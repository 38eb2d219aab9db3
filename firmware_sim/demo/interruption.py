"""Ctrl-C, `kill`, and a terminal that closes: each ends the demonstration once, and leaves no process behind."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NoReturn

ENDS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interruption:
    """Raises KeyboardInterrupt at the first of these signals; later ones do not hinder the end."""

    def __init__(self) -> None:
        """Prepare; `watch` begins."""
        self._held = False
        self._came = False

    def watch(self) -> None:
        """Take the signals from now on."""
        for number in ENDS:
            # nohup, and a shell that starts a job in the background, ask that some of them do nothing.
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._received)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Put an interruption off: raised between a process's start and its entry in a list, it leaves it behind."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
        if self._came:
            self._end()

    @staticmethod
    def ignore() -> None:
        """Take no signal any more."""
        for number in ENDS:
            signal.signal(number, signal.SIG_IGN)

    def _received(self, _number: int, _frame: object) -> None:
        self._came = True
        # What starts while it is put off must not inherit that it ignores them.
        if not self._held:
            self._end()

    def _end(self) -> NoReturn:
        self.ignore()
        raise KeyboardInterrupt
