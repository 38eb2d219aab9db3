"""What keeps a line, a link or the control socket from being opened, and who else holds it."""

from __future__ import annotations

import errno
import hashlib
import os
import socket
from pathlib import Path
from typing import Literal

What = Literal["line", "control"]


class LinkInUseError(Exception):
    """The path for a line's link holds something that is not a link, or another simulator serves it.

    Attributes:
        link: The path.
        served: Whether it is another simulator's.
    """

    def __init__(self, link: Path, *, served: bool) -> None:
        self.link = link
        self.served = served
        super().__init__(f"{link} is another simulator's" if served else f"{link} exists and is no link")


class NotOpenError(Exception):
    """A line or the control socket cannot be opened.

    Attributes:
        what: Which of them.
        name: The line's id.
        where: Path, or host and port.
        reason: The system's words.
        in_use: Whether somebody else has it.
    """

    def __init__(self, what: What, name: str, where: str, error: OSError) -> None:
        self.what = what
        self.name = name
        self.where = where
        known = error.errno is not None and error.errno > 0
        self.reason = os.strerror(error.errno) if known and error.errno else error.strerror or str(error)
        self.in_use = error.errno == errno.EADDRINUSE
        super().__init__(f"{what} {name} {where}: {self.reason}")


def claim(link: Path) -> socket.socket:
    """Hold a link's path against other simulators until the socket is closed; it ends with the process.

    Raises:
        LinkInUseError: Another simulator has it, or it is no link.
    """
    if link.exists() and not link.is_symlink():
        raise LinkInUseError(link, served=False)
    path = link.parent.resolve() / link.name
    held = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # A name without a file: nothing is left behind by a crash.
        held.bind(b"\0firmware-sim-link-" + hashlib.sha256(os.fsencode(path)).hexdigest().encode())
    except OSError as error:
        held.close()
        if error.errno == errno.EADDRINUSE:
            raise LinkInUseError(link, served=True) from error
        raise
    return held


def is_served(path: Path) -> bool:
    """Return whether a process listens on a Unix socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
        caller.settimeout(1.0)
        try:
            caller.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError:
            # A full backlog, or no right to ask: somebody is there.
            return True
    return True
