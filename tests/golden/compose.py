"""Compose a bus transcript from a simulated instrument, whose codec and map share nothing with the driver.

    python -m tests.golden.compose PROFILE MODEL [QUANTITY=VALUE ...] -- "probe meter" "read meter u1 u2"

prints what tests/golden/bus keeps; a reader compares its bytes with the manual before it is kept.
"""

from __future__ import annotations

import asyncio
import sys

from drivers.lines.memory import Answers
from firmware_sim.core.codec import AsciiFramer, pack, parse_rtu
from firmware_sim.core.noise import Noise
from firmware_sim.core.server import serve
from firmware_sim.core.twin import Twin
from firmware_sim.twins import MODELS
from tests.golden.test_drivers_bus import Transcript, VirtualLoop

ANSWER_AFTER_US = 20_000


class Composed(Transcript):
    """Plays commands against an instrument instead of a list of answers."""

    def __init__(self, text: str, twin: Twin) -> None:
        super().__init__(text)
        self._twin = twin

    def _device(self, request: bytes) -> Answers:
        (asked,) = AsciiFramer().feed(request) if request[:1] == b":" else parse_rtu(request)
        answer = serve(self._twin, asked.pdu, self.time.us / 1e6) if asked.unit == self._twin.unit else None
        if answer is None:
            return []
        frame = pack(asked, answer.pdu)
        return [(ANSWER_AFTER_US + round(len(frame) * self._timing.character_us), frame)]


def compose(profile: str, model: str, values: dict[str, float], commands: list[str], line: str = "baud=9600") -> str:
    """Return the transcript of commands to device `meter`, unit 1, on a line with these settings."""
    head = [
        f"# {profile}: {', '.join(command.split()[0] for command in commands)}.",
        f"# Origin: composed from the simulated {model}. Verified by: code (own map, own CRC).",
        f"line {line} timeout_s=0.5 quiet_pause_s=0.5",
        f"device meter profile={profile} unit=1",
        *commands,
    ]
    transcript = Composed("\n".join(head), MODELS[model](1, Noise(1, model), values=values))
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(transcript.time)) as runner:
        written = runner.run(transcript.play())
    return "\n".join([*head[:2], written, ""])


if __name__ == "__main__":
    names, commands = sys.argv[1 : sys.argv.index("--")], sys.argv[sys.argv.index("--") + 1 :]
    quantities = {name: float(value) for name, _, value in (pair.partition("=") for pair in names[2:])}
    sys.stdout.write(compose(names[0], names[1], quantities, commands))
