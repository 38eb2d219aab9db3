"""A month of lights: energy against plan and full nights, burning hours, the dark; by cabinet, ward and city."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from collector.core.lights_inventory import groups_of
from collector.core.lights_summary import NightSummary
from collector.core.lights_watch import GroupWatch, state_name
from config.city import Cabinet, City

_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")


@dataclass(slots=True, kw_only=True)
class Sums:
    """What nights come to; kWh only of those nights whose energy was measured whole, on every side of a comparison.

    Attributes:
        nights: Nights of which anything is known.
        measured: Of these, nights with their whole energy.
        energy_kwh: Measured.
        plan_kwh: Of the calendar, in the measured nights.
        full_kwh: Of all lamps from sunset to sunrise, in the measured nights.
        burning_h: Hours switched on, summed over circuits.
        planned_h: Hours of the calendar, summed over circuits.
        switchings: Times a circuit was switched on.
        due_h: Hours in which lamps were due.
        unlit_min: Minutes of these that were dark.
        unknown_min: Minutes of these of which nobody knows.
        lamps: Of the inventory.
        lamps_out: About how many were out when it was last known.
    """

    nights: int = 0
    measured: int = 0
    energy_kwh: float = 0.0
    plan_kwh: float = 0.0
    full_kwh: float = 0.0
    burning_h: float = 0.0
    planned_h: float = 0.0
    switchings: int = 0
    due_h: float = 0.0
    unlit_min: int = 0
    unknown_min: int = 0
    lamps: int = 0
    lamps_out: int = 0

    @property
    def saved_kwh(self) -> float:
        """Energy that full nights would have taken more; negative: that was wasted."""
        return self.full_kwh - self.energy_kwh

    @property
    def saved_share(self) -> float | None:
        """The same as a share; None where nothing was measured."""
        return self.saved_kwh / self.full_kwh if self.full_kwh > 0 else None

    @property
    def of_plan(self) -> float | None:
        """Measured energy as a share of the plan's; None where there is none."""
        return self.energy_kwh / self.plan_kwh if self.plan_kwh > 0 and self.measured else None

    def add(self, other: Sums) -> None:
        """Take in another's sums."""
        for name in self.__dataclass_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass(frozen=True, slots=True)
class Standing:
    """What is believed of a cabinet's lamps now.

    Attributes:
        lamps_out: About how many are out.
        base_shares: Circuit to the power of its base, as it is now, by the nameplate's; only where a base stands.
    """

    lamps_out: int = 0
    base_shares: Mapping[str, float] = field(default_factory=dict)


def standing_of(cabinet: Cabinet, state: Mapping[str, Any]) -> Standing:
    """Return what a cabinet's saved state says of its lamps.

    Raises:
        KeyError, TypeError, ValueError: It is no saved state.
    """
    lamps_out = 0
    shares: dict[str, float] = {}
    for group in groups_of(cabinet):
        if group.name not in state["watches"]:
            continue
        watch = GroupWatch.restored(group, state["watches"][group.name])
        lamps_out += watch.out.lamps
        base = watch.model.expected(state_name(group.ids, None), 0.0)
        if base is not None:
            share = watch.expected_w(group.ids, None, 0.0) / group.nameplate_w(group.ids)
            shares |= dict.fromkeys(sorted(group.ids), share)
    return Standing(lamps_out, shares)


@dataclass(slots=True)
class CircuitMonth:
    """One circuit in a month.

    Attributes:
        base_share: The power of its base, as it is now, by the nameplate's; None while it is learned. Circuits that are
            measured together have one. Well below 1 lamps are old, or the inventory has more of them than the street.
    """

    name: str
    base_share: float | None = None
    burning_h: float = 0.0
    planned_h: float = 0.0
    switchings: int = 0


@dataclass(slots=True)
class CabinetMonth:
    """One cabinet in a month."""

    cabinet: Cabinet
    sums: Sums
    circuits: list[CircuitMonth] = field(default_factory=list)


@dataclass(slots=True)
class NightEnergy:
    """One night of all cabinets of a report: kWh of those whose energy was measured, and how many these were."""

    day: date
    energy_kwh: float = 0.0
    plan_kwh: float = 0.0
    full_kwh: float = 0.0
    cabinets: int = 0
    measured: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """A month.

    Attributes:
        cabinets: In the order of the inventory; those of the chosen ward.
        wards: Ward id to its sums.
        total: Of all of them.
        nights: One for each day of the month.
    """

    cabinets: tuple[CabinetMonth, ...]
    wards: Mapping[str, Sums]
    total: Sums
    nights: tuple[NightEnergy, ...]


def month_report(
    city: City,
    nights: Mapping[str, Sequence[NightSummary]],
    standings: Mapping[str, Standing],
    days: Sequence[date],
    ward: str | None = None,
) -> Report:
    """Return the report of some lighting days.

    Args:
        city: The inventory.
        nights: Cabinet to its nights.
        standings: Cabinet to what is believed of its lamps now.
        days: The lighting days of the month.
        ward: Only cabinets of this ward; None: all.
    """
    by_night = {day.isoformat(): NightEnergy(day) for day in days}
    cabinets: list[CabinetMonth] = []
    wards: dict[str, Sums] = {}
    total = Sums()
    for cabinet in city.cabinets:
        if not cabinet.is_switched or (ward is not None and cabinet.ward != ward):
            continue
        own = [night for night in nights.get(cabinet.id, ()) if night.day in by_night]
        month = _cabinet_month(cabinet, own, standings.get(cabinet.id, Standing()))
        for night in own:
            _add_night(by_night[night.day], night)
        cabinets.append(month)
        wards.setdefault(cabinet.ward, Sums()).add(month.sums)
        total.add(month.sums)
    return Report(tuple(cabinets), wards, total, tuple(by_night.values()))


def _cabinet_month(cabinet: Cabinet, nights: Sequence[NightSummary], standing: Standing) -> CabinetMonth:
    sums = Sums(lamps=cabinet.lamps, lamps_out=standing.lamps_out)
    circuits = {
        circuit.id: CircuitMonth(circuit.id, standing.base_shares.get(circuit.id)) for circuit in cabinet.circuits
    }
    for night in nights:
        sums.nights += 1
        sums.due_h += night.due / 60
        sums.unlit_min += night.unlit
        sums.unknown_min += night.unknown
        if night.energy_wh is not None:
            sums.measured += 1
            sums.energy_kwh += night.energy_wh / 1000
            sums.plan_kwh += night.plan_wh / 1000
            sums.full_kwh += night.full_wh / 1000
        for name, circuit in circuits.items():
            circuit.burning_h += night.burning.get(name, 0) / 60
            circuit.planned_h += night.planned.get(name, 0) / 60
            circuit.switchings += night.switchings.get(name, 0)
    sums.burning_h = sum(circuit.burning_h for circuit in circuits.values())
    sums.planned_h = sum(circuit.planned_h for circuit in circuits.values())
    sums.switchings = sum(circuit.switchings for circuit in circuits.values())
    return CabinetMonth(cabinet, sums, list(circuits.values()))


def _add_night(kept: NightEnergy, night: NightSummary) -> None:
    kept.cabinets += 1
    if night.energy_wh is not None:
        kept.measured += 1
        kept.energy_kwh += night.energy_wh / 1000
        kept.plan_kwh += night.plan_wh / 1000
        kept.full_kwh += night.full_wh / 1000


COLUMNS: Final = (
    "scope", "ward", "cabinet", "circuit", "name", "street", "lamps", "lamps_out", "nights", "nights_measured",
    "energy_kwh", "plan_kwh", "full_night_kwh", "saved_kwh", "saved_percent", "burning_h", "planned_h", "switchings",
    "due_h", "unlit_min", "unknown_min", "base_percent",
)  # fmt: skip
"""Of the CSV file: the same in both languages, for whoever reckons on."""


def csv_rows(report: Report, month: str, ward_names: Mapping[str, str]) -> Iterable[list[str]]:
    """Yield the lines of the CSV file, its head first: cabinets with their circuits, then wards, then the total."""
    yield ["month", *COLUMNS]
    for each in report.cabinets:
        cabinet = each.cabinet
        place: dict[str, Any] = {"ward": cabinet.ward, "cabinet": cabinet.id, "street": cabinet.street}
        yield _line(month, {"scope": "cabinet", "name": cabinet.name, **place, **_numbers(each.sums)})
        for circuit in each.circuits:
            share = circuit.base_share
            numbers = {
                "base_percent": "" if share is None else _number(100 * share),
                "burning_h": _number(circuit.burning_h),
                "planned_h": _number(circuit.planned_h),
                "switchings": str(circuit.switchings),
            }
            yield _line(month, {"scope": "circuit", "circuit": circuit.name, **place, **numbers})
    for ward, sums in report.wards.items():
        yield _line(month, {"scope": "ward", "ward": ward, "name": ward_names.get(ward, ward), **_numbers(sums)})
    yield _line(month, {"scope": "total", **_numbers(report.total)})


def _numbers(sums: Sums) -> dict[str, str]:
    share = sums.saved_share
    has_energy = sums.measured > 0
    return {
        "lamps": str(sums.lamps),
        "lamps_out": str(sums.lamps_out),
        "nights": str(sums.nights),
        "nights_measured": str(sums.measured),
        "energy_kwh": _number(sums.energy_kwh) if has_energy else "",
        "plan_kwh": _number(sums.plan_kwh) if has_energy else "",
        "full_night_kwh": _number(sums.full_kwh) if has_energy else "",
        "saved_kwh": _number(sums.saved_kwh) if has_energy and share is not None else "",
        "saved_percent": _number(100 * share) if has_energy and share is not None else "",
        "burning_h": _number(sums.burning_h),
        "planned_h": _number(sums.planned_h),
        "switchings": str(sums.switchings),
        "due_h": _number(sums.due_h),
        "unlit_min": str(sums.unlit_min),
        "unknown_min": str(sums.unknown_min),
    }


def _number(value: float) -> str:
    return f"{value:.2f}"


def _line(month: str, cells: Mapping[str, str]) -> list[str]:
    numeric = {"saved_kwh", "saved_percent"}
    return [month, *(_cell(cells.get(name, ""), is_number=name in numeric) for name in COLUMNS)]


def _cell(text: str, *, is_number: bool) -> str:
    """Return a cell that no spreadsheet takes for a formula: names come from a file that many people edit."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) and not is_number else text
