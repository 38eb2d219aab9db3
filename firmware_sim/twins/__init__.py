"""Simulated instruments by model, each a register map of its own."""

from __future__ import annotations

from typing import Final

from firmware_sim.core.twin import Twin
from firmware_sim.twins import chargers, power_meters

MODELS: Final[dict[str, type[Twin]]] = {
    **chargers.MODELS,
    **power_meters.MODELS,
}
