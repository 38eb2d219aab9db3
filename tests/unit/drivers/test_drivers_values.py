from __future__ import annotations

import math
import struct
from typing import Any

import pytest

from config.points import RegisterPoint
from contract.reading import Cause
from drivers.modbus.values import BlockDecoder, arrange, decode, encode, shortest_float32


def spec(**fields: Any) -> RegisterPoint:
    return RegisterPoint.model_validate(
        {"key": "x", "en": "", "vi": "", "table": "holding", "address": 0, "type": "uint16", **fields}
    )


@pytest.mark.parametrize(
    ("fields", "registers", "value"),
    [
        ({"type": "float32"}, "43 67 af 55", 231.68489),
        ({"type": "float32", "order": "CDAB"}, "af 55 43 67", 231.68489),
        ({"type": "float32", "order": "BADC"}, "67 43 55 af", 231.68489),
        ({"type": "float32", "order": "DCBA"}, "55 af 67 43", 231.68489),
        ({"type": "uint16"}, "ff ff", 65535),
        ({"type": "int16"}, "ff ff", -1),
        ({"type": "int16", "order": "BADC"}, "fe ff", -2),
        ({"type": "uint16", "order": "CDAB"}, "01 02", 0x0102),
        ({"type": "int32", "order": "CDAB"}, "ff fe ff ff", -2),
        ({"type": "uint32"}, "00 01 00 00", 65536),
        ({"type": "int64", "order": "CDAB"}, "00 04 00 03 00 02 00 01", 0x0001000200030004),
        ({"type": "uint16", "scale": 0.1}, "08 fd", 230.1),
        ({"type": "int16", "scale": 0.001}, "ff 38", -0.2),
        ({"type": "float32", "scale": 1000}, struct.pack(">f", 2.3).hex(), 2300.0),
        ({"type": "uint16", "scale": 0.5, "offset": -40}, "00 c9", 60.5),
        ({"type": "float64"}, struct.pack(">d", 0.1).hex(), 0.1),
    ],
)
def test_registers_become_the_value(fields: dict[str, Any], registers: str, value: float) -> None:
    found, cause = decode(spec(**fields), bytes.fromhex(registers))
    assert (found, cause) == (value, Cause.OK)
    assert isinstance(found, float if spec(**fields).kind == "float" else int)


@pytest.mark.parametrize(
    ("fields", "registers"),
    [
        ({"type": "float32"}, struct.pack(">f", math.nan).hex()),
        ({"type": "float32"}, struct.pack(">f", -math.inf).hex()),
        ({"type": "float32", "scale": 1000}, struct.pack(">f", math.inf).hex()),
        # 7.0 and 230.0 whose words came the other way round: any range would let 0.00000… pass.
        ({"type": "float32", "low": 0, "high": 14}, "00 00 40 e0"),
        ({"type": "float32", "order": "CDAB", "low": 0, "high": 400}, "43 66 00 00"),
        ({"type": "float32", "low": -40}, "80 00 00 01"),
        ({"type": "float64"}, struct.pack(">d", math.nan).hex()),
        ({"type": "float64", "scale": 1000}, struct.pack(">d", 1e308).hex()),
        ({"type": "uint64"}, "ff" * 8),
        ({"type": "uint16", "low": 10, "high": 20}, "00 09"),
        ({"type": "uint16", "low": 10, "high": 20}, "00 15"),
        ({"type": "uint16", "scale": 0.1, "high": 2}, "00 15"),
    ],
)
def test_what_is_no_number_or_out_of_range_is_no_value(fields: dict[str, Any], registers: str) -> None:
    assert decode(spec(**fields), bytes.fromhex(registers)) == (None, Cause.RANGE)


def test_nought_and_the_smallest_normal_number_are_values() -> None:
    for registers, expected in (("00 00 00 00", 0.0), ("80 00 00 00", 0.0), ("00 80 00 00", 2.0**-126)):
        value, cause = decode(spec(type="float32"), bytes.fromhex(registers))
        assert cause is Cause.OK
        assert value == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("limit", [b"\x00\x0a", b"\x00\x14"])
def test_the_ends_of_the_range_belong_to_it(limit: bytes) -> None:
    assert decode(spec(low=10, high=20), limit)[1] is Cause.OK


@pytest.mark.parametrize("number", [229.8, 0.1, 16_777_215.0, 3.4028234663852886e38, 1e-45, -49.98, 12345678.0])
def test_the_shortest_decimals_are_the_same_single(number: float) -> None:
    single = struct.unpack(">f", struct.pack(">f", number))[0]
    short = shortest_float32(single)
    assert struct.pack(">f", short) == struct.pack(">f", single)
    assert len(repr(short)) <= len(repr(single))


def test_a_block_is_decoded_as_its_points_are_one_by_one() -> None:
    specs = [
        spec(key="a", address=0, type="float32"),
        spec(key="b", address=3, type="int16", scale=0.1),
        spec(key="c", address=4, type="uint32"),
    ]
    payload = struct.pack(">fHhI", 50.5, 0, -7, 70000)
    assert BlockDecoder(specs, (0, 3, 4)).decode(payload) == [(50.5, Cause.OK), (-0.7, Cause.OK), (70000, Cause.OK)]


def test_overlapping_and_swapped_points_are_decoded_too() -> None:
    specs = [
        spec(key="a", address=0, type="uint32", order="CDAB"),
        spec(key="b", address=0),
        spec(key="c", address=1, low=0, high=1),
    ]
    assert BlockDecoder(specs, (0, 0, 1)).decode(bytes.fromhex("00 01 00 02")) == [
        (0x00020001, Cause.OK),
        (1, Cause.OK),
        (None, Cause.RANGE),
    ]


def test_bits_are_taken_from_the_lowest_on() -> None:
    specs = [spec(key=f"b{place}", table="coil", type="bool", address=place) for place in (0, 2, 9)]
    assert BlockDecoder(specs, (0, 2, 9)).decode(b"\x05\x02") == [(True, Cause.OK)] * 3
    assert BlockDecoder(specs, (0, 2, 9)).decode(b"\xfa\xfd") == [(False, Cause.OK)] * 3


@pytest.mark.parametrize(
    ("fields", "value", "registers"),
    [
        ({}, 513, "02 01"),
        ({"type": "int16", "scale": 0.1}, -0.7, "ff f9"),
        ({"type": "int32", "scale": 0.001, "offset": 0.5}, 123456.789, "07 5b cb 21"),
        ({"type": "float32", "order": "CDAB"}, 1.0, "00 00 3f 80"),
        ({"type": "int32", "order": "DCBA"}, 1, "01 00 00 00"),
    ],
)
def test_values_become_registers(fields: dict[str, Any], value: float, registers: str) -> None:
    assert encode(spec(**fields), value) == bytes.fromhex(registers)


@pytest.mark.parametrize(
    ("fields", "value"),
    [
        ({}, 65536),
        ({}, -1),
        ({}, 1.5),
        ({}, "7"),
        ({}, True),
        ({"type": "float32"}, math.nan),
        ({"type": "float32"}, 1e39),
        ({"high": 10}, 11),
        ({"low": 10}, 9),
        ({"scale": 0.1}, 21.57),
        ({"scale": 5.0, "offset": 1.0}, 20.0),
    ],
)
def test_values_that_do_not_fit_are_refused(fields: dict[str, Any], value: Any) -> None:
    with pytest.raises(ValueError, match="'x'"):
        encode(spec(**fields), value)


@pytest.mark.parametrize("order", ["ABCD", "CDAB", "BADC", "DCBA"])
def test_word_orders_turn_back(order: str) -> None:
    data = bytes(range(8))
    assert arrange(arrange(data, order), order) == data
