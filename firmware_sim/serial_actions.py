"""What can happen to a simulated instrument that speaks something else than Modbus."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from firmware_sim.core.instrument import InstrumentFaults
from firmware_sim.findings import TEXTS, no_such
from firmware_sim.models import InstrumentFaultsConfig
from firmware_sim.steps import ActionError, Step, Targets, World


class InstrumentChange(Step):
    """Such an instrument changes: `{do: instrument, device: pm, values: {pm2_5: 35}, faults: {noise: 0.01}}`.

    `silent: true` takes its supply away, `faults` replaces all of its faults, `{}` ends them.
    """

    do: Literal["instrument"]
    device: Targets
    silent: bool | None = None
    values: dict[str, float | str] = Field(default_factory=dict, max_length=64)
    faults: InstrumentFaultsConfig | None = None

    def check(self, world: World) -> None:
        """Look the instruments and their quantities up."""
        for instrument in world.instruments_named(self.device):
            for name, value in self.values.items():
                known = instrument.values.get(name)
                if known is None:
                    raise ActionError("values", no_such("quantity", name, sorted(instrument.values)))
                if isinstance(known, str) != isinstance(value, str):
                    raise ActionError("values", TEXTS.text("text" if isinstance(known, str) else "number", name=name))

    def apply(self, world: World) -> None:
        """Change each of them, if all can be."""
        self.check(world)
        for instrument in world.instruments_named(self.device):
            for name, value in self.values.items():
                instrument.set(name, value)
            if self.silent is not None:
                instrument.silent = self.silent
            if self.faults is not None:
                instrument.faults = InstrumentFaults(**self.faults.model_dump())
