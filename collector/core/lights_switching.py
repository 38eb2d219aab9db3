"""Circuits that do not do what they are told: stuck on, not closed, open behind the contactor, lit by day."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from collector.core.lights_inventory import Group
from collector.core.lights_view import CabinetView, Power
from config.city import Circuit

Fault = Literal["stuck_on", "line_open", "contactor_no_close", "day_burn"]
FAULTS: Final[tuple[Fault, ...]] = ("stuck_on", "line_open", "contactor_no_close", "day_burn")
DEAD_SHARE: Final = 0.05
BACK_SHARE: Final = 0.5
STUCK_SHARE: Final = 0.05
UNSTUCK_SHARE: Final = 0.03
DAY_SHARE: Final = 0.10
DAY_OVER_SHARE: Final = 0.05
DAY_DEGREES: Final = 3.0
DAY_HOLD_MS: Final = 600_000
SETTLE_MS: Final = 45_000
"""Without the gateway's own proof a switching is given its time: waiting after a boot, circuits one after another."""
PENDING_MS: Final = 300_000
"""A gateway that is still at its proof after so long is judged without it."""
HOT_MS: Final = 900_000
RESTRIKE_MS: Final[Mapping[str, int]] = {
    "led": 0,
    "fluorescent": 60_000,
    "sodium": 300_000,
    "metal_halide": 900_000,
    "mercury": 900_000,
}
"""A hot arc does not strike at once: a dip of the mains puts whole streets out, and no fuse has blown."""
_BY_PROOF: Final[Mapping[str, Fault]] = {
    "did_not_open": "stuck_on",
    "power_remains": "stuck_on",
    "did_not_close": "contactor_no_close",
    "line_open": "line_open",
}


@dataclass(slots=True)
class SwitchingWatch:
    """The faults of one group's circuits; `observe` judges each sample of its power.

    Attributes:
        faults: (fault, circuit) that hold.
        told: Circuit to its last wanted state and since when.
        day_ms: Since when it burns by day.
        burnt_ms: When it last burnt.
        dark_ms: Since when nothing burns though its supply is good.
    """

    group: Group
    faults: set[tuple[Fault, str]] = field(default_factory=set)
    told: dict[str, tuple[bool, int]] = field(default_factory=dict)
    day_ms: int | None = None
    burnt_ms: int | None = None
    dark_ms: int | None = None

    def observe(
        self,
        view: CabinetView,
        power: Power,
        expected_w: Callable[[frozenset[str]], float],
        off_w: float,
        sun_degrees: float,
    ) -> None:
        """Judge one sample.

        Args:
            view: The cabinet's readings at the time of the sample.
            power: The group's.
            expected_w: Returns what some of its circuits draw.
            off_w: What is drawn while all is off.
            sun_degrees: How high the sun stands.
        """
        at_ms = view.at_ms
        wanted = {each.id: view.wanted(each) for each in self.group.circuits}
        for name, value in wanted.items():
            if value is not None and (name not in self.told or self.told[name][0] is not value):
                self.told[name] = (value, at_ms)
        due = frozenset(name for name, value in wanted.items() if value)
        share_of_due = power.watts / max(1.0, expected_w(due)) if due else None
        full_w = max(1.0, expected_w(self.group.ids))
        off_share = max(0.0, power.watts - off_w) / full_w
        is_dead = self._is_dead(at_ms, power, share_of_due)
        any_wanted = any(value is not False for value in wanted.values())
        for circuit in self.group.circuits:
            if wanted[circuit.id] is None or not self._is_settled(view, circuit):
                continue
            if view.is_by_hand(circuit):
                self._clear(circuit.id, "stuck_on", "line_open", "contactor_no_close")
            elif wanted[circuit.id]:
                self._judge_on(view, circuit, power, share_of_due, is_dead=is_dead)
            else:
                self._judge_off(view, circuit, None if any_wanted else off_share)
        self._judge_day(view, off_share, sun_degrees)

    def _is_settled(self, view: CabinetView, circuit: Circuit) -> bool:
        since_ms = view.at_ms - self.told[circuit.id][1]
        proof = view.proof(circuit)
        if proof is None:
            return since_ms >= SETTLE_MS
        return bool(proof) or since_ms >= PENDING_MS

    def _is_dead(self, at_ms: int, power: Power, share_of_due: float | None) -> bool:
        """Whether nothing burns, and no lamps are waiting to strike again."""
        if share_of_due is None or not power.is_sound:
            self.dark_ms = None
            return False
        if share_of_due >= DEAD_SHARE:
            self.dark_ms = None
            if share_of_due > BACK_SHARE:
                self.burnt_ms = at_ms
            return False
        if self.dark_ms is None:
            self.dark_ms = at_ms
        if self.burnt_ms is None or self.dark_ms - self.burnt_ms > HOT_MS:
            return True
        return at_ms - self.dark_ms >= max(RESTRIKE_MS[each.lamp_type] for each in self.group.circuits)

    def _judge_on(
        self, view: CabinetView, circuit: Circuit, power: Power, share_of_due: float | None, *, is_dead: bool
    ) -> None:
        self._clear(circuit.id, "stuck_on")
        if not power.is_sound:
            return
        closed = view.closed(circuit)
        proof = _BY_PROOF.get(view.proof(circuit) or "")
        if self.dark_ms is not None and not is_dead:
            # A gateway without a contact takes hot lamps that wait to strike for a contactor that has opened.
            return
        is_open = closed is False or proof == "contactor_no_close" or (closed is None and is_dead)
        if is_open and proof != "line_open":
            self._raise(circuit.id, "contactor_no_close")
        elif is_dead or proof == "line_open":
            self._raise(circuit.id, "line_open")
        elif share_of_due is not None and share_of_due > BACK_SHARE:
            self._clear(circuit.id, "line_open", "contactor_no_close")

    def _judge_off(self, view: CabinetView, circuit: Circuit, off_share: float | None) -> None:
        self._clear(circuit.id, "line_open", "contactor_no_close")
        closed = view.closed(circuit)
        draws = off_share is not None and off_share > STUCK_SHARE
        if closed or draws or _BY_PROOF.get(view.proof(circuit) or "") == "stuck_on":
            self._raise(circuit.id, "stuck_on")
        elif off_share is None or off_share < UNSTUCK_SHARE:
            self._clear(circuit.id, "stuck_on")

    def _judge_day(self, view: CabinetView, off_share: float, sun_degrees: float) -> None:
        exempt = any(view.is_override(each) or view.is_by_hand(each) for each in self.group.circuits)
        name = self.group.name
        if sun_degrees <= DAY_DEGREES or exempt or off_share < DAY_OVER_SHARE:
            self.day_ms = None
            self._clear(name, "day_burn")
        elif off_share > DAY_SHARE:
            self.day_ms = view.at_ms if self.day_ms is None else self.day_ms
            if view.at_ms - self.day_ms >= DAY_HOLD_MS:
                self._raise(name, "day_burn")

    def _raise(self, name: str, fault: Fault) -> None:
        self.faults.add((fault, name))

    def _clear(self, name: str, *faults: Fault) -> None:
        self.faults -= {(fault, name) for fault in faults}

    def dump(self) -> dict[str, Any]:
        """Return it as plain JSON data."""
        return {
            "faults": sorted(self.faults),
            "told": {name: list(kept) for name, kept in self.told.items()},
            "day": [self.day_ms, self.burnt_ms, self.dark_ms],
        }

    def restore(self, data: Mapping[str, Any]) -> None:
        """Take back what `dump` gave; circuits that are gone are dropped."""
        names = self.group.ids | {self.group.name}
        self.faults = {(fault, name) for fault, name in data["faults"] if fault in FAULTS and name in names}
        self.told = {name: (bool(on), int(at_ms)) for name, (on, at_ms) in data["told"].items() if name in names}
        self.day_ms, self.burnt_ms, self.dark_ms = data["day"]
