"""The lights of a city at the centre: batches in, findings for the alarms, rows for the store, days for the report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from collector.core.lights_cabinet import CabinetLights, Surroundings
from collector.core.lights_days import Days
from collector.core.lights_summary import NightSummary, summary_of
from collector.core.received import Received
from collector.core.rows import Row
from config.city import City
from contract.batch import ClockState
from contract.reading import Value

MEASUREMENT: Final = "lights"
AHEAD_MS: Final = 60_000
"""Readings further in the future are a clock's mistake."""
SAVE_INTERVAL_MS: Final = 300_000
SAVE_SHARES: Final = 50
LEAST_SAVED: Final = 16


@dataclass(frozen=True, slots=True)
class Found:
    """What has changed of one cabinet's findings: keys as `lights_cabinet.FINDINGS` names them, and `<key>_told`."""

    gateway: str
    cabinet: str
    values: Mapping[str, Value]


@dataclass(slots=True)
class Outcome:
    """What batches gave."""

    found: list[Found] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Saved:
    """One cabinet as it must be saved: its state, and the days that have changed, each with its summary."""

    cabinet: str
    state: dict[str, Any]
    days: dict[str, tuple[dict[str, Any], NightSummary]]


class LightsEngine:
    """All cabinets that have circuits.

    Args:
        city: The inventory; memory is bounded by it.
        around: Calendars, the sun, and the shelf of saved days.
    """

    def __init__(self, city: City, around: Surroundings) -> None:
        days = Days(city.place.timezone)
        self._cabinets = {
            cabinet.id: CabinetLights(cabinet, days, around)
            for cabinet in city.cabinets
            if cabinet.is_switched and (cabinet.circuits or cabinet.devices.meter)
        }
        self._by_gateway: dict[str, list[CabinetLights]] = {}
        for lights in self._cabinets.values():
            self._by_gateway.setdefault(lights.cabinet.gateway, []).append(lights)

    def take(self, item: Received) -> Outcome:
        """Take one batch; of gateways without lights nothing comes."""
        outcome = Outcome()
        members = self._by_gateway.get(item.gateway)
        if not members or item.batch.clk is ClockState.WAITING:
            return outcome
        is_late = item.channel == "history"
        blocks = [
            block
            for device, columns in item.batch.d.items()
            if any(device in lights.devices for lights in members)
            for block in columns.blocks(device)
        ]
        blocks.sort(key=lambda block: block.observed_at_ms)
        before = {lights.cabinet.id: lights.newest_cell_ms() for lights in members}
        for block in blocks:
            at_ms = block.observed_at_ms
            if at_ms > item.received_ms + AHEAD_MS:
                continue
            for lights in members:
                if block.device in lights.devices:
                    lights.take(block, at_ms, item.received_ms, is_late=is_late)
        for lights in members:
            self._give(lights, before[lights.cabinet.id], outcome)
        return outcome

    def relamped(self, cabinet: str, circuits: Iterable[str]) -> bool:
        """Begin the base of circuits anew; all of the cabinet's if none is named. False: there is none such."""
        lights = self._cabinets.get(cabinet)
        if lights is None:
            return False
        named = frozenset(circuits)
        watches = [watch for watch in lights.watches.values() if not named or watch.group.ids & named]
        for watch in watches:
            watch.relamped()
        lights.saved_ms = 0
        return bool(watches)

    def found_now(self, cabinet: str) -> Found | None:
        """Return what has changed of a cabinet's findings without a batch: after relamping, or a start."""
        lights = self._cabinets[cabinet]
        values = lights.evidence()
        return Found(lights.cabinet.gateway, cabinet, values) if values else None

    def due_for_saving(self, now_ms: int, *, everything: bool = False) -> Iterator[Saved]:
        """Yield the cabinets whose time has come; say `kept` or `not_kept` of them.

        A share of the city at a time, those with news first, so that no batch waits for all of it.

        Args:
            now_ms: Own time.
            everything: All of them, as at the end.
        """
        heard = [lights for lights in self._cabinets.values() if lights.live.at_ms or lights.ledgers]
        if not everything:
            heard = [lights for lights in heard if not SAVE_INTERVAL_MS > now_ms - lights.saved_ms >= 0]
            heard.sort(key=lambda lights: lights.saved_ms)
            heard = heard[: max(LEAST_SAVED, len(self._cabinets) // SAVE_SHARES)]
        for lights in heard:
            lights.keep_day(now_ms)
            lights.saved_ms = now_ms
            yield Saved(lights.cabinet.id, lights.dump(), dict(self._days(lights, now_ms)))

    def kept(self, saved: Iterable[Saved]) -> None:
        """Let go of days that are on the disk."""
        for each in saved:
            self._cabinets[each.cabinet].release()

    def not_kept(self, saved: Iterable[Saved]) -> None:
        """Have them saved again with the next attempt."""
        for each in saved:
            lights = self._cabinets[each.cabinet]
            lights.saved_ms = 0
            for day in each.days:
                lights.ledgers[day].is_dirty = True

    def restore(self, cabinet: str, data: Mapping[str, Any]) -> None:
        """Take back one cabinet's state; one that the inventory no longer has is dropped.

        Raises:
            KeyError, TypeError, ValueError, AttributeError: It is not what was saved.
        """
        lights = self._cabinets.get(cabinet)
        if lights is not None:
            lights.restore(data)

    def cabinets(self) -> tuple[str, ...]:
        """Return the cabinets that are watched."""
        return tuple(self._cabinets)

    def _days(self, lights: CabinetLights, now_ms: int) -> Iterator[tuple[str, tuple[dict[str, Any], NightSummary]]]:
        newest = max(lights.ledgers, default="")
        for day, ledger in lights.ledgers.items():
            if not ledger.is_dirty:
                continue
            if day == newest:
                # The calendar of a day that has not ended may still change.
                lights.plan(ledger)
            summary = summary_of(lights.cabinet, lights.groups, ledger, now_ms)
            ledger.is_dirty = False
            yield day, (ledger.dump(), summary)

    def _give(self, lights: CabinetLights, newest_cell_ms: int, outcome: Outcome) -> None:
        values = lights.evidence()
        if values:
            outcome.found.append(Found(lights.cabinet.gateway, lights.cabinet.id, values))
            # A finding outlives a crash of the next minutes.
            lights.saved_ms = 0
        if lights.newest_cell_ms() > newest_cell_ms:
            outcome.rows.append(row_of(lights, lights.live.at_ms, lights.estimates()))


def row_of(lights: CabinetLights, time_ms: int, fields: Mapping[str, Value]) -> Row:
    """Return what the collector itself believes of a cabinet's lights as a row of the store."""
    return Row(
        measurement=MEASUREMENT,
        gateway=lights.cabinet.gateway,
        device=lights.cabinet.id,
        time_ms=time_ms,
        fields=fields,
    )


def night_row(gateway: str, cabinet: str, time_ms: int, summary: NightSummary) -> Row:
    """Return a night's summary as a row at the night's end: the same row again where history completes it."""
    fields: dict[str, Value] = {
        "night_plan_wh": summary.plan_wh,
        "night_full_wh": summary.full_wh,
        "night_due_min": summary.due,
        "night_unlit_min": summary.unlit,
        "night_unknown_min": summary.unknown,
    }
    if summary.energy_wh is not None:
        fields["night_energy_wh"] = summary.energy_wh
    for kind, by_circuit in (("burning_min", summary.burning), ("switchings", summary.switchings)):
        fields |= {f"night_{kind}_{name.lower()}": number for name, number in by_circuit.items()}
    return Row(measurement=MEASUREMENT, gateway=gateway, device=cabinet, time_ms=time_ms, fields=fields)
