"""What the newest readings of one cabinet say of its circuits, in the order in which a line of readings tells it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from collector.core.lights_inventory import Group
from collector.core.rules_evidence import USABLE
from config.city import Cabinet, Circuit
from contract.reading import Block, Cause, Value

CONTROL: Final = "control"
FRESH_MS: Final = 120_000
"""Readings of one moment: powers and voltages of two devices."""
STATE_FRESH_MS: Final = 1_800_000
"""A gateway tells its states on change and at each heartbeat; older ones are not believed."""
GREATEST: Final = 1e12
"""W, V, Wh or times: beyond it a value is no measurement, whatever its quality says."""
SUPPLY_GOOD: Final = 0.85
ENERGY_KEYS: Final = ("energy_import", "energy_total", "energy")


@dataclass(frozen=True, slots=True)
class Power:
    """One moment of a group: all its power points together.

    Attributes:
        watts: Their sum.
        x: ln(U / Un), weighted by power; 0 where nothing measures the voltage.
        is_sound: Whether every phase has its supply.
    """

    watts: float
    x: float
    is_sound: bool


@dataclass(slots=True)
class CabinetView:
    """The newest usable readings of one cabinet, on one line of time.

    Attributes:
        samples: `device/key` to (value, event time).
        at_ms: Event time of the newest.
        noted_minute: The minute (since 1970 UTC) whose states were last written down.
    """

    cabinet: Cabinet
    samples: dict[str, tuple[Value, int]] = field(default_factory=dict)
    at_ms: int = 0
    noted_minute: int = -1

    def take(self, block: Block, at_ms: int, wanted: Callable[[str], bool]) -> None:
        """Take the readings of a block that matter; what is not usable leaves the older value, which grows stale."""
        self.at_ms = max(self.at_ms, at_ms)
        for key, value in zip(block.keys, block.values, strict=True):
            point = f"{block.device}/{key}"
            if value is not None and wanted(point) and block.causes.get(key, Cause.OK) in USABLE:
                self.samples[point] = (value, at_ms)

    def value(self, point: str, within_ms: int) -> Value | None:
        """Return a point's value unless it is older than so much."""
        sample = self.samples.get(point)
        return None if sample is None or self.at_ms - sample[1] > within_ms else sample[0]

    def number(self, point: str, within_ms: int = FRESH_MS) -> float | None:
        """Return a point's value as a finite number."""
        value = self.value(point, within_ms)
        if value is None or isinstance(value, str):
            return None
        return float(value) if -GREATEST < value < GREATEST else None

    def state(self, key: str) -> float | None:
        """Return a state that the gateway tells of its lights."""
        return self.number(f"{CONTROL}/{key}", STATE_FRESH_MS)

    def words(self, key: str) -> str:
        """Return a text that the gateway tells of its lights; empty: none."""
        value = self.value(f"{CONTROL}/{key}", STATE_FRESH_MS)
        return value if isinstance(value, str) else ""

    def power(self, group: Group) -> Power | None:
        """Return a group's power now; None unless all of it was just read."""
        watts, weighted, is_sound = 0.0, 0.0, True
        for each in group.powers:
            part_w = self.number(each.point)
            if part_w is None:
                return None
            voltages = [volts for point in each.voltages if (volts := self.number(point)) is not None]
            nominal_v = self.cabinet.nominal_voltage_v
            if any(volts < SUPPLY_GOOD * nominal_v for volts in voltages):
                is_sound = False
            elif voltages:
                weighted += abs(part_w) * math.log(math.fsum(voltages) / len(voltages) / nominal_v)
            # A meter whose current transformer was fitted backwards shows the same lamps with the other sign.
            watts += abs(part_w)
        return Power(watts, weighted / watts if watts > 0 else 0.0, is_sound and self.has_mains() is not False)

    def has_mains(self) -> bool | None:
        """Return what the mains input says; None where there is none."""
        io = self.cabinet.devices.io
        value = self.number(f"{io}/mains_ok", STATE_FRESH_MS) if io else None
        return None if value is None else bool(value)

    def wanted(self, circuit: Circuit) -> bool | None:
        """Return whether the gateway wants a circuit on; None where it does not say."""
        told = self.state(f"wanted_{circuit.at_gateway.lower()}")
        if told is not None:
            return told > 0
        # Gateways with the short form of outputs tell of all their circuits at once.
        due = self.state("lamps_due")
        return None if due is None else due > 0

    def closed(self, circuit: Circuit) -> bool | None:
        """Return whether a circuit was proved to be switched on; None without proof."""
        told = self.state(f"actual_{circuit.at_gateway.lower()}")
        return None if told is None else told > 0

    def is_on(self, circuit: Circuit) -> bool | None:
        """Return whether a circuit is on, as well as anybody knows."""
        closed = self.closed(circuit)
        return self.wanted(circuit) if closed is None else closed

    def dim(self, group: Group) -> int | None:
        """Return how bright a group burns, in percent; None: full, or different within it."""
        levels = {self.state(f"dim_{each.at_gateway.lower()}") for each in group.circuits}
        level = levels.pop() if len(levels) == 1 else None
        if level is None or not 0 < level < 100:
            return None
        return max(1, round(level))

    def can_dim(self, group: Group) -> bool:
        """Whether the gateway has ever told of a dim level of the group."""
        return any(f"{CONTROL}/dim_{each.at_gateway.lower()}" in self.samples for each in group.circuits)

    def energy(self) -> tuple[str, float] | None:
        """Return the point and the value of the meter's energy counter, in Wh."""
        for key in ENERGY_KEYS:
            point = f"{self.cabinet.devices.meter}/{key}"
            value = self.number(point)
            if value is not None:
                return point, value
        return None

    def is_by_hand(self, circuit: Circuit) -> bool:
        """Whether somebody has a hand in it: the selector in the door, or a work permit."""
        reason = self.words(f"reason_{circuit.at_gateway.lower()}")
        return bool(self.state("selector_local")) or reason.startswith(("local", "permit"))

    def is_override(self, circuit: Circuit) -> bool:
        """Whether it burns because somebody, or a dark day, asked for it."""
        reason = self.words(f"reason_{circuit.at_gateway.lower()}") or self.words("reason")
        return reason.startswith(("override", "lamp_test", "lamp test", "dark_day"))

    def proof(self, circuit: Circuit) -> str | None:
        """Return what the gateway said when it last proved a switching: done or a cause.

        Empty while it is still at it: it leaves the point out then. None: it never tells.
        """
        key = circuit.at_gateway.lower()
        sample, wanted = (self.samples.get(f"{CONTROL}/{kind}_{key}") for kind in ("proof", "wanted"))
        if sample is None or not isinstance(sample[0], str):
            return None
        return sample[0] if wanted is None or sample[1] >= wanted[1] else ""

    def dump(self) -> dict[str, Any]:
        """Return it as plain JSON data."""
        return {"samples": {point: list(sample) for point, sample in self.samples.items()}, "at": self.at_ms}

    def restore(self, data: dict[str, Any], wanted: Callable[[str], bool]) -> None:
        """Take back what `dump` gave; points that no longer matter are dropped."""
        self.at_ms = int(data["at"])
        for point, (value, at_ms) in data["samples"].items():
            if wanted(point):
                self.samples[point] = (value, int(at_ms))
