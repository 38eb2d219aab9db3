"""Reads over a pseudo-terminal bus that answers late, short, damaged, as another unit, with another function.

The bus has its own codec.
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
from collections.abc import Generator

import pytest

from config.agent import SerialLine
from contract.reading import Cause
from drivers.lines.bus import PIECE_US
from drivers.lines.serial import SerialBusLine, TtyPort
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

TIMEOUT_S = 0.02
QUIET_S = 0.02
CAUSES = {
    "late": {Cause.TIMEOUT},
    "short": {Cause.PROTOCOL},
    # Noise hits the head too: then the answer is not known for ours, or for an answer at all.
    "noise": {Cause.CRC, Cause.PROTOCOL},
    "wrong_unit": {Cause.PROTOCOL},
    "wrong_function": {Cause.PROTOCOL},
}


def checksum(data: bytes) -> bytes:
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
    return struct.pack("<H", crc)


class FaultyBus(threading.Thread):
    """Answers reads of holding registers on a pseudo-terminal; a fault in every fourth answer or so."""

    def __init__(self, seed: int) -> None:
        super().__init__(daemon=True)
        self._random = random.Random(seed)
        self._master, slave = pty.openpty()
        tty.setraw(slave)
        self.path = os.ttyname(slave)
        self._slave = slave
        self.seed = seed
        self.asked = Asked(timeout_s=TIMEOUT_S, promise_s=TIMEOUT_S + QUIET_S + PIECE_US / 1_000_000)

    def run(self) -> None:
        buffer = b""
        while True:
            try:
                buffer += os.read(self._master, 256)
            except OSError:
                return
            while len(buffer) >= 8:
                request, buffer = buffer[:8], buffer[8:]
                assert checksum(request[:6]) == request[6:], "the master sends sound frames only"
                self._answer(request)

    def _answer(self, request: bytes) -> None:
        unit, function, address, count = struct.unpack(">BBHH", request[:6])
        fault = self._random.choice(list(CAUSES)) if self._random.random() < 0.25 else None
        self.asked.answer(address, fault)
        delay_s = 0.0
        if fault == "late":
            delay_s = self._random.uniform(TIMEOUT_S * 1.2, TIMEOUT_S + QUIET_S)
        if fault == "wrong_unit":
            unit = self._random.choice([other for other in range(1, 248) if other != UNIT])
        if fault == "wrong_function":
            function = self._random.choice([1, 2, 4])
        data = b"".join(struct.pack(">H", register(unit, address + place)) for place in range(count))
        frame = bytes((unit, function, 2 * count)) + data
        frame += checksum(frame)
        if fault == "short":
            frame = frame[: self._random.randrange(1, len(frame))]
        if fault == "noise":
            damaged = bytearray(frame)
            for _ in range(self._random.randrange(1, 5)):
                damaged[self._random.randrange(len(damaged))] ^= self._random.randrange(1, 256)
            if damaged == frame:
                damaged[3] ^= 0x10
            frame = bytes(damaged)
        if delay_s:
            time.sleep(delay_s)
        if self.asked.age_s(address) > TIMEOUT_S + QUIET_S:
            return  # a busy machine held this thread up; later than this is not promised to be caught
        for piece in self._pieces(frame):
            os.write(self._master, piece)
        self.asked.answered(address)

    def _pieces(self, frame: bytes) -> list[bytes]:
        cut = self._random.randrange(len(frame) + 1)
        return [piece for piece in (frame[:cut], frame[cut:]) if piece]

    def stop(self) -> None:
        # The thread reads the master side: closing the slave ends its read with an error.
        os.close(self._slave)
        self.join(timeout=5)
        os.close(self._master)


class NotingPort(TtyPort):
    """Notes when a request goes out: this line waits out its silences first."""

    asked: Asked

    def write(self, data: bytes) -> None:
        self.asked.send(struct.unpack(">H", data[2:4])[0])
        super().write(data)


@pytest.fixture(params=[11, 22, 33])
def bus(request: pytest.FixtureRequest) -> Generator[FaultyBus]:
    thread = FaultyBus(request.param)
    thread.start()
    yield thread
    thread.stop()


async def read_all(bus: FaultyBus, line: SerialBusLine) -> Outcomes:
    """Read until everything was seen, and return how often each fault gave each outcome."""
    driver = ModbusDriver("meter", UNIT, (), PROFILE, line, SystemClock())
    outcomes = await read_until_covered(driver, line.counters, bus.asked, CAUSES, bus.seed)
    await line.close()
    return outcomes


def test_no_wrong_value_from_a_faulty_bus(bus: FaultyBus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NotingPort, "asked", bus.asked, raising=False)
    monkeypatch.setattr("drivers.lines.serial.TtyPort", NotingPort)
    config = SerialLine(
        id="bus", kind="serial", port=bus.path, baud=115_200, timeout_s=TIMEOUT_S, quiet_pause_s=QUIET_S
    )
    line = SerialBusLine(config, SystemClock())
    outcomes = asyncio.run(read_all(bus, line))
    assert_nothing_wrong(outcomes, CAUSES)
    counted = line.counters
    assert counted.requests == sum(outcomes.values())
    assert counted.late_bytes
    assert counted.timeouts
    assert counted.truncated
    assert counted.crc_errors
    assert counted.wrong_unit
    assert counted.wrong_function
