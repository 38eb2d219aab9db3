"""One lighting day of one cabinet, minute by minute, in sets of minutes: the same in whatever order readings come.

A set of minutes is an integer with a bit for each minute since noon. What comes late, twice, or out of order only adds
to the sets, so that a gateway's history of a month ago makes the same day as if it had been heard.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from collector.core.lights_energy import Reading

DAY_MINUTES: Final = 1560
"""A day of 26 hours: no change of summer time makes one longer."""
ALL_MINUTES: Final = (1 << DAY_MINUTES) - 1
SLOT_MS: Final = 3_600_000
HELD_MINUTES: Final = 15
"""How long a state is taken to last beyond the last minute that showed it."""
MAX_COUNTERS: Final = 80
LIT_SHARE: Final = 0.5


@dataclass(slots=True)
class Minutes:
    """What was seen of a state that is true or false.

    Attributes:
        true: Minutes in which it was seen true.
        false: Minutes in which it was seen false.
    """

    true: int = 0
    false: int = 0

    def note(self, minute: int, value: bool) -> None:
        """Take what one minute showed."""
        if value:
            self.true |= 1 << minute
        else:
            self.false |= 1 << minute

    def known(self) -> int:
        """Return the minutes in which it is known, held over short holes."""
        return held(self.true | self.false)

    def on(self) -> int:
        """Return the minutes in which it holds, held over short holes.

        A minute that saw both is what the next one is: one at the beginning counts, one at the end does not.
        """
        seen = self.true | self.false
        clean = self.true & ~self.false
        result = clean | (self.true & self.false & (clean >> 1))
        front = result
        for _ in range(HELD_MINUTES):
            front = (front << 1) & ~seen
            result |= front
        return result & ALL_MINUTES


def held(minutes: int) -> int:
    """Return a set of minutes with each going on for as long as a state is held."""
    result = minutes
    for _ in range(HELD_MINUTES):
        result |= result << 1
    return result & ALL_MINUTES


def minutes_between(first: int, end: int) -> int:
    """Return the set of minutes from `first` up to, not including, `end`."""
    first, end = max(0, first), min(DAY_MINUTES, end)
    return ((1 << (end - first)) - 1) << first if end > first else 0


@dataclass(slots=True)
class DayLedger:
    """One lighting day of one cabinet.

    Attributes:
        day: ISO date of its evening.
        noon_ms: Its beginning.
        closed: Circuit to when it was switched on, as far as the gateway knows.
        wanted: Circuit to when it was to be on.
        lit: Group to when it drew at least half of what its lit circuits should.
        energy: Hour since noon to the first reading of the energy counter in it.
        last: The last reading of the day.
        counters: Counter of the gateway to its (first ms, value, last ms, value) of the day.
        plan: (first minute, end, circuits, dim) as the calendar had it; None while it is not known.
        plan_wh: Energy of the plan at nominal voltage.
        full_wh: Energy of all circuits from sunset to sunrise.
        is_dirty: Whether it must be saved.
    """

    day: str
    noon_ms: int
    closed: dict[str, Minutes] = field(default_factory=dict)
    wanted: dict[str, Minutes] = field(default_factory=dict)
    lit: dict[str, Minutes] = field(default_factory=dict)
    energy: dict[int, Reading] = field(default_factory=dict)
    last: Reading | None = None
    counters: dict[str, tuple[int, float, int, float]] = field(default_factory=dict)
    plan: list[tuple[int, int, tuple[str, ...], int | None]] | None = None
    plan_wh: float = 0.0
    full_wh: float = 0.0
    is_dirty: bool = False

    def minute(self, at_ms: int) -> int:
        """Return the minute since noon."""
        return min(DAY_MINUTES - 1, max(0, (at_ms - self.noon_ms) // 60_000))

    def note(self, where: dict[str, Minutes], name: str, at_ms: int, value: bool) -> None:
        """Take a state that was seen at a time."""
        where.setdefault(name, Minutes()).note(self.minute(at_ms), value)
        self.is_dirty = True

    def note_energy(self, at_ms: int, wh: float) -> None:
        """Take a reading of the energy counter: the first of each hour is kept, and the day's last."""
        slot = (at_ms - self.noon_ms) // SLOT_MS
        kept = self.energy.get(slot)
        if kept is None or at_ms < kept[0]:
            self.energy[slot] = (at_ms, wh)
        if self.last is None or at_ms > self.last[0]:
            self.last = (at_ms, wh)
        self.is_dirty = True

    def note_counter(self, name: str, at_ms: int, value: float) -> None:
        """Take a reading of one of the gateway's own counters."""
        kept = self.counters.get(name)
        if kept is None:
            if len(self.counters) < MAX_COUNTERS:
                self.counters[name] = (at_ms, value, at_ms, value)
            return
        first_ms, first, last_ms, last = kept
        if at_ms < first_ms:
            first_ms, first = at_ms, value
        if at_ms > last_ms:
            last_ms, last = at_ms, value
        self.counters[name] = (first_ms, first, last_ms, last)
        self.is_dirty = True

    def readings(self) -> list[Reading]:
        """Return the kept readings of the energy counter in order of time."""
        kept = set(self.energy.values())
        if self.last is not None:
            kept.add(self.last)
        return sorted(kept)

    def planned(self, circuit: str) -> int:
        """Return the minutes in which the calendar wanted a circuit on."""
        minutes = 0
        for first, end, circuits, _ in self.plan or ():
            if circuit in circuits:
                minutes |= minutes_between(first, end)
        return minutes

    def dump(self) -> dict[str, Any]:
        """Return it as plain JSON data; sets of minutes in base 16."""
        return {
            "noon": self.noon_ms,
            **{name: _plain(getattr(self, name)) for name in ("closed", "wanted", "lit")},
            "energy": [[slot, *reading] for slot, reading in self.energy.items()],
            "last": self.last,
            "counters": self.counters,
            "plan": self.plan,
            "wh": [self.plan_wh, self.full_wh],
        }

    @classmethod
    def restored(cls, day: str, data: Mapping[str, Any]) -> DayLedger:
        """Return what `dump` gave.

        Raises:
            KeyError, TypeError, ValueError: It is not what `dump` gave.
        """
        ledger = cls(day, int(data["noon"]))
        for name in ("closed", "wanted", "lit"):
            made = {key: Minutes(int(true, 16), int(false, 16)) for key, (true, false) in data[name].items()}
            setattr(ledger, name, made)
        ledger.energy = {int(slot): (int(at_ms), float(wh)) for slot, at_ms, wh in data["energy"]}
        ledger.last = None if data["last"] is None else (int(data["last"][0]), float(data["last"][1]))
        ledger.counters = {
            name: (int(kept[0]), float(kept[1]), int(kept[2]), float(kept[3]))
            for name, kept in data["counters"].items()
        }
        if data["plan"] is not None:
            ledger.plan = [(int(first), int(end), tuple(lit), dim) for first, end, lit, dim in data["plan"]]
        ledger.plan_wh, ledger.full_wh = (float(value) for value in data["wh"])
        return ledger


def _plain(states: Mapping[str, Minutes]) -> dict[str, list[str]]:
    return {name: [f"{each.true:x}", f"{each.false:x}"] for name, each in states.items()}


def count(minutes: int) -> int:
    """Return how many minutes a set has."""
    return minutes.bit_count()


def beginnings(minutes: int) -> int:
    """Return how often a set of minutes begins: switches from off to on."""
    return count(minutes & ~(minutes << 1))


def union(sets: Iterable[int]) -> int:
    """Return all minutes of some sets."""
    result = 0
    for each in sets:
        result |= each
    return result
