"""Retained, readable state for people and integrators, and what a gateway says of itself."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field, StrictBool, StrictFloat, StrictInt, StrictStr

from contract.batch import MAX_POINTS_PER_DEVICE, Name, WireModel, WireValue
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

    ts: StrictInt
    v: dict[Name, WireValue]
    q: dict[Name, Cause] = Field(default_factory=dict)


class Online(WireModel):
    """Whether a gateway is connected; also its last will.

    Attributes:
        nonce: Drawn at every connection; a command must carry it.
        sw: The agent's version.
        since: Milliseconds since 1970 UTC by the gateway's clock.
    """

    online: StrictBool
    nonce: Annotated[StrictStr, Field(max_length=64)]
    sw: Text
    since: StrictInt


class PointMeta(WireModel):
    """One point, for those who read its values."""

    en: Text
    vi: Text
    unit: Text = ""
    kind: PointKind
    writable: StrictBool = False


class DeviceMeta(WireModel):
    """One device; `device_class` is the measurement that its values are stored under."""

    device_class: Name
    profile: Text
    profile_version: Text
    interval_s: StrictFloat | StrictInt
    points: Annotated[dict[Name, PointMeta], Field(max_length=MAX_POINTS_PER_DEVICE)]


class Place(WireModel):
    """Where a gateway stands, in degrees (WGS 84), and the IANA zone of its clock on the wall."""

    latitude: Annotated[StrictFloat | StrictInt, Field(ge=-90, le=90)]
    longitude: Annotated[StrictFloat | StrictInt, Field(ge=-180, le=180)]
    timezone: Text


class Meta(WireModel):
    """What a gateway has: sent at each connection, retained."""

    sw: Text
    epoch: Text
    place: Place | None = None
    devices: Annotated[dict[Name, DeviceMeta], Field(max_length=512)]
