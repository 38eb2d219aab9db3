"""What a gateway makes of its readings beside storing them: averages, calibrations, doubts, maintenance by a switch."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final, Literal

from pydantic import Field, field_validator, model_validator

from config.loader import At, StrictModel, refuse, twice
from config.points import Name, PointId
from config.texts import TEXTS

MAX_AVERAGED: Final = 64
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Averages(StrictModel):
    """Averages of a device's points; what is made of each the point's `average` says.

    Attributes:
        points: The points to average, by the names that they have here.
        periods_s: Lengths of the periods in seconds, each a whole part of an hour; all begin at full hours of UTC.
        ratings: For counters: the greatest rise in the point's unit per second, such as 0.28 Wh/s for 1 kW; a step of
            more than 1.5 times that is refused.
    """

    points: Annotated[tuple[Name, ...], Field(min_length=1, max_length=MAX_AVERAGED)]
    periods_s: Annotated[tuple[Annotated[int, Field(ge=10, le=3600)], ...], Field(min_length=1, max_length=4)] = (
        60,
        300,
        3600,
    )
    ratings: Annotated[dict[Name, Annotated[float, Field(gt=0)]], Field(max_length=MAX_AVERAGED)] = Field(
        default_factory=dict
    )

    @model_validator(mode="after")
    def _agrees(self) -> Averages:
        findings = [
            At(("periods_s", index), TEXTS.text("period_divides", period=period))
            for index, period in enumerate(self.periods_s)
            if 3600 % period
        ]
        findings += [
            At((name, index), TEXTS.text("stands_twice", name=value))
            for name, values in (("points", self.points), ("periods_s", self.periods_s))
            for index, value in enumerate(values)
            if value in values[:index]
        ]
        findings += [
            At(("ratings", key), TEXTS.text("rating_not_averaged", point=key))
            for key in self.ratings
            if key not in self.points
        ]
        refuse(findings)
        return self


class Calibration(StrictModel):
    """One calibration of a point: y = a·raw + b from a moment on, until the next one of the point.

    Attributes:
        point: device/point.
        a: Slope.
        b: What is added, in the point's unit.
        valid_from: When it begins to hold: date and time with its zone, such as 2026-11-20T08:00+07:00.
        valid_to: When the next one is due; from then on values are corrected still, but UNCERTAIN with cause `suspect`.
        by: Who calibrated.
        note: What with, or the number of the record.
    """

    point: PointId
    a: float = 1.0
    b: float = 0.0
    valid_from: str
    valid_to: str | None = None
    by: Annotated[str, Field(min_length=1, max_length=64)]
    note: Annotated[str, Field(max_length=128)] = ""

    @field_validator("valid_from", "valid_to")
    @classmethod
    def _is_a_moment(cls, text: str | None) -> str | None:
        if text is not None and _moment(text) is None:
            raise ValueError(TEXTS.text("no_moment", text=text))
        return text

    @model_validator(mode="after")
    def _maps(self) -> Calibration:
        if self.a == 0:
            raise At(("a",), TEXTS.text("slope_zero"))
        if self.to_ms is not None and self.to_ms <= self.from_ms:
            raise At(("valid_to",), TEXTS.text("valid_backwards"))
        return self

    @property
    def from_ms(self) -> int:
        """When it begins to hold, milliseconds since 1970 UTC."""
        return _ms(self.valid_from) or 0

    @property
    def to_ms(self) -> int | None:
        """When the next one is due, milliseconds since 1970 UTC; None if nobody said."""
        return None if self.valid_to is None else _ms(self.valid_to)


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None and moment.year >= 1970 else None


def _ms(text: str) -> int | None:
    moment = _moment(text)
    return None if moment is None else round((moment - _EPOCH).total_seconds() * 1000)


def out_of_order(calibrations: tuple[Calibration, ...]) -> list[At]:
    """Return a finding for each calibration that does not begin after the one of its point before it."""
    newest: dict[str, int] = {}
    findings = []
    for index, calibration in enumerate(calibrations):
        if calibration.from_ms <= newest.get(calibration.point, -1):
            message = TEXTS.text("calibrations_rise", point=calibration.point)
            findings.append(At(("calibrations", index, "valid_from"), message))
        newest[calibration.point] = max(calibration.from_ms, newest.get(calibration.point, -1))
    return findings


class Doubt(StrictModel):
    """Points that are not to be believed while another point lies past a limit: their values get cause `suspect`.

    Attributes:
        points: The points (device/point) that are doubted.
        witness: The point (device/point) that says when, such as the humidity of a station near them; a number.
        above: The points are doubted while it is greater; 70 % of humidity for optical dust sensors.
        below: The points are doubted while it is smaller.
        max_age_s: How long a value of the witness counts, in seconds.
        unknown: What the points are while the witness gives no good value: suspect, or good as they are.
    """

    points: Annotated[tuple[PointId, ...], Field(min_length=1, max_length=MAX_AVERAGED)]
    witness: PointId
    above: float | None = None
    below: float | None = None
    max_age_s: Annotated[float, Field(gt=0, le=86_400)] = 300.0
    unknown: Literal["suspect", "good"] = "suspect"

    @model_validator(mode="after")
    def _agrees(self) -> Doubt:
        findings = []
        if self.above is None and self.below is None:
            findings.append(At(("witness",), TEXTS.text("doubt_limit")))
        if self.above is not None and self.below is not None and self.below >= self.above:
            findings.append(At(("below",), TEXTS.text("doubt_always")))
        for index, point in enumerate(self.points):
            if point == self.witness:
                findings.append(At(("points", index), TEXTS.text("doubt_itself", point=point)))
            if point in self.points[:index]:
                findings.append(At(("points", index), TEXTS.text("stands_twice", name=point)))
        refuse(findings)
        return self


class MaintenanceSwitch(StrictModel):
    """An input that says that somebody works on devices; their data is stored with cause `maintenance` meanwhile.

    Attributes:
        switch: The input (device/point), a bool.
        devices: The devices that it stands for.
        active: The level that means work; false for a contact that opens.
    """

    switch: PointId
    devices: Annotated[tuple[Name, ...], Field(min_length=1, max_length=510)]
    active: bool = True


def switched_twice(switches: tuple[MaintenanceSwitch, ...]) -> list[At]:
    """Return a finding for each input that stands for two lists of devices."""
    return twice(("maintenance",), "switch", [one.switch for one in switches])
