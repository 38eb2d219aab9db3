"""Whatever comes on a line of instruments: the same in any pieces, only FrameError, bounded, found after noise."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.points import FieldPoint
from contract.reading import Cause, Value, quality_of
from drivers.base import Exchange
from drivers.errors import FrameError
from drivers.serial import nmea0183, plantower, sdi12, sds011, sps30, winsen, wxt530
from drivers.serial.exchanges import AskExchange, ListenExchange, Sdi12Exchange, ServiceRequestExchange, ShdlcExchange
from drivers.serial.fields import Fields, Scanner, value_of
from drivers.serial.framing import MAX_LINE_BYTES, BinaryScanner, LineScanner
from drivers.serial.sixbit import checked, sixbit_crc

SCANNERS: dict[str, Callable[[], Scanner]] = {
    "plantower": lambda: BinaryScanner(plantower.PlantowerForm()),
    "sds011": lambda: BinaryScanner(sds011.Sds011Form()),
    "winsen": lambda: BinaryScanner(winsen.WinsenForm()),
    "sps30": lambda: sps30.ShdlcScanner(sps30.READ),
    "nmea0183": lambda: LineScanner(nmea0183.NmeaForm()),
    "wxt530": lambda: LineScanner(wxt530.WxtForm("0", crc=False)),
    "wxt530-crc": lambda: LineScanner(wxt530.WxtForm("0", crc=True)),
}
FRAMES: dict[str, bytes] = {
    "plantower": bytes.fromhex("424d001c00000008000800000008000800d20046002d001e000000009700 02c5"),
    "sds011": bytes.fromhex("aac00600060058d93dab"),
    "winsen": bytes.fromhex("ff86027c42000000ba"),
    "sps30": bytes.fromhex(
        "7e0003002840a783204117 77bb414a5f8341548ddd41d2833e427d33fc8542261722 4229a4d9422a29bc3f55b7e79e7e"
    ),
    "nmea0183": b"$WIMWV,214.8,R,0.1,K,A*28\r\n",
    "wxt530": b"0R1,Dm=106#,Sm=4.0M\r\n",
    "wxt530-crc": b"0r2,Ta=22.7C,Ua=55.5P,Pa=1004.7H@Fn\r\n",
}
names = st.sampled_from(sorted(SCANNERS))
MOST_KEPT = max(MAX_LINE_BYTES, sps30.MAX_STUFFED_BYTES)


@st.composite
def streams(draw: st.DrawFn) -> tuple[str, bytes]:
    """Noise, whole frames, frames with a byte changed, frames cut off."""
    name = draw(names)
    frame = FRAMES[name]
    parts = []
    for _ in range(draw(st.integers(0, 6))):
        kind = draw(st.sampled_from(["noise", "frame", "changed", "cut"]))
        if kind == "noise":
            parts.append(draw(st.binary(max_size=40)))
        elif kind == "frame":
            parts.append(frame)
        elif kind == "cut":
            parts.append(frame[: draw(st.integers(0, len(frame)))])
        else:
            place = draw(st.integers(0, len(frame) - 1))
            parts.append(frame[:place] + draw(st.binary(min_size=1, max_size=1)) + frame[place + 1 :])
    return name, b"".join(parts)


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    return [data[begin:end] for begin, end in pairwise(edges)]


@given(streams(), st.lists(st.integers(0, 300), max_size=12))
def test_any_pieces_give_the_same(stream: tuple[str, bytes], cuts: list[int]) -> None:
    name, data = stream
    whole, cut = SCANNERS[name](), SCANNERS[name]()
    together = whole.feed(data)
    apart: list[Fields] = []
    for piece in pieces(data, cuts):
        apart += cut.feed(piece)
        assert cut.waiting() <= MOST_KEPT
    assert apart == together
    assert (cut.damaged, cut.noise, cut.waiting()) == (whole.damaged, whole.noise, whole.waiting())


@given(names, st.lists(st.binary(max_size=2000), max_size=4))
def test_noise_of_any_length_is_bounded_and_raises_nothing(name: str, noise: list[bytes]) -> None:
    scanner = SCANNERS[name]()
    for piece in noise:
        scanner.feed(piece)
        assert scanner.waiting() <= MOST_KEPT


@given(names, st.binary(max_size=200))
def test_frames_after_noise_are_found_again(name: str, noise: bytes) -> None:
    """The first may be eaten by what the noise began; the third never is."""
    scanner = SCANNERS[name]()
    [sound] = SCANNERS[name]().feed(FRAMES[name])
    found = scanner.feed(noise + 4 * FRAMES[name])
    assert found[-1] == sound
    assert found.count(sound) >= 2


@given(names, st.integers(0, 400), st.integers(1, 255))
def test_one_changed_byte_gives_the_same_values_or_none(name: str, place: int, change: int) -> None:
    if name == "wxt530":
        # Nothing protects a digit of this text: that is why asking with CRC is the default.
        name = "wxt530-crc"
    frame = bytearray(FRAMES[name])
    frame[place % len(frame)] ^= change
    [sound] = SCANNERS[name]().feed(FRAMES[name])
    assert [fields for fields in SCANNERS[name]().feed(bytes(frame)) if fields != sound] == []


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=6))
def test_exchanges_end_in_an_answer_or_a_frame_error(data: bytes, cuts: list[int]) -> None:
    exchanges: list[Exchange] = [
        AskExchange(b"?", SCANNERS["winsen"]),
        ShdlcExchange(sps30.READ_REQUEST, sps30.READ),
        ListenExchange(SCANNERS["nmea0183"], frozenset({"wind_speed"}), 1_000_000),
        Sdi12Exchange(b"0D0!", "0", lambda body: sdi12.values_of(body, crc=False, address="0")),
        Sdi12Exchange(b"0C!", "0", lambda body: sdi12.announced(body, concurrent=True)),
        Sdi12Exchange(b"0I!", "0", sdi12.identity_of),
        ServiceRequestExchange("0", 1.0),
    ]
    for exchange in exchanges:
        for _ in range(2):
            exchange.begin(1)
            try:
                if not any(exchange.feed(piece) for piece in pieces(data, cuts)):
                    ended = exchange.expire()
                    assert ended is None or isinstance(ended, FrameError)
            except FrameError:
                continue


@given(st.binary(max_size=255).filter(bool))
def test_stuffing_is_undone(data: bytes) -> None:
    frame = sps30.frame(sps30.READ, data)
    body = sps30.unstuffed(frame[1:-1])
    assert body[3:-1] == data
    assert frame.count(b"\x7e") == 2
    assert not {0x11, 0x13} & set(frame[1:-1])


@given(st.lists(st.floats(width=32, allow_nan=True), min_size=10, max_size=10))
def test_sps30_floats_come_through_or_are_no_value(numbers: list[float]) -> None:
    data = struct.pack(">10f", *numbers)
    body = bytes((0, sps30.READ, 0, len(data))) + data
    body += bytes((~sum(body) & 0xFF,))
    stuffed = b"".join(
        bytes((0x7D, byte ^ 0x20)) if byte in (0x7E, 0x7D, 0x11, 0x13) else bytes((byte,)) for byte in body
    )
    [fields] = sps30.ShdlcScanner(sps30.READ).feed(b"\x7e" + stuffed + b"\x7e")
    for number, found in zip(numbers, fields.values(), strict=True):
        if not math.isfinite(number) or abs(number) >= 1e30:
            assert found is Cause.SENTINEL
        else:
            assert struct.pack(">f", float(str(found))) == struct.pack(">f", number)


values = st.lists(
    st.decimals(-9_999_999, 9_999_999, places=2, allow_nan=False, allow_infinity=False), min_size=1, max_size=9
)


@given(values, st.sampled_from("0aZ"), st.booleans())
def test_sdi12_values_come_back(numbers: list[float], address: str, crc: bool) -> None:
    texts = [f"{number:+.6g}" if abs(number) < 1000 else f"{number:+.0f}" for number in numbers]
    body = "".join(texts).encode("ascii")
    if crc:
        body += sixbit_crc(address.encode("ascii") + body)
    assert sdi12.values_of(body, crc=crc, address=address) == tuple(float(text) for text in texts)


@given(st.binary(min_size=1, max_size=80), st.integers(0, 90), st.integers(1, 255))
def test_the_crc_of_six_bits_sees_every_changed_byte(data: bytes, place: int, change: int) -> None:
    sealed = bytearray(data + sixbit_crc(data))
    assert checked(bytes(sealed)) == data
    sealed[place % len(sealed)] ^= change
    assert checked(bytes(sealed)) is None


@given(st.one_of(st.floats(), st.integers(-(2**70), 2**70), st.text(max_size=5), st.booleans(), st.sampled_from(Cause)))
@pytest.mark.parametrize("kind", ["number", "integer", "bool", "text"])
def test_a_field_becomes_a_value_or_a_cause(kind: str, found: Value | Cause) -> None:
    facts = {"key": "k", "en": "e", "vi": "v", "field": "f", "low": -9, "high": 9}
    spec = FieldPoint.model_validate({**facts, "type": kind})
    value, cause = value_of(spec, found)
    if isinstance(found, Cause):
        assert (value, cause) == (None, found)
    elif value is None:
        assert quality_of(cause).name == "BAD"
    else:
        assert cause is Cause.OK
        assert isinstance(value, str) if kind == "text" else -9 <= float(value) <= 9
