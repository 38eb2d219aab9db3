"""Requests that a device leaves unanswered while it answers others. Pure: times are arguments.

Some devices do not refuse registers that they lack, they say nothing. Each such request would cost the line a
time-out at every poll, and end the read before the requests after it. So it is asked last, and after some silences
it rests: like a dead device it takes at most a twentieth of the line's time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

REST_AFTER: Final = 10
"""Silences in a row of a request that was never answered, the device having answered others between them."""
REST_AFTER_ANSWERED: Final = 20
"""Of one that was answered before: a module was taken out, or the line is bad, which must not look like that."""
REST_SHARE: Final = 19
"""A rest is this many times what the silence cost, as of a device that is set aside."""
SHORTEST_REST_S: Final = 2.0
LONGEST_REST_S: Final = 300.0
MAX_NOTED: Final = 256
Place = tuple[int, int, int]
"""Function, address and count of a request."""


@dataclass(slots=True)
class _Silence:
    count: int
    last_ms: float
    until_ms: float = 0.0


class SilentRequests:
    """The requests of one device that got no answer when they were asked last."""

    def __init__(self) -> None:
        self._silences: dict[Place, _Silence] = {}
        self._answered: set[Place] = set()

    def __bool__(self) -> bool:
        return bool(self._silences)

    def __contains__(self, place: Place) -> bool:
        return place in self._silences

    def rests(self, place: Place, now_ms: float) -> bool:
        """Return whether a request is not to be asked now."""
        silence = self._silences.get(place)
        return silence is not None and now_ms < silence.until_ms

    def silent(self, place: Place, now_ms: float, heard_ms: float, held_s: float) -> None:
        """Take note of a silence.

        Args:
            place: The request.
            now_ms: When it was given up.
            heard_ms: When the device last answered anything.
            held_s: How long the silence kept the line from others.
        """
        silence = self._silences.get(place)
        if silence is None:
            if len(self._silences) >= MAX_NOTED:
                self._silences.clear()
            self._silences[place] = _Silence(1, now_ms)
            return
        # A device that is dead says nothing to anything: that is the circuit breaker's affair.
        if heard_ms > silence.last_ms:
            silence.count += 1
        silence.last_ms = now_ms
        if silence.count >= (REST_AFTER_ANSWERED if place in self._answered else REST_AFTER):
            rest_s = min(max(REST_SHARE * held_s, SHORTEST_REST_S), LONGEST_REST_S)
            silence.until_ms = now_ms + 1_000 * rest_s

    def answered(self, place: Place) -> None:
        """Take note of an answer."""
        self._silences.pop(place, None)
        if len(self._answered) < MAX_NOTED:
            self._answered.add(place)
