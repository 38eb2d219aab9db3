"""What simulated serial instruments have in common: quantities, talk and answers, and the damage that a line does.

Pure: time is an argument. Codecs are the twins' own, none of the drivers'.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from firmware_sim.core.noise import Noise

Quantity = float | str
MAX_REQUEST_BYTES = 256
MAX_WAITING = 256
ADAPTER_S = 0.016
"""How often a USB adapter hands over what it has received."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentFaults:
    """Shares of what goes wrong.

    Attributes:
        missing: Of the frames: nothing is sent.
        cut: Of the frames: the end is not sent.
        checksum: Of the frames: a wrong check.
        invalid: Of the frames: the instrument itself says that it has no value, as far as its protocol can.
        noise: Of the bytes: replaced by any other, each for itself.
    """

    missing: float = 0.0
    cut: float = 0.0
    checksum: float = 0.0
    invalid: float = 0.0
    noise: float = 0.0


class Sent(NamedTuple):
    """Bytes that begin `delay_s` after what caused them."""

    delay_s: float
    data: bytes


class Instrument:
    """A simulated instrument.

    A subclass names its quantities with their first values and makes frames of them. `period_s` is its own rhythm;
    infinity for one that only answers.

    Attributes:
        values: The quantities now, in the units of the subclass's docstring.
        silent: It has no supply.
        before_frame: Called before each measurement, so that a test may change and note the values.
        counters: Frames by what became of them.
    """

    quantities: ClassVar[Mapping[str, Quantity]] = {}
    talks_every_s: ClassVar[float] = math.inf
    check_at: ClassVar[int] = -1
    """Where the check stands, counted from the frame's end."""
    seven_bits: ClassVar[bool] = False

    def __init__(
        self,
        noise: Noise,
        *,
        address: str = "0",
        period_s: float | None = None,
        values: Mapping[str, Quantity] | None = None,
        faults: InstrumentFaults | None = None,
    ) -> None:
        self.noise = noise
        self.address = address
        self.period_s = self.talks_every_s if period_s is None else period_s
        self.faults = faults or InstrumentFaults()
        self.silent = False
        self.before_frame: Callable[[Instrument], None] | None = None
        self.counters: dict[str, int] = {}
        self.values: dict[str, Quantity] = dict(self.quantities)
        for name, value in (values or {}).items():
            self.set(name, value)

    def set(self, name: str, value: Quantity) -> None:
        """Change a quantity.

        Raises:
            KeyError: There is none of that name; the message names those there are.
            ValueError: It is a number and is given a text, or the other way round.
        """
        if name not in self.values:
            raise KeyError(f"no quantity '{name}'; there are {', '.join(sorted(self.values))}")
        if isinstance(self.values[name], str) != isinstance(value, str):
            raise ValueError(f"'{name}' is {'a text' if isinstance(self.values[name], str) else 'a number'}")
        self.values[name] = value

    def number(self, name: str) -> float:
        """Return a quantity."""
        return float(self.values[name])

    def frame(self, *, invalid: bool) -> bytes:
        """Return one measurement as the instrument sends it by itself."""
        raise NotImplementedError

    def answer(self, request: bytes, now_s: float) -> list[Sent]:
        """Return what a request leads to; nothing for one that is not its own."""
        del request, now_s
        return []

    def requests(self, heard: bytearray) -> list[bytes]:
        """Take the whole requests out of what was heard; the rest stays."""
        del heard[:-MAX_REQUEST_BYTES]
        return []

    def has_check(self, data: bytes) -> bool:
        """Return whether a frame carries a check at all."""
        return bool(data)

    def measured(self) -> bytes:
        """Return the next measurement as a frame, with this frame's own faults but the line's noise."""
        if self.before_frame is not None:
            self.before_frame(self)
        return self.frame(invalid=self.noise.chance(self.faults.invalid))

    def sent(self, data: bytes) -> bytes:
        """Return what a frame becomes on the line; nothing if it is missing."""
        faults, noise = self.faults, self.noise
        kind = "sound"
        if self.silent or noise.chance(faults.missing):
            self._count("missing")
            return b""
        if self.has_check(data) and noise.chance(faults.checksum):
            kind = "checksum"
            spoilt = bytearray(data)
            spoilt[self.check_at] ^= 0x01
            data = bytes(spoilt)
        if noise.chance(faults.cut):
            kind = "cut"
            data = data[: noise.integer(1, max(1, len(data) - 1))]
        out = bytearray(data)
        for place in range(len(out)):
            if noise.chance(faults.noise):
                kind = "noise"
                other = noise.integer(0, 0x7E if self.seven_bits else 0xFE)
                out[place] = other + (other >= out[place])
        self._count(kind)
        return bytes(out)

    def _count(self, kind: str) -> None:
        self.counters[kind] = self.counters.get(kind, 0) + 1


class InstrumentWire:
    """A line with its instruments: talkers keep their periods, requests reach everyone, bytes take their time."""

    def __init__(self, instruments: Sequence[Instrument], *, char_s: float, now_s: float) -> None:
        self.instruments = tuple(instruments)
        self.sent_bytes = self.heard_bytes = 0
        self._char_s = char_s
        self._heard = [bytearray() for _ in self.instruments]
        self._talk_s = [now_s + one.period_s for one in self.instruments]
        self._waiting: list[tuple[float, int, bytes]] = []
        self._order = 0

    def hear(self, data: bytes, now_s: float) -> None:
        """Take what the host wrote; its characters need their time."""
        self.heard_bytes += len(data)
        for heard, instrument in zip(self._heard, self.instruments, strict=True):
            heard.extend(data)
            for request in instrument.requests(heard):
                for sent in instrument.answer(request, now_s):
                    self._send(sent.data, now_s + len(data) * self._char_s + sent.delay_s, instrument)

    def _send(self, data: bytes, begins_s: float, instrument: Instrument) -> None:
        """Put a frame on the line, in the pieces in which a USB adapter hands it over."""
        data = instrument.sent(data)
        size = max(1, int(ADAPTER_S / self._char_s))
        for begin in range(0, len(data), size):
            if len(self._waiting) >= MAX_WAITING:
                return
            self._order += 1
            piece = data[begin : begin + size]
            at_s = begins_s + (begin + len(piece)) * self._char_s
            heapq.heappush(self._waiting, (at_s, self._order, piece))

    def due(self, now_s: float) -> bytes:
        """Return what has reached the host by `now_s`."""
        for place, instrument in enumerate(self.instruments):
            if self._talk_s[place] <= now_s:
                behind = math.floor((now_s - self._talk_s[place]) / instrument.period_s)
                self._talk_s[place] += instrument.period_s * (behind + 1)
                self._send(instrument.measured(), now_s, instrument)
        out = b""
        while self._waiting and self._waiting[0][0] <= now_s:
            out += heapq.heappop(self._waiting)[2]
        self.sent_bytes += len(out)
        return out

    def deadline_s(self) -> float:
        """Return when something is due next, infinity for never."""
        talk_s = min(self._talk_s, default=math.inf)
        return min(talk_s, self._waiting[0][0] if self._waiting else math.inf)
