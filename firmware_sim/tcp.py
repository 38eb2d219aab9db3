"""A port that speaks Modbus, in TLS if told: any number of units, answers in the order of the requests."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from firmware_sim.core.codec import AsciiFramer, Request, RtuStreamFramer, TcpFramer
from firmware_sim.core.faults import Sending
from firmware_sim.models import TcpLineConfig

MAX_CONNECTIONS: Final = 64
MAX_PENDING: Final = 256
"""Answers that a connection may have waiting; a peer that asks for more is cut off."""

_ACCEPT_TURNS: Final = 4

_FRAMERS: Final[dict[str, Callable[[], TcpFramer | RtuStreamFramer | AsciiFramer]]] = {
    "tcp": TcpFramer,
    "rtu": RtuStreamFramer,
    "ascii": AsciiFramer,
}
Answering = Callable[[str, Request], list[Sending] | None]


@dataclass(slots=True)
class TcpCounters:
    """What a port has seen."""

    connections: int = 0
    refused_connections: int = 0
    requests: int = 0
    replies: int = 0
    foreign_unit: int = 0
    broken_streams: int = 0


class TcpLine:
    """One listening port."""

    def __init__(self, config: TcpLineConfig, answering: Answering) -> None:
        self.config = config
        self.port = config.port
        self.counters = TcpCounters()
        self.open_connections: set[_Connection] = set()
        self._answering = answering
        self._server: asyncio.Server | None = None

    @property
    def is_open(self) -> bool:
        """Whether the port takes connections."""
        return self._server is not None

    async def start(self) -> None:
        """Listen; `port` is the real one from then on, also after a stop. Does nothing on an open line."""
        if self._server is not None:
            return
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: _Connection(self), self.config.host, self.port, backlog=MAX_CONNECTIONS, ssl=self._security()
        )
        self.port = self._server.sockets[0].getsockname()[1]

    def _security(self) -> ssl.SSLContext | None:
        tls = self.config.tls
        if tls is None:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_verify_locations(cafile=tls.ca_file)
        context.load_cert_chain(tls.cert_file, tls.key_file)
        # Modbus/TCP Security is mutual: a caller without a certificate is turned away.
        context.verify_mode = ssl.CERT_REQUIRED
        return context

    async def stop(self) -> None:
        """Stop listening and cut every connection."""
        if self._server is None:
            return
        server, self._server = self._server, None
        loop = asyncio.get_running_loop()
        for listening in server.sockets:
            loop.remove_reader(listening.fileno())
        # An accepted connection reaches its protocol some turns of the loop later; until then the server
        # may not be closed, or Python 3.11 drops that connection without closing it.
        for _ in range(_ACCEPT_TURNS):
            await asyncio.sleep(0)
        while self.open_connections:
            for connection in list(self.open_connections):
                connection.abort()
            await asyncio.sleep(0)
        server.close()
        await server.wait_closed()

    def answer(self, request: Request) -> list[Sending]:
        """Return what goes out for one request; a gateway without that unit stays silent."""
        self.counters.requests += 1
        sendings = self._answering(self.config.id, request)
        if sendings is None:
            self.counters.foreign_unit += 1
            return []
        return sendings


class _Connection(asyncio.Protocol):
    def __init__(self, line: TcpLine) -> None:
        self._line = line
        self._framer = _FRAMERS[line.config.framing]()
        self._transport: asyncio.Transport | None = None
        self._free_s = 0.0
        self._timers: set[asyncio.TimerHandle] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - create_server gives no other
        self._transport = transport
        refused = len(self._line.open_connections) >= MAX_CONNECTIONS
        self._line.open_connections.add(self)
        if refused or not self._line.is_open:
            self._line.counters.refused_connections += 1
            transport.abort()
            return
        self._line.counters.connections += 1

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._line.open_connections.discard(self)
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        for request in self._framer.feed(data):
            for sending in self._line.answer(request):
                self._send(sending)
        if self._framer.broken:
            self._line.counters.broken_streams += 1
            self.abort()

    def _send(self, sending: Sending) -> None:
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        # Never before an earlier answer: a device works its requests off one by one.
        at_s = max(now_s + self._line.config.turnaround_s + sending.delay_s, self._free_s)
        if at_s <= now_s:
            self._write(sending.data)
        elif len(self._timers) >= MAX_PENDING:
            self.abort()
        else:
            self._free_s = at_s
            self._later(loop, at_s, sending.data)

    def _later(self, loop: asyncio.AbstractEventLoop, at_s: float, data: bytes | None) -> None:
        def write() -> None:
            self._timers.discard(timer)
            self._write(data)

        timer = loop.call_at(at_s, write)
        self._timers.add(timer)

    def _write(self, data: bytes | None) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        if data is None:
            self._transport.abort()
            return
        self._line.counters.replies += 1
        self._transport.write(data)
