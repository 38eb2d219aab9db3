"""Delivery as the rest of the agent sees it: accept blocks, keep them, bring them to the centre."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from config.agent import AgentConfig
from config.profile import PointSpec
from contract.command import Result
from contract.reading import Block
from contract.state import Meta
from edge_agent.shell.clock import GatewayClock


class Delivery:
    """From accepted blocks to readings that the collector has confirmed.

    Attributes:
        nonce: That of the present connection, None while there is none; commands must carry it.
        passes: Completed passes of its loop; a watchdog may be fed while it rises.
    """

    nonce: str | None
    passes: int

    def __init__(
        self,
        *,
        config: AgentConfig,
        clock: GatewayClock,
        meta: Callable[[str], Meta] | Meta,
        on_command: Callable[[bytes, bool], Awaitable[None]],
        on_connected: Callable[[], None] | None = None,
    ) -> None:
        """Prepare; nothing is opened before `run`.

        Args:
            config: The gateway.
            clock: Its clocks.
            meta: What `state/meta` says, or what gives it for an epoch at each connection.
            on_command: Called with payload and retain flag of each message on `down/cmd`.
            on_connected: Called at each connection, so that the poller re-reads all alarm points.
        """
        raise NotImplementedError

    def accept(self, block: Block, points: Mapping[str, PointSpec]) -> None:
        """Take what one read gave; never blocks. Call it from the event loop."""
        raise NotImplementedError

    async def run(self) -> None:
        """Open the spool and deliver until cancelled; then keep what was accepted."""
        raise NotImplementedError

    async def publish_result(self, result: Result) -> None:
        """Send what became of a command, after the next connection if there is none."""
        raise NotImplementedError

    async def wait_connected(self) -> None:
        """Return once the broker has accepted the gateway."""
        raise NotImplementedError

    def now_ms(self) -> int | None:
        """Return the time that readings get now, milliseconds since 1970 UTC; None before it is known."""
        raise NotImplementedError

    def status(self) -> dict[str, object]:
        """Return what `edge-agent status` shows."""
        raise NotImplementedError
