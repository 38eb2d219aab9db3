"""What the operations of a command act on: one point, or the circuits of a cabinet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal

from pydantic import Field, StrictBool, StrictInt, StrictStr, field_validator

from contract.batch import Timestamp, WireModel, WireScalar

MAX_CIRCUITS: Final = 32
"""Contactors of one cabinet; the largest relay board of the profiles has 32."""
MAX_OVERRIDE_MS: Final = 31 * 86_400_000
"""An override ends by itself at the latest after this long: what is meant to last belongs into the calendar."""
MAX_LAMP_TEST_MINUTES: Final = 30

PointId = Annotated[StrictStr, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}/[a-z0-9][a-z0-9_-]{0,63}$")]
CircuitId = Annotated[StrictStr, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$")]
Reason = Annotated[StrictStr, Field(min_length=1, max_length=160, pattern=r"^[^\x00-\x1f\x7f]*$")]
"""What a person gives as the reason; one line."""
Level = Annotated[StrictInt, Field(ge=0, le=100)]
Circuits = Annotated[tuple[CircuitId, ...], Field(max_length=MAX_CIRCUITS)]


class SetArguments(WireModel):
    """Set one point to one value.

    Attributes:
        point: `device/key`.
        value: In the unit of the point's definition.
    """

    point: PointId
    value: WireScalar


class _OfCircuits(WireModel):
    circuits: Circuits = ()

    @field_validator("circuits")
    @classmethod
    def _named_once(cls, circuits: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(circuits)) != len(circuits):
            raise ValueError("a circuit is named twice")
        return circuits


class OverrideArguments(_OfCircuits):
    """Take circuits from the calendar until a time.

    Attributes:
        circuits: Those of the gateway by their ids; none: all of them.
        level: Percent of the cabinet's light; of named circuits 0 is off, 100 on, and what lies between a dim level.
        until: Milliseconds since 1970 UTC, at most 31 days ahead; then the calendar has them back.
        reason: Why, for those who find the lamps so.
    """

    level: Level
    until: Timestamp
    reason: Reason


class ReleaseArguments(_OfCircuits):
    """Give circuits back to the calendar.

    Attributes:
        circuits: Those of the gateway by their ids; none: all of them.
    """


class PermitArguments(_OfCircuits):
    """Hold circuits off while people work on them, above everything else; it does not replace isolation.

    Attributes:
        circuits: Those of the gateway by their ids; none: all of them.
        active: False ends the permit: nothing else does.
        until: Milliseconds since 1970 UTC of the planned end, whose passing only alarms; null: none is planned.
        reason: The work, and who is there.
    """

    active: StrictBool
    until: Timestamp | None = None
    reason: Reason


class ReadArguments(WireModel):
    """Read all devices of the lights now."""


class LampTestArguments(_OfCircuits):
    """Light circuits for the crew, by day as well.

    Attributes:
        circuits: Those of the gateway by their ids; none: all of them.
        minutes: How long, at most 30.
    """

    minutes: Annotated[StrictInt, Field(ge=1, le=MAX_LAMP_TEST_MINUTES)]


Operation = Literal["set", "override", "release", "permit", "read", "lamp_test"]
Arguments = SetArguments | OverrideArguments | ReleaseArguments | PermitArguments | ReadArguments | LampTestArguments
ARGUMENTS: Final[Mapping[str, type[Arguments]]] = {
    "set": SetArguments,
    "override": OverrideArguments,
    "release": ReleaseArguments,
    "permit": PermitArguments,
    "read": ReadArguments,
    "lamp_test": LampTestArguments,
}
"""The arguments of each operation."""
