"""The lamps of one group, judged by its power: about how many are out, whether one cycles, whether a cable is tapped.

Findings rest on sound samples alone: the supply good, the state of the circuits known, the lamps warm. What comes late
or out of order is none of this module's business: it must never wake anybody.
"""

from __future__ import annotations

import math
import statistics
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from collector.core.lights_cells import Cell, CellWriter
from collector.core.lights_cycling import CyclingWatch
from collector.core.lights_inventory import Group
from collector.core.lights_model import Expected, Exponent, GroupModel
from collector.core.lights_out import CYCLING_CELLS, OUT_LAMPS, SIGMAS, Judged, LampsOut, run_of_lost

CELL_MS: Final = 300_000
WARM_UP_MS: Final = 900_000
"""Sodium lamps need 5 to 10 minutes to their full power; the notes ask for 15."""
HOLE_MS: Final = 600_000
"""After so long without a sample nobody knows whether the lamps went out in between."""
DARK_SHARE: Final = 0.05
"""Below this share of the nameplate nothing burns."""
RECOVERED_SHARE: Final = 0.2
RECOVERED_NIGHTS: Final = 2
LEAST_NIGHT_CELLS: Final = 6
"""Half an hour of a state in a night, or the night says nothing of it."""
TAP_ABOVE: Final = math.log(1.15)
TAP_OVER: Final = math.log(1.08)
TAP_CELLS: Final = 2
TAP_OFF_SHARE: Final = 0.03
OFF_DAYS: Final = 7
OFF_SETTLE_MS: Final = 300_000
MAX_NIGHT_CELLS: Final = 320


def state_name(lit: Iterable[str], dim: int | None) -> str:
    """Return the name of a state: the circuits that burn and how bright to 5 %, such as `A,B@70`; empty: none."""
    circuits = ",".join(sorted(lit))
    steps = 20 if dim is None else max(1, round(dim / 5))
    return f"{circuits}@{5 * steps}" if circuits and steps < 20 else circuits


@dataclass(slots=True)
class GroupWatch:
    """One group of circuits over time; `observe` takes its samples in order.

    Attributes:
        group: What it watches.
        model: What it has learned.
        steady_ms: Since when the present state has burnt undisturbed.
        night: State to the (x, y) of this night's cells.
        off: Powers of the circuits' off state this day, thinned, in W.
        off_days: Medians of the last days' off powers: what the cabinet itself takes.
        tap_cells: Cells on end that lie too high, or while tapped low enough, lit and off.
    """

    group: Group
    model: GroupModel
    state: str = ""
    day: str = ""
    last_ms: int = 0
    steady_ms: int | None = None
    cell: CellWriter = field(default_factory=lambda: CellWriter(CELL_MS))
    cycling: CyclingWatch = field(default_factory=CyclingWatch)
    recent: deque[Judged] = field(default_factory=lambda: deque(maxlen=CYCLING_CELLS))
    night: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    out: LampsOut = field(default_factory=LampsOut)
    off: list[float] = field(default_factory=list)
    off_days: list[float] = field(default_factory=list)
    tapped: bool = False
    tapped_off: bool = False
    tapped_night: bool = False
    tap_w: float = 0.0
    tap_cells: int = 0

    @classmethod
    def of(cls, group: Group) -> GroupWatch:
        """Return the watch of a group of which nothing is known yet."""
        return cls(group, GroupModel(Exponent(group.exponent)))

    def observe(self, at_ms: int, day: str, power_w: float, x: float, lit: frozenset[str], dim: int | None) -> None:
        """Take one sample of power while the supply is good.

        Args:
            at_ms: Event time; must not fall.
            day: The lighting day, ISO.
            power_w: Of all its power points together.
            x: ln(U / Un) of the voltages that drive it.
            lit: The circuits that are switched on.
            dim: Percent, where they are dimmed.
        """
        if day != self.day:
            self.close_night(day)
        if at_ms - self.last_ms > HOLE_MS:
            self.disturbed()
        self.last_ms = at_ms
        state = state_name(lit, dim)
        if state != self.state:
            self.disturbed()
            self.state = state
        if not state:
            self._observe_off(at_ms, power_w)
            return
        if power_w < DARK_SHARE * self.group.nameplate_w(lit):
            self.disturbed()
            return
        if self.steady_ms is None:
            self.steady_ms = at_ms
        if at_ms - self.steady_ms < WARM_UP_MS:
            return
        y = math.log(power_w)
        least_lamps = self.group.least_lamps(lit)
        self.cycling.observe(at_ms, y - self.model.exponent.value * x, least_lamps)
        done = self.cell.add(at_ms, x, y)
        if done is not None:
            self._judge(done, least_lamps)

    def disturbed(self) -> None:
        """Begin the warm-up anew: switched, dark, unknown for too long, or the supply was bad."""
        self.steady_ms = None
        self.cell.drop()
        self.cycling.disturbed()
        self.recent.clear()
        self.tap_cells = 0

    def expected_w(self, lit: Iterable[str], dim: int | None, x: float) -> float:
        """Return what the group should draw, in W: by its base, else by the inventory and the kind of its lamps."""
        burning = frozenset(lit) & self.group.ids
        known = self.model.expected(state_name(burning, dim), x)
        if known is not None:
            return math.exp(known.y)
        nameplate_w = self.group.nameplate_w(burning)
        share = 1.0 if dim is None else dim / 100
        return nameplate_w * share * math.exp(self.model.exponent.value * x)

    @property
    def off_w(self) -> float:
        """What is drawn while all is off and nothing is wrong, in W; a large tap is never taken for it."""
        if len(self.off_days) < OFF_DAYS:
            return 0.0
        return min(statistics.median(self.off_days), TAP_OFF_SHARE * self.group.nameplate_w(self.group.ids))

    def close_night(self, day: str) -> None:
        """End a lighting day: learn from it if it was a good one, and look whether lamps have come back."""
        lit_states = [(name, cells) for name, cells in self.night.items() if len(cells) >= LEAST_NIGHT_CELLS]
        if lit_states:
            self._learn(max(lit_states, key=lambda item: len(item[1]))[0], lit_states)
        if self.off:
            self.off_days = [*self.off_days, statistics.median(self.off)][-OFF_DAYS:]
        self.cycling.close_night()
        self.model.exponent.forget()
        self.night, self.off, self.tapped_night = {}, [], self.tapped
        self.day = day

    def relamped(self) -> None:
        """Begin the base anew after logged relamping; findings about lamps end."""
        self.model.relamped()
        self.out = LampsOut()
        self.night = {}
        self.cycling = CyclingWatch()
        self.disturbed()

    def _learn(self, longest: str, states: list[tuple[str, list[tuple[float, float]]]]) -> None:
        lost = {name: self._night_lost(name, cells) for name, cells in states}
        known = lost[longest]
        if self.out.lamps:
            self._recover(known)
            return
        if self.tapped or self.tapped_night:
            return
        for name, cells in states:
            self.model.close_night(self.day, name, cells, 1 / self._least_lamps(name))
        if known is not None and not self.recent_low():
            self.model.age(math.log(max(1e-9, 1 - known / self._least_lamps(longest))), 1 / self._least_lamps(longest))

    def _recover(self, lost: float | None) -> None:
        if lost is None:
            return
        if lost > RECOVERED_SHARE * self.out.worst:
            self.out.good_nights = 0
            if lost < self.out.lamps - OUT_LAMPS:
                self.out.watts *= max(1, round(lost)) / self.out.lamps
                self.out.lamps = max(1, round(lost))
            return
        self.out.good_nights += 1
        if self.out.good_nights >= RECOVERED_NIGHTS:
            self.out = LampsOut()

    def _night_lost(self, name: str, cells: list[tuple[float, float]]) -> float | None:
        """Return the median of a night's missing lamps in one state; None without a base."""
        least_lamps = self._least_lamps(name)
        values = [
            least_lamps * (1 - math.exp(y - known.y))
            for x, y in cells
            if (known := self.model.expected(name, x)) is not None
        ]
        return statistics.median(values) if values else None

    def _least_lamps(self, name: str) -> float:
        return self.group.least_lamps(name.partition("@")[0].split(","))

    def recent_low(self) -> bool:
        """Whether the last cells may be the beginning of a finding."""
        return bool(self.recent) and self.recent[-1].lost > OUT_LAMPS

    def _judge(self, cell: Cell, least_lamps: float) -> None:
        cells = self.night.setdefault(self.state, [])
        if len(cells) < MAX_NIGHT_CELLS:
            cells.append((round(cell.x, 6), round(cell.y, 6)))
        known = self.model.expected(self.state, cell.x)
        if known is None:
            return
        lost = least_lamps * (1 - math.exp(cell.y - known.y))
        self.recent.append(
            Judged(
                start_ms=cell.start_ms,
                lost=lost,
                cell_sd=self.model.cell_sd(self.state) * least_lamps,
                common_sd=known.sd * least_lamps,
                watts=math.exp(known.y) - math.exp(cell.y),
                samples=cell.samples,
            )
        )
        self._judge_tap(cell, known)
        self._judge_lamps()

    def _judge_lamps(self) -> None:
        run = run_of_lost(list(self.recent), is_cycling=self.cycling.recently())
        if not run:
            return
        self.out.good_nights = 0
        lost = statistics.median(each.lost for each in run)
        if not self.out.lamps:
            watts = statistics.median(each.watts for each in run)
            self.out = LampsOut(max(1, round(lost)), watts, lost, run[0].start_ms)
            # What burnt before it says nothing of whether they are back.
            self.night.clear()
        elif len(self.recent) == CYCLING_CELLS:
            self._count_again(list(self.recent))

    def _count_again(self, hour: list[Judged]) -> None:
        """Raise the number of lamps only by what an hour shows clearly: it must not waver from night to night."""
        lost = statistics.median(each.lost for each in hour)
        noise = SIGMAS * math.hypot(hour[-1].cell_sd * 1.25 / math.sqrt(len(hour)), hour[-1].common_sd)
        if lost > self.out.lamps + max(OUT_LAMPS, noise):
            self.out.lamps = round(lost)
            self.out.watts = statistics.median(each.watts for each in hour)
            self.out.worst = max(lost, self.out.worst)

    def _judge_tap(self, cell: Cell, known: Expected) -> None:
        over = cell.y - known.y
        limit = TAP_OVER if self.tapped else max(TAP_ABOVE, TAP_OVER + SIGMAS * known.sd)
        opposite = over < limit if self.tapped else over > limit
        self.tap_cells = self.tap_cells + 1 if opposite else 0
        if self.tapped or opposite:
            self.tap_w = math.exp(cell.y) - math.exp(known.y)
        if self.tap_cells >= TAP_CELLS:
            self.tapped, self.tap_cells = not self.tapped, 0
            self.tapped_night = True

    def _observe_off(self, at_ms: int, power_w: float) -> None:
        if self.steady_ms is None:
            self.steady_ms = at_ms
        if at_ms - self.steady_ms < OFF_SETTLE_MS:
            return
        done = self.cell.add(at_ms, 0.0, power_w)
        if done is None:
            return
        if len(self.off) < MAX_NIGHT_CELLS:
            self.off.append(round(done.y, 2))
        full_w = self.expected_w(self.group.ids, None, 0.0)
        share = (done.y - self.off_w) / full_w
        # A hysteresis of a fifth, so that a tap at the limit is one finding.
        is_opposite = share < 0.8 * TAP_OFF_SHARE if self.tapped_off else share > TAP_OFF_SHARE
        is_judged = self.tapped_off or len(self.off_days) == OFF_DAYS
        self.tap_cells = self.tap_cells + 1 if is_opposite and is_judged else 0
        if self.tapped_off or is_opposite:
            self.tap_w = done.y - self.off_w
        if self.tap_cells >= TAP_CELLS:
            self.tapped_off, self.tap_cells = not self.tapped_off, 0

    def dump(self) -> dict[str, Any]:
        """Return what a restart needs, as plain JSON data."""
        return {
            "model": self.model.dump(),
            "at": [self.state, self.day, self.last_ms, self.steady_ms],
            "cell": self.cell.dump(),
            "cycling": self.cycling.dump(),
            "recent": [
                [each.start_ms, each.lost, each.cell_sd, each.common_sd, each.watts, each.samples]
                for each in self.recent
            ],
            "night": self.night,
            "out": [self.out.lamps, self.out.watts, self.out.worst, self.out.since_ms, self.out.good_nights],
            "off": [self.off, self.off_days],
            "tap": [self.tapped, self.tapped_off, self.tapped_night, self.tap_w, self.tap_cells],
        }

    @classmethod
    def restored(cls, group: Group, data: dict[str, Any]) -> GroupWatch:
        """Return what `dump` gave.

        Raises:
            KeyError, TypeError, ValueError: It is not what `dump` gave.
        """
        watch = cls(group, GroupModel.restored(group.exponent, data["model"]))
        state, day, last_ms, steady_ms = data["at"]
        watch.state, watch.day, watch.last_ms = str(state), str(day), int(last_ms)
        watch.steady_ms = None if steady_ms is None else int(steady_ms)
        watch.cell.restore(data["cell"])
        watch.cycling.restore(data["cycling"])
        watch.recent.extend(Judged(*each) for each in data["recent"])
        watch.night = {
            str(name): [(float(x), float(y)) for x, y in cells[:MAX_NIGHT_CELLS]]
            for name, cells in data["night"].items()
        }
        lamps, watts, worst, since_ms, good_nights = data["out"]
        watch.out = LampsOut(int(lamps), float(watts), float(worst), int(since_ms), int(good_nights))
        watch.off, watch.off_days = ([float(value) for value in values] for values in data["off"])
        watch.tapped, watch.tapped_off, watch.tapped_night, watch.tap_w, watch.tap_cells = data["tap"]
        return watch
