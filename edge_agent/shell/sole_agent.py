"""One agent on one state folder: two would write two spools into one, and switch one street by two schedules."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Final

import structlog

from edge_agent.shell.control import AgentRunningError

LOCK_NAME: Final = "agent.lock"
_log = structlog.get_logger("agent")


class SoleAgent:
    """Holds the folder while this process lives; the kernel lets go of it, however it ends."""

    def __init__(self, state_dir: Path) -> None:
        """Prepare to hold a folder."""
        self._state_dir = state_dir
        self._descriptor: int | None = None

    def hold(self) -> None:
        """Hold the folder; a disk that fails is no other agent, and the street is lit without it.

        Raises:
            AgentRunningError: Another agent holds it.
        """
        try:
            self._state_dir.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(self._state_dir / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self.release()
            raise AgentRunningError(f"another agent runs with state_dir '{self._state_dir}'") from error
        except OSError as error:
            _log.warning("state folder not held", state_dir=str(self._state_dir), error=str(error))

    def release(self) -> None:
        """Let go."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
