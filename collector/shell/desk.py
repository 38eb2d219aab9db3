"""What the engine needs of the alarm desk, which `collector.shell.alarm_desk` provides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from collector.core.received import Received
from contract.state import Meta, Online


class AlarmStateError(Exception):
    """The alarm state could not be committed: what was evaluated may not be confirmed."""


class Desk(Protocol):
    """Evaluates alarms and keeps their state; called from the engine's thread only."""

    def evaluate(self, items: Sequence[Received]) -> None:
        """Step every item and commit the alarm state once; an error means that none of them may be confirmed."""

    def online(self, gateway: str, online: Online, received_ms: int) -> None:
        """Take what a gateway or its last will says."""

    def described(self, gateway: str, meta: Meta) -> None:
        """Take what a gateway says that it has; messages name its points by it."""

    def connected(self, now_ms: int) -> None:
        """The collector hears the broker again."""

    def disconnected(self, now_ms: int) -> None:
        """It does not: silence means nothing now."""

    def tick(self, now_ms: int) -> None:
        """Let time pass; at least once a second."""

    def start(self) -> None:
        """Begin to notify."""

    def close(self) -> None:
        """Commit and end."""
