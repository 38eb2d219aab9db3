"""What an order would touch: which gateways with which circuits, and which cabinets it cannot reach and why."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from collector.core.authority import in_area
from config.city import Cabinet
from config.collector import User

Refusal = Literal["class_never_switched", "not_your_area", "no_key", "shares_gateway", "no_such_circuit"]


@dataclass(frozen=True, slots=True)
class Target:
    """One gateway's part; no circuits means all of the gateway's."""

    gateway: str
    circuits: tuple[str, ...]
    cabinets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What an order would do.

    Attributes:
        targets: By gateway.
        refused: Cabinet to the cause for which it is left out.
    """

    targets: tuple[Target, ...]
    refused: Mapping[str, Refusal]

    @property
    def cabinets(self) -> tuple[str, ...]:
        """The cabinets that are touched."""
        return tuple(name for target in self.targets for name in target.cabinets)

    @property
    def fingerprint(self) -> str:
        """The same for the same cabinets and circuits: what was shown is what is done."""
        told = "\n".join(f"{t.gateway} {','.join(t.circuits)} {','.join(t.cabinets)}" for t in self.targets)
        return hashlib.sha256(told.encode()).hexdigest()[:16]


def plan_order(
    chosen: Sequence[Cabinet],
    inventory: Iterable[Cabinet],
    *,
    user: User,
    has_key: Callable[[str], bool],
    circuits: Sequence[str] = (),
) -> Plan:
    """Return what an order to these cabinets would do.

    Args:
        chosen: By the operator.
        inventory: All cabinets of the city: a gateway's others must not be touched.
        user: Whose areas count.
        has_key: Whether commands to a gateway can be signed.
        circuits: Only these of each cabinet, by the inventory's names; all if none is named.
    """
    refused: dict[str, Refusal] = {}
    switched: dict[str, set[str]] = {}
    for cabinet in inventory:
        if cabinet.is_switched:
            switched.setdefault(cabinet.gateway, set()).add(cabinet.id)
    behind: dict[str, list[Cabinet]] = {}
    for cabinet in chosen:
        cause = _refusal(cabinet, user, has_key)
        if cause:
            refused[cabinet.id] = cause
        else:
            behind.setdefault(cabinet.gateway, []).append(cabinet)
    targets: list[Target] = []
    for gateway, cabinets in sorted(behind.items()):
        whole = not circuits and {cabinet.id for cabinet in cabinets} == switched[gateway]
        named: dict[str, None] = {}
        taken: list[str] = []
        for cabinet in cabinets:
            own = () if whole else _circuits_of(cabinet, circuits, alone=len(switched[gateway]) == 1)
            if not whole and not own:
                refused[cabinet.id] = "no_such_circuit" if circuits else "shares_gateway"
                continue
            named.update(dict.fromkeys(own))
            taken.append(cabinet.id)
        if taken:
            targets.append(Target(gateway, tuple(named), tuple(taken)))
    return Plan(tuple(targets), refused)


def _refusal(cabinet: Cabinet, user: User, has_key: Callable[[str], bool]) -> Refusal | None:
    if not cabinet.is_switched:
        return "class_never_switched"
    if not in_area(user, cabinet):
        return "not_your_area"
    return None if has_key(cabinet.gateway) else "no_key"


def _circuits_of(cabinet: Cabinet, wanted: Sequence[str], *, alone: bool) -> tuple[str, ...]:
    """Return the gateway's names of a cabinet's circuits; what the inventory does not name is taken as it is."""
    if not cabinet.circuits:
        return tuple(wanted) if alone else ()
    return tuple(circuit.at_gateway for circuit in cabinet.circuits if not wanted or circuit.id in wanted)
