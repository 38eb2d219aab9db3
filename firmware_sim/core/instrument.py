"""What simulated serial instruments have in common: quantities, talk and answers, and the damage that a line does.

Pure: time is an argument. Codecs are the twins' own, none of the drivers'.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from firmware_sim.core.faults import Fault, FaultName
from firmware_sim.core.instrument_faults import NAMED_FAULTS, Sent, apply_fault
from firmware_sim.core.measuring import Measuring, Quantity
from firmware_sim.core.noise import Noise

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


class Instrument(Measuring):
    """A simulated instrument.

    A subclass names its quantities with their first values and makes frames of them. `period_s` is its own rhythm;
    infinity for one that only answers.

    Attributes:
        faults: Shares of what goes wrong.
        named: Faults by name, as those of a Modbus device.
        silent: It has no supply.
        before_frame: Called before each measurement, so that a test may change and note the values.
        counters: Frames by what became of them.
    """

    talks_every_s: ClassVar[float] = math.inf
    check_at: ClassVar[int] = -1
    """Where the check stands, counted from the frame's end."""
    seven_bits: bool = False
    has_addresses: ClassVar[bool] = False
    """Whether several can share a line."""
    has_kinds: ClassVar[bool] = False
    """Whether its frames say what they answer."""

    def __init__(
        self,
        noise: Noise,
        *,
        address: str = "0",
        period_s: float | None = None,
        values: Mapping[str, Quantity] | None = None,
        faults: InstrumentFaults | None = None,
    ) -> None:
        super().__init__(values)
        self.noise = noise
        self.address = address
        self.period_s = self.talks_every_s if period_s is None else period_s
        self.faults = faults or InstrumentFaults()
        self.named: dict[FaultName, Fault] = {}
        self.silent = False
        self.before_frame: Callable[[Instrument], None] | None = None
        self.counters: dict[str, int] = {}
        self._previous = b""

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

    def of_another(self, data: bytes) -> bytes:
        """Return a sound frame as an instrument of another address would send it; nothing if there are no addresses."""
        del data
        return b""

    def of_another_kind(self, data: bytes) -> bytes:
        """Return a sound frame of the same instrument that says something else; nothing if there is none."""
        del data
        return b""

    def suits(self, name: FaultName) -> bool:
        """Return whether a fault by name has a meaning with this protocol."""
        match name:
            case "wrong_unit":
                return self.has_addresses
            case "wrong_function":
                return self.has_kinds
            case _:
                return name in NAMED_FAULTS

    def is_invalid(self) -> bool:
        """Draw whether the instrument itself says this time that it has no value."""
        sentinel = self.named.get("sentinel")
        if sentinel is not None and self.simulated_s < sentinel.ends_s and self.noise.chance(sentinel.share):
            return True
        return self.noise.chance(self.faults.invalid)

    def measured(self) -> bytes:
        """Return the next measurement as a frame, with this frame's own faults but the line's noise."""
        if self.before_frame is not None:
            self.before_frame(self)
        return self.frame(invalid=self.is_invalid())

    def sent(self, data: bytes) -> list[Sent]:
        """Return what a frame becomes on the line; nothing if it is missing.

        Of several faults by name the first that is drawn takes effect; without one the shares do.
        """
        if self.silent:
            self._count("missing")
            return []
        previous, self._previous = self._previous, data
        fault = next(
            (one for one in list(self.named.values()) if self._hits(one) and self.noise.chance(one.share)), None
        )
        if fault is not None:
            self._count(fault.name)
            return apply_fault(fault, self, data, previous)
        out = self._damaged(data)
        return [Sent(0.0, out)] if out else []

    def _hits(self, fault: Fault) -> bool:
        return fault.name != "sentinel" and self.simulated_s < fault.ends_s

    def _damaged(self, data: bytes) -> bytes:
        faults, noise = self.faults, self.noise
        kind = "sound"
        if noise.chance(faults.missing):
            self._count("missing")
            return b""
        if self.has_check(data) and noise.chance(faults.checksum):
            kind = "checksum"
            data = self.with_wrong_check(data)
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

    def with_wrong_check(self, data: bytes) -> bytes:
        """Return a frame whose check does not fit."""
        spoilt = bytearray(data)
        spoilt[self.check_at] ^= 0x01
        return bytes(spoilt)

    def active_faults(self) -> list[str]:
        """Return the names of the faults that have not ended."""
        return sorted(fault.name for fault in list(self.named.values()) if self.simulated_s < fault.ends_s)

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
        size = max(1, int(ADAPTER_S / self._char_s))
        for sent in instrument.sent(data):
            for begin in range(0, len(sent.data), size):
                if len(self._waiting) >= MAX_WAITING:
                    return
                self._order += 1
                piece = sent.data[begin : begin + size]
                at_s = begins_s + sent.delay_s + (begin + len(piece)) * self._char_s
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
