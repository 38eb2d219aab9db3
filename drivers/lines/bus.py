"""The rules of a half-duplex serial bus, over any port and any clock.

An RTU answer says neither which address it is of nor to which request. So a late one is taken for the next
request's, unless nothing is asked while it may still come: after a time-out the bus stays quiet, and what arrives
is thrown away.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from config.agent import SerialLine
from drivers.base import USUAL_MANNERS, Clock, Exchange, LineCounters, Manners, Moment, Wake, manners_of
from drivers.errors import Fault, FrameError
from drivers.texts import frame_error

FIXED_GAP_US: Final = 1_750
"""The silence between frames above 19,200 baud. Source: MODBUS over Serial Line V1.02 §2.5.1.1."""
PIECE_US: Final = 20_000
"""USB adapters hand over what they received every 16 ms at the latest (FTDI's latency timer)."""
MAX_OLD_PIECES: Final = 64
LISTEN_US: Final = 250_000
"""How often a listener looks whether its line is being closed."""
BABBLE_US: Final = 2_000_000
"""How long unasked bytes may prolong a pause before the request fails instead."""


class Port(Protocol):
    """An open serial port and its clock, in microseconds that never jump."""

    def now_us(self) -> int:
        """Return the time."""
        ...

    def write(self, data: bytes) -> None:
        """Hand over bytes for sending; LineDownError if the port is gone."""
        ...

    def read(self, until_us: int) -> bytes:
        """Return what came as soon as anything did; nothing once the time is reached. LineDownError as above."""
        ...

    def wait(self, until_us: int) -> None:
        """Return at a time."""
        ...

    def wake(self, wake: Wake) -> None:
        """Hold the line at space, then at mark, at least as long as told. LineDownError as above."""
        ...


@dataclass(frozen=True, slots=True)
class BusTiming:
    """Times of a line, in microseconds.

    Attributes:
        character_us: Start bit, data bits, parity and stop bits.
        gap_us: Least silence before a request: 3.5 characters, or 1.75 ms above 19,200 baud.
        timeout_us: How long after the request's last bit an answer may begin.
        quiet_us: Silence after a time-out, in which late answers are thrown away.
    """

    character_us: float
    gap_us: int
    timeout_us: int
    quiet_us: int

    @classmethod
    def of(cls, line: SerialLine) -> BusTiming:
        """Return the times of a configured line."""
        bits = 1 + line.data_bits + (line.parity != "N") + line.stop_bits
        character_us = bits * 1_000_000 / line.baud
        return cls(
            character_us=character_us,
            gap_us=FIXED_GAP_US if line.baud > 19_200 else round(3.5 * character_us),
            timeout_us=round(line.timeout_s * 1_000_000),
            quiet_us=round(line.quiet_s * 1_000_000),
        )


class Bus:
    """One open bus: sends requests one at a time and keeps its silences."""

    def __init__(
        self,
        port: Port,
        timing: BusTiming,
        counters: LineCounters,
        clock: Clock,
        is_closing: Callable[[], bool] = lambda: False,
    ) -> None:
        """Begin on an open port.

        Args:
            port: The port.
            timing: The line's times.
            counters: Where everything is counted.
            clock: For the times of answers.
            is_closing: Whether the line is being closed; a listener, which may wait for minutes, then gives up.
        """
        self._is_closing = is_closing
        self._port = port
        self._timing = timing
        self._counters = counters
        self._clock = clock
        self._echoes = False
        # What another process, or we before a crash, asked last may still be answered.
        self._free_us = port.now_us() + timing.timeout_us

    def settle(self, manners: Manners = USUAL_MANNERS) -> None:
        """Wait until a request may go out; throw away what comes until then, which prolongs the wait.

        Before a listener nothing is waited for: only what waits in the port goes, uncounted.

        Raises:
            FrameError: Bytes come without end.
            LineDownError: The port is gone.
        """
        if manners.listens:
            self._drain(manners)
            return
        port, timing = self._port, self._timing
        limit_us = max(port.now_us(), self._free_us) + BABBLE_US
        if self._free_us - port.now_us() <= timing.gap_us:
            # Only the gap is left: sleeping through it costs one wake-up less than listening, and what came is seen.
            port.wait(self._free_us)
        while data := port.read(self._free_us):
            now_us = port.now_us()
            self._counters.late_bytes += len(data)
            self._free_us = max(self._free_us, now_us + max(PIECE_US, timing.gap_us))
            if now_us > limit_us:
                self._counters.count(Fault.BABBLE)
                raise frame_error(Fault.BABBLE, "babble")

    def _drain(self, manners: Manners) -> None:
        if manners.keeps_waiting:
            return
        # A tty keeps 4096 bytes and gives them in one piece, so few pieces are old; an endless stream ends here too.
        for _ in range(MAX_OLD_PIECES):
            if not self._port.read(self._port.now_us()):
                return

    def exchange(self, exchange: Exchange) -> Moment:
        """Send a request on a settled bus and wait for its answer.

        Raises:
            FrameError: No answer in time, or not one to this request.
            LineDownError: The port is gone.
        """
        counters, port = self._counters, self._port
        counters.requests += 1
        manners = manners_of(exchange)
        request = exchange.begin(counters.requests)
        begun_us = port.now_us()
        if manners.wake is not None:
            port.wake(manners.wake)
        if request:
            port.write(request)
        waking_us = port.now_us() - begun_us if manners.wake is not None else 0
        sent_us = begun_us + waking_us + round(len(request) * self._timing.character_us)
        patience_us = self._timing.timeout_us if manners.patience_us is None else manners.patience_us
        try:
            if manners.listens:
                moment = self._heard(exchange, sent_us + patience_us)
            else:
                moment = self._answer(exchange, request, sent_us + patience_us, manners)
        except FrameError as error:
            counters.count(error.fault)
            self._stay_quiet(error.fault, sent_us + patience_us, manners)
            error.held_s = (self._free_us - begun_us) / 1_000_000
            raise
        finally:
            counters.busy_s += (port.now_us() - begun_us) / 1_000_000
        counters.replies += 1
        moment.held_s = (self._free_us - begun_us) / 1_000_000
        return moment

    def _answer(self, exchange: Exchange, request: bytes, deadline_us: int, manners: Manners) -> Moment:
        port, character_us = self._port, self._timing.character_us
        between_us = PIECE_US if manners.between_us is None else manners.between_us
        # Pauses between characters must not add up: the line would be a slow talker's for minutes.
        limit_us = deadline_us + round(exchange.missing() * character_us) + between_us
        slept = False
        echo = request if self._echoes else b""
        heard = b""
        while True:
            data = port.read(deadline_us)
            now_us = port.now_us()
            if not data:
                error = exchange.expire()
                if error is not None:
                    raise error
                self._free_us = now_us + self._timing.gap_us
                return self._moment()
            if len(heard) <= len(request):
                heard += data
            if echo:
                if len(heard) <= len(echo) and echo.startswith(heard):
                    continue
                data = heard.removeprefix(echo)
                echo = b""
            if exchange.feed(data):
                self._note_echo(request, heard)
                moment = self._moment()
                self._free_us = now_us + self._timing.gap_us
                if exchange.surplus():
                    self._counters.late_bytes += exchange.surplus()
                    self._free_us = now_us + max(PIECE_US, self._timing.gap_us)
                return moment
            # An answer that has begun may end after the time-out.
            rest_us = round((exchange.missing() - 1) * character_us)
            limit_us = max(limit_us, now_us + rest_us + PIECE_US)
            deadline_us = max(deadline_us, min(now_us + rest_us + between_us, limit_us))
            # Sleeping until it must be nearly whole costs one wake-up, its bytes one by one would cost ninety.
            # Only once: UARTs hand bytes over in pieces, so a later piece tells less of when the last byte comes.
            if rest_us > 0 and not slept:
                slept = True
                port.wait(now_us + rest_us)

    def _heard(self, exchange: Exchange, deadline_us: int) -> Moment:
        """Listen until the exchange has what it wants, at most until the deadline, however long the talker talks."""
        newest: Moment | None = None
        while True:
            data = self._port.read(min(deadline_us, self._port.now_us() + LISTEN_US))
            if data:
                newest = self._moment()
                if exchange.feed(data):
                    return newest
            if self._port.now_us() >= deadline_us:
                error = exchange.expire()
                if error is not None:
                    raise error
                return newest or self._moment()
            if self._is_closing():
                raise frame_error(Fault.TIMEOUT, "listening_ended")

    def _moment(self) -> Moment:
        return Moment(self._clock.wall_ms(), self._clock.monotonic_ms())

    def _note_echo(self, request: bytes, heard: bytes) -> None:
        """Learn whether the adapter hears itself: the answer to a write is its own request, so a read must show it."""
        if not heard.startswith(request):
            self._echoes = False
        elif len(heard) > len(request):
            self._echoes = True

    def _stay_quiet(self, fault: Fault, deadline_us: int, manners: Manners) -> None:
        timing = self._timing
        self._free_us = self._port.now_us() + timing.gap_us
        if manners.listens:
            return
        if fault is not Fault.CRC:
            # A damaged answer of the right unit, function and length was the answer; after all else it may yet come.
            quiet_us = timing.quiet_us if manners.quiet_us is None else manners.quiet_us
            self._free_us = max(self._free_us, deadline_us + quiet_us + PIECE_US)
