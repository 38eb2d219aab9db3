"""The devices of a gateway: configuration, profile, line and driver of each, put together once."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from config.agent import AgentConfig, DeviceConfig, Intervals
from config.agent import Line as LineConfig
from config.errors import ConfigErrors, ConfigProblem
from config.points import PointSpec
from config.profile import InstrumentProfile, ModbusProfile, load_profile
from config.texts import TEXTS
from drivers.base import Clock, DevicePoint, Driver, Line
from drivers.lines.deadlines import Deadlines
from drivers.lines.share import LineShare
from drivers.registry import build_driver, device_points, open_line
from edge_agent.core.derived import corrections_of, unlimited
from edge_agent.core.quality import Correction

SUPPLY_KEY = "mains_ok"
"""The input that sees the supply, by the name that DeviceConfig.names gives it."""


@dataclass(frozen=True, kw_only=True)
class Device:
    """One device, ready to be polled.

    Attributes:
        intervals: Seconds by poll class: its own, else the gateway's.
        share: Its use of the line, by which its driver asks.
        corrections: The calibrations of its points, by key.
        limits: The calibrated points with their limits, which hold for the corrected values: its driver has none.
    """

    config: DeviceConfig
    profile: ModbusProfile | InstrumentProfile
    line: Line
    line_config: LineConfig
    driver: Driver
    intervals: Intervals
    share: LineShare | None = None
    corrections: Mapping[str, tuple[Correction, ...]] = field(default_factory=dict)
    limits: Mapping[str, PointSpec] = field(default_factory=dict)

    @cached_property
    def id(self) -> str:
        """The name within the gateway."""
        return self.config.id

    @cached_property
    def specs(self) -> dict[str, PointSpec]:
        """What delivery must know of each point, by its key here."""
        return {point.key: point.spec for point in self.driver.points}

    @cached_property
    def by_key(self) -> dict[str, DevicePoint]:
        """Every point by its key here."""
        return {point.key: point for point in self.driver.points}

    @cached_property
    def alarm_points(self) -> tuple[DevicePoint, ...]:
        """The points whose change must be known at once."""
        return tuple(point for point in self.driver.points if point.spec.urgent)

    @cached_property
    def supply_points(self) -> tuple[DevicePoint, ...]:
        """The points that tell whether the supply is there."""
        return tuple(point for point in self.alarm_points if point.key == SUPPLY_KEY or point.spec.unit == "V")

    @property
    def patience_s(self) -> float:
        """How long a read may take beside the line's time-outs: a talker's period, a sensor's measurement."""
        return float(getattr(self.driver, "patience_s", 0.0))

    def interval_s(self, spec: PointSpec) -> float:
        """Return how often a point is read, in seconds; infinity for once."""
        if spec.interval_s is not None:
            return spec.interval_s
        return {
            "fast": self.intervals.fast_s,
            "normal": self.intervals.normal_s,
            "slow": self.intervals.slow_s,
            "once": math.inf,
        }[spec.poll]

    def hold_s(self, elapsed_s: float) -> float:
        """Return how long one failed request kept the line from others, at most: time-out and quiet pause."""
        line = self.line_config
        return min(elapsed_s, line.timeout_s) + line.quiet_s


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """All devices of a gateway, and their lines."""

    devices: tuple[Device, ...]
    lines: tuple[Line, ...] = field(default=())

    def find(self, device_id: str) -> Device | None:
        """Return the device of a name."""
        return next((device for device in self.devices if device.id == device_id), None)

    def locate(self, point_id: str) -> tuple[Device, DevicePoint] | None:
        """Return the device and the point of `device/key`."""
        device_id, _, key = point_id.partition("/")
        device = self.find(device_id)
        point = device.by_key.get(key) if device else None
        return (device, point) if device and point else None

    async def close(self) -> None:
        """Give all ports and connections back."""
        for line in self.lines:
            await line.close()


def load_profiles(config: AgentConfig, base: Path) -> dict[str, ModbusProfile | InstrumentProfile]:
    """Return the profiles that a configuration names, by the name it uses.

    Args:
        config: The gateway.
        base: The folder of its file.

    Raises:
        ConfigErrors: All that is wrong with them.
    """
    profiles: dict[str, ModbusProfile | InstrumentProfile] = {}
    problems: list[ConfigProblem] = []
    for name in dict.fromkeys(device.profile for device in config.devices):
        try:
            profiles[name] = load_profile(name, base)
        except ConfigErrors as error:
            problems += error.problems
    if problems:
        raise ConfigErrors(problems)
    return profiles


def build_fleet(
    config: AgentConfig, base: Path, clock: Clock, only: Sequence[str] | None = None, *, writable: bool = True
) -> Fleet:
    """Return the devices of a configuration; no port is opened before the first request.

    Args:
        config: The gateway.
        base: The folder of its file, which profile files are named from.
        clock: For times of readings and gaps.
        only: Build these devices alone.
        writable: Whether commands may write what the configuration allows.

    Raises:
        ConfigErrors: A profile is wrong.
        ValueError: A device names points that its profile has not, or does not say which of its modules are fitted.
    """
    profiles = load_profiles(config, base)
    wanted = [device for device in config.devices if only is None or device.id in only]
    line_configs = {line.id: line for line in config.lines}
    deadlines = Deadlines()
    names = dict.fromkeys(device.line for device in wanted)
    lines = {name: open_line(line_configs[name], clock, deadlines) for name in names}
    allowed = config.commands.allow if writable else ()
    calibrations = corrections_of(config)
    devices = []
    for device in wanted:
        share = LineShare(lines[device.line])
        corrections = calibrations.get(device.id, {})
        profile = profiles[device.profile]
        if profile.modular and device.points is None:
            raise ValueError(f"device '{device.id}': {TEXTS.text('modular', profile=profile.profile)}")
        driver = build_driver(*unlimited(device, profile, corrections), share, clock, allowed)
        limits = {point.key: point.spec for point in device_points(device, profile)} if corrections else {}
        devices.append(
            Device(
                config=device,
                profile=profile,
                line=lines[device.line],
                line_config=line_configs[device.line],
                driver=driver,
                intervals=device.intervals or config.intervals,
                share=share,
                corrections=corrections,
                limits={key: limits[key] for key in corrections if key in limits},
            )
        )
    return Fleet(devices=tuple(devices), lines=tuple(lines.values()))
