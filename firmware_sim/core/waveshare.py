"""The Waveshare Modbus RTU Relay (D): eight relays, eight inputs.

Source: the register list of the domain notes (public drivers that cite the maker's page; the page itself
was not read). Simulated only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from firmware_sim.core.cabinet import Cabinet
from firmware_sim.core.relay_outputs import CHANNELS
from firmware_sim.core.server import (
    ILLEGAL_ADDRESS,
    ILLEGAL_VALUE,
    READ_COILS,
    READ_HOLDING,
    READ_INPUTS,
    WRITE_COIL,
    WRITE_COILS,
    WRITE_REGISTER,
    WRITE_REGISTERS,
    Device,
    Refusal,
)

ALL_CHANNELS: Final = 0x00FF
FLASH_ON: Final = 0x0200
FLASH_OFF: Final = 0x0400
LINK: Final = 0x1000
UNIT: Final = 0x4000

_ON: Final = 0xFF00
_OFF: Final = 0x0000
_TOGGLE: Final = 0x5500
_FLASH_STEP_S: Final = 0.1
_MAX_FLASH_STEPS: Final = 0x7FFF


class WaveshareRelayD(Device):
    """The relay board of a cabinet, on its battery: it answers through a mains outage."""

    functions: ClassVar[frozenset[int]] = frozenset(
        {READ_COILS, READ_INPUTS, READ_HOLDING, WRITE_COIL, WRITE_REGISTER, WRITE_COILS, WRITE_REGISTERS}
    )

    def __init__(self, cabinet: Cabinet, *, unit: int = 1) -> None:
        self.cabinet = cabinet
        self._unit = unit

    def powered(self, now_s: float) -> bool:
        """Return whether mains or battery feed the board."""
        self.cabinet.advance(now_s)
        return self.cabinet.board_powered()

    def read_bits(self, function: int, address: int, count: int, now_s: float) -> Sequence[int]:
        """Return relays (function 1) or inputs (function 2)."""
        if address + count > CHANNELS:
            raise Refusal(ILLEGAL_ADDRESS)
        self.cabinet.advance(now_s)
        bits = self.cabinet.relay.closed if function == READ_COILS else self.cabinet.inputs()
        return [int(bit) for bit in bits[address : address + count]]

    def read_words(self, function: int, address: int, count: int, now_s: float) -> Sequence[int]:
        """Return the input links 0x1000-0x1007 (1: the relay follows its input) or the unit id 0x4000."""
        del function, now_s
        if address >= LINK and address + count <= LINK + CHANNELS:
            start = address - LINK
            return [int(linked) for linked in self.cabinet.relay.linked[start : start + count]]
        if address == UNIT and count == 1:
            return [self._unit]
        raise Refusal(ILLEGAL_ADDRESS)

    def write_coil(self, address: int, value: int, now_s: float) -> None:
        """Switch, toggle (0x5500) or flash (steps of 100 ms) a relay, or all at once at 0x00FF."""
        self.cabinet.advance(now_s)
        relay = self.cabinet.relay
        for base, closed in ((FLASH_ON, True), (FLASH_OFF, False)):
            if base <= address < base + CHANNELS:
                if not 1 <= value <= _MAX_FLASH_STEPS:
                    raise Refusal(ILLEGAL_VALUE)
                relay.flash(address - base, closed, now_s + value * _FLASH_STEP_S)
                break
        else:
            if address >= CHANNELS and address != ALL_CHANNELS:
                raise Refusal(ILLEGAL_ADDRESS)
            if value not in (_ON, _OFF, _TOGGLE):
                raise Refusal(ILLEGAL_VALUE)
            for channel in range(CHANNELS) if address == ALL_CHANNELS else (address,):
                relay.set(channel, not relay.closed[channel] if value == _TOGGLE else value == _ON)
        self.cabinet.advance(now_s)

    def write_coils(self, address: int, bits: Sequence[int], now_s: float) -> None:
        """Switch consecutive relays."""
        if address + len(bits) > CHANNELS:
            raise Refusal(ILLEGAL_ADDRESS)
        self.cabinet.advance(now_s)
        for channel, bit in enumerate(bits, start=address):
            self.cabinet.relay.set(channel, bool(bit))
        self.cabinet.advance(now_s)

    def write_words(self, address: int, words: Sequence[int], now_s: float) -> None:
        """Set the input links; 0 frees a relay from its input, 1 is the factory's default.

        The unit id cannot be changed here, since it would silence the board for everyone else.
        """
        if not (address >= LINK and address + len(words) <= LINK + CHANNELS):
            raise Refusal(ILLEGAL_ADDRESS)
        if any(word not in (0, 1) for word in words):
            raise Refusal(ILLEGAL_VALUE)
        self.cabinet.advance(now_s)
        for channel, word in enumerate(words, start=address - LINK):
            self.cabinet.relay.linked[channel] = bool(word)
        self.cabinet.advance(now_s)
