from __future__ import annotations

import sys
from datetime import date
from typing import Any

import orjson
import pytest

from contract.codec import PayloadError, decode, encode
from contract.lights import Calendar, expand
from contract.lights.holiday_names import named_holidays
from contract.want import (
    MAX_REPORT_BYTES,
    MAX_WANT_BYTES,
    Desired,
    Limits,
    Want,
    WantError,
    WantReport,
    desired_hash,
    signed_want,
    want_signature,
)

KEY = b"k" * 32
NIGHT: dict[str, Any] = {"periods": [{"on": "sunset", "off": "sunrise"}]}
TET: dict[str, Any] = {
    "programs": [{"id": "a", "periods": []}],
    "rules": [{"id": "tet", "program": "a", "when": {"holidays": [{"country": "VN", "names": ["Tết Nguyên Đán"]}]}}],
    "default": "a",
}


def payload(**changes: Any) -> bytes:
    return orjson.dumps({"v": 1, "rev": 3, "by": "huong", "ts": 1_795_517_100_000, "desired": {}, **changes})


def test_a_want_says_which_key_of_it_is_not_understood() -> None:
    with pytest.raises(PayloadError, match=r"^desired\.mood: "):
        decode(payload(desired={"mood": 1}), Want)
    with pytest.raises(PayloadError, match=r"^desired\.calendar\.periods\.0\.glow: "):
        decode(payload(desired={"calendar": {"periods": [{**NIGHT["periods"][0], "glow": 1}]}}), Want)
    # The envelope may grow; what must be obeyed may not.
    assert decode(payload(priority=7), Want).rev == 3


@pytest.mark.parametrize(
    "changes",
    [
        {"v": 2},
        {"rev": 0},
        {"rev": 2**53 + 1},
        {"rev": "3"},
        {"by": ""},
        {"by": "x" * 65},
        {"ts": -1},
        {"mac": "0" * 63},
        {"mac": "G" * 64},
        {"desired": None},
        {"desired": {"limits": {"longest_override_h": 745}}},
        {"desired": {"limits": {"stagger_s": 61}}},
        {"desired": {"limits": {"stagger_s": -1}}},
        {"desired": {"limits": {"start_wait_s": 1e9}}},
        {"desired": {"place": {"latitude": 91, "longitude": 0, "timezone": "UTC"}}},
        {"desired": {"place": {"latitude": 1, "longitude": 0, "timezone": "Asia/Pleiku"}}},
        {"desired": {"place": {"latitude": 1, "longitude": 0, "timezone": "../../etc/passwd"}}},
        {"desired": {"calendar": {}}},
        {"desired": {"calendar": []}},
        {"desired": {"calendar": {"rules": [1, {"when": 1}], **NIGHT}}},
        {"desired": {"calendar": {**TET, "rules": [{"id": "a", "program": "a", "when": {"holidays": 1}}]}}},
    ],
)
def test_what_is_out_of_bounds_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(PayloadError):
        decode(payload(**changes), Want)


def test_sizes_are_bounded() -> None:
    with pytest.raises(PayloadError, match="65536"):
        decode(payload(desired={"calendar": {**NIGHT, "name": "x" * MAX_WANT_BYTES}}), Want, MAX_WANT_BYTES)
    with pytest.raises(ValueError, match="512"):
        WantError(text_en="x" * 513, text_vi="")
    worst = WantReport(
        rev=2**53,
        hash="f" * 64,
        applied_ts=1,
        error=WantError(rev=1, where="ệ" * 256, text_en="ệ" * 512, text_vi="ệ" * 512),
    )
    assert len(encode(worst)) < MAX_REPORT_BYTES


def test_the_days_of_a_full_calendar_fit_into_a_want() -> None:
    programs = [
        {"id": f"program-{number}", "periods": [{"on": "sunset-10", "off": "22:00"}, {"on": "22:00", "off": "sunrise"}]}
        for number in range(10)
    ]
    rules = [
        {"id": f"rule-{number}", "program": f"program-{number % 10}", "when": {"holidays": [{"country": "VN"}]}}
        for number in range(20)
    ]
    written = Calendar.model_validate({"programs": programs, "rules": rules, "default": "program-0"})
    want = Want(rev=1, by="x", ts=0, desired=Desired(calendar=expand(written, date(2026, 11, 24))))
    assert len(encode(signed_want(want, "gw", KEY))) < MAX_WANT_BYTES


def test_a_gateway_is_never_made_to_look_up_holidays(monkeypatch: pytest.MonkeyPatch) -> None:
    written = Calendar.model_validate(TET)
    carried = expand(written, date(2026, 11, 24))
    with pytest.raises(ValueError, match="expanded"):
        Desired(calendar=written)
    named_holidays.cache_clear()
    monkeypatch.setitem(sys.modules, "holidays", None)
    with pytest.raises(PayloadError, match=r"^desired\.calendar: .*expanded"):
        decode(payload(desired={"calendar": TET}), Want)
    want = Want(rev=1, by="x", ts=0, desired=Desired(calendar=carried))
    assert decode(encode(want), Want) == want


def test_the_hash_is_of_what_is_wished_and_the_signature_of_all() -> None:
    desired = Desired(calendar=Calendar.model_validate(NIGHT), limits=Limits(stagger_s=4))
    same = Desired.model_validate(
        {"limits": {"stagger_s": 4.0}, "calendar": {"programs": [{"id": "default", **NIGHT}]}}
    )
    assert desired_hash(desired) == desired_hash(same)
    hashes = {desired_hash(each) for each in (Desired(), desired, Desired(limits=Limits(stagger_s=4)))}
    assert len(hashes) == 3
    want = Want(rev=1, by="ab", ts=1, desired=desired)
    # Neighbouring fields do not flow into one another.
    assert want_signature(want, "gw1", KEY) != want_signature(want.model_copy(update={"rev": 11}), "gw", KEY)
    assert want_signature(want, "gw", KEY) == want_signature(signed_want(want, "gw", KEY), "gw", KEY)
