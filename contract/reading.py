"""A reading, and the block of readings that one poll of a device gives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Final

Value = float | int | bool | str
"""What a point can hold; None stands only beside Quality.BAD."""

MAX_NAME_LENGTH: Final = 64
NAME_PATTERN: Final = r"^[a-z0-9][a-z0-9_-]{0,63}$"
"""Gateways, devices, sites, lines and point keys: safe as MQTT level, file name, tag and field."""


class Quality(IntEnum):
    """How far a value can be trusted (OPC UA Part 8's three classes)."""

    GOOD = 0
    UNCERTAIN = 1
    BAD = 2


class Cause(StrEnum):
    """Why a value is not GOOD."""

    OK = "ok"
    TIMEOUT = "timeout"
    CRC = "crc"
    PROTOCOL = "protocol"
    REFUSED = "refused"
    UNSUPPORTED = "unsupported"
    LINE_DOWN = "line_down"
    SET_ASIDE = "set_aside"
    RANGE = "range"
    DEVICE = "device"
    SENTINEL = "sentinel"
    INCOMPLETE = "incomplete"
    SUSPECT = "suspect"
    RATE = "rate"
    WARM_UP = "warm_up"
    SPIKE = "spike"
    FLAT = "flat"
    STALE = "stale"
    CLOCK = "clock"
    MAINTENANCE = "maintenance"
    SIMULATED = "simulated"


BAD_CAUSES: Final = frozenset(
    {
        Cause.TIMEOUT,
        Cause.CRC,
        Cause.PROTOCOL,
        Cause.REFUSED,
        Cause.UNSUPPORTED,
        Cause.LINE_DOWN,
        Cause.SET_ASIDE,
        Cause.RANGE,
        Cause.DEVICE,
        Cause.SENTINEL,
        Cause.INCOMPLETE,
    }
)
"""Causes whose readings carry no value; beside the others a value stands and is UNCERTAIN."""


def quality_of(cause: Cause) -> Quality:
    """Return the quality that a cause means on the wire, where only the cause is written."""
    if cause is Cause.OK:
        return Quality.GOOD
    return Quality.BAD if cause in BAD_CAUSES else Quality.UNCERTAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One value of one point at one time.

    Attributes:
        point: `device/key`.
        value: In the SI unit of the point's definition; None exactly if quality is BAD.
        observed_at_ms: Milliseconds since 1970 UTC by the gateway's clock, at the last byte of the reply.
    """

    point: str
    value: Value | None
    quality: Quality
    cause: Cause
    observed_at_ms: int

    def __post_init__(self) -> None:
        if (self.value is None) != (self.quality is Quality.BAD):
            raise ValueError(f"{self.point}: the value is None exactly if the quality is BAD")


@dataclass(slots=True, kw_only=True)
class Block:
    """What one read gives: values of one device at one time, in the order of its keys.

    Never changed once it is made. That is not enforced: a frozen dataclass takes three times as long to make, and every
    poll makes two.

    Attributes:
        device: The device's name within its gateway.
        observed_at_ms: Milliseconds since 1970 UTC, at the last byte of the reply.
        keys: Point keys, at most once each.
        values: One a key; None where the cause is one of BAD_CAUSES.
        causes: Only of the values that are not GOOD.
        monotonic_ms: The same moment on the gateway's boot clock; it stays true while the wall clock is not.
    """

    device: str
    observed_at_ms: int
    keys: tuple[str, ...]
    values: tuple[Value | None, ...]
    causes: Mapping[str, Cause] = field(default_factory=dict)
    monotonic_ms: int = 0

    def __post_init__(self) -> None:
        if len(self.keys) != len(self.values):
            raise ValueError(f"{self.device}: {len(self.keys)} keys and {len(self.values)} values")

    @classmethod
    def failed(
        cls, *, device: str, observed_at_ms: int, keys: tuple[str, ...], cause: Cause, monotonic_ms: int = 0
    ) -> Block:
        """Return a block in which every point is BAD for one cause."""
        return cls(
            device=device,
            observed_at_ms=observed_at_ms,
            keys=keys,
            values=(None,) * len(keys),
            causes=dict.fromkeys(keys, cause),
            monotonic_ms=monotonic_ms,
        )

    def readings(self) -> Iterator[Reading]:
        """Yield the view of each point."""
        for key, value in zip(self.keys, self.values, strict=True):
            cause = self.causes.get(key, Cause.OK)
            quality = quality_of(cause)
            yield Reading(
                point=f"{self.device}/{key}",
                value=None if quality is Quality.BAD else value,
                quality=quality,
                cause=cause,
                observed_at_ms=self.observed_at_ms,
            )
