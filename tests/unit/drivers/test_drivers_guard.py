from __future__ import annotations

import pytest

from config.points import RegisterPoint
from drivers.errors import RefusedError
from drivers.modbus.frames import read_pdu, write_coil_pdu, write_registers_pdu
from drivers.modbus.guard import WritePermission, check_request

COIL = RegisterPoint(key="k", en="", vi="", table="coil", address=3, type="bool", writable=True)
LEVEL = RegisterPoint(key="l", en="", vi="", table="holding", address=9, type="int16", scale=0.1, writable=True)
WIDE = RegisterPoint(key="w", en="", vi="", table="holding", address=20, type="float32", order="CDAB", writable=True)
PERMISSIONS = (
    WritePermission(unit=1, spec=COIL, low=0, high=1),
    WritePermission(unit=1, spec=LEVEL, low=-1, high=20),
    WritePermission(unit=1, spec=WIDE, low=0, high=100),
)


@pytest.mark.parametrize("function", [1, 2, 3, 4])
def test_reads_pass_without_permission(function: int) -> None:
    check_request(1, read_pdu(function, 0, 8), ())


@pytest.mark.parametrize(
    "pdu",
    [
        write_coil_pdu(3, on=True),
        write_coil_pdu(3, on=False),
        write_registers_pdu(9, [200]),
        write_registers_pdu(9, [0xFFF6]),
        write_registers_pdu(20, [0x0000, 0x42C8]),
    ],
)
def test_what_is_listed_passes(pdu: bytes) -> None:
    check_request(1, pdu, PERMISSIONS)


@pytest.mark.parametrize(
    ("unit", "pdu"),
    [
        (2, write_coil_pdu(3, on=True)),
        (1, write_coil_pdu(4, on=True)),
        (1, bytes.fromhex("05 00 03 01 00")),
        (1, bytes.fromhex("0f 00 03 00 01 01 01")),
        (1, write_registers_pdu(3, [1])),
        (1, write_registers_pdu(9, [201])),
        (1, write_registers_pdu(9, [0xFFF5])),
        (1, write_registers_pdu(9, [1, 2])),
        (1, write_registers_pdu(20, [0x0000, 0x42C9])),
        (1, write_registers_pdu(20, [0x0000, 0x7FC0])),
        (1, write_registers_pdu(20, [0x0000, 0x42C8, 0])),
        (1, bytes.fromhex("17 00 00 00 01 00 09 00 01 02 00 01")),
        (1, bytes.fromhex("08 00 01 00 00")),
    ],
)
def test_anything_else_is_refused(unit: int, pdu: bytes) -> None:
    with pytest.raises(RefusedError, match="not on the allow-list"):
        check_request(unit, pdu, PERMISSIONS)


def test_a_coil_that_may_only_be_switched_off() -> None:
    only_off = (WritePermission(unit=1, spec=COIL, low=0, high=0),)
    check_request(1, write_coil_pdu(3, on=False), only_off)
    with pytest.raises(RefusedError):
        check_request(1, write_coil_pdu(3, on=True), only_off)
