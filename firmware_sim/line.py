"""A serial line on a pseudo-terminal: a thread that keeps the time of `core.wire`."""

from __future__ import annotations

import contextlib
import errno
import math
import os
import pty
import select
import socket
import termios
import threading
import time
import tty
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Final

from firmware_sim.core.codec import Request
from firmware_sim.core.faults import Sending
from firmware_sim.core.wire import LineTiming, RtuWire, WireCounters
from firmware_sim.models import RtuLineConfig
from firmware_sim.opening import claim

Answering = Callable[[str, Request], list[Sending] | None]
"""From (line id, request) to what goes on the wire; None: no unit of that number."""

_READ_BYTES: Final = 4096
_OUTPUT_SPEED: Final = 5
_SELECT_DESCRIPTORS: Final = 1024
"""select knows descriptors below it only: about 200 serial lines in one process."""
_SPEEDS: Final = {
    1200: termios.B1200,
    2400: termios.B2400,
    4800: termios.B4800,
    9600: termios.B9600,
    19200: termios.B19200,
    38400: termios.B38400,
    57600: termios.B57600,
    115200: termios.B115200,
}


class PtyLine(ABC):
    """A pseudo-terminal that one thread serves; open the `path` with any serial library at the line's speed."""

    def __init__(self, name: str, link: str | None, baud: int) -> None:
        self.path = ""
        self._name = name
        self._wanted_link = link
        self._baud = baud
        self._thread: threading.Thread | None = None
        self._claim: socket.socket | None = None
        self._host_fd = self._device_fd = self._wake_in = self._wake_out = -1

    def start(self) -> None:
        """Open the pseudo-terminal, set the link and begin to listen; does nothing on an open line.

        Raises:
            LinkInUseError: The link's path is a real file or folder, or another simulator's.
            OSError: There are no more pseudo-terminals or descriptors.
        """
        if self._host_fd >= 0:
            return
        self._device_fd, self._host_fd = pty.openpty()
        self._wake_out, self._wake_in = os.pipe()
        if max(self._device_fd, self._wake_out) >= _SELECT_DESCRIPTORS:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        tty.setraw(self._host_fd)
        settings = termios.tcgetattr(self._host_fd)
        settings[4] = settings[_OUTPUT_SPEED] = _SPEEDS[self._baud]
        termios.tcsetattr(self._host_fd, termios.TCSANOW, settings)
        os.set_blocking(self._device_fd, False)
        self.path = os.ttyname(self._host_fd)
        if self._wanted_link is not None:
            self._link(Path(self._wanted_link))
        self._prepare()
        self._thread = threading.Thread(target=self._run, name=f"line-{self._name}", daemon=True)
        self._thread.start()

    def _link(self, link: Path) -> None:
        link.parent.mkdir(parents=True, exist_ok=True)
        self._claim = claim(link)
        fresh = link.with_name(f"{link.name}.{os.getpid()}")
        fresh.symlink_to(self.path)
        fresh.replace(link)
        self.path = str(link)

    def stop(self) -> None:
        """End the thread, close the pseudo-terminal and take the link away if it is still ours.

        A host that has it open sees what an unplugged adapter gives: an input/output error.
        """
        if self._host_fd < 0:
            return
        if self._thread is not None:
            os.write(self._wake_in, b"x")
            self._thread.join()
            self._thread = None
        if self._wanted_link is not None:
            link = Path(self._wanted_link)
            if link.is_symlink() and str(link.readlink()) == os.ttyname(self._host_fd):
                link.unlink()
        if self._claim is not None:
            self._claim.close()
            self._claim = None
        for descriptor in (self._device_fd, self._host_fd, self._wake_in, self._wake_out):
            if descriptor >= 0:
                os.close(descriptor)
        self._host_fd = self._device_fd = self._wake_in = self._wake_out = -1

    @abstractmethod
    def _prepare(self) -> None:
        """Forget what was under way before the line was opened."""

    @abstractmethod
    def _run(self) -> None:
        """Serve the line until `_wake_out` becomes readable."""


class RtuLine(PtyLine):
    """One bus.

    A pseudo-terminal passes bytes at once and hides parity, so the line's time is kept here. It does show
    the speed that the host has set: with another one nothing is understood, as on a real bus.
    """

    def __init__(self, config: RtuLineConfig, answering: Answering) -> None:
        super().__init__(config.id, config.link, config.baud)
        self.config = config
        timing = LineTiming(
            baud=config.baud, data_bits=config.data_bits, parity=config.parity, stop_bits=config.stop_bits
        )
        self._wire = RtuWire(timing, turnaround_s=config.turnaround_s, early=config.early, framing=config.framing)
        self._answering = answering

    @property
    def counters(self) -> WireCounters:
        """What the line has seen."""
        return self._wire.counters

    def _prepare(self) -> None:
        self._wire.clear()

    def _run(self) -> None:
        wire = self._wire
        while True:
            deadline_s = wire.deadline_s()
            wait_s = None if deadline_s == math.inf else max(0.0, deadline_s - time.monotonic())
            # select, since poll and epoll round the wait up to whole milliseconds: a character lasts one.
            readable, _, _ = select.select([self._device_fd, self._wake_out], [], [], wait_s)
            now_s = time.monotonic()
            if self._wake_out in readable:
                return
            if self._device_fd in readable:
                self._hear(now_s)
            for request in wire.heard(now_s):
                sendings = self._answering(self.config.id, request)
                if sendings is None:
                    wire.counters.foreign_unit += 1
                else:
                    wire.reply(sendings, now_s)
            out = wire.due(time.monotonic())
            if out:
                # A host that reads nothing loses characters, as with a full receive buffer.
                with contextlib.suppress(BlockingIOError):
                    os.write(self._device_fd, out)

    def _hear(self, now_s: float) -> None:
        try:
            data = os.read(self._device_fd, _READ_BYTES)
        except OSError:
            return
        self._wire.hear(data, now_s)
        if self.config.check_speed:
            speed = termios.tcgetattr(self._device_fd)[_OUTPUT_SPEED]
            if speed != _SPEEDS[self.config.baud]:
                self._wire.discard()
