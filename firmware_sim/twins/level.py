"""Level sensors above drains, rivers, tanks and bins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

from firmware_sim.core.measuring import Quantity
from firmware_sim.core.server import READ_HOLDING
from firmware_sim.core.twin import Twin, integer_words, placed


class RadarLd8001h(Twin):
    """LD8001H (SEN0676): mm, and the height of the sensor in cm; the level is height less distance.

    Source: the seller's wiki page of SEN0676 and a public driver.
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


class Ultrasonic(Twin):
    """Ultrasonic distance sensor with registers from 0x0100: mm, tenths of °C; no echo is 65533, interference 65534.

    `echo` is a text: `yes`, `none` or `foreign`. Each read is one measurement of one register. Source: three public
    descriptions; the two codes stand in one, of a sister model.
    """

    functions: ClassVar[frozenset[int]] = frozenset({READ_HOLDING})
    quantities: ClassVar[Mapping[str, Quantity]] = {
        "distance": 0.754,
        "electronics_temperature": 30.0,
        "echo": "yes",
        "baud_code": 9.0,
    }
    no_distance: ClassVar[Mapping[str, int]] = {"none": 65533, "foreign": 65534}

    def words(self, function: int, now_s: float) -> Mapping[int, int]:
        """Return the registers of function 3."""
        del function, now_s
        seen = max(0, min(10_000, round(1000 * self.seen("distance"))))
        millimetres = self.no_distance.get(str(self.values["echo"]), seen)
        degrees = integer_words(10 * self.number("electronics_temperature"), 1)
        code = round(self.number("baud_code"))
        return placed((0x0100, [millimetres, millimetres]), (0x0102, degrees), (0x0200, [self.unit, code]))


class UltrasonicOther(Ultrasonic):
    """A sensor with something else where the code of the baud rate stands."""

    quantities: ClassVar[Mapping[str, Quantity]] = {**Ultrasonic.quantities, "baud_code": 96.0}


MODELS: Final[dict[str, type[Twin]]] = {
    "generic-ultrasonic": Ultrasonic,
    "generic-ultrasonic-other": UltrasonicOther,
    "radar-level-ld8001h": RadarLd8001h,
    "radar-level-not-set-up": RadarNotSetUp,
}
