"""A token bucket whose clock is an argument."""

from __future__ import annotations


class TokenBucket:
    """Allows `burst` at once and `per_s` a second in the long run."""

    def __init__(self, *, per_s: float, burst: float) -> None:
        self._per_s = per_s
        self._burst = burst
        self._tokens = burst
        self._last_ms: int | None = None

    def take(self, now_ms: int) -> bool:
        """Take one token; a clock that goes back gives none and takes none away."""
        elapsed_ms = 0 if self._last_ms is None else max(0, now_ms - self._last_ms)
        self._last_ms = now_ms
        self._tokens = min(self._burst, self._tokens + elapsed_ms / 1000 * self._per_s)
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
