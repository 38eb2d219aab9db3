"""Reads over TCP from a device that answers late, to another request, as another unit, too little, or half.

The device has its own codec.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import struct

import pytest

from config.agent import TcpLine
from contract.reading import Cause
from drivers.lines.tcp import TcpConnectionLine
from drivers.modbus.driver import ModbusDriver
from tests.system.faulty_reads import (
    PROFILE,
    UNIT,
    Asked,
    Outcomes,
    SystemClock,
    assert_nothing_wrong,
    read_until_covered,
    register,
)

TIMEOUT_S = 0.03
CAUSES = {
    "late": {Cause.TIMEOUT},
    "transaction": {Cause.PROTOCOL},
    "unit": {Cause.PROTOCOL},
    "function": {Cause.PROTOCOL},
    "protocol": {Cause.PROTOCOL},
    "short_count": {Cause.PROTOCOL},
    "length_lie": {Cause.PROTOCOL},
    "half_then_stall": {Cause.PROTOCOL},
    "hang_up": {Cause.LINE_DOWN},
}


class FaultyDevice:
    """A server with a fault in every fourth answer or so."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self.asked = Asked(timeout_s=TIMEOUT_S)
        self._connections: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            while await self._answer(reader, writer):
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            self._connections.discard(task)

    async def stop(self) -> None:
        await asyncio.gather(*self._connections)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        transaction, protocol, length, unit = struct.unpack(">HHHB", await reader.readexactly(7))
        function, address, count = struct.unpack(">BHH", await reader.readexactly(length - 1))
        fault = self._random.choice(list(CAUSES)) if self._random.random() < 0.25 else None
        self.asked.answer(address, fault)
        delay_s = self._random.uniform(1.2, 3) * TIMEOUT_S if fault == "late" else 0
        # Waiting blocks only this connection: the late answer races with the client's next one.
        await asyncio.sleep(delay_s)
        if fault == "unit":
            unit += self._random.choice([-1, 1, 100])
        data = b"".join(struct.pack(">H", register(unit, address + place)) for place in range(count))
        if fault == "transaction":
            transaction = (transaction + self._random.choice([-1, 1, 7, 256])) & 0xFFFF
        if fault == "protocol":
            protocol = 1
        if fault == "function":
            function = self._random.choice([1, 2, 4, 6])
        if fault == "short_count":
            data = data[:2]
        pdu = bytes((function, len(data))) + data
        length = self._random.choice([65535, 2, len(pdu) + 3]) if fault == "length_lie" else len(pdu) + 1
        frame = struct.pack(">HHHB", transaction, protocol, length, unit) + pdu
        if fault == "half_then_stall":
            frame = frame[: self._random.randrange(1, len(frame))]
        if fault == "hang_up":
            return False
        cut = self._random.randrange(len(frame) + 1)
        writer.write(frame[:cut])
        await asyncio.sleep(0)
        writer.write(frame[cut:])
        return True


async def read_all(device: FaultyDevice, seed: int) -> tuple[Outcomes, TcpConnectionLine]:
    """Read until everything was seen, and return how often each fault gave each outcome."""
    server = await asyncio.start_server(device.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    line = TcpConnectionLine(
        TcpLine(id="tcp", kind="tcp", host="127.0.0.1", port=port, timeout_s=TIMEOUT_S), SystemClock()
    )
    driver = ModbusDriver("meter", UNIT, (), PROFILE, line, SystemClock())
    outcomes = await read_until_covered(driver, line.counters, device.asked, CAUSES, seed)
    await line.close()
    server.close()
    await device.stop()
    return outcomes, line


@pytest.mark.parametrize("seed", [4, 5, 6])
def test_no_wrong_value_from_a_faulty_device(seed: int) -> None:
    device = FaultyDevice(seed)
    outcomes, line = asyncio.run(read_all(device, seed))
    assert_nothing_wrong(outcomes, CAUSES)
    counted = line.counters
    assert counted.wrong_transaction
    assert counted.wrong_protocol
    assert counted.wrong_unit
    assert counted.wrong_function
    assert counted.wrong_length
    assert counted.truncated
    assert counted.timeouts
    assert counted.requests == sum(outcomes.values())
