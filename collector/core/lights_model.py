"""What a group of circuits draws when all its lamps burn: learned from seven good nights, at any voltage.

All powers are natural logarithms of W and all voltages x = ln(U / Un), so that P ~ U^k is the line y = b + k x and one
lamp of n is the same step at every voltage.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

BASE_NIGHTS: Final = 7
UPPER_NIGHTS: Final = 3
PRIOR_SD: Final = 0.5
"""How far an exponent may lie from what its kind of lamp suggests."""
LEAST_EXPONENT_SD: Final = 0.04
"""The line is no law: a ballast's exponent itself changes a little over 20 % of voltage."""
NOISE_RATIO: Final = 20.0
MEDIAN_VARIANCE: Final = 1.57
"""Of a median, by that of a mean."""
LEAST_CELL_SD: Final = 0.0005
LEAST_NIGHT_SD: Final = 0.001
"""Nights differ by more than a meter's noise: temperature, a neighbour's load on the neutral."""
MAX_STATES: Final = 16
AGEING_PER_NIGHT: Final = 0.00015
"""5.5 % a year: lamps lose up to 3 %, and no lamp that goes out hides below a rate so small."""
AGEING_LIMIT: Final = 0.3
UNSETTLED_NIGHTS: Final = 14
"""After so many nights that do not agree the median of the last seven is taken all the same."""


@dataclass(slots=True)
class Exponent:
    """The exponent k of P ~ U^k: a guess by the kind of lamp, outvoted by what is seen.

    Attributes:
        prior: The guess.
        information: Of all observations together with the guess, in 1/variance.
        moment: Their sum of information times k.
    """

    prior: float
    information: float = 1 / PRIOR_SD**2
    moment: float = field(default=0.0)

    def __post_init__(self) -> None:
        if self.moment == 0.0:
            self.moment = self.prior * self.information

    @property
    def value(self) -> float:
        """K by all that is known; between -0.5 and 3 whatever was measured."""
        return min(3.0, max(-0.5, self.moment / self.information))

    @property
    def sd(self) -> float:
        """How well it is known."""
        return max(LEAST_EXPONENT_SD, 1 / math.sqrt(self.information))

    def learn(self, dx: float, dy: float, variance: float) -> None:
        """Take one change of power beside a change of voltage.

        Args:
            dx: Change of ln(U / Un).
            dy: Change of ln P.
            variance: Of dy around k dx.
        """
        self.information += dx * dx / variance
        self.moment += dx * dy / variance

    def forget(self) -> None:
        """Let old evidence fade: ballasts are replaced. A night's share; half is gone after a season."""
        kept = 0.992
        guess = 1 / PRIOR_SD**2
        self.information = guess + (self.information - guess) * kept
        self.moment = self.prior * guess + (self.moment - self.prior * guess) * kept


@dataclass(frozen=True, slots=True)
class Night:
    """The median of one night's cells in one state of the circuits.

    Attributes:
        day: The lighting day, ISO.
        x: ln(U / Un).
        y: ln P.
        cells: How many.
    """

    day: str
    x: float
    y: float
    cells: int


@dataclass(frozen=True, slots=True)
class Expected:
    """What a group should draw.

    Attributes:
        y: ln P.
        sd: Of what is the same for all cells of a night: the base itself and the exponent far from its voltage.
    """

    y: float
    sd: float


@dataclass(slots=True)
class StateBase:
    """The base of one state: which circuits burn, how bright.

    Attributes:
        nights: Good nights, newest last; those that made the base once it is settled.
        settled: Whether the base stands: from then on only relamping makes a new one.
        seen: Good nights so far.
        cell_sd: Noise of one cell, in ln P.
    """

    nights: list[Night] = field(default_factory=list)
    settled: bool = False
    seen: int = 0
    cell_sd: float = 0.0

    def level(self, k: float) -> float:
        """Return ln P at nominal voltage: the median of the nights."""
        return statistics.median(night.y - k * night.x for night in self.nights)

    def x(self) -> float:
        """Return the voltage at which it was learned."""
        return statistics.median(night.x for night in self.nights)

    def night_sd(self, k: float) -> float:
        """Return how far nights lie from one another, robustly."""
        level = self.level(k)
        spread = statistics.median(abs(night.y - k * night.x - level) for night in self.nights)
        return max(LEAST_NIGHT_SD, 1.4826 * spread)

    def add(self, night: Night, k: float, lamp: float) -> None:
        """Take a good night while the base is not settled.

        A lamp that goes out while the base is learned must not lower it, and one that is mended must raise it: the
        upper nights count, if there are three of them.

        Args:
            night: Its median.
            k: The exponent by now.
            lamp: One lamp's share of ln P.
        """
        self.nights = [*self.nights, night][-BASE_NIGHTS:]
        self.seen += 1
        if len(self.nights) < BASE_NIGHTS:
            return
        levels = sorted((each.y - k * each.x for each in self.nights), reverse=True)
        upper = [each for each in self.nights if each.y - k * each.x >= levels[1] - lamp / 2]
        if len(upper) >= UPPER_NIGHTS:
            self.nights, self.settled = upper, True
        elif self.seen >= UNSETTLED_NIGHTS:
            self.settled = True


@dataclass(slots=True)
class GroupModel:
    """Everything learned of one group.

    Attributes:
        exponent: How its power follows the voltage.
        states: State (`A,B@100`) to its base.
        ageing: Slow change of ln P since the bases were learned.
        last: State to its last good night, from which the next one's change is taken.
    """

    exponent: Exponent
    states: dict[str, StateBase] = field(default_factory=dict)
    ageing: float = 0.0
    last: dict[str, Night] = field(default_factory=dict)

    def expected(self, state: str, x: float) -> Expected | None:
        """Return what a state draws at a voltage; None while its base is not settled."""
        base = self.states.get(state)
        if base is None or not base.settled:
            return None
        k = self.exponent.value
        away = (x - base.x()) * self.exponent.sd
        return Expected(base.level(k) + self.ageing + k * x, math.hypot(base.night_sd(k), away))

    def cell_sd(self, state: str) -> float:
        """Return the noise of one cell of a state, in ln P."""
        base = self.states.get(state)
        return max(LEAST_CELL_SD, base.cell_sd if base else 0.0)

    def close_night(self, day: str, state: str, cells: Sequence[tuple[float, float]], lamp: float) -> None:
        """Learn from a good night: no finding, no disturbance.

        Args:
            day: The lighting day, ISO.
            state: Which circuits burnt.
            cells: (x, y) of its cells, in order of time.
            lamp: One lamp's share of ln P.
        """
        if state not in self.states and len(self.states) >= MAX_STATES:
            return
        base = self.states.setdefault(state, StateBase())
        x, y = (statistics.median(values) for values in zip(*cells, strict=True))
        night = Night(day, x, y, len(cells))
        self._learn_within(base, cells, lamp)
        before = self.last.get(state)
        if before is not None:
            dx, dy = night.x - before.x, night.y - before.y
            # The medians of both nights carry what the voltmeter makes up by itself.
            made_up = 2 * MEDIAN_VARIANCE * _voltage_noise(cells) / len(cells)
            is_clear = dx * dx > NOISE_RATIO * made_up
            if is_clear and abs(dy - self.exponent.value * dx) < lamp / 2 + 2 * self.exponent.sd * abs(dx):
                variance = 2 * (LEAST_NIGHT_SD**2 + self.cell_sd(state) ** 2 / night.cells)
                self.exponent.learn(dx, dy, variance)
        self.last[state] = night
        if not base.settled:
            base.add(night, self.exponent.value, lamp)

    def age(self, residual: float, lamp: float) -> None:
        """Follow a night's residual (ln P, measured minus expected) slowly; a step of half a lamp is no ageing."""
        if abs(residual) < lamp / 2:
            step = min(AGEING_PER_NIGHT, max(-AGEING_PER_NIGHT, residual))
            self.ageing = min(AGEING_LIMIT, max(-AGEING_LIMIT, self.ageing + step))

    def relamped(self) -> None:
        """Begin anew: somebody has logged that lamps were replaced. The exponent stays, as ballasts do."""
        self.states.clear()
        self.last.clear()
        self.ageing = 0.0

    def _learn_within(self, base: StateBase, cells: Sequence[tuple[float, float]], lamp: float) -> None:
        if len(cells) < 4:
            return
        k = self.exponent.value
        steps = [abs((b[1] - k * b[0]) - (a[1] - k * a[0])) for a, b in itertools.pairwise(cells)]
        measured = 1.4826 * statistics.median(steps) / math.sqrt(2)
        base.cell_sd = measured if base.cell_sd == 0.0 else 0.8 * base.cell_sd + 0.2 * measured
        mean_x = statistics.fmean(x for x, _ in cells)
        mean_y = statistics.fmean(y for _, y in cells)
        spread = math.fsum((x - mean_x) ** 2 for x, _ in cells)
        if spread < NOISE_RATIO * _voltage_noise(cells) * (len(cells) - 1):
            # What the voltmeter makes up by itself would pull the exponent to 0.
            return
        if spread * PRIOR_SD**2 > 4 * base.cell_sd**2:
            slope = math.fsum((x - mean_x) * (y - mean_y) for x, y in cells) / spread
            k = min(self.exponent.prior + 1.5, max(self.exponent.prior - 1.5, slope))
        # A lamp that failed within the night shows as a residual that no voltage explains.
        residuals = sorted((y - mean_y) - k * (x - mean_x) for x, y in cells)
        tenth = len(residuals) // 10
        if residuals[-1 - tenth] - residuals[tenth] > lamp / 2 + 4 * base.cell_sd:
            return
        variance = max(LEAST_CELL_SD, base.cell_sd) ** 2 + LEAST_NIGHT_SD**2
        for x, y in cells:
            self.exponent.learn(x - mean_x, y - mean_y, variance)

    def dump(self) -> dict[str, Any]:
        """Return it as plain JSON data."""
        return {
            "k": [self.exponent.information, self.exponent.moment],
            "ageing": self.ageing,
            "states": {
                name: {
                    "nights": [_plain(night) for night in base.nights],
                    "settled": base.settled,
                    "seen": base.seen,
                    "cell_sd": base.cell_sd,
                }
                for name, base in self.states.items()
            },
            "last": {name: _plain(night) for name, night in self.last.items()},
        }

    @classmethod
    def restored(cls, prior: float, data: dict[str, Any]) -> GroupModel:
        """Return what `dump` gave, beside the guess that the inventory makes now."""
        information, moment = (float(value) for value in data["k"])
        model = cls(Exponent(prior, information, moment), ageing=float(data["ageing"]))
        for name, kept in data["states"].items():
            nights = [_night(night) for night in kept["nights"]]
            model.states[name] = StateBase(nights, bool(kept["settled"]), int(kept["seen"]), float(kept["cell_sd"]))
        model.last = {name: _night(night) for name, night in data["last"].items()}
        return model


def _voltage_noise(cells: Sequence[tuple[float, float]]) -> float:
    """Return the variance of x that is no drift, from neighbouring cells."""
    if len(cells) < 2:
        return 0.0
    return math.fsum((b[0] - a[0]) ** 2 for a, b in itertools.pairwise(cells)) / 2 / (len(cells) - 1)


def _plain(night: Night) -> list[Any]:
    return [night.day, night.x, night.y, night.cells]


def _night(data: Sequence[Any]) -> Night:
    day, x, y, cells = data
    return Night(str(day), float(x), float(y), int(cells))
