"""Registers typed by people, and points that depend on more than one register, as `edge-agent decode` shows them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.loader import load_text
from config.profile import ModbusProfile, load_modbus_profile
from contract.reading import Cause
from drivers.modbus.captured import HexError, parse_hex
from drivers.modbus.explain import explain
from drivers.modbus.explain_points import PointInFrame
from drivers.modbus.explain_registers import RegistersExplanation, explain_registers, parse_registers
from drivers.modbus.frames import RtuExchange, crc16, read_pdu

METER = load_modbus_profile("eastron-sdm630")
RELAY = load_modbus_profile("waveshare-relay-d")
ALL_FORMS = load_text(
    """\
profile: forms
version: "1"
device_class: test
en: forms
vi: các dạng
source: {manual: none, page: none, origin: composed, verified_by: manual}
points:
  - {key: oxygen, en: a, vi: b, unit: mg/L, table: holding, address: 0, type: float32, low: 0, high: 50,
     quality: {address: 2, good: [0], uncertain: [1]}}
  - {key: power, en: a, vi: b, unit: W, table: holding, address: 10, type: int16, exponent: {address: 12, type: int16}}
  - {key: volume, en: a, vi: b, unit: m³, table: holding, address: 20, type: int32, order: CDAB,
     addend: {address: 22, type: float32, order: CDAB}}
  - {key: level, en: a, vi: b, unit: m, table: holding, address: 30, type: uint16, quality: {address: 400, good: [1]}}
  - {key: mode, en: a, vi: b, table: holding, address: 40, type: uint16, bits: [4, 7], labels: {0: "off", 3: auto}}
  - {key: alarm, en: a, vi: b, table: holding, address: 40, type: bool, bits: [0, 0]}
  - {key: serial, en: a, vi: b, table: holding, address: 50, type: string, registers: 2}
  - {key: digits, en: a, vi: b, table: holding, address: 60, type: bcd16}
""",
    Path("forms.yaml"),
    ModbusProfile,
)


def told(text: str, profile: ModbusProfile = ALL_FORMS) -> RegistersExplanation:
    return explain_registers(profile, parse_registers(text))


def only(text: str, profile: ModbusProfile = ALL_FORMS) -> PointInFrame:
    ((_, point),) = told(text, profile).points
    return point


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("40001=17234", {"holding": {0: 17234}}),
        ("400001=17234, 465536=0xFFFF", {"holding": {0: 17234, 65535: 0xFFFF}}),
        ("30001=1;30002=2", {"input": {0: 1, 1: 2}}),
        ("00001=1 10008=off", {"coil": {0: 1}, "discrete": {7: 0}}),
        ("input:0x0000=0x4366 holding:3=-1", {"input": {0: 0x4366}, "holding": {3: 0xFFFF}}),
        ("coil:5=on,discrete:0x60=TRUE", {"coil": {5: 1}, "discrete": {0x60: 1}}),
    ],
)
def test_registers_are_read_as_people_write_them(text: str, wanted: object) -> None:
    assert parse_registers(text) == wanted


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("", "registers_count"),
        (" , ", "registers_count"),
        ("40001", "register_form"),
        ("40000=1", "register_place"),
        ("4001=1", "register_place"),
        ("20001=1", "register_place"),
        ("465537=1", "register_place"),
        ("4:1=1", "register_place"),
        ("coils:1=1", "register_place"),
        ("holding:65536=1", "register_place"),
        ("holding:-1=1", "register_place"),
        ("40001=65536", "register_value"),
        ("40001=-32769", "register_value"),
        ("40001=1.5", "register_value"),
        ("40001=", "register_value"),
        ("40001=4366h", "register_value"),
        ("00001=2", "register_state"),
        ("40001=1,400001=1", "register_twice"),
    ],
)
def test_anything_else_is_refused_by_name(text: str, key: str) -> None:
    with pytest.raises(HexError) as caught:
        parse_registers(text)
    assert caught.value.problem.key == key
    assert caught.value.problem.text("en") != caught.value.problem.text("vi")


def test_the_golden_answer_by_its_registers_with_the_other_orders() -> None:
    by_number = only("30001=0x4367,30002=0xaf55", METER)
    assert by_number == only("input:1=0xaf55,input:0=17255", METER)
    assert (by_number.key, by_number.value, by_number.unit) == ("u1", 231.68489, "V")
    frame = explain(METER, parse_hex("01 04 04 43 67 af 55 e2 10"), parse_hex("01 04 00 00 00 02 71 cb"))
    assert frame.candidates[0].points[0] == by_number
    assert set(by_number.other_orders) == {"CDAB", "BADC", "DCBA"}


@pytest.mark.parametrize(
    ("code", "value", "cause"), [(0, 8.5, Cause.OK), (1, 8.5, Cause.SUSPECT), (7, None, Cause.DEVICE)]
)
def test_the_quality_word_decides(code: int, value: float | None, cause: Cause) -> None:
    point = only(f"40001=0x4108,40002=0,40003={code}")
    assert (point.value, point.cause, point.unchecked) == (value, cause, 8.5)
    assert point.companions == {"quality": code}


def test_a_value_whose_quality_word_is_not_given_is_not_called_good() -> None:
    found = told("40001=0x4108,40002=0")
    ((_, point),) = found.points
    assert (point.value, point.unchecked, point.needs) == (None, 8.5, (2,))


def test_exponent_and_addend_are_reckoned_in() -> None:
    assert only("holding:10=1234,holding:12=-1").value == 123.4
    assert only("holding:10=1234").unchecked is None
    # 65537 m³ low word first, and 0.25 m³.
    point = only("holding:20=1,holding:21=1,holding:22=0,holding:23=0x3e80")
    assert point.value == 65537.25
    assert point.other_orders["ABCD"] == 65537.25
    assert only("holding:20=2,holding:21=0,holding:22=0,holding:23=0x3e80").other_orders["ABCD"] == 131072.25


def test_bits_labels_texts_and_decimals() -> None:
    points = {point.key: point for _, point in told("holding:40=0x31 40051=0x4142 40052=0x3100").points}
    assert (points["mode"].value, points["alarm"].value) == ("auto", True)
    assert points["serial"].value == "AB1"
    assert points["serial"].other_orders == {}
    assert only("40061=0x1234").value == 1234
    unknown = {point.key: point for _, point in told("holding:40=0x20").points}["mode"]
    assert (unknown.value, unknown.cause) == (None, Cause.RANGE)


def test_what_is_missing_or_of_no_use_is_told() -> None:
    found = told("40001=1,40100=5")
    assert found.points == ()
    assert [problem.text("en") for problem in found.problems] == [
        "'oxygen' lacks holding:0x0001",
        "no point of the profile uses holding:0x0063",
    ]


def test_bits_of_a_relay_board() -> None:
    found = told("00001=1,00002=0,10003=on", RELAY)
    assert [(table, point.key, point.value) for table, point in found.points] == [
        ("coil", "k1", True),
        ("coil", "k2", False),
        ("discrete", "di3", True),
    ]


def test_a_frame_that_holds_a_compound_point_is_taken_apart() -> None:
    exchange = RtuExchange(1, read_pdu(3, 0, 3))
    request = exchange.begin(0)
    body = bytes.fromhex("01 03 06 41 08 00 00 00 07")
    found = explain(ALL_FORMS, body + crc16(body), request)
    (point,) = found.candidates[0].points
    assert (point.value, point.cause, point.unchecked) == (None, Cause.DEVICE, 8.5)
    # Without the request, only a run of three registers fits.
    alone = explain(ALL_FORMS, body + crc16(body))
    assert {candidate.address for candidate in alone.candidates} == {0, 10}


def test_a_bit_of_a_register_is_read_from_the_register() -> None:
    body = bytes.fromhex("01 03 02 00 30")
    found = explain(ALL_FORMS, body + crc16(body), RtuExchange(1, read_pdu(3, 40, 1)).begin(0))
    points = {point.key: point.value for point in found.candidates[0].points}
    assert points == {"mode": "auto", "alarm": False}


@given(st.text(alphabet="0134coilhdnput:=x,-fF 9", max_size=60))
def test_no_typing_does_harm(text: str) -> None:
    try:
        given_registers = parse_registers(text)
    except HexError:
        return
    found = explain_registers(ALL_FORMS, given_registers)
    assert found.count == sum(len(one) for one in given_registers.values())
