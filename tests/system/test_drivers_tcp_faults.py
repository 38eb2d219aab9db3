"""Reads over TCP from a device that answers late, to another request, as another unit, too little, or half.

The device has its own codec. Register r of unit u holds (u * 1000 + r) mod 65536, so that any mix-up is a wrong value.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import struct
import time
from collections import Counter

import pytest

from config.agent import TcpLine
from config.points import RegisterPoint
from config.profile import ModbusProfile, Source
from contract.reading import Cause
from drivers.base import DevicePoint
from drivers.errors import DriverError
from drivers.lines.tcp import TcpConnectionLine
from drivers.modbus.driver import ModbusDriver

UNIT = 5
TIMEOUT_S = 0.03
READS = 670
RIGHT_CAUSE = {
    "late": Cause.TIMEOUT,
    "transaction": Cause.PROTOCOL,
    "unit": Cause.PROTOCOL,
    "function": Cause.PROTOCOL,
    "protocol": Cause.PROTOCOL,
    "short_count": Cause.PROTOCOL,
    "length_lie": Cause.PROTOCOL,
    "half_then_stall": Cause.PROTOCOL,
    "hang_up": Cause.LINE_DOWN,
}


class SystemClock:
    def wall_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic_ms(self) -> int:
        return time.monotonic_ns() // 1_000_000


def register(unit: int, address: int) -> int:
    return (unit * 1000 + address) & 0xFFFF


class FaultyDevice:
    """A server with a fault in every fourth answer or so."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self.fault: str | None = None
        self.given: Counter[str] = Counter()
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
        fault = self._random.choice(list(RIGHT_CAUSE)) if self._random.random() < 0.25 else None
        self.fault = fault
        self.given[fault or "none"] += 1
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


def point(address: int) -> DevicePoint:
    spec = RegisterPoint(key=f"r{address}", en="", vi="", table="holding", address=address, type="uint16")
    return DevicePoint(spec.key, spec)


WINDOWS = tuple((point(100 + 10 * place), point(101 + 10 * place)) for place in range(40))
PROFILE = ModbusProfile(
    profile="pattern",
    version="1",
    device_class="meter",
    en="",
    vi="",
    source=Source(manual="this test", page="-", origin="composed", verified_by="code"),
    points=tuple(one.register for window in WINDOWS for one in window),
)


async def read_all(device: FaultyDevice) -> tuple[Counter[tuple[str, str]], TcpConnectionLine]:
    """Read windows at random and return how often each fault gave each outcome."""
    server = await asyncio.start_server(device.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    line = TcpConnectionLine(
        TcpLine(id="tcp", kind="tcp", host="127.0.0.1", port=port, timeout_s=TIMEOUT_S), SystemClock()
    )
    driver = ModbusDriver("meter", UNIT, (), PROFILE, line, SystemClock())
    phase = random.Random(port)
    outcomes: Counter[tuple[str, str]] = Counter()
    for _ in range(READS):
        window = phase.choice(WINDOWS)
        await asyncio.sleep(phase.choice([0, 0, phase.uniform(0, 0.003)]))
        try:
            block = await driver.read(window)
        except DriverError as error:
            outcomes[device.fault or "none", error.cause] += 1
            continue
        right = block.values == tuple(register(UNIT, one.register.address) for one in window)
        outcomes[device.fault or "none", "right" if right else "wrong"] += 1
    await line.close()
    server.close()
    await device.stop()
    return outcomes, line


@pytest.mark.parametrize("seed", [4, 5, 6])
def test_no_wrong_value_from_a_faulty_device(seed: int) -> None:
    device = FaultyDevice(seed)
    outcomes, line = asyncio.run(read_all(device))
    assert [outcome for outcome in outcomes if outcome[1] == "wrong"] == []
    assert sum(outcomes.values()) == READS
    assert outcomes["none", "right"] > 400
    for fault, cause in RIGHT_CAUSE.items():
        assert device.given[fault] >= 5
        # A machine that stalls turns any answer into a late one, never into a value.
        assert {found for name, found in outcomes if name == fault} <= {cause, Cause.TIMEOUT}, (fault, outcomes)
        assert outcomes[fault, cause] >= 5
    counted = line.counters
    assert counted.wrong_transaction
    assert counted.wrong_protocol
    assert counted.wrong_unit
    assert counted.wrong_function
    assert counted.wrong_length
    assert counted.truncated
    assert counted.timeouts
    assert counted.requests == READS
