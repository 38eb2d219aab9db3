"""A server process of a test: started when ready, ended for certain, killed and suspended on demand."""

from __future__ import annotations

import contextlib
import signal
import subprocess
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tests.servers.provision import Program, locate
from tests.servers.waiting import wait_until

if TYPE_CHECKING:
    from types import TracebackType

_START_TIMEOUT_S = 30.0
_STOP_TIMEOUT_S = 15.0
_PORT_ATTEMPTS = 5


class ServerFailedError(RuntimeError):
    """The server ended while it started; the message holds its last lines."""


class ServerProcess(ABC):
    """One server in its own folder, on loopback ports that stay the same over restarts."""

    program: Program

    def __init__(self, folder: Path) -> None:
        """Keep configuration, data and log in the folder; nothing runs before `start`."""
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self._process: subprocess.Popen[bytes] | None = None
        self._ports_are_kept = False

    @abstractmethod
    def _choose_ports(self) -> None:
        """Take free ports; called again only when one was snatched before the first start."""

    @abstractmethod
    def _arguments(self) -> list[str]:
        """Write the configuration and give the program's arguments."""

    @abstractmethod
    def _is_ready(self) -> bool:
        """Tell whether the server answers its clients."""

    @property
    def pid(self) -> int:
        """Process id of the running server."""
        if self._process is None:
            raise ServerFailedError(f"{self.program.name} is not running")
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """True while the process exists, suspended or not."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start and return once clients are answered; on the same ports as before.

        Raises:
            ServerMissingError: The program is not available; says how to get it.
            ServerFailedError: It ended before it was ready.
            TimeoutError: It neither ended nor answered within 30 s.
        """
        if self.is_running:
            return
        for attempt in range(_PORT_ATTEMPTS):
            if not self._ports_are_kept:
                self._choose_ports()
            try:
                self._start_once()
            except ServerFailedError:
                snatched = "address already in use" in self.log_text().lower()
                if self._ports_are_kept or not snatched or attempt == _PORT_ATTEMPTS - 1:
                    raise
            else:
                self._ports_are_kept = True
                return

    def stop(self) -> None:
        """End it in its own way (SIGTERM), by force after 15 s; harmless when it does not run."""
        if self._process is None:
            return
        self._signal(signal.SIGCONT)
        self._signal(signal.SIGTERM)
        try:
            self._process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.kill9()
        self._process = None

    def kill9(self) -> None:
        """Kill without notice (SIGKILL) and wait until it is gone; data stay for the next `start`."""
        if self._process is None:
            return
        self._signal(signal.SIGKILL)
        self._process.wait(_STOP_TIMEOUT_S)
        self._process = None

    def suspend(self) -> None:
        """Hang it (SIGSTOP): connections stay open and nothing is answered."""
        self._signal(signal.SIGSTOP)
        # kill(2) returns before the last thread has stopped, and one that runs may still answer.
        wait_until(self._is_suspended, _STOP_TIMEOUT_S, f"every thread of {self.program.name} stands")

    def resume(self) -> None:
        """Let a suspended server go on (SIGCONT)."""
        self._signal(signal.SIGCONT)

    def log_text(self) -> str:
        """Give everything the server has printed, over all its starts."""
        log = self.folder / "server.log"
        return log.read_text("utf-8", errors="replace") if log.exists() else ""

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop, whatever happened."""
        self.stop()

    def _start_once(self) -> None:
        binary = locate(self.program)
        arguments = self._arguments()
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(binary.path), *arguments],
                env=binary.environment(),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            wait_until(self._is_ready_or_ended, _START_TIMEOUT_S, f"{self.program.name} answers")
        except BaseException:
            self.kill9()
            raise
        if not self.is_running:
            self._process = None
            last_lines = "\n".join(self.log_text().splitlines()[-10:])
            raise ServerFailedError(f"{self.program.name} ended while starting:\n{last_lines}")

    def _is_ready_or_ended(self) -> bool:
        return not self.is_running or self._is_ready()

    def _is_suspended(self) -> bool:
        states = []
        for task in Path(f"/proc/{self.pid}/task").glob("*/stat"):
            with contextlib.suppress(OSError):  # a thread that has just ended
                states.append(task.read_text("utf-8").rpartition(")")[2].split()[0])
        return set(states) <= {"T", "Z", "X"}

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)
