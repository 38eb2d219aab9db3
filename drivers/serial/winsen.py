"""Winsen sensors with frames of nine bytes: MH-Z19B, ZE03, ZE07, ZH03B and their relatives. Pure.

Source: frames captured from an MH-Z19B [C]; the ZE03's from the public library winsen-ze03 [S]: its oxygen has one
decimal, its active mode is switched by the mode bytes 03 and 04, other families by 40 and 41. A ZE07-CH2O answers µg/m³
and, in the last two bytes, ppb (maker's manual, tables 5 to 8) [C]; a ZH03B three masses (PyPMS) [S]. 9600 8N1.

Every model answers the same question in the same form: a frame does not tell which model, nor which gas, it is of.
"""

from __future__ import annotations

from typing import Final

from drivers.errors import Fault, FrameError
from drivers.serial.fields import Fields

FRAME_BYTES: Final = 9
READ: Final = 0x86
_SET_MODE: Final = 0x78
FIELDS: Final = frozenset({"value", "second", "third"})
"""The raw numbers in bytes 2 and 3, 4 and 5, 6 and 7, as far as the model has them."""


def checksum(frame: bytes) -> int:
    """Return what the last byte must be: the two's complement of the sum of the bytes 1 to 7."""
    return -sum(frame[1:8]) & 0xFF


def request(command: int, argument: int = 0) -> bytes:
    """Return a request to sensor 1."""
    body = bytes((0xFF, 0x01, command, argument, 0, 0, 0, 0))
    return body + bytes((checksum(body),))


READ_REQUEST: Final = request(READ)


def mode_request(mode: int) -> bytes:
    """Return the request that makes a sensor talk by itself or wait for questions; the bytes differ by model."""
    return request(_SET_MODE, mode)


class WinsenForm:
    """FF, the command answered, three numbers of high and low byte, the check."""

    head = b"\xff"
    max_bytes = FRAME_BYTES

    def length(self, begun: bytes) -> int:
        """Return 9."""
        del begun
        return FRAME_BYTES

    def fields(self, frame: bytes) -> Fields:
        """Return the raw numbers."""
        if checksum(frame) != frame[8]:
            raise FrameError(Fault.CRC, "wrong check byte")
        if frame[1] != READ:
            raise FrameError(Fault.WRONG_FUNCTION, f"answer to command {frame[1]:02X}, or talk of gas {frame[1]:02X}")
        return {
            name: int.from_bytes(frame[place : place + 2], "big")
            for name, place in (("value", 2), ("second", 4), ("third", 6))
        }
