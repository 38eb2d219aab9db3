"""What can happen to the simulated world: one vocabulary for scenario files and the control socket."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field, model_validator

from firmware_sim.cabinet_actions import (
    BatteryEvent,
    Daylight,
    InputFreed,
    InputStuck,
    SignalController,
    SignalLamp,
    Temperature,
    VoltageDisturbed,
)
from firmware_sim.circuit_actions import CableEvent, CableTapped, FuseEvent, LampEvent, LampsCycling, Leakage
from firmware_sim.core.cabinet import Cabinet, ContactorState
from firmware_sim.core.faults import MAX_DELAY_S, Fault, FaultName
from firmware_sim.findings import TEXTS
from firmware_sim.instrument_actions import Drift, Flat, QuantitySet, Recover
from firmware_sim.models import Channel, Phase, Seconds, Share, Voltage
from firmware_sim.post_actions import FlasherSet, PanelLight, PostBattery, PostDoor
from firmware_sim.serial_actions import InstrumentChange
from firmware_sim.steps import CabinetStep, DeviceStep, Step, World


class Event(CabinetStep):
    """An event that needs no more words."""

    do: Literal[
        "mains_lost",
        "mains_restored",
        "breaker_trip",
        "breaker_closed",
        "door_open",
        "door_closed",
        "rcd_trip",
        "rcd_reset",
        "spd_failed",
        "spd_replaced",
    ]

    def change(self, cabinet: Cabinet) -> None:
        """Flip the switch that the event names."""
        begins = self.do in {"mains_restored", "breaker_closed", "door_open", "rcd_trip", "spd_failed"}
        if self.do.startswith("mains"):
            cabinet.supply.mains = begins
        elif self.do.startswith("breaker"):
            cabinet.breaker_closed = begins
        elif self.do.startswith("door"):
            cabinet.door_open = begins
        elif self.do.startswith("rcd"):
            cabinet.rcd_tripped = begins
        else:
            cabinet.spd_failed = begins


class PhaseLost(CabinetStep):
    """A phase goes; `voltage_v` is the phantom voltage that other loads leave on it."""

    do: Literal["phase_lost"]
    phase: Phase
    voltage_v: Voltage = 0.0

    def change(self, cabinet: Cabinet) -> None:
        """Take the phase away."""
        cabinet.supply.present[self.phase - 1] = False
        cabinet.supply.phantom_v[self.phase - 1] = self.voltage_v


class PhaseRestored(CabinetStep):
    """A phase comes back."""

    do: Literal["phase_restored"]
    phase: Phase

    def change(self, cabinet: Cabinet) -> None:
        """Give the phase back."""
        cabinet.supply.present[self.phase - 1] = True


class VoltageSet(CabinetStep):
    """The supply's voltage changes, on one phase or on all three."""

    do: Literal["voltage"]
    voltage_v: Voltage
    phase: Phase | None = None

    def change(self, cabinet: Cabinet) -> None:
        """Set the voltage."""
        for index in range(3) if self.phase is None else (self.phase - 1,):
            cabinet.supply.voltage_v[index] = self.voltage_v


class FrequencySet(CabinetStep):
    """The grid's frequency changes."""

    do: Literal["frequency"]
    frequency_hz: float = Field(ge=0.0, le=100.0)

    def change(self, cabinet: Cabinet) -> None:
        """Set the frequency."""
        cabinet.supply.frequency_hz = self.frequency_hz


class PhotocellSet(CabinetStep):
    """The photocell is forced, or follows the sun again."""

    do: Literal["photocell"]
    state: Literal["dark", "light", "sun"]

    def change(self, cabinet: Cabinet) -> None:
        """Set the photocell."""
        cabinet.photocell = self.state


class SelectorSet(CabinetStep):
    """Somebody turns the switch in the cabinet."""

    do: Literal["selector"]
    position: Literal["auto", "manual_on", "manual_off"]

    def change(self, cabinet: Cabinet) -> None:
        """Turn the switch."""
        cabinet.selector = self.position


class ContactorEvent(CabinetStep):
    """A contactor welds shut, jams open, is bypassed by a wire, or is repaired."""

    do: Literal["contactor_welded", "contactor_jammed", "contactor_bypassed", "contactor_repaired"]
    contactor: Channel = 1

    def change(self, cabinet: Cabinet) -> None:
        """Set the contactor's state."""
        states: dict[str, ContactorState] = {
            "contactor_welded": "welded",
            "contactor_jammed": "jammed",
            "contactor_bypassed": "bypassed",
        }
        cabinet.contactors[self.contactor - 1] = states.get(self.do, "sound")


class ExtraLoad(CabinetStep):
    """Somebody taps a phase behind the breaker; 0 W ends it."""

    do: Literal["extra_load"]
    phase: Phase
    power_w: float = Field(ge=0.0, le=1e6)

    def change(self, cabinet: Cabinet) -> None:
        """Set the load."""
        cabinet.extra_load_w[self.phase - 1] = self.power_w


class NoiseSet(CabinetStep):
    """The relative error of a cabinet's meters changes."""

    do: Literal["noise"]
    sigma: float = Field(ge=0.0, le=1.0)

    def apply(self, world: World) -> None:
        """Set the meters' error."""
        for cabinet in world.cabinets_named(self.cabinet):
            world.set_noise(cabinet, self.sigma)


class Missing(DeviceStep):
    """A share of the requests stays unanswered from now on."""

    do: Literal["missing"]
    share: Share

    def apply(self, world: World) -> None:
        """Set the share."""
        world.set_missing(self.device, self.share)


class FaultStart(DeviceStep):
    """A fault begins; with `for_s` it ends by itself after that simulated time."""

    do: Literal["fault"]
    fault: FaultName
    share: Share = 1.0
    delay_s: float = Field(default=0.5, ge=0.0, le=MAX_DELAY_S)
    delay_max_s: float | None = Field(default=None, ge=0.0, le=MAX_DELAY_S)
    code: int = Field(default=6, ge=1, le=11)
    for_s: Seconds | None = None

    @model_validator(mode="after")
    def _delays_in_order(self) -> FaultStart:
        if self.delay_max_s is not None and self.delay_max_s < self.delay_s:
            raise ValueError(TEXTS.text("delays"))
        return self

    def check(self, world: World) -> None:
        """Look the devices up and whether the fault suits their lines."""
        world.faults_named(self.device, self.fault)

    def apply(self, world: World) -> None:
        """Let each device misbehave."""
        fault = Fault(
            name=self.fault,
            share=self.share,
            delay_s=self.delay_s,
            delay_max_s=self.delay_max_s,
            code=self.code,
            ends_s=math.inf if self.for_s is None else world.now_s + self.for_s,
        )
        for faults in world.faults_named(self.device, self.fault):
            faults[self.fault] = fault


class FaultEnd(DeviceStep):
    """A fault ends, or all of a device's faults."""

    do: Literal["clear_fault"]
    fault: FaultName | None = None

    def apply(self, world: World) -> None:
        """Let each device behave again."""
        for faults in world.faults_named(self.device, None):
            if self.fault is None:
                faults.clear()
            else:
                faults.pop(self.fault, None)


class LineSwitch(Step):
    """A line breaks down or comes back: the adapter is unplugged, the port closes."""

    do: Literal["line_down", "line_up"]
    line: str

    def check(self, world: World) -> None:
        """Look the line up."""
        world.line_named(self.line)

    def apply(self, world: World) -> None:
        """Look the line up; whoever owns the lines then switches it."""
        self.check(world)


Action = Annotated[
    LineSwitch
    | Event
    | PhaseLost
    | PhaseRestored
    | VoltageSet
    | FrequencySet
    | PhotocellSet
    | SelectorSet
    | FuseEvent
    | LampEvent
    | LampsCycling
    | CableEvent
    | CableTapped
    | Leakage
    | ContactorEvent
    | BatteryEvent
    | InputStuck
    | InputFreed
    | VoltageDisturbed
    | SignalController
    | SignalLamp
    | Daylight
    | Temperature
    | PanelLight
    | PostBattery
    | FlasherSet
    | PostDoor
    | ExtraLoad
    | QuantitySet
    | Drift
    | Flat
    | Recover
    | InstrumentChange
    | NoiseSet
    | Missing
    | FaultStart
    | FaultEnd,
    Field(discriminator="do"),
]
