"""What can happen to a simulated instrument: its quantity changes, or it measures wrongly."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field

from firmware_sim.core.measuring import Measuring
from firmware_sim.core.twin import Twin
from firmware_sim.findings import TEXTS, no_such
from firmware_sim.models import Seconds
from firmware_sim.steps import ActionError, DeviceStep, World


class QuantityStep(DeviceStep):
    """An action on one quantity of an instrument."""

    quantity: str

    def check(self, world: World) -> None:
        """Look the devices and their quantity up."""
        for one in world.measuring_named(self.device):
            self.examine(one)

    def apply(self, world: World) -> None:
        """Change each instrument, if all can be."""
        self.check(world)
        for one in world.measuring_named(self.device):
            self.change(one, world.now_s)

    def examine(self, one: Measuring) -> None:
        """Raise ActionError if the instrument has no such number."""
        if isinstance(self.known(one), str):
            raise ActionError("quantity", TEXTS.text("text", name=self.quantity))

    def known(self, one: Measuring) -> float | str:
        """Return the quantity now, or raise ActionError."""
        found = one.values.get(self.quantity)
        if found is None:
            raise ActionError("quantity", no_such("quantity", self.quantity, sorted(one.values)))
        return found

    def change(self, one: Measuring, now_s: float) -> None:
        """Change one instrument."""
        raise NotImplementedError


class QuantitySet(QuantityStep):
    """A quantity of an instrument changes: `{do: set, device: flow-1, quantity: flow, value: 3.1}`."""

    do: Literal["set"]
    value: float | str

    def examine(self, one: Measuring) -> None:
        """Raise ActionError if the instrument has no such quantity, or one of the other kind."""
        known = self.known(one)
        if isinstance(one, Twin) and one.follows is not None and self.quantity in one.follows(0.0):
            raise ActionError("quantity", TEXTS.text("given", name=self.quantity))
        if isinstance(known, str) != isinstance(self.value, str):
            key = "text" if isinstance(known, str) else "number"
            raise ActionError("value", TEXTS.text(key, name=self.quantity))

    def change(self, one: Measuring, now_s: float) -> None:
        """Change it."""
        del now_s
        one.set(self.quantity, self.value)


class Drift(QuantityStep):
    """What is measured of a quantity runs away from it, by `per_minute` a simulated minute, for `for_s` seconds."""

    do: Literal["drift"]
    per_minute: float = Field(ge=-1e6, le=1e6)
    for_s: Seconds | None = None

    def change(self, one: Measuring, now_s: float) -> None:
        """Let it run away from where it is now."""
        one.drift(self.quantity, self.per_minute, now_s, math.inf if self.for_s is None else now_s + self.for_s)


class Flat(QuantityStep):
    """What is measured of a quantity stays as it is now, whatever the quantity does."""

    do: Literal["flat"]

    def change(self, one: Measuring, now_s: float) -> None:
        """Hold it."""
        one.hold(self.quantity, now_s)


class Recover(DeviceStep):
    """An instrument measures rightly again: one quantity, or all of them."""

    do: Literal["recover"]
    quantity: str | None = None

    def check(self, world: World) -> None:
        """Look the devices and their quantity up."""
        for one in world.measuring_named(self.device):
            if self.quantity is not None and self.quantity not in one.values:
                raise ActionError("quantity", no_such("quantity", self.quantity, sorted(one.values)))

    def apply(self, world: World) -> None:
        """End drift and hold."""
        self.check(world)
        for one in world.measuring_named(self.device):
            one.recover(self.quantity)
