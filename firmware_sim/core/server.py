"""The function codes of a Modbus device over its registers, with the refusals of a real one."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from firmware_sim.core.codec import MAX_PDU_BYTES

ILLEGAL_FUNCTION: Final = 1
ILLEGAL_ADDRESS: Final = 2
ILLEGAL_VALUE: Final = 3

READ_COILS: Final = 1
READ_INPUTS: Final = 2
READ_HOLDING: Final = 3
READ_INPUT_REGISTERS: Final = 4
WRITE_COIL: Final = 5
WRITE_REGISTER: Final = 6
WRITE_COILS: Final = 15
WRITE_REGISTERS: Final = 16


class Refusal(Exception):  # noqa: N818 - the device's valid "no", not an error of ours
    """An exception reply with its code (Application Protocol v1.1b3, section 7)."""

    def __init__(self, code: int) -> None:
        super().__init__(f"exception {code}")
        self.code = code


@dataclass(frozen=True, slots=True)
class Served:
    """What a read gave: 16-bit words (functions 3, 4) or bits as 0 and 1 (functions 1, 2)."""

    function: int
    address: int
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply PDU; `served` is set for a read that was not refused."""

    pdu: bytes
    served: Served | None = None


class Device:
    """A Modbus device: a subclass names its functions and limits, and answers for these functions only."""

    functions: ClassVar[frozenset[int]] = frozenset()
    max_words: int = 125
    max_bits: int = 2000

    def powered(self, now_s: float) -> bool:
        """Return whether the device has supply and has started; a dead device does not answer at all."""
        del now_s
        return True

    def read_bits(self, function: int, address: int, count: int, now_s: float) -> Sequence[int]:
        """Return `count` bits from `address`, or raise Refusal."""
        raise NotImplementedError

    def read_words(self, function: int, address: int, count: int, now_s: float) -> Sequence[int]:
        """Return `count` words from `address`, or raise Refusal."""
        raise NotImplementedError

    def write_coil(self, address: int, value: int, now_s: float) -> None:
        """Take the raw value word of function 5, or raise Refusal."""
        raise NotImplementedError

    def write_coils(self, address: int, bits: Sequence[int], now_s: float) -> None:
        """Set consecutive coils, or raise Refusal."""
        raise NotImplementedError

    def write_words(self, address: int, words: Sequence[int], now_s: float) -> None:
        """Set consecutive holding registers, or raise Refusal."""
        raise NotImplementedError


def pack_bits(bits: Sequence[int]) -> bytes:
    """Return bits as Modbus packs them: the first in the lowest bit of the first byte."""
    packed = bytearray((len(bits) + 7) // 8)
    for index, bit in enumerate(bits):
        packed[index // 8] |= (bit & 1) << (index % 8)
    return bytes(packed)


def _unpack_bits(data: bytes, count: int) -> list[int]:
    return [(data[index // 8] >> (index % 8)) & 1 for index in range(count)]


def _head(pdu: bytes) -> tuple[int, int]:
    if len(pdu) < 5:
        raise Refusal(ILLEGAL_VALUE)
    address, word = struct.unpack_from(">HH", pdu, 1)
    return int(address), int(word)


def _read(device: Device, pdu: bytes, now_s: float) -> Answer:
    function = pdu[0]
    address, count = _head(pdu)
    words = function in (READ_HOLDING, READ_INPUT_REGISTERS)
    if len(pdu) != 5 or not 1 <= count <= (device.max_words if words else device.max_bits):
        raise Refusal(ILLEGAL_VALUE)
    if address + count > 0x10000:
        raise Refusal(ILLEGAL_ADDRESS)
    if words:
        values = tuple(device.read_words(function, address, count, now_s))
        data = struct.pack(f">{count}H", *values)
    else:
        values = tuple(device.read_bits(function, address, count, now_s))
        data = pack_bits(values)
    return Answer(bytes((function, len(data))) + data, Served(function, address, values))


def _write(device: Device, pdu: bytes, now_s: float) -> Answer:
    function = pdu[0]
    address, word = _head(pdu)
    if function in (WRITE_COIL, WRITE_REGISTER):
        if len(pdu) != 5:
            raise Refusal(ILLEGAL_VALUE)
        if function == WRITE_COIL:
            device.write_coil(address, word, now_s)
        else:
            device.write_words(address, [word], now_s)
        return Answer(pdu)
    data = pdu[6:]
    size = (word + 7) // 8 if function == WRITE_COILS else 2 * word
    if word < 1 or len(pdu) < 6 or size != pdu[5] or size != len(data):
        raise Refusal(ILLEGAL_VALUE)
    if address + word > 0x10000:
        raise Refusal(ILLEGAL_ADDRESS)
    if function == WRITE_COILS:
        device.write_coils(address, _unpack_bits(data, word), now_s)
    else:
        device.write_words(address, struct.unpack(f">{word}H", data), now_s)
    return Answer(pdu[:5])


def serve(device: Device, pdu: bytes, now_s: float) -> Answer | None:
    """Answer one request PDU, or return None where a real device stays silent.

    Unknown function: exception 1. Unknown register: 2. Count over the device's limit or a body that
    does not fit its function: 3.
    """
    if not pdu or len(pdu) > MAX_PDU_BYTES or not device.powered(now_s):
        return None
    function = pdu[0]
    if function not in device.functions:
        return Answer(bytes((function | 0x80, ILLEGAL_FUNCTION)))
    try:
        return (_read if function <= READ_INPUT_REGISTERS else _write)(device, pdu, now_s)
    except Refusal as refusal:
        return Answer(bytes((function | 0x80, refusal.code)))
