"""Seeded noise: the same seed and name give the same stream on every machine and Python version."""

from __future__ import annotations

import math
from typing import Final

_MASK: Final = (1 << 64) - 1


def _mix(value: int) -> int:
    """Return the SplitMix64 finaliser of a 64-bit state (Steele, Lea, Flood 2014)."""
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)


class Noise:
    """A stream of draws for one named source, so that devices do not disturb each other's draws."""

    def __init__(self, seed: int, name: str) -> None:
        state = seed & _MASK
        for byte in name.encode():
            state = _mix((state ^ byte) + 0x9E3779B97F4A7C15 & _MASK)
        self._state = state
        self._spare: float | None = None

    def uniform(self) -> float:
        """Return a draw from [0, 1)."""
        self._state = (self._state + 0x9E3779B97F4A7C15) & _MASK
        return (_mix(self._state) >> 11) / (1 << 53)

    def chance(self, share: float) -> bool:
        """Return True for this share of the draws; 0 and 1 draw nothing."""
        return share >= 1.0 or (share > 0.0 and self.uniform() < share)

    def integer(self, low: int, high: int) -> int:
        """Return a draw from low..high, both included."""
        return low + int(self.uniform() * (high - low + 1))

    def gauss(self) -> float:
        """Return a draw from the standard normal distribution (Box-Muller)."""
        if self._spare is not None:
            draw, self._spare = self._spare, None
            return draw
        radius = math.sqrt(-2.0 * math.log(1.0 - self.uniform()))
        angle = 2.0 * math.pi * self.uniform()
        self._spare = radius * math.sin(angle)
        return radius * math.cos(angle)

    def octets(self, count: int) -> bytes:
        """Return `count` random bytes."""
        return bytes(self.integer(0, 255) for _ in range(count))
