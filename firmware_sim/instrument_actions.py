"""What can happen to a simulated instrument: its quantity changes, or it measures wrongly."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from firmware_sim.core.twin import Twin
from firmware_sim.findings import TEXTS, no_such
from firmware_sim.models import Seconds
from firmware_sim.steps import ActionError, DeviceStep, World


class QuantityStep(DeviceStep):
    """An action on one quantity of an instrument."""

    quantity: str

    def check(self, world: World) -> None:
        """Look the devices and their quantity up."""
        for twin in _instruments(self, world):
            self.examine(twin)

    def apply(self, world: World) -> None:
        """Change each instrument, if all can be."""
        self.check(world)
        for twin in _instruments(self, world):
            self.change(twin, world.now_s)

    def examine(self, twin: Twin) -> None:
        """Raise ActionError if the instrument has no such number."""
        if isinstance(self.known(twin), str):
            raise ActionError("quantity", TEXTS.text("text", name=self.quantity))

    def known(self, twin: Twin) -> float | str:
        """Return the quantity now, or raise ActionError."""
        found = twin.values.get(self.quantity)
        if found is None:
            raise ActionError("quantity", no_such("quantity", self.quantity, sorted(twin.values)))
        return found

    def change(self, twin: Twin, now_s: float) -> None:
        """Change one instrument."""
        raise NotImplementedError


class QuantitySet(QuantityStep):
    """A quantity of an instrument changes: `{do: set, device: flow-1, quantity: flow, value: 3.1}`."""

    do: Literal["set"]
    value: float | str

    def examine(self, twin: Twin) -> None:
        """Raise ActionError if the instrument has no such quantity, or one of the other kind."""
        known = self.known(twin)
        if twin.follows is not None and self.quantity in twin.follows(0.0):
            raise ActionError("quantity", TEXTS.text("given", name=self.quantity))
        if isinstance(known, str) != isinstance(self.value, str):
            key = "text" if isinstance(known, str) else "number"
            raise ActionError("value", TEXTS.text(key, name=self.quantity))

    def change(self, twin: Twin, now_s: float) -> None:
        """Change it."""
        del now_s
        twin.set(self.quantity, self.value)


class Drift(QuantityStep):
    """What is measured of a quantity runs away from it, by `per_minute` a simulated minute, for `for_s` seconds."""

    do: Literal["drift"]
    per_minute: float = Field(ge=-1e6, le=1e6)
    for_s: Seconds | None = None

    def change(self, twin: Twin, now_s: float) -> None:
        """Let it run away from where it is now."""
        twin.drift(self.quantity, self.per_minute, now_s, math.inf if self.for_s is None else now_s + self.for_s)


class Flat(QuantityStep):
    """What is measured of a quantity stays as it is now, whatever the quantity does."""

    do: Literal["flat"]

    def change(self, twin: Twin, now_s: float) -> None:
        """Hold it."""
        twin.hold(self.quantity, now_s)


class Recover(DeviceStep):
    """An instrument measures rightly again: one quantity, or all of them."""

    do: Literal["recover"]
    quantity: str | None = None

    def check(self, world: World) -> None:
        """Look the devices and their quantity up."""
        for twin in _instruments(self, world):
            if self.quantity is not None and self.quantity not in twin.values:
                raise ActionError("quantity", no_such("quantity", self.quantity, sorted(twin.values)))

    def apply(self, world: World) -> None:
        """End drift and hold."""
        self.check(world)
        for twin in _instruments(self, world):
            twin.recover(self.quantity)


def _instruments(step: DeviceStep, world: World) -> Iterator[Twin]:
    for station in world.stations_named(step.device, None):
        if not isinstance(station.device, Twin):
            raise ActionError("device", TEXTS.text("no_instrument", name=station.name))
        yield station.device
