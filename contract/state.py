"""Retained, readable state for people and integrators, and what a gateway says of itself."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import FailFast, Field, StrictBool, StrictFloat, StrictInt, StrictStr

from contract.batch import (
    MAX_DEVICES_PER_BATCH,
    MAX_POINTS_PER_DEVICE,
    Name,
    Timestamp,
    WireModel,
    WireValue,
)
from contract.reading import Cause

MAX_STATE_BYTES: Final = 64 * 1024
MAX_META_BYTES: Final = 1024 * 1024
Text = Annotated[StrictStr, Field(max_length=256)]
PointKind = Literal["float", "int", "bool", "text"]
"""What a point's values are; a store pins the type of the point's field to it."""


class DeviceState(WireModel):
    """The latest values of one device.

    Attributes:
        ts: Milliseconds since 1970 UTC of the newest of them.
        v: Point key to value; null where it is not known.
        q: Point key to the cause, only of what is not GOOD.
    """

    ts: Timestamp
    v: Annotated[dict[Name, WireValue], FailFast(), Field(max_length=MAX_POINTS_PER_DEVICE)]
    q: Annotated[dict[Name, Cause], FailFast(), Field(max_length=MAX_POINTS_PER_DEVICE)] = Field(default_factory=dict)


class Online(WireModel):
    """Whether a gateway is connected; also its last will.

    Attributes:
        online: False once the gateway has left, or the broker has lost it.
        nonce: Drawn at every connection; a command must carry it.
        sw: The agent's version.
        since: Milliseconds since 1970 UTC by the gateway's clock.
    """

    online: StrictBool
    nonce: Annotated[StrictStr, Field(max_length=64)]
    sw: Text
    since: Timestamp


class PointMeta(WireModel):
    """One point, for those who read its values.

    Attributes:
        en: Its name in English.
        vi: Its name in Vietnamese.
        unit: The SI unit of its values, empty for states.
        kind: What its values are.
        writable: Whether a command can set it.
    """

    en: Text
    vi: Text
    unit: Text = ""
    kind: PointKind
    writable: StrictBool = False


class DeviceMeta(WireModel):
    """One device.

    Attributes:
        device_class: The measurement that its values are stored under.
        profile: The profile that describes its type.
        profile_version: That profile's version.
        interval_s: Seconds between two polls of its normal points.
        points: Point key to what it is.
    """

    device_class: Name
    profile: Text
    profile_version: Text
    interval_s: Annotated[StrictFloat | StrictInt, Field(ge=0, le=86_400)]
    points: Annotated[dict[Name, PointMeta], FailFast(), Field(max_length=MAX_POINTS_PER_DEVICE)]


class Place(WireModel):
    """Where a gateway stands.

    Attributes:
        latitude: Degrees north, WGS 84.
        longitude: Degrees east, WGS 84.
        timezone: IANA name of the zone of its wall clock.
    """

    latitude: Annotated[StrictFloat | StrictInt, Field(ge=-90, le=90)]
    longitude: Annotated[StrictFloat | StrictInt, Field(ge=-180, le=180)]
    timezone: Text


class Meta(WireModel):
    """What a gateway has: sent at each connection, retained.

    Attributes:
        sw: The agent's version.
        epoch: Drawn at every start of the agent, as in its batches.
        place: Where it stands.
        devices: Device name to what it is.
    """

    sw: Text
    epoch: Text
    place: Place | None = None
    devices: Annotated[dict[Name, DeviceMeta], FailFast(), Field(max_length=MAX_DEVICES_PER_BATCH)]
