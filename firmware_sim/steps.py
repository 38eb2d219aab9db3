"""What every action on the simulated world is: when, on what, and what is wrong with it."""

from __future__ import annotations

from typing import Protocol

from config.loader import StrictModel
from firmware_sim.core.cabinet import Cabinet
from firmware_sim.core.faults import Fault, FaultName
from firmware_sim.core.instrument import Instrument
from firmware_sim.core.measuring import Measuring
from firmware_sim.core.solar_post import SolarPost
from firmware_sim.models import Seconds

Targets = str | tuple[str, ...]


class ActionError(Exception):
    """An action cannot be carried out; `key` names the part of it that is wrong."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


class World(Protocol):
    """What actions work on."""

    @property
    def now_s(self) -> float:
        """The simulated time of the action that is carried out."""

    def cabinets_named(self, targets: Targets) -> list[Cabinet]:
        """Return the cabinets; "*" is all.

        Raises:
            ActionError: There is none of that name.
        """

    def instruments_named(self, targets: Targets) -> list[Instrument]:
        """Return the instruments that speak something else than Modbus; "*" is all.

        Raises:
            ActionError: There is none of that name.
        """

    def posts_named(self, targets: Targets) -> list[SolarPost]:
        """Return the solar posts, brought up to the time of the action; "*" is all.

        Raises:
            ActionError: There is none of that name.
        """

    def measuring_named(self, targets: Targets) -> list[Measuring]:
        """Return the instruments of whatever protocol; "*" is all devices.

        Raises:
            ActionError: There is none of that name, or it measures nothing.
        """

    def faults_named(self, targets: Targets, fault: FaultName | None) -> list[dict[FaultName, Fault]]:
        """Return the faults by name of devices and instruments; "*" is all.

        Raises:
            ActionError: There is none of that name, or the fault has no meaning there.
        """

    def set_missing(self, targets: Targets, share: float) -> None:
        """Set the share of answers that do not come.

        Raises:
            ActionError: There is none of that name.
        """

    def line_named(self, name: str) -> str:
        """Return the line's name.

        Raises:
            ActionError: There is none of that name.
        """

    def set_noise(self, cabinet: Cabinet, sigma: float) -> None:
        """Set the relative error of a cabinet's meters."""


class Step(StrictModel):
    """An action at a simulated time, counted from the start."""

    at_s: Seconds = 0.0

    def check(self, world: World) -> None:
        """Raise ActionError if the action cannot be carried out in this world; change nothing."""
        raise NotImplementedError

    def apply(self, world: World) -> None:
        """Carry the action out, or raise ActionError."""
        raise NotImplementedError


class CabinetStep(Step):
    """An action on one cabinet, several, or all ("*")."""

    cabinet: Targets

    def check(self, world: World) -> None:
        """Look at each cabinet without changing it."""
        for cabinet in world.cabinets_named(self.cabinet):
            self.examine(cabinet)

    def apply(self, world: World) -> None:
        """Change each cabinet; its contactors and lamps follow at once."""
        self.check(world)
        for cabinet in world.cabinets_named(self.cabinet):
            self.change(cabinet)
            cabinet.advance(cabinet.now_s)

    def examine(self, cabinet: Cabinet) -> None:
        """Raise ActionError if this cabinet lacks what the action names."""

    def change(self, cabinet: Cabinet) -> None:
        """Change one cabinet."""
        raise NotImplementedError


class DeviceStep(Step):
    """An action on one device, several, or all ("*")."""

    device: Targets

    def check(self, world: World) -> None:
        """Look the devices up."""
        world.faults_named(self.device, None)
