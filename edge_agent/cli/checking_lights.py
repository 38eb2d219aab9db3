"""What `edge-agent check` finds of the lights: points that are not there, or cannot say what they are asked for."""

from __future__ import annotations

from config.agent import AgentConfig
from config.document import Location
from config.lighting import Lighting
from config.loader import no_such
from config.points import PointSpec
from config.texts import TEXTS as FINDINGS
from contract.lights import Calendar
from drivers.registry import device_points
from edge_agent.cli.checking_field import Profiles, Tell

_STATES = frozenset({"feedback", "selector", "photocell", "mains_ok"})
_UNITS = {"power": "W", "lux": "lx"}


def check_lights(config: AgentConfig, profiles: Profiles, tell: Tell) -> None:
    """Find points of the lights that their devices do not have, states that are numbers, numbers of other units."""
    if config.lighting is None:
        return
    specs = _specs(config, profiles)
    for place, point in config.lighting.read_points():
        device, _, key = point.partition("/")
        if device not in specs:
            continue
        spec = specs[device].get(key)
        where: Location = ("lighting", *place)
        if spec is None:
            tell("error", where, no_such("point", key, list(specs[device])))
            continue
        role = next(part for part in reversed(place) if isinstance(part, str))
        if role in _STATES and spec.kind != "bool":
            tell("error", where, FINDINGS.text("light_no_state", point=point))
        elif role in _UNITS and (spec.kind not in {"float", "int"} or spec.unit != _UNITS[role]):
            tell("error", where, FINDINGS.text("light_unit", point=point, unit=_UNITS[role]))
    _check_outputs(config.lighting, specs, tell)


def _check_outputs(lighting: Lighting, specs: dict[str, dict[str, PointSpec]], tell: Tell) -> None:
    for index, circuit in enumerate(lighting.switched):
        device, _, key = circuit.output.partition("/")
        spec = specs.get(device, {}).get(key)
        if spec is not None and spec.can_be_written and spec.kind != "bool":
            place: Location = ("circuits", index, "output") if lighting.circuits else ("outputs", index)
            tell("error", ("lighting", *place), FINDINGS.text("light_no_state", point=circuit.output))


def strange_circuits(calendar: Calendar, lighting: Lighting) -> list[str]:
    """Return the circuits that a calendar's levels name and this gateway has not, if it names none of its own."""
    named = {name for circuits in calendar.levels.values() for name in circuits}
    own = {circuit.id for circuit in lighting.switched}
    return sorted(named) if named and not named & own else []


def _specs(config: AgentConfig, profiles: Profiles) -> dict[str, dict[str, PointSpec]]:
    found: dict[str, dict[str, PointSpec]] = {}
    for device in config.devices:
        profile = profiles.get(device.profile)
        if profile is None:
            continue
        try:
            found[device.id] = {point.key: point.spec for point in device_points(device, profile)}
        except ValueError:
            # Its own finding stands at the device.
            continue
    return found
