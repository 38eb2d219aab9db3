"""A gateway that numbers its answers itself: read with `transaction_id: ignore`, and its late answers find nobody."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Literal

import pytest

from config.agent import TcpLine
from drivers.errors import Fault, FrameError
from drivers.lines.tcp import TcpConnectionLine
from drivers.modbus.frames import TcpExchange, read_pdu

SILENT_FROM = 900


class SystemClock:
    def wall_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic_ms(self) -> int:
        return time.monotonic_ns() // 1_000_000


class StubbornGateway:
    """Answers every read with the address that was asked, under an id of its own.

    What is asked from address 900 on it answers late: to whoever connects next, as serial servers do.
    """

    def __init__(self, own_id: bytes, pieces: bool) -> None:
        self.connections = 0
        self._own_id, self._pieces = own_id, pieces
        self._kept = b""
        self.writers: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        if self._kept:
            writer.write(self._kept)
            self._kept = b""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while request := await reader.readexactly(12):
                asked = request[8:10]
                answer = self._own_id + b"\0\0\0\x05" + request[6:8] + b"\x02" + asked
                if int.from_bytes(asked, "big") >= SILENT_FROM:
                    self._kept = answer
                    continue
                for piece in [answer[:1], answer[1:3], answer[3:]] if self._pieces else [answer]:
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0)
        writer.close()


@contextlib.asynccontextmanager
async def gateway(
    transaction_id: Literal["check", "ignore"], own_id: bytes = b"\0\0", *, pieces: bool = False
) -> AsyncIterator[tuple[StubbornGateway, TcpConnectionLine]]:
    device = StubbornGateway(own_id, pieces)
    server = await asyncio.start_server(device.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    config = TcpLine(id="t", kind="tcp", host="127.0.0.1", port=port, timeout_s=0.2, transaction_id=transaction_id)
    line = TcpConnectionLine(config, SystemClock())
    try:
        yield device, line
    finally:
        await line.close()
        server.close()
        for writer in device.writers:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


async def value_of(line: TcpConnectionLine, address: int) -> int:
    exchange = TcpExchange(1, read_pdu(3, address, 1))
    await line.exchange(exchange)
    return int.from_bytes(exchange.payload, "big")


def test_an_id_of_its_own_is_refused_unless_the_line_says_otherwise() -> None:
    async def scenario() -> None:
        async with gateway("check", b"\xaa\x55") as (_, line):
            with pytest.raises(FrameError) as caught:
                await value_of(line, 7)
            assert caught.value.fault is Fault.WRONG_TRANSACTION

    asyncio.run(scenario())


@pytest.mark.parametrize("pieces", [False, True])
@pytest.mark.parametrize("own_id", [b"\0\0", b"\xaa\x55"])
def test_the_id_is_not_looked_at_where_the_line_says_so(own_id: bytes, pieces: bool) -> None:
    async def scenario() -> None:
        async with gateway("ignore", own_id, pieces=pieces) as (device, line):
            assert [await value_of(line, address) for address in (3, 4, 5)] == [3, 4, 5]
            assert device.connections == 1

    asyncio.run(scenario())


def test_an_answer_that_is_late_is_never_the_next_one_s() -> None:
    async def scenario() -> None:
        async with gateway("ignore") as (device, line):
            for address in (3, 4):
                with pytest.raises(FrameError) as caught:
                    await value_of(line, SILENT_FROM + address)
                assert caught.value.fault is Fault.TIMEOUT
                assert not line.up
                # The same unit, function and length: without an id only the silence tells it from the late one.
                assert await value_of(line, address) == address
            assert device.connections == 3
            assert line.counters.late_bytes == 2 * 11

    asyncio.run(scenario())


def test_the_rest_of_the_answer_is_still_checked() -> None:
    async def scenario() -> None:
        async with gateway("ignore") as (_, line):
            exchange = TcpExchange(2, read_pdu(3, 5, 1))
            await line.exchange(exchange)
            assert exchange.payload == b"\0\x05"
            strict = TcpExchange(2, read_pdu(3, 5, 2))
            with pytest.raises(FrameError) as caught:
                await line.exchange(strict)
            assert caught.value.fault is Fault.WRONG_LENGTH

    asyncio.run(scenario())
