"""A device on its line: answers requests, and misbehaves as it was told."""

from __future__ import annotations

from dataclasses import dataclass, field

from firmware_sim.core.codec import Request, pack
from firmware_sim.core.faults import Exchange, Fault, FaultName, Sending, apply_fault
from firmware_sim.core.noise import Noise
from firmware_sim.core.server import Device, Served, serve

_FIRST_WRITE = 5
BROADCAST = 0


@dataclass(slots=True)
class Outcome:
    """What one request led to: bytes for the wire, and for the journal what they say."""

    sendings: list[Sending]
    served: Served | None = None
    fault: FaultName | None = None


@dataclass(slots=True)
class StationCounters:
    """How often a station was asked, answered, stayed silent and was faulty."""

    requests: int = 0
    replies: int = 0
    missing: int = 0
    dead: int = 0
    faults: dict[str, int] = field(default_factory=dict)


class Station:
    """A device with its unit number, its faults by name and its share of missing answers."""

    def __init__(self, name: str, unit: int, device: Device, noise: Noise, *, missing: float = 0.0) -> None:
        self.name = name
        self.unit = unit
        self.device = device
        self.missing = missing
        self.faults: dict[FaultName, Fault] = {}
        self.counters = StationCounters()
        self._noise = noise
        self._previous: bytes | None = None

    def exchange(self, request: Request, now_s: float) -> Outcome:
        """Answer one request for this unit; `now_s` is simulated time.

        Of several faults the first that is drawn takes effect. A missing answer leaves no other trace.
        """
        self.counters.requests += 1
        answer = serve(self.device, request.pdu, now_s)
        if answer is None:
            self.counters.dead += 1
            return Outcome([])
        if self._noise.chance(self.missing):
            self.counters.missing += 1
            return Outcome([])
        fault = next((item for item in self.active_faults(now_s) if self._noise.chance(item.share)), None)
        previous, self._previous = self._previous, pack(request, answer.pdu)
        if fault is None:
            self.counters.replies += 1
            return Outcome([Sending(0.0, self._previous)], answer.served)
        self.counters.faults[fault.name] = self.counters.faults.get(fault.name, 0) + 1
        exchange = Exchange(request, answer.pdu, previous)
        return Outcome(apply_fault(fault, exchange, self._noise), answer.served, fault.name)

    def active_faults(self, now_s: float) -> list[Fault]:
        """Return the faults that have not ended by then."""
        return [fault for fault in self.faults.values() if now_s < fault.ends_s]

    def broadcast(self, request: Request, now_s: float) -> None:
        """Carry out a write to all units; nothing is answered (Serial Line v1.02, section 2.1)."""
        if request.pdu and request.function >= _FIRST_WRITE:
            serve(self.device, request.pdu, now_s)
