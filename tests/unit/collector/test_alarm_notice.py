"""Notices in words: a first line that is enough, both languages, the city's clock, nothing without a bound."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from collector.core.alarm_record import FLEET_NAME, Notice, NoticeKind
from collector.core.notice import MAX_LINE, TEXTS, Message, duration_text, local_time, render, sent_late_note
from config.city import Cabinet
from config.language import LANGUAGES, Language
from config.rules import load_rules
from tests.unit.collector.alarm_parts import START_MS, cabinet

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
RULES = {rule.rule: rule for rule in load_rules()}
WARDS = {"w1": "Phường Diên Hồng"}
MINUTE_MS = 60_000
NAMES: dict[str, dict[Language, str]] = {
    "air-1/do": {"en": "Dissolved oxygen", "vi": "Oxy hòa tan"},
    "air-1/do_2": {"en": "Second probe", "vi": "Đầu dò thứ hai"},
}


def notice(
    kind: NoticeKind = "raised",
    rule: str = "mains-lost",
    *,
    name: str = "",
    minutes: int = 12,
    late: bool = False,
    facts: dict[str, str] | None = None,
) -> Notice:
    until_ms = None if kind == "raised" else START_MS + minutes * MINUTE_MS
    return Notice(
        kind=kind,
        rule=rule,
        name=name or rule,
        site="c-1",
        gateway="gw-1",
        thread=f"c-1/{rule}/{START_MS}",
        crews=("north",),
        severity=1,
        since_ms=START_MS,
        until_ms=until_ms,
        late=late,
        wakes=kind != "brief",
        at_ms=START_MS + minutes * MINUTE_MS,
        facts=facts or {"voltages": "L1 0 V, L2 0 V, L3 0 V", "mains_ok": "0", "battery": "1"},
    )


def message(of: Notice, language: Language, *cabinets: Cabinet) -> Message:
    return render(of, RULES[of.rule], cabinets or (cabinet(1),), WARDS, ZONE, language, NAMES)


def test_a_loss_in_vietnamese_as_the_crew_reads_it() -> None:
    told = message(notice(), "vi")
    assert told.title == f"MẤT ĐIỆN · tủ C-1 [{told.tag}]"
    assert told.body.splitlines() == [
        "MẤT ĐIỆN · tủ C-1 · Lê Duẩn · từ 20:00 (12 phút)",
        "công tơ: L1 0 V, L2 0 V, L3 0 V; ngõ vào báo điện lưới: mất điện; gateway đang chạy ắc quy",
        "Bản đồ: geo:13.98300,108.00000",
        "Mang bút thử điện, aptomat tổng dự phòng. Kiểm tra trước aptomat tổng; phía trên mất điện thì báo điện lực.",
        f"Phường Diên Hồng · 120 đèn · mã báo động {told.tag}",
    ]


def test_its_restore_says_how_long_and_belongs_to_the_same_thread() -> None:
    lost, back = message(notice(), "en"), message(notice("restored"), "en")
    assert back.tag == lost.tag
    assert back.tag in back.title
    assert back.body.splitlines()[0] == "MAINS RESTORED · cabinet C-1 · Lê Duẩn · 20:12, after 12 min (since 20:00)"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("rule", sorted(RULES))
@pytest.mark.parametrize("kind", ["restored", "brief"])
def test_for_what_is_over_nobody_is_told_what_to_bring(rule: str, kind: NoticeKind, language: Language) -> None:
    advice = RULES[rule].advice
    assert (advice.vi if language == "vi" else advice.en)[:20] not in message(notice(kind, rule), language).body


def test_a_silent_gateway_is_named_by_its_cabinets() -> None:
    one = message(notice(rule="gateway-offline"), "vi")
    assert one.title == f"MẤT LIÊN LẠC, CHƯA RÕ tình trạng điện · tủ C-1 [{one.tag}]"
    three = message(notice(rule="gateway-offline"), "vi", cabinet(1), cabinet(2), cabinet(3))
    assert three.title == f"MẤT LIÊN LẠC, CHƯA RÕ tình trạng điện · tủ C-1 và 2 tủ khác [{three.tag}]"


def test_what_is_over_already_says_so() -> None:
    told = message(notice("brief", late=True), "vi")
    assert told.title == f"MẤT ĐIỆN (đã hết) · tủ C-1 [{told.tag}]"
    first = told.body.splitlines()[0]
    assert first == "MẤT ĐIỆN (đã hết) · tủ C-1 · Lê Duẩn · từ 20:00 đến 20:12 (12 phút), nhận tin muộn"
    assert message(notice("brief"), "en").title.startswith("MAINS LOST (over) · cabinet C-1 [")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("rule", sorted(RULES))
@pytest.mark.parametrize("kind", ["raised", "restored", "brief"])
def test_every_notice_has_its_lines_with_something_in_each(rule: str, kind: NoticeKind, language: Language) -> None:
    lines = message(notice(kind, rule), language).body.split("\n")
    assert len(lines) == (5 if kind == "raised" else 4)
    assert all(line.strip() and "{" not in line and "  " not in line for line in lines)


@pytest.mark.parametrize(("language", "word"), [("en", "UNKNOWN"), ("vi", "CHƯA RÕ")])
def test_a_silent_gateway_says_unknown_and_never_that_power_is_lost(language: Language, word: str) -> None:
    body = message(notice(rule="gateway-offline"), language).body
    assert word in body
    assert "MẤT ĐIỆN" not in body
    assert "LOST" not in body


def test_the_fleet_s_message_names_no_cabinet() -> None:
    told = notice(rule="gateway-offline", name=FLEET_NAME, facts={"fleet": "7/10"})
    text = render(told, RULES["gateway-offline"], (), WARDS, ZONE, "en", NAMES)
    assert text.title == f"NO CONTACT WITH 7/10 GATEWAYS: network or collector, power state UNKNOWN [{text.tag}]"
    assert text.body.splitlines() == [
        "NO CONTACT WITH 7/10 GATEWAYS: network or collector, power state UNKNOWN · since 20:00 (12 min)",
        "last contact 20:00",
        "Do not drive out. The control room checks broker, internet line and mobile operator.",
        f"alarm {text.tag}",
    ]


def test_nothing_in_a_message_is_without_a_bound() -> None:
    many = tuple(
        cabinet(number).model_copy(update={"street": "đường rất dài " * 300, "name": "C\n" * 200})
        for number in range(400)
    )
    told = message(notice(facts={"voltages": "L1 0 V, " * 500}), "vi", *many)
    lines = told.body.split("\n")
    assert len(lines) == 5
    assert max(map(len, lines)) <= MAX_LINE
    assert lines[0].endswith(" · từ 20:00 (12 phút)")
    assert len(told.title) <= 131
    assert "\n" not in told.title


def test_another_day_is_named() -> None:
    assert local_time(START_MS, START_MS + 5 * 3_600_000, ZONE, "en") == "20:00 on 2026-12-31"
    assert local_time(START_MS, START_MS + 5 * 3_600_000, ZONE, "vi") == "20:00 ngày 31/12"
    assert local_time(START_MS, START_MS + 3_600_000, ZONE, "vi") == "20:00"
    assert sent_late_note(START_MS, START_MS + 3_600_000, ZONE, "vi") == "[Gửi muộn, lập lúc 20:00]"


@pytest.mark.parametrize(
    ("seconds", "en", "vi"),
    [
        (0, "0 s", "0 giây"),
        (59, "59 s", "59 giây"),
        (60, "1 min", "1 phút"),
        (3_599, "59 min", "59 phút"),
        (3_660, "1 h 01 min", "1 giờ 01 phút"),
        (90_000, "1 d 1 h", "1 ngày 1 giờ"),
        (-5, "0 s", "0 giây"),
    ],
)
def test_durations(seconds: int, en: str, vi: str) -> None:
    assert (duration_text(seconds * 1000, "en"), duration_text(seconds * 1000, "vi")) == (en, vi)


def test_both_languages_have_every_text() -> None:
    keys = TEXTS.keys()
    assert len(keys) > 20
    for key in keys:
        assert TEXTS.text(key, "en")
        assert TEXTS.text(key, "vi")


def _threshold(values: str, points: str) -> Notice:
    return notice(rule="overvoltage", facts={"values": values, "points": points, "limit": "4 mg/l"})


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "OVERVOLTAGE L3 254.5 V, Dissolved oxygen 3.2 mg/l, Second probe 3.9 mg/l"),
        ("vi", "QUÁ ÁP L3 254.5 V, Oxy hòa tan 3.2 mg/l, Đầu dò thứ hai 3.9 mg/l"),
    ],
)
def test_a_threshold_names_points_as_people_do(language: Language, words: str) -> None:
    of = _threshold("L3 254.5 V, do 3.2 mg/l, do_2 3.9 mg/l", "meter-1/u3 air-1/do air-1/do_2")
    told = message(of, language)
    assert told.body.startswith(words)
    assert words.partition(" ")[2].partition("L3")[2] in told.body.splitlines()[1]


@pytest.mark.parametrize(
    ("values", "points"),
    [
        ("do 3.2 mg/l", "air-2/do"),  # a gateway that never described itself
        ("do 3.2 mg/l", ""),  # raised before points stood in the facts
        ("do 3.2 mg/l", "air-1/do air-1/do_2"),
        ("do_2 3.2 mg/l", "air-1/do"),
    ],
)
def test_a_point_without_a_name_goes_by_its_key(values: str, points: str) -> None:
    assert values in message(_threshold(values, points), "vi").body
