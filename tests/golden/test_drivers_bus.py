"""Bus transcripts: what the driver sends, when, and what it makes of the answers.

A transcript (tests/golden/bus/*.txt) is read and compared as text. Lines:

    # comment
    line baud=9600 timeout_s=0.5 quiet_pause_s=0.5      the serial line; any key of it, such as framing=ascii
    device meter profile=eastron-sdm630 unit=1          a device on it; write=k1,k2 permits writing
    read meter u1 u2 | write relay k1 true | probe meter
        500000 >> 01 04 00 00 00 02 71 cb               sent: virtual microseconds since the start, bytes
        530000 << 01 04 04 43 67 af 55 e2 10            arrived: the last of these bytes
    = u1 231.68489 ok at 530                            key, value, cause, milliseconds
    ! TransientError timeout                            the error instead

Time stands still but for waiting, so every silence on the line can be read off.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.agent import Allowed, DeviceConfig, SerialLine
from config.profile import load_modbus_profile
from contract.reading import Block, Reading
from drivers.base import Driver
from drivers.errors import DriverError
from drivers.lines.bus import BusTiming
from drivers.lines.memory import Answers, MemoryLine, MemoryPort, VirtualTime
from drivers.registry import build_driver

TRANSCRIPTS = sorted((Path(__file__).parent / "bus").glob("*.txt"))
COMMANDS = ("read", "write", "probe")


class _VirtualSelector(selectors.SelectSelector):
    """Moves the time to the loop's next timer instead of waiting for it."""

    def __init__(self, time: VirtualTime) -> None:
        super().__init__()
        self._time = time

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        # A part of a microsecond is one: time that stands still would wake nobody.
        self._time.us += max(1, round(timeout * 1_000_000)) if timeout else 0
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self, virtual: VirtualTime) -> None:
        super().__init__(_VirtualSelector(virtual))
        self._virtual = virtual

    def time(self) -> float:
        return self._virtual.us / 1_000_000


class Transcript:
    """Plays a transcript's answers and writes down what happens."""

    def __init__(self, text: str) -> None:
        self.script = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
        self.written: list[str] = []
        self.time = VirtualTime()
        self._answers = self._scripted_answers()
        self._drivers: dict[str, Driver] = {}
        self._logged = 0

    def _scripted_answers(self) -> Iterator[list[tuple[int, bytes]]]:
        """Yield what arrives after each request, until the next request."""
        frames: list[tuple[int, bytes]] | None = None
        for line in self.script:
            at_us, _, rest = line.partition(" ")
            if rest.startswith(">>"):
                if frames is not None:
                    yield frames
                frames = []
            elif rest.startswith("<<") and frames is not None:
                frames.append((int(at_us), bytes.fromhex(rest[2:])))
        if frames is not None:
            yield frames

    def _device(self, request: bytes) -> Answers:
        sent_us = self.time.us + round(len(request) * self._timing.character_us)
        return [(at_us - sent_us, data) for at_us, data in next(self._answers, [])]

    async def play(self) -> str:
        for line in self.script:
            word, *rest = line.split()
            if word == "line":
                self._open(dict(pair.split("=") for pair in rest))
            elif word == "device":
                self._add(rest[0], dict(pair.split("=") for pair in rest[1:]))
            elif word not in COMMANDS:
                continue
            self.written.append(line)
            if word in COMMANDS:
                await self._command(word, self._drivers[rest[0]], rest[1:])
        return "\n".join(self.written)

    def _open(self, settings: dict[str, str]) -> None:
        numbers = {key: float(value) for key, value in settings.items() if key not in {"framing", "parity"}}
        config = SerialLine.model_validate({"id": "bus", "kind": "serial", "port": "memory", **settings, **numbers})
        self._timing = BusTiming.of(config)
        self._port = MemoryPort(self.time, self._timing.character_us, self._device)
        self._line = MemoryLine(self._port, self._timing, framing=config.framing)

    def _add(self, name: str, settings: dict[str, str]) -> None:
        device = DeviceConfig(id=name, profile=settings["profile"], line="bus", unit=int(settings["unit"]))
        allowed = [Allowed(point=f"{name}/{key}") for key in settings.get("write", "").split(",") if key]
        self._drivers[name] = build_driver(device, load_modbus_profile(device.profile), self._line, self.time, allowed)

    async def _command(self, word: str, driver: Driver, rest: list[str]) -> None:
        by_key = {point.key: point for point in driver.points}
        found: Block | Reading | DriverError | None
        try:
            if word == "read":
                found = await driver.read(tuple(by_key[key] for key in rest))
            elif word == "write":
                found = await driver.write(by_key[rest[0]], rest[1] == "true")
            else:
                found = await driver.probe()
        except DriverError as error:
            found = error
        for at_us, direction, data in self._port.log[self._logged :]:
            self.written.append(f"{at_us} {direction} {data.hex(' ')}")
        self._logged = len(self._port.log)
        if isinstance(found, Block):
            self.written += map(self._shown, found.readings())
        elif isinstance(found, Reading):
            self.written.append(self._shown(found))
        elif found is not None:
            self.written.append(f"! {type(found).__name__} {found.cause}")

    def _shown(self, reading: Reading) -> str:
        key = reading.point.partition("/")[2]
        return f"= {key} {reading.value} {reading.cause} at {reading.observed_at_ms - self.time.epoch_ms}"


@pytest.mark.parametrize("file", TRANSCRIPTS, ids=lambda file: file.stem)
def test_the_bus_is_as_the_transcript_says(file: Path) -> None:
    transcript = Transcript(file.read_text(encoding="utf-8"))
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(transcript.time)) as runner:
        written = runner.run(transcript.play())
    assert written.splitlines() == transcript.script


def test_there_are_transcripts() -> None:
    assert len(TRANSCRIPTS) >= 8
