"""Simulated instruments on a line in virtual time: the bus's own rules, the simulator's own codecs."""

from __future__ import annotations

import asyncio
import math
import selectors
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from config.agent import DeviceConfig, SerialLine
from config.profile import InstrumentProfile, load_profile
from drivers.base import Driver
from drivers.lines.bus import BusTiming
from drivers.lines.memory import MemoryLine, MemoryPort, VirtualTime
from drivers.registry import build_driver
from firmware_sim.core.instrument import Instrument, InstrumentWire

Result = TypeVar("Result")
SDI12 = {"baud": 1200, "parity": "E", "data_bits": 7}


class InstrumentPort(MemoryPort):
    """A port at whose far end instruments talk and answer."""

    def __init__(self, time: VirtualTime, character_us: float, instruments: Sequence[Instrument]) -> None:
        super().__init__(time, character_us, lambda _: ())
        self.wire = InstrumentWire(instruments, char_s=character_us / 1e6, now_s=time.us / 1e6)

    def write(self, data: bytes) -> None:
        super().write(data)
        self.wire.hear(data, self.time.us / 1e6)

    def read(self, until_us: int) -> bytes:
        while True:
            if out := self.wire.due(self.time.us / 1e6 + 1e-9):
                self.log.append((self.time.us, "<<", out))
                return out
            due_s = self.wire.deadline_s()
            if due_s == math.inf or math.ceil(due_s * 1e6) > max(until_us, self.time.us):
                self.wait(until_us)
                return b""
            self.wait(math.ceil(due_s * 1e6))


class VirtualSelector(selectors.SelectSelector):
    """Moves the time to the loop's next timer instead of waiting for it."""

    def __init__(self, time: VirtualTime) -> None:
        super().__init__()
        self._time = time

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        assert ready or timeout is not None, "the loop waits for something that never comes"
        if not ready:
            # A part of a microsecond is one: time that stands still would wake nobody.
            self._time.us += max(1, round(timeout * 1_000_000)) if timeout else 0
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self, virtual: VirtualTime) -> None:
        super().__init__(VirtualSelector(virtual))
        self._virtual = virtual

    def time(self) -> float:
        return self._virtual.us / 1_000_000


class Rig:
    """One line with its instruments."""

    def __init__(self, *instruments: Instrument, **line: Any) -> None:
        self.time = VirtualTime(us=1_000_000)
        settings: dict[str, Any] = {"id": "bus", "kind": "serial", "port": "memory", "timeout_s": 0.2, **line}
        config = SerialLine.model_validate(settings)
        timing = BusTiming.of(config)
        self.port = InstrumentPort(self.time, timing.character_us, instruments)
        self.line = MemoryLine(self.port, timing)

    def driver(self, profile: str | InstrumentProfile, *, address: str = "0", device: str = "dev") -> Driver:
        loaded = load_profile(profile) if isinstance(profile, str) else profile
        config = DeviceConfig(id=device, profile=loaded.profile, line="bus", address=address)
        return build_driver(config, loaded, self.line, self.time)

    def run(self, main: Coroutine[Any, Any, Result]) -> Result:
        with asyncio.Runner(loop_factory=lambda: VirtualLoop(self.time)) as runner:
            return runner.run(main)

    @property
    def talk(self) -> list[tuple[str, bytes]]:
        """What passed, with the pieces of an answer put together."""
        joined: list[tuple[str, bytes]] = []
        for _, direction, data in self.port.log:
            if direction == "<<" and joined and joined[-1][0] == "<<":
                joined[-1] = ("<<", joined[-1][1] + data)
            else:
                joined.append((direction, data))
        return joined

    @property
    def requests(self) -> list[bytes]:
        return [data for _, direction, data in self.port.log if direction == ">>"]


def with_settings(profile: str, **settings: str | float | bool) -> InstrumentProfile:
    """Return a shipped profile with other settings."""
    loaded = load_profile(profile)
    assert isinstance(loaded, InstrumentProfile)
    return loaded.model_copy(update={"settings": {**loaded.settings, **settings}})
