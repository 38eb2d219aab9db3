"""Counts what reads make of each fault of the simulator on each transport, in virtual time.

The device is the simulator's: its own codec, its own registers. Register r of unit u holds (u * 1000 + r) mod 65536,
so that any mix-up is a wrong value. Serial lines are the bus's own rules over a port in memory; connections are the
real connection line over an event loop whose network is in memory. A serial server hands what its bus says to whoever
is connected then, and keeps it for the next while nobody is: the worst that was met.

Not counted: `previous` where no transaction id can unmask it. A device that answers the question before with a sound
frame of the same shape cannot be told from a sound one by anybody.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

from config.agent import SerialLine, TcpLine
from contract.reading import Cause
from drivers.base import LineCounters
from drivers.errors import DriverError
from drivers.lines.bus import BusTiming
from drivers.lines.memory import Answers, MemoryLine, MemoryPort, VirtualTime
from drivers.lines.tcp import TcpConnectionLine
from drivers.modbus.driver import ModbusDriver
from firmware_sim.core.codec import AsciiFramer, RtuStreamFramer, TcpFramer, parse_rtu
from firmware_sim.core.counter import Counter as Registers
from firmware_sim.core.faults import FAULT_NAMES, Fault, FaultName, Sending, suits
from firmware_sim.core.noise import Noise
from firmware_sim.core.station import Station
from tests.golden.test_drivers_bus import VirtualLoop
from tests.system.faulty_reads import PROFILE, UNIT, WINDOWS, expected

Transport = Literal["rtu", "ascii", "rtu over tcp", "tcp"]
TRANSPORTS: Final[tuple[Transport, ...]] = ("rtu", "ascii", "rtu over tcp", "tcp")
TIMEOUT_S: Final = 0.3
QUIET_S: Final = 0.4
SHARE: Final = 0.4
EXCEPTION_CODES: Final = tuple(range(1, 12))
_TURNAROUND_US: Final = 5_000
_PIECE: Final = 16

_DAMAGED: Final = {Cause.CRC, Cause.PROTOCOL}
_RIGHT: Final = {"right"}
_CAUSES: Final[dict[FaultName, set[Any]]] = {
    "silent": {Cause.TIMEOUT},
    "late": {Cause.TIMEOUT},
    # A cut that leaves one byte of the wrong start is noise.
    "short": {Cause.PROTOCOL},
    "crc": _DAMAGED,
    "wrong_unit": {Cause.PROTOCOL},
    "wrong_function": {Cause.PROTOCOL},
    "wrong_transaction": {Cause.PROTOCOL},
    "too_few": {Cause.PROTOCOL},
    "too_many": {Cause.PROTOCOL},
    "length_lie": _DAMAGED,
    "busy": {Cause.REFUSED},
    "babble": _DAMAGED,
    "stuck": _DAMAGED,
    "noise_before": _RIGHT | _DAMAGED,
    "noise_after": _RIGHT,
    "previous": {Cause.PROTOCOL, Cause.TIMEOUT},
    "twice": _RIGHT,
    "disconnect": {Cause.LINE_DOWN},
}
_REFUSED: Final[set[Any]] = {Cause.REFUSED}
_UNSUPPORTED: Final[set[Any]] = {Cause.UNSUPPORTED}
_UNREACHED: Final[set[Any]] = {Cause.TIMEOUT}
"""Exceptions 10 and 11: a gateway says that it did not reach the device."""


@dataclass(frozen=True, slots=True)
class Case:
    """One fault on one transport; `code` belongs to exceptions."""

    transport: Transport
    fault: FaultName
    code: int = 6

    @property
    def name(self) -> str:
        """What a report calls it."""
        return f"{self.transport}: {self.fault}" + (f" {self.code}" if self.fault == "exception" else "")

    @property
    def causes(self) -> set[Any]:
        """What a read that met the fault may become."""
        if self.fault == "exception":
            return _UNSUPPORTED if self.code in {1, 2} else _REFUSED if self.code < 10 else _UNREACHED
        return _CAUSES[self.fault]

    def told(self, unit_share: float = SHARE) -> Fault:
        """Return the fault as the station is told of it; late is up to the time-out and the whole quiet pause."""
        longest_s = TIMEOUT_S + (QUIET_S if self.transport != "tcp" else 2.0)
        delay_s, delay_max_s = (TIMEOUT_S * 1.01, longest_s) if self.fault == "late" else (0.0, None)
        return Fault(name=self.fault, share=unit_share, delay_s=delay_s, delay_max_s=delay_max_s, code=self.code)


def all_cases() -> list[Case]:
    """Return every fault that has a meaning on each transport."""
    cases = []
    for transport in TRANSPORTS:
        framing: Any = transport.split()[0]
        for fault in FAULT_NAMES:
            if fault == "previous" and framing != "tcp":
                continue
            if suits(fault, framing, connected="tcp" in transport):
                codes = EXCEPTION_CODES if fault == "exception" else (6,)
                cases += [Case(transport, fault, code) for code in codes]
    return cases


class _Transport(asyncio.Transport):
    """One connection in memory."""

    def __init__(self, network: Network, protocol: asyncio.BufferedProtocol) -> None:
        super().__init__({"socket": _Socket()})
        self.network = network
        self.protocol = protocol
        self.framer: Any = network.framer()
        self.closed = False

    def write(self, data: Any) -> None:
        for request in self.framer.feed(bytes(data)):
            for sending in self.network.station.exchange(request, 0.0).sendings:
                self.network.loop.call_later(
                    _TURNAROUND_US / 1e6 + sending.delay_s, self.network.deliver, self, sending.data
                )

    def is_closing(self) -> bool:
        return self.closed

    def abort(self) -> None:
        if not self.closed:
            self.closed = True
            self.network.loop.call_soon(self.protocol.connection_lost, None)

    close = abort


def _received(protocol: asyncio.BufferedProtocol, data: bytes) -> None:
    """Hand bytes over as a transport does: as much as there is room for at a time."""
    while data:
        room = memoryview(protocol.get_buffer(len(data)))
        part, data = data[: len(room)], data[len(room) :]
        room[: len(part)] = part
        protocol.buffer_updated(len(part))


class _Socket:
    def setsockopt(self, *_: object) -> None:
        return


class Network(VirtualLoop):
    """An event loop whose connections all lead to one station; `spoil` changes what it says."""

    def __init__(self, virtual: VirtualTime, station: Station, framing: str) -> None:
        super().__init__(virtual)
        self.loop = self
        self.station = station
        self.framer: Callable[[], Any] = RtuStreamFramer if framing == "rtu" else TcpFramer
        self._is_serial_server = framing == "rtu"
        self.spoil: Callable[[bytes], bytes] | None = None
        self._open: _Transport | None = None
        self._kept: list[bytes] = []

    async def create_connection(self, protocol_factory: Any, *_: Any, **__: Any) -> Any:  # only what the line uses
        protocol = protocol_factory()
        self._open = transport = _Transport(self, protocol)
        protocol.connection_made(transport)
        for data in self._kept:
            self.call_later(0.001, self.deliver, transport, data)
        self._kept.clear()
        return transport, protocol

    def deliver(self, asked_by: _Transport, data: bytes | None) -> None:
        """Hand over what the device says: a serial server to whoever is there, a device to who asked."""
        to = self._open if self._is_serial_server else asked_by
        if to is None or to.closed:
            if self._is_serial_server and data:
                self._kept.append(data)
        elif data is None:
            to.abort()
        else:
            _received(to.protocol, self.spoil(data) if self.spoil else data)

    async def talk(self, data: bytes, every_s: float) -> None:
        """Say something without being asked, until cancelled."""
        while True:
            if self._open is not None and not self._open.closed:
                _received(self._open.protocol, data)
            await asyncio.sleep(every_s)


def _serial(
    case: Case, station: Station, quiet_s: float
) -> tuple[asyncio.AbstractEventLoop, ModbusDriver, LineCounters]:
    settings: dict[str, Any] = {"framing": case.transport}
    if case.transport == "ascii":
        settings |= {"data_bits": 7, "parity": "E"}
    config = SerialLine(
        id="bus", kind="serial", port="memory", baud=19_200, timeout_s=TIMEOUT_S, quiet_pause_s=quiet_s, **settings
    )
    timing, time = BusTiming.of(config), VirtualTime()

    def device(request: bytes) -> Answers:
        asked = AsciiFramer().feed(request) if case.transport == "ascii" else parse_rtu(request)
        return [piece for one in asked for sending in station.exchange(one, 0.0).sendings for piece in pieces(sending)]

    def pieces(sending: Sending) -> Answers:
        data = sending.data or b""
        at_us = _TURNAROUND_US + sending.delay_s * 1e6
        for start in range(0, len(data), _PIECE):
            piece = data[start : start + _PIECE]
            yield round(at_us + (start + len(piece)) * timing.character_us), piece

    line = MemoryLine(MemoryPort(time, timing.character_us, device), timing, framing=config.framing)
    return VirtualLoop(time), ModbusDriver("meter", UNIT, (), PROFILE, line, time), line.counters


def _connected(
    case: Case, station: Station, quiet_s: float
) -> tuple[asyncio.AbstractEventLoop, ModbusDriver, LineCounters]:
    framing: Any = case.transport.split()[0]
    settings: dict[str, Any] = {"quiet_pause_s": quiet_s} if framing == "rtu" else {}
    config = TcpLine(id="net", kind="tcp", host="192.0.2.1", framing=framing, timeout_s=TIMEOUT_S, **settings)
    time = VirtualTime()
    line = TcpConnectionLine(config, time)
    return Network(time, station, framing), ModbusDriver("meter", UNIT, (), PROFILE, line, time), line.counters


@dataclass(slots=True)
class Result:
    """What the reads of one case gave.

    Attributes:
        outcomes: `right`, or the cause; `wrong` where any value was another than the register's.
        faults: How often the device was at fault.
        counters: Those of the line.
    """

    case: Case
    outcomes: Counter[str]
    faults: int
    counters: LineCounters

    @property
    def wrong(self) -> int:
        """Reads with a wrong value."""
        return self.outcomes["wrong"]

    @property
    def misnamed(self) -> dict[str, int]:
        """Outcomes that the fault must not have."""
        allowed = {str(cause) for cause in self.case.causes} | _RIGHT
        return {outcome: count for outcome, count in self.outcomes.items() if outcome not in allowed}


def count(case: Case, reads: int, seed: int = 1, *, quiet_s: float = QUIET_S) -> Result:
    """Read that often, with the fault in a good third of the answers; the line keeps this quiet pause."""
    station = Station("meter", UNIT, Registers(UNIT, mode="fixed"), Noise(seed, case.name))
    station.faults[case.fault] = case.told()
    loop, driver, counters = (_connected if "tcp" in case.transport else _serial)(case, station, quiet_s)
    outcomes: Counter[str] = Counter()

    async def read_all() -> None:
        phase = random.Random(seed)
        for number in range(reads):
            if case.fault == "exception":
                # What a device says it lacks is not asked for again together; each read begins as after a restart.
                driver._unsupported.clear()
                driver._plans.clear()
            await asyncio.sleep(phase.choice([0.0, 0.0, phase.uniform(0.0, 0.6)]))
            outcomes[await _outcome(driver, number)] += 1

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(read_all())
    return Result(case, outcomes, sum(station.counters.faults.values()), counters)


async def _outcome(driver: ModbusDriver, number: int) -> str:
    window = WINDOWS[number * 7 % len(WINDOWS)]
    try:
        block = await driver.read(window)
    except DriverError as error:
        return str(error.cause)
    for value, wanted in zip(block.values, expected(window), strict=True):
        if value is not None and value != wanted:
            return "wrong"
    return str(next(iter(block.causes.values()))) if block.causes else "right"
