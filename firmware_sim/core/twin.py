"""What the simulated instruments have in common: physical quantities behind a register map of their own."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from firmware_sim.core.noise import Noise
from firmware_sim.core.server import (
    ILLEGAL_ADDRESS,
    READ_COILS,
    READ_HOLDING,
    READ_INPUT_REGISTERS,
    READ_INPUTS,
    Device,
    Refusal,
)

Quantity = float | str
WORD: Final = 0xFFFF


def float_words(value: float, *, low_word_first: bool = False, little_endian: bool = False) -> list[int]:
    """Return the two registers of a single-precision number."""
    high, low = struct.unpack(">HH", struct.pack(">f", value))
    if little_endian:
        return [_swapped(low), _swapped(high)]
    return [low, high] if low_word_first else [high, low]


def integer_words(value: float, words: int, *, low_word_first: bool = False) -> list[int]:
    """Return the registers of a whole number, negative ones as two's complement; it stops at its largest."""
    bits = 16 * words
    number = max(-(1 << bits - 1), min((1 << bits) - 1, round(value))) & ((1 << bits) - 1)
    parts = [number >> shift & WORD for shift in range(bits - 16, -1, -16)]
    return parts[::-1] if low_word_first else parts


def text_words(text: str, words: int) -> list[int]:
    """Return a text as registers of two characters, filled with NUL."""
    data = text.encode("ascii")[: 2 * words].ljust(2 * words, b"\0")
    return [int.from_bytes(data[place : place + 2], "big") for place in range(0, 2 * words, 2)]


def _swapped(word: int) -> int:
    return (word & 0xFF) << 8 | word >> 8


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


class Twin(Device):
    """A simulated instrument.

    A subclass names its quantities with their first values, and puts them into its tables. An address that a table
    does not name is refused, as by a device that has no register there; `holes_read_zero` makes it 0.

    Attributes:
        values: The quantities now, in the units of the subclass's docstring: the truth, whatever is measured of it.
        drifts: What is measured of these runs away from the truth.
        held: What is measured of these stays as it was.
        follows: What gives the quantities at a simulated time, where the instrument is part of something larger.
    """

    quantities: ClassVar[Mapping[str, Quantity]] = {}
    functions: ClassVar[frozenset[int]] = frozenset({READ_HOLDING, READ_INPUT_REGISTERS})
    holes_read_zero: bool = False

    def __init__(
        self, unit: int, noise: Noise, *, sigma: float = 0.0, values: Mapping[str, Quantity] | None = None
    ) -> None:
        self.unit = unit
        self.sigma = sigma
        self.values: dict[str, Quantity] = dict(self.quantities)
        self.drifts: dict[str, Drift] = {}
        self.held: dict[str, float] = {}
        self.follows: Callable[[float], Mapping[str, float]] | None = None
        self._noise = noise
        self._now_s = 0.0
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
            self._now_s = now_s
            self.held[name] = self.seen(name)

    def recover(self, name: str | None = None) -> None:
        """Measure one quantity rightly again, or all of them."""
        for wrong in (self.drifts, self.held):
            for one in [name] if name is not None else list(wrong):
                wrong.pop(one, None)

    def number(self, name: str) -> float:
        """Return a number as the instrument has it, without its relative error."""
        if name in self.held:
            return self.held[name]
        value, drift = float(self.values[name]), self.drifts.get(name)
        return value + drift.away(self._now_s) if drift else value

    def seen(self, name: str) -> float:
        """Return a number as the instrument measures it: with its relative error."""
        value = self.number(name)
        if name in self.held:
            return value
        return value * (1.0 + self.sigma * self._noise.gauss()) if self.sigma > 0.0 else value

    def look(self, now_s: float) -> None:
        """Take the quantities as they are now."""
        self._now_s = now_s
        if self.follows is not None:
            self.values.update(self.follows(now_s))

    def words(self, function: int, now_s: float) -> Mapping[int, int]:
        """Return the registers that function 3 or 4 reads, by wire address."""
        del function, now_s
        return {}

    def bits(self, function: int, now_s: float) -> Mapping[int, int]:
        """Return the coils (function 1) or discrete inputs (function 2), by wire address."""
        del function, now_s
        return {}

    def read_words(self, function: int, address: int, count: int, now_s: float) -> Sequence[int]:
        """Return registers; Refusal where there is none."""
        self.look(now_s)
        return self._picked(self.words(function, now_s), address, count)

    def read_bits(self, function: int, address: int, count: int, now_s: float) -> Sequence[int]:
        """Return bits; Refusal where there is none."""
        self.look(now_s)
        return self._picked(self.bits(function, now_s), address, count)

    def _picked(self, table: Mapping[int, int], address: int, count: int) -> list[int]:
        wanted = range(address, address + count)
        if not self.holes_read_zero and any(one not in table for one in wanted):
            raise Refusal(ILLEGAL_ADDRESS)
        return [table.get(one, 0) for one in wanted]


def placed(*runs: tuple[int, Sequence[int]]) -> dict[int, int]:
    """Return registers by address from runs of them: (first address, words)."""
    return {first + place: word for first, words in runs for place, word in enumerate(words)}


BIT_FUNCTIONS: Final = frozenset({READ_COILS, READ_INPUTS})
