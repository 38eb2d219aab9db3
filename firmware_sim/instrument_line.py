"""A serial line on a pseudo-terminal whose instruments speak something else than Modbus."""

from __future__ import annotations

import contextlib
import math
import os
import select
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from firmware_sim.core.instrument import Instrument, InstrumentFaults, InstrumentWire
from firmware_sim.core.noise import Noise
from firmware_sim.line import PtyLine
from firmware_sim.models import InstrumentLineConfig
from firmware_sim.twins.instruments import INSTRUMENTS

_READ_BYTES: Final = 4096
_MIN_WAIT_S: Final = 0.0002
"""A talker of a short period must not keep the thread from its host."""


@dataclass(slots=True)
class InstrumentLineCounters:
    """What a line has seen; `frames` by instrument and by what became of them."""

    heard_bytes: int
    sent_bytes: int
    frames: dict[str, dict[str, int]]


def built(config: InstrumentLineConfig, seed: int) -> dict[str, Instrument]:
    """Return the instruments of a line by their names."""
    return {
        one.id: INSTRUMENTS[one.model](
            Noise(seed, f"{one.id}/noise"),
            address=one.address,
            period_s=one.period_s,
            values=one.values,
            faults=InstrumentFaults(**one.faults.model_dump()),
        )
        for one in config.instruments
    }


class InstrumentLine(PtyLine):
    """One line; parity and breaks do not cross a pseudo-terminal, the rest is as on a real line."""

    def __init__(
        self, config: InstrumentLineConfig, instruments: Mapping[str, Instrument], simulated_s: Callable[[], float]
    ) -> None:
        super().__init__(config.id, config.link, config.baud)
        self._simulated_s = simulated_s
        self.config = config
        self.instruments = instruments
        self._char_s = (1 + config.data_bits + (config.parity != "N") + config.stop_bits) / config.baud
        self._wire = self._new_wire()

    def _new_wire(self) -> InstrumentWire:
        members: Sequence[Instrument] = tuple(self.instruments.values())
        return InstrumentWire(members, char_s=self._char_s, now_s=time.monotonic())

    @property
    def counters(self) -> InstrumentLineCounters:
        """What the line has seen."""
        frames = {name: dict(one.counters) for name, one in self.instruments.items()}
        return InstrumentLineCounters(self._wire.heard_bytes, self._wire.sent_bytes, frames)

    def status(self) -> dict[str, Any]:
        """Return the truth: the quantities, and what became of the frames."""
        self._tell_time()
        told: dict[str, dict[str, Any]] = {"values": {}, "drifting": {}, "flat": {}, "active_faults": {}}
        for name, one in self.instruments.items():
            for key, value in {**one.measuring(), "active_faults": one.active_faults()}.items():
                told[key][name] = value
        return {**told, **asdict(self.counters)}

    def _tell_time(self) -> None:
        now_s = self._simulated_s()
        for one in self.instruments.values():
            one.simulated_s = now_s

    def _prepare(self) -> None:
        self._wire = self._new_wire()

    def _run(self) -> None:
        wire = self._wire
        while True:
            deadline_s = wire.deadline_s()
            wait_s = None if deadline_s == math.inf else max(_MIN_WAIT_S, deadline_s - time.monotonic())
            readable, _, _ = select.select([self._device_fd, self._wake_out], [], [], wait_s)
            if self._wake_out in readable:
                return
            self._tell_time()
            if self._device_fd in readable:
                with contextlib.suppress(OSError):
                    wire.hear(os.read(self._device_fd, _READ_BYTES), time.monotonic())
            out = wire.due(time.monotonic())
            if out:
                # A host that reads nothing loses characters, as with a full receive buffer.
                with contextlib.suppress(BlockingIOError):
                    os.write(self._device_fd, out)
