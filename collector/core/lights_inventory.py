"""What of a cabinet's lamps is measured together: circuits that share a power point are judged as one group."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from config.city import Cabinet, Circuit

MAGNETIC_EXPONENT: Final = 1.8
"""How power follows voltage, P ~ U^k, behind a magnetic ballast before it is learned; the notes say 1.5 to 2."""
ELECTRONIC_EXPONENT: Final = 0.0
"""An LED driver takes the same power at every voltage that it accepts."""
_PHASE_POINT: Final = re.compile(r"^p([123])$")


@dataclass(frozen=True, slots=True)
class PowerPoint:
    """One active power and the voltages that drive it.

    Attributes:
        point: `device/key`, in W.
        voltages: `device/key` of each, in V; none where nothing measures them.
    """

    point: str
    voltages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Circuits that only a common power tells of; mostly one circuit.

    Attributes:
        name: The circuits' names, joined by `+`.
        circuits: In the order of the inventory.
        powers: What adds up to their power.
    """

    name: str
    circuits: tuple[Circuit, ...]
    powers: tuple[PowerPoint, ...]

    @property
    def key(self) -> str:
        """What its points end with: lower case, joined by `_`."""
        return self.name.lower().replace("+", "_").replace("-", "_")

    @property
    def ids(self) -> frozenset[str]:
        """The circuits' names."""
        return frozenset(circuit.id for circuit in self.circuits)

    @property
    def exponent(self) -> float:
        """The exponent of voltage before any is learned, weighted by power."""
        total_w = self.nameplate_w(self.ids)
        magnetic_w = sum(each.lamps * each.lamp_power_w for each in self.circuits if each.lamp_type != "led")
        return MAGNETIC_EXPONENT * magnetic_w / total_w + ELECTRONIC_EXPONENT

    def nameplate_w(self, lit: Iterable[str]) -> float:
        """Return the power of the lit circuits at full light and nominal voltage by the inventory, in W."""
        burning = set(lit)
        return math.fsum(each.lamps * each.lamp_power_w for each in self.circuits if each.id in burning)

    def lamps(self, lit: Iterable[str]) -> int:
        """Return how many lamps hang on the lit circuits."""
        burning = set(lit)
        return sum(each.lamps for each in self.circuits if each.id in burning)

    def least_lamps(self, lit: Iterable[str]) -> float:
        """Return the lit circuits' power as a number of their smallest lamps: how many steps one lamp is a part of."""
        burning = set(lit)
        lamp_powers_w = [each.lamp_power_w for each in self.circuits if each.id in burning]
        return self.nameplate_w(burning) / min(lamp_powers_w) if lamp_powers_w else 0.0


def groups_of(cabinet: Cabinet) -> tuple[Group, ...]:
    """Return the groups of a cabinet, in the order of their first circuits; none without circuits."""
    members: list[tuple[list[Circuit], dict[str, PowerPoint]]] = []
    for circuit in cabinet.circuits:
        points = {power.point: power for power in _powers(cabinet, circuit)}
        touching = [group for group in members if group[1].keys() & points.keys()]
        circuits = [each for group in touching for each in group[0]] + [circuit]
        for group in touching:
            # Voltages of a shared point are those of whoever names more of them.
            for point, power in group[1].items():
                if len(power.voltages) >= len(points.get(point, power).voltages):
                    points[point] = power
        position = members.index(touching[0]) if touching else len(members)
        members = [group for group in members if group not in touching]
        members.insert(position, (circuits, points))
    return tuple(
        Group("+".join(each.id for each in circuits), tuple(circuits), tuple(points[name] for name in sorted(points)))
        for circuits, points in members
    )


def _powers(cabinet: Cabinet, circuit: Circuit) -> Iterable[PowerPoint]:
    meter = cabinet.devices.meter
    for given in circuit.power or tuple(f"p{phase}" for phase in circuit.phases):
        device, _, key = given.rpartition("/")
        device = device or meter or ""
        phase = _PHASE_POINT.match(key)
        if phase:
            voltages: tuple[str, ...] = (f"{device}/u{phase[1]}",)
        else:
            voltages = tuple(f"{meter or device}/u{number}" for number in circuit.phases)
        yield PowerPoint(f"{device}/{key}", voltages)
