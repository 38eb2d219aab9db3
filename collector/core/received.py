"""A batch as it came in: what the alarm core evaluates and the stores keep."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from contract.batch import Batch

Channel = Literal["live", "event", "history"]

CHANNEL_BY_TAIL: Final[dict[str, Channel]] = {"up/live": "live", "up/event": "event", "up/history": "history"}
"""The tail of a batch's topic to the channel that it means."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One batch of one gateway.

    Attributes:
        gateway: From the topic, which the broker's access list ties to the certificate; never from the payload.
        batch: Only the devices that belong to the gateway, or all of them while the gateway's meta is not known.
        channel: `history` means that it was not confirmed in time, whatever its age.
        received_ms: Milliseconds since 1970 UTC by the collector's clock, when the message left the network.
    """

    gateway: str
    batch: Batch
    channel: Channel
    received_ms: int
