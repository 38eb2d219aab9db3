"""A year of switching in three cities against an oracle that shares nothing with ours."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest

from contract.lights import Calendar, next_change_ms, resolve, sun_table
from contract.state import Place
from tests.property.contract.lights_oracle import Program, Sky, clock, sun, switches

PLEIKU = Place(latitude=13.983, longitude=108.0, timezone="Asia/Ho_Chi_Minh")
MADRID = Place(latitude=40.4168, longitude=-3.7038, timezone="Europe/Madrid")
TROMSO = Place(latitude=69.6492, longitude=18.9553, timezone="Europe/Oslo")
FIRST = date(2026, 7, 1)
DAYS = 365
DUSK_TO_DAWN = Calendar.model_validate({"periods": [{"on": "sunset", "off": "sunrise"}]})
CITY = Calendar.model_validate(
    {
        "levels": {100: ["A", "B", "C"], 67: ["A", "B"], 33: ["A"]},
        "programs": [
            {
                "id": "standard",
                "periods": [
                    {"on": {"at": "sunset-10", "not_before": "17:15", "not_after": "21:15"}, "off": "22:30"},
                    {"on": "22:30", "off": "sunrise+5", "level": 67},
                ],
            },
            {
                "id": "saving",
                "periods": [{"on": "sunset+30", "off": "23:00"}, {"on": "22:00", "off": "02:30", "level": 33}],
            },
            {"id": "feast", "periods": [{"on": "sunset", "off": "sunrise"}]},
            {"id": "dark", "periods": []},
        ],
        "rules": [
            {"id": "tet", "exception": True, "program": "feast", "when": {"ranges": ["2027-02-04..2027-02-11"]}},
            {"id": "turn", "program": "feast", "when": {"yearly": ["12-24..01-02"]}},
            {"id": "last", "program": "dark", "when": {"nth_weekday": [{"nth": -1, "weekday": "sat", "months": [3]}]}},
            {
                "id": "heat",
                "program": "saving",
                "when": {"yearly": ["05-16..06-30"], "weekdays": ["mon", "tue", "sun"]},
            },
            {"id": "one", "program": "saving", "when": {"dates": ["2026-11-20", "2026-10-24"]}},
        ],
        "default": "standard",
    }
)
STANDARD: Program = [
    (sun("sunset", -10, "17:15", "21:15"), clock("22:30"), 100),
    (clock("22:30"), sun("sunrise", 5), 67),
]
SAVING: Program = [(sun("sunset", 30), clock("23:00"), 100), (clock("22:00"), clock("02:30"), 33)]
FEAST: Program = [(sun("sunset"), sun("sunrise"), 100)]


def program_of(day: date) -> Program:
    if (
        date(2027, 2, 4) <= day <= date(2027, 2, 11)
        or (day.month, day.day) >= (12, 24)
        or (day.month, day.day) <= (1, 2)
    ):
        return FEAST
    if day == date(2027, 3, 27):
        return []
    in_heat = (day.month == 5 and day.day >= 16) or day.month == 6
    if (in_heat and day.isoweekday() in (1, 2, 7)) or day in (date(2026, 11, 20), date(2026, 10, 24)):
        return SAVING
    return STANDARD


def ours(calendar: Calendar, place: Place, *, table: bool) -> Iterator[tuple[float, int]]:
    """Yield every change of the level in the year, found by nothing but the two functions that an agent calls."""
    kept = sun_table(place, FIRST - timedelta(days=1), DAYS + 2) if table else None
    at_ms = round(datetime(2026, 7, 1, 12, tzinfo=UTC).timestamp() * 1000)
    end_ms = at_ms + DAYS * 86_400_000
    level = resolve(calendar, place, at_ms, sun=kept).level
    while (change := next_change_ms(calendar, place, at_ms, sun=kept)) is not None and change < end_ms:
        at_ms = change
        reached = resolve(calendar, place, at_ms, sun=kept).level
        assert resolve(calendar, place, at_ms - 1, sun=kept).level == level
        if reached != level:
            level = reached
            yield at_ms / 1000, level


@pytest.mark.parametrize("place", [PLEIKU, MADRID], ids=["Pleiku", "Madrid"])
@pytest.mark.parametrize(
    ("calendar", "programs", "table"),
    [(DUSK_TO_DAWN, lambda _day: FEAST, False), (CITY, program_of, True)],
    ids=["dusk to dawn", "city"],
)
def test_no_switch_of_a_year_differs_by_a_minute(
    place: Place, calendar: Calendar, programs: object, table: bool
) -> None:
    assert callable(programs)
    begins_s = datetime(2026, 7, 1, 12, tzinfo=UTC).timestamp()
    expected = [
        (at_s, level)
        for at_s, level in switches(Sky(place), FIRST - timedelta(days=2), DAYS + 4, programs)
        if begins_s < at_s < begins_s + DAYS * 86_400
    ]
    measured = list(ours(calendar, place, table=table))
    assert [level for _, level in measured] == [level for _, level in expected]
    worst_s = max(abs(one[0] - other[0]) for one, other in zip(measured, expected, strict=True))
    assert worst_s <= 60
    assert len(measured) > 2 * DAYS - 10


def test_above_the_polar_circle_switches_agree_or_their_elevation_does() -> None:
    sky = Sky(TROMSO)
    measured = [at_s for at_s, _ in ours(DUSK_TO_DAWN, TROMSO, table=True)]
    grazing = {FIRST + timedelta(days=offset): sky.is_grazing(FIRST + timedelta(days=offset)) for offset in range(DAYS)}
    plain, near = 0, 0
    for at_s in measured:
        day = (datetime.fromtimestamp(at_s, UTC) - timedelta(hours=11)).date()
        if grazing.get(day, True):
            near += 1
            assert abs(sky.above_limb(at_s)) <= 0.05, datetime.fromtimestamp(at_s, UTC)
        else:
            plain += 1
            events = [sky.event(which, day) for which in ("sunset", "sunrise")]
            assert min(abs(at_s - event) for event in events if event is not None) <= 60
    # Two months of midnight sun and two of polar night switch nothing.
    assert plain > 350
    assert near > 30
    # And no event of the oracle is left out.
    for offset in range(DAYS):
        for which in ("sunset", "sunrise"):
            event_s = sky.event(which, FIRST + timedelta(days=offset))
            if event_s is not None and measured[0] < event_s < measured[-1]:
                nearest_s = min(measured, key=lambda at_s, event_s=event_s: abs(event_s - at_s))  # type: ignore[misc] # mypy infers no defaults
                assert abs(event_s - nearest_s) <= 60 or abs(sky.above_limb(nearest_s)) <= 0.05


@pytest.mark.parametrize("latitude", [66.0, 66.6, 67.4, 69.65, 78.2, 89.0, -66.8, -77.85])
def test_the_dark_is_the_sun_s_own_in_high_latitudes(latitude: float) -> None:
    place = Place(latitude=latitude, longitude=15.6, timezone="Etc/GMT-1")
    sky = Sky(place)
    begins_ms = round(datetime(2026, 7, 1, 12, tzinfo=UTC).timestamp() * 1000)
    # A prime number of minutes, so that the year is met at every hour of the day.
    for step in range(0, 365 * 1440, 487):
        at_ms = begins_ms + step * 60_000
        height = sky.above_limb(at_ms / 1000)
        if abs(height) > 0.05:
            assert (resolve(DUSK_TO_DAWN, place, at_ms).level > 0) is (height < 0)
