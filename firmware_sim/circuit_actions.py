"""Actions on the circuits of a cabinet: fuses, lamps, cables, taps, insulation."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from firmware_sim.core.cabinet import Cabinet
from firmware_sim.core.lamps import Circuit
from firmware_sim.findings import TEXTS
from firmware_sim.steps import ActionError, CabinetStep


class CircuitStep(CabinetStep):
    """An action on one circuit."""

    circuit: str

    def examine(self, cabinet: Cabinet) -> None:
        """Raise ActionError if the cabinet has no such circuit."""
        if self.circuit not in cabinet.circuits:
            known = ", ".join(cabinet.circuits) or TEXTS.text("none")
            facts = {"cabinet": cabinet.design.id, "name": self.circuit, "known": known}
            raise ActionError("circuit", TEXTS.text("no_circuit", **facts))

    def change(self, cabinet: Cabinet) -> None:
        """Change the circuit."""
        self.change_circuit(cabinet.circuits[self.circuit])

    def change_circuit(self, circuit: Circuit) -> None:
        """Change one circuit."""
        raise NotImplementedError


class FuseEvent(CircuitStep):
    """A circuit's fuse blows or is replaced."""

    do: Literal["fuse_blown", "fuse_replaced"]

    def change_circuit(self, circuit: Circuit) -> None:
        """Open or close the circuit."""
        circuit.fuse_blown = self.do == "fuse_blown"


class LampEvent(CircuitStep):
    """Lamps of a circuit die or are replaced."""

    do: Literal["lamp_dead", "lamp_replaced"]
    lamps: int = Field(default=1, ge=1, le=10000)

    def change_circuit(self, circuit: Circuit) -> None:
        """Count the dead lamps."""
        change = self.lamps if self.do == "lamp_dead" else -self.lamps
        circuit.dead_lamps = min(circuit.design.lamps, max(0, circuit.dead_lamps + change))


class LampsCycling(CircuitStep):
    """Sodium lamps reach the end of their life: they go out hot and start again; 0 replaces them."""

    do: Literal["lamp_cycling"]
    lamps: int = Field(default=1, ge=0, le=10000)

    def examine(self, cabinet: Cabinet) -> None:
        """Raise ActionError if the circuit has no arc lamps."""
        super().examine(cabinet)
        if cabinet.circuits[self.circuit].design.lamp_kind != "sodium":
            facts = {"cabinet": cabinet.design.id, "name": self.circuit}
            raise ActionError("circuit", TEXTS.text("no_arcs", **facts))

    def change_circuit(self, circuit: Circuit) -> None:
        """Count the cycling lamps."""
        circuit.let_cycle(self.lamps)


class CableEvent(CircuitStep):
    """A cable is stolen or cut; `lamps` hang behind the cut (all when left out). Repaired, all is as before."""

    do: Literal["cable_stolen", "cable_repaired"]
    lamps: int | None = Field(default=None, ge=0, le=10000)

    def change_circuit(self, circuit: Circuit) -> None:
        """Cut the lamps off, with their capacitors."""
        circuit.cable_open = self.do == "cable_stolen"
        behind = circuit.design.lamps if self.lamps is None else min(self.lamps, circuit.design.lamps)
        circuit.cut_lamps = behind if circuit.cable_open else 0


class CableTapped(CircuitStep):
    """Somebody hangs a load on a cable: behind the contactor it runs with the lamps, before it day and night."""

    do: Literal["cable_tapped"]
    power_w: float = Field(ge=0.0, le=1e6)
    side: Literal["behind_contactor", "before_contactor"] = "behind_contactor"

    def change(self, cabinet: Cabinet) -> None:
        """Set the load; 0 W ends it."""
        circuit = cabinet.circuits[self.circuit]
        if self.side == "behind_contactor":
            circuit.tap_w = self.power_w
        else:
            cabinet.extra_load_w[circuit.design.phase - 1] = self.power_w


class Leakage(CabinetStep):
    """Insulation lets a current through at nominal voltage: of one circuit, or in the cabinet itself; 0 ends it."""

    do: Literal["leakage"]
    leak_ma: float = Field(ge=0.0, le=30_000.0)
    circuit: str | None = None

    def examine(self, cabinet: Cabinet) -> None:
        """Raise ActionError if the cabinet has no such circuit."""
        if self.circuit is not None:
            circuit_step = FuseEvent(do="fuse_blown", cabinet=self.cabinet, circuit=self.circuit)
            circuit_step.examine(cabinet)

    def change(self, cabinet: Cabinet) -> None:
        """Set the current; the residual-current device trips at its setting."""
        if self.circuit is None:
            cabinet.earth_leak_ma = self.leak_ma
        else:
            cabinet.circuits[self.circuit].leak_ma = self.leak_ma
