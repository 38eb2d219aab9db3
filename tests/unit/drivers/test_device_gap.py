"""A device that needs a pause between requests: commands to it overtake its own poll in the line's queue."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque

import pytest

from config.agent import Allowed, DeviceConfig
from config.profile import load_modbus_profile
from drivers.base import Exchange, Framing, LineCounters, Moment
from drivers.modbus.driver import ModbusDriver
from drivers.registry import build_driver
from tests.unit.edge_agent.virtual_agent import VirtualClock, run_virtual

GAP_S = 0.5
ANSWER_S = 0.1
BOARD = load_modbus_profile("waveshare-relay-d")
LIMITS = BOARD.limits.model_copy(update={"gap_s": GAP_S})


class QueueLine:
    """One request at a time, commands first, others in their order; each takes ANSWER_S."""

    framing: Framing = "tcp"
    id = "queue"
    up = True

    def __init__(self, clock: VirtualClock) -> None:
        self.counters = LineCounters()
        self.sent: list[tuple[float, bytes]] = []
        self._clock = clock
        self._busy = False
        self._urgent: deque[asyncio.Future[None]] = deque()
        self._waiting: deque[asyncio.Future[None]] = deque()
        self.coil = False

    async def exchange(self, exchange: Exchange, *, urgent: bool = False) -> Moment:
        if self._busy:
            turn = asyncio.get_running_loop().create_future()
            (self._urgent if urgent else self._waiting).append(turn)
            await turn
        self._busy = True
        try:
            request = exchange.begin(len(self.sent))
            pdu = request[7:]
            self.sent.append((self._clock.now_s, pdu))
            await asyncio.sleep(ANSWER_S)
            if pdu[0] == 5:
                self.coil = pdu[3] == 0xFF
                answer = pdu
            else:
                size = (int.from_bytes(pdu[3:5], "big") + 7) // 8
                answer = bytes((pdu[0], size)) + (bytes([self.coil]) + bytes(size - 1))
            assert exchange.feed(request[:4] + (len(answer) + 1).to_bytes(2, "big") + request[6:7] + answer)
            return Moment(self._clock.wall_ms(), self._clock.monotonic_ms())
        finally:
            self._pass_on()

    async def others(self, seconds: float) -> None:
        """Keep the line for requests of another device."""
        assert not self._busy
        self._busy = True
        await asyncio.sleep(seconds)
        self._pass_on()

    def _pass_on(self) -> None:
        self._busy = False
        for queue in (self._urgent, self._waiting):
            while queue:
                turn = queue.popleft()
                if not turn.done():
                    self._busy = True
                    turn.set_result(None)
                    return

    async def close(self) -> None:
        """Nothing to close."""


def _driver(line: QueueLine, clock: VirtualClock) -> ModbusDriver:
    config = DeviceConfig(id="board", profile="waveshare-relay-d", line="queue", unit=1)
    profile = BOARD.model_copy(update={"limits": LIMITS})
    driver = build_driver(config, profile, line, clock, (Allowed(point="board/k1"),))
    assert isinstance(driver, ModbusDriver)
    return driver


def test_a_command_does_not_wait_for_its_device_s_queued_poll() -> None:
    clock = VirtualClock()
    line = QueueLine(clock)
    driver = _driver(line, clock)
    relay = next(point for point in driver.points if point.key == "k1")

    async def scenario() -> None:
        busy = asyncio.create_task(line.others(3.0))
        await asyncio.sleep(0)
        poll = asyncio.create_task(driver.read((relay,)))
        await asyncio.sleep(1.0)
        command = asyncio.create_task(driver.write(relay, True))
        reading = await command
        assert reading.value is True
        block = await poll
        assert block.values == (True,)
        await busy

    run_virtual(clock, scenario())
    began_s, functions = 1000.0, [pdu[0] for _, pdu in line.sent]
    # The write goes out in the first gap of the line, its read-back next, the poll last.
    assert functions == [5, 1, 1]
    assert line.sent[0][0] == pytest.approx(began_s + 3.0)
    starts = [at_s for at_s, _ in line.sent]
    assert all(later - earlier >= ANSWER_S + GAP_S for earlier, later in itertools.pairwise(starts))


def test_a_command_waits_for_a_poll_that_is_on_the_wire_and_for_the_gap_after_it() -> None:
    clock = VirtualClock()
    line = QueueLine(clock)
    driver = _driver(line, clock)
    relay = next(point for point in driver.points if point.key == "k1")

    async def scenario() -> None:
        poll = asyncio.create_task(driver.read((relay,)))
        await asyncio.sleep(ANSWER_S / 2)
        assert (await driver.write(relay, True)).value is True
        assert (await poll).values == (False,)

    run_virtual(clock, scenario())
    assert [pdu[0] for _, pdu in line.sent] == [1, 5, 1]
    assert line.sent[1][0] - line.sent[0][0] == pytest.approx(ANSWER_S + GAP_S, abs=0.002)


def test_a_poll_that_is_cancelled_while_it_waits_leaves_the_device_free() -> None:
    clock = VirtualClock()
    line = QueueLine(clock)
    driver = _driver(line, clock)
    relay = next(point for point in driver.points if point.key == "k1")

    async def scenario() -> None:
        busy = asyncio.create_task(line.others(1.0))
        await asyncio.sleep(0)
        poll = asyncio.create_task(driver.read((relay,)))
        await asyncio.sleep(0.1)
        poll.cancel()
        with pytest.raises(asyncio.CancelledError):
            await poll
        await busy
        assert (await driver.read((relay,))).values == (False,)

    run_virtual(clock, scenario())
    assert len(line.sent) == 1
