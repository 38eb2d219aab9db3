"""Lines over real ports and sockets: opening, losing, closing, and who goes first."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import pty
import select
import socket
import threading
import time
import tty
from array import array
from collections.abc import AsyncIterator, Callable, Coroutine, Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import pytest

from config.agent import Allowed, DeviceConfig, SerialLine, TcpLine
from config.profile import load_profile
from contract.reading import Cause
from drivers.base import Line, Moment
from drivers.errors import Fault, FrameError, LineDownError
from drivers.lines.serial import SerialBusLine, TtyPort
from drivers.lines.tcp import ONE_SHOTS, TcpConnectionLine
from drivers.modbus.frames import RtuExchange, TcpExchange, crc16, read_pdu
from drivers.registry import build_driver
from tests.servers.waiting import free_port


class SystemClock:
    def wall_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic_ms(self) -> int:
        return time.monotonic_ns() // 1_000_000


class PtyDevice:
    """Answers every read with the address that was asked; a link names its port, as udev's do."""

    def __init__(self, link: Path) -> None:
        self.link = link
        self.asked: list[int] = []
        self.gate = threading.Event()
        self.gate.set()
        self.plug()

    def plug(self) -> None:
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        self.link.symlink_to(os.ttyname(self._slave))
        wake, self._wake = os.pipe()
        self._thread = threading.Thread(target=self._run, args=(self._master, wake), daemon=True)
        self._thread.start()

    def unplug(self) -> None:
        self.link.unlink()
        os.close(self._slave)
        os.close(self._wake)
        self._thread.join(timeout=5)
        os.close(self._master)

    def _run(self, master: int, wake: int) -> None:
        with contextlib.suppress(OSError), open(wake, "rb"):
            while wake not in select.select([master, wake], [], [])[0]:
                request = os.read(master, 256)
                self.asked.append(int.from_bytes(request[2:4], "big"))
                self.gate.wait(timeout=5)
                body = request[:2] + b"\x02" + request[2:4]
                os.write(master, body + crc16(body))


@pytest.fixture
def device(tmp_path: Path) -> Generator[PtyDevice]:
    made = PtyDevice(tmp_path / "ttyBUS")
    yield made
    if made.link.is_symlink():
        made.unplug()


def serial_line(device: PtyDevice, timeout_s: float = 1.0) -> SerialBusLine:
    config = SerialLine(
        id="bus", kind="serial", port=str(device.link), baud=115_200, timeout_s=timeout_s, quiet_pause_s=0
    )
    return SerialBusLine(config, SystemClock())


def rtu(address: int) -> RtuExchange:
    return RtuExchange(1, read_pdu(3, address, 1))


def run(scenario: Coroutine[Any, Any, None]) -> None:
    asyncio.run(scenario)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the condition is another thread's or server's
            await asyncio.sleep(0.005)


def test_commands_go_before_polls_that_wait(device: PtyDevice) -> None:
    async def scenario() -> None:
        line = serial_line(device)
        device.gate.clear()
        polls = [asyncio.create_task(line.exchange(rtu(address))) for address in (1, 2, 3)]
        await until(lambda: device.asked == [1])
        command = asyncio.create_task(line.exchange(rtu(9), urgent=True))
        await asyncio.sleep(0)
        device.gate.set()
        await asyncio.gather(*polls, command)
        assert device.asked == [1, 9, 2, 3]
        await line.close()

    run(scenario())


def test_the_moment_is_the_last_byte_s(device: PtyDevice) -> None:
    async def scenario() -> None:
        line = serial_line(device)
        before = Moment(SystemClock().wall_ms(), SystemClock().monotonic_ms())
        moment = await line.exchange(rtu(7))
        assert before.wall_ms <= moment.wall_ms <= SystemClock().wall_ms()
        assert before.monotonic_ms <= moment.monotonic_ms <= SystemClock().monotonic_ms()
        await line.close()

    run(scenario())


def test_an_adapter_may_be_unplugged_and_plugged_again(device: PtyDevice) -> None:
    async def answers(line: Line) -> bool:
        try:
            await line.exchange(rtu(5))
        except (LineDownError, FrameError):
            return False
        return True

    async def until_answers(line: Line) -> None:
        async with asyncio.timeout(30):
            while not await answers(line):  # noqa: ASYNC110 - the condition is another thread's
                await asyncio.sleep(0.05)

    async def scenario() -> None:
        line = serial_line(device, timeout_s=0.05)
        await until_answers(line)
        for opened in (2, 3):
            device.unplug()
            with pytest.raises(LineDownError):
                await line.exchange(rtu(5))
            assert not line.up
            with pytest.raises(LineDownError):
                await line.exchange(rtu(5))
            device.plug()
            await until_answers(line)
            assert line.up
            assert line.counters.opened == opened
        await line.close()

    run(scenario())


def test_a_port_is_used_by_one_process_only(device: PtyDevice) -> None:
    async def scenario() -> None:
        first, second = serial_line(device), serial_line(device)
        await first.exchange(rtu(1))
        with pytest.raises(LineDownError, match="in use by another process"):
            await second.exchange(rtu(1))
        await first.close()
        await second.close()

    run(scenario())
    with device.link.open("rb", buffering=0) as port:
        fcntl.flock(port, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_port_that_is_not_there_says_what_to_do(tmp_path: Path) -> None:
    async def scenario() -> None:
        config = SerialLine(id="bus", kind="serial", port=str(tmp_path / "ttyUSB9"))
        line = SerialBusLine(config, SystemClock())
        for _ in range(3):
            with pytest.raises(LineDownError, match="ttyUSB9: no such device; is the adapter plugged in") as caught:
                await line.exchange(rtu(1))
            assert caught.value.text("vi").endswith("ttyUSB9: không có thiết bị này; bộ chuyển đổi đã cắm chưa?")
        assert line.counters.requests == 0
        await line.close()

    run(scenario())


@pytest.mark.parametrize(("mode", "flags"), [("rts_high", 0b011), ("rts_low", 0b101)])
def test_the_kernel_turns_the_direction_of_a_port_that_needs_it(
    device: PtyDevice, monkeypatch: pytest.MonkeyPatch, mode: Literal["rts_high", "rts_low"], flags: int
) -> None:
    """Bits of linux/serial.h: 1 enabled, 2 RTS on send, 4 RTS after send."""
    real, settings = fcntl.ioctl, array("i", [0] * 8)

    def port_with_rs485(descriptor: int, request: int, *arguments: Any) -> Any:
        if request not in {0x542E, 0x542F}:
            return real(descriptor, request, *arguments)
        source, target = (settings, arguments[0]) if request == 0x542E else (arguments[0], settings)
        target[:] = source
        return 0

    config = SerialLine(id="bus", kind="serial", port=str(device.link), rs485=mode)
    with pytest.raises(LineDownError, match=f"cannot turn the direction .rs485: {mode}"):
        TtyPort(config)
    monkeypatch.setattr("fcntl.ioctl", port_with_rs485)
    TtyPort(config).close()
    assert settings[0] == flags


def test_closing_lets_the_frame_end_and_fails_what_waits(device: PtyDevice) -> None:
    async def scenario() -> None:
        line = serial_line(device)
        device.gate.clear()
        polls = [asyncio.create_task(line.exchange(rtu(address))) for address in (1, 2)]
        await until(lambda: device.asked == [1])
        closing = asyncio.create_task(line.close())
        await asyncio.sleep(0)
        device.gate.set()
        await closing
        first, second = await asyncio.gather(*polls, return_exceptions=True)
        assert isinstance(first, Moment)
        assert isinstance(second, LineDownError)
        with pytest.raises(LineDownError):
            await line.exchange(rtu(3))
        assert device.asked == [1]

    run(scenario())


def test_a_cancelled_request_is_not_sent(device: PtyDevice) -> None:
    async def scenario() -> None:
        line = serial_line(device)
        device.gate.clear()
        polls = [asyncio.create_task(line.exchange(rtu(address))) for address in (1, 2, 3)]
        await until(lambda: device.asked == [1])
        polls[1].cancel()
        await asyncio.sleep(0)
        device.gate.set()
        await asyncio.gather(polls[0], polls[2])
        assert device.asked == [1, 3]
        await line.close()

    run(scenario())


class TcpDevice:
    """Answers every read with the address that was asked; silent on addresses above 900."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.connections = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self._writers: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.append(writer)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while request := await reader.readexactly(12):
                self.asked.append(int.from_bytes(request[8:10], "big"))
                await self.gate.wait()
                if self.asked[-1] <= 900:
                    writer.write(request[:5] + b"\x05" + request[6:8] + b"\x02" + request[8:10])
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    async def hang_up(self) -> None:
        for writer in self._writers:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        self._writers.clear()


@contextlib.asynccontextmanager
async def tcp_device(timeout_s: float = 5.0) -> AsyncIterator[tuple[TcpDevice, TcpConnectionLine]]:
    device = TcpDevice()
    server = await asyncio.start_server(device.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    line = TcpConnectionLine(
        TcpLine(id="tcp", kind="tcp", host="127.0.0.1", port=port, timeout_s=timeout_s), SystemClock()
    )
    yield device, line
    await line.close()
    server.close()
    await device.hang_up()


def tcp(address: int) -> TcpExchange:
    return TcpExchange(1, read_pdu(3, address, 1))


def test_units_behind_one_address_share_one_connection_and_commands_go_first() -> None:
    async def scenario() -> None:
        async with tcp_device() as (device, line):
            device.gate.clear()
            polls = [asyncio.create_task(line.exchange(tcp(address))) for address in (1, 2, 3)]
            await until(lambda: device.asked == [1])
            command = asyncio.create_task(line.exchange(tcp(9), urgent=True))
            await asyncio.sleep(0)
            device.gate.set()
            await asyncio.gather(*polls, command)
            assert device.asked == [1, 9, 2, 3]
            assert device.connections == 1

    run(scenario())


def test_a_time_out_closes_the_connection_and_the_next_request_opens_one() -> None:
    async def scenario() -> None:
        async with tcp_device(timeout_s=0.2) as (device, line):
            with pytest.raises(FrameError) as caught:
                await line.exchange(tcp(901))
            assert caught.value.fault is Fault.TIMEOUT
            assert not line.up
            await line.exchange(tcp(4))
            assert (device.connections, line.counters.opened) == (2, 2)

    run(scenario())


def test_a_connection_closed_while_idle_costs_no_reading() -> None:
    async def scenario() -> None:
        async with tcp_device() as (device, line):
            for _ in range(3):
                await line.exchange(tcp(4))
                await device.hang_up()
                await until(lambda: not line.up)
            assert device.connections == 3

    run(scenario())


def test_cancelling_a_request_frees_the_line_for_the_next() -> None:
    async def scenario() -> None:
        async with tcp_device() as (device, line):
            device.gate.clear()
            polls = [asyncio.create_task(line.exchange(tcp(address))) for address in (1, 2, 3)]
            await until(lambda: device.asked == [1])
            polls[0].cancel()
            polls[1].cancel()
            device.gate.set()
            assert isinstance(await polls[2], Moment)
            assert 2 not in device.asked

    run(scenario())


def test_a_device_that_closes_after_every_answer_is_met_with_a_connection_each() -> None:
    asked: list[int] = []
    serving: list[asyncio.Task[None]] = []

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.append(asyncio.create_task(serve(reader, writer)))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readexactly(12)
        asked.append(request[7])
        answer = b"\1\5" if request[7] < 5 else request[8:]
        writer.write(request[:4] + bytes((0, 2 + len(answer))) + request[6:8] + answer)
        # The worst moment to close is when the next request is on its way.
        with contextlib.suppress(OSError):
            await reader.read(12)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    async def scenario() -> None:
        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        config = TcpLine(id="tcp", kind="tcp", host="127.0.0.1", port=server.sockets[0].getsockname()[1], timeout_s=5)
        line = TcpConnectionLine(config, SystemClock())
        polled = tuple(f"{letter}{number}" for letter in ("k", "di") for number in range(1, 9))
        device = DeviceConfig(id="relay", line="tcp", unit=1, profile="waveshare-relay-d", points=polled)
        allowed = [Allowed(point="relay/k1", low=0, high=1)]
        driver = build_driver(device, load_profile("waveshare-relay-d"), line, SystemClock(), allowed)
        for _ in range(ONE_SHOTS):
            block = await driver.read(driver.points)
            assert block.causes == dict.fromkeys(block.keys[8:], Cause.LINE_DOWN)
        opened = line.counters.opened
        for _ in range(5):
            block = await driver.read(driver.points)
            assert block.causes == {}
            assert (block.values[0], block.values[8 + 1]) == (True, False)
        assert line.counters.opened == opened + 10
        asked.clear()
        assert (await driver.write(driver.points[0], True)).value is True
        assert asked == [5, 1]
        await line.close()
        server.close()
        await asyncio.gather(*serving)

    run(scenario())


def test_nobody_listening_is_a_line_down_with_back_off() -> None:
    async def scenario() -> None:
        port = free_port()
        line = TcpConnectionLine(TcpLine(id="tcp", kind="tcp", host="127.0.0.1", port=port), SystemClock())
        for _ in range(5):
            with pytest.raises(LineDownError, match=f"127.0.0.1:{port}: no connection"):
                await line.exchange(tcp(1))
        device = TcpDevice()
        server = await asyncio.start_server(device.serve, "127.0.0.1", port)
        # The first back-off is over before long, whenever the device appears.
        async with asyncio.timeout(10):
            while not line.up:
                with contextlib.suppress(LineDownError):
                    await line.exchange(tcp(1))
                await asyncio.sleep(0.02)
        await line.close()
        server.close()
        await device.hang_up()

    run(scenario())


NAME = "cabinet-9.example"


def named_line(port: int, timeout_s: float = 0.2) -> TcpConnectionLine:
    return TcpConnectionLine(TcpLine(id="tcp", kind="tcp", host=NAME, port=port, timeout_s=timeout_s), SystemClock())


def test_a_resolver_that_hangs_holds_no_thread_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    over = threading.Event()

    def hang(host: str, *_: object, **__: object) -> list[object]:
        asked.append(host)
        over.wait()
        return []

    async def scenario() -> None:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
        line = named_line(free_port())
        for _ in range(3):
            with pytest.raises(LineDownError, match="the name server does not answer for cabinet-9"):
                await line.exchange(tcp(1))
        # A command on its way to the disk.
        assert await asyncio.wait_for(asyncio.to_thread(lambda: "kept"), 10) == "kept"
        # The back-off passes, and the old question still stands: no second one is put.
        line._retry_at_s = 0.0
        with pytest.raises(LineDownError):
            await line.exchange(tcp(1))
        assert asked == [NAME]
        await line.close()

    monkeypatch.setattr("socket.getaddrinfo", hang)
    try:
        run(scenario())
    finally:
        over.set()


def test_a_device_stays_reachable_when_its_name_server_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[object] = ["127.0.0.2", "127.0.0.1"]

    def resolve(host: str, port: int | None, **_: object) -> list[object]:
        if not answers:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, host, (address, port or 0)) for address in answers]

    async def scenario() -> None:
        async with tcp_device() as (device, numbered):
            line = named_line(numbered._port, timeout_s=5.0)
            # The first address refuses, the second is the device's.
            await line.exchange(tcp(4))
            answers.clear()
            await device.hang_up()
            await until(lambda: not line.up)
            await line.exchange(tcp(5))
            assert device.asked == [4, 5]
            await line.close()
            stranger = named_line(numbered._port)
            with pytest.raises(LineDownError, match="no connection: Temporary failure in name resolution"):
                await stranger.exchange(tcp(6))
            await stranger.close()

    monkeypatch.setattr("socket.getaddrinfo", resolve)
    run(scenario())
