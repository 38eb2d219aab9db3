"""Simulated instruments by model, each a register map of its own."""

from __future__ import annotations

from typing import Final

from firmware_sim.core.twin import Twin
from firmware_sim.twins import (
    air,
    analog_inputs,
    chargers,
    lamp_controllers,
    level,
    power_meters,
    soil,
    switching,
    water,
)

MODELS: Final[dict[str, type[Twin]]] = {
    **air.MODELS,
    **analog_inputs.MODELS,
    **chargers.MODELS,
    **lamp_controllers.MODELS,
    **level.MODELS,
    **power_meters.MODELS,
    **soil.MODELS,
    **switching.MODELS,
    **water.MODELS,
}
