"""Analogue input modules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Final

from firmware_sim.core.measuring import Quantity
from firmware_sim.core.server import (
    ILLEGAL_ADDRESS,
    ILLEGAL_VALUE,
    READ_HOLDING,
    READ_INPUT_REGISTERS,
    WRITE_REGISTER,
    WRITE_REGISTERS,
    Refusal,
)
from firmware_sim.core.twin import Twin, integer_words, placed

CHANNELS: Final = 8
_MODES: Final = 0x1000
_CURRENT_MODE: Final = 2.0
_GREATEST_MODE: Final = 4


class WaveshareAnalogInput8(Twin):
    """Waveshare Modbus RTU Analog Input 8CH: eight currents in microamperes while its ranges are 2 (0-20 mA).

    Source: a public driver with the record of a module on its bench (firmware V2.10: inputs 0-7 by function 4; by
    function 3 ranges 0x1000-0x1007, UART 0x2000, unit 0x4000, version 0x8000), which cites the maker's wiki. The
    quantities ai1 to ai8 are milliamperes. In a range of volts the module shows something else: this one shows 0.
    """

    functions: ClassVar[frozenset[int]] = frozenset(
        {READ_HOLDING, READ_INPUT_REGISTERS, WRITE_REGISTER, WRITE_REGISTERS}
    )
    quantities: ClassVar[Mapping[str, Quantity]] = {
        **{f"ai{channel}": 4.0 for channel in range(1, CHANNELS + 1)},
        **{f"range{channel}": _CURRENT_MODE for channel in range(1, CHANNELS + 1)},
        "software_version": 210.0,
    }

    def words(self, function: int, now_s: float) -> Mapping[int, int]:
        """Return the currents (function 4), or ranges, UART code, unit and version (function 3)."""
        del now_s
        channels = range(1, CHANNELS + 1)
        if function == READ_INPUT_REGISTERS:
            return placed((0, [self._current(channel) for channel in channels]))
        return placed(
            (_MODES, [round(self.number(f"range{channel}")) for channel in channels]),
            (0x2000, [1]),
            (0x4000, [self.unit]),
            (0x8000, [round(self.number("software_version"))]),
        )

    def _current(self, channel: int) -> int:
        if self.number(f"range{channel}") not in {_CURRENT_MODE, _CURRENT_MODE + 1}:
            return 0
        return integer_words(max(0.0, 1000.0 * self.seen(f"ai{channel}")), 1)[0]

    def write_words(self, address: int, words: Sequence[int], now_s: float) -> None:
        """Set ranges; UART and unit cannot be changed here, since it would silence the module for everyone else."""
        del now_s
        first = address - _MODES
        if first < 0 or first + len(words) > CHANNELS:
            raise Refusal(ILLEGAL_ADDRESS)
        if any(word > _GREATEST_MODE for word in words):
            raise Refusal(ILLEGAL_VALUE)
        for channel, word in enumerate(words, start=first + 1):
            self.values[f"range{channel}"] = float(word)


MODELS: Final[dict[str, type[Twin]]] = {"waveshare-analog-input-8": WaveshareAnalogInput8}
