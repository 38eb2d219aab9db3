"""Reads over a pseudo-terminal bus that answers late, short, damaged, as another unit, with another function.

The bus has its own codec. Register r of unit u holds (u * 1000 + r) mod 65536, so that any mix-up is a wrong value.
"""

from __future__ import annotations

import asyncio
import os
import pty
import random
import struct
import threading
import time
import tty
from collections import Counter
from collections.abc import Generator

import pytest

from config.agent import SerialLine
from config.points import RegisterPoint
from config.profile import ModbusProfile, Source
from contract.reading import Cause
from drivers.base import DevicePoint
from drivers.errors import DriverError
from drivers.lines.serial import SerialBusLine
from drivers.modbus.driver import ModbusDriver

UNIT = 5
TIMEOUT_S = 0.02
QUIET_S = 0.02
FAULTS = ("late", "short", "noise", "wrong_unit", "wrong_function")
RIGHT_CAUSES = {
    "late": {Cause.TIMEOUT},
    "short": {Cause.PROTOCOL},
    # Noise hits the head too: then the answer is not known for ours, or for an answer at all.
    "noise": {Cause.CRC, Cause.PROTOCOL},
    "wrong_unit": {Cause.PROTOCOL},
    "wrong_function": {Cause.PROTOCOL},
}


class SystemClock:
    def wall_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic_ms(self) -> int:
        return time.monotonic_ns() // 1_000_000


def checksum(data: bytes) -> bytes:
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
    return struct.pack("<H", crc)


def register(unit: int, address: int) -> int:
    return (unit * 1000 + address) & 0xFFFF


class FaultyBus(threading.Thread):
    """Answers reads of holding registers on a pseudo-terminal; a fault in every fourth answer or so."""

    def __init__(self, seed: int) -> None:
        super().__init__(daemon=True)
        self._random = random.Random(seed)
        self._master, slave = pty.openpty()
        tty.setraw(slave)
        self.path = os.ttyname(slave)
        self._slave = slave
        self.fault: str | None = None
        self.slow = False
        self.given: Counter[str] = Counter()

    def run(self) -> None:
        buffer = b""
        while True:
            try:
                buffer += os.read(self._master, 256)
            except OSError:
                return
            asked_s = time.monotonic()
            while len(buffer) >= 8:
                request, buffer = buffer[:8], buffer[8:]
                assert checksum(request[:6]) == request[6:], "the master sends sound frames only"
                self._answer(request, asked_s)

    def _answer(self, request: bytes, asked_s: float) -> None:
        unit, function, address, count = struct.unpack(">BBHH", request[:6])
        self.fault = self._random.choice(FAULTS) if self._random.random() < 0.25 else None
        self.given[self.fault or "none"] += 1
        delay_s = 0.0
        if self.fault == "late":
            delay_s = self._random.uniform(TIMEOUT_S * 1.2, TIMEOUT_S + QUIET_S)
        if self.fault == "wrong_unit":
            unit = self._random.choice([other for other in range(1, 248) if other != UNIT])
        if self.fault == "wrong_function":
            function = self._random.choice([1, 2, 4])
        data = b"".join(struct.pack(">H", register(unit, address + place)) for place in range(count))
        frame = bytes((unit, function, 2 * count)) + data
        frame += checksum(frame)
        if self.fault == "short":
            frame = frame[: self._random.randrange(1, len(frame))]
        if self.fault == "noise":
            damaged = bytearray(frame)
            for _ in range(self._random.randrange(1, 5)):
                damaged[self._random.randrange(len(damaged))] ^= self._random.randrange(1, 256)
            if damaged == frame:
                damaged[3] ^= 0x10
            frame = bytes(damaged)
        if delay_s:
            time.sleep(delay_s)
        late_s = time.monotonic() - asked_s
        self.slow = self.fault != "late" and late_s > TIMEOUT_S / 2
        if late_s > TIMEOUT_S + QUIET_S:
            return  # a busy machine held this thread up; later than this is not promised to be caught
        for piece in self._pieces(frame):
            os.write(self._master, piece)

    def _pieces(self, frame: bytes) -> list[bytes]:
        cut = self._random.randrange(len(frame) + 1)
        return [piece for piece in (frame[:cut], frame[cut:]) if piece]

    def stop(self) -> None:
        # The thread reads the master side: closing the slave ends its read with an error.
        os.close(self._slave)
        self.join(timeout=5)
        os.close(self._master)


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


@pytest.fixture(params=[11, 22, 33])
def bus(request: pytest.FixtureRequest) -> Generator[FaultyBus]:
    thread = FaultyBus(request.param)
    thread.start()
    yield thread
    thread.stop()


async def read_all(bus: FaultyBus, line: SerialBusLine, reads: int) -> Counter[tuple[str, str]]:
    """Read windows at random and return how often each fault gave each outcome.

    A stalled machine makes any answer a late one; those count as `slow`, whatever the fault was.
    """
    driver = ModbusDriver("meter", UNIT, (), PROFILE, line, SystemClock())
    phase = random.Random(reads)
    outcomes: Counter[tuple[str, str]] = Counter()
    for _ in range(reads):
        window = phase.choice(WINDOWS)
        # Every moment of the bus is hit, not only the one right after the last answer.
        await asyncio.sleep(phase.choice([0, 0, 0, phase.uniform(0, 0.003)]))
        try:
            block = await driver.read(window)
        except DriverError as error:
            outcomes["slow" if bus.slow else bus.fault or "none", error.cause] += 1
            continue
        right = block.values == tuple(register(UNIT, one.register.address) for one in window)
        outcomes[bus.fault or "none", "right" if right else "wrong"] += 1
    await line.close()
    return outcomes


def test_no_wrong_value_from_a_faulty_bus(bus: FaultyBus) -> None:
    config = SerialLine(
        id="bus", kind="serial", port=bus.path, baud=115_200, timeout_s=TIMEOUT_S, quiet_pause_s=QUIET_S
    )
    line = SerialBusLine(config, SystemClock())
    outcomes = asyncio.run(read_all(bus, line, 670))
    assert [outcome for outcome in outcomes if outcome[1] == "wrong"] == []
    assert sum(outcomes.values()) == 670
    assert outcomes["none", "right"] > 400
    assert all(bus.given[fault] >= 5 for fault in FAULTS), bus.given
    for fault, causes in RIGHT_CAUSES.items():
        found = {outcome for name, outcome in outcomes if name == fault}
        # Whatever stalls, an answer may come too late; it never becomes a wrong value or another cause.
        assert found <= {*causes, "right", Cause.TIMEOUT}, (fault, outcomes)
        assert sum(outcomes[fault, cause] for cause in causes) >= 5
    assert {outcome for name, outcome in outcomes if name == "none"} <= {"right", Cause.TIMEOUT}
    counted = line.counters
    assert counted.requests == 670
    assert counted.late_bytes
    assert counted.timeouts
    assert counted.truncated
    assert counted.crc_errors
    assert counted.wrong_unit
    assert counted.wrong_function
