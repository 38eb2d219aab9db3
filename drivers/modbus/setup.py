"""The settings that a device must have before it is trusted, such as where its relays go when nobody polls them.

They are written by the same driver, guard and read-back as commands, with an allow-list of their own: each setting's
register, and the one value that the profile, or this device's configuration, wants there. Nothing else can be written
by it.
"""

from __future__ import annotations

from dataclasses import dataclass

from config.agent import DeviceConfig
from config.profile import ModbusProfile, SetupValue
from config.setup import wanted_settings
from contract.reading import Block, Cause, Reading, Value
from drivers.base import Clock, DevicePoint, Line
from drivers.modbus.driver import ModbusDriver
from drivers.modbus.guard import WritePermission
from drivers.modbus.values import encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting as the device has it.

    Attributes:
        point: Where it stands; its spec may be written, which that of the profile may not.
        wanted: What it must be, and why.
        found: None if it could not be read.
        cause: Why not.
    """

    point: DevicePoint
    wanted: SetupValue
    found: Value | None
    cause: Cause

    @property
    def agrees(self) -> bool:
        """Whether the device has what is wanted."""
        return self.found is not None and self.found == self.wanted.want


class SetupDriver:
    """The settings of one device, read and, one by one, written.

    Args:
        device: Which device on which line.
        profile: Its profile; only what its `setup` names is read or written.
        line: Where it is.
        clock: For the gap that the device needs between requests.

    Raises:
        ValueError: A wanted value does not fit its register.
    """

    def __init__(self, device: DeviceConfig, profile: ModbusProfile, line: Line, clock: Clock) -> None:
        self._wanted = {one.point: one for one in wanted_settings(profile, device.setup)}
        points = []
        permissions = []
        for key, one in self._wanted.items():
            spec = profile.point(key).model_copy(update={"writable": True})
            if spec.type != "bool":
                encode(spec, one.value_in(spec))
            points.append(DevicePoint(key, spec))
            want = float(one.want)
            permissions.append(WritePermission(unit=device.unit, spec=spec, low=want, high=want))
        self._points = tuple(points)
        self._driver = ModbusDriver(device.id, device.unit, self._points, profile, line, clock, permissions)

    async def prove(self) -> None:
        """Prove that it is the device of its profile; nothing may be written to another one.

        Raises:
            DriverError: It is not, or does not answer.
        """
        await self._driver.probe()

    async def read(self) -> tuple[Setting, ...]:
        """Return all settings, in the order in which they are written.

        Raises:
            DriverError: Nothing could be read.
        """
        found = _by_key(await self._driver.read(self._points)) if self._points else {}
        return tuple(
            Setting(point=point, wanted=self._wanted[point.key], found=found[point.key][0], cause=found[point.key][1])
            for point in self._points
        )

    async def write(self, setting: Setting) -> Setting:
        """Write what is wanted, and return the setting as the device has it afterwards.

        Raises:
            DriverError: It was not written, or could not be read back.
        """
        spec = setting.point.register
        reading: Reading = await self._driver.write(setting.point, setting.wanted.value_in(spec))
        return Setting(point=setting.point, wanted=setting.wanted, found=reading.value, cause=reading.cause)


def _by_key(block: Block) -> dict[str, tuple[Value | None, Cause]]:
    return {key: (value, block.causes.get(key, Cause.OK)) for key, value in zip(block.keys, block.values, strict=True)}


def is_missing(setting: Setting) -> bool:
    """Return whether the device has no such setting: an older firmware, or another model."""
    return setting.cause is Cause.UNSUPPORTED
