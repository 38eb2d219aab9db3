"""The circuits of a cabinet as one machine: aims and readings go in, what to write and what to read come out.

It has no clock and touches nothing: the shell writes by the one road to the relays and tells what came of it.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from contract.reading import Value
from edge_agent.core.lights.ledger import Ledger
from edge_agent.core.lights.pace import Lamps, Stagger
from edge_agent.core.lights.priority import Aim
from edge_agent.core.lights.proof import LIT_SHARE, PENDING, Proof, ProofJudge, Sample
from edge_agent.core.outputs import Output

READ_AGAIN_S: Final = 1.0
"""While a proof is pending its points are read this often."""
FIRST_LOOK_S: Final = 5.0
"""A start waits this long to see what the relays show: what is right already is not written."""
FULL: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitRules:
    """One circuit as configured; points are `device/key`."""

    id: str
    output: str
    feedback: str | None = None
    power: tuple[str, ...] = ()
    full_power_w: float = 0.0
    shares_meter: bool = False
    dimmer: str | None = None
    full_power_before_dim_s: float = 300.0
    rest_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One value for one point.

    Attributes:
        releases: The coil is let go, to be energised once more.
    """

    circuit: str
    point: str
    value: Value
    releases: bool = False


@dataclass(slots=True)
class Circuit:
    """One circuit at work."""

    rules: CircuitRules
    output: Output
    judge: ProofJudge
    lamps: Lamps
    dimmer: Output | None = None
    aim: Aim | None = None
    proof: Proof = PENDING
    ledger: Ledger = field(default_factory=Ledger)
    relay_cause: str = ""
    asked_s: float = float("-inf")
    let_go: bool = False
    was_let_go: bool = False

    @property
    def proof_points(self) -> tuple[str, ...]:
        """What must be read to prove it."""
        return ((self.rules.feedback,) if self.rules.feedback else ()) + self.rules.power

    def actual(self) -> bool | None:
        """Return what it does, by the best there is: the contact, the meter, the relay; None: not known."""
        proof = self.proof
        if proof.feedback is not None:
            return proof.feedback
        if proof.power_w is not None and not self.rules.shares_meter:
            return proof.power_w >= LIT_SHARE * self.rules.full_power_w
        if self.proof_points and not self.rules.shares_meter:
            return None
        return None if self.output.shown is None else bool(self.output.shown)


class Circuits:
    """All circuits of a cabinet. All times are boot-clock seconds.

    Attributes:
        by_id: In the order of the configuration, which is the order that they are switched in.
        is_local: Whether the switch in the door is out of automatic.
        has_supply: What the input that sees the supply says; None: not known or not fitted.
    """

    def __init__(
        self,
        rules: Iterable[CircuitRules],
        *,
        stagger_s: float,
        begun_s: float,
        start_s: float,
        selector: str | None = None,
        mains_ok: str | None = None,
        is_warm: bool = False,
    ) -> None:
        """Prepare.

        Args:
            rules: The circuits.
            stagger_s: Between two circuits.
            begun_s: When the agent started: for a moment it waits to see what the relays show.
            start_s: Nothing is switched before, but what a permit puts out.
            selector: The switch in the door, true in automatic.
            mains_ok: The input that sees the supply.
            is_warm: Whether the gateway was not without power since it ran last: lamps that burn have done so before.
        """
        self.by_id = {one.id: _circuit(one) for one in rules}
        self.is_local = False
        self.has_supply: bool | None = None
        self._stagger = Stagger(stagger_s, start_s)
        self._unseen_until_s = begun_s + FIRST_LOOK_S
        self._selector = selector
        self._mains_ok = mains_ok
        self._is_warm = is_warm
        self._seen: dict[str, Sample] = {}
        self._outputs = {circuit.output.point: circuit for circuit in self.by_id.values()}
        self._dimmers = {circuit.dimmer.point: circuit for circuit in self.by_id.values() if circuit.dimmer}
        watched = {point for circuit in self.by_id.values() for point in circuit.proof_points}
        self.watched = frozenset(
            watched | set(self._outputs) | set(self._dimmers) | {*filter(None, (selector, mains_ok))}
        )

    def show(self, point: str, value: Value | None, seen_s: float) -> None:
        """Take what a poll shows of a point; None if the reading is BAD."""
        if point in self._outputs and value is not None:
            circuit = self._outputs[point]
            is_first = circuit.output.shown is None
            circuit.output.show(bool(value), seen_s)
            circuit.lamps.burn(bool(circuit.output.shown), seen_s, since_long=is_first and self._is_warm)
        elif point in self._dimmers and value is not None:
            dimmer = self._dimmers[point].dimmer
            if dimmer is not None and not isinstance(value, str):
                dimmer.show(round(float(value)), seen_s)
        number = None if value is None or isinstance(value, str) else float(value)
        self._seen[point] = Sample(number, seen_s)
        if point == self._selector:
            self.is_local = number == 0.0
        elif point == self._mains_ok:
            self._supply(None if number is None else bool(number), seen_s)

    def _supply(self, has_supply: bool | None, seen_s: float) -> None:
        if has_supply is False and self.has_supply is not False:
            for circuit in self.by_id.values():
                circuit.lamps.supply_lost(seen_s)
        if has_supply and self.has_supply is False:
            for circuit in self.by_id.values():
                if circuit.output.shown:
                    circuit.lamps.burn(True, seen_s)
                if circuit.output.target is not None:
                    circuit.judge.demanded(bool(circuit.output.target), seen_s)
        self.has_supply = has_supply

    def circuit_of(self, point: str) -> Circuit | None:
        """Return the circuit whose relay or dimmer a point is."""
        return self._outputs.get(point) or self._dimmers.get(point)

    def pace(self, stagger_s: float) -> None:
        """Set the seconds between two circuits."""
        self._stagger.gap_s = stagger_s

    def aim(self, aims: Mapping[str, Aim], now_s: float) -> None:
        """Set what each circuit should do."""
        for name, aim in aims.items():
            circuit = self.by_id[name]
            was = circuit.output.target
            circuit.aim = aim
            circuit.output.aim(aim.is_on, now_s)
            if was != aim.is_on:
                circuit.let_go = circuit.was_let_go = False
                circuit.relay_cause = ""
                circuit.proof = PENDING
            if circuit.dimmer is not None and aim.is_on:
                warm = circuit.lamps.may_dim(now_s)
                circuit.dimmer.aim(aim.dim if warm and aim.dim is not None else FULL, now_s)

    def demand(self, names: Iterable[str], now_s: float) -> None:
        """Ask for evidence from now on of circuits that may already be as they should."""
        for name in names:
            circuit = self.by_id[name]
            if circuit.output.target is not None:
                circuit.proof = PENDING
                circuit.asked_s = float("-inf")
                circuit.judge.demanded(bool(circuit.output.target), now_s)

    def due(self, now_s: float, busy: Container[str] = ()) -> Write | None:
        """Return what must be written now, None if nothing; circuits in `busy` are still being written."""
        ready = [
            circuit
            for name, circuit in self.by_id.items()
            if name not in busy and self.opens_s(circuit, now_s) <= now_s
        ]
        for circuit in sorted(ready, key=lambda one: not (one.aim and one.aim.at_once)):
            if circuit.let_go:
                return Write(circuit=circuit.rules.id, point=circuit.output.point, value=False, releases=True)
            target = circuit.output.target
            if target is None:
                continue
            # Lamps are struck at full power, so the dimmer goes before the contactor.
            return (self._dim(circuit, now_s) if target else None) or Write(
                circuit=circuit.rules.id, point=circuit.output.point, value=target
            )
        if now_s < self._stagger.start_s:
            return None
        free = (circuit for name, circuit in self.by_id.items() if name not in busy)
        return next((write for circuit in free if (write := self._dim(circuit, now_s))), None)

    def _dim(self, circuit: Circuit, now_s: float) -> Write | None:
        dimmer = circuit.dimmer
        is_on = circuit.aim is not None and circuit.aim.is_on
        if dimmer is None or dimmer.target is None or not is_on or not dimmer.must_write(now_s):
            return None
        return Write(circuit=circuit.rules.id, point=dimmer.point, value=dimmer.target)

    def begin(self, write: Write, now_s: float) -> None:
        """Take that a write is on its way."""
        circuit = self.by_id[write.circuit]
        if write.point == circuit.output.point:
            self._stagger.switched(write.circuit, now_s)
            circuit.judge.before_switch(self._seen)

    def opens_s(self, circuit: Circuit, now_s: float) -> float:
        """Return when a circuit that must be written may be; infinity if it need not be."""
        if circuit.let_go:
            return self._stagger.opens_s(circuit.rules.id)
        if not circuit.output.must_write(now_s):
            return float("inf")
        if circuit.aim is not None and circuit.aim.at_once:
            return now_s
        opens_s = self._stagger.opens_s(circuit.rules.id)
        if circuit.output.shown is None:
            opens_s = max(opens_s, self._unseen_until_s)
        return max(opens_s, circuit.lamps.strikes_s()) if circuit.output.target else opens_s

    def holds_back(self, name: str, now_s: float) -> str:
        """Return why a circuit is not switched yet: starting, resting, waiting; empty if nothing holds it."""
        circuit = self.by_id[name]
        opens_s = self.opens_s(circuit, now_s)
        if opens_s == float("inf") or opens_s <= now_s:
            return ""
        if now_s < self._stagger.start_s:
            return "starting"
        return "resting" if circuit.output.target and circuit.lamps.strikes_s() > now_s else "waiting"

    def wrote(self, write: Write, *, confirmed: bool, reached: bool, ended_s: float) -> None:
        """Take what came of a write.

        Args:
            write: What was written.
            confirmed: The device's read-back shows it.
            reached: False if the device was silent to the write and to the reads after it.
            ended_s: When it ended.
        """
        circuit = self.by_id[write.circuit]
        if circuit.dimmer is not None and write.point == circuit.dimmer.point:
            if circuit.dimmer.target == write.value:
                circuit.dimmer.done(confirmed, ended_s, is_reached=reached)
            return
        self._stagger.switched(write.circuit, ended_s)
        circuit.lamps.burn(bool(write.value), ended_s)
        if write.releases:
            if circuit.let_go:
                circuit.let_go, circuit.was_let_go = False, True
                circuit.output.let_go(ended_s)
            circuit.judge.retried(ended_s)
            return
        if circuit.output.target is not write.value:
            return
        is_retry, circuit.was_let_go = circuit.was_let_go, False
        circuit.output.done(confirmed, ended_s, is_reached=reached)
        circuit.relay_cause = "" if confirmed else "relay_silent" if not reached else "relay_differs"
        circuit.asked_s = float("-inf")
        if is_retry:
            circuit.judge.retried(ended_s)
        elif circuit.output.attempts == 1 or confirmed:
            circuit.judge.switched(bool(write.value), ended_s)

    def look(self, now_s: float) -> frozenset[str]:
        """Judge every circuit, keep its ledger, and return the points that must be read at once."""
        wanted: set[str] = set()
        for circuit in self.by_id.values():
            circuit.proof = self._proof(circuit, now_s)
            circuit.ledger.see(circuit.actual(), now_s)
            is_asked = circuit.proof.state == "pending" and now_s >= circuit.asked_s + READ_AGAIN_S
            if is_asked and circuit.output.target is not None and not circuit.output.must_write(now_s):
                circuit.asked_s = now_s
                wanted.update(circuit.proof_points or (circuit.output.point,))
        return frozenset(wanted)

    def _proof(self, circuit: Circuit, now_s: float) -> Proof:
        if circuit.output.target is None:
            return PENDING
        must_write = circuit.output.must_write(now_s)
        if not must_write and circuit.judge.wanted is not circuit.output.target:
            # It was so already, or the relay is silent: what the contactor and the meter say counts all the same.
            circuit.judge.demanded(bool(circuit.output.target), now_s)
        proof = circuit.judge.judge(self._seen, now_s, is_local=self.is_local, has_supply=self.has_supply)
        if circuit.relay_cause and proof.cause != "local_override":
            return Proof(state="failed", cause=circuit.relay_cause, feedback=proof.feedback, power_w=proof.power_w)
        if proof.retry and not circuit.let_go:
            circuit.let_go = True
        if must_write and proof.cause != "local_override":
            return Proof(state="pending", feedback=proof.feedback, power_w=proof.power_w)
        return proof


def _circuit(rules: CircuitRules) -> Circuit:
    return Circuit(
        rules=rules,
        output=Output(rules.output),
        dimmer=Output(rules.dimmer) if rules.dimmer else None,
        judge=ProofJudge(
            feedback=rules.feedback,
            power=rules.power,
            full_power_w=rules.full_power_w,
            is_shared=rules.shares_meter,
        ),
        lamps=Lamps(rules.rest_s, rules.full_power_before_dim_s),
    )
