"""Reading a device now, because somebody asks, beside the poller or without one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from contract.reading import Block, Reading
from edge_agent.core.derived import corrected
from edge_agent.shell.devices import Device

READ_TIMEOUT_S: Final = 30.0


async def read_device(
    device: Device, keys: list[str], others_s: float = 0.0, glance: Callable[[Device, Block], Block] | None = None
) -> list[Reading]:
    """Read points of a device now; all of them without keys. Its type is proved first.

    Args:
        device: The device.
        keys: Its points.
        others_s: How long polls of the instruments on its line may measure before, in seconds.
        glance: Marks what is known against the values.

    Raises:
        KeyError: The device has no such point.
        DriverError: It does not answer, or is not what its profile says: its registers mean something else.
    """
    points = tuple(device.by_key[key] for key in keys) or device.driver.points
    async with asyncio.timeout(READ_TIMEOUT_S + device.patience_s + others_s):
        await device.driver.probe()
        block = await device.driver.read(points)
    block = corrected(block, device.limits, device.corrections, block.observed_at_ms)
    return list((glance(device, block) if glance is not None else block).readings())


def as_dict(reading: Reading) -> dict[str, Any]:
    """Return a reading as the CLI's JSON shows it."""
    return {
        "point": reading.point,
        "value": reading.value,
        "quality": reading.quality.name,
        "cause": str(reading.cause),
        "observed_at_ms": reading.observed_at_ms,
    }
