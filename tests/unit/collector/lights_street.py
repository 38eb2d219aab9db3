"""A street of lamps as physics has it, for tests: chokes, arcs, warm-up, restrike, ageing, a noisy meter.

It shares no formula with what it tests: a magnetic ballast's power comes from its choke and its arc here, never from an
exponent of the voltage.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

DAY_S = 86_400
ON_S = 18 * 3600
"""Dusk and dawn of every night, seconds of the day, so that the test's own plan needs no astronomy."""
OFF_S = 29 * 3600
EPOCH_S = 1_798_736_400
"""2027-01-01 00:00 in UTC+7."""
NOMINAL_V = 230.0


@dataclass
class Lamp:
    """One lamp.

    Attributes:
        spread: Its own deviation from the nameplate, as a factor.
        dead_from_s: When it fails for good.
        cycles_from_s: When it begins to cycle.
    """

    spread: float
    dead_from_s: float = math.inf
    mended_s: float = math.inf
    cycles_from_s: float = math.inf
    cycle_s: float = 1900.0
    cycle_out_s: float = 400.0


def choke_power_w(volts: float, watts: float) -> float:
    """Return what a sodium lamp of so many W (ballast included, at 230 V) takes behind its choke.

    The arc holds its voltage, the choke carries the rest at a right angle, and its copper is warmed by the current.
    """
    arc_v, copper_share = 100.0, 0.12

    def raw(u: float) -> float:
        current = math.sqrt(max(0.0, u * u - arc_v * arc_v))
        rated = math.sqrt(NOMINAL_V**2 - arc_v**2)
        return (1 - copper_share) * current / rated + copper_share * (current / rated) ** 2

    return watts * raw(volts) if volts > arc_v else 0.0


@dataclass
class Street:
    """Lamps on one meter.

    Attributes:
        drift: The mains' deviation at a time, instead of the usual one.
        outages: (from, to) in seconds since the start of the test.
    """

    seed: int
    lamps: int = 24
    watts: float = 170.0
    led: bool = False
    noise: float = 0.01
    missing: float = 0.05
    step_s: int = 60
    ageing_per_year: float = 0.0
    drift: Callable[[float], float] | None = None
    outages: list[tuple[float, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.each = [Lamp(self.random.gauss(1.0, 0.02)) for _ in range(self.lamps)]
        self.phase = [self.random.uniform(0, 2 * math.pi) for _ in range(3)]

    def volts(self, at_s: float) -> float:
        """Return the mains: slow drift over days and over the night, 10 % at most."""
        if self.drift is not None:
            return NOMINAL_V * (1 + self.drift(at_s))
        days = at_s / DAY_S
        swing = (
            0.045 * math.sin(2 * math.pi * days / 17.3 + self.phase[0])
            + 0.03 * math.sin(2 * math.pi * days / 3.1 + self.phase[1])
            + 0.025 * math.sin(2 * math.pi * days + self.phase[2])
        )
        return NOMINAL_V * (1 + swing)

    def is_out(self, at_s: float) -> bool:
        """Return whether the mains are lost."""
        return any(first <= at_s < end for first, end in self.outages)

    def run_up(self, at_s: float, since_s: float) -> float:
        """Return how bright a lamp is, 0 to 1, that has been under voltage since a time."""
        if self.led:
            return 1.0
        struck_s = since_s
        for _, end_s in self.outages:
            if since_s < end_s <= at_s:
                # A hot arc does not strike at once.
                struck_s = max(struck_s, end_s + 240)
        return 0.0 if at_s < struck_s else min(1.0, 0.55 + 0.45 * (at_s - struck_s) / 480)

    def share(self, lamp: Lamp, at_s: float, since_s: float) -> float:
        """Return the same of a lamp that is not like the others."""
        if lamp.dead_from_s <= at_s < lamp.mended_s:
            return 0.0
        if at_s < lamp.cycles_from_s:
            return self.run_up(at_s, since_s)
        phase_s = (at_s - max(since_s, lamp.cycles_from_s)) % lamp.cycle_s
        if phase_s > lamp.cycle_s - lamp.cycle_out_s:
            return 0.0
        return min(self.run_up(at_s, since_s), self.run_up(at_s, at_s - phase_s))

    def power_w(self, at_s: float, since_s: float, first: int = 0, end: int | None = None) -> float:
        """Return the true power of a range of the lamps."""
        volts = self.volts(at_s)
        rated = self.watts if self.led else choke_power_w(volts, self.watts)
        aged = 1 - self.ageing_per_year * at_s / (365 * DAY_S)
        some = self.each[first:end]
        odd = [lamp for lamp in some if lamp.dead_from_s < math.inf or lamp.cycles_from_s < math.inf]
        alike = sum(lamp.spread for lamp in some if lamp not in odd) * self.run_up(at_s, since_s)
        return rated * aged * (alike + sum(lamp.spread * self.share(lamp, at_s, since_s) for lamp in odd))

    def measured(self, true_w: float) -> float:
        """Return what the meter says."""
        return max(0.0, true_w * self.random.gauss(1.0, self.noise) + self.random.gauss(0.0, 1.0))

    def times(self, nights: int, first: int = 0) -> Iterator[tuple[float, float, float, bool]]:
        """Yield (seconds, seconds of the night's midnight, measured V, whether it is night), with holes.

        By day one sample in ten is enough.
        """
        for night in range(first, first + nights):
            for at_s in range(night * DAY_S + 15 * 3600, night * DAY_S + 32 * 3600, self.step_s):
                of_day_s = at_s - night * DAY_S
                is_on = ON_S <= of_day_s < OFF_S
                if not is_on and of_day_s // self.step_s % 5:
                    continue
                if self.random.random() < self.missing or self.is_out(at_s):
                    continue
                yield float(at_s), night * DAY_S, self.volts(at_s) * self.random.gauss(1.0, 0.001), is_on
