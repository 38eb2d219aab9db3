"""A command to a gateway, and what became of it."""

from __future__ import annotations

import hashlib
import hmac
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import Field, StrictInt, StrictStr

from contract.batch import LATEST_MS, WireModel, WireValue
from contract.reading import Cause

MAX_COMMAND_BYTES: Final = 4096
Ulid = Annotated[StrictStr, Field(pattern=r"^[0-7][0-9A-HJKMNP-TV-Z]{25}$")]
"""A ULID: 48 bits of milliseconds, 80 random bits; later commands sort after earlier ones."""
PointId = Annotated[StrictStr, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}/[a-z0-9][a-z0-9_-]{0,63}$")]


class SetArguments(WireModel):
    """Set one point to one value."""

    point: PointId
    value: WireValue


class Command(WireModel):
    """What a gateway is asked to do.

    Attributes:
        nonce: That of the gateway's present connection (`state/online`), or empty for its own schedule.
        by: Who asked, for the audit.
        not_after: Milliseconds since 1970 UTC; past it the command is refused.
        mac: HMAC-SHA256 in hex by the gateway's key over the other fields; see `signature`.
    """

    id: Ulid
    nonce: Annotated[StrictStr, Field(max_length=64)]
    op: Literal["set"]
    args: SetArguments
    by: Annotated[StrictStr, Field(min_length=1, max_length=64)]
    not_after: Annotated[StrictInt, Field(ge=0, le=LATEST_MS)]
    mac: Annotated[StrictStr, Field(pattern=r"^[0-9a-f]{64}$")] | None = None


class ResultState(StrEnum):
    """What became of a command: `accepted`, then one of the others."""

    ACCEPTED = "accepted"
    DONE = "done"
    REJECTED = "rejected"
    EXPIRED = "expired"
    FAILED = "failed"


class Readback(WireModel):
    """What the device said of the point after the command."""

    value: WireValue
    cause: Cause
    ts: StrictInt


class Result(WireModel):
    """The answer to a command; `done` rests on the device's read-back, never on a receipt."""

    id: Ulid
    state: ResultState
    point: PointId
    reason: Annotated[StrictStr, Field(max_length=256)] = ""
    readback: Readback | None = None
    ts: StrictInt


def signature(command: Command, gateway: str, key: bytes) -> str:
    """Return the HMAC-SHA256 in hex of a command for one gateway.

    The fields stand each behind its length, so that no two commands give the same bytes.
    """
    value = command.args.value
    fields = (
        "lamplighter-command-v1",
        gateway,
        command.id,
        command.nonce,
        command.op,
        command.args.point,
        f"{type(value).__name__}:{value!r}",
        command.by,
        str(command.not_after),
    )
    message = b"".join(len(data).to_bytes(4, "big") + data for data in (text.encode() for text in fields))
    return hmac.new(key, message, hashlib.sha256).hexdigest()


def signature_agrees(command: Command, gateway: str, key: bytes) -> bool:
    """Return whether a command carries the signature of this gateway's key."""
    return command.mac is not None and hmac.compare_digest(command.mac, signature(command, gateway, key))
