"""Polls every device of a gateway, and says of each how it goes."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from typing import Final

import structlog

from contract.reading import Block
from drivers.base import Clock
from edge_agent.core.neighbours import Neighbours
from edge_agent.core.poll_plan import StateWatch, stagger_s
from edge_agent.shell.device_poller import BlockSink, DevicePoller, Finder, ignore
from edge_agent.shell.devices import Device
from edge_agent.shell.line_loads import LineLoads
from edge_agent.shell.wake_ups import WakeUps

MAX_BURSTS: Final = 10
"""So many times in the shortest interval lines begin."""
_log = structlog.get_logger("poller")


class Poller:
    """Polls all devices of a gateway.

    Attributes:
        passes: Rises each second while every line gets on with its work: a watchdog may be fed.
    """

    def __init__(self, devices: tuple[Device, ...], clock: Clock, sink: BlockSink, found: Finder = ignore) -> None:
        """Prepare.

        Args:
            devices: What to poll.
            clock: The gateway's clocks.
            sink: Takes each block.
            found: Called when a device was found, at the start and whenever it was away, before its first block.
        """
        self.passes = 0
        self._sink = sink
        on_line: Counter[str] = Counter()
        self.pollers: dict[str, DevicePoller] = {}
        shares = Counter(device.config.line for device in devices)
        wake_ups = WakeUps()
        # Lines begin one after the other as well: behind one radio link a hundred of them are asked at once. In a few
        # bursts, since a process that is woken for each of them alone pays three times the CPU.
        bursts = min(len(shares), MAX_BURSTS)
        begins = {line: number * bursts // len(shares) / bursts for number, line in enumerate(shares)}
        neighbours = {line: Neighbours() for line in shares}
        for device in devices:
            line = device.config.line
            place = on_line[line] + begins[line]
            delay_s = stagger_s(place, shares[line], min(device.intervals.fast_s, 1.0))
            on_line[line] += 1
            arrived = self._arrived if device.supply_points else sink
            poller = self.pollers[device.id] = DevicePoller(device, clock, arrived, delay_s, found, wake_ups)
            poller.neighbours = neighbours[line]
        self.line_loads = LineLoads(self.pollers.values())
        self._supply = {
            device.id: StateWatch({point.key: point.spec.urgent_levels for point in device.supply_points})
            for device in devices
            if device.supply_points
        }

    async def run(self) -> None:
        """Poll until cancelled; a programming error in one device's task ends all, and the agent restarts."""
        async with asyncio.TaskGroup() as group:
            for poller in self.pollers.values():
                group.create_task(poller.run(), name=f"poll {poller.device.id}")
            group.create_task(self._count_passes(), name="poll passes")
            group.create_task(self.line_loads.run(), name="line loads")

    def reread_alarms(self) -> None:
        """Read every point at once that alarms rest on, as after each connection."""
        for poller in self.pollers.values():
            poller.reread(poller.device.alarm_points)

    def reread_points(self, points: Iterable[str]) -> None:
        """Read points (device/key) at once, as after a switch."""
        by_device: dict[str, list[str]] = {}
        for point in points:
            device, _, key = point.partition("/")
            by_device.setdefault(device, []).append(key)
        for name, keys in by_device.items():
            poller = self.pollers.get(name)
            if poller is not None:
                known = poller.device.by_key
                poller.reread(tuple(known[key] for key in sorted(keys) if key in known))

    def _arrived(self, device: Device, block: Block) -> None:
        self._sink(device, block)
        watch = self._supply.get(device.id)
        if watch is not None and watch.changed(zip(block.keys, block.values, strict=True)):
            _log.info("supply changed", device=device.id)
            for poller in self.pollers.values():
                poller.supply_changed()

    async def _count_passes(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(1.0)
            if not self._stuck(loop.time()):
                self.passes += 1

    def _stuck(self, now_s: float) -> bool:
        """Return whether some line has work and has finished none of it for far longer than its time-outs allow."""
        waiting: dict[str, list[float]] = {}
        for poller in self.pollers.values():
            if poller.reading_since_s is not None:
                waiting.setdefault(poller.device.config.line, []).append(poller.reading_since_s)
        for line, since in waiting.items():
            device = next(p.device for p in self.pollers.values() if p.device.config.line == line)
            # Whoever began last began after the newest answer, so its age is how long the line has been still.
            patience_s = sum(p.device.patience_s for p in self.pollers.values() if p.device.config.line == line)
            allowed_s = 30.0 + 4 * device.hold_s(device.line_config.timeout_s) * len(since) + patience_s
            if now_s - max(since) > allowed_s:
                return True
        return False

    def status(self, monotonic_ms: int) -> list[dict[str, object]]:
        """Return what `edge-agent status` shows of each device."""
        return [_status_of(poller, monotonic_ms) for poller in self.pollers.values()]


def _status_of(poller: DevicePoller, monotonic_ms: int) -> dict[str, object]:
    counters = poller.counters
    good_ms = counters.last_good_monotonic_ms
    return {
        "device": poller.device.id,
        "line": poller.device.config.line,
        "profile": poller.device.profile.profile,
        "last_good_age_s": None if good_ms is None else max(0, monotonic_ms - good_ms) / 1000,
        "points": len(poller.device.driver.points),
        "bad_points": {key: str(cause) for key, cause in sorted(poller.bad_points.items())},
        "set_aside": poller.breaker.is_open,
        "wrong_type": poller.wrong_type,
        "polls": counters.polls,
        "polls_dropped": poller.plan.dropped,
        "failures": {str(cause): count for cause, count in sorted(counters.failures.items())},
        "busy_s": round(counters.busy_s, 3),
        "bus_mean_s": round(poller.bus_time.answered.mean_s, 4),
        "bus_worst_s": round(poller.bus_time.worst_s, 4),
        "bus_share": round(poller.bus_time.share, 4),
        "bus_need": None if (need := poller.need) is None else round(need, 4),
        "last_cause": str(counters.last_cause),
        "last_failure": counters.last_failure,
    }
