"""What polling a Modbus device costs its line: requests, bytes, and the least time they take on a serial bus. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from config.points import RegisterPoint
from config.profile import DeviceLimits, ModbusProfile
from drivers.modbus.compound import parts_of
from drivers.modbus.plan import BIT_TABLES, ReadRequest, Wanted, plan_reads

BITS_PER_CHARACTER: Final = 10
"""Start bit, eight data bits, stop bit (8N1, as most devices leave the factory)."""
REQUEST_BYTES: Final = 8
"""Unit, function, address, count, CRC."""
ANSWER_FRAME_BYTES: Final = 5
"""Unit, function, byte count, CRC."""
SILENT_CHARACTERS: Final = 3.5
"""Between two frames. Source: MODBUS over Serial Line V1.02, 2.5.1.1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PollCost:
    """One poll of some points.

    Attributes:
        points: How many.
        requests: How many requests fetch them.
        sent_bytes: Of the requests, as RTU frames.
        received_bytes: Of the answers.
    """

    points: int
    requests: int
    sent_bytes: int
    received_bytes: int

    def bus_ms(self, baud: int) -> float:
        """Return the least milliseconds that the bus is taken: the frames and the silence around each.

        How long the device thinks before it answers comes on top; only a measurement tells it.
        """
        characters = self.sent_bytes + self.received_bytes + 2 * SILENT_CHARACTERS * self.requests
        return characters * BITS_PER_CHARACTER * 1000 / baud


def wanted_of(points: Sequence[RegisterPoint]) -> list[Wanted]:
    """Return what must be fetched for points: themselves, and the registers that they depend on."""
    wanted: list[Wanted] = []
    for point in points:
        wanted += [part.span for part in parts_of(point)] if point.companions else [point]
    return wanted


def cost_of(points: Sequence[RegisterPoint], limits: DeviceLimits) -> PollCost:
    """Return what one poll of points costs.

    Raises:
        ValueError: No request can fetch one of them.
    """
    requests = plan_reads(wanted_of(points), limits)
    return PollCost(
        points=len(points),
        requests=len(requests),
        sent_bytes=REQUEST_BYTES * len(requests),
        received_bytes=sum(ANSWER_FRAME_BYTES + _data_bytes(request) for request in requests),
    )


def _data_bytes(request: ReadRequest) -> int:
    return (request.count + 7) // 8 if request.table in BIT_TABLES else 2 * request.count


def costs_of(profile: ModbusProfile) -> dict[str, PollCost]:
    """Return what a poll of each poll class costs, and of `all` of them at once.

    Raises:
        ValueError: No request can fetch one of its points.
    """
    by_class = {
        name: [point for point in profile.points if point.poll == name] for name in ("fast", "normal", "slow", "once")
    }
    costs = {name: cost_of(points, profile.limits) for name, points in by_class.items() if points}
    return {**costs, "all": cost_of(profile.points, profile.limits)}
