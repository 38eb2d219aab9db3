"""Reads a device that answers wrongly on purpose until every fault was seen often enough, however slow the machine is.

Register r of unit u holds (u * 1000 + r) mod 65536, so that any mix-up is a wrong value.
"""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections import Counter, deque
from collections.abc import Mapping
from typing import Final

from config.points import RegisterPoint
from config.profile import ModbusProfile, Source
from contract.reading import Cause
from drivers.base import DevicePoint, LineCounters
from drivers.errors import DriverError
from drivers.modbus.driver import ModbusDriver

UNIT: Final = 5
READS: Final = 670
"""Of each seed, so that three of them make 2,000."""
RIGHT_READS: Final = 400
READS_OF_EACH_FAULT: Final = 5
MOST_READS: Final = 6 * READS
NO_FAULT: Final = "none"
UNSEEN: Final = "unseen"
STALLED: Final = "stalled"
_READS_BETWEEN: Final = 20
"""So many other windows are read before one comes again: what was asked is known by its address."""


class SystemClock:
    def wall_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic_ms(self) -> int:
        return time.monotonic_ns() // 1_000_000


def register(unit: int, address: int) -> int:
    return (unit * 1000 + address) & 0xFFFF


def point(address: int) -> DevicePoint:
    spec = RegisterPoint(key=f"r{address}", en="", vi="", table="holding", address=address, type="uint16")
    return DevicePoint(spec.key, spec)


def expected(window: tuple[DevicePoint, ...]) -> tuple[int, ...]:
    return tuple(register(UNIT, one.register.address) for one in window)


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


class Asked:
    """What was asked and which fault answered it, by the first register; the reader and the device both write here."""

    def __init__(self, *, timeout_s: float, promise_s: float = math.inf) -> None:
        """Prepare.

        Args:
            timeout_s: Of the line.
            promise_s: An answer that comes later than this after its request may be taken for another's.
        """
        self.timeout_s = timeout_s
        self._promise_s = promise_s
        self._sent_s: dict[int, float] = {}
        self._faults: dict[int, str] = {}
        self._answers: deque[tuple[float, float]] = deque(maxlen=3)

    def begin(self, address: int) -> None:
        self._faults.pop(address, None)
        self.send(address)

    def send(self, address: int) -> None:
        """Note that the request goes out now, for a line that may wait before it sends."""
        self._sent_s[address] = time.monotonic()

    def age_s(self, address: int) -> float:
        return time.monotonic() - self._sent_s[address]

    def answer(self, address: int, fault: str | None) -> None:
        """Note the fault, before the answer goes out."""
        self._faults[address] = fault or NO_FAULT
        self._answers.append((self._sent_s[address], math.inf))

    def answered(self, address: int) -> None:
        """Note that the answer is out."""
        self._answers.append((self._sent_s[address], time.monotonic()))

    def judged(self, address: int, outcome: str) -> str:
        """Return whose doing an outcome was: a fault's, or STALLED where the machine held up what was to come."""
        fault = self._faults.get(address, UNSEEN)
        if outcome == "wrong":
            now_s = time.monotonic()
            is_late = any(min(ended_s, now_s) - sent_s > self._promise_s for sent_s, ended_s in self._answers)
            return STALLED if is_late else fault
        if fault == NO_FAULT and outcome != "right" and self.age_s(address) >= self.timeout_s:
            return STALLED  # the answer was held up between its pieces
        return fault


Outcomes = Counter[tuple[str, str]]


def is_covered(outcomes: Outcomes, causes: Mapping[str, set[Cause]]) -> bool:
    return (
        sum(outcomes.values()) >= READS
        and outcomes[NO_FAULT, "right"] >= RIGHT_READS
        and all(_times(outcomes, fault, wanted) >= READS_OF_EACH_FAULT for fault, wanted in causes.items())
    )


async def read_until_covered(
    driver: ModbusDriver, counters: LineCounters, asked: Asked, causes: Mapping[str, set[Cause]], seed: int
) -> Outcomes:
    """Read windows at random; return how often each fault gave each outcome.

    Args:
        driver: Reads the device under test; one request a window.
        counters: Those of its line.
        asked: The ledger that the device writes its faults into.
        causes: What each fault must become.
        seed: Of windows and moments.

    Raises:
        AssertionError: MOST_READS were not enough.
    """
    phase = random.Random(seed)
    recent: deque[int] = deque(maxlen=_READS_BETWEEN)
    outcomes: Outcomes = Counter()
    for _ in range(MOST_READS):
        if is_covered(outcomes, causes):
            return outcomes
        place = phase.choice([place for place in range(len(WINDOWS)) if place not in recent])
        recent.append(place)
        window = WINDOWS[place]
        address = window[0].register.address
        # Every moment of the line is hit, not only the one right after the last answer.
        await asyncio.sleep(phase.choice([0, 0, phase.uniform(0, 0.003)]))
        requests = counters.requests
        asked.begin(address)
        try:
            block = await driver.read(window)
            outcome = "right" if block.values == expected(window) else "wrong"
        except DriverError as error:
            outcome = error.cause
        if counters.requests == requests:
            # A machine that stalls past the time-out opens no connection, and the line backs off: nothing was read.
            assert outcome == Cause.LINE_DOWN
            await asyncio.sleep(0.02)
            continue
        assert counters.requests == requests + 1
        outcomes[asked.judged(address, outcome), outcome] += 1
        assert outcomes[NO_FAULT, "right"] or sum(outcomes.values()) < READS, f"not one right answer: {outcomes}"
    raise AssertionError(f"{MOST_READS} reads did not show every fault often enough: {outcomes}")


def assert_nothing_wrong(outcomes: Outcomes, causes: Mapping[str, set[Cause]]) -> None:
    """Check that no value was wrong, and each fault its own cause or, on a machine that stalls, a time-out."""
    assert [found for found in outcomes if found[1] == "wrong" and found[0] != STALLED] == []
    assert is_covered(outcomes, causes), outcomes
    allowed: dict[str, set[str]] = {fault: {*wanted, Cause.TIMEOUT} for fault, wanted in causes.items()}
    # A late answer that a stalled reader finds as early as its time-out is right, and taken.
    allowed |= {NO_FAULT: {"right"}, UNSEEN: {Cause.TIMEOUT}}
    allowed["late"].add("right")
    assert {found for found in outcomes if found[0] != STALLED and found[1] not in allowed[found[0]]} == set()


def _times(outcomes: Outcomes, fault: str, causes: set[Cause]) -> int:
    return sum(outcomes[fault, cause] for cause in causes)
