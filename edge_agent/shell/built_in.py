"""The two devices that every agent has: `agent`, its own health, and `control`, what the lighting wants."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from config.agent import AgentConfig
from config.points import PointSpec
from contract.reading import Block, Value
from contract.state import DeviceMeta, Meta, Place, PointKind, PointMeta
from edge_agent.shell.built_in_point import BuiltInPoint
from edge_agent.shell.clock import GatewayClock
from edge_agent.shell.control_points import control_points
from edge_agent.shell.devices import Device
from edge_agent.shell.pulses import meta_of_counter

BUILT_IN_INTERVAL_S: Final = 10.0


def _health(key: str, en: str, vi: str, kind: PointKind, unit: str = "") -> BuiltInPoint:
    return BuiltInPoint(key, en, vi, kind, unit, priority="low")


AGENT_POINTS: Final[tuple[BuiltInPoint, ...]] = (
    _health("uptime_s", "Time since the agent started", "Thời gian chạy từ lúc khởi động", "float", "s"),
    _health("clock_synced", "Clock synchronised", "Đồng hồ đã đồng bộ", "bool"),
    _health(
        "clock_jump_s", "Wall clock against boot clock since the start", "Độ lệch đồng hồ từ lúc chạy", "float", "s"
    ),
    _health("connected", "Connected to the broker", "Đã kết nối máy chủ MQTT", "bool"),
    BuiltInPoint("config_valid", "Configuration file is good", "Tệp cấu hình dùng được", "bool", urgent=True),
    _health("spool_batches", "Batches not yet delivered", "Số gói chưa chuyển xong", "int"),
    _health("spool_bytes", "Bytes not yet delivered", "Số byte chưa chuyển xong", "int", "B"),
    _health("oldest_age_s", "Age of the oldest batch not delivered", "Tuổi của gói cũ nhất chưa chuyển", "float", "s"),
    _health("polls", "Polls since the start", "Số lần đọc từ lúc chạy", "int"),
    _health("poll_failures", "Failed polls since the start", "Số lần đọc hỏng từ lúc chạy", "int"),
    _health("polls_dropped", "Polls dropped because the line was busy", "Số lần đọc bị bỏ do đường truyền bận", "int"),
    _health(
        "cycle_too_short",
        "Lines whose poll intervals are too short",
        "Số đường truyền có chu kỳ đọc quá ngắn",
        "int",
    ),
    _health("set_aside", "Devices set aside", "Số thiết bị tạm ngừng đọc", "int"),
    _health("malformed", "Malformed messages and answers", "Số bản tin và trả lời sai định dạng", "int"),
    _health("rss_bytes", "Memory in use", "Bộ nhớ đang dùng", "int", "B"),
)


def specs_of(points: Iterable[BuiltInPoint]) -> dict[str, PointSpec]:
    """Return the specs of built-in points by key."""
    return {point.key: point.spec() for point in points}


def block_of(device: str, values: Mapping[str, Value], clock: GatewayClock) -> Block:
    """Return a block of a built-in device, observed now."""
    return Block(
        device=device,
        observed_at_ms=clock.wall_ms(),
        keys=tuple(values),
        values=tuple(values.values()),
        monotonic_ms=clock.monotonic_ms(),
    )


def software_version() -> str:
    """Return the version of the installed distribution."""
    try:
        return version("lamplighter")
    except PackageNotFoundError:
        return "unknown"


def meta_of(
    config: AgentConfig, devices: Iterable[Device], made: Mapping[str, Mapping[str, PointSpec]] | None = None
) -> Meta:
    """Return what a gateway says of itself at each connection; delivery adds the epoch.

    Args:
        config: The gateway.
        devices: Its devices.
        made: Points that it makes of theirs, by device and key.
    """
    described = {device.id: _device_meta(device, (made or {}).get(device.id, {})) for device in devices}
    built_in: dict[str, tuple[BuiltInPoint, ...]] = {"agent": AGENT_POINTS}
    if config.lighting:
        built_in["control"] = control_points(config.lighting)
    for name, points in built_in.items():
        described[name] = DeviceMeta(
            device_class=name,
            profile="built-in",
            profile_version="1",
            interval_s=BUILT_IN_INTERVAL_S,
            points={point.key: point.meta() for point in points},
        )
    described |= {counter.id: meta_of_counter(counter) for counter in config.counters}
    place = config.place
    return Meta(
        sw=software_version(),
        epoch="",
        place=Place(latitude=place.latitude, longitude=place.longitude, timezone=place.timezone) if place else None,
        devices=described,
    )


def _device_meta(device: Device, made: Mapping[str, PointSpec]) -> DeviceMeta:
    points = device.driver.points
    return DeviceMeta(
        device_class=device.profile.device_class,
        profile=device.profile.profile,
        profile_version=device.profile.version,
        interval_s=min((device.interval_s(point.spec) for point in points), default=device.intervals.slow_s),
        points={
            key: PointMeta(en=spec.en, vi=spec.vi, unit=spec.unit, kind=spec.kind, writable=spec.can_be_written)
            for key, spec in {**device.specs, **made}.items()
        },
    )
