"""What every simulated instrument does: it has quantities, and measures them rightly or wrongly. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

Quantity = float | str


@dataclass(frozen=True, slots=True)
class Drift:
    """How a measured value runs away from its quantity.

    Attributes:
        since_s: Simulated time at which it began.
        ends_s: When it stops running, and stays where it is.
        per_minute: How far it runs in a minute.
        before: How far it was away when it began.
    """

    since_s: float
    ends_s: float
    per_minute: float
    before: float

    def away(self, now_s: float) -> float:
        """Return how far it is away from the quantity."""
        return self.before + self.per_minute * max(0.0, min(now_s, self.ends_s) - self.since_s) / 60.0


class Measuring:
    """Quantities, and what is measured of them.

    A subclass names its quantities with their first values.

    Attributes:
        values: The quantities now, in the units of the subclass's docstring: the truth, whatever is measured of it.
        drifts: What is measured of these runs away from the truth.
        held: What is measured of these stays as it was.
        simulated_s: The simulated time of what is measured now.
    """

    quantities: ClassVar[Mapping[str, Quantity]] = {}

    def __init__(self, values: Mapping[str, Quantity] | None = None) -> None:
        self.values: dict[str, Quantity] = dict(self.quantities)
        self.drifts: dict[str, Drift] = {}
        self.held: dict[str, float] = {}
        self.simulated_s = 0.0
        for name, value in (values or {}).items():
            self.set(name, value)

    def set(self, name: str, value: Quantity) -> None:
        """Change a quantity.

        Raises:
            KeyError: There is none of that name; the message names those there are.
            ValueError: It is a number and is given a text, or the other way round.
        """
        if name not in self.values:
            raise KeyError(f"no quantity '{name}'; there are {', '.join(sorted(self.values))}")
        if isinstance(self.values[name], str) != isinstance(value, str):
            raise ValueError(f"'{name}' is {'a text' if isinstance(self.values[name], str) else 'a number'}")
        self.values[name] = value

    def drift(self, name: str, per_minute: float, now_s: float, ends_s: float = math.inf) -> None:
        """Let what is measured of a number run away, from where it is now."""
        known = self.drifts.get(name)
        self.drifts[name] = Drift(now_s, ends_s, per_minute, known.away(now_s) if known else 0.0)

    def hold(self, name: str, now_s: float) -> None:
        """Let what is measured of a number stay as it is now."""
        if name not in self.held:
            self.simulated_s = now_s
            self.held[name] = self.seen(name)

    def recover(self, name: str | None = None) -> None:
        """Measure one quantity rightly again, or all of them."""
        for wrong in (self.drifts, self.held):
            for one in [name] if name is not None else list(wrong):
                wrong.pop(one, None)

    def number(self, name: str) -> float:
        """Return a number as the instrument has it, without its relative error."""
        # A line's thread reads while an action ends the hold: each is looked up once.
        held = self.held.get(name)
        if held is not None:
            return held
        value, drift = float(self.values[name]), self.drifts.get(name)
        return value + drift.away(self.simulated_s) if drift else value

    def seen(self, name: str) -> float:
        """Return a number as the instrument measures it."""
        return self.number(name)

    def measuring(self) -> dict[str, object]:
        """Return the truth, and which quantities are measured wrongly."""
        return {"values": dict(self.values), "drifting": sorted(self.drifts), "flat": sorted(self.held)}
