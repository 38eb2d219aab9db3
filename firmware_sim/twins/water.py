"""Instruments in water: flow, oxygen, pH, ammonium, oxygen demand."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from typing import ClassVar, Final

from firmware_sim.core.measuring import Quantity
from firmware_sim.core.server import READ_HOLDING, READ_INPUT_REGISTERS
from firmware_sim.core.twin import Twin, float_words, integer_words, placed, text_words

NAN_WORDS: Final = (0x7FA0, 0x0000)


class Tuf2000m(Twin):
    """TUF-2000M flow meter: m³/h, m/s, m³, °C; 32-bit numbers low word first.

    Documented register n has wire address n - 1. A total is (whole + fraction) x 10^(n - 3), n in register 1439.
    Source: the maker's manual in gambit-labs/tuf-2000m.
    """

    functions: ClassVar[frozenset[int]] = frozenset({READ_HOLDING})
    quantities: ClassVar[Mapping[str, Quantity]] = {
        "flow": 12.5,
        "velocity": 0.84,
        "volume_positive": 123_456.789,
        "volume_negative": 12.5,
        "temperature_in": 24.5,
        "temperature_out": 25.0,
        "error_bits": 0.0,
        "signal_quality": 91.0,
        "multiplier": 3.0,
        "unit_code": 0.0,
    }

    def words(self, function: int, now_s: float) -> Mapping[int, int]:
        """Return the registers of function 3."""
        del function, now_s
        positive, negative = self.number("volume_positive"), self.number("volume_negative")
        documented = [
            (1, _low_first(self.seen("flow"))),
            (5, _low_first(self.seen("velocity"))),
            (9, self._total(positive)),
            (13, self._total(negative)),
            (25, self._total(positive - negative)),
            (33, _low_first(self.seen("temperature_in"))),
            (35, _low_first(self.seen("temperature_out"))),
            (72, [round(self.number("error_bits"))]),
            (92, [7 << 8 | round(self.number("signal_quality"))]),
            (97, _low_first(100.2)),
            (113, _low_first(positive - negative)),
            (1438, [round(self.number("unit_code")), round(self.number("multiplier"))]),
        ]
        return placed(*((number - 1, words) for number, words in documented))

    def _total(self, cubic_metres: float) -> list[int]:
        counted = cubic_metres / 10 ** (self.number("multiplier") - 3)
        whole = math.trunc(counted)
        return [*integer_words(whole, 2, low_word_first=True), *_low_first(counted - whole)]


class Tuf2000mOther(Tuf2000m):
    """A device with something else where the multiplier stands."""

    quantities: ClassVar[Mapping[str, Quantity]] = {**Tuf2000m.quantities, "multiplier": 500.0}

    def _total(self, cubic_metres: float) -> list[int]:
        return integer_words(cubic_metres, 4)


class Yosemitech(Twin):
    """A Yosemitech probe: floats with all bytes reversed; zero until it was told to measure by a read of 0x2500.

    A serial number is a byte of the kind, YL, two digits of the kind, and more. The captured one, YL0916112101, is that
    of a conductivity probe; the others are made after it. Source: EnviroDIY/YosemitechModbus.
    """

    functions: ClassVar[frozenset[int]] = frozenset({READ_HOLDING})
    places: ClassVar[Mapping[str, tuple[int, float]]] = {}
    """Quantity to (address, factor)."""
    error_at: ClassVar[int | None] = None
    serial_at: ClassVar[int] = 0x0900
    serial_number: ClassVar[bytes] = b"\x09YL0916112101"

    def started(self) -> bool:
        """Return whether it measures."""
        return getattr(self, "_started", False)

    def words(self, function: int, now_s: float) -> Mapping[int, int]:
        """Return the registers of function 3."""
        del function, now_s
        runs = [
            (address, float_words(factor * self.seen(name) if self.started() else 0.0, little_endian=True))
            for name, (address, factor) in self.places.items()
        ]
        if self.error_at is not None:
            runs.append((self.error_at, [round(self.number("error")) << 8]))
        runs.append((self.serial_at, list(struct.unpack(">7H", self.serial_number.ljust(14, b"\0")))))
        return placed((0x2500, [0]), *runs)

    def read_words(self, function: int, address: int, count: int, now_s: float) -> list[int]:
        """Return registers; a read of 0x2500 starts the measurement."""
        found = list(super().read_words(function, address, count, now_s))
        if address == 0x2500:
            self._started = True
        return found


class YosemitechDo(Yosemitech):
    """Y504: °C, fraction of saturation, mg/L."""

    serial_number = b"\x01YL0116112101"
    quantities: ClassVar[Mapping[str, Quantity]] = {"temperature": 21.5, "do_fraction": 0.923, "do": 8.13}
    places: ClassVar[Mapping[str, tuple[int, float]]] = {
        "temperature": (0x2600, 1.0),
        "do_fraction": (0x2602, 1.0),
        "do": (0x2604, 1.0),
    }


class YosemitechPh(Yosemitech):
    """Y532: pH, °C, mV."""

    serial_number = b"CYL4316112101"
    quantities: ClassVar[Mapping[str, Quantity]] = {"ph": 7.31, "temperature": 21.5, "ph_voltage": -18.3}
    places: ClassVar[Mapping[str, tuple[int, float]]] = {
        "ph": (0x2800, 1.0),
        "temperature": (0x2400, 1.0),
        "ph_voltage": (0x1200, 1.0),
    }


class YosemitechNh4(Yosemitech):
    """Y560: mg/L."""

    quantities: ClassVar[Mapping[str, Quantity]] = {"nh4": 1.42}
    places: ClassVar[Mapping[str, tuple[int, float]]] = {"nh4": (0x2800, 1.0)}


class YosemitechCod(Yosemitech):
    """Y551: °C, mg/L, NTU, an error byte."""

    quantities: ClassVar[Mapping[str, Quantity]] = {"temperature": 20.0, "cod": 23.4, "turbidity": 11.5, "error": 0.0}
    places: ClassVar[Mapping[str, tuple[int, float]]] = {
        "temperature": (0x2600, 1.0),
        "cod": (0x2602, 1.0),
        "turbidity": (0x1200, 1.0),
    }
    error_at = 0x2604


class YosemitechY4000(Yosemitech):
    """Y4000: eight values in a row; it measures by itself, and has its serial number and error elsewhere."""

    serial_at = 0x1400
    serial_number = b"8YL3816112101"
    error_at = 0x0800

    quantities: ClassVar[Mapping[str, Quantity]] = {
        "do": 7.9,
        "turbidity": 5.5,
        "conductivity": 0.61,
        "ph": 7.2,
        "temperature": 22.0,
        "orp": 213.0,
        "chlorophyll": 3.3,
        "blue_green_algae": 0.8,
        "error": 0.0,
    }
    places: ClassVar[Mapping[str, tuple[int, float]]] = {
        name: (0x2601 + 2 * place, 1.0) for place, name in enumerate(quantities) if name != "error"
    }

    def started(self) -> bool:
        """Return whether it measures: always."""
        return True


class YosemitechForeign(YosemitechDo):
    """Another make on the same addresses: its serial number gives it away."""

    serial_number = b"\x01AB0116112101"


class YosemitechConductivity(YosemitechDo):
    """Another probe of the make: the serial number is the captured one."""

    serial_number = Yosemitech.serial_number


class AquaTroll400(Twin):
    """In-Situ Aqua TROLL 400: blocks of eight registers, value, parameter, unit, quality, sentinel.

    With quality 3 or 7 it returns its sentinel. Documented register n has wire address n - 1.
    Source: In-Situ's Modbus reference.
    """

    functions: ClassVar[frozenset[int]] = frozenset({READ_HOLDING})
    quantities: ClassVar[Mapping[str, Quantity]] = {
        "ph": 7.02,
        "ph_voltage": -12.0,
        "orp": 245.0,
        "quality": 0.0,
        "ph_unit": 145.0,
        "sentinel": 0.0,
    }
    ph_parameter: ClassVar[int] = 17

    def words(self, function: int, now_s: float) -> Mapping[int, int]:
        """Return the registers of function 3."""
        del function, now_s
        blocks = (
            (1538, "ph", self.ph_parameter, round(self.number("ph_unit"))),
            (1546, "ph_voltage", 18, 162),
            (1554, "orp", 19, 162),
        )
        return placed(*((number - 1, self._block(name, parameter, unit)) for number, name, parameter, unit in blocks))

    def _block(self, name: str, parameter: int, unit: int) -> list[int]:
        quality = round(self.number("quality"))
        value = self.number("sentinel") if quality in {3, 7} else self.seen(name)
        return [*float_words(value), parameter, unit, quality, *float_words(self.number("sentinel")), 0]


class AquaTrollOther(AquaTroll400):
    """A probe whose first block is another parameter."""

    ph_parameter = 20


class LiquilineCm44x(Twin):
    """Endress+Hauser Liquiline: value, status and unit of eight inputs; an unassigned one is NaN with status 3.

    Source: E+H's guideline for the status, one public map for the addresses.
    """

    functions: ClassVar[frozenset[int]] = frozenset({READ_HOLDING})
    quantities: ClassVar[Mapping[str, Quantity]] = {
        **{f"ai{k}": float(k) for k in range(1, 9)},
        **{f"status{k}": 0.0 for k in range(1, 9)},
    }

    def words(self, function: int, now_s: float) -> Mapping[int, int]:
        """Return the registers of function 3."""
        del function, now_s
        return placed(*((4 * (k - 1), self._input(k)) for k in range(1, 9)))

    def _input(self, k: int) -> list[int]:
        status = round(self.number(f"status{k}"))
        value = NAN_WORDS if status == 3 else float_words(self.seen(f"ai{k}"))
        return [*value, status, 25]


class YsiOdoRtu(Twin):
    """YSI ODO RTU: floats big endian, FFFFFFFF for what is missing. Source: the manual."""

    functions: ClassVar[frozenset[int]] = frozenset({READ_INPUT_REGISTERS})
    quantities: ClassVar[Mapping[str, Quantity]] = {
        "do_saturation": 91.2,
        "do": 7.85,
        "do_saturation_local": 92.0,
        "temperature": 23.1,
        "conductivity": 410.0,
        "missing": "",
    }

    def words(self, function: int, now_s: float) -> Mapping[int, int]:
        """Return the registers of function 4."""
        del function
        names = ("do_saturation", "do", "do_saturation_local", "temperature")
        runs = [(2 * place, self._float(name)) for place, name in enumerate(names)]
        return placed(*runs, (8, [0, 0]), (10, integer_words(1000 * now_s, 2)), (12, self._float("conductivity")))

    def _float(self, name: str) -> list[int]:
        return [0xFFFF, 0xFFFF] if self.values["missing"] == name else float_words(self.seen(name))


class GenericPh(Twin):
    """One register, hundredths. Source: kquinsland/generic-chinese-water-quality-sensor."""

    functions: ClassVar[frozenset[int]] = frozenset({READ_HOLDING})
    quantities: ClassVar[Mapping[str, Quantity]] = {"ph": 5.78}

    def words(self, function: int, now_s: float) -> Mapping[int, int]:
        """Return the registers of function 3."""
        del function, now_s
        return {0: integer_words(100 * self.seen("ph"), 1)[0]}


class GenericPhOrp(GenericPh):
    """The same module with an ORP electrode: mV in the next register. Source: as GenericPh, one captured frame each."""

    quantities: ClassVar[Mapping[str, Quantity]] = {"ph": 5.78, "orp": 51.0}

    def words(self, function: int, now_s: float) -> Mapping[int, int]:
        """Return the registers of function 3."""
        return {**super().words(function, now_s), 1: integer_words(self.seen("orp"), 1)[0]}


class HachSurfaceScatter7(Twin):
    """Hach SURFACE SCATTER 7 sc: NTU as float, as whole number and in hundredths, its settings and service mode.

    Documented register 40000 + n has wire address n - 1. Source: the maker's manual, appendix A; the word order of
    floats and what hundredths do past their register are assumed.
    """

    functions: ClassVar[frozenset[int]] = frozenset({READ_HOLDING})
    quantities: ClassVar[Mapping[str, Quantity]] = {
        "turbidity": 18.0,
        "unit_code": 7.0,
        "service_mode": 0.0,
        "serial_number": "SIM0001",
    }

    def words(self, function: int, now_s: float) -> Mapping[int, int]:
        """Return the registers of function 3."""
        del function, now_s
        turbidity = self.seen("turbidity")
        settings = [0, 2, 4, 1, 5, round(self.number("unit_code"))]
        return placed(
            (0, float_words(turbidity)),
            (2, [round(turbidity), min(0xFFFF, round(100 * turbidity))]),
            (4, text_words("RAW WATER", 6)),
            (10, settings),
            (17, [round(self.number("service_mode"))]),
            (20, text_words(str(self.values["serial_number"]), 6)),
        )


class HachUvas(Twin):
    """Hach UVAS sc, another sensor of the family: 40011 is its cleaning interval. Values are made up.

    Source: the maker's manual, appendix A.
    """

    functions: ClassVar[frozenset[int]] = frozenset({READ_HOLDING})

    def words(self, function: int, now_s: float) -> Mapping[int, int]:
        """Return the registers of function 3."""
        del function, now_s
        return placed(
            (0, float_words(12.5)),
            (2, [0, 0, 5]),
            (5, [*float_words(1.0), *float_words(0.0), 1, 30, 0, 0, 6, 2, 1, 1]),
            (17, text_words("INLET", 5)),
        )


def _low_first(value: float) -> list[int]:
    return float_words(value, low_word_first=True)


MODELS: Final[dict[str, type[Twin]]] = {
    "endress-hauser-liquiline-cm44x": LiquilineCm44x,
    "generic-ph": GenericPh,
    "generic-ph-orp": GenericPhOrp,
    "hach-surface-scatter-7-sc": HachSurfaceScatter7,
    "hach-uvas-sc": HachUvas,
    "in-situ-aqua-troll-400": AquaTroll400,
    "in-situ-aqua-troll-other": AquaTrollOther,
    "tuf-2000m": Tuf2000m,
    "tuf-2000m-other": Tuf2000mOther,
    "yosemitech-conductivity": YosemitechConductivity,
    "yosemitech-foreign": YosemitechForeign,
    "yosemitech-y4000": YosemitechY4000,
    "yosemitech-y504-do": YosemitechDo,
    "yosemitech-y532-ph": YosemitechPh,
    "yosemitech-y551-cod": YosemitechCod,
    "yosemitech-y560-nh4": YosemitechNh4,
    "ysi-odo-rtu": YsiOdoRtu,
}
