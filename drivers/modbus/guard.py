"""The last look at a write before its bytes go out. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from config.points import RegisterPoint
from drivers.errors import RefusedError
from drivers.modbus import frames
from drivers.modbus.values import decode

_READS: Final = frozenset(
    {
        frames.READ_COILS,
        frames.READ_DISCRETE_INPUTS,
        frames.READ_HOLDING_REGISTERS,
        frames.READ_INPUT_REGISTERS,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WritePermission:
    """One address that may be written, and the values.

    Attributes:
        unit: Modbus unit id.
        spec: The point; its address, width, type and scale say what the bytes mean.
        low: Smallest value, in the point's unit; 0 or 1 for a coil.
        high: Largest value.
    """

    unit: int
    spec: RegisterPoint
    low: float
    high: float

    @property
    def function(self) -> int:
        """The only function code that this point is written with."""
        if self.spec.type == "bool":
            return frames.WRITE_SINGLE_COIL
        return frames.WRITE_SINGLE_REGISTER if self.spec.width == 1 else frames.WRITE_MULTIPLE_REGISTERS


def check_request(unit: int, pdu: bytes, permissions: Iterable[WritePermission]) -> None:
    """Let a request pass: every read, and writes whose very bytes are permitted.

    Raises:
        RefusedError: Anything else.
    """
    if pdu[0] in _READS:
        return
    address = int.from_bytes(pdu[1:3], "big")
    for permission in permissions:
        if (unit, pdu[0], address) == (permission.unit, permission.function, permission.spec.address):
            value = _written(permission.spec, pdu)
            if value is not None and permission.low <= value <= permission.high:
                return
    raise RefusedError(f"not on the allow-list: unit {unit}, function {pdu[0]}, address {address}: {pdu[3:].hex(' ')}")


def _written(spec: RegisterPoint, pdu: bytes) -> float | None:
    """Return the value that a write's bytes mean, None if they are not of this point's form."""
    if spec.type == "bool":
        return {b"\xff\x00": 1.0, b"\x00\x00": 0.0}.get(pdu[3:])
    if spec.width == 1:
        registers = pdu[3:]
    else:
        if pdu[3:6] != bytes((0, spec.width, 2 * spec.width)):
            return None
        registers = pdu[6:]
    if len(registers) != 2 * spec.width:
        return None
    value = decode(spec, registers)[0]
    return None if value is None or isinstance(value, str) else float(value)
