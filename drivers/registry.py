"""From configuration to lines and drivers."""

from __future__ import annotations

from collections.abc import Sequence

from config.adjust import adjusted
from config.agent import Allowed, DeviceConfig, SerialLine, TcpLine
from config.points import RegisterPoint
from config.profile import InstrumentProfile, ModbusProfile, Profile
from drivers.base import Clock, DevicePoint, Driver, Line
from drivers.lines.deadlines import Deadlines


def device_points(device: DeviceConfig, profile: Profile) -> tuple[DevicePoint, ...]:
    """Return the points that a device is read for, named as the device names them.

    Raises:
        ValueError: The device names a point that its profile has not, gives two points one name, or adjusts one that
            cannot be.
    """
    known = {spec.key for spec in profile.specs}
    unknown = sorted((set(device.names) | set(device.adjust) | set(device.points or ())) - known)
    if unknown:
        raise ValueError(f"device '{device.id}': profile '{profile.profile}' has no point {', '.join(unknown)}")
    wanted = known if device.points is None else set(device.points)
    points = tuple(
        DevicePoint(
            device.named(spec.key), adjusted(spec, device.adjust[spec.key]) if spec.key in device.adjust else spec
        )
        for spec in profile.specs
        if spec.key in wanted
    )
    keys = [point.key for point in points]
    twice = sorted({key for key in keys if keys.count(key) > 1})
    if twice:
        raise ValueError(f"device '{device.id}': two points are named {', '.join(twice)}")
    return points


def open_line(line: SerialLine | TcpLine, clock: Clock, deadlines: Deadlines | None = None) -> Line:
    """Return the line of a configuration; it opens its port at the first exchange, and again when it was lost.

    Args:
        line: Its configuration.
        clock: For the times of answers.
        deadlines: Those of all TCP lines of one event loop, if it has several.
    """
    if isinstance(line, SerialLine):
        from drivers.lines.serial import SerialBusLine  # noqa: PLC0415 - agents without serial ports need no pyserial

        return SerialBusLine(line, clock)
    from drivers.lines.tcp import TcpConnectionLine  # noqa: PLC0415 - the same for agents without TCP devices

    return TcpConnectionLine(line, clock, deadlines)


def build_driver(
    device: DeviceConfig,
    profile: ModbusProfile | InstrumentProfile,
    line: Line,
    clock: Clock,
    allowed: Sequence[Allowed] = (),
) -> Driver:
    """Return the driver of a device.

    Args:
        device: Which device on which line.
        profile: Its profile, loaded.
        line: Where it is.
        clock: For the gap that the device needs between requests.
        allowed: The agent's commands.allow; only writes listed there for this device ever reach the wire.

    Raises:
        ValueError: The configuration names points that the profile has not, allows writing one that cannot be, or the
            profile's settings or line are not those of its protocol.
    """
    if not isinstance(profile, ModbusProfile):
        return _instrument(device, profile, line, clock, allowed)
    from drivers.modbus.driver import ModbusDriver  # noqa: PLC0415 - pymodbus takes 70 ms to import
    from drivers.modbus.guard import WritePermission  # noqa: PLC0415 - the same
    from drivers.modbus.plan import plan_reads  # noqa: PLC0415 - the same

    if line.framing == "rtu" and getattr(line, "data_bits", 8) != 8:
        raise ValueError(f"device '{device.id}': line '{line.id}' sends 7 data bits; Modbus RTU needs 8")
    points = device_points(device, profile)
    plan_reads([point.spec for point in points if isinstance(point.spec, RegisterPoint)], profile.limits)
    by_id = {f"{device.id}/{point.key}": point for point in points}
    permissions = []
    for permitted in allowed:
        if permitted.point.partition("/")[0] != device.id:
            continue
        point = by_id.get(permitted.point)
        if point is None or not isinstance(point.spec, RegisterPoint) or not point.spec.writable:
            raise ValueError(f"commands.allow lists '{permitted.point}', which cannot be written")
        permissions.append(WritePermission(unit=device.unit, spec=point.spec, low=permitted.low, high=permitted.high))
    return ModbusDriver(device.id, device.unit, points, profile, line, clock, permissions)


def _instrument(
    device: DeviceConfig, profile: InstrumentProfile, line: Line, clock: Clock, allowed: Sequence[Allowed]
) -> Driver:
    from drivers.serial.driver import InstrumentDriver  # noqa: PLC0415 - most gateways have none
    from drivers.serial.families import family_of  # noqa: PLC0415 - the same

    if not getattr(line, "carries_instruments", False):
        raise ValueError(f"device '{device.id}': protocol {profile.protocol} needs a line of kind serial")
    for permitted in allowed:
        if permitted.point.partition("/")[0] == device.id:
            raise ValueError(f"commands.allow lists '{permitted.point}', which cannot be written")
    points = device_points(device, profile)
    return InstrumentDriver(device.id, points, family_of(profile, device.address, clock), line)
