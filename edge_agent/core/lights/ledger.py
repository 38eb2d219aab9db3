"""How long each circuit has burnt and how often it was switched: what lamps wear by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

LONGEST_GAP_S: Final = 60.0
"""Between two looks further apart nobody knows what the lamps did."""


@dataclass(slots=True)
class Ledger:
    """The count of one circuit.

    Attributes:
        on_s: Seconds that it was seen on.
        switches: How often it was seen to go on or off.
    """

    on_s: float = 0.0
    switches: int = 0
    _was_on: bool | None = None
    _seen_s: float = 0.0

    def see(self, is_on: bool | None, now_s: float) -> bool:
        """Take what the circuit does now (boot-clock seconds); return whether it was switched."""
        gap_s = now_s - self._seen_s
        if self._was_on and is_on is not None and 0 < gap_s <= LONGEST_GAP_S:
            self.on_s += gap_s
        has_changed = is_on is not None and self._was_on is not None and is_on is not self._was_on
        self.switches += has_changed
        if is_on is not None:
            self._was_on, self._seen_s = is_on, now_s
        return has_changed
