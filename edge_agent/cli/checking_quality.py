"""What `edge-agent check` finds of averages, calibrations, doubts and maintenance switches."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Final

from config.agent import AgentConfig, DeviceConfig
from config.points import PointSpec
from config.texts import TEXTS as FINDINGS
from drivers.registry import device_points
from edge_agent.cli.checking_field import Profiles, Tell
from edge_agent.core.derived import average_problems, calibration_problem, doubt_problems, name_problems
from edge_agent.shell.clock import SystemClock

DUST_UNIT: Final = "µg/m³"
_DUST: Final = re.compile(r"pm\d")
"""Sensors that weigh the dust are no devices of ours: all that we read count by light."""


def check_quality(config: AgentConfig, profiles: Profiles, tell: Tell) -> None:
    """Find averages and calibrations that cannot be made, and switches that are no inputs."""
    specs = _specs(config, profiles)
    for index, device in enumerate(config.devices):
        if device.id in specs:
            _check_device(config, index, device, specs[device.id], tell)
    counters = {counter.id for counter in config.counters}
    for index, switch in enumerate(config.maintenance):
        name, _, key = switch.switch.partition("/")
        if name in counters:
            tell("error", ("maintenance", index, "switch"), FINDINGS.text("switch_own_counter", point=switch.switch))
        elif name in specs:
            spec = specs[name].get(key)
            if spec is None or spec.kind != "bool":
                tell("error", ("maintenance", index, "switch"), FINDINGS.text("switch_no_input", point=switch.switch))

    _check_doubts(config, specs, tell)
    newest = {one.point: index for index, one in enumerate(config.calibrations)}
    now_ms = SystemClock().wall_ms()
    for point, index in newest.items():
        one = config.calibrations[index]
        if one.to_ms is not None and one.to_ms <= now_ms:
            text = FINDINGS.text("calibration_due", point=point, when=one.valid_to)
            tell("warning", ("calibrations", index, "valid_to"), text)


def _check_doubts(config: AgentConfig, specs: dict[str, dict[str, PointSpec]], tell: Tell) -> None:
    intervals = {device.id: _interval_of(config, device) for device in config.devices}

    def find(point_id: str) -> tuple[PointSpec, float] | None:
        name, _, key = point_id.partition("/")
        spec = specs.get(name, {}).get(key)
        return None if spec is None else (spec, intervals[name](spec))

    for index, doubt in enumerate(config.doubts):
        for place, problem in doubt_problems(doubt, find):
            tell("error", ("doubts", index, *place), problem)
    doubted = {point for doubt in config.doubts for point in doubt.points}
    for index, device in enumerate(config.devices):
        dust = [key for key, spec in specs.get(device.id, {}).items() if _DUST.match(key) and spec.unit == DUST_UNIT]
        if dust and not any(f"{device.id}/{key}" in doubted for key in dust):
            tell("warning", ("devices", index), FINDINGS.text("dust_alone", device=device.id))


def _check_device(
    config: AgentConfig, index: int, device: DeviceConfig, specs: dict[str, PointSpec], tell: Tell
) -> None:
    calibrated, is_wrong = [], False
    for number, one in enumerate(config.calibrations):
        name, _, key = one.point.partition("/")
        if name != device.id:
            continue
        problem = calibration_problem(key, specs.get(key))
        if problem is not None:
            is_wrong = True
            tell("error", ("calibrations", number, "point"), problem)
        calibrated.append(key)
    if device.averages is not None:
        interval_s = _interval_of(config, device)
        for place, problem in average_problems(device.averages, specs, interval_s, device.named):
            is_wrong = True
            tell("error", ("devices", index, "averages", *place), problem)
    if not is_wrong:
        for problem in name_problems(specs, device.averages, dict.fromkeys(calibrated)):
            tell("error", ("devices", index), problem)


def _interval_of(config: AgentConfig, device: DeviceConfig) -> Callable[[PointSpec], float]:
    intervals = device.intervals or config.intervals
    by_class = {"fast": intervals.fast_s, "normal": intervals.normal_s, "slow": intervals.slow_s, "once": math.inf}
    return lambda spec: by_class[spec.poll] if spec.interval_s is None else spec.interval_s


def _specs(config: AgentConfig, profiles: Profiles) -> dict[str, dict[str, PointSpec]]:
    specs = {}
    for device in config.devices:
        profile = profiles.get(device.profile)
        if profile is None:
            continue
        try:
            specs[device.id] = {point.key: point.spec for point in device_points(device, profile)}
        except ValueError:
            # Wrong names are found elsewhere; what rests on them cannot be judged.
            continue
    return specs
