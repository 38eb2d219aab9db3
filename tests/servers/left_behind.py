"""Processes that outlive the tests that started them, orphans among them."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
from pathlib import Path
from typing import Final

from tests.servers.waiting import wait_until

_PR_SET_CHILD_SUBREAPER: Final = 36


def adopt_orphans() -> None:
    """Become the parent of what a dead child of ours leaves behind: prctl(2), PR_SET_CHILD_SUBREAPER."""
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "orphans cannot be adopted")


def running_children() -> dict[int, str]:
    """Give the command lines of our children that run, by process id; what has ended is no child."""
    found: dict[int, str] = {}
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            # proc(5): the name in parentheses may hold anything; then state and parent.
            state, parent = (process / "stat").read_text("utf-8", errors="replace").rpartition(")")[2].split()[:2]
            if int(parent) == os.getpid() and state not in "ZX":
                found[int(process.name)] = (process / "cmdline").read_text("utf-8", errors="replace").replace("\0", " ")
    return found


def assert_none_left(before: set[int], timeout_s: float = 10.0) -> None:
    """Wait until every child but those from before has ended.

    Raises:
        AssertionError: Some had not; names them, and has killed them.
    """

    def left() -> dict[int, str]:
        return {number: command for number, command in running_children().items() if number not in before}

    try:
        wait_until(lambda: not left(), timeout_s, "every process has ended")
    except TimeoutError:
        late = left()
        for number in late:
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        assert not late, f"left behind: {'; '.join(late.values())}"
