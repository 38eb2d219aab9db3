"""Actions on the parts of a cabinet that watch and hold it: battery, inputs, supply, signal controller, weather."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from firmware_sim.core.cabinet import Cabinet
from firmware_sim.core.supply import Disturbance
from firmware_sim.models import Channel, Phase, Seconds, Share
from firmware_sim.steps import CabinetStep


class BatteryEvent(CabinetStep):
    """A battery wears or is replaced.

    `capacity` is what is left of it, and shows only when the mains are away; `lost_v` (2.1 for a short-circuited cell)
    shows at once.
    """

    do: Literal["battery_worn", "battery_replaced"]
    capacity: Share = 0.05
    lost_v: float = Field(default=0.0, ge=0.0, le=14.0)

    def change(self, cabinet: Cabinet) -> None:
        """Set what is left of it."""
        is_worn = self.do == "battery_worn"
        cabinet.battery.capacity = self.capacity if is_worn else 1.0
        cabinet.battery.lost_v = self.lost_v if is_worn else 0.0


class InputStuck(CabinetStep):
    """A digital input shows one state whatever happens: a broken wire, a welded contact."""

    do: Literal["input_stuck"]
    input: Channel
    state: bool

    def change(self, cabinet: Cabinet) -> None:
        """Hold the input."""
        cabinet.stuck_inputs[self.input] = self.state


class InputFreed(CabinetStep):
    """A digital input shows the truth again; all of them when none is named."""

    do: Literal["input_freed"]
    input: Channel | None = None

    def change(self, cabinet: Cabinet) -> None:
        """Let the input go."""
        if self.input is None:
            cabinet.stuck_inputs.clear()
        else:
            cabinet.stuck_inputs.pop(self.input, None)


class VoltageDisturbed(CabinetStep):
    """The voltage sags or swells by a percentage for a while, on one phase or on all three, and comes back."""

    do: Literal["voltage_sag", "voltage_swell"]
    percent: float = Field(gt=0.0, le=100.0)
    for_s: Seconds
    phase: Phase | None = None

    def change(self, cabinet: Cabinet) -> None:
        """Disturb the phases."""
        sign = -1.0 if self.do == "voltage_sag" else 1.0
        disturbance = Disturbance(1.0 + sign * self.percent / 100.0, cabinet.now_s + self.for_s)
        for index in range(3) if self.phase is None else (self.phase - 1,):
            cabinet.supply.disturbed[index] = disturbance


class SignalController(CabinetStep):
    """What a traffic-signal controller does; `flashing` is amber, as after a fault."""

    do: Literal["signal_controller"]
    state: Literal["running", "flashing", "dark"]

    def change(self, cabinet: Cabinet) -> None:
        """Set what it does."""
        cabinet.controller = self.state


class SignalLamp(CabinetStep):
    """A lamp of a traffic signal dies or is replaced, which the controller's contact says."""

    do: Literal["signal_lamp_dead", "signal_lamp_replaced"]

    def change(self, cabinet: Cabinet) -> None:
        """Set the contact."""
        cabinet.signal_lamp_failed = self.do == "signal_lamp_dead"


class Daylight(CabinetStep):
    """How much of a clear sky's light there is: a thunderstorm at noon is a dark day."""

    do: Literal["daylight"]
    share: Share

    def change(self, cabinet: Cabinet) -> None:
        """Set the share; 1 is a clear sky."""
        cabinet.daylight = self.share


class Temperature(CabinetStep):
    """The temperature in the cabinet is held; without `celsius` it follows the sun again."""

    do: Literal["temperature"]
    celsius: float | None = Field(default=None, ge=-50.0, le=150.0)

    def change(self, cabinet: Cabinet) -> None:
        """Hold it."""
        cabinet.temperature_c = self.celsius
