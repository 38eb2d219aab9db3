"""Soil probes: moisture, temperature, conductivity, in two orders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

from firmware_sim.core.measuring import Quantity
from firmware_sim.core.server import READ_HOLDING, READ_INPUT_REGISTERS
from firmware_sim.core.twin import Twin, integer_words, placed

FAHRENHEIT: Final = "°F"


class SoilMte(Twin):
    """Moisture and temperature in tenths, conductivity in µS/cm, from register 0.

    Source: the wiki page of DFRobot SEN0601, the tool of ComWinTop CWT-SOIL-THC-S.
    """

    functions: ClassVar[frozenset[int]] = frozenset({READ_HOLDING})
    quantities: ClassVar[Mapping[str, Quantity]] = {"moisture": 65.8, "temperature": -10.1, "conductivity": 1000.0}

    def words(self, function: int, now_s: float) -> Mapping[int, int]:
        """Return the registers of function 3."""
        del function, now_s
        return placed(
            (0, integer_words(10 * self.seen("moisture"), 1)),
            (1, integer_words(10 * self.seen("temperature"), 1)),
            (2, integer_words(self.seen("conductivity"), 1)),
        )


class SeeedMtec02(Twin):
    """Seeed S-Soil MTEC-02: temperature and moisture in hundredths, conductivity in µS/cm, permittivity in hundredths.

    `unit` is a text, °C or °F, as it is set in the probe. Source: Seeed's manual of 101990667.
    """

    functions: ClassVar[frozenset[int]] = frozenset({READ_HOLDING, READ_INPUT_REGISTERS})
    quantities: ClassVar[Mapping[str, Quantity]] = {
        "temperature": 17.94,
        "moisture": 18.21,
        "conductivity": 1821.0,
        "salinity": 1001.0,
        "dissolved_solids": 910.0,
        "permittivity": 11.3,
        "soil_type": 2.0,
        "unit": "°C",
    }

    def words(self, function: int, now_s: float) -> Mapping[int, int]:
        """Return the registers of functions 3 and 4."""
        del function, now_s
        fahrenheit = self.values["unit"] == FAHRENHEIT
        celsius = self.seen("temperature")
        values = [
            *integer_words(100 * (celsius * 1.8 + 32 if fahrenheit else celsius), 1),
            *integer_words(100 * self.seen("moisture"), 1),
            *integer_words(self.seen("conductivity"), 1),
            *integer_words(self.number("salinity"), 1),
            *integer_words(self.number("dissolved_solids"), 1),
            *integer_words(100 * self.number("permittivity"), 1),
        ]
        return placed((0, values), (0x0020, [round(self.number("soil_type")), int(fahrenheit)]))


class SeeedMtec02Fahrenheit(SeeedMtec02):
    """The same probe, set to Fahrenheit."""

    quantities: ClassVar[Mapping[str, Quantity]] = {**SeeedMtec02.quantities, "unit": FAHRENHEIT}


MODELS: Final[dict[str, type[Twin]]] = {
    "generic-soil-mte": SoilMte,
    "seeed-s-soil-mtec-02": SeeedMtec02,
    "seeed-s-soil-mtec-02-fahrenheit": SeeedMtec02Fahrenheit,
}
