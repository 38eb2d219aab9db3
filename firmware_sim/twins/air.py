"""Weather and air stations."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar, Final

from firmware_sim.core.measuring import Quantity
from firmware_sim.core.server import READ_HOLDING
from firmware_sim.core.twin import Twin, integer_words, placed


class RenkeRsFsxcs(Twin):
    """Renke RS-FSXCS: whole numbers from register 500; a module that is not fitted answers 0 (noise 300).

    `absent` names the modules that are not fitted, separated by blanks. Source: two public drivers.
    """

    functions: ClassVar[frozenset[int]] = frozenset({READ_HOLDING})
    quantities: ClassVar[Mapping[str, Quantity]] = {
        "wind_speed": 3.21,
        "wind_direction": 135.0,
        "humidity": 71.5,
        "temperature": 24.6,
        "noise": 52.3,
        "pm2_5": 18.0,
        "pm10": 33.0,
        "pressure": 925.4,
        "illuminance": 100_250.0,
        "rain": 12.4,
        "irradiance": 640.0,
        "absent": "",
    }

    def words(self, function: int, now_s: float) -> Mapping[int, int]:
        """Return the registers of function 3."""
        del function, now_s
        direction = self._fitted("wind_direction")
        light = integer_words(self._fitted("illuminance"), 2)
        return placed(
            (
                500,
                [round(100 * self._fitted("wind_speed")), self._force(), round(direction / 45) % 8, round(direction)],
            ),
            (504, [round(10 * self._fitted("humidity"))]),
            (505, integer_words(10 * self._fitted("temperature"), 1)),
            (506, [300 if "noise" in self._absent() else round(10 * self.seen("noise"))]),
            (507, [round(self._fitted("pm2_5")), round(self._fitted("pm10")), round(self._fitted("pressure"))]),
            (510, [*light, round(self._fitted("illuminance") / 100)]),
            (513, [round(10 * self._fitted("rain")), 0, round(self._fitted("irradiance"))]),
        )

    def _absent(self) -> set[str]:
        return set(str(self.values["absent"]).split())

    def _fitted(self, name: str) -> float:
        return 0.0 if name in self._absent() else self.seen(name)

    def _force(self) -> int:
        # Beaufort: v = 0.836 B^1.5 m/s.
        return round(math.pow(self._fitted("wind_speed") / 0.836, 2 / 3))


class RenkeN013(RenkeRsFsxcs):
    """Model N01-3: wind at 0x1FB (507), pressure at 0x1FD (509); the rest reads 0."""

    def words(self, function: int, now_s: float) -> Mapping[int, int]:
        """Return the registers of function 3."""
        del function, now_s
        wind, pressure = round(100 * self.seen("wind_speed")), round(self.seen("pressure"))
        return {**dict.fromkeys(range(500, 516), 0), 507: wind, 509: pressure}


MODELS: Final[dict[str, type[Twin]]] = {
    "renke-rs-fsxcs": RenkeRsFsxcs,
    "renke-rs-fsxcs-n01-3": RenkeN013,
}
