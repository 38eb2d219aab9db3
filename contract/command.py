"""A command to a gateway, and what became of it."""

from __future__ import annotations

import hashlib
import hmac
from enum import StrEnum
from typing import Annotated, Any, Final, Literal

import orjson
from pydantic import (
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError

from contract.batch import Timestamp, WireModel, WireValue
from contract.command_arguments import (
    ARGUMENTS,
    MAX_CIRCUITS,
    Arguments,
    CircuitId,
    LampTestArguments,
    Operation,
    OverrideArguments,
    PermitArguments,
    PointId,
    ReadArguments,
    ReleaseArguments,
    SetArguments,
)
from contract.reading import Cause

__all__ = [
    "MAX_COMMAND_BYTES",
    "CircuitOutcome",
    "CircuitResult",
    "Command",
    "LampTestArguments",
    "OverrideArguments",
    "PermitArguments",
    "ReadArguments",
    "Readback",
    "ReleaseArguments",
    "Result",
    "ResultState",
    "SetArguments",
    "signature",
    "signature_agrees",
]

MAX_COMMAND_BYTES: Final = 4096
Ulid = Annotated[StrictStr, Field(pattern=r"^[0-7][0-9A-HJKMNP-TV-Z]{25}$")]
"""A ULID: 48 bits of milliseconds, 80 random bits; later commands sort after earlier ones."""


class Command(WireModel):
    """What a gateway is asked to do.

    Attributes:
        id: A ULID; a known one is answered with its old result and never carried out again.
        nonce: That of the gateway's present connection (`state/online`), or empty for its own schedule.
        op: What to do: `set` one point, or with the lights `override`, `release`, `permit`, `read`, `lamp_test`.
        args: What it acts on; which keys there are is told by `op`.
        by: Who asked, for the audit.
        not_after: Milliseconds since 1970 UTC; past it the command is refused.
        mac: HMAC-SHA256 in hex by the gateway's key over the other fields; see `signature`.
    """

    id: Ulid
    nonce: Annotated[StrictStr, Field(max_length=64)]
    op: Operation
    args: Arguments
    by: Annotated[StrictStr, Field(min_length=1, max_length=64)]
    not_after: Timestamp
    mac: Annotated[StrictStr, Field(pattern=r"^[0-9a-f]{64}$")] | None = None

    @field_validator("args", mode="before")
    @classmethod
    def _of_operation(cls, value: Any, info: ValidationInfo) -> Any:
        """Read the arguments as those of the operation: `op` stands before them, and is not here if it was wrong."""
        model = ARGUMENTS.get(info.data.get("op", ""))
        if model is None or isinstance(value, model):
            return value
        try:
            return model.model_validate(value)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            facts = {"where": ".".join(str(part) for part in first["loc"]), "told": first["msg"]}
            raise PydanticCustomError("arguments", "{where}: {told}", facts) from error


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


CircuitOutcome = Literal["done", "failed", "rejected"]


class CircuitResult(WireModel):
    """What became of one circuit; `done` means that contactor and meter agree with what was wanted.

    Attributes:
        state: Of this circuit.
        cause: Why it is not done, as a fixed word such as `did_not_close`; empty if it is, or `not_proved` where the
            circuit has nothing that could prove it.
        feedback: Whether the contactor's own contact is closed; null: not known, or not fitted.
        power_w: Of its meter, all phases together; null: not known, or not fitted.
    """

    state: CircuitOutcome
    cause: Annotated[StrictStr, Field(max_length=64)] = ""
    feedback: StrictBool | None = None
    power_w: Annotated[StrictFloat, Field(allow_inf_nan=False)] | StrictInt | None = None


class Result(WireModel):
    """The answer to a command; `done` rests on what the devices show, never on a receipt.

    Attributes:
        id: The command's.
        state: `accepted` first, then one of the others.
        point: `device/key` of a `set`.
        circuits: Of a command to the lights, what became of each circuit.
        reason: Why it was rejected, expired or failed.
        readback: What the device said after the command.
        ts: Milliseconds since 1970 UTC by the gateway's clock.
    """

    id: Ulid
    state: ResultState
    point: PointId | None = None
    circuits: Annotated[dict[CircuitId, CircuitResult], Field(max_length=MAX_CIRCUITS)] | None = None
    reason: Annotated[StrictStr, Field(max_length=256)] = ""
    readback: Readback | None = None
    ts: Timestamp


def signature(command: Command, gateway: str, key: bytes) -> str:
    """Return the HMAC-SHA256 in hex of a command for one gateway.

    The fields stand each behind its length, so that no two commands give the same bytes. Of a `set` they are the point
    and the value; of the others all arguments as JSON, keys sorted, without spaces.
    """
    args = command.args
    told: tuple[str, ...]
    if isinstance(args, SetArguments):
        told = (args.point, f"{type(args.value).__name__}:{args.value!r}")
    else:
        told = (orjson.dumps(args.model_dump(mode="json"), option=orjson.OPT_SORT_KEYS).decode(),)
    fields = (
        "lamplighter-command-v1",
        gateway,
        command.id,
        command.nonce,
        command.op,
        *told,
        command.by,
        str(command.not_after),
    )
    message = b"".join(len(data).to_bytes(4, "big") + data for data in (text.encode() for text in fields))
    return hmac.new(key, message, hashlib.sha256).hexdigest()


def signature_agrees(command: Command, gateway: str, key: bytes) -> bool:
    """Return whether a command carries the signature of this gateway's key."""
    return command.mac is not None and hmac.compare_digest(command.mac, signature(command, gateway, key))
