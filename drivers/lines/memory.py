"""A serial line in memory and in virtual time: the bus's own rules over a device that is a function."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from drivers.base import Exchange, Framing, LineCounters, Moment, Wake, manners_of
from drivers.lines.bus import Bus, BusTiming

Answers = Iterable[tuple[int, bytes]]
"""Bytes and how many microseconds after the request's last bit the last of them arrives."""


@dataclass(slots=True)
class VirtualTime:
    """A clock that moves only when somebody waits on it; both of its clocks show the same milliseconds."""

    us: int = 0
    epoch_ms: int = 1_767_225_600_000

    def wall_ms(self) -> int:
        """Return milliseconds since 1970 UTC, from 1 January 2026 on."""
        return self.epoch_ms + self.us // 1_000

    def monotonic_ms(self) -> int:
        """Return milliseconds since the start."""
        return self.us // 1_000


@dataclass(slots=True)
class MemoryPort:
    """A port whose far end is a function from a request to its answers.

    Attributes:
        log: Everything that passed: microseconds, `>>` or `<<`, bytes.
    """

    time: VirtualTime
    character_us: float
    device: Callable[[bytes], Answers]
    log: list[tuple[int, str, bytes]] = field(default_factory=list)
    _coming: list[tuple[int, bytes]] = field(default_factory=list)

    def now_us(self) -> int:
        """Return the virtual time."""
        return self.time.us

    def wait(self, until_us: int) -> None:
        """Move the time."""
        self.time.us = max(self.time.us, until_us)

    def wake(self, wake: Wake) -> None:
        """Write the break down, and let its time pass."""
        self.log.append((self.time.us, "~~", b""))
        self.time.us += wake.break_us + wake.marking_us

    def write(self, data: bytes) -> None:
        """Let the device answer."""
        self.log.append((self.time.us, ">>", data))
        sent_us = self.time.us + round(len(data) * self.character_us)
        self._coming += [(sent_us + delay_us, answer) for delay_us, answer in self.device(data)]
        self._coming.sort(key=lambda item: item[0])

    def read(self, until_us: int) -> bytes:
        """Return what arrives next until a time, and move the time there."""
        if not self._coming or self._coming[0][0] > max(until_us, self.time.us):
            self.wait(until_us)
            return b""
        at_us, data = self._coming.pop(0)
        self.wait(at_us)
        self.log.append((at_us, "<<", data))
        return data


class MemoryLine:
    """A line over a MemoryPort; an exchange takes no real time."""

    up = True
    carries_instruments = True

    def __init__(self, port: MemoryPort, timing: BusTiming, name: str = "memory", *, framing: Framing = "rtu") -> None:
        self.id = name
        self.framing = framing
        self.counters = LineCounters()
        self._bus = Bus(port, timing, self.counters, port.time)

    async def exchange(self, exchange: Exchange, *, urgent: bool = False) -> Moment:  # noqa: ARG002 - never queues
        """Send the request and feed the answer."""
        self._bus.settle(manners_of(exchange))
        return self._bus.exchange(exchange)

    async def close(self) -> None:
        """Do nothing: there is no port to give back."""
