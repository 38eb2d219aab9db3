"""The time that characters take on a serial line, and a half-duplex bus that keeps it.

Pure: the shell asks `deadline`, waits, and hands in the time. Source of the rules: Modbus over Serial
Line v1.02, section 2.5.1: 3.5 characters of silence between frames, fixed 1.75 ms above 19200 baud.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from dataclasses import dataclass
from typing import Final, Literal

from firmware_sim.core.codec import MAX_ASCII_BYTES, MAX_RTU_BYTES, AsciiFramer, Request, parse_rtu
from firmware_sim.core.faults import Sending

Parity = Literal["N", "E", "O"]
EarlyPolicy = Literal["count", "spoil"]

FIFO_CHARS: Final = 16
"""Received characters reach the host in groups, as from a 16550's buffer."""
MAX_WAITING: Final = 64
"""Replies that wait for the bus; more are dropped, since no bus is that late."""

_FIXED_GAP_ABOVE_BAUD: Final = 19200
_FIXED_GAP_S: Final = 0.00175
_CLOCK_STEP_S: Final = 1e-6
_ASCII_PAUSE_S: Final = 1.0
"""Between two characters of an ASCII frame; after more it is given up (Serial Line v1.02, section 2.5.2.1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineTiming:
    """The character format of a line: one start bit, data bits, parity, stop bits."""

    baud: int = 9600
    data_bits: int = 8
    parity: Parity = "N"
    stop_bits: int = 1

    @property
    def bits_per_char(self) -> int:
        """Bits that one character takes on the wire."""
        return 1 + self.data_bits + (self.parity != "N") + self.stop_bits

    @property
    def char_s(self) -> float:
        """Seconds that one character takes."""
        return self.bits_per_char / self.baud

    @property
    def gap_s(self) -> float:
        """Seconds of silence that end a frame."""
        return _FIXED_GAP_S if self.baud > _FIXED_GAP_ABOVE_BAUD else 3.5 * self.char_s

    def exchange_s(self, request_bytes: int, reply_bytes: int) -> float:
        """Return the shortest time from one request's start to the next one's: the wire's limit."""
        return (request_bytes + reply_bytes) * self.char_s + 2.0 * self.gap_s


@dataclass(slots=True)
class WireCounters:
    """What a line has seen; `early_requests` began inside the 3.5 characters after another frame."""

    requests: int = 0
    replies: int = 0
    early_requests: int = 0
    collisions: int = 0
    bad_frames: int = 0
    wrong_speed: int = 0
    foreign_unit: int = 0
    received_bytes: int = 0
    sent_bytes: int = 0


@dataclass(frozen=True, slots=True, order=True)
class _Transmission:
    ready_s: float
    order: int
    data: bytes


class RtuWire:
    """One two-wire bus: what the host writes takes its time, then the device's turnaround, then the reply.

    With `early="count"` a request that comes too soon is only counted. With "spoil" it is lost, and what
    is being sent at that moment is garbled, as on a real bus.
    """

    def __init__(
        self,
        timing: LineTiming,
        *,
        turnaround_s: float = 0.0,
        early: EarlyPolicy = "count",
        fifo_chars: int = FIFO_CHARS,
        framing: Literal["rtu", "ascii"] = "rtu",
    ) -> None:
        self.timing = timing
        self.counters = WireCounters()
        self._turnaround_s = turnaround_s
        self._early: EarlyPolicy = early
        self._fifo_chars = fifo_chars
        self._is_ascii = framing == "ascii"
        # The line feed ends an ASCII frame; no silence belongs to it.
        self._gap_s = 0.0 if self._is_ascii else timing.gap_s
        self._most_bytes = MAX_ASCII_BYTES if self._is_ascii else MAX_RTU_BYTES
        self._heard = bytearray()
        self._heard_end_s = -math.inf
        self._spoiled = False
        self._waiting: list[_Transmission] = []
        self._pieces: deque[tuple[float, bytes]] = deque()
        self._order = 0
        self._send_start_s = -math.inf
        self._send_end_s = -math.inf
        self._quiet_since_s = -math.inf

    def hear(self, data: bytes, now_s: float) -> None:
        """Take what the host wrote at `now_s`; its characters need their time from then on."""
        if not data:
            return
        self.counters.received_bytes += len(data)
        if not self._heard:
            self._begin(now_s)
        self._heard_end_s = max(now_s, self._heard_end_s) + len(data) * self.timing.char_s
        # A frame longer than the protocol allows is noise: its head is enough to know that.
        self._heard += data[: self._most_bytes + 1 - len(self._heard)]

    def _begin(self, now_s: float) -> None:
        self._spoiled = False
        if self._pieces and self._send_start_s <= now_s:
            self.counters.collisions += 1
        elif now_s - self._quiet_since_s < self._gap_s - _CLOCK_STEP_S:
            self.counters.early_requests += 1
        else:
            return
        if self._early == "spoil":
            self._spoiled = True
            self._pieces = deque((at_s, bytes(octet ^ 0xA5 for octet in data)) for at_s, data in self._pieces)

    def heard(self, now_s: float) -> list[Request]:
        """Return the requests that are complete: 3.5 characters of silence have followed, or a line feed came."""
        if not self._heard or now_s < self._frame_end_s():
            return []
        data, self._heard = bytes(self._heard), bytearray()
        self._quiet_since_s = max(self._quiet_since_s, self._heard_end_s)
        requests = [] if self._spoiled else AsciiFramer().feed(data) if self._is_ascii else parse_rtu(data)
        if not requests:
            self.counters.bad_frames += 1
        self.counters.requests += len(requests)
        return requests

    def _frame_end_s(self) -> float:
        if not self._is_ascii:
            return self._heard_end_s + self._gap_s
        return self._heard_end_s + (0.0 if b"\n" in self._heard else _ASCII_PAUSE_S)

    def discard(self) -> None:
        """Drop what is being heard: it was sent at another speed."""
        if self._heard:
            self._heard.clear()
            self.counters.wrong_speed += 1

    def clear(self) -> None:
        """Forget what is under way; the counters stay."""
        self._heard.clear()
        self._waiting.clear()
        self._pieces.clear()

    def reply(self, sendings: list[Sending], now_s: float) -> None:
        """Queue a reply to the request that was heard last; each byte takes its time on the wire."""
        ready_s = self._heard_end_s + max(self._gap_s, self._turnaround_s)
        for sending in sendings:
            if not sending.data or len(self._waiting) >= MAX_WAITING:
                continue
            self.counters.replies += 1
            self._order += 1
            heapq.heappush(self._waiting, _Transmission(ready_s + sending.delay_s, self._order, sending.data))
        self._start_next(now_s)

    def _start_next(self, now_s: float) -> None:
        if self._pieces or not self._waiting or self._waiting[0].ready_s > now_s:
            return
        transmission = heapq.heappop(self._waiting)
        self._send_start_s = max(transmission.ready_s, self._send_end_s)
        at_s = self._send_start_s
        for offset in range(0, len(transmission.data), self._fifo_chars):
            piece = transmission.data[offset : offset + self._fifo_chars]
            at_s += len(piece) * self.timing.char_s
            self._pieces.append((at_s, piece))
        self._send_end_s = at_s

    def due(self, now_s: float) -> bytes:
        """Return what has reached the host by `now_s`; the silence counts from here."""
        out = bytearray()
        self._start_next(now_s)
        while self._pieces and self._pieces[0][0] <= now_s:
            out += self._pieces.popleft()[1]
            self._quiet_since_s = now_s
            self._start_next(now_s)
        self.counters.sent_bytes += len(out)
        return bytes(out)

    def deadline_s(self) -> float:
        """Return when something is due next, infinity for never."""
        frame_s = self._frame_end_s() if self._heard else math.inf
        if self._pieces:
            return min(frame_s, self._pieces[0][0])
        return min(frame_s, self._waiting[0].ready_s if self._waiting else math.inf)
