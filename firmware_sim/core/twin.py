"""What the simulated instruments have in common: physical quantities behind a register map of their own."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Final

from firmware_sim.core.measuring import Measuring, Quantity
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


class Twin(Measuring, Device):
    """A simulated instrument.

    A subclass names its quantities with their first values, and puts them into its tables. An address that a table
    does not name is refused, as by a device that has no register there; `holes_read_zero` makes it 0.

    Attributes:
        follows: What gives the quantities at a simulated time, where the instrument is part of something larger.
    """

    functions: ClassVar[frozenset[int]] = frozenset({READ_HOLDING, READ_INPUT_REGISTERS})
    holes_read_zero: bool = False

    def __init__(
        self, unit: int, noise: Noise, *, sigma: float = 0.0, values: Mapping[str, Quantity] | None = None
    ) -> None:
        super().__init__(values)
        self.unit = unit
        self.sigma = sigma
        self.follows: Callable[[float], Mapping[str, float]] | None = None
        self._noise = noise

    def seen(self, name: str) -> float:
        """Return a number as the instrument measures it: with its relative error."""
        value = self.number(name)
        if name in self.held:
            return value
        return value * (1.0 + self.sigma * self._noise.gauss()) if self.sigma > 0.0 else value

    def look(self, now_s: float) -> None:
        """Take the quantities as they are now."""
        self.simulated_s = now_s
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
