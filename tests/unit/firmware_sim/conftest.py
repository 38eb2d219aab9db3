"""Cabinets for the tests of the simulator's pure part."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from firmware_sim.core.cabinet import DEFAULT_INPUTS, Cabinet, CabinetDesign
from firmware_sim.core.lamps import CircuitDesign

CIRCUITS = tuple(
    CircuitDesign(id=name, phase=phase, contactor=1, lamps=20, lamp_power_w=170.0)
    for phase, name in enumerate("ABC", start=1)
)

Build = Callable[..., Cabinet]


@pytest.fixture
def build() -> Build:
    """Return a builder of three-circuit cabinets; keywords change the design."""

    def build_cabinet(**changes: object) -> Cabinet:
        facts: dict[str, object] = {
            "id": "c-1",
            "circuits": CIRCUITS,
            "inputs": dict(DEFAULT_INPUTS),
            "latitude_deg": 13.983,
            "longitude_deg": 108.0,
        }
        return Cabinet(CabinetDesign(**{**facts, **changes}))  # type: ignore[arg-type]  # keywords of one design

    return build_cabinet
