from __future__ import annotations

import pytest

from config.profile import load_modbus_profile
from contract.reading import Cause
from drivers.modbus.captured import HexError, parse_hex
from drivers.modbus.explain import explain
from drivers.modbus.explain_texts import TEXTS
from drivers.modbus.frames import crc16

METER = load_modbus_profile("eastron-sdm630")
RELAY = load_modbus_profile("waveshare-relay-d")
REQUEST = parse_hex("01 04 00 00 00 02 71 cb")
REPLY = parse_hex("01 04 04 43 67 af 55 e2 10")


def test_the_recorded_answer_with_its_request() -> None:
    found = explain(METER, REPLY, REQUEST)
    assert (found.framing, found.direction, found.unit, found.function) == ("rtu", "reply", 1, 4)
    assert found.crc_ok
    assert (found.address, found.count) == (0, 2)
    assert found.registers == (0x4367, 0xAF55)
    assert found.problems == ()
    assert len(found.candidates) == 1
    voltage = found.candidates[0].points[0]
    assert (voltage.key, voltage.value, voltage.unit, voltage.cause) == ("u1", 231.68489, "V", Cause.OK)
    assert voltage.other_orders.keys() == {"CDAB", "BADC", "DCBA"}
    assert voltage.other_orders["CDAB"] == pytest.approx(-1.940e-10, rel=1e-3)


def test_without_its_request_every_point_of_that_width_is_possible() -> None:
    found = explain(METER, REPLY)
    assert found.address is None
    assert len(found.candidates) == 30
    assert [candidate.address for candidate in found.candidates[:3]] == [0, 2, 4]
    assert [problem.key for problem in found.problems] == ["unknown_address"]
    power_factors = [one for one in found.candidates if one.points[0].key.startswith("pf")]
    assert not any(one.plausible for one in power_factors)
    assert power_factors[0].points[0].cause is Cause.RANGE
    assert power_factors[0].points[0].unchecked == 231.68489


def test_an_answer_over_several_points_is_found_where_it_fits() -> None:
    body = "01 04 0c" + " 43 67 af 55" * 3
    found = explain(METER, parse_hex(body + " 00 00"))
    assert found.crc_ok is False
    assert found.problems[0].facts["wanted"] == found.crc_expected
    assert [candidate.address for candidate in found.candidates] == [*range(0, 0x20, 2), 0x46, 0xC8]
    assert len(found.candidates[0].points) == 3


def test_a_request_says_what_it_asks_for() -> None:
    found = explain(METER, REQUEST)
    assert (found.direction, found.address, found.count, found.problems) == ("request", 0, 2, ())


def test_a_request_from_0x0300_on_is_no_answer_of_three_bytes() -> None:
    body = parse_hex("01 04 03 00 00 02")
    found = explain(METER, body + crc16(body))
    assert (found.direction, found.address, found.count, found.problems) == ("request", 0x0300, 2, ())
    body = parse_hex("02 02 03 11 22 33")
    assert explain(RELAY, body + crc16(body)).direction == "reply"


def test_an_answer_cut_to_a_requests_length_is_still_an_answer() -> None:
    found = explain(METER, REPLY[:8])
    assert (found.direction, found.address) == ("reply", None)
    assert [problem.key for problem in found.problems] == ["crc", "cut"]
    assert found.problems[1].facts == {"found": 8, "wanted": 9}


def test_a_damaged_frame_names_the_crc_that_it_needs() -> None:
    found = explain(METER, REPLY[:-1] + b"\x11", REQUEST)
    assert found.crc_ok is False
    assert (found.crc_found, found.crc_expected) == ("e2 11", "e2 10")
    assert found.problems[0].text("en").startswith("the CRC is e2 11, these bytes need e2 10")
    assert "CRC là e2 11" in found.problems[0].text("vi")
    assert found.problems[1].key == "not_the_answer"


def test_a_request_for_more_than_an_answer_holds_is_unclear() -> None:
    body = parse_hex("01 04 00 00 00 c8")
    found = explain(METER, REPLY, body + crc16(body))
    assert [problem.key for problem in found.problems] == ["request_unclear", "unknown_address"]


def test_a_cut_frame_is_told_so() -> None:
    found = explain(METER, REPLY[:-3], REQUEST)
    assert [problem.key for problem in found.problems] == ["crc", "cut", "not_the_answer"]


def test_what_came_whole_of_a_cut_frame_is_shown_where_its_request_tells_the_place() -> None:
    body = "01 04 0c" + " 43 67 af 55" * 3
    cut = parse_hex(body)[:13]
    request = parse_hex("01 04 00 00 00 06 70 08")
    (candidate,) = explain(METER, cut, request).candidates
    assert [(point.key, point.value) for point in candidate.points] == [("u1", 231.68489), ("u2", 231.68489)]
    alone = explain(METER, cut)
    assert alone.candidates == ()
    assert [problem.key for problem in alone.problems] == ["crc", "cut"]


def test_an_answer_of_another_unit_is_not_the_answer() -> None:
    found = explain(METER, REPLY, parse_hex("02 04 00 00 00 02 71 f8"))
    assert [problem.key for problem in found.problems] == ["not_the_answer"]
    assert "wrong unit" in found.problems[0].text("en")
    assert "sai địa chỉ: 1, lẽ ra 2" in found.problems[0].text("vi")


def test_a_tcp_frame_shows_its_transaction() -> None:
    found = explain(
        METER, parse_hex("00 07 00 00 00 07 01 04 04 43 67 af 55"), parse_hex("0007 0000 0006 010400000002")
    )
    assert (found.framing, found.transaction, found.crc_ok, found.problems) == ("tcp", 7, None, ())
    assert found.candidates[0].points[0].value == 231.68489


def test_a_lying_mbap_length_is_told() -> None:
    found = explain(METER, parse_hex("00 07 00 00 00 09 01 04 04 43 67 af 55"))
    assert found.framing == "tcp"
    assert found.problems[0].facts == {"found": 7, "wanted": 9}


def test_an_exception_is_named_in_both_languages() -> None:
    found = explain(METER, parse_hex("01 84 02 c2 c1"))
    assert (found.function, found.exception_code) == (4, 2)
    assert found.problems[0].text("en") == "the device answers with exception 2: illegal data address"
    assert "địa chỉ dữ liệu không hợp lệ" in found.problems[0].text("vi")


def test_bits_of_the_relay_board() -> None:
    found = explain(RELAY, parse_hex("02 02 01 05 61 cf"))
    assert found.bits == (True, False, True, False, False, False, False, False)
    assert [one.count for one in found.candidates] == [8, 7, 6, 5, 4, 3, 2, 1]
    whole = next(one for one in found.candidates if one.address == 0)
    assert [point.value for point in whole.points] == [True, False, True, False, False, False, False, False]


def test_a_write_shows_the_point_and_its_value() -> None:
    found = explain(RELAY, parse_hex("01 05 00 00 ff 00 8c 3a"))
    assert (found.direction, found.address) == ("request", 0)
    assert [(point.key, point.value) for point in found.candidates[0].points] == [("k1", True)]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("0104", b"\1\4"), ("01:04", b"\1\4"), ("0x01, 0x04", b"\1\4"), ("01-04\n", b"\1\4"), ("", b"")],
)
def test_bytes_are_read_as_people_write_them(text: str, wanted: bytes) -> None:
    assert parse_hex(text) == wanted


@pytest.mark.parametrize(
    ("text", "key"), [("01 4", "not_hex"), ("zz", "not_hex"), ("\u0660\u0661", "not_hex"), ("00" * 261, "too_long")]
)
def test_what_is_no_frame_is_refused(text: str, key: str) -> None:
    with pytest.raises(HexError) as caught:
        parse_hex(text)
    assert caught.value.problem.key == key
    assert caught.value.problem.text("vi")


def test_both_languages_take_the_same_facts() -> None:
    for key in TEXTS.keys():  # noqa: SIM118 - Texts is no mapping
        facts = dict.fromkeys(("found", "wanted", "meaning"), "FACT")
        assert TEXTS.text(key, "en", **facts).count("FACT") == TEXTS.text(key, "vi", **facts).count("FACT"), key


@pytest.mark.parametrize(
    "text", [":0104044367AF5549", ":0104044367AF5549\\r\\n", "3a 30 31 30 34 30 34 34 33 36 37 41 46 35 35 34 39 0d 0a"]
)
def test_an_ascii_frame_is_read_from_its_colon_on(text: str) -> None:
    found = explain(METER, parse_hex(text), parse_hex(":010400000002F9"))
    assert (found.framing, found.direction, found.unit, found.function) == ("ascii", "reply", 1, 4)
    assert (found.crc_found, found.crc_ok, found.problems) == ("49", True, ())
    assert found.candidates[0].points[0].value == 231.68489


def test_a_damaged_ascii_frame_says_so_and_is_still_read() -> None:
    found = explain(METER, parse_hex(":0104044367AF5548"))
    assert found.crc_ok is False
    assert found.problems[0].text("en").startswith("the LRC is 48, these bytes need 49")
    assert found.registers == (0x4367, 0xAF55)


def test_unit_58_begins_with_a_colon_too() -> None:
    body = bytes.fromhex("3a 04 04 43 67 af 55")
    assert explain(METER, body + crc16(body)).framing == "rtu"


@pytest.mark.parametrize("text", [":010", ":01040g", ":", ":" + "0" * 514])
def test_what_is_no_ascii_frame_is_refused(text: str) -> None:
    with pytest.raises(HexError):
        parse_hex(text)
