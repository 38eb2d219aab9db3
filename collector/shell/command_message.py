"""An order's command to one gateway, as it goes out."""

from __future__ import annotations

from collector.core.order_book import Sending
from contract.codec import encode
from contract.command import Command, signature
from contract.topics import GatewayTopics


def signed_command(sending: Sending, key: bytes, root: str) -> tuple[str, bytes]:
    """Return (topic, payload) of a command to the gateway's present connection, signed with its key."""
    order, answer = sending.order, sending.answer
    arguments = dict(order.arguments)
    if order.op != "read":
        arguments["circuits"] = list(answer.circuits)
    command = Command.model_validate(
        {
            "id": order.id,
            "nonce": sending.nonce,
            "op": order.op,
            "args": arguments,
            "by": order.by,
            "not_after": order.not_after_ms,
        }
    )
    signed = command.model_copy(update={"mac": signature(command, answer.gateway, key)})
    return GatewayTopics(answer.gateway, root).command, encode(signed)
