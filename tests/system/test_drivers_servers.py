"""Against Modbus servers that nobody of this project wrote: pyModbusTCP, and modbus_tk on a pseudo-terminal."""

from __future__ import annotations

import asyncio
import os
import pty
import struct
import threading
import time
import tty
from collections.abc import Generator
from typing import Any

import pytest
import serial
from modbus_tk import defines, modbus_rtu
from pyModbusTCP.server import ModbusServer

from config.agent import Allowed, DeviceConfig, SerialLine, TcpLine
from config.profile import load_modbus_profile
from contract.reading import Cause
from drivers.base import Driver, Line
from drivers.errors import RefusedError, UnsupportedError
from drivers.registry import build_driver, open_line
from tests.servers.waiting import free_port

# Both libraries come without annotations.
new_tcp_server: Any = ModbusServer
new_rtu_server: Any = modbus_rtu.RtuServer
# modbus_tk calls threading's old names.
pytestmark = pytest.mark.filterwarnings("ignore:is.* is deprecated:DeprecationWarning")

VOLTS = (231.685, 229.5, 0.0)


class SystemClock:
    def wall_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic_ms(self) -> int:
        return time.monotonic_ns() // 1_000_000


def words(number: float) -> tuple[int, int]:
    high, low = struct.unpack(">HH", struct.pack(">f", number))
    return high, low


class Bridge:
    """Two pseudo-terminals whose far sides are joined: what goes into one comes out of the other."""

    def __init__(self) -> None:
        self._ends = [pty.openpty() for _ in range(2)]
        for _, slave in self._ends:
            tty.setraw(slave)
        self.paths = [os.ttyname(slave) for _, slave in self._ends]
        masters = [master for master, _ in self._ends]
        self._threads = [
            threading.Thread(target=self._copy, args=pair, daemon=True) for pair in (masters, masters[::-1])
        ]
        for thread in self._threads:
            thread.start()

    @staticmethod
    def _copy(source: int, target: int) -> None:
        while True:
            try:
                os.write(target, os.read(source, 256))
            except OSError:
                return

    def close(self) -> None:
        for _, slave in self._ends:
            os.close(slave)
        for thread in self._threads:
            thread.join(timeout=5)
        for master, _ in self._ends:
            os.close(master)


@pytest.fixture
def tcp_line() -> Generator[Line]:
    port = free_port()
    server = new_tcp_server(host="127.0.0.1", port=port, no_block=True)
    server.start()
    for place, volt in enumerate(VOLTS):
        server.data_bank.set_input_registers(2 * place, list(words(volt)))
    server.data_bank.set_input_registers(0x46, list(words(50.02)))
    server.data_bank.set_input_registers(0x48, list(words(1234.5)))
    server.data_bank.set_discrete_inputs(0, [True, False, True] + [False] * 5)
    yield open_line(TcpLine(id="tcp", kind="tcp", host="127.0.0.1", port=port, timeout_s=5), SystemClock())
    server.stop()


@pytest.fixture
def serial_line() -> Generator[Line]:
    bridge = Bridge()
    server = new_rtu_server(serial.Serial(bridge.paths[0], 19_200))
    unit = server.add_slave(1)
    # Only what the meter has: the rest is refused with exception 2.
    unit.add_block("inputs", defines.ANALOG_INPUTS, 0, 0x24)
    unit.add_block("energy", defines.ANALOG_INPUTS, 0x46, 6)
    unit.add_block("coils", defines.COILS, 0, 8)
    unit.add_block("contacts", defines.DISCRETE_INPUTS, 0, 8)
    unit.set_values("inputs", 0, [word for volt in VOLTS for word in words(volt)])
    unit.set_values("energy", 0x46, [*words(50.02), *words(1234.5)])
    unit.set_values("contacts", 0, [1, 0, 1, 0, 0, 0, 0, 0])
    server.start()
    line = open_line(
        SerialLine(id="bus", kind="serial", port=bridge.paths[1], baud=19_200, timeout_s=1, quiet_pause_s=0.05),
        SystemClock(),
    )
    yield line
    server.stop()
    bridge.close()


@pytest.fixture(params=["tcp_line", "serial_line"])
def line(request: pytest.FixtureRequest) -> Line:
    found: Line = request.getfixturevalue(request.param)
    return found


def meter(line: Line) -> Driver:
    device = DeviceConfig(id="meter", profile="eastron-sdm630", line=line.id, unit=1)
    return build_driver(device, load_modbus_profile("eastron-sdm630"), line, SystemClock())


def relay(line: Line) -> Driver:
    device = DeviceConfig(
        id="board",
        profile="waveshare-relay-d",
        line=line.id,
        unit=1,
        names={"di1": "mains_ok", "k1": "contactor"},
        points=tuple(f"{letter}{number}" for letter in ("k", "di") for number in range(1, 9)),
    )
    allowed = (Allowed(point="board/contactor"), Allowed(point="meter/u1"))
    return build_driver(device, load_modbus_profile("waveshare-relay-d"), line, SystemClock(), allowed)


def test_the_meter_is_read(line: Line) -> None:
    async def scenario() -> None:
        driver = meter(line)
        probed = await driver.probe()
        assert probed is not None
        assert probed.value == 50.02
        wanted = tuple(
            point for point in driver.points if point.key in {"u1", "u2", "u3", "frequency", "energy_import"}
        )
        block = await driver.read(wanted)
        assert dict(zip(block.keys, block.values, strict=True)) == {
            "u1": 231.685,
            "u2": 229.5,
            "u3": 0.0,
            "frequency": 50.02,
            "energy_import": 1_234_500.0,
        }
        assert block.causes == {}
        await line.close()

    asyncio.run(scenario())


def test_a_relay_is_switched_and_read_back(line: Line) -> None:
    async def scenario() -> None:
        driver = relay(line)
        contactor = driver.points[0]
        assert contactor.key == "contactor"
        for value in (True, False, True):
            reading = await driver.write(contactor, value)
            assert (reading.point, reading.value) == ("board/contactor", value)
        sent = line.counters.requests
        with pytest.raises(RefusedError, match="allow-list"):
            await driver.write(driver.points[1], True)
        assert line.counters.requests == sent
        block = await driver.read(driver.points)
        assert block.values == (True, *[False] * 7, True, False, True, *[False] * 5)
        assert block.keys[8] == "mains_ok"
        await line.close()

    asyncio.run(scenario())


def test_points_that_the_device_lacks_leave_the_others_alone(serial_line: Line) -> None:
    async def scenario() -> None:
        driver = meter(serial_line)
        block = await driver.read(driver.points)
        values = dict(zip(block.keys, block.values, strict=True))
        assert values["u1"] == 231.685
        assert values["energy_import"] == 1_234_500.0
        lacking = {"p_total", "s_total", "reactive_total", "pf_total", "u12", "u23", "u31", "i_neutral", "energy_total"}
        assert block.causes == dict.fromkeys(lacking, Cause.UNSUPPORTED)
        with pytest.raises(UnsupportedError):
            await driver.read(tuple(point for point in driver.points if point.key == "i_neutral"))
        await serial_line.close()

    asyncio.run(scenario())
