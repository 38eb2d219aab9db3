"""RTU frames over a connection: what a line does around a late answer; in virtual time, over a network in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, cast

import pytest

from config.agent import TcpLine
from drivers.errors import Fault as LineFault
from drivers.errors import FrameError, LineDownError
from drivers.lines.memory import VirtualTime
from drivers.lines.tcp import BABBLE_S, GAP_S, PIECE_S, TcpConnectionLine
from drivers.modbus.frames import RtuExchange, read_pdu
from firmware_sim.core.codec import Request
from firmware_sim.core.counter import Counter as Registers
from firmware_sim.core.faults import Fault
from firmware_sim.core.noise import Noise
from firmware_sim.core.station import Outcome, Station
from tests.system.faulty_reads import UNIT
from tests.unit.field.counted_faults import QUIET_S, TIMEOUT_S, Network

Scenario = Callable[[TcpConnectionLine, "Asked", VirtualTime, Network], Coroutine[Any, Any, None]]


class Asked(Station):
    """A device that notes when which register was asked for."""

    def __init__(self, time: VirtualTime) -> None:
        super().__init__("meter", UNIT, Registers(UNIT, mode="fixed"), Noise(1, "meter"))
        self.times: list[tuple[int, float]] = []
        self._time = time

    def exchange(self, request: Request, now_s: float) -> Outcome:
        self.times.append((int.from_bytes(request.pdu[1:3], "big"), self._time.us / 1e6))
        return super().exchange(request, now_s)


def play(scenario: Scenario) -> None:
    time = VirtualTime()
    station = Asked(time)
    network = Network(time, station, "rtu")
    config = TcpLine(id="net", kind="tcp", host="192.0.2.1", framing="rtu", timeout_s=TIMEOUT_S, quiet_pause_s=QUIET_S)
    line = TcpConnectionLine(config, time)

    async def whole() -> None:
        await scenario(line, station, time, network)
        await line.close()

    with asyncio.Runner(loop_factory=lambda: network) as runner:
        runner.run(whole())


def ask(address: int) -> RtuExchange:
    return RtuExchange(UNIT, read_pdu(3, address, 1))


def test_a_first_connection_waits_for_what_an_earlier_process_asked() -> None:
    async def scenario(line: TcpConnectionLine, station: Asked, time: VirtualTime, _: Network) -> None:
        await line.exchange(ask(1))
        assert station.times[0][1] == pytest.approx(TIMEOUT_S, abs=0.001)
        before_us = time.us
        moment = await line.exchange(ask(2))
        assert (time.us - before_us) / 1e6 == pytest.approx(GAP_S + moment.held_s, abs=1e-4)

    play(scenario)


def test_an_answer_that_comes_twice_is_not_taken_for_the_next_ones() -> None:
    async def scenario(line: TcpConnectionLine, _: Asked, __: VirtualTime, network: Network) -> None:
        await line.exchange(ask(1))

        def again(data: bytes) -> bytes:
            network.spoil = None
            # A serial server hands it to whoever is connected, not to who asked.
            network.call_later(GAP_S - 0.001, network.deliver, cast("Any", None), data)
            return data

        network.spoil = again
        values = []
        for address in (2, 3, 4):
            exchange = ask(address)
            await line.exchange(exchange)
            values.append(int.from_bytes(exchange.payload, "big"))
        assert values == [1000 * UNIT + 2, 1000 * UNIT + 3, 1000 * UNIT + 4]
        assert line.counters.late_bytes == 7

    play(scenario)


def test_after_a_time_out_nothing_is_asked_before_the_quiet_pause_is_over() -> None:
    async def scenario(line: TcpConnectionLine, station: Asked, _: VirtualTime, __: Network) -> None:
        await line.exchange(ask(1))
        station.faults["late"] = Fault(name="late", delay_s=TIMEOUT_S + QUIET_S - 0.01)
        with pytest.raises(FrameError) as caught:
            await line.exchange(ask(2))
        station.faults.clear()
        assert not line.up
        exchange = ask(3)
        await line.exchange(exchange)
        assert exchange.payload == (1000 * UNIT + 3).to_bytes(2, "big")
        assert line.counters.late_bytes == 7
        silence_s = station.times[2][1] - station.times[1][1]
        assert silence_s == pytest.approx(TIMEOUT_S + QUIET_S + PIECE_S, abs=0.02)
        assert caught.value.held_s == pytest.approx(TIMEOUT_S + QUIET_S + PIECE_S, abs=0.001)

    play(scenario)


def test_a_command_that_comes_during_the_pause_goes_before_the_poll_that_waits_in_it() -> None:
    async def scenario(line: TcpConnectionLine, station: Asked, _: VirtualTime, __: Network) -> None:
        station.faults["silent"] = Fault(name="silent")
        with pytest.raises(FrameError):
            await line.exchange(ask(1))
        station.faults.clear()
        polls = [asyncio.create_task(line.exchange(ask(address))) for address in (2, 3)]
        await asyncio.sleep(QUIET_S / 2)
        command = asyncio.create_task(line.exchange(ask(9), urgent=True))
        await asyncio.gather(command, *polls)
        assert [address for address, _ in station.times] == [1, 9, 2, 3]

    play(scenario)


def test_a_damaged_answer_keeps_the_connection_and_the_next_request_waits_for_nothing() -> None:
    async def scenario(line: TcpConnectionLine, station: Asked, _: VirtualTime, network: Network) -> None:
        await line.exchange(ask(1))
        network.spoil = lambda data: data[:-1] + bytes((data[-1] ^ 1,))
        with pytest.raises(FrameError) as caught:
            await line.exchange(ask(2))
        assert caught.value.fault is LineFault.CRC
        network.spoil = None
        await line.exchange(ask(3))
        assert line.counters.opened == 1
        assert station.times[2][1] - station.times[1][1] < 0.02

    play(scenario)


def test_bytes_without_end_fail_the_request_and_the_next_one_tries_again() -> None:
    async def scenario(line: TcpConnectionLine, station: Asked, time: VirtualTime, network: Network) -> None:
        await line.exchange(ask(1))
        station.faults["silent"] = Fault(name="silent")
        with pytest.raises(FrameError):
            await line.exchange(ask(2))
        station.faults.clear()
        begun_us = time.us
        talker = asyncio.create_task(network.talk(b"\x00", every_s=0.01))
        with pytest.raises(FrameError) as caught:
            await line.exchange(ask(3))
        assert caught.value.fault is LineFault.BABBLE
        assert (time.us - begun_us) / 1e6 < BABBLE_S + TIMEOUT_S + QUIET_S + 0.1
        talker.cancel()
        await line.exchange(ask(4))
        assert [address for address, _ in station.times] == [1, 2, 4]

    play(scenario)


def test_who_gives_up_waiting_leaves_the_line_to_the_others() -> None:
    async def scenario(line: TcpConnectionLine, station: Asked, _: VirtualTime, __: Network) -> None:
        polls = [asyncio.create_task(line.exchange(ask(address))) for address in (1, 2, 3)]
        await asyncio.sleep(TIMEOUT_S / 2)
        polls[0].cancel()
        polls[1].cancel()
        await polls[2]
        assert [address for address, _ in station.times] == [3]
        closing = asyncio.create_task(line.exchange(ask(5)))
        await asyncio.sleep(0)
        await line.close()
        await asyncio.wait({closing})
        with pytest.raises(LineDownError):
            await line.exchange(ask(6))

    play(scenario)
