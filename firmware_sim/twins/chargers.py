"""Solar chargers of warning posts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

from firmware_sim.core.measuring import Quantity
from firmware_sim.core.server import READ_INPUT_REGISTERS
from firmware_sim.core.twin import Twin, integer_words, placed

SUN: Final[Mapping[str, Quantity]] = {
    "pv_voltage": 18.4,
    "pv_current": 2.5,
    "battery_voltage": 13.2,
    "charging_current": 3.1,
    "load_voltage": 13.1,
    "load_current": 0.8,
    "battery_temperature": 31.0,
    "device_temperature": 38.5,
    "battery_charge": 87.0,
    "battery_state": 0.0,
    "charging_state": 2.0,
    "fault": 0.0,
    "energy_generated": 123_450.0,
}
"""V, A, °C, %, Wh; battery_state, charging_state and fault are codes of the charger's status words."""


class EpeverTracer(Twin):
    """EPEVER Tracer, LS-B: hundredths of each unit, 32-bit numbers low word first; a read across a gap is refused.

    Source: public drivers mbmd (epevertracer.go) and a Wireshark register list.
    """

    functions: ClassVar[frozenset[int]] = frozenset({READ_INPUT_REGISTERS})
    quantities: ClassVar[Mapping[str, Quantity]] = SUN

    def words(self, function: int, now_s: float) -> Mapping[int, int]:
        """Return the registers of function 4."""
        del function, now_s
        pv, load = (
            self.seen("pv_voltage") * self.seen("pv_current"),
            self.seen("load_voltage") * self.seen("load_current"),
        )
        status = round(self.number("charging_state")) << 2 | round(self.number("fault")) << 1 | 1
        return placed(
            (0x3100, self._hundredths("pv_voltage", "pv_current")),
            (0x3102, integer_words(100 * pv, 2, low_word_first=True)),
            (0x3104, self._hundredths("battery_voltage", "charging_current")),
            (0x310C, self._hundredths("load_voltage", "load_current")),
            (0x310E, integer_words(100 * load, 2, low_word_first=True)),
            (0x3110, self._hundredths("battery_temperature", "device_temperature")),
            (0x311A, [round(self.number("battery_charge"))]),
            (0x3200, [round(self.number("battery_state")), status]),
            (0x3312, integer_words(self.number("energy_generated") / 10, 2, low_word_first=True)),
        )

    def _hundredths(self, *names: str) -> list[int]:
        return [word for name in names for word in integer_words(100 * self.seen(name), 1)]


class EpeverHi(EpeverTracer):
    """The hybrid series: its battery stands from 0x3580 on."""

    def words(self, function: int, now_s: float) -> Mapping[int, int]:
        """Return the registers of function 4."""
        del function, now_s
        return placed((0x3580, self._hundredths("battery_voltage", "charging_current")))


MODELS: Final[dict[str, type[Twin]]] = {
    "epever-tracer": EpeverTracer,
    "epever-hi": EpeverHi,
}
