"""What the command line may ask the running collector: the shapes of its requests, every length bounded."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypeVar

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from collector.core.selection import Criteria
from collector.shell.refusal import Refused
from contract.command_arguments import CircuitId, Level, Reason

MAX_SOURCE: Final = 256 * 1024
Names = Annotated[tuple[Annotated[str, Field(min_length=1, max_length=160)], ...], Field(max_length=2_000)]
Token = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
"""Drawn by who asks: a request that comes again, since its answer was lost, is not done twice."""
Fingerprint = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
Seconds = Annotated[float, Field(gt=0, le=1e9)]


class _Request(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    do: str


class Selected(_Request):
    """Which cabinets are meant."""

    cabinets: Names = ()
    streets: Names = ()
    wards: Names = ()
    feeders: Names = ()
    tags: Names = ()
    everything: bool = False
    circuits: Annotated[tuple[CircuitId, ...], Field(max_length=32)] = ()

    def criteria(self) -> Criteria:
        """Return them for the selection."""
        return Criteria(
            cabinets=self.cabinets,
            streets=self.streets,
            wards=self.wards,
            feeders=self.feeders,
            tags=self.tags,
            everything=self.everything,
            circuits=self.circuits,
        )


class PlanRequest(Selected):
    """Show what an order or a calendar would touch."""

    operation: Literal["switch", "permit", "calendar"]


class OrderRequest(Selected):
    """Carry out what was shown.

    Attributes:
        for_s: How long an override lasts from now on, or
        until_ms: until when; of a permit its planned end.
        patience_s: How long it is offered to a gateway that is away.
        fingerprint: Of the plan that was shown.
    """

    op: Literal["override", "release", "permit", "read", "lamp_test"]
    level: Level | None = None
    active: bool | None = None
    minutes: Annotated[int, Field(ge=1, le=30)] | None = None
    for_s: Seconds | None = None
    until_ms: Annotated[int, Field(ge=0, le=2**53)] | None = None
    patience_s: Annotated[float, Field(ge=1, le=86_400)] | None = None
    reason: Reason | None = None
    fingerprint: Fingerprint
    token: Token


class ProgressRequest(_Request):
    """Ask how far an order has come."""

    order: Annotated[str, Field(max_length=26)]


class ListRequest(_Request):
    """Ask for the newest of something."""

    limit: Annotated[int, Field(ge=1, le=1_000)] = 20


class AuditRequest(ListRequest):
    """Ask for the newest entries of the audit.

    Attributes:
        check: Whether to follow the whole chain as well.
    """

    check: bool = False


class StatusRequest(Selected):
    """Ask what lamps do and what calendars gateways run by; of all cabinets if none is named."""


class NightsRequest(Selected):
    """Ask what cabinets do in the coming nights, by the calendar that they run by."""

    nights: Annotated[int, Field(ge=1, le=400)] = 1


class PublishRequest(Selected):
    """Give a calendar to the gateways of the chosen cabinets.

    Attributes:
        calendar: As JSON of the contract's model.
        source: The file that it was written in.
        first: Only to so many gateways now; the rest is held until `continue`.
    """

    calendar: dict[str, Any]
    source: Annotated[str, Field(max_length=MAX_SOURCE)]
    first: Annotated[int, Field(ge=1, le=100_000)] | None = None
    reason: Reason
    fingerprint: Fingerprint
    token: Token


class RollbackRequest(Selected):
    """Give the gateways of the chosen cabinets back what they were to run by before."""

    reason: Reason
    fingerprint: Fingerprint
    token: Token


class ContinueRequest(_Request):
    """Give the calendar of a rollout to the gateways that were held.

    Attributes:
        regardless: Also where some of the first refused it or have not taken it yet.
    """

    rollout: Annotated[int, Field(ge=1, le=2**53)]
    regardless: bool = False
    reason: Reason


class VersionRequest(_Request):
    """Ask for a calendar that was published."""

    version: Annotated[int, Field(ge=1, le=2**53)]


_Model = TypeVar("_Model", bound=BaseModel)


def read_request(body: dict[str, Any], model: type[_Model]) -> _Model:
    """Return a request of the wanted shape.

    Raises:
        Refused: It is not; names the first place and what is wrong there.
    """
    try:
        # By JSON's rules a list may become a tuple, and nothing else changes its type.
        return model.model_validate_json(orjson.dumps(body))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise Refused("bad_request", where=".".join(str(part) for part in first["loc"]), why=first["msg"]) from error
