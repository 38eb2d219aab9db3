"""NMEA 0183 sentences as far as a city's wind, weather and position need them: MWV, MDA, XDR, MTW, GGA. Pure.

Source: an MWV sentence recorded from an anemometer [C]; the layout of the others as the public NMEA page of gpsd gives
it [S], no recorded sentence of ours. A parser of our own: the last release of pynmea2 is of January 2023.
"""

from __future__ import annotations

import re
from typing import Final

from contract.reading import Cause
from drivers.errors import Fault, FrameError
from drivers.serial.fields import MAX_FIELDS, Fields

_SENTENCE: Final = re.compile(rb"\$([A-Z]{2})([A-Z]{3}),([ -)+-~]*)\*([0-9A-F]{2})$")
_NUMBER: Final = re.compile(r"[+-]?\d{1,12}(\.\d{1,12})?$")
_NAME: Final = re.compile(r"[^A-Za-z0-9_.-]")
SPEED_MPS: Final = {"K": 1 / 3.6, "M": 1.0, "N": 1852 / 3600, "S": 0.44704}
"""Metres a second in a km/h, m/s, knot, mile per hour."""
GGA_NO_FIX: Final = "0"

FIELDS: Final = frozenset(
    {
        "wind_angle", "wind_speed", "wind_angle_true", "wind_speed_true",
        "pressure", "air_temperature", "water_temperature", "humidity", "dew_point", "wind_direction", "wind_mps",
        "latitude", "longitude", "satellites", "altitude", "fix",
    }
)  # fmt: skip
"""Without those of XDR, which are called xdr.<name of the transducer>. Units: °, m/s, hPa, °C, %, m."""


def checksum(body: bytes) -> int:
    """Return the exclusive or of all bytes between $ and *."""
    total = 0
    for byte in body:
        total ^= byte
    return total


class NmeaForm:
    """One sentence a line; its checksum is required."""

    def fields(self, line: bytes) -> Fields:
        """Return what a sentence says; nothing for one that we do not know."""
        begun = line.rfind(b"$")
        found = _SENTENCE.match(line[max(begun, 0) :])
        if begun < 0 or found is None:
            raise FrameError(Fault.NOISE, "no sentence with a checksum")
        if checksum(line[begun + 1 : -3]) != int(found[4], 16):
            raise FrameError(Fault.CRC, "wrong checksum")
        parse = {b"MWV": _wind, b"MDA": _weather, b"MTW": _water, b"XDR": _transducers, b"GGA": _position}.get(found[2])
        return parse(found[3].decode("ascii").split(",")) if parse else {}


def _number(text: str) -> float | None:
    return float(text) if _NUMBER.match(text) else None


def _put(fields: Fields, name: str, text: str, factor: float = 1.0) -> None:
    """Add a number; an empty place says nothing, one that is no number is BAD."""
    if not text:
        return
    number = _number(text)
    fields[name] = Cause.PROTOCOL if number is None else float(f"{number * factor:.12g}")


def _wind(parts: list[str]) -> Fields:
    """MWV: angle, R or T, speed, unit, A or V."""
    if len(parts) != 5 or parts[1] not in {"R", "T"}:
        raise FrameError(Fault.WRONG_LENGTH, "MWV has five fields")
    angle, speed = ("wind_angle", "wind_speed") if parts[1] == "R" else ("wind_angle_true", "wind_speed_true")
    if parts[4] != "A":
        return {angle: Cause.DEVICE, speed: Cause.DEVICE}
    fields: Fields = {}
    _put(fields, angle, parts[0])
    factor = SPEED_MPS.get(parts[3])
    if factor is None:
        fields[speed] = Cause.PROTOCOL
    else:
        _put(fields, speed, parts[2], factor)
    return fields


def _weather(parts: list[str]) -> Fields:
    """MDA: numbers each followed by a unit letter, but the two humidities."""
    if len(parts) != 20:
        raise FrameError(Fault.WRONG_LENGTH, "MDA has twenty fields")
    fields: Fields = {}
    for name, place, letter, factor in (
        ("pressure", 2, "B", 1000.0),
        ("air_temperature", 4, "C", 1.0),
        ("water_temperature", 6, "C", 1.0),
        ("dew_point", 10, "C", 1.0),
        ("wind_direction", 12, "T", 1.0),
        ("wind_mps", 18, "M", 1.0),
    ):
        if parts[place] and parts[place + 1] != letter:
            fields[name] = Cause.PROTOCOL
        else:
            _put(fields, name, parts[place], factor)
    _put(fields, "humidity", parts[8])
    return fields


def _water(parts: list[str]) -> Fields:
    """MTW: temperature, C."""
    if len(parts) != 2 or parts[1] != "C":
        raise FrameError(Fault.WRONG_LENGTH, "MTW has a temperature in C")
    fields: Fields = {}
    _put(fields, "water_temperature", parts[0])
    return fields


def _transducers(parts: list[str]) -> Fields:
    """XDR: groups of type, number, unit, name; bars and pascals become hPa, all else stays in its unit."""
    if len(parts) % 4 or len(parts) > MAX_FIELDS:
        raise FrameError(Fault.WRONG_LENGTH, "XDR has groups of four")
    fields: Fields = {}
    for place in range(0, len(parts), 4):
        kind, text, unit, name = parts[place : place + 4]
        key = f"xdr.{_NAME.sub('_', name)[:60]}"
        if not name or key in fields:
            # Two of one name: nobody can tell which is meant.
            fields[key] = Cause.PROTOCOL
            continue
        _put(fields, key, text, {"B": 1000.0, "P": 0.01}.get(unit, 1.0) if kind == "P" else 1.0)
    return fields


def _position(parts: list[str]) -> Fields:
    """GGA: time, latitude, N or S, longitude, E or W, fix, satellites, dilution, altitude, M, and four more."""
    if len(parts) != 14:
        raise FrameError(Fault.WRONG_LENGTH, "GGA has fourteen fields")
    fields: Fields = {}
    _put(fields, "fix", parts[5])
    _put(fields, "satellites", parts[6])
    if parts[5] == GGA_NO_FIX or not parts[5]:
        return fields | dict.fromkeys(("latitude", "longitude", "altitude"), Cause.DEVICE)
    for name, number, letters in (("latitude", 1, "NS"), ("longitude", 3, "EW")):
        fields[name] = _degrees(parts[number], parts[number + 1], letters)
    if parts[9] == "M":
        _put(fields, "altitude", parts[8])
    return fields


def _degrees(text: str, letter: str, letters: str) -> float | Cause:
    number = _number(text)
    if number is None or number < 0 or letter not in tuple(letters):
        return Cause.PROTOCOL
    degrees, minutes = divmod(number, 100)
    if minutes >= 60 or degrees > (90 if letters == "NS" else 180):
        return Cause.PROTOCOL
    value = float(f"{degrees + minutes / 60:.10g}")
    return value if letter == letters[0] else -value
