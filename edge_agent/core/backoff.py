"""Pauses between attempts, and a bucket of tokens. Chance and time are arguments."""

from __future__ import annotations


def backoff_s(attempt: int, *, first_s: float, longest_s: float, fraction: float) -> float:
    """Return the pause before an attempt, in seconds: doubled each time, capped, spread by chance.

    Args:
        attempt: 0 for the first repetition.
        first_s: Pause before it at most.
        longest_s: No pause is longer.
        fraction: A random number of 0 to 1; the pause lies between half of its span and the whole,
            so that gateways which lost their broker together do not return together.
    """
    span_s = min(longest_s, first_s * 2.0 ** min(attempt, 32))
    return span_s * (0.5 + 0.5 * fraction)


class TokenBucket:
    """At most `rate` a second over time, and `burst` at once."""

    def __init__(self, *, rate: float, burst: float, now_ms: int) -> None:
        """Begin with an empty bucket."""
        self._rate = rate
        self._burst = burst
        self._tokens = 0.0
        self._at_ms = now_ms

    def available(self, now_ms: int) -> int:
        """Return how many may go now."""
        self._tokens = min(self._burst, self._tokens + max(0, now_ms - self._at_ms) * self._rate / 1000)
        self._at_ms = now_ms
        return max(0, int(self._tokens))

    def take(self, count: int) -> None:
        """Take tokens; may go below zero by what could not wait, at most one burst."""
        self._tokens = max(-self._burst, self._tokens - count)
