"""Vaisala WXT530 weather transmitters, ASCII protocol: asked (aR0) or automatic, with or without CRC. Pure.

Source: messages of running transmitters, among them a corrupt one, in the comments of a public weewx driver [C]; the
requests with CRC and their answers in the maker's user guide M211840EN, "Polling with CRC" and "Automatic mode" [C];
letters of units that neither shows are from memory [U] and refused: a value with one is BAD. 19200 8N1.
"""

from __future__ import annotations

import re
from typing import Final

from contract.reading import Cause
from drivers.errors import Fault, FrameError
from drivers.serial.fields import Fields, RefusalError
from drivers.serial.sixbit import checked, sixbit_crc

INVALID: Final = "#"
"""The unit's letter where the transmitter has no valid value."""
_TOKEN: Final = re.compile(r"([A-Z][a-z])=([+-]?\d{1,6}(?:\.\d{1,4})?)([A-Za-z#])$")
_HEAD: Final = re.compile(rb"[0-9A-Za-z]([Rr])([0-5]),")

_CELSIUS: Final = {"C": (1.0, 0.0), "F": (5 / 9, -160 / 9)}
_SPEED: Final = {"M": (1.0, 0.0), "K": (1 / 3.6, 0.0), "S": (0.44704, 0.0), "N": (1852 / 3600, 0.0)}
_DEGREES: Final = {"D": (1.0, 0.0)}
_SECONDS: Final = {"s": (1.0, 0.0)}
_MILLIMETRES: Final = {"M": (1.0, 0.0), "I": (25.4, 0.0)}
_AS_IT_IS: Final = {"M": (1.0, 0.0)}
_VOLTS: Final = {"V": (1.0, 0.0)}

UNITS: Final[dict[str, dict[str, tuple[float, float]]]] = {
    **dict.fromkeys(("Dn", "Dm", "Dx"), _DEGREES),
    **dict.fromkeys(("Sn", "Sm", "Sx"), _SPEED),
    **dict.fromkeys(("Ta", "Tp", "Th"), _CELSIUS),
    "Ua": {"P": (1.0, 0.0)},
    "Pa": {"H": (1.0, 0.0), "P": (0.01, 0.0), "B": (1000.0, 0.0)},
    **dict.fromkeys(("Rc", "Ri", "Rp"), _MILLIMETRES),
    **dict.fromkeys(("Hc", "Hi", "Hp"), _AS_IT_IS),
    **dict.fromkeys(("Rd", "Hd"), _SECONDS),
    # The letter of the heating voltage tells the state of the heating, not a unit.
    "Vh": dict.fromkeys("NVWF", (1.0, 0.0)),
    **dict.fromkeys(("Vs", "Vr"), _VOLTS),
}
"""By token and letter: factor and offset to °, m/s, °C, %, hPa, mm, mm/h, s, V, hits per cm² (and hour)."""
FIELDS: Final = frozenset(UNITS)


def request(address: str, message: int, *, crc: bool) -> bytes:
    """Return the question for a message: 0 composite, 1 wind, 2 pressure to humidity, 3 rain, 5 supervisor."""
    if not crc:
        return f"{address}R{message}\r\n".encode("ascii")
    body = f"{address}r{message}".encode("ascii")
    return body + sixbit_crc(body) + b"\r\n"


class WxtForm:
    """One message a line: address, R and its number, tokens key=value and letter."""

    def __init__(self, address: str, *, crc: bool, message: int | None = None) -> None:
        """Listen to one transmitter.

        Args:
            address: Its address.
            crc: Take messages with CRC only; otherwise those without.
            message: The message that was asked for; any if not set.
        """
        self._address = address.encode("ascii")
        self._crc = crc
        self._message = message

    def fields(self, line: bytes) -> Fields:
        """Return the values of a message.

        A token that is no `key=value` is dropped. Then the keys that are missing may have stood in it, so what the
        message lacks has cause PROTOCOL, under the name "" that no point has.
        """
        begun = line.rfind(self._address + (b"r" if self._crc else b"R"))
        head = _HEAD.match(line[max(begun, 0) :])
        if begun < 0 or head is None:
            raise self._other(line)
        text: bytes | None = line[begun:]
        if self._crc:
            text = checked(line[begun:])
            if text is None:
                raise FrameError(Fault.CRC, "wrong CRC")
        if self._message is not None and int(head[2]) != self._message:
            raise FrameError(Fault.WRONG_FUNCTION, f"message {head[2].decode()} was not asked for")
        assert text is not None  # noqa: S101 - checked above
        return _tokens(text.decode("ascii", "replace").split(",")[1:])

    def _other(self, line: bytes) -> FrameError:
        if line.startswith(self._address + b"tX,"):
            return RefusalError("says", said=line.decode("ascii", "replace"))
        found = _HEAD.match(line)
        if found is not None and (not self._crc or (found[1] == b"r" and checked(line) is not None)):
            return FrameError(Fault.WRONG_UNIT, f"message of address {chr(line[0])}")
        return FrameError(Fault.NOISE, "no message of this address")


def _tokens(tokens: list[str]) -> Fields:
    fields: Fields = {}
    for token in tokens:
        found = _TOKEN.match(token.strip())
        if found is None or found[1] not in UNITS:
            fields[""] = Cause.PROTOCOL
        elif found[1] in fields:
            # One key twice is two messages run together: neither can be believed.
            fields[found[1]] = Cause.PROTOCOL
        elif found[3] == INVALID:
            fields[found[1]] = Cause.DEVICE
        elif found[3] not in UNITS[found[1]]:
            fields[found[1]] = Cause.PROTOCOL
        else:
            factor, offset = UNITS[found[1]][found[3]]
            fields[found[1]] = float(f"{float(found[2]) * factor + offset:.9g}")
    return fields
