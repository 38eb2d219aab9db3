"""Every parser of the field under damaged input: `python -m bench.fuzz [N] [SEED] [PARSER …]`, one line of JSON.

N inputs for each parser (10^6); a profile file takes as long as two hundred frames, so those get N / 200. Inputs are
sound frames and files with bytes or lines changed, cut, doubled, put in, and noise. What a parser may do is to give an
answer or to raise the error that its callers catch; anything else ends the run, and so does a value that is no number,
a finding without a place, and bytes kept beyond a bound.
"""

from __future__ import annotations

import json
import math
import random
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.instruments import answer, stream
from config.errors import ConfigErrors
from config.loader import load_text
from config.points import RegisterPoint
from config.profile import InstrumentProfile, ModbusProfile, load_modbus_profile, load_profile, shipped_profiles
from contract.reading import Cause, Quality, Value, quality_of
from drivers.base import Exchange
from drivers.errors import FrameError
from drivers.modbus.ascii_frames import AsciiExchange
from drivers.modbus.captured import HexError, parse_capture, parse_hex
from drivers.modbus.explain import explain
from drivers.modbus.explain_registers import explain_registers, parse_registers
from drivers.modbus.frames import MAX_TCP_FRAME, RtuExchange, TcpExchange, crc16, read_pdu, write_coil_pdu
from drivers.modbus.values import decode
from edge_agent.core.poll_cost import costs_of
from edge_agent.core.profile_review import review
from tests.property.drivers.test_serial_parsers import FRAMES, MOST_KEPT, SCANNERS

INPUTS: Final = 1_000_000
SLOWER: Final = 200
"""How many frames take as long as a profile."""
SMALL_PROFILE: Final = """\
profile: forms
version: "1"
device_class: test
en: forms
vi: các dạng
source: {manual: none, page: none, origin: composed, verified_by: manual}
limits: {max_registers: 60, forbidden: [[holding, 900, 910]]}
start: [{table: holding, address: 9, values: [1]}]
probe: {point: level, low: 1, high: 9, also: [{point: serial, begins: A}]}
setup: [{point: timeout, want: 60, en: why, vi: sao}]
points:
  - {key: oxygen, en: a, vi: b, unit: mg/L, table: holding, address: 0, type: float32, quality: {address: 2, good: [0]}}
  - {key: power, en: a, vi: b, unit: W, table: holding, address: 10, type: int16, exponent: {address: 12, type: int16}}
  - {key: volume, en: a, vi: b, unit: m³, table: holding, address: 20, type: int32, addend: {address: 22, type: int16}}
  - {key: level, en: a, vi: b, unit: m, table: input, address: 30, type: uint16, scale: 0.1, sentinels: [65535]}
  - {key: mode, en: a, vi: b, table: holding, address: 40, type: uint16, bits: [4, 7], labels: {0: "off", 3: auto}}
  - {key: alarm, en: a, vi: b, table: holding, address: 40, type: bool, bits: [0, 0], poll: fast, urgent: true}
  - {key: serial, en: a, vi: b, table: holding, address: 50, type: string, registers: 2, order: BADC, poll: once}
  - {key: digits, en: a, vi: b, table: holding, address: 60, type: bcd32, order: CDAB, scale: 0.01}
  - {key: total, en: a, vi: b, table: holding, address: 62, type: int64, order: DCBA}
  - {key: precise, en: a, vi: b, table: input, address: 66, type: float64, low: -5, high: 5}
  - {key: timeout, en: a, vi: b, unit: s, table: holding, address: 70, type: uint16}
  - {key: k1, en: a, vi: b, table: coil, address: 0, type: bool, writable: true}
"""
FORMS: Final = load_text(SMALL_PROFILE, Path("forms.yaml"), ModbusProfile)
METER: Final = load_modbus_profile("eastron-sdm630")
_WORDS: Final = (
    "holding",
    "coil",
    "uint16",
    "float32",
    "true",
    "null",
    "[",
    "{",
    "- ",
    ": ",
    "&a ",
    "*a",
    "!!int ",
    "'",
    "|",
)


@dataclass(slots=True)
class Tally:
    """What came of the inputs of a parser.

    Attributes:
        inputs: How many it got.
        taken: How many it made something of; the others were refused by name.
    """

    inputs: int = 0
    taken: int = 0


Parser = Callable[[random.Random], bool]
"""Feeds one input; returns whether something was made of it. Raises for what must never be."""


def damaged(draw: random.Random, frame: bytes) -> bytes:
    """Return a frame as it is, or changed in a few places."""
    data = bytearray(frame)
    for _ in range(draw.choice((0, 1, 1, 2, 4))):
        place = draw.randrange(len(data) + 1)
        match draw.randrange(5):
            case 0 if place < len(data):
                data[place] = draw.randrange(256)
            case 1:
                data[place:place] = draw.randbytes(draw.randint(1, 4))
            case 2:
                del data[place : place + draw.randint(1, 4)]
            case 3:
                data += data[place:]
            case _:
                del data[place:]
    return bytes(data)


def _expect(kept: bool, what: str) -> None:
    if not kept:
        raise AssertionError(what)


def _requested(draw: random.Random, last: int = 65536 - 125, most: int = 125) -> bytes:
    if draw.randrange(4) == 0:
        return write_coil_pdu(draw.randrange(last), on=draw.random() < 0.5)
    return read_pdu(draw.randint(1, 4), draw.randrange(last), draw.randint(1, most))


def _answer(draw: random.Random, pdu: bytes) -> bytes:
    """Return the PDU of an answer to a request: the right one, or an exception."""
    if draw.randrange(8) == 0:
        return bytes((pdu[0] | 0x80, draw.randrange(256)))
    if pdu[0] == 5:
        return pdu
    count = int.from_bytes(pdu[3:], "big")
    size = 2 * count if pdu[0] > 2 else (count + 7) // 8
    return bytes((pdu[0], size)) + draw.randbytes(size)


def _fed(draw: random.Random, exchange: Exchange, frame: bytes) -> bool:
    """Feed a frame in pieces; return whether it was taken for the answer."""
    data = damaged(draw, frame) if draw.randrange(10) else draw.randbytes(draw.randint(0, 300))
    while data:
        size = draw.randint(1, len(data))
        try:
            if exchange.feed(data[:size]):
                _expect(exchange.surplus() >= 0, "a surplus below nothing")
                return True
        except FrameError as error:
            _expect(bool(str(error)) and bool(error.vi), "an error without its texts")
            return False
        _expect(exchange.missing() > 0, "an answer that is not whole misses nothing")
        data = data[size:]
    _expect(isinstance(exchange.expire(), FrameError), "silence without an error")
    return False


def rtu(draw: random.Random) -> bool:
    """Feed the exchange of RTU frames."""
    unit, pdu = draw.randint(1, 247), _requested(draw)
    exchange = RtuExchange(unit, pdu)
    exchange.begin(0)
    body = bytes((unit,)) + _answer(draw, pdu)
    return _fed(draw, exchange, body + crc16(body))


def tcp(draw: random.Random) -> bool:
    """Feed the exchange of Modbus TCP."""
    unit, pdu, number = draw.randint(0, 255), _requested(draw), draw.randrange(1 << 20)
    exchange = TcpExchange(unit, pdu)
    head = exchange.begin(number)[:4]
    body = bytes((unit,)) + _answer(draw, pdu)
    return _fed(draw, exchange, head + len(body).to_bytes(2, "big") + body)


def ascii_frames(draw: random.Random) -> bool:
    """Feed the exchange of ASCII frames."""
    unit, pdu = draw.randint(1, 247), _requested(draw)
    exchange = AsciiExchange(unit, pdu)
    exchange.begin(0)
    body = bytes((unit,)) + _answer(draw, pdu)
    text = (body + bytes((-sum(body) & 0xFF,))).hex().upper().encode("ascii")
    return _fed(draw, exchange, b":" + text + b"\r\n")


def scanner(name: str) -> Parser:
    """Return what feeds the parser of an instrument, which lives on from one input to the next."""
    parser = SCANNERS[name]()

    def feed(draw: random.Random) -> bool:
        found = parser.feed(stream(draw, FRAMES[name]))
        _expect(parser.waiting() <= MOST_KEPT, f"{name} keeps {parser.waiting()} bytes")
        return bool(found)

    return feed


def sdi12_answer(draw: random.Random) -> bool:
    """Feed the exchanges of SDI-12; they end in an answer or in FrameError, which is caught there."""
    sound = draw.choice((b"000203\r\n", b"0+3.14OqZ\r\n", b"014VEGA    PSC 2100143210123\r\n"))
    answer(stream(draw, sound))
    return True


def _check_value(value: Value | None, cause: Cause) -> None:
    if quality_of(cause) is Quality.BAD:
        _expect(value is None, f"a value that is {cause}")
    elif isinstance(value, float):
        _expect(math.isfinite(value), "a value that is no number")
    else:
        _expect(value is not None, "no value, and no cause")


def values(draw: random.Random) -> bool:
    """Decode the registers of every form of a point."""
    spec: RegisterPoint = draw.choice(FORMS.points)
    registers = draw.choice((draw.randbytes(2 * spec.width), draw.choice((b"\0", b"\xff", b"\x7f")) * 2 * spec.width))
    value, cause = decode(spec, registers)
    _check_value(value, cause)
    return value is not None


def frame_explained(draw: random.Random) -> bool:
    """Explain a captured frame, with its request or with another one."""
    profile = draw.choice((FORMS, METER))
    unit, pdu = draw.randint(1, 247), _requested(draw, 80, 30)
    body = bytes((unit,)) + _answer(draw, pdu)
    framed = draw.choice((body + crc16(body), b"\0\1\0\0" + len(body).to_bytes(2, "big") + body, body))
    request = RtuExchange(unit, pdu).begin(0) if draw.random() < 0.5 else None
    captured = damaged(draw, framed)[:MAX_TCP_FRAME]
    found = explain(profile, captured, request)
    for candidate in found.candidates:
        for point in candidate.points:
            if not point.needs:
                _check_value(point.value, point.cause)
    _expect(all(problem.text("vi") and problem.text("en") for problem in found.problems), "a problem without a text")
    return bool(found.candidates)


def typed(draw: random.Random) -> bool:
    """Read bytes and registers as people type them."""
    good = draw.choice(
        (
            "01 04 04 43 67 af 55 e2 10",
            ":0104044367AF5549",
            "TX: 01 04 00 00 00 02 71 cb RX: 01 04 04 43 67 af 55 e2 10",
            "000700000006010400000002000700000007010404 4367af55",
            r"b'\x01\x04\x04Cg\xafU\xe2\x10'",
            "40001=17234,40002=0x4366",
            "coil:3=on 10001=0",
        )
    )
    text = damaged(draw, good.encode("ascii")).decode("latin-1")
    try:
        if "=" in good:
            explain_registers(FORMS, parse_registers(text))
        else:
            explain(FORMS, parse_hex(text))
            captured = parse_capture(text)
            explain(FORMS, captured.frame, captured.request)
    except HexError as error:
        _expect(bool(error.problem.text("vi")), "a refusal without a text")
        return False
    return True


def _changed_text(draw: random.Random, text: str) -> str:
    lines = text.splitlines()
    for _ in range(draw.choice((1, 1, 2, 3))):
        place = draw.randrange(len(lines))
        line = lines[place]
        at = draw.randrange(len(line) + 1)
        match draw.randrange(7):
            case 0:
                del lines[place : place + 1]
                lines = lines or [""]
            case 1:
                lines.insert(place, draw.choice(lines))
            case 2:
                lines[place] = line[:at] + draw.choice(_WORDS) + line[at:]
            case 3:
                lines[place] = line[:at] + line[at + draw.randint(1, 5) :]
            case 4:
                lines[place] = (
                    line[:at] + chr(draw.choice((0, 9, 34, 39, 58, 91, 123, 233, 0x202E, 0xFEFF, 0x1F600))) + line[at:]
                )
            case 5:
                lines[place] = (
                    line[:at] + str(draw.choice((0, -1, 65536, 2**63, 10**400, 1e308, "nan", ".inf"))) + line[at:]
                )
            case _:
                lines[place] = " " * draw.randint(0, 9) + line.lstrip()
    return "\n".join(lines) + "\n"


def profile_file(draw: random.Random) -> bool:
    """Load a profile as somebody in a hurry leaves it; what loads is reviewed and reckoned."""
    file = Path("mine.yaml")
    model: type[ModbusProfile | InstrumentProfile] = ModbusProfile
    text = SMALL_PROFILE
    if draw.randrange(8) == 0:
        shipped = draw.choice(_INSTRUMENTS)
        text, model = shipped.read_text("utf-8"), InstrumentProfile
    try:
        profile = load_text(_changed_text(draw, text), file, model)
    except ConfigErrors as error:
        _expect(bool(error.problems), "a refusal without a finding")
        for problem in error.problems:
            _expect(problem.line >= 1 and problem.column >= 1 and bool(problem.message), "a finding without a place")
        return False
    errors = [doubt for doubt in review(profile) if doubt.severity == "error"]
    if isinstance(profile, ModbusProfile) and not errors:
        _expect(costs_of(profile)["all"].requests > 0, "points that cost nothing")
    return True


_INSTRUMENTS: Final = [
    file for name, file in shipped_profiles().items() if isinstance(load_profile(name), InstrumentProfile)
]
PARSERS: Final[dict[str, Parser]] = {
    "rtu": rtu,
    "tcp": tcp,
    "ascii": ascii_frames,
    "values": values,
    "decode": frame_explained,
    "typed": typed,
    "profile": profile_file,
    "sdi12": sdi12_answer,
    **{name: scanner(name) for name in sorted(SCANNERS)},
}


def fuzz(name: str, inputs: int, seed: int) -> Tally:
    """Feed a parser.

    Raises:
        AssertionError: It did what it must not; the message names the number of the input, by which it comes again.
    """
    tally = Tally()
    for number in range(inputs):
        tally.inputs += 1
        try:
            tally.taken += PARSERS[name](random.Random(f"{seed} {name} {number}"))
        except Exception as error:
            raise AssertionError(f"{name}, seed {seed}, input {number}: {type(error).__name__}: {error}") from error
    return tally


def run(inputs: int = INPUTS, seed: int = 1, names: list[str] | None = None) -> dict[str, dict[str, int]]:
    """Feed the named parsers, all if none is named; return inputs and how many were taken."""
    found = {}
    for name in names or list(PARSERS):
        tally = fuzz(name, max(1, inputs // SLOWER) if name == "profile" else inputs, seed)
        found[name] = {"inputs": tally.inputs, "taken": tally.taken}
    return found


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[1:] if argument.isdecimal()]
    chosen = [argument for argument in sys.argv[1:] if not argument.isdecimal()]
    amount, beginning = (numbers + [INPUTS, 1][len(numbers) :])[:2]
    print(json.dumps(run(amount, beginning, chosen or None)))
