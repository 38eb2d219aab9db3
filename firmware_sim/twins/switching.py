"""Relay boards and input modules: coils, inputs, and what their relays do when nobody polls them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Final

from firmware_sim.core.measuring import Quantity
from firmware_sim.core.noise import Noise
from firmware_sim.core.server import (
    ILLEGAL_ADDRESS,
    ILLEGAL_VALUE,
    READ_COILS,
    READ_HOLDING,
    READ_INPUT_REGISTERS,
    READ_INPUTS,
    WRITE_COIL,
    WRITE_COILS,
    WRITE_REGISTER,
    WRITE_REGISTERS,
    Refusal,
)
from firmware_sim.core.twin import Twin, integer_words, placed

_ON: Final = 0xFF00
_OFF: Final = 0x0000


def _states(letter: str, count: int) -> dict[str, Quantity]:
    return {f"{letter}{number}": 0.0 for number in range(1, count + 1)}


class RelayBoard(Twin):
    """Relays behind consecutive coils.

    Attributes:
        relays: How many.
        first_coil: Wire address of the first.
        all_coils: Wire address of the coil that switches all of them; None if there is none.
        toggle: The value of function 5 that turns a relay over; None if there is none.
    """

    relays: ClassVar[int] = 8
    first_coil: ClassVar[int] = 0
    all_coils: ClassVar[int | None] = None
    toggle: ClassVar[int | None] = None
    quantities: ClassVar[Mapping[str, Quantity]] = _states("k", 8)

    def closed(self) -> list[bool]:
        """Return which relays are closed now."""
        return [self.number(f"k{number}") != 0 for number in range(1, self.relays + 1)]

    def switch(self, channel: int, *, closed: bool) -> None:
        """Switch a relay, counted from 0."""
        self.values[f"k{channel + 1}"] = float(closed)

    def bits(self, function: int, now_s: float) -> Mapping[int, int]:
        """Return the coils of the relays."""
        del now_s
        return placed((self.first_coil, [int(one) for one in self.closed()])) if function == READ_COILS else {}

    def write_coil(self, address: int, value: int, now_s: float) -> None:
        """Switch one relay, or all of them at their common coil."""
        del now_s
        channels = range(self.relays) if address == self.all_coils else (address - self.first_coil,)
        if not all(0 <= channel < self.relays for channel in channels):
            raise Refusal(ILLEGAL_ADDRESS)
        if value not in (_ON, _OFF, self.toggle):
            raise Refusal(ILLEGAL_VALUE)
        before = self.closed()
        for channel in channels:
            self.switch(channel, closed=not before[channel] if value == self.toggle else value == _ON)

    def write_coils(self, address: int, bits: Sequence[int], now_s: float) -> None:
        """Switch consecutive relays."""
        del now_s
        first = address - self.first_coil
        if first < 0 or first + len(bits) > self.relays:
            raise Refusal(ILLEGAL_ADDRESS)
        for channel, bit in enumerate(bits, start=first):
            self.switch(channel, closed=bool(bit))


class WaveshareRelay32(RelayBoard):
    """Waveshare Modbus RTU Relay 32CH: coils 0-31, unit id at 0x4000 and software version at 0x8000.

    Source: the maker's page "Modbus RTU Relay 32CH Development Protocol" (revision of 11 March 2024): functions 01, 03,
    05, 06, 0F; coil 0x00FF for all, value 0x5500 turns over. Function 06 (baud rate, unit id) is left out: it would
    silence the board for everyone else. The version's value is made up.
    """

    functions: ClassVar[frozenset[int]] = frozenset({READ_COILS, READ_HOLDING, WRITE_COIL, WRITE_COILS})
    relays: ClassVar[int] = 32
    all_coils: ClassVar[int | None] = 0x00FF
    toggle: ClassVar[int | None] = 0x5500
    quantities: ClassVar[Mapping[str, Quantity]] = {**_states("k", 32), "software_version": 200.0}

    def words(self, function: int, now_s: float) -> Mapping[int, int]:
        """Return unit id and software version."""
        del function, now_s
        return placed((0x4000, [self.unit]), (0x8000, [round(self.number("software_version"))]))


class WaveshareRelay8(RelayBoard):
    """Waveshare Modbus RTU Relay of eight channels, firmware V2, and the PoE ETH one: coils 0-7.

    Source: public drivers that cite the maker's page. Flash-on at 0x0200 + n, flash-off at 0x0400 + n, in steps of 100
    ms up to 0x7FFF, as those have it for the (D) and the PoE ETH.
    """

    functions: ClassVar[frozenset[int]] = frozenset({READ_COILS, WRITE_COIL, WRITE_COILS})
    all_coils: ClassVar[int | None] = 0x00FF
    toggle: ClassVar[int | None] = 0x5500

    def __init__(
        self, unit: int, noise: Noise, *, sigma: float = 0.0, values: Mapping[str, Quantity] | None = None
    ) -> None:
        super().__init__(unit, noise, sigma=sigma, values=values)
        self._flashes: dict[int, tuple[float, bool]] = {}

    def bits(self, function: int, now_s: float) -> Mapping[int, int]:
        """Return the coils of the relays, after the flashes that are over."""
        self._end_flashes(now_s)
        return super().bits(function, now_s)

    def _end_flashes(self, now_s: float) -> None:
        for channel, (until_s, then) in list(self._flashes.items()):
            if now_s >= until_s:
                self.switch(channel, closed=then)
                del self._flashes[channel]

    def write_coil(self, address: int, value: int, now_s: float) -> None:
        """Switch one relay or all, or let one flash."""
        self._end_flashes(now_s)
        for base, closed in ((0x0200, True), (0x0400, False)):
            if base <= address < base + self.relays:
                if not 1 <= value <= 0x7FFF:
                    raise Refusal(ILLEGAL_VALUE)
                self.switch(address - base, closed=closed)
                self._flashes[address - base] = (now_s + value / 10, not closed)
                return
        super().write_coil(address, value, now_s)


class Adam4150(RelayBoard):
    """Advantech ADAM-4150: inputs as coils 0-6, outputs as coils 16-23, its name 0x4150 as input register 210.

    Source: the interface file of a gateway for this module (device .xif): function 1 for both, function 4 for the name.
    """

    functions: ClassVar[frozenset[int]] = frozenset({READ_COILS, READ_INPUT_REGISTERS, WRITE_COIL, WRITE_COILS})
    first_coil: ClassVar[int] = 16
    inputs: ClassVar[int] = 7
    quantities: ClassVar[Mapping[str, Quantity]] = {**_states("k", 8), **_states("di", 7)}

    def bits(self, function: int, now_s: float) -> Mapping[int, int]:
        """Return inputs and outputs, both coils."""
        inputs = [int(self.number(f"di{number}") != 0) for number in range(1, self.inputs + 1)]
        return {**super().bits(function, now_s), **placed((0, inputs))}

    def words(self, function: int, now_s: float) -> Mapping[int, int]:
        """Return its name."""
        del function, now_s
        return {210: 0x4150}


class Adam4056So(RelayBoard):
    """Advantech ADAM-4056SO, another module of the family: twelve outputs, its name 0x4056 "SO" as holding registers.

    Source: ADAM-4000 manual, appendix G (40211 and 40212).
    """

    functions: ClassVar[frozenset[int]] = frozenset({READ_COILS, READ_HOLDING, WRITE_COIL, WRITE_COILS})
    relays: ClassVar[int] = 12
    first_coil: ClassVar[int] = 16
    quantities: ClassVar[Mapping[str, Quantity]] = _states("k", 12)

    def words(self, function: int, now_s: float) -> Mapping[int, int]:
        """Return its name."""
        del function, now_s
        return placed((210, [0x4056, 0x534F]))


class Adam6060(RelayBoard):
    """Advantech ADAM-6060: six inputs, six relays as coils 16-21.

    Source: public programs for the module: inputs 0 to 5 by function 2; relays at coils 16 to 21 counted from 0, 17 to
    22 counted from 1 (the maker's own library, where the first input is 1).
    """

    functions: ClassVar[frozenset[int]] = frozenset({READ_COILS, READ_INPUTS, WRITE_COIL, WRITE_COILS})
    relays: ClassVar[int] = 6
    first_coil: ClassVar[int] = 16
    quantities: ClassVar[Mapping[str, Quantity]] = {**_states("k", 6), **_states("di", 6)}

    def bits(self, function: int, now_s: float) -> Mapping[int, int]:
        """Return the relays or the inputs."""
        if function == READ_COILS:
            return super().bits(function, now_s)
        return placed((0, [int(self.number(f"di{number}") != 0) for number in range(1, 7)]))


class WirenBoardMr6cV3(RelayBoard):
    """Wiren Board WB-MR6C v3: six relays that go to a safe position when nobody has polled them for a while.

    Source: the maker's own templates (wb-mqtt-serial): coils 0-5, discrete inputs 96-101 show what a relay really does,
    holding 6 what it does at power-on (0 safe position, 1 as before), 8 the poll time-out in seconds, 930-935 the safe
    positions, 938-943 whether the relay goes there (1) or stays (0); input 270-271 the serial number. Assumed are
    that every request counts as a poll, that a time-out of 0 ends the watch, and that it begins with the first request.
    """

    functions: ClassVar[frozenset[int]] = frozenset(
        {
            READ_COILS,
            READ_INPUTS,
            READ_HOLDING,
            READ_INPUT_REGISTERS,
            WRITE_COIL,
            WRITE_REGISTER,
            WRITE_COILS,
            WRITE_REGISTERS,
        }
    )
    relays: ClassVar[int] = 6
    quantities: ClassVar[Mapping[str, Quantity]] = {
        **_states("k", 6),
        **_states("safe_position_k", 6),
        **_states("safety_behaviour_k", 6),
        "poll_timeout": 10.0,
        "power_on": 0.0,
        "serial_number": 4_260_000_000.0,
    }
    _LARGEST: ClassVar[Mapping[str, int]] = {"poll_timeout": 65_535, "power_on": 2}

    def __init__(
        self, unit: int, noise: Noise, *, sigma: float = 0.0, values: Mapping[str, Quantity] | None = None
    ) -> None:
        super().__init__(unit, noise, sigma=sigma, values=values)
        self._polled_s: float | None = None

    def advance(self, now_s: float) -> None:
        """Let time pass: past the poll time-out the relays that are told so go to their safe positions."""
        timeout_s = self.number("poll_timeout")
        if self._polled_s is not None and 0 < timeout_s <= now_s - self._polled_s:
            self._go_safe()
            self._polled_s = None

    def _go_safe(self, *, all_of_them: bool = False) -> None:
        for channel in range(self.relays):
            if all_of_them or self.number(f"safety_behaviour_k{channel + 1}") == 1:
                self.switch(channel, closed=self.number(f"safe_position_k{channel + 1}") == 1)

    def power_cycle(self, now_s: float) -> None:
        """Lose the supply and get it back: the relays do what register 6 says."""
        self.advance(now_s)
        self._polled_s = None
        if self.number("power_on") == 0:
            self._go_safe(all_of_them=True)

    def _asked(self, now_s: float) -> None:
        self.advance(now_s)
        self._polled_s = now_s

    def read_bits(self, function: int, address: int, count: int, now_s: float) -> Sequence[int]:
        """Return coils or real states; every request counts as a poll."""
        self._asked(now_s)
        return super().read_bits(function, address, count, now_s)

    def read_words(self, function: int, address: int, count: int, now_s: float) -> Sequence[int]:
        """Return settings or the serial number."""
        self._asked(now_s)
        return super().read_words(function, address, count, now_s)

    def bits(self, function: int, now_s: float) -> Mapping[int, int]:
        """Return the coils, or what the relays really do."""
        del now_s
        return placed((0 if function == READ_COILS else 96, [int(one) for one in self.closed()]))

    def words(self, function: int, now_s: float) -> Mapping[int, int]:
        """Return the settings (function 3) or the serial number (function 4)."""
        del now_s
        if function == READ_INPUT_REGISTERS:
            return placed((270, integer_words(self.number("serial_number"), 2)))
        return {address: round(self.number(name)) for address, name in self._settings().items()}

    def _settings(self) -> dict[int, str]:
        channels = range(self.relays)
        return {
            6: "power_on",
            8: "poll_timeout",
            **{930 + channel: f"safe_position_k{channel + 1}" for channel in channels},
            **{938 + channel: f"safety_behaviour_k{channel + 1}" for channel in channels},
        }

    def write_coil(self, address: int, value: int, now_s: float) -> None:
        """Switch one relay."""
        self._asked(now_s)
        super().write_coil(address, value, now_s)

    def write_coils(self, address: int, bits: Sequence[int], now_s: float) -> None:
        """Switch consecutive relays."""
        self._asked(now_s)
        super().write_coils(address, bits, now_s)

    def write_words(self, address: int, words: Sequence[int], now_s: float) -> None:
        """Change settings."""
        self._asked(now_s)
        settings = self._settings()
        names = [settings.get(one) for one in range(address, address + len(words))]
        for name, word in zip(names, words, strict=True):
            if name is None:
                raise Refusal(ILLEGAL_ADDRESS)
            if word > self._LARGEST.get(name, 1):
                raise Refusal(ILLEGAL_VALUE)
        for name, word in zip(names, words, strict=True):
            self.values[str(name)] = float(word)


MODELS: Final[dict[str, type[Twin]]] = {
    "advantech-adam-4056so": Adam4056So,
    "advantech-adam-4150": Adam4150,
    "advantech-adam-6060": Adam6060,
    "waveshare-relay-32": WaveshareRelay32,
    "waveshare-relay-8": WaveshareRelay8,
    "wirenboard-mr6c-v3": WirenBoardMr6cV3,
}
