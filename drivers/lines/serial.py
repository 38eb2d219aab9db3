"""A serial line: a thread of its own that owns the port, so that no other work delays a frame."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import os
import select
import termios
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import Final

import serial
from serial.rs485 import RS485Settings

from config.agent import SerialLine
from drivers.base import USUAL_MANNERS, Clock, Exchange, Framing, LineCounters, Manners, Moment, Wake, manners_of
from drivers.errors import DriverError, LineDownError
from drivers.lines.bus import Bus, BusTiming
from drivers.texts import line_down

FIRST_BACKOFF_S: Final = 0.25
LAST_BACKOFF_S: Final = 4.0
READ_BYTES: Final = 4096
_PTY_MAJORS: Final = range(136, 144)
TIOCSBRK: Final = 0x5427
"""Break on. Python's termios has no name for it. Source: Linux, asm-generic/ioctls.h."""
TIOCCBRK: Final = 0x5428
"""Break off."""


class TtyPort:
    """An open tty, used by nobody else."""

    def __init__(self, config: SerialLine) -> None:
        """Open the port.

        Raises:
            LineDownError: It is not there, in use, or cannot do these settings; the message says what to do.
        """
        try:
            self._serial = serial.Serial(
                config.port,
                baudrate=config.baud,
                bytesize=config.data_bits,
                parity=config.parity,
                stopbits=config.stop_bits,
                timeout=0,
                exclusive=True,
            )
        except (serial.SerialException, OSError, ValueError) as error:
            raise _not_opened(config.port, error) from error
        if config.rs485 != "adapter":
            self._let_kernel_turn(config)
        self._fd = self._serial.fileno()
        self._is_pty = os.major(os.fstat(self._fd).st_rdev) in _PTY_MAJORS
        # flock stops those who ask; the tty's own lock stops the rest. Not on a pseudo-terminal: there it stays
        # set after a crash for as long as the other side keeps it open.
        if not self._is_pty:
            with contextlib.suppress(OSError):
                fcntl.ioctl(self._fd, termios.TIOCEXCL)
        if config.data_bits == 7 and config.parity != "N":
            self._check_parity()
        self._name = config.port
        self._poll = select.poll()
        self._poll.register(self._fd, select.POLLIN)

    def _check_parity(self) -> None:
        """Let a character of wrong parity be read as NUL, which no text holds: pyserial leaves it as it came."""
        settings = termios.tcgetattr(self._fd)
        settings[0] = (settings[0] | termios.INPCK) & ~(termios.IGNPAR | termios.PARMRK)
        termios.tcsetattr(self._fd, termios.TCSANOW, settings)

    def _let_kernel_turn(self, config: SerialLine) -> None:
        high = config.rs485 == "rts_high"
        try:
            self._serial.rs485_mode = RS485Settings(rts_level_for_tx=high, rts_level_for_rx=not high)
        except ValueError as error:
            self._serial.close()
            raise line_down("port_no_rs485", port=config.port, mode=config.rs485) from error

    def now_us(self) -> int:
        """Return the time on a clock that never jumps."""
        return time.monotonic_ns() // 1_000

    def wait(self, until_us: int) -> None:
        """Sleep until a time."""
        left_us = until_us - self.now_us()
        if left_us > 0:
            time.sleep(left_us / 1_000_000)

    def wake(self, wake: Wake) -> None:
        """Hold the line at space, then at mark: tcsendbreak would hold it for a quarter of a second or more."""
        try:
            fcntl.ioctl(self._fd, TIOCSBRK)
            self.wait(self.now_us() + wake.break_us)
            fcntl.ioctl(self._fd, TIOCCBRK)
        except OSError as error:
            # A pseudo-terminal has no line to hold.
            if not self._is_pty:
                raise LineDownError(f"{self._name}: cannot send a break: {error.strerror}") from error
        self.wait(self.now_us() + wake.marking_us)

    def write(self, data: bytes) -> None:
        """Hand over bytes; a tty takes a Modbus frame whole."""
        try:
            written = os.write(self._fd, data)
        except OSError as error:
            raise line_down("port_lost", port=self._name, reason=error.strerror) from error
        if written != len(data):
            raise line_down("port_stuck", port=self._name, taken=written, count=len(data))

    def read(self, until_us: int) -> bytes:
        """Return what came as soon as anything did; nothing once the time is reached."""
        left_us = until_us - self.now_us()
        # poll counts whole milliseconds; the rest is slept, since a gap of 3.5 characters may not end early.
        ready = self._poll.poll(max(0, left_us // 1_000))
        if not ready:
            self.wait(until_us)
            ready = self._poll.poll(0)
            if not ready:
                return b""
        try:
            data = os.read(self._fd, READ_BYTES)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise line_down("port_lost", port=self._name, reason=error.strerror) from error
        if not data:
            raise line_down("port_hung_up", port=self._name)
        return data

    def close(self) -> None:
        """Give the port back."""
        with contextlib.suppress(OSError):
            self._serial.close()


_NOT_OPENED: Final = {
    errno.EACCES: "port_forbidden",
    errno.EAGAIN: "port_busy",
    errno.EBUSY: "port_busy",
    errno.ENOENT: "port_missing",
}


def _not_opened(port: str, error: Exception) -> LineDownError:
    """Return what to do about a port that cannot be opened."""
    return line_down(_NOT_OPENED.get(getattr(error, "errno", None) or 0, "port_unusable"), port=port, reason=error)


@dataclass(slots=True, eq=False)
class _Job:
    exchange: Exchange
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[Moment]

    def end(self, result: Moment | DriverError) -> None:
        with contextlib.suppress(RuntimeError):  # the loop may have ended before the frame did
            self.loop.call_soon_threadsafe(self._set, result)

    def _set(self, result: Moment | DriverError) -> None:
        if self.answer.done():
            return
        if isinstance(result, Moment):
            self.answer.set_result(result)
        else:
            self.answer.set_exception(result)


class SerialBusLine:
    """The line that a SerialLine configures."""

    carries_instruments = True

    def __init__(self, config: SerialLine, clock: Clock) -> None:
        self.id = config.id
        self.framing: Framing = config.framing
        self.data_bits = config.data_bits
        self.counters = LineCounters()
        self._config = config
        self._clock = clock
        self._timing = BusTiming.of(config)
        self._urgent: deque[_Job] = deque()
        self._waiting: deque[_Job] = deque()
        self._wake = threading.Condition()
        self._closing = False
        self._thread: threading.Thread | None = None
        self._port: TtyPort | None = None
        self._bus: Bus | None = None
        self._backoff_s = FIRST_BACKOFF_S
        self._retry_at_s = 0.0
        self._why_down = LineDownError("")

    @property
    def up(self) -> bool:
        """Whether the port is open."""
        return self._port is not None

    async def exchange(self, exchange: Exchange, *, urgent: bool = False) -> Moment:
        """Queue a request and wait for its answer; several may be queued, so that the bus need not wait for us."""
        loop = asyncio.get_running_loop()
        job = _Job(exchange, loop, loop.create_future())
        with self._wake:
            if self._closing:
                raise line_down("line_closed", line=self.id)
            (self._urgent if urgent else self._waiting).append(job)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=f"line-{self.id}", daemon=True)
                self._thread.start()
            self._wake.notify()
        return await job.answer

    async def close(self) -> None:
        """Let the frame on the wire end, fail what waits, give the port back."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        while self._has_work():
            job: _Job | None = None
            try:
                bus = self._open_bus()
                bus.settle(self._next_manners())
                # Chosen after the silence: a command that comes during it goes first.
                job = self._next_job()
                if job:
                    job.end(bus.exchange(job.exchange))
            except DriverError as error:
                if isinstance(error, LineDownError) and self._port is not None:
                    self._give_up(error)
                self._fail(job, error)
            except Exception as error:  # noqa: BLE001 - whoever waits must hear of it, and the line must live on
                down = line_down("line_failed", line=self.id, reason=repr(error))
                self._give_up(down)
                self._fail(job, down)
        self._close_port()

    def _has_work(self) -> bool:
        with self._wake:
            while not (self._urgent or self._waiting or self._closing):
                self._wake.wait()
            if self._closing:
                for job in (*self._urgent, *self._waiting):
                    job.end(line_down("line_closed", line=self.id))
            return not self._closing

    def _next_manners(self) -> Manners:
        with self._wake:
            waiting = self._urgent or self._waiting
            return manners_of(waiting[0].exchange) if waiting else USUAL_MANNERS

    def _next_job(self) -> _Job | None:
        with self._wake:
            while self._urgent or self._waiting:
                job = (self._urgent or self._waiting).popleft()
                if not job.answer.cancelled():
                    return job
            return None

    def _fail(self, job: _Job | None, error: DriverError) -> None:
        job = job or self._next_job()
        if job:
            job.end(error)

    def _open_bus(self) -> Bus:
        if self._bus is not None:
            return self._bus
        if time.monotonic() < self._retry_at_s:
            raise LineDownError(str(self._why_down), vi=self._why_down.vi)
        try:
            self._port = TtyPort(self._config)
        except LineDownError as error:
            self._give_up(error)
            raise
        self.counters.opened += 1
        self._bus = Bus(self._port, self._timing, self.counters, self._clock, lambda: self._closing)
        self._backoff_s = FIRST_BACKOFF_S
        return self._bus

    def _give_up(self, why: LineDownError) -> None:
        self._close_port()
        self._why_down = why
        self._retry_at_s = time.monotonic() + self._backoff_s
        self._backoff_s = min(2 * self._backoff_s, LAST_BACKOFF_S)

    def _close_port(self) -> None:
        if self._port is not None:
            self._port.close()
        self._port = self._bus = None
