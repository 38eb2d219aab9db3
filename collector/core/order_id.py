"""ULIDs for orders: later ones sort after earlier ones, also within one millisecond and when the clock is set back."""

from __future__ import annotations

from typing import Final

_CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class OrderIds:
    """Gives ids that rise.

    Args:
        newest: The greatest that was ever given, so that a restart with a slower clock does not go below it.
    """

    def __init__(self, newest: str = "") -> None:
        self._newest = _number(newest) if newest else 0

    def draw(self, now_ms: int, randomness: int) -> str:
        """Return the id of a time (ms since 1970 UTC) and 80 random bits."""
        number = (now_ms & (1 << 48) - 1) << 80 | randomness & (1 << 80) - 1
        self._newest = max(number, self._newest + 1)
        return "".join(_CROCKFORD[self._newest >> shift & 31] for shift in range(125, -1, -5))


def _number(text: str) -> int:
    number = 0
    for sign in text:
        number = number << 5 | _CROCKFORD.index(sign)
    return number
