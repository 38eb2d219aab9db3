"""Watches whether the lines can keep the poll intervals of their devices, and says so once each way."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final, Protocol

import structlog

from edge_agent.core.bus_time import BusTime, LineLoad
from edge_agent.shell.devices import Device

JUDGE_S: Final = 10.0
"""How often it is judged, and how long a window of shares is."""
_log = structlog.get_logger("poller")


class Polled(Protocol):
    """A device that is polled, as far as its line's load goes."""

    device: Device
    bus_time: BusTime

    @property
    def held_s(self) -> float:
        """How long its requests have held the line since the start."""
        ...

    @property
    def need(self) -> float | None:
        """The share of the line that its intervals need; None before that is learned."""
        ...

    @property
    def dropped(self) -> int:
        """Polls that were not done because the line was busy."""
        ...


class LineLoads:
    """The load of every line of a gateway."""

    def __init__(self, polled: Iterable[Polled]) -> None:
        self._on_line: dict[str, list[Polled]] = {}
        for one in polled:
            self._on_line.setdefault(one.device.config.line, []).append(one)
        self.loads = {line: LineLoad() for line in self._on_line}

    async def run(self) -> None:
        """Judge until cancelled."""
        loop = asyncio.get_running_loop()
        judged_s = loop.time()
        while True:
            await asyncio.sleep(JUDGE_S)
            window_s, judged_s = loop.time() - judged_s, loop.time()
            for line, load in self.loads.items():
                self._judge(line, load, window_s)

    def _judge(self, line: str, load: LineLoad, window_s: float) -> None:
        polled = self._on_line[line]
        for one in polled:
            one.bus_time.close_window(one.held_s, window_s)
        change = load.judge(
            window_s,
            sum(one.need or 0.0 for one in polled),
            sum(one.held_s for one in polled),
            sum(one.dropped for one in polled),
        )
        if change is None:
            return
        facts = {"line": line, "needs": round(load.need, 2), "carries": round(load.carries, 2)}
        if change == "short":
            costly = sorted(polled, key=lambda one: one.need or 0.0, reverse=True)
            _log.warning("cycle too short", **facts, costliest=[one.device.id for one in costly[:3]])
        else:
            _log.info("cycle long enough", **facts)

    @property
    def too_short(self) -> int:
        """How many lines cannot keep their devices' intervals."""
        return sum(load.too_short for load in self.loads.values())

    def status(self) -> list[dict[str, object]]:
        """Return how far each line is used."""
        return [
            {
                "line": line,
                "share": round(load.share, 4),
                "needs": round(load.need, 4),
                "carries": round(load.carries, 4),
                "cycle_too_short": load.too_short,
            }
            for line, load in self.loads.items()
        ]
