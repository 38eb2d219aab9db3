"""What the road of commands needs of the lights."""

from __future__ import annotations

from typing import Any, Protocol

from contract.command import CircuitResult, Command, Readback
from contract.reading import Value
from edge_agent.core.commands import Origin
from edge_agent.core.lights.orders import Change
from edge_agent.shell.journal import LightsStep


class LightsDesk(Protocol):
    """Who answers for the lights; everything but `outcome` and `recovered` is done at once."""

    def owns(self, point: str) -> bool:
        """Return whether a point is the relay or the dimmer of a circuit."""

    def circuits_of(self, command: Command) -> tuple[str, ...]:
        """Return the circuits that a command names, or all of them."""

    def change(self, command: Command, origin: Origin) -> Change | str:
        """Return what a command changes, or in one word why it is refused."""

    def step(self, change: Change) -> LightsStep:
        """Return what puts a change on the disk."""

    def take(self, change: Change, command_id: str) -> None:
        """Go by a change that is on the disk."""

    async def outcome(self, change: Change, command_id: str) -> dict[str, CircuitResult]:
        """Return what became of each circuit, once all are proved or have failed."""

    async def recovered(self, command_id: str, told: Any) -> dict[str, CircuitResult] | None:
        """Return the same for a command that a crash cut off; None if what it changed is no longer in force."""

    def readback(self, point: str) -> Readback | None:
        """Return what a relay showed last."""

    def forbids(self, point: str, value: Value) -> bool:
        """Return whether a permit stands against a write at this moment."""
