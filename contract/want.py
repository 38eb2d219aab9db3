"""A want: what the centre wishes a gateway to be, and what the gateway says it is."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field, StrictInt, StrictStr, field_validator

from contract.batch import Timestamp, WireModel
from contract.lights.document import Calendar, canonical
from contract.lights.wall_time import is_zone
from contract.state import Place

MAX_WANT_BYTES: Final = 64 * 1024
MAX_REPORT_BYTES: Final = 8 * 1024
MAX_REVISION: Final = 2**53
Sha256 = Annotated[StrictStr, Field(pattern=r"^[0-9a-f]{64}$")]
_Told = Annotated[StrictStr, Field(max_length=512)]


class Limits(WireModel):
    """Bounds of switching that the centre sets for a gateway; what is null stays as the gateway's own file has it.

    Attributes:
        longest_override_h: Hours after which any override of the centre ends, at most 31 days.
        stagger_s: Seconds between the circuits of one switching.
        start_wait_s: The longest random wait before the first switching after a boot, in seconds.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    longest_override_h: Annotated[StrictInt, Field(ge=1, le=31 * 24)] | None = None
    stagger_s: Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0, le=60)] | None = None
    start_wait_s: Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0, le=300)] | None = None


class Desired(WireModel):
    """The whole of what is wished; a gateway that does not know a key of it refuses all of it and says so.

    Attributes:
        calendar: When the lamps burn; null: the gateway goes by its own file.
        place: Where the cabinet stands; null: as its own file has it.
        limits: Bounds of switching; null: as its own file has them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    calendar: Calendar | None = None
    place: Place | None = None
    limits: Limits | None = None

    @field_validator("calendar", mode="before")
    @classmethod
    def _carries_its_holidays(cls, calendar: Any) -> Any:
        # Looked at before the calendar itself: a gateway must never be made to load a country's holidays.
        if isinstance(calendar, Calendar):
            needs = any(rule.when.holidays for rule in calendar.rules) and calendar.expanded is None
        else:
            needs = _names_holidays(calendar) and calendar.get("expanded") is None
        if needs:
            raise ValueError("a calendar with holidays must carry their days (expanded)")
        return calendar

    @field_validator("place")
    @classmethod
    def _has_a_zone(cls, place: Place | None) -> Place | None:
        if place is not None and not is_zone(place.timezone):
            raise ValueError(f"no time zone '{place.timezone[:64]}'")
        return place


def _names_holidays(calendar: Any) -> bool:
    """Return whether the raw data of a calendar names holidays; what has another form is refused elsewhere."""
    rules = calendar.get("rules") if isinstance(calendar, dict) else None
    whens = [rule.get("when") for rule in rules if isinstance(rule, dict)] if isinstance(rules, list | tuple) else []
    return any(isinstance(when, dict) and bool(when.get("holidays")) for when in whens)


class Want(WireModel):
    """The desired document of a gateway, retained; a gateway applies only a higher revision than its last.

    Attributes:
        v: The version of this message.
        rev: Rises with each change; the centre takes one more than the highest of its own and the reported one.
        by: Who wished it, for the audit.
        ts: When, in milliseconds since 1970 UTC by the centre's clock.
        desired: What is wished.
        mac: HMAC-SHA256 in hex by the gateway's key over the other fields; see `want_signature`.
    """

    v: Literal[1] = 1
    rev: Annotated[StrictInt, Field(ge=1, le=MAX_REVISION)]
    by: Annotated[StrictStr, Field(min_length=1, max_length=64)]
    ts: Timestamp
    desired: Desired
    mac: Sha256 | None = None


class WantError(WireModel):
    """Why a want was not applied; the one before it goes on.

    Attributes:
        rev: The revision that was refused; 0 if it could not even be read.
        where: The place in the document, such as `calendar.rules.2.program`; empty for the whole.
        text_en: What is wrong, in English.
        text_vi: The same in Vietnamese.
    """

    rev: Annotated[StrictInt, Field(ge=0, le=MAX_REVISION)] = 0
    where: Annotated[StrictStr, Field(max_length=256)] = ""
    text_en: _Told
    text_vi: _Told


class WantReport(WireModel):
    """What a gateway goes by, retained.

    Attributes:
        v: The version of this message.
        rev: The revision that it applied; 0: none yet, it goes by its own file.
        hash: SHA-256 in hex of what it goes by, see `desired_hash`; the centre compares it with what it wished.
        applied_ts: When it was applied, milliseconds since 1970 UTC by the gateway's clock; null if that is not known.
        error: Why the last want was not applied.
    """

    v: Literal[1] = 1
    rev: Annotated[StrictInt, Field(ge=0, le=MAX_REVISION)]
    hash: Sha256
    applied_ts: Timestamp | None = None
    error: WantError | None = None


def desired_hash(desired: Desired) -> str:
    """Return the SHA-256 in hex of a desired document: JSON with sorted keys, without defaults and spaces, in UTF-8."""
    data = desired.model_dump(mode="json", exclude_defaults=True, exclude={"calendar"})
    if desired.calendar is not None:
        data["calendar"] = canonical(desired.calendar)
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def want_signature(want: Want, gateway: str, key: bytes) -> str:
    """Return the HMAC-SHA256 in hex of a want for one gateway.

    The fields stand each behind its length, so that no two wants give the same bytes; `desired` by its hash.
    """
    fields = ("lamplighter-want-v1", gateway, str(want.rev), want.by, str(want.ts), desired_hash(want.desired))
    message = b"".join(len(data).to_bytes(4, "big") + data for data in (text.encode() for text in fields))
    return hmac.new(key, message, hashlib.sha256).hexdigest()


def want_signature_agrees(want: Want, gateway: str, key: bytes) -> bool:
    """Return whether a want carries the signature of this gateway's key."""
    return want.mac is not None and hmac.compare_digest(want.mac, want_signature(want, gateway, key))


def signed_want(want: Want, gateway: str, key: bytes) -> Want:
    """Return a want with the signature for one gateway."""
    return want.model_copy(update={"mac": want_signature(want, gateway, key)})
