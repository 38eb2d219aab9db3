"""Notices in words. The first line says what, where and since when; then the evidence, the map, what to bring, the tag.

What is over needs nothing brought, and the fleet's alarm has no place: those lines are left out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Final

from collector.core.alarm_record import FLEET_NAME, Alarm, Notice
from collector.core.point_names import Names
from collector.core.rules_evidence import VALUE_SEPARATOR
from config.city import Cabinet
from config.language import Language, Texts
from config.rules import TEXT_PLACES, Bilingual, Rule

MAX_LINE: Final = 240
MAX_TITLE: Final = 120
CABINETS_NAMED: Final = 3
"""A message names this many cabinets; the others are counted."""

TEXTS: Final = Texts(
    {
        "cabinet": ("cabinet {name}", "tủ {name}"),
        "gateway": ("gateway {name}", "gateway {name}"),
        "more": ("and {count} more", "và {count} tủ khác"),
        "since": ("since {time} ({duration})", "từ {time} ({duration})"),
        "over": ("{time}, after {duration} (since {since})", "lúc {time}, sau {duration} (từ {since})"),
        "brief": ("{since} to {time} ({duration})", "từ {since} đến {time} ({duration})"),
        "is_over": ("{words} (over)", "{words} (đã hết)"),
        "late": ("learned late", "nhận tin muộn"),
        "on_day": ("{time} on {date:%Y-%m-%d}", "{time} ngày {date:%d/%m}"),
        "days": ("{days} d {hours} h", "{days} ngày {hours} giờ"),
        "hours": ("{hours} h {minutes:02d} min", "{hours} giờ {minutes:02d} phút"),
        "minutes": ("{minutes} min", "{minutes} phút"),
        "seconds": ("{seconds} s", "{seconds} giây"),
        "voltages": ("meter: {voltages}", "công tơ: {voltages}"),
        "meter_silent": ("meter does not answer", "công tơ không trả lời"),
        "mains_0": ("mains input: no voltage", "ngõ vào báo điện lưới: mất điện"),
        "mains_1": ("mains input: voltage present", "ngõ vào báo điện lưới: có điện"),
        "battery": ("gateway on battery", "gateway đang chạy ắc quy"),
        "values": ("{values}, limit {limit}", "{values}, giới hạn {limit}"),
        "within": ("all values within limits, limit {limit}", "mọi giá trị trong giới hạn {limit}"),
        "last_contact": ("last contact {time}", "liên lạc lần cuối {time}"),
        "contact": ("the gateway reports again", "gateway đã gửi dữ liệu trở lại"),
        "no_evidence": ("no further readings", "không có số đo khác"),
        "map": ("Map: {link}", "Bản đồ: {link}"),
        "no_place": ("place not in the inventory", "chưa có tọa độ trong danh mục"),
        "ward": ("{ward} · {lamps} lamps · alarm {tag}", "{ward} · {lamps} đèn · mã báo động {tag}"),
        "fleet": ("alarm {tag}", "mã báo động {tag}"),
        "sent_late": ("[Sent late, written at {time}]", "[Gửi muộn, lập lúc {time}]"),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One notice in one language; `tag` is the same in the messages of one thread."""

    title: str
    body: str
    tag: str


def thread_tag(thread: str) -> str:
    """Return the short name of a thread that people see."""
    return hashlib.sha256(thread.encode()).hexdigest()[:8]


def local_time(at_ms: int, now_ms: int, zone: tzinfo, language: Language) -> str:
    """Return HH:MM on the city's clocks, with the date if it is not today's."""
    at = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone)
    today = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(zone).date()
    time = f"{at:%H:%M}"
    return time if at.date() == today else TEXTS.text("on_day", language, time=time, date=at)


def duration_text(duration_ms: int, language: Language) -> str:
    """Return a duration in its two largest units."""
    seconds = max(0, duration_ms) // 1000
    if seconds < 60:
        return TEXTS.text("seconds", language, seconds=seconds)
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86_400
    if hours == 0:
        return TEXTS.text("minutes", language, minutes=minutes)
    if days == 0:
        return TEXTS.text("hours", language, hours=hours, minutes=minutes % 60)
    return TEXTS.text("days", language, days=days, hours=hours % 24)


def _filled(text: Bilingual, language: Language, facts: Mapping[str, str]) -> str:
    template = text.vi if language == "vi" else text.en
    words = template.format(**{place: facts.get(place, "") for place in TEXT_PLACES})
    return " ".join(words.split())


def headline(rule: Rule, name: str, facts: Mapping[str, str], language: Language, *, is_over: bool = False) -> str:
    """Return an alarm's first words."""
    if rule.kind == "gateway_offline" and name == FLEET_NAME:
        text = rule.fleet_cleared if is_over else rule.fleet_raised
    else:
        text = rule.cleared if is_over else rule.raised
    return _filled(text, language, facts)


def _worded(facts: Mapping[str, str], names: Names, language: Language) -> Mapping[str, str]:
    """Return facts whose values go by the names of their points instead of by their keys; phases are names already."""
    points, values = facts.get("points", "").split(), facts.get("values", "").split(VALUE_SEPARATOR)
    if not points or len(points) != len(values):
        return facts
    worded = [
        f"{names[point][language]}{value.removeprefix(key)}"
        if point in names and value.startswith(f"{(key := point.partition('/')[2])} ")
        else value
        for point, value in zip(points, values, strict=True)
    ]
    return {**facts, "values": VALUE_SEPARATOR.join(worded)}


def alarm_text(alarm: Alarm, cabinets: Sequence[Cabinet], names: Names) -> dict[Language, str]:
    """Return one line for integrators in both languages."""
    lines: dict[Language, str] = {}
    for language in ("en", "vi"):
        words = headline(alarm.rule, alarm.name, _worded(alarm.facts, names, language), language)
        where = _where(alarm.rule, alarm.name, alarm.site, cabinets, language)
        lines[language] = _bounded(" · ".join(part for part in (words, where) if part))
    return lines


def _called(cabinet: Cabinet, language: Language) -> str:
    named = cabinet.name.casefold().startswith(("tủ", "cabinet"))
    return cabinet.name if named else TEXTS.text("cabinet", language, name=cabinet.name)


def _where(rule: Rule, name: str, site: str, cabinets: Sequence[Cabinet], language: Language) -> str:
    if name == FLEET_NAME and rule.kind == "gateway_offline":
        return ""
    named = [f"{_called(cabinet, language)} · {cabinet.street}" for cabinet in cabinets[:CABINETS_NAMED]]
    if len(cabinets) > CABINETS_NAMED:
        named.append(TEXTS.text("more", language, count=len(cabinets) - CABINETS_NAMED))
    places = ", ".join(named)
    if rule.kind == "gateway_offline":
        return f"{TEXTS.text('gateway', language, name=site)} · {places}"
    return places


def _when(notice: Notice, zone: tzinfo, language: Language) -> str:
    since = local_time(notice.since_ms, notice.at_ms, zone, language)
    until_ms = notice.at_ms if notice.until_ms is None else notice.until_ms
    duration = duration_text(until_ms - notice.since_ms, language)
    time = local_time(until_ms, notice.at_ms, zone, language)
    key = {"raised": "since", "restored": "over", "brief": "brief"}[notice.kind]
    facts = {"time": since if notice.kind == "raised" else time, "since": since, "duration": duration}
    words = TEXTS.text(key, language, **facts)
    return f"{words}, {TEXTS.text('late', language)}" if notice.late else words


def _evidence(notice: Notice, facts: Mapping[str, str], rule: Rule, zone: tzinfo, language: Language) -> str:
    if rule.kind == "gateway_offline":
        if notice.kind != "raised":
            return TEXTS.text("contact", language)
        last = local_time(notice.since_ms, notice.at_ms, zone, language)
        return TEXTS.text("last_contact", language, time=last)
    if rule.kind == "flag":
        return facts.get("values") or TEXTS.text("no_evidence", language)
    if rule.kind == "threshold":
        key = "values" if facts.get("values") else "within"
        return TEXTS.text(key, language, values=facts.get("values", ""), limit=facts.get("limit", ""))
    parts: list[str] = []
    if facts.get("meter_silent"):
        parts.append(TEXTS.text("meter_silent", language))
    elif facts.get("voltages"):
        parts.append(TEXTS.text("voltages", language, voltages=facts["voltages"]))
    if "mains_ok" in facts:
        parts.append(TEXTS.text(f"mains_{facts['mains_ok']}", language))
    if facts.get("battery"):
        parts.append(TEXTS.text("battery", language))
    return "; ".join(parts) or TEXTS.text("no_evidence", language)


def _map_line(cabinets: Sequence[Cabinet], language: Language) -> str:
    for cabinet in cabinets:
        if cabinet.place is not None:
            link = f"geo:{cabinet.place.latitude:.5f},{cabinet.place.longitude:.5f}"
            return TEXTS.text("map", language, link=link)
    return TEXTS.text("map", language, link=TEXTS.text("no_place", language))


def _bounded(line: str, length: int = MAX_LINE) -> str:
    words = " ".join(line.split())
    return words if len(words) <= length else words[: length - 1].rstrip() + "…"


def _first_line(words: str, where: str, when: str) -> str:
    """Return what, where and since when; of a line that grows too long the where gives way, never the time."""
    words = _bounded(words, MAX_LINE // 2)
    left = MAX_LINE - len(words) - len(when) - len(" ·  · ")
    return " · ".join(part for part in (words, _bounded(where, left), when) if part)


def _subject(rule: Rule, words: str, cabinets: Sequence[Cabinet], language: Language) -> str:
    """Return the title without its tag, by the names that the crew knows."""
    if not cabinets:
        return _bounded(words, MAX_TITLE)
    called = _called(cabinets[0], language)
    if rule.kind == "gateway_offline" and len(cabinets) > 1:
        called = f"{called} {TEXTS.text('more', language, count=len(cabinets) - 1)}"
    return _bounded(f"{words} · {called}", MAX_TITLE)


def render(
    notice: Notice,
    rule: Rule,
    cabinets: Sequence[Cabinet],
    wards: Mapping[str, str],
    zone: tzinfo,
    language: Language,
    names: Names,
) -> Message:
    """Return a notice as its lines.

    Args:
        notice: What is told.
        rule: Its rule.
        cabinets: Those that it concerns; none for the fleet's.
        wards: Ward id to name.
        zone: The city's time zone.
        language: The crew's.
        names: Of the gateway's points.
    """
    facts = _worded(notice.facts, names, language)
    is_fleet = notice.name == FLEET_NAME
    tag = thread_tag(notice.thread)
    words = headline(rule, notice.name, facts, language, is_over=notice.kind == "restored")
    if notice.kind == "brief":
        # A phone shows the title alone: at night it must not read as an outage that lasts.
        words = TEXTS.text("is_over", language, words=words)
    where = _where(rule, notice.name, notice.site, cabinets, language)
    advice = rule.fleet_advice if rule.kind == "gateway_offline" and is_fleet else rule.advice
    ward = ", ".join(dict.fromkeys(wards.get(cabinet.ward, cabinet.ward) for cabinet in cabinets[:CABINETS_NAMED]))
    lamps = sum(cabinet.lamps for cabinet in cabinets)
    last = TEXTS.text("fleet", language, tag=tag)
    if cabinets:
        last = TEXTS.text("ward", language, ward=ward, lamps=lamps, tag=tag)
    lines = (
        _first_line(words, where, _when(notice, zone, language)),
        _evidence(notice, facts, rule, zone, language),
        _map_line(cabinets, language) if cabinets else "",
        _filled(advice, language, facts) if notice.kind == "raised" else "",
        last,
    )
    title = _subject(rule, words, cabinets, language)
    return Message(title=f"{title} [{tag}]", body="\n".join(_bounded(line) for line in lines if line), tag=tag)


def sent_late_note(written_ms: int, now_ms: int, zone: tzinfo, language: Language) -> str:
    """Return the words before a message that waited for its way: when it was written."""
    return TEXTS.text("sent_late", language, time=local_time(written_ms, now_ms, zone, language))
