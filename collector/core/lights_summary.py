"""What one lighting day of one cabinet comes to: energy against the plan, burning minutes, switchings, the dark."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from collector.core.lights_energy import energy_of
from collector.core.lights_inventory import Group
from collector.core.lights_ledger import DayLedger, beginnings, count, minutes_between, union
from config.city import Cabinet

RUN_UP_MINUTES: Final = 10
"""Sodium lamps are not dark while they run up: these minutes after a switching on are never counted as unlit."""
EDGE_MS: Final = 1_800_000
"""Readings this near to the beginning and the end of the plan measure a whole night."""
UNKNOWN_GREATEST_W: Final = 43_000.0
"""63 A on three phases: the most that a cabinet without an inventory of circuits can draw."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NightSummary:
    """One lighting day of one cabinet.

    Attributes:
        day: ISO date of its evening.
        energy_wh: By the counter; None unless it was read over the whole of the plan.
        plan_wh: What the calendar's night takes at nominal voltage.
        full_wh: What all circuits take from sunset to sunrise.
        burning: Circuit to minutes switched on.
        planned: Circuit to minutes of the calendar.
        switchings: Circuit to how often it was switched on.
        due: Minutes in which some lamps were due, by the gateway's own word or by the calendar.
        unlit: Minutes of these in which a group drew less than half of what it should.
        unknown: Minutes of these of which nobody knows.
        rejected: Readings of the counter that were not believed.
        resets: How often it began anew.
    """

    day: str
    energy_wh: float | None = None
    plan_wh: float = 0.0
    full_wh: float = 0.0
    burning: Mapping[str, int]
    planned: Mapping[str, int]
    switchings: Mapping[str, int]
    due: int = 0
    unlit: int = 0
    unknown: int = 0
    rejected: int = 0
    resets: int = 0

    def dump(self) -> dict[str, Any]:
        """Return it as plain JSON data."""
        return asdict(self)

    @classmethod
    def restored(cls, data: Mapping[str, Any]) -> NightSummary:
        """Return what `dump` gave.

        Raises:
            TypeError: It is not what `dump` gave.
        """
        return cls(**data)


def summary_of(cabinet: Cabinet, groups: tuple[Group, ...], ledger: DayLedger, now_ms: int) -> NightSummary:
    """Return what a day comes to by all that is known of it at the own time `now_ms`."""
    past = minutes_between(0, ledger.minute(now_ms) + 1)
    burning: dict[str, int] = {}
    switchings: dict[str, int] = {}
    due: dict[str, int] = {}
    for circuit in cabinet.circuits:
        told = ledger.closed.get(circuit.id) or ledger.wanted.get(circuit.id)
        on = told.on() if told else 0
        # The gateway's own hours also know of minutes whose readings were lost.
        hours = _counted(ledger, f"on_hours_{circuit.at_gateway.lower()}", 26)
        burning[circuit.id] = max(count(on), round(60 * hours))
        counted = _counted(ledger, f"switch_count_{circuit.at_gateway.lower()}", 1000)
        switchings[circuit.id] = max(beginnings(on), round(counted))
        wanted = ledger.wanted.get(circuit.id)
        planned = ledger.planned(circuit.id)
        # Minutes to come are neither dark nor unknown.
        due[circuit.id] = past & (planned if wanted is None else wanted.on() | planned & ~wanted.known())
    unlit, unknown = 0, 0
    for group in groups:
        of_group = union(due[name] for name in group.ids)
        seen = ledger.lit.get(group.name)
        known = seen.known() if seen else 0
        unknown |= of_group & ~known
        if seen is not None:
            unlit |= _burnt_in(of_group) & known & ~seen.on()
    nameplate_w = sum(group.nameplate_w(group.ids) for group in groups)
    energy = energy_of(ledger.readings(), nameplate_w or UNKNOWN_GREATEST_W)
    whole = _is_whole(ledger, energy.first_ms, energy.last_ms)
    return NightSummary(
        day=ledger.day,
        energy_wh=round(energy.wh, 1) if whole else None,
        plan_wh=round(ledger.plan_wh, 1),
        full_wh=round(ledger.full_wh, 1),
        burning=burning,
        planned={circuit.id: count(ledger.planned(circuit.id)) for circuit in cabinet.circuits},
        switchings=switchings,
        due=count(union(due.values())),
        unlit=count(unlit),
        unknown=count(unknown),
        rejected=energy.rejected,
        resets=energy.resets,
    )


def _burnt_in(due: int) -> int:
    """Return the minutes in which lamps have had their time to run up."""
    result = due
    for _ in range(RUN_UP_MINUTES):
        result &= result << 1
    return result & due


def _counted(ledger: DayLedger, counter: str, most: float) -> float:
    """Return by how much one of the gateway's own counters rose in the day; 0 where it tells nothing, or fell."""
    kept = ledger.counters.get(counter)
    rise = 0.0 if kept is None else kept[3] - kept[1]
    return rise if 0 < rise <= most else 0.0


def _is_whole(ledger: DayLedger, first_ms: int | None, last_ms: int | None) -> bool:
    if first_ms is None or last_ms is None or last_ms <= first_ms:
        return False
    if not ledger.plan:
        return last_ms - first_ms >= 20 * 3_600_000
    begins_ms = ledger.noon_ms + min(first for first, *_ in ledger.plan) * 60_000
    ends_ms = ledger.noon_ms + max(step[1] for step in ledger.plan) * 60_000
    return first_ms <= begins_ms + EDGE_MS and last_ms >= ends_ms - EDGE_MS
