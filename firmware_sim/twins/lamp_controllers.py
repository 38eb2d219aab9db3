"""Controllers of single lamps, and of the drivers of a whole circuit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Final

from firmware_sim.core.measuring import Quantity
from firmware_sim.core.server import (
    ILLEGAL_ADDRESS,
    ILLEGAL_VALUE,
    READ_HOLDING,
    READ_INPUT_REGISTERS,
    WRITE_REGISTER,
    WRITE_REGISTERS,
    Refusal,
)
from firmware_sim.core.twin import Twin, integer_words, placed

IDENTITY: Final = 0x4C43
"""The letters LC, by which the profile knows it."""


class GenericLampController(Twin):
    """The register layout of `generic-lamp-controller`, which is this project's own (see that profile).

    Input registers: 0 identity, 1 burns, 2 level now %, 3 faults (bits 0 lamp, 1 driver, 2 heat, 3 voltage), 4 V x10,
    5 mA, 6-7 W x10, 8-9 Wh, 10-11 burning hours x10, 12-13 starts, 14 temperature x10, 15 power factor x1000. Holding
    register 0: wanted level %.
    """

    functions: ClassVar[frozenset[int]] = frozenset(
        {READ_HOLDING, READ_INPUT_REGISTERS, WRITE_REGISTER, WRITE_REGISTERS}
    )
    quantities: ClassVar[Mapping[str, Quantity]] = {
        "level": 100.0,
        "burning": 1.0,
        "level_now": 100.0,
        "faults": 0.0,
        "voltage": 230.0,
        "current": 0.36,
        "power": 80.0,
        "energy": 123_456.0,
        "burning_hours": 4321.5,
        "starts": 365.0,
        "temperature": 41.5,
        "power_factor": 0.97,
    }

    def words(self, function: int, now_s: float) -> Mapping[int, int]:
        """Return what it measures (function 4) or the wanted level (function 3)."""
        del now_s
        if function == READ_HOLDING:
            return placed((0, [round(self.number("level"))]))
        return placed(
            (0, [IDENTITY, round(self.number("burning")), round(self.number("level_now"))]),
            (3, [round(self.number("faults")), round(10 * self.seen("voltage")), round(1000 * self.seen("current"))]),
            (6, integer_words(10 * self.seen("power"), 2)),
            (8, integer_words(self.number("energy"), 2)),
            (10, integer_words(10 * self.number("burning_hours"), 2)),
            (12, integer_words(self.number("starts"), 2)),
            (14, [*integer_words(10 * self.seen("temperature"), 1), round(1000 * self.number("power_factor"))]),
        )

    def write_words(self, address: int, words: Sequence[int], now_s: float) -> None:
        """Set the level in per cent."""
        if address or len(words) != 1:
            raise Refusal(ILLEGAL_ADDRESS)
        if words[0] > 100:
            raise Refusal(ILLEGAL_VALUE)
        self.look(now_s)
        self.dim(float(words[0]), now_s)

    def dim(self, level: float, now_s: float) -> None:
        """Take a level."""
        del now_s
        self.values["level"] = level
        self.values["level_now"] = level if self.number("burning") else 0.0


MODELS: Final[dict[str, type[Twin]]] = {"generic-lamp-controller": GenericLampController}
