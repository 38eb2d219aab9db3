"""Weather transmitters and anemometers that speak in lines of text, with codecs of their own."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import ClassVar, Final

from firmware_sim.core.instrument import MAX_REQUEST_BYTES, Instrument
from firmware_sim.core.instrument_faults import Sent
from firmware_sim.core.measuring import Quantity

ANSWER_S: Final = 0.005


def crc_characters(text: str) -> str:
    """Return the three characters that SDI-12 and Vaisala put behind a text: CRC-16/ARC, six bits each."""
    crc = 0
    for byte in text.encode("ascii"):
        crc ^= byte
        crc = reduce(lambda value, _: value // 2 ^ (0xA001 if value % 2 else 0), range(8), crc)
    return "".join(chr(64 + crc // size % 64) for size in (4096, 64, 1))


class VaisalaWxt530(Instrument):
    """°, m/s, °C, %, hPa, mm, mm/h, V; answers aR0 to aR5, with CRC to ar0 to ar5, or talks.

    Source: messages of running transmitters; the maker's user guide for those with CRC.
    """

    messages: ClassVar[Mapping[int, tuple[tuple[str, str, str], ...]]] = {
        1: (("Dn", "{:03.0f}", "D"), ("Dm", "{:03.0f}", "D"), ("Dx", "{:03.0f}", "D"),
            ("Sn", "{:.1f}", "M"), ("Sm", "{:.1f}", "M"), ("Sx", "{:.1f}", "M")),
        2: (("Ta", "{:.1f}", "C"), ("Ua", "{:.1f}", "P"), ("Pa", "{:.1f}", "H")),
        3: (("Rc", "{:.2f}", "M"), ("Rd", "{:.0f}", "s"), ("Ri", "{:.1f}", "M")),
        5: (("Th", "{:.1f}", "C"), ("Vs", "{:.1f}", "V")),
    }  # fmt: skip
    quantities: ClassVar[Mapping[str, Quantity]] = {
        "Dn": 210.0, "Dm": 214.0, "Dx": 220.0, "Sn": 1.1, "Sm": 4.0, "Sx": 6.6,
        "Ta": 26.0, "Ua": 70.0, "Pa": 928.1, "Rc": 12.25, "Rd": 340.0, "Ri": 1.5, "Th": 27.0, "Vs": 12.2,
    }  # fmt: skip
    check_at = -3
    has_addresses = True
    has_kinds = True
    talk_with_crc = False
    _turn = 0

    def of_another(self, data: bytes) -> bytes:
        """Return the same of the next address."""
        return _ended(next_address(self.address) + _uncounted(data)[1:], with_crc=_is_counted(data))

    def of_another_kind(self, data: bytes) -> bytes:
        """Return the same under another message's number."""
        text = _uncounted(data)
        return _ended(text[:2] + ("2" if text[2] != "2" else "1") + text[3:], with_crc=_is_counted(data))

    def requests(self, heard: bytearray) -> list[bytes]:
        """Take lines."""
        return _lines(heard)

    def answer(self, request: bytes, now_s: float) -> list[Sent]:
        """Answer aR<n>, and ar<n> with its CRC."""
        del now_s
        text = request.decode("ascii", "replace")
        if text[:1] != self.address or text[1:2] not in {"R", "r"} or text[2:3] not in tuple("01235"):
            return []
        with_crc = text[1] == "r"
        if with_crc and text[3:] != crc_characters(text[:3]):
            return [Sent(ANSWER_S, _ended(f"{self.address}tX,Use chksum {crc_characters(text[:3])}", with_crc=True))]
        if self.before_frame is not None:
            self.before_frame(self)
        return [Sent(ANSWER_S, self._message(int(text[2]), with_crc=with_crc, invalid=self.is_invalid()))]

    def _message(self, number: int, *, with_crc: bool, invalid: bool) -> bytes:
        parts = [part for one in self.messages if number in (0, one) for part in self.messages[one]]
        tokens = [
            f"{key}={form.format(self.number(key))}{'#' if invalid and key[0] in 'DS' else letter}"
            for key, form, letter in parts
        ]
        text = f"{self.address}{'r' if with_crc else 'R'}{number},{','.join(tokens)}"
        return _ended(text, with_crc=with_crc)

    def has_check(self, data: bytes) -> bool:
        """Return whether this message has a CRC."""
        return _is_counted(data)

    def frame(self, *, invalid: bool) -> bytes:
        """Return the next message of automatic mode, one after another."""
        number = tuple(self.messages)[self._turn % len(self.messages)]
        self._turn += 1
        return self._message(number, with_crc=self.talk_with_crc, invalid=invalid)


class VaisalaWxt530Automatic(VaisalaWxt530):
    """The same, set to automatic with CRC: a message every quarter of a second, so that all come once a second."""

    talks_every_s = 0.25
    talk_with_crc = True


class NmeaAnemometer(Instrument):
    """° and km/h; sends MWV each second, and a sentence that nobody needs before it.

    Source: a sentence recorded from an anemometer.
    """

    quantities: ClassVar[Mapping[str, Quantity]] = {"angle": 214.8, "speed_kmh": 3.6}
    talks_every_s = 1.0
    check_at = -3
    has_kinds = True

    def of_another_kind(self, data: bytes) -> bytes:
        """Return two sentences that nobody needs."""
        return data.partition(b"\n")[0] + b"\n" + data.partition(b"\n")[0] + b"\n"

    def with_wrong_check(self, data: bytes) -> bytes:
        """Return the sentences with a digit of the last one's sum that is another digit."""
        return data[:-3] + (b"0" if data[-3:-2] != b"0" else b"1") + data[-2:]

    def frame(self, *, invalid: bool) -> bytes:
        """Return two sentences."""
        wind = f"WIMWV,{self.number('angle'):.1f},R,{self.number('speed_kmh'):.1f},K,{'V' if invalid else 'A'}"
        return b"".join(
            f"${body}*{reduce(lambda total, byte: total ^ byte, body.encode('ascii')):02X}\r\n".encode("ascii")
            for body in ("WITXT,01,01,02,ANEMOMETER", wind)
        )


def next_address(address: str) -> str:
    """Return another address."""
    return "1" if address != "1" else "2"


def _ended(text: str, *, with_crc: bool) -> bytes:
    return f"{text}{crc_characters(text) if with_crc else ''}\r\n".encode("ascii")


def _is_counted(data: bytes) -> bool:
    """Return whether a message has a CRC: its header's letter is small."""
    return data[1:2].islower()


def _uncounted(data: bytes) -> str:
    return data[: -5 if _is_counted(data) else -2].decode("ascii")


def _lines(heard: bytearray) -> list[bytes]:
    found = []
    while (end := heard.find(b"\n")) >= 0:
        found.append(bytes(heard[:end]).rstrip(b"\r"))
        del heard[: end + 1]
    del heard[:-MAX_REQUEST_BYTES]
    return found


MODELS: Final[dict[str, type[Instrument]]] = {
    "vaisala-wxt530": VaisalaWxt530,
    "vaisala-wxt530-automatic": VaisalaWxt530Automatic,
    "nmea-wind": NmeaAnemometer,
}
