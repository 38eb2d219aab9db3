"""Calendars: versions, revisions, stages, reports, roll-back, and what alarms hear of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from collector.shell.alarm_desk import AlarmDesk
from config.rules import load_rules
from contract.lights import lamps_due
from contract.want import want_signature_agrees
from tests.unit.collector.lights_parts import CALENDAR, NOW_MS, Parts

LATER = CALENDAR | {"programs": [{"id": "p", "periods": [{"on": {"at": "sunset"}, "off": {"at": "02:00"}}]}]}
TET = CALENDAR | {
    "programs": [*CALENDAR["programs"], {"id": "all", "periods": [{"on": {"at": "sunset"}, "off": {"at": "sunrise"}}]}],
    "rules": [{"id": "tet", "program": "all", "when": {"holidays": [{"country": "VN", "days_before": 1}]}}],
    "default": "p",
}
ERROR = {"rev": 2, "where": "calendar.rules.0", "text_en": "no such program", "text_vi": "không có chương trình"}
ZERO = "0" * 64


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    made = Parts(tmp_path)
    yield made
    made.close()


def standings(parts: Parts) -> dict[str, str]:
    return {told["gateway"]: told["standing"] for told in parts.ask("wants")["gateways"]}


def test_a_published_calendar_is_signed_and_retained_for_each_gateway(parts: Parts) -> None:
    answer = parts.publish(cabinets=["c-1", "c-2"])
    assert (answer["version"], answer["published"]) == (1, ["gw-1", "gw-2"])
    assert [(gateway, want.rev, want.by) for gateway, want in parts.wants] == [
        ("gw-1", 1, "huong"),
        ("gw-2", 1, "huong"),
    ]
    assert all(want_signature_agrees(want, gateway, b"k" * 32) for gateway, want in parts.wants)
    assert standings(parts) == {"gw-1": "waiting", "gw-2": "waiting", "gw-3": "none"}


def test_the_revision_is_above_all_that_either_side_knows(parts: Parts) -> None:
    parts.report("gw-1", None, rev=41, hash=ZERO)
    parts.publish()
    assert parts.wants[-1][1].rev == 42
    parts.report("gw-1", parts.wants[-1][1])
    parts.publish(LATER)
    assert parts.wants[-1][1].rev == 43
    parts.report("gw-1", None, rev=42, hash=ZERO, error=ERROR | {"rev": 50})
    parts.publish()
    assert parts.wants[-1][1].rev == 51


def test_hashes_tell_drift_and_the_gateways_own_words_a_refusal(parts: Parts) -> None:
    parts.publish()
    want = parts.wants[-1][1]
    parts.report("gw-1", want)
    assert standings(parts)["gw-1"] == "applied"
    assert parts.known("c-1")["want_differs"] == 0
    parts.report("gw-1", None, rev=9, hash=ZERO)
    assert standings(parts)["gw-1"] == "differs"
    known = parts.known("c-1")
    assert (known["want_differs"], known["want_refused"], known["want_told"]) == (1, 0, "rev 9 ≠ 1")
    parts.publish(LATER)
    parts.report("gw-1", None, rev=9, hash=ZERO, error=ERROR | {"rev": 10})
    assert standings(parts)["gw-1"] == "refused"
    known = parts.known("c-1")
    assert (known["want_differs"], known["want_refused"]) == (0, 1)
    assert "không có chương trình" in known["want_told"]
    assert ("config_changed", "want_refused") in parts.events()


def test_a_rollout_waits_for_its_first_gateways(parts: Parts) -> None:
    answer = parts.publish(cabinets=["c-1", "c-2", "c-3"], first=1)
    assert answer["held"] == ["gw-2", "gw-3"]
    refused = parts.ask("continue", rollout=answer["rollout"], reason="go on")
    assert (refused["error"], refused["gateways"]) == ("first_not_applied", ["gw-1"])
    parts.report("gw-1", parts.wants[0][1])
    parts.close()
    parts.open()
    assert parts.ask("wants")["gateways"][1]["held_in"] == answer["rollout"]
    assert parts.ask("continue", rollout=answer["rollout"], reason="go on")["published"] == ["gw-2", "gw-3"]
    assert parts.ask("continue", rollout=answer["rollout"], reason="go on")["error"] == "nothing_held"
    assert [gateway for gateway, want in parts.wants if want.desired.calendar is not None][-2:] == ["gw-2", "gw-3"]


def test_a_new_publication_takes_a_held_gateway_out_of_its_rollout(parts: Parts) -> None:
    first = parts.publish(cabinets=["c-1", "c-2"], first=1)
    parts.publish(LATER, cabinets=["c-2"])
    assert parts.ask("continue", rollout=first["rollout"], reason="x", regardless=True)["error"] == "nothing_held"


def roll_back(parts: Parts, *cabinets: str) -> Any:
    plan = parts.ask("plan", operation="calendar", cabinets=list(cabinets))
    return parts.ask(
        "rollback", cabinets=list(cabinets), fingerprint=plan["fingerprint"], reason="too dark", token="ef" * 16
    )


def test_roll_back_gives_the_calendar_before_and_before_the_first_the_own_file(parts: Parts) -> None:
    assert roll_back(parts, "c-1")["error"] == "nothing_to_roll_back"
    parts.publish(cabinets=["c-1", "c-2"])
    parts.publish(LATER, cabinets=["c-1"])
    first, _, later = (want for _, want in parts.wants)
    assert later.desired != first.desired
    assert roll_back(parts, "c-1", "c-2")["published"] == ["gw-1", "gw-2"]
    back = dict(parts.wants[-2:])
    assert (back["gw-1"].rev, back["gw-1"].desired) == (3, first.desired)
    assert (back["gw-2"].rev, back["gw-2"].desired.calendar) == (2, None)
    parts.report("gw-2", None, rev=2, hash=ZERO)
    assert standings(parts)["gw-2"] == "applied"


def test_holidays_leave_the_centre_as_dates_and_bad_calendars_do_not_leave(parts: Parts) -> None:
    parts.publish(TET)
    calendar = parts.wants[-1][1].desired.calendar
    assert calendar is not None
    assert calendar.expanded is not None
    # The first day of Tet 2027 is 6 February.
    assert {"2027-02-05", "2027-02-06"} <= set(calendar.expanded.dates["tet"])
    wrong = CALENDAR | {"rules": [{"id": "r", "program": "none", "when": {"weekdays": ["mon"]}}]}
    assert parts.publish(wrong)["error"] == "bad_calendar"
    nowhere = TET | {"rules": [TET["rules"][0] | {"when": {"holidays": [{"country": "XX"}]}}]}
    assert parts.publish(nowhere)["error"] == "bad_calendar"
    days = [f"{year}-{month:02d}-{day:02d}" for year in (2027, 2028) for month in range(1, 13) for day in range(1, 17)]
    rules = [{"id": f"r{n}", "program": "p", "when": {"dates": days}} for n in range(40)]
    assert parts.publish(CALENDAR | {"rules": rules})["error"] == "calendar_too_long"
    assert len(parts.wants) == 1


def test_a_calendar_whose_holidays_run_out_is_told_before_they_do(parts: Parts) -> None:
    parts.publish(TET)
    parts.report("gw-1", parts.wants[-1][1])
    assert parts.known("c-1")["want_ages"] == 0
    parts.pass_time(438 * 86_400)
    assert parts.known("c-1")["want_ages"] == 0
    parts.pass_time(3 * 86_400)
    assert parts.known("c-1")["want_ages"] == 1
    parts.publish(TET)
    parts.report("gw-1", parts.wants[-1][1])
    assert parts.known("c-1")["want_ages"] == 0


def test_a_calendar_is_for_whole_gateways(parts: Parts) -> None:
    chosen: dict[str, Any] = {"cabinets": ["c-1"], "circuits": ["A"]}
    assert parts.ask("plan", operation="calendar", **chosen)["error"] == "calendar_is_whole"
    told = parts.ask("rollback", reason="x", fingerprint="0" * 16, token="ab" * 16, **chosen)
    assert told["error"] == "calendar_is_whole"


def test_what_a_gateway_has_not_answered_is_offered_again_after_a_restart_and_now_and_then(parts: Parts) -> None:
    parts.publish(cabinets=["c-1", "c-2"])
    parts.report("gw-1", parts.wants[0][1])
    parts.wants.clear()
    parts.close()
    parts.open()
    parts.pass_time(1)
    assert [gateway for gateway, _ in parts.wants] == ["gw-2"]
    parts.pass_time(300)
    parts.pass_time(301)
    assert [gateway for gateway, _ in parts.wants] == ["gw-2", "gw-2"]


def test_planned_nights_follow_the_calendar_that_a_gateway_runs(parts: Parts) -> None:
    assert parts.ask("nights", cabinets=["c-1"])["cabinets"][0]["nights"] == []
    parts.publish()
    assert parts.desk.calendar_of("gw-1") is None
    parts.report("gw-1", parts.wants[-1][1])
    night = parts.ask("nights", cabinets=["c-1"])["cabinets"][0]["nights"][0]
    assert (night["program"], len(night["steps"])) == ("p", 1)
    assert parts.ask("nights", everything=True, nights=400)["error"] == "too_many_nights"
    calendar = parts.desk.calendar_of("gw-1")
    assert calendar is not None
    assert lamps_due(calendar, parts.city.place, night["steps"][0][0])


class _Rig:
    """An alarm desk on the evidence of a centre."""

    def __init__(self, folder: Path, parts: Parts) -> None:
        self.parts = parts
        self.shown: dict[str, bytes | None] = {}
        (folder / "alarms").mkdir()
        self.desk = AlarmDesk(
            state_dir=folder / "alarms",
            city=parts.city,
            rules=load_rules(),
            notify=(),
            publish=self.shown.__setitem__,
            root="city/v1",
            now_ms=lambda: parts.now_ms,
            own_evidence=parts.evidence,
            rolled_out=parts.desk.calendar_of,
        )

    def run(self, seconds: int) -> None:
        for _ in range(seconds // 10):
            self.parts.pass_time(10)
            self.desk.tick(self.parts.now_ms)

    def active(self) -> set[str]:
        return {topic.partition("/alarm/")[2] for topic, payload in self.shown.items() if payload is not None}


def test_drift_longer_than_its_hold_is_an_alarm_of_the_cabinet_until_it_is_mended(parts: Parts, tmp_path: Path) -> None:
    rig = _Rig(tmp_path, parts)
    parts.publish()
    parts.report("gw-1", None, rev=9, hash=ZERO)
    rig.run(590)
    assert rig.active() == set()
    rig.run(60)
    assert rig.active() == {"c-1/calendar-differs"}
    parts.publish()
    parts.report("gw-1", parts.wants[-1][1])
    rig.run(40)
    assert rig.active() == set()
    rig.desk.close()


def test_a_silent_gateways_lamps_are_due_by_the_calendar_that_was_rolled_out(parts: Parts, tmp_path: Path) -> None:
    rig = _Rig(tmp_path, parts)
    due = rig.desk._engine._book.plan._lamps_due
    one, other = parts.city.cabinets[:2]
    assert due(one, NOW_MS) is None
    parts.publish(cabinets=["c-1"])
    parts.report("gw-1", parts.wants[-1][1])
    evening = parts.ask("nights", cabinets=["c-1"])["cabinets"][0]["nights"][0]["steps"][0]
    assert due(one, evening[0]) is True
    assert due(one, evening[1]) is False
    assert due(other, evening[0]) is None
    rig.desk.close()
