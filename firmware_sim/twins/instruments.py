"""Simulated serial instruments by model, each with a codec of its own."""

from __future__ import annotations

from typing import Final

from firmware_sim.core.instrument import Instrument
from firmware_sim.twins import air_instruments, sdi12_sensors, weather_instruments

INSTRUMENTS: Final[dict[str, type[Instrument]]] = {
    **air_instruments.MODELS,
    **sdi12_sensors.MODELS,
    **weather_instruments.MODELS,
}
