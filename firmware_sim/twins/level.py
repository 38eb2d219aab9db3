"""Level sensors above drains, rivers, tanks and bins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

from firmware_sim.core.server import READ_HOLDING
from firmware_sim.core.twin import Quantity, Twin, integer_words, placed


class RadarLd8001h(Twin):
    """LD8001H (SEN0676): mm, and the height of the sensor in cm; the level is height less distance.

    Source: two public sources.
    """

    functions: ClassVar[frozenset[int]] = frozenset({READ_HOLDING})
    quantities: ClassVar[Mapping[str, Quantity]] = {"level": 0.35, "mounting_height": 4.2}

    def words(self, function: int, now_s: float) -> Mapping[int, int]:
        """Return the registers of function 3."""
        del function, now_s
        height, level = self.number("mounting_height"), self.seen("level")
        return placed(
            (1, integer_words(1000 * (height - level), 1)),
            (3, integer_words(1000 * level, 1)),
            (5, [round(100 * height)]),
        )


class RadarNotSetUp(RadarLd8001h):
    """The same sensor as it leaves the factory: no height."""

    quantities: ClassVar[Mapping[str, Quantity]] = {"level": 0.0, "mounting_height": 0.0}


MODELS: Final[dict[str, type[Twin]]] = {
    "radar-level-ld8001h": RadarLd8001h,
    "radar-level-not-set-up": RadarNotSetUp,
}
