"""The lights of a gateway: circuits with what switches them and what proves it, and what the calendar may go by."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field, model_validator

from config.document import Location
from config.loader import At, StrictModel, no_such, refuse
from config.points import PointId
from config.texts import TEXTS
from contract.command_arguments import MAX_CIRCUITS

MAX_PHASES: Final = 6
"""Power points of one circuit: three phases, and three more where two meters share a contactor."""


class Circuit(StrictModel):
    """What one contactor switches; a three-phase contactor is one circuit.

    Attributes:
        id: Its name in commands and calendars, such as A; two may not differ by upper and lower case alone.
        output: The relay (device/point) that pulls the contactor.
        feedback: The contactor's own contact (device/point), true when it is closed; not fitted if not set.
        power: Active power of its phases (device/point); not metered if empty.
        full_power_w: All its lamps together with their ballasts, in W; needed with `power`.
        dimmer: Where its dim level is written (device/point), in percent; it cannot be dimmed if not set.
        full_power_before_dim_s: How long lamps burn at full power before they are dimmed, in seconds.
        rest_s: How long lamps cool before they are struck again, in seconds.
    """

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$")]
    output: PointId
    feedback: PointId | None = None
    power: Annotated[tuple[PointId, ...], Field(max_length=MAX_PHASES)] = ()
    full_power_w: Annotated[float, Field(gt=0, le=10_000_000)] | None = None
    dimmer: PointId | None = None
    full_power_before_dim_s: Annotated[float, Field(ge=0, le=3600)] = 300.0
    rest_s: Annotated[float, Field(ge=0, le=3600)] = 0.0

    @model_validator(mode="after")
    def _power_has_a_measure(self) -> Circuit:
        if self.power and self.full_power_w is None:
            raise At(("power",), TEXTS.text("power_without_full", circuit=self.id))
        if self.full_power_w is not None and not self.power:
            raise At(("full_power_w",), TEXTS.text("full_without_power", circuit=self.id))
        repeated = [index for index, point in enumerate(self.power) if point in self.power[:index]]
        refuse([At(("power", index), TEXTS.text("stands_twice", name=self.power[index])) for index in repeated])
        return self

    @property
    def key(self) -> str:
        """What its points in `control` end with."""
        return self.id.lower()


class Lighting(StrictModel):
    """The calendar and the circuits that it switches.

    Attributes:
        schedule_file: The calendar that it starts with; one that the centre rolls out replaces it.
        circuits: What it switches, and what proves it; each output must stand in commands.allow.
        outputs: Short form without proof: relays (device/point) that become the circuits k1, k2 and so on.
        selector: The switch in the cabinet's door (device/point), true in automatic; none if not set.
        photocell: A photocell (device/point), true when it is dark.
        lux: A sensor of illuminance (device/point), in lx, for dark days.
        mains_ok: The input (device/point) that sees the supply.
        stagger_s: Seconds between two circuits that are switched, so that their inrush does not add up.
        start_wait_s: After its start the agent waits a random time up to this, in seconds, before it switches: a
            supply that comes back must not meet all cabinets at once.
    """

    schedule_file: Path
    circuits: Annotated[tuple[Circuit, ...], Field(max_length=MAX_CIRCUITS)] = ()
    outputs: Annotated[tuple[PointId, ...], Field(max_length=MAX_CIRCUITS)] = ()
    selector: PointId | None = None
    photocell: PointId | None = None
    lux: PointId | None = None
    mains_ok: PointId | None = None
    stagger_s: Annotated[float, Field(ge=0, le=60)] = 4.0
    start_wait_s: Annotated[float, Field(ge=0, le=600)] = 30.0

    @model_validator(mode="after")
    def _one_form(self) -> Lighting:
        if bool(self.circuits) == bool(self.outputs):
            raise At(("outputs",) if self.outputs else (), TEXTS.text("circuits_or_outputs"))
        findings = []
        first: dict[str, str] = {}
        for index, circuit in enumerate(self.circuits):
            if circuit.key in first:
                message = TEXTS.text("circuit_twice", name=circuit.id, other=first[circuit.key])
                findings.append(At(("circuits", index, "id"), message))
            first.setdefault(circuit.key, circuit.id)
        owners: dict[str, str] = {}
        for index, circuit in enumerate(self.switched):
            for name in ("output", "feedback", "dimmer"):
                point = getattr(circuit, name)
                if point is None:
                    continue
                if point in owners:
                    place: Location = ("circuits", index, name) if self.circuits else ("outputs", index)
                    findings.append(At(place, TEXTS.text("point_of_circuit", point=point, circuit=owners[point])))
                owners.setdefault(point, circuit.id)
        refuse(findings)
        return self

    @property
    def switched(self) -> tuple[Circuit, ...]:
        """The circuits, those of the short form too."""
        return self.circuits or tuple(
            Circuit(id=f"k{number}", output=output) for number, output in enumerate(self.outputs, start=1)
        )

    @property
    def shared_power(self) -> frozenset[str]:
        """Power points that measure more than one circuit: only a change of them tells of one."""
        seen: list[str] = [point for circuit in self.circuits for point in circuit.power]
        return frozenset(point for point in seen if seen.count(point) > 1)

    def read_points(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Yield the place below `lighting` and the id of each point that is only read."""
        for index, circuit in enumerate(self.circuits):
            if circuit.feedback:
                yield ("circuits", index, "feedback"), circuit.feedback
            for number, point in enumerate(circuit.power):
                yield ("circuits", index, "power", number), point
        for name in ("selector", "photocell", "lux", "mains_ok"):
            point = getattr(self, name)
            if point is not None:
                yield (name,), point


def lighting_findings(lighting: Lighting, *, allowed: list[str], devices: list[str]) -> list[At]:
    """Return what is wrong between the lights and the rest of a gateway's configuration.

    Args:
        lighting: The lights.
        allowed: The points that commands may write.
        devices: The ids of the gateway's devices.
    """
    findings = []
    for index, output in enumerate(lighting.outputs):
        if output not in allowed:
            findings.append(At(("lighting", "outputs", index), TEXTS.text("not_allowed", point=output)))
    for index, circuit in enumerate(lighting.circuits):
        for name in ("output", "dimmer"):
            point = getattr(circuit, name)
            if point is not None and point not in allowed:
                findings.append(At(("lighting", "circuits", index, name), TEXTS.text("not_allowed", point=point)))
    for place, point in lighting.read_points():
        device = point.partition("/")[0]
        if device not in devices:
            findings.append(At(("lighting", *place), no_such("device", device, devices)))
    return findings
