"""A command to a gateway, and what became of it."""

from __future__ import annotations

import hashlib
import hmac
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import Field, StrictStr

from contract.batch import Timestamp, WireModel, WireScalar, WireValue
from contract.reading import Cause

MAX_COMMAND_BYTES: Final = 4096
Ulid = Annotated[StrictStr, Field(pattern=r"^[0-7][0-9A-HJKMNP-TV-Z]{25}$")]
"""A ULID: 48 bits of milliseconds, 80 random bits; later commands sort after earlier ones."""
PointId = Annotated[StrictStr, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}/[a-z0-9][a-z0-9_-]{0,63}$")]


class SetArguments(WireModel):
    """Set one point to one value.

    Attributes:
        point: `device/key`.
        value: In the unit of the point's definition.
    """

    point: PointId
    value: WireScalar


class Command(WireModel):
    """What a gateway is asked to do.

    Attributes:
        id: A ULID; a known one is answered with its old result and never carried out again.
        nonce: That of the gateway's present connection (`state/online`), or empty for its own schedule.
        op: What to do; `set` is all there is in version 1.
        args: The point and the value.
        by: Who asked, for the audit.
        not_after: Milliseconds since 1970 UTC; past it the command is refused.
        mac: HMAC-SHA256 in hex by the gateway's key over the other fields; see `signature`.
    """

    id: Ulid
    nonce: Annotated[StrictStr, Field(max_length=64)]
    op: Literal["set"]
    args: SetArguments
    by: Annotated[StrictStr, Field(min_length=1, max_length=64)]
    not_after: Timestamp
    mac: Annotated[StrictStr, Field(pattern=r"^[0-9a-f]{64}$")] | None = None


class ResultState(StrEnum):
    """What became of a command: `accepted`, then one of the others."""

    ACCEPTED = "accepted"
    DONE = "done"
    REJECTED = "rejected"
    EXPIRED = "expired"
    FAILED = "failed"


class Readback(WireModel):
    """What the device said of the point after the command.

    Attributes:
        value: In the unit of the point's definition; absent or null exactly if the reading is BAD.
        cause: `ok`, or why the value is not GOOD.
        ts: Milliseconds since 1970 UTC, at the last byte of the device's reply.
    """

    value: WireValue = None
    cause: Cause
    ts: Timestamp


class Result(WireModel):
    """The answer to a command; `done` rests on the device's read-back, never on a receipt.

    Attributes:
        id: The command's.
        state: `accepted` first, then one of the others.
        point: `device/key`.
        reason: Why it was rejected, expired or failed.
        readback: What the device said after the command.
        ts: Milliseconds since 1970 UTC by the gateway's clock.
    """

    id: Ulid
    state: ResultState
    point: PointId
    reason: Annotated[StrictStr, Field(max_length=256)] = ""
    readback: Readback | None = None
    ts: Timestamp


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
