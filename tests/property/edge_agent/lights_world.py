"""A cabinet in virtual time around the machine of the circuits: relays, contactors, a meter, and what can break."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from edge_agent.core.lights.circuits import CircuitRules, Circuits, Write
from edge_agent.core.lights.priority import Aim

STEP_S = 0.25
LAMP_W = 4000.0


@dataclass
class Hardware:
    """What stays when the agent is killed."""

    names: Sequence[str]
    relay: dict[str, bool] = field(default_factory=dict)
    welded: set[str] = field(default_factory=set)
    jammed: set[str] = field(default_factory=set)
    sticky: set[str] = field(default_factory=set)
    """Closes only at the second pull."""
    pulls: dict[str, int] = field(default_factory=dict)
    cut: set[str] = field(default_factory=set)
    leak_w: float = 0.0
    mute_meter: bool = False
    mute_relay: bool = False
    mains: bool = True
    auto: bool = True
    writes: list[tuple[float, str, bool]] = field(default_factory=list)

    def write(self, name: str, value: bool, at_s: float) -> bool:
        if self.mute_relay:
            return False
        if value and not self.relay.get(name):
            self.pulls[name] = self.pulls.get(name, 0) + 1
        self.relay[name] = value
        self.writes.append((at_s, name, value))
        return True

    def closed(self, name: str) -> bool:
        if name in self.welded:
            return True
        if name in self.jammed or not self.mains:
            return False
        return self.relay.get(name, False) and (name not in self.sticky or self.pulls.get(name, 0) > 1)

    def power_w(self, name: str) -> float:
        return LAMP_W if self.closed(name) and name not in self.cut and self.mains else self.leak_w


def rules(names: Sequence[str], **facts: object) -> list[CircuitRules]:
    return [
        CircuitRules(
            id=name,
            output=f"relay/k_{name}",
            feedback=f"relay/in_{name}",
            power=(f"meter/p_{name}",),
            full_power_w=LAMP_W,
            **facts,  # type: ignore[arg-type]  # the test's own
        )
        for name in names
    ]


class World:
    """One run of an agent on the hardware; a kill is a new World."""

    def __init__(
        self,
        hardware: Hardware,
        *,
        now_s: float = 0.0,
        stagger_s: float = 4.0,
        start_wait_s: float = 0.0,
        poll_s: float = 1.0,
        **facts: object,
    ) -> None:
        self.hardware = hardware
        self.now_s = now_s
        self.poll_s = poll_s
        self.machine = Circuits(
            rules(hardware.names, **facts),
            stagger_s=stagger_s,
            begun_s=now_s,
            start_s=now_s + start_wait_s,
            selector="relay/auto",
            mains_ok="relay/mains",
        )
        self.aims: Mapping[str, Aim] = {}
        self._polled_s = float("-inf")

    def poll(self) -> None:
        hardware, seen_s = self.hardware, self.now_s
        self.machine.show("relay/auto", None if hardware.mute_relay else hardware.auto, seen_s)
        self.machine.show("relay/mains", None if hardware.mute_relay else hardware.mains, seen_s)
        for name in hardware.names:
            silent = hardware.mute_relay
            self.machine.show(f"relay/k_{name}", None if silent else hardware.relay.get(name, False), seen_s)
            self.machine.show(f"relay/in_{name}", None if silent else hardware.closed(name), seen_s)
            power_w = None if hardware.mute_meter or not hardware.mains else hardware.power_w(name)
            self.machine.show(f"meter/p_{name}", power_w, seen_s)

    def write(self, write: Write) -> None:
        self.machine.begin(write, self.now_s)
        done = self.hardware.write(write.circuit, bool(write.value), self.now_s)
        self.now_s += 0.05
        self.machine.wrote(write, confirmed=done, reached=done, ended_s=self.now_s)

    def run(self, seconds: float, aims: Mapping[str, Aim] | None = None) -> None:
        if aims is not None:
            self.aims = aims
        end_s = self.now_s + seconds
        while self.now_s < end_s:
            if self.aims:
                self.machine.aim(self.aims, self.now_s)
            while (write := self.machine.due(self.now_s)) is not None:
                self.write(write)
            wanted = self.machine.look(self.now_s)
            if wanted or self.now_s >= self._polled_s + self.poll_s:
                self._polled_s = self.now_s
                self.now_s += 0.02
                self.poll()
            self.now_s += STEP_S

    def proof(self, name: str) -> tuple[str, str]:
        proof = self.machine.by_id[name].proof
        return proof.state, proof.cause


def on(names: Sequence[str], reason: str = "program") -> dict[str, Aim]:
    return {name: Aim(is_on=True, reason=reason) for name in names}


def off(names: Sequence[str], reason: str = "program", *, at_once: bool = False) -> dict[str, Aim]:
    return {name: Aim(is_on=False, reason=reason, at_once=at_once) for name in names}
