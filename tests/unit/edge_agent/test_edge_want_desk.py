"""The wants of the centre at the gateway: what is applied, what is refused and why, what survives."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from config.agent import Place
from contract.codec import encode
from contract.lights import TABLE_DAYS, Calendar
from contract.state import Place as WirePlace
from contract.want import Desired, Limits, Want, WantError, WantReport, desired_hash, signed_want
from edge_agent.core.lights.backdrop import GoingBy
from edge_agent.shell import want_desk
from edge_agent.shell.want_desk import SUN_FILE, WANT_FILE, WantDesk

PLEIKU = Place(latitude=13.983, longitude=108.0, timezone="Asia/Ho_Chi_Minh")
OWN = Calendar.model_validate({"name": "own", "periods": [{"on": "18:00", "off": "22:00"}]})
NIGHT = Calendar.model_validate({"name": "night", "periods": [{"on": "sunset", "off": "sunrise"}]})
KEY = bytes(range(32))
NOW_MS = 1_795_517_100_000


class Desk:
    """A desk and what it told."""

    def __init__(self, folder: Path, *, key: bytes | None = KEY, now_ms: int | None = NOW_MS) -> None:
        self.desk = WantDesk(
            gateway="gw-1", key=key, state_dir=folder, calendar=OWN, place=PLEIKU, now_ms=lambda: now_ms
        )
        self.went: list[tuple[GoingBy, Limits]] = []
        self.reports: list[WantReport] = []
        self.desk.on_change = lambda going, limits: self.went.append((going, limits))
        self.desk.on_report = self.reports.append

    def receive(self, *payloads: bytes) -> WantError | None:
        async def take() -> None:
            for payload in payloads:
                await self.desk.receive(payload)

        run(take())
        return self.desk.report.error


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


def want(rev: int = 1, *, gateway: str = "gw-1", key: bytes = KEY, **desired: Any) -> bytes:
    wished = Desired(**({"calendar": NIGHT} | desired))
    return encode(signed_want(Want(rev=rev, by="huong", ts=NOW_MS, desired=wished), gateway, key))


def test_a_want_is_applied_kept_and_reported(tmp_path: Path) -> None:
    one = Desk(tmp_path)
    assert one.desk.report == WantReport(rev=0, hash=desired_hash(Desired(calendar=OWN)))
    assert one.receive(want(3, limits=Limits(stagger_s=2))) is None
    going, limits = one.went[-1]
    assert (going.calendar, going.rev, limits.stagger_s) == (NIGHT, 3, 2)
    wished = desired_hash(Desired(calendar=NIGHT, limits=Limits(stagger_s=2)))
    assert one.reports[-1] == WantReport(rev=3, hash=wished, applied_ts=NOW_MS)
    again = Desk(tmp_path)
    assert again.desk.report == one.reports[-1]
    assert again.desk.going.calendar == NIGHT


def test_the_suns_times_are_kept_for_more_than_a_year(tmp_path: Path) -> None:
    one = Desk(tmp_path)
    one.receive(want())
    assert (tmp_path / SUN_FILE).is_file()
    sun = Desk(tmp_path).desk.going.sun
    assert sun is not None
    assert len(sun.rows) == TABLE_DAYS
    assert sun.is_of(PLEIKU)


def test_a_place_of_the_want_moves_the_sun(tmp_path: Path) -> None:
    one = Desk(tmp_path)
    one.receive(want(place=WirePlace(latitude=59.3, longitude=18.1, timezone="Europe/Stockholm")))
    going = one.desk.going
    assert going.place.timezone == "Europe/Stockholm"
    assert going.sun is not None
    assert going.sun.is_of(going.place)


@pytest.mark.parametrize(
    ("payload", "where", "text"),
    [
        (b"{", "", "not a want"),
        (b"[1]", "", "not a want"),
        (want(gateway="gw-2"), "", "signature"),
        (want(key=bytes(32)), "", "signature"),
        (encode(Want(rev=1, by="x", ts=1, desired=Desired())), "", "signature"),
        (want(2), "", "older than 3"),
        (want(3, calendar=OWN), "", "needs a higher one"),
        (
            want(4, place=WirePlace(latitude=0, longitude=0, timezone="Asia/Tokyo")).replace(
                b"Asia/Tokyo", b"Asia/Kyoto"
            ),
            "desired.place",
            "no time zone 'Asia/Kyoto'",
        ),
        (want(4).replace(b'"sunset"', b'"sunsett"'), "desired.calendar", "sunsett"),
    ],
)
def test_a_bad_want_leaves_the_old_one_in_force_and_says_why(
    tmp_path: Path, payload: bytes, where: str, text: str
) -> None:
    one = Desk(tmp_path)
    one.receive(want(3))
    before = (tmp_path / WANT_FILE).read_bytes()
    error = one.receive(payload)
    assert error is not None
    assert text in error.text_en
    assert error.where.startswith(where)
    assert error.text_vi != error.text_en
    assert (one.reports[-1].rev, one.desk.going.calendar) == (3, NIGHT)
    assert (tmp_path / WANT_FILE).read_bytes() == before
    assert one.receive(want(5)) is None, "a good one ends the complaint"


def test_without_a_key_no_want_is_taken(tmp_path: Path) -> None:
    error = Desk(tmp_path, key=None).receive(want())
    assert error is not None
    assert "no command key" in error.text_en


def test_the_same_revision_again_changes_nothing_and_is_no_mistake(tmp_path: Path) -> None:
    one = Desk(tmp_path)
    assert one.receive(want(3), want(3)) is None
    assert one.receive(b"") is None, "the topic was cleared"
    assert one.desk.report.rev == 3


def test_a_disk_that_refuses_leaves_the_old_one_in_force(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(file: Path, _text: str) -> None:
        raise OSError(28, "No space left on device", str(file))

    one = Desk(tmp_path)
    monkeypatch.setattr(want_desk, "replace_whole", refuse)
    error = one.receive(want())
    assert error is not None
    assert "No space left on device" in error.text_en
    assert (one.desk.report.rev, one.desk.going.calendar) == (0, OWN)


@pytest.mark.parametrize("broken", [b"", b"x", b"1795517100000\n{", b"\xff\xfe"])
def test_a_damaged_file_is_as_none_and_the_own_calendar_holds(tmp_path: Path, broken: bytes) -> None:
    (tmp_path / WANT_FILE).write_bytes(broken)
    (tmp_path / SUN_FILE).write_bytes(broken)
    one = Desk(tmp_path)
    assert (one.desk.report.rev, one.desk.going.calendar, one.desk.going.sun) == (0, OWN, None)
    assert one.receive(want(1)) is None


def test_the_own_file_read_anew_holds_where_no_want_brought_another(tmp_path: Path) -> None:
    one = Desk(tmp_path)
    one.desk.use_file(NIGHT, "schedule.yaml:1:1: wrong")
    assert (one.went[-1][0].calendar, one.went[-1][0].problem) == (NIGHT, "schedule.yaml:1:1: wrong")
    one.receive(want(1))
    one.desk.use_file(OWN, "schedule.yaml:1:1: wrong")
    assert (one.went[-1][0].calendar, one.went[-1][0].problem) == (NIGHT, None)


def test_a_want_that_only_sets_bounds_leaves_the_own_calendar(tmp_path: Path) -> None:
    one = Desk(tmp_path)
    one.receive(want(1, calendar=None, limits=Limits(longest_override_h=4)))
    assert (one.desk.going.calendar, one.desk.limits.longest_override_h) == (OWN, 4)


def test_without_a_clock_a_want_is_taken_and_the_sun_computed(tmp_path: Path) -> None:
    one = Desk(tmp_path, now_ms=None)
    assert one.receive(want()) is None
    assert one.desk.report.applied_ts is None
    assert one.desk.going.sun is None
