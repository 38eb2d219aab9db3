"""The lights of one cabinet: its readings into findings, estimates and the ledger of its days.

Readings in order of time are judged; those that come late or out of order only complete the ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from collector.core.lights_days import Days
from collector.core.lights_inventory import Group, groups_of
from collector.core.lights_ledger import LIT_SHARE, DayLedger
from collector.core.lights_switching import FAULTS, SwitchingWatch
from collector.core.lights_view import CONTROL, ENERGY_KEYS, CabinetView, Power
from collector.core.lights_watch import GroupWatch
from config.city import Cabinet
from contract.reading import Block, Value

FINDINGS: Final = ("lamps_out", "cycling", "tapping", *FAULTS, "lamp_fault")
THIN_MS: Final = 4_000
"""A cell of five minutes holds no more samples than this; a meter that is polled each second costs no more."""
KEPT_DAYS: Final = 45
"""How far back history may still complete a day."""
STRETCH_GAP_MS: Final = 150_000
BACKWARD_MS: Final = 5_000
LAMP_FAULTS: Final = ("lamp_fault", "driver_fault", "over_temperature", "voltage_fault")
_CONTROL_KEYS: Final = frozenset({"lamps_due", "selector_local", "reason"})
_BY_CIRCUIT: Final = ("wanted", "actual", "proof", "reason", "dim", "on_hours", "switch_count")
_COUNTERS: Final = ("on_hours_", "switch_count_")


@dataclass(frozen=True, slots=True)
class DayPlan:
    """What a calendar makes of one lighting day.

    Attributes:
        steps: (start ms, end ms, the inventory's circuits that burn, dim).
        dark: Sunset and sunrise in ms; None where the sun stays up.
    """

    steps: tuple[tuple[int, int, tuple[str, ...], int | None], ...]
    dark: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a cabinet's lights need to know of the world; all of it depends on its arguments alone.

    Attributes:
        plan: Cabinet and lighting day to its plan; None without a calendar.
        sun_degrees: Cabinet and ms to the sun's elevation.
        shelf: Cabinet id and lighting day (ISO) to what was saved of it.
    """

    plan: Callable[[Cabinet, date], DayPlan | None]
    sun_degrees: Callable[[Cabinet, int], float]
    shelf: Callable[[str, str], Mapping[str, Any] | None]


@dataclass(slots=True)
class CabinetLights:
    """One cabinet.

    Attributes:
        devices: The devices whose readings matter.
        meters: Those of them that measure power.
        newest: Device to the event time of its newest judged block.
        late: The view of the present stretch of late readings.
        ledgers: Days in memory; `release` lets go of what is saved.
        told: What was last given out as evidence.
        saved_ms: Own time of the last save.
        today: The lighting day that it last was by our own clock.
    """

    cabinet: Cabinet
    days: Days
    around: Surroundings
    groups: tuple[Group, ...] = ()
    watches: dict[str, GroupWatch] = field(default_factory=dict)
    switching: dict[str, SwitchingWatch] = field(default_factory=dict)
    live: CabinetView = field(init=False)
    late: CabinetView = field(init=False)
    points: frozenset[str] = frozenset()
    devices: frozenset[str] = frozenset()
    meters: frozenset[str] = frozenset()
    newest: dict[str, int] = field(default_factory=dict)
    ledgers: dict[str, DayLedger] = field(default_factory=dict)
    told: dict[str, Value] = field(default_factory=dict)
    saved_ms: int = 0
    today: str = ""

    def __post_init__(self) -> None:
        self.groups = groups_of(self.cabinet)
        self.watches = {group.name: GroupWatch.of(group) for group in self.groups}
        self.switching = {group.name: SwitchingWatch(group) for group in self.groups}
        self.points = frozenset(self._points())
        self.devices = frozenset(point.partition("/")[0] for point in self.points)
        powers = [power.point for group in self.groups for power in group.powers]
        self.meters = frozenset(point.partition("/")[0] for point in powers)
        self.live, self.late = CabinetView(self.cabinet), CabinetView(self.cabinet)

    def take(self, block: Block, at_ms: int, now_ms: int, *, is_late: bool) -> None:
        """Take one block.

        Args:
            block: Of one of `devices`.
            at_ms: Event time.
            now_ms: Own time.
            is_late: It came as history.
        """
        newest_ms = self.newest.get(block.device, -THIN_MS)
        if not is_late and at_ms > newest_ms:
            if at_ms - newest_ms < THIN_MS and block.device in self.meters:
                return
            self.newest[block.device] = at_ms
            self.live.take(block, at_ms, self.points.__contains__)
            # The day's plan says what burns where the gateway does not.
            self.ledger(at_ms, now_ms)
            self._judge(block)
            self._enter(self.live, block, at_ms, now_ms)
            return
        if not self.late.at_ms - BACKWARD_MS <= at_ms <= self.late.at_ms + STRETCH_GAP_MS:
            self.late = CabinetView(self.cabinet)
        self.late.take(block, at_ms, self.points.__contains__)
        self._enter(self.late, block, at_ms, now_ms)

    def evidence(self) -> dict[str, Value]:
        """Return, by key, what has changed of the findings since the last call; all of them after a start."""
        found: dict[str, Value] = {}
        for name in FINDINGS:
            words = self._words(name)
            found[name] = bool(words)
            # The words of what is over stay: the message of its end tells them.
            if words or name not in self.told:
                found[f"{name}_told"] = words
        changed = {key: value for key, value in found.items() if self.told.get(key) != value}
        self.told |= changed
        if not changed:
            return {}
        names = {key.removesuffix("_told") for key in changed}
        return {key: self.told[key] for name in names for key in (name, f"{name}_told") if key in self.told}

    def estimates(self) -> dict[str, Value]:
        """Return what is believed of each group now, for the store."""
        fields: dict[str, Value] = {}
        for group in self.groups:
            watch = self.watches[group.name]
            fields[f"lamps_out_{group.key}"] = watch.out.lamps
            fields[f"exponent_{group.key}"] = round(watch.model.exponent.value, 3)
            fields[f"ageing_{group.key}"] = round(watch.model.ageing, 5)
            full = watch.model.expected(_full_state(group), 0.0)
            if full is not None:
                share = watch.expected_w(group.ids, None, 0.0) / group.nameplate_w(group.ids)
                fields[f"base_share_{group.key}"] = round(share, 4)
            if watch.recent:
                fields[f"lost_lamps_{group.key}"] = round(watch.recent[-1].lost, 2)
                fields[f"lost_w_{group.key}"] = round(watch.recent[-1].watts, 1)
        return fields

    def newest_cell_ms(self) -> int:
        """Return the beginning of the newest judged cell of any group."""
        return max((watch.recent[-1].start_ms for watch in self.watches.values() if watch.recent), default=0)

    def ledger(self, at_ms: int, now_ms: int) -> DayLedger | None:
        """Return the day of a time; None if it is too long ago, or still to come."""
        if not now_ms - KEPT_DAYS * 86_400_000 <= at_ms <= now_ms + 60_000:
            return None
        day, noon_ms = self.days.of(at_ms)
        ledger = self.ledgers.get(day)
        if ledger is None:
            kept = self.around.shelf(self.cabinet.id, day)
            ledger = DayLedger(day, noon_ms) if kept is None else DayLedger.restored(day, kept)
            self.ledgers[day] = ledger
            if ledger.plan is None:
                self.plan(ledger)
        return ledger

    def keep_day(self, now_ms: int) -> None:
        """Begin a day by our own clock and close the one before, also while the gateway is silent.

        What nobody was told of is unknown, and no night that never was.
        """
        day, _ = self.days.of(now_ms)
        if day == self.today or not self.live.at_ms:
            return
        self.today = day
        for at_ms in (now_ms - 86_400_000, now_ms):
            ledger = self.ledger(at_ms, now_ms)
            if ledger is not None:
                ledger.is_dirty = True

    def plan(self, ledger: DayLedger) -> None:
        """Write the calendar of a day into its ledger, with the energy that it takes."""
        planned = self.around.plan(self.cabinet, date.fromisoformat(ledger.day))
        if planned is None:
            return
        ledger.plan = [
            (ledger.minute(start_ms), ledger.minute(end_ms), lit, dim) for start_ms, end_ms, lit, dim in planned.steps
        ]
        watches = self.watches.values()
        ledger.plan_wh = sum(
            watch.expected_w(lit, dim if self.live.can_dim(watch.group) else None, 0.0)
            * ((end_ms - start_ms) / 3_600_000)
            for start_ms, end_ms, lit, dim in planned.steps
            for watch in watches
            if watch.group.ids & set(lit)
        )
        dark_ms = planned.dark[1] - planned.dark[0] if planned.dark else 0
        ledger.full_wh = sum(watch.expected_w(watch.group.ids, None, 0.0) for watch in watches) * dark_ms / 3_600_000
        ledger.is_dirty = True

    def release(self) -> None:
        """Let go of all days that are saved but the newest two."""
        for day in sorted(self.ledgers)[:-2]:
            if not self.ledgers[day].is_dirty:
                del self.ledgers[day]

    def _judge(self, block: Block) -> None:
        day, _ = self.days.of(self.live.at_ms)
        for group in self.groups:
            if block.device not in self.meters or not _measures(group, block.device):
                continue
            power = self.live.power(group)
            if power is not None:
                self._judge_group(group, power, day)

    def _judge_group(self, group: Group, power: Power, day: str) -> None:
        watch, switching, at_ms = self.watches[group.name], self.switching[group.name], self.live.at_ms
        lit = self._lit(self.live, group, at_ms)
        dim = self.live.dim(group)
        switching.observe(
            self.live,
            power,
            lambda some: watch.expected_w(some, dim if some == lit else None, power.x),
            watch.off_w,
            self.around.sun_degrees(self.cabinet, at_ms),
        )
        explained = any(fault != "day_burn" for fault, _ in switching.faults)
        if power.is_sound and not explained:
            watch.observe(at_ms, day, power.watts, power.x, lit, dim)
        else:
            watch.disturbed()

    def _lit(self, view: CabinetView, group: Group, at_ms: int) -> frozenset[str]:
        """Return which circuits are on: by the gateway's word, else by the calendar."""
        known = {each.id: view.is_on(each) for each in group.circuits}
        planned: frozenset[str] = frozenset()
        if None in known.values():
            planned = self._planned(at_ms)
        return frozenset(name for name, on in known.items() if (name in planned if on is None else on))

    def _planned(self, at_ms: int) -> frozenset[str]:
        day, _ = self.days.of(at_ms)
        ledger = self.ledgers.get(day)
        if ledger is None:
            return frozenset()
        minute = ledger.minute(at_ms)
        lit = [circuits for first, end, circuits, _ in ledger.plan or () if first <= minute < end]
        return frozenset(name for circuits in lit for name in circuits)

    def _enter(self, view: CabinetView, block: Block, at_ms: int, now_ms: int) -> None:
        """Write into the ledger what one block shows."""
        ledger = self.ledger(at_ms, now_ms)
        if ledger is None:
            return
        if block.device == self.cabinet.devices.meter:
            energy = view.energy()
            if energy is not None and view.samples[energy[0]][1] == at_ms:
                ledger.note_energy(at_ms, energy[1])
        if block.device == CONTROL:
            for key in block.keys:
                counted = view.state(key) if key.startswith(_COUNTERS) else None
                if counted is not None and view.samples[f"{CONTROL}/{key}"][1] == at_ms:
                    ledger.note_counter(key, at_ms, counted)
        minute = at_ms // 60_000
        if block.device == CONTROL or minute != view.noted_minute:
            # Between two words of the gateway a minute is a minute, however often its meter is read.
            view.noted_minute = minute
            self._enter_states(view, ledger, at_ms)
        self._enter_light(view, block, ledger, at_ms)

    def _enter_states(self, view: CabinetView, ledger: DayLedger, at_ms: int) -> None:
        for circuit in self.cabinet.circuits:
            closed, wanted = view.closed(circuit), view.wanted(circuit)
            if closed is not None:
                ledger.note(ledger.closed, circuit.id, at_ms, closed)
            if wanted is not None:
                ledger.note(ledger.wanted, circuit.id, at_ms, wanted)

    def _enter_light(self, view: CabinetView, block: Block, ledger: DayLedger, at_ms: int) -> None:
        is_dark = view.has_mains() is False
        if not is_dark and block.device not in self.meters:
            return
        for group in self.groups:
            wanted = {each.id: view.wanted(each) for each in group.circuits}
            planned = self._planned(at_ms) if None in wanted.values() else frozenset()
            due = frozenset(name for name, on in wanted.items() if (name in planned if on is None else on))
            if not due:
                continue
            if is_dark:
                # The meter dies with the mains: the input is all that says how dark it is.
                ledger.note(ledger.lit, group.name, at_ms, value=False)
            elif _measures(group, block.device):
                power = view.power(group)
                if power is not None:
                    expected_w = self.watches[group.name].expected_w(due, view.dim(group), power.x)
                    ledger.note(ledger.lit, group.name, at_ms, power.watts >= LIT_SHARE * expected_w)

    def _words(self, finding: str) -> str:
        """Return what a finding is about, the same in every language; empty: it does not hold."""
        if finding == "lamp_fault":
            return ", ".join(lamp.device for lamp in self.cabinet.reporting_lamps if self._is_faulty(lamp.device))
        parts: list[str] = []
        for group in self.groups:
            watch = self.watches[group.name]
            if finding == "lamps_out" and watch.out.lamps:
                lamps = group.lamps(group.ids)
                parts.append(f"{group.name}: ~{watch.out.lamps}/{lamps}, -{watch.out.watts:.0f} W")
            elif finding == "cycling" and watch.cycling.active:
                parts.append(group.name)
            elif finding == "tapping" and (watch.tapped or watch.tapped_off):
                parts.append(f"{group.name}: +{max(0.0, watch.tap_w):.0f} W")
            parts += sorted(name for fault, name in self.switching[group.name].faults if fault == finding)
        return "; ".join(parts)[:240]

    def _is_faulty(self, device: str) -> bool:
        return any(self.live.samples.get(f"{device}/{key}", (False, 0))[0] for key in LAMP_FAULTS)

    def _points(self) -> list[str]:
        points = [f"{CONTROL}/{key}" for key in _CONTROL_KEYS]
        for circuit in self.cabinet.circuits:
            points += (f"{CONTROL}/{kind}_{circuit.at_gateway.lower()}" for kind in _BY_CIRCUIT)
        for group in self.groups:
            for power in group.powers:
                points += [power.point, *power.voltages]
        devices = self.cabinet.devices
        if devices.meter:
            points += (f"{devices.meter}/{key}" for key in ENERGY_KEYS)
        if devices.io:
            points.append(f"{devices.io}/mains_ok")
        for lamp in self.cabinet.reporting_lamps:
            points += (f"{lamp.device}/{key}" for key in LAMP_FAULTS)
        return points

    def dump(self) -> dict[str, Any]:
        """Return what a restart needs but for the days, as plain JSON data."""
        return {
            "watches": {name: watch.dump() for name, watch in self.watches.items()},
            "switching": {name: watch.dump() for name, watch in self.switching.items()},
            "live": self.live.dump(),
            "newest": self.newest,
        }

    def restore(self, data: Mapping[str, Any]) -> None:
        """Take back what `dump` gave; a group whose circuits have changed begins anew.

        Raises:
            KeyError, TypeError, ValueError, AttributeError: It is not what `dump` gave; nothing was taken.
        """
        watches = {
            group.name: GroupWatch.restored(group, data["watches"][group.name])
            for group in self.groups
            if group.name in data["watches"]
        }
        newest = {device: int(at_ms) for device, at_ms in data["newest"].items() if device in self.devices}
        live = CabinetView(self.cabinet)
        live.restore(data["live"], self.points.__contains__)
        for group in self.groups:
            if group.name in data["switching"]:
                self.switching[group.name].restore(data["switching"][group.name])
        self.watches |= watches
        self.newest, self.live = newest, live


def _measures(group: Group, device: str) -> bool:
    return any(each.point.startswith(f"{device}/") for each in group.powers)


def _full_state(group: Group) -> str:
    return ",".join(sorted(group.ids))
