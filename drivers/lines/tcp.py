"""A connection that carries Modbus: one for each host and port, one request on it at a time.

Modbus TCP, plain or in TLS (Modbus/TCP Security), or RTU frames as a serial server passes them on. Those have no
transaction id, and what a bus answers late a serial server hands to whoever is connected then. So a new connection
keeps the quiet pause of a bus first, in which all that comes is thrown away. The silences inside and between frames
do not survive TCP: length and CRC decide.

A gateway that does not return the transaction id is met like such a serial server (transaction_id: ignore): one request
at a time as always, every time-out and every byte nobody asked for ends the connection, and the next one keeps silence
first. Reported of a Waveshare gateway: kellerza/sunsynk issue 680.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections import deque
from typing import Any, Final

from config.agent import TcpLine
from drivers.base import Answered, Clock, Exchange, Framing, LineCounters, Moment
from drivers.errors import Fault, FrameError, LineDownError
from drivers.lines.addresses import HostAddresses
from drivers.lines.deadlines import Deadlines
from drivers.lines.security import NoTlsFilesError, client_context, tls_reason
from drivers.texts import frame_error, line_down

FIRST_BACKOFF_S: Final = 0.25
LAST_BACKOFF_S: Final = 4.0
SETTLE_S: Final = 0.05
"""A serial server that kept an answer for nobody hands it over as soon as somebody connects."""
PIECE_S: Final = 0.02
GAP_S: Final = 0.005
"""After an answer; the bus behind needs 3.5 characters anyway (4 ms at 9600 baud), and what comes twice shows in it."""
BABBLE_S: Final = 2.0
"""How long unasked bytes may prolong a pause before the request fails instead."""
ONE_SHOTS: Final = 3
"""Connections in a row that a device closed after one answer, before it is believed to do so always."""


RECEIVED_BYTES: Final = 1024
"""Taken at a time: the longest answer is 260 bytes, and asyncio would else take room for 256 KB at each."""


class _Connection(asyncio.BufferedProtocol):
    """Feeds what comes to the exchange that waits for it."""

    def __init__(self, line: TcpConnectionLine) -> None:
        self._line = line
        self._room = memoryview(bytearray(RECEIVED_BYTES))
        self.transport: asyncio.Transport | None = None
        self.answers = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - what create_connection promises
        self.transport = transport
        peer: socket.socket = transport.get_extra_info("socket")
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # A gateway that lost its power never says goodbye.
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - how much may come is ours to say
        return self._room

    def buffer_updated(self, nbytes: int) -> None:
        self._line.received(self, bytes(self._room[:nbytes]))

    def connection_lost(self, exc: Exception | None) -> None:
        self._line.lost(self, exc)


def _no_connection(host: str, error: OSError) -> LineDownError:
    if isinstance(error, TimeoutError):
        return line_down("host_late", host=host)
    if isinstance(error, NoTlsFilesError):
        return line_down("tls_files", host=host, reason=error.strerror)
    if isinstance(error, ssl.SSLError):
        return line_down("host_tls", host=host, reason=tls_reason(error))
    if isinstance(error, socket.gaierror):
        return line_down("host_refuses", host=host, reason=error.strerror)
    return line_down("host_refuses", host=host, reason=os.strerror(error.errno) if error.errno else error)


class TcpConnectionLine:
    """The line that a TcpLine configures.

    Attributes:
        calls_back: Whether `begin` may send; not where silences must be kept.

    An answer that is late, or wrong in any way, closes the connection: what comes later on it could be taken for
    the answer to a later request. The next request opens a new one.
    """

    def __init__(self, config: TcpLine, clock: Clock, deadlines: Deadlines | None = None) -> None:
        """Prepare; the first request connects.

        Args:
            config: The line.
            clock: For the times of answers.
            deadlines: Shared with other lines of the same event loop, if there are any.
        """
        self.id = config.id
        self.framing: Framing = config.framing
        self.counters = LineCounters()
        self._host, self._port, self._timeout_s = config.host, config.port, config.timeout_s
        self._tls = config.tls
        self._is_serial = config.needs_silence
        self.calls_back = not config.needs_silence
        self._ignores_id = config.transaction_id == "ignore"
        self._id_left = b""
        self._quiet_s = config.quiet_s
        # What another process, or we before a crash, asked last may still be answered.
        self._quiet_until_s: float | None = None
        self._settling = False
        self._addresses = HostAddresses(config.host)
        self._clock = clock
        self._connection: _Connection | None = None
        self._exchange: Exchange | None = None
        self._answer: asyncio.Future[Moment] | None = None
        self._answered: Answered | None = None
        self._busy = False
        self._heard = False
        self._begun_s = 0.0
        self._deadlines = Deadlines() if deadlines is None else deadlines
        self._one_shots = 0
        self._urgent: deque[asyncio.Future[None]] = deque()
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._closing = False
        self._backoff_s = FIRST_BACKOFF_S
        self._retry_at_s = 0.0
        self._why_down = LineDownError("")

    @property
    def up(self) -> bool:
        """Whether the connection is open."""
        return self._connection is not None

    async def exchange(self, exchange: Exchange, *, urgent: bool = False) -> Moment:
        """Send a request and wait for its answer."""
        if self._closing:
            raise line_down("line_closed", line=self.id)
        if self._busy:
            await self._turn(urgent=urgent)
        self._busy = True
        try:
            if self._is_serial:
                await self._settle()
                # Chosen after the silence: a command that came during it goes first.
                if self._urgent and not urgent:
                    await self._let_commands_pass()
                    self._busy = True
                    await self._settle()
            return await self._ask(exchange)
        finally:
            self._pass_on()

    async def _let_commands_pass(self) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._waiting.appendleft(turn)
        self._pass_on()
        await self._reach(turn)

    async def _turn(self, *, urgent: bool) -> None:
        turn = asyncio.get_running_loop().create_future()
        (self._urgent if urgent else self._waiting).append(turn)
        await self._reach(turn)

    async def _reach(self, turn: asyncio.Future[None]) -> None:
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._pass_on()
            raise
        if self._closing:
            self._pass_on()
            raise line_down("line_closed", line=self.id)

    def _pass_on(self) -> None:
        """Give the line to whoever is next; it stays busy until nobody waits."""
        if not self._urgent and not self._waiting:
            self._busy = False
            return
        for queue in (self._urgent, self._waiting):
            while queue:
                turn = queue.popleft()
                if not turn.done():
                    turn.set_result(None)
                    return
        self._busy = False

    async def _settle(self) -> None:
        """Connect, and wait until a request may go out; what comes until then is thrown away and prolongs the wait.

        Raises:
            FrameError: Bytes come without end.
            LineDownError: There is no connection.
        """
        loop = asyncio.get_running_loop()
        limit_s: float | None = None
        self._settling = True
        try:
            while True:
                if self._connection is None:
                    await self._connect(loop)
                    first_s = self._timeout_s if self._quiet_until_s is None else SETTLE_S
                    self._quiet_until_s = max(self._quiet_until_s or 0.0, loop.time() + first_s)
                now_s = loop.time()
                if self._quiet_until_s is None or now_s >= self._quiet_until_s:
                    return
                limit_s = limit_s or self._quiet_until_s + BABBLE_S
                if now_s >= limit_s:
                    self.counters.count(Fault.BABBLE)
                    raise frame_error(Fault.BABBLE, "babble")
                await asyncio.sleep(self._quiet_until_s - now_s)
        finally:
            self._settling = False

    def begin(self, exchange: Exchange, answered: Answered) -> bool:
        """Send a request now and call `answered` where its answer arrives, if nothing stands in the way.

        Returns:
            Whether it was sent. If not, because the line is busy, not connected or keeps silences, `exchange` does it.
        """
        connection = self._connection
        if self._busy or self._closing or connection is None or not self.calls_back:
            return False
        self._busy = True
        self._answered = answered
        self._send(connection, exchange, asyncio.get_running_loop())
        return True

    def abandon(self, exchange: Exchange) -> None:
        """Expect no answer any more to a request that was begun; harmless if it has come."""
        if self._answered is not None and self._exchange is exchange:
            self._answered = None
            self._gave_up(None)
            self._pass_on()

    async def _ask(self, exchange: Exchange) -> Moment:
        loop = asyncio.get_running_loop()
        connection = self._connection or await self._connect(loop)
        answer: asyncio.Future[Moment] = loop.create_future()
        self._answer = answer
        self._send(connection, exchange, loop)
        try:
            moment = await answer
        except BaseException as error:
            # Also cancelled in the middle: the answer may still come, and must find nobody.
            self._gave_up(error)
            raise
        self._succeeded(connection, exchange, moment)
        return moment

    def _send(self, connection: _Connection, exchange: Exchange, loop: asyncio.AbstractEventLoop) -> None:
        self.counters.requests += 1
        self._exchange = exchange
        self._heard = False
        self._begun_s = loop.time()
        self._deadlines.watch(self, self._begun_s + self._timeout_s, loop)
        assert connection.transport is not None  # noqa: S101 - set by connection_made, before _connect returns
        request = exchange.begin(self.counters.requests)
        if self._ignores_id:
            self._id_left = request[:2]
        connection.transport.write(request)

    def _conclude(self, moment: Moment | None, error: FrameError | LineDownError | None) -> None:
        """Hand the answer, or why there is none, to who waits for it."""
        answer, answered, exchange, connection = self._answer, self._answered, self._exchange, self._connection
        if answered is None:
            self._exchange = None
            if answer is not None and not answer.done():
                if error is not None:
                    answer.set_exception(error)
                elif moment is not None:
                    answer.set_result(moment)
            return
        self._answered = None
        if moment is not None and exchange is not None and connection is not None:
            self._succeeded(connection, exchange, moment)
        else:
            self._gave_up(error)
        self._pass_on()
        answered(moment, error)

    def _gave_up(self, error: BaseException | None) -> None:
        """Take note of a request without an answer."""
        self._deadlines.forget(self)
        self._exchange = self._answer = None
        begun_s, now_s = self._begun_s, asyncio.get_running_loop().time()
        self.counters.busy_s += now_s - begun_s
        if isinstance(error, FrameError):
            self.counters.count(error.fault)
        # A damaged frame of the right unit, function and length was the answer: nothing more comes.
        if not self._is_serial or not isinstance(error, FrameError) or error.fault is not Fault.CRC:
            self._drop()
            self._stay_quiet(begun_s)
        if isinstance(error, FrameError):
            error.held_s = max(now_s, self._quiet_until_s or 0.0) - begun_s

    def _succeeded(self, connection: _Connection, exchange: Exchange, moment: Moment) -> None:
        self._deadlines.forget(self)
        self._exchange = self._answer = None
        counters = self.counters
        counters.busy_s += moment.held_s
        counters.replies += 1
        connection.answers += 1
        if connection.answers > 1:
            self._one_shots = 0
        if self._is_serial:
            self._quiet_until_s = asyncio.get_running_loop().time() + GAP_S
        surplus = exchange.surplus()
        if surplus:
            counters.late_bytes += surplus
            self._drop()
        elif self._one_shots >= ONE_SHOTS:
            # The next request would run into the device's closing.
            self._drop()

    def _stay_quiet(self, begun_s: float) -> None:
        """Let an answer that is late go by, where it could be taken for the next one's."""
        if self._is_serial:
            self._quiet_until_s = begun_s + self._timeout_s + self._quiet_s + PIECE_S

    def received(self, connection: _Connection, data: bytes) -> None:
        """Take bytes from the connection."""
        exchange = self._exchange
        if self._settling and connection is self._connection:
            self.counters.late_bytes += len(data)
            self._quiet_until_s = max(self._quiet_until_s or 0.0, asyncio.get_running_loop().time() + PIECE_S)
            return
        if connection is not self._connection or exchange is None:
            self.counters.late_bytes += len(data)
            if connection is self._connection:
                self._drop()
            return
        self._heard = True
        if self._id_left:
            # Whatever stands in the place of the id; all other bytes must still be those of the answer.
            given, self._id_left = self._id_left[: len(data)], self._id_left[len(data) :]
            data = given + data[len(given) :]
        try:
            is_whole = exchange.feed(data)
        except FrameError as error:
            self._conclude(None, error)
            return
        if is_whole:
            self._conclude(self._moment(), None)

    def lost(self, connection: _Connection, reason: Exception | None) -> None:
        """Take note that the connection ended."""
        if connection is not self._connection:
            return
        self._connection = None
        if self._exchange is not None:
            if connection.answers == 1 and not self._heard:
                self._one_shots += 1
            down = line_down("host_lost" if reason else "host_hung_up", host=self._where, reason=reason)
            self._conclude(None, down)

    def _moment(self) -> Moment:
        clock = self._clock
        held_s = asyncio.get_running_loop().time() - self._begun_s
        return Moment(clock.wall_ms(), clock.monotonic_ms(), held_s)

    def expired(self) -> None:
        """Take that the time-out of the request on the wire is over."""
        if self._exchange is not None:
            error = self._exchange.expire()
            self._conclude(self._moment() if error is None else None, error)

    @property
    def _where(self) -> str:
        return f"{self._host}:{self._port}"

    async def _connect(self, loop: asyncio.AbstractEventLoop) -> _Connection:
        if loop.time() < self._retry_at_s:
            raise LineDownError(str(self._why_down), vi=self._why_down.vi)
        try:
            connection = await self._connect_any(loop, loop.time() + self._timeout_s)
        except (OSError, LineDownError) as error:
            self._why_down = error if isinstance(error, LineDownError) else _no_connection(self._where, error)
            self._retry_at_s = loop.time() + self._backoff_s
            self._backoff_s = min(2 * self._backoff_s, LAST_BACKOFF_S)
            raise self._why_down from error
        self._backoff_s = FIRST_BACKOFF_S
        self.counters.opened += 1
        self._connection = connection
        return connection

    async def _connect_any(self, loop: asyncio.AbstractEventLoop, deadline_s: float) -> _Connection:
        """Try the host's addresses one after the other, each with its share of the time that is left."""
        try:
            addresses = await self._addresses.find(self._timeout_s / 2)
        except TimeoutError as error:
            raise line_down("host_unknown", host=self._where, name=self._host) from error
        secured: dict[str, Any] = {}
        if self._tls:
            # Read at each connection, so that renewed certificates need no restart.
            secured = {"ssl": client_context(self._tls), "server_hostname": self._host}
        refusal: OSError = TimeoutError()
        for tried, address in enumerate(addresses):
            share_s = max(0.0, deadline_s - loop.time()) / (len(addresses) - tried)
            try:
                async with asyncio.timeout(share_s):
                    _, connection = await loop.create_connection(
                        lambda: _Connection(self), address, self._port, **secured
                    )
            except OSError as error:
                refusal = error
            else:
                return connection
        raise refusal

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None and connection.transport is not None:
            connection.transport.abort()

    async def close(self) -> None:
        """Let the request on the wire end, fail what waits, close the connection."""
        self._closing = True
        if self._busy:
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            await turn
            self._pass_on()
        self._drop()
        await asyncio.sleep(0)  # the transport closes its socket in the loop's next pass
