"""How the units of stored values are spelt: one spelling each, and no thousands hidden in a prefix. Pure."""

from __future__ import annotations

from typing import Final

STORED: Final = frozenset(
    {
        "", "%", "%LEL", "1/cm³", "A", "Ah", "Hz", "J", "K", "L", "L/s", "NTU", "V", "VA", "VAh", "W", "W/m²", "Wh",
        "bit", "count", "d", "dB", "dBm", "g", "h", "hPa", "kg", "lx", "m", "m/s", "m³", "m³/h", "mS/cm", "mV", "mg/L",
        "mg/kg", "mg/m³", "min", "mm", "mm/h", "mol/L", "ms", "pH", "ppb", "ppm", "rpm", "s", "var", "varh", "°", "°C",
        "Ω", "µS/cm", "µg/L", "µg/m³", "µm", "µs", "kPa", "Pa",
    }
)  # fmt: skip
"""What profiles store; a unit that is not among them may still be right."""

SCALED: Final = {
    "kW": ("W", "1000"),
    "MW": ("W", "1000000"),
    "kWh": ("Wh", "1000"),
    "MWh": ("Wh", "1000000"),
    "kvar": ("var", "1000"),
    "kvarh": ("varh", "1000"),
    "kVA": ("VA", "1000"),
    "kV": ("V", "1000"),
    "mA": ("A", "0.001"),
    "mHz": ("Hz", "0.001"),
    "cm": ("m", "0.01"),
    "km": ("m", "1000"),
    "bar": ("hPa", "1000"),
    "mbar": ("hPa", "1"),
    "km/h": ("m/s", "0.2777777777777778"),
    "kn": ("m/s", "0.5144444444444445"),
    "L/min": ("L/s", "0.016666666666666666"),
    "L/h": ("m³/h", "0.001"),
}
"""Units that are stored as another one, and the factor that the profile's scale takes in."""

_OTHER_SPELLINGS: Final = {
    "°c": "°C",
    "c": "°C",
    "degc": "°C",
    "deg c": "°C",
    "celsius": "°C",
    "℃": "°C",
    "deg": "°",
    "degree": "°",
    "degrees": "°",
    "us/cm": "µS/cm",
    "ug/m3": "µg/m³",
    "ug/l": "µg/L",
    "um": "µm",
    "m3": "m³",
    "m3/h": "m³/h",
    "w/m2": "W/m²",
    "lux": "lx",
    "volt": "V",
    "volts": "V",
    "amp": "A",
    "amps": "A",
    "ampere": "A",
    "watt": "W",
    "sec": "s",
    "second": "s",
    "seconds": "s",
    "hour": "h",
    "hours": "h",
    "percent": "%",
    "pct": "%",
    "%rh": "%",
    "ohm": "Ω",
    "mg/m3": "mg/m³",
    "var.h": "varh",
    "va.h": "VAh",
    "w.h": "Wh",
}
_BY_LOWER_CASE: Final = {unit.lower(): unit for unit in [*STORED, *SCALED]}


def spelt(unit: str) -> str:
    """Return a unit as it is usually spelt; itself if nothing better is known."""
    # A Greek mu and the micro sign look the same and are two characters: a store would keep two units.
    plain = unit.replace("μ", "µ").strip()
    if plain in STORED or plain in SCALED:
        return plain
    # The lower case of the micro sign is kept by str.lower.
    known = _OTHER_SPELLINGS.get(plain.lower()) or _OTHER_SPELLINGS.get(plain.lower().replace("µ", "u"))
    return known or _BY_LOWER_CASE.get(plain.lower(), plain)
