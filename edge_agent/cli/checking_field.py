"""What `edge-agent check` finds of instruments and pulse counters."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Literal

from config.agent import AgentConfig, Intervals, SerialLine
from config.document import Location
from config.points import PointSpec
from config.profile import InstrumentProfile, ModbusProfile
from config.texts import TEXTS as FINDINGS
from drivers.registry import device_points
from edge_agent.core.pulses import CLOCK_STEP_S, slowest_sampling_s
from edge_agent.shell.clock import SystemClock

Profiles = Mapping[str, ModbusProfile | InstrumentProfile | None]
Severity = Literal["error", "warning"]
Tell = Callable[[Severity, Location, str], None]
"""Takes severity, place and message."""


def check_instruments(config: AgentConfig, profiles: Profiles, tell: Tell) -> None:
    """Find instruments whose profile, line or neighbours cannot be."""
    from drivers.serial.families import family_of

    lines = {line.id: line for line in config.lines}
    talkers: dict[str, str] = {}
    addresses: dict[tuple[str, str], str] = {}
    clock = SystemClock()
    for index, device in enumerate(config.devices):
        profile, place = profiles.get(device.profile), ("devices", index)
        if not isinstance(profile, InstrumentProfile):
            continue
        line = lines[device.line]
        if not isinstance(line, SerialLine):
            tell("error", (*place, "line"), FINDINGS.text("instrument_line", protocol=profile.protocol))
            continue
        try:
            family = family_of(profile, device.address, clock)
        except ValueError as error:
            tell("error", (*place, "profile"), FINDINGS.text("instrument_wrong", problem=str(error)))
            continue
        if family.talks:
            talkers[device.line] = device.id
        if profile.protocol in {"sdi12", "wxt530"}:
            owner = addresses.setdefault((device.line, device.address), device.id)
            if owner != device.id:
                text = FINDINGS.text("address_twice", address=device.address, line=device.line, device=owner)
                tell("error", (*place, "address") if device.address != "0" else place, text)
        if profile.protocol == "sdi12" and (line.baud, line.data_bits, line.parity) != (1200, 7, "E"):
            where = next(at for at, one in enumerate(config.lines) if one.id == line.id)
            tell("warning", ("lines", where), FINDINGS.text("sdi12_line"))
    for index, device in enumerate(config.devices):
        talker = talkers.get(device.line, device.id)
        if talker != device.id:
            text = FINDINGS.text("talker_shares", line=device.line, device=talker)
            tell("error", ("devices", index, "line"), text)


def check_counters(config: AgentConfig, profiles: Profiles, tell: Tell) -> None:
    """Find counters whose source is no input, or is read too seldom."""
    devices = {device.id: device for device in config.devices}
    for index, counter in enumerate(config.counters):
        place: Location = ("counters", index)
        name, _, key = counter.source.partition("/")
        device = devices[name]
        profile = profiles.get(device.profile)
        if profile is None:
            continue
        try:
            points = {point.key: point.spec for point in device_points(device, profile)}
        except ValueError:
            continue
        spec = points.get(key)
        if spec is None or spec.kind != "bool":
            tell("error", (*place, "source"), FINDINGS.text("counter_no_input", point=counter.source))
            continue
        needed_s = slowest_sampling_s(counter.shortest_pulse_s, counter.debounce_s)
        facts = {"debounce": counter.debounce_s, "pulse": counter.shortest_pulse_s}
        interval_s = _interval_s(spec, device.intervals or config.intervals)
        if needed_s <= 0:
            tell("error", (*place, "debounce_s"), FINDINGS.text("counter_never", **facts))
        elif interval_s > needed_s + CLOCK_STEP_S:
            text = FINDINGS.text(
                "counter_too_slow",
                point=counter.source,
                interval=interval_s,
                needed=round(needed_s, 3),
                pulse=counter.shortest_pulse_s,
            )
            tell("warning", (*place, "source"), text)


def _interval_s(spec: PointSpec, intervals: Intervals) -> float:
    if spec.interval_s is not None:
        return spec.interval_s
    by_class = {"fast": intervals.fast_s, "normal": intervals.normal_s, "slow": intervals.slow_s, "once": math.inf}
    return by_class[spec.poll]
