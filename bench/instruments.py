"""Serial instruments in large numbers: `python -m bench.instruments [INPUTS] [FRAMES] [SEED]`, one line of JSON.

The parsers are fed INPUTS streams (10^6) of noise, sound, changed and cut frames: anything but FrameError, and anything
kept beyond its bound, ends the run. Then every family sends FRAMES frames (10,000), more than one in a hundred damaged
and one in twenty missing, in virtual time: a value that was never sent ends it as well.
"""

from __future__ import annotations

import json
import random
import sys
from typing import Any, Final

from drivers.errors import FrameError
from drivers.serial import sdi12
from drivers.serial.exchanges import Sdi12Exchange
from tests.property.drivers.test_serial_parsers import FRAMES, MOST_KEPT, SCANNERS
from tests.unit.drivers import test_instruments_noise as noise

INPUTS: Final = 1_000_000
FRAMES_EACH: Final = 10_000


def stream(draw: random.Random, frame: bytes) -> bytes:
    """Return some frames as a bad line gives them."""
    parts = []
    for _ in range(draw.randint(1, 3)):
        kind = draw.randrange(4)
        if kind == 0:
            parts.append(draw.randbytes(draw.randint(0, 30)))
        elif kind == 1:
            parts.append(frame)
        elif kind == 2:
            parts.append(frame[: draw.randint(0, len(frame))])
        else:
            changed = bytearray(frame)
            changed[draw.randrange(len(changed))] = draw.randrange(256)
            parts.append(bytes(changed))
    return b"".join(parts)


def fuzz(inputs: int, seed: int) -> dict[str, int]:
    """Feed every parser; return how many inputs each got."""
    draw = random.Random(seed)
    fed: dict[str, int] = {}
    answers = [b"000203\r\n", b"0+3.14OqZ\r\n", b"014VEGA    PSC 2100143210123\r\n"]
    names = sorted(SCANNERS)
    scanners = {name: SCANNERS[name]() for name in names}
    for number in range(inputs):
        name = (*names, "sdi12")[number % (len(names) + 1)]
        fed[name] = fed.get(name, 0) + 1
        if name == "sdi12":
            answer(stream(draw, draw.choice(answers)))
            continue
        scanners[name].feed(stream(draw, FRAMES[name]))
        if scanners[name].waiting() > MOST_KEPT:
            raise AssertionError(f"{name} keeps {scanners[name].waiting()} bytes")
    return fed


def answer(data: bytes) -> None:
    """Give one stream to every kind of SDI-12 answer."""
    for exchange in (
        Sdi12Exchange(b"0D0!", "0", lambda body: sdi12.values_of(body, crc=True, address="0")),
        Sdi12Exchange(b"0C!", "0", lambda body: sdi12.announced(body, concurrent=True)),
        Sdi12Exchange(b"0I!", "0", sdi12.identity_of),
    ):
        exchange.begin(1)
        try:
            exchange.feed(data)
        except FrameError:
            continue


def run(inputs: int = INPUTS, frames: int = FRAMES_EACH, seed: int = 1) -> dict[str, Any]:
    """Return what was fed and read; wrong values end the run with an AssertionError that names them."""
    fed = fuzz(inputs, seed)
    noise.FRAMES = frames
    for name in noise.FAMILIES:
        noise.test_noise_and_missing_frames_give_no_wrong_value(name, seed)
    return {"inputs": fed, "frames_a_family": frames, "families": len(noise.FAMILIES), "seed": seed, "wrong": 0}


if __name__ == "__main__":
    print(json.dumps(run(*(int(argument) for argument in sys.argv[1:]))))
