"""A warning light on its own panel and battery: it flashes day and night, and goes dark when the battery is empty."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from firmware_sim.core.sun import elevation_deg

Flasher = Literal["flashing", "steady", "dark"]

_GRID_S: Final = 600.0
"""The sun stands still for so long: what is charged then does not depend on who looks how often."""
_CLEAR_SHARE: Final = 0.75
"""Of the panel's rating under a high sun: heat, dust and the charger."""
_CUT_OFF_CHARGE: Final = 0.05
"""Below it the charger takes the load off the battery."""
_RECONNECT_CHARGE: Final = 0.20
_PANEL_V: Final = 18.0
_EMPTY_V: Final = 11.0
_FULL_V: Final = 12.7
_CHARGING_RISE_V: Final = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class SolarPostDesign:
    """How a post was built; `flasher_w` is the mean power of its flashing lamp."""

    id: str
    panel_w: float = 60.0
    battery_wh: float = 480.0
    flasher_w: float = 5.0
    charge: float = 0.9
    latitude_deg: float = 0.0
    longitude_deg: float = 0.0
    start_unix_s: float = 0.0


class SolarPost:
    """The state of one post; `advance` before reading it, and before changing it.

    Attributes:
        light: Share of the light that reaches the panel: less under dust or a branch, 0 for a panel that is gone.
        capacity: Of the battery, 0 to 1.
        flasher: What its lamp does while it has supply.
        door_open: Of its box.
    """

    def __init__(self, design: SolarPostDesign) -> None:
        self.design = design
        self.light = 1.0
        self.capacity = 1.0
        self.flasher: Flasher = "flashing"
        self.door_open = False
        self._stored_wh = design.charge * design.battery_wh
        self._generated_wh = 0.0
        self._load_connected = True
        self._now_s = 0.0

    @property
    def now_s(self) -> float:
        """The simulated time, seconds since the start."""
        return self._now_s

    def _full_wh(self) -> float:
        return max(1.0, self.capacity * self.design.battery_wh)

    def charge(self) -> float:
        """Return how full the battery is, 0 to 1."""
        return min(1.0, self._stored_wh / self._full_wh())

    def _available_w(self, at_s: float) -> float:
        """Return what the panel could give in the stretch of time that holds this moment."""
        middle_s = (math.floor(at_s / _GRID_S) + 0.5) * _GRID_S
        unix_s = self.design.start_unix_s + middle_s
        height = math.sin(math.radians(elevation_deg(unix_s, self.design.latitude_deg, self.design.longitude_deg)))
        return self.design.panel_w * _CLEAR_SHARE * self.light * max(0.0, height)

    def load_w(self) -> float:
        """Return the mean power of the lamp."""
        # Flashing lets the lamp burn half of the time.
        share = {"flashing": 1.0, "steady": 2.0, "dark": 0.0}[self.flasher]
        return self.design.flasher_w * share if self._load_connected else 0.0

    def advance(self, now_s: float) -> None:
        """Let simulated time pass up to `now_s`; the past changes nothing."""
        self._stored_wh = min(self._stored_wh, self._full_wh())
        while self._now_s < now_s:
            until_s = min(now_s, (math.floor(self._now_s / _GRID_S) + 1.0) * _GRID_S)
            hours = (until_s - self._now_s) / 3600.0
            available_wh, used_wh = self._available_w(self._now_s) * hours, self.load_w() * hours
            taken_wh = min(available_wh, max(0.0, self._full_wh() - self._stored_wh + used_wh))
            self._generated_wh += taken_wh
            self._stored_wh = max(0.0, self._stored_wh + taken_wh - used_wh)
            self._now_s = until_s
            if self.charge() <= _CUT_OFF_CHARGE:
                self._load_connected = False
            elif self.charge() >= _RECONNECT_CHARGE:
                self._load_connected = True

    def is_flashing(self) -> bool:
        """Return what the supervision of the flasher says."""
        return self._load_connected and self.flasher == "flashing"

    def charger(self, now_s: float) -> Mapping[str, float]:
        """Return the quantities of an EPEVER charger: V, A, %, Wh and the codes of its status words."""
        self.advance(now_s)
        available_w, load_w = self._available_w(now_s), self.load_w()
        is_full = self.charge() >= 0.999
        taken_w = min(available_w, load_w) if is_full else available_w
        volts = _EMPTY_V + (_FULL_V - _EMPTY_V) * self.charge() + (_CHARGING_RISE_V if taken_w > load_w else 0.0)
        state = 3.0 if not self._load_connected else 2.0 if self.charge() < _RECONNECT_CHARGE else 0.0
        return {
            "pv_voltage": _PANEL_V if available_w > 0.0 else 0.0,
            "pv_current": taken_w / _PANEL_V,
            "battery_voltage": volts,
            "charging_current": taken_w / volts,
            "load_voltage": volts if self._load_connected else 0.0,
            "load_current": load_w / volts,
            "battery_charge": 100.0 * self.charge(),
            "battery_state": state,
            "charging_state": 0.0 if taken_w <= 0.0 else 1.0 if is_full else 2.0,
            "energy_generated": self._generated_wh,
        }

    def contacts(self, now_s: float) -> Mapping[str, float]:
        """Return the inputs of an ADAM-4150: 1 the lamp flashes, 2 the box is open."""
        self.advance(now_s)
        return {"di1": float(self.is_flashing()), "di2": float(self.door_open)}
