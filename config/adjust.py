"""What the place of an instrument makes of its values: a level from a distance, a fill, another unit."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from config.loader import At, StrictModel, refuse
from config.points import PointSpec, RegisterPoint
from config.texts import TEXTS

Length = Annotated[float, Field(gt=0, le=1000)]
_NAMES: Final = {"level": ("Level above the bottom", "Mực so với đáy"), "fill": ("Fill", "Độ đầy")}
_OWN_DIGITS: Final = 15
"""Decimals that a double keeps: 100 / 1.2 x 0.001 shall not end in noise."""


class Adjust(StrictModel):
    """What becomes of one point's value at this place, before its range is checked.

    Either `mounting_height_m`, for an instrument that looks down and measures a distance in metres, or `scale` and
    `offset` for anything else.

    Attributes:
        mounting_height_m: How high the instrument hangs above the bottom, in metres; the value becomes the level above
            the bottom: this height less the distance.
        depth_m: How high the bin or tank is from its bottom to full, in metres; the value becomes the fill in %.
        scale: What the profile's value is multiplied by.
        offset: What is then added, in the new unit.
        unit: The new unit, if `scale` changes it.
        low: Smallest possible new value; the profile's limits, adjusted, hold as well.
        high: Largest possible new value.
        max_rate: Greatest possible change here, in the new unit per second, instead of the profile's; a faster one is
            UNCERTAIN with cause `rate`.
        flat_after_s: How long the value may stand still here, in seconds, instead of the profile's; after that it is
            UNCERTAIN with cause `flat`.
    """

    mounting_height_m: Length | None = None
    depth_m: Length | None = None
    scale: float | None = None
    offset: float | None = None
    unit: Annotated[str, Field(max_length=16)] | None = None
    low: float | None = None
    high: float | None = None
    max_rate: Annotated[float, Field(gt=0)] | None = None
    flat_after_s: Annotated[float, Field(gt=0, le=86_400)] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Adjust:
        findings = []
        numbers = [name for name in ("scale", "offset", "unit") if getattr(self, name) is not None]
        if self.mounting_height_m is not None:
            findings += [At((name,), TEXTS.text("adjust_one_way")) for name in numbers]
        elif self.depth_m is not None:
            findings.append(At(("depth_m",), TEXTS.text("adjust_depth_alone")))
        elif not numbers and all(one is None for one in (self.low, self.high, self.max_rate, self.flat_after_s)):
            findings.append(At((), TEXTS.text("adjust_nothing")))
        if self.depth_m is not None and self.mounting_height_m is not None and self.depth_m > self.mounting_height_m:
            findings.append(At(("depth_m",), TEXTS.text("adjust_depth", height=self.mounting_height_m)))
        if self.scale == 0:
            findings.append(At(("scale",), TEXTS.text("scale_zero")))
        if self.low is not None and self.high is not None and self.low >= self.high:
            findings.append(At(("low",), TEXTS.text("low_below_high")))
        refuse(findings)
        return self

    @property
    def changes(self) -> bool:
        """Whether the value itself becomes another one, or only its limits do."""
        return any(one is not None for one in (self.mounting_height_m, self.scale, self.offset, self.unit))

    @property
    def becomes(self) -> Literal["level", "fill"] | None:
        """What a distance becomes, which is then the point's name unless the device names it."""
        if self.mounting_height_m is None:
            return None
        return "level" if self.depth_m is None else "fill"

    @property
    def factor(self) -> float:
        """What the profile's value is multiplied by."""
        if self.mounting_height_m is None:
            return 1.0 if self.scale is None else self.scale
        return -1.0 if self.depth_m is None else -100.0 / self.depth_m

    @property
    def summand(self) -> float:
        """What is then added."""
        if self.mounting_height_m is None:
            return self.offset or 0.0
        return self.mounting_height_m if self.depth_m is None else 100.0 * self.mounting_height_m / self.depth_m


def why_not(adjust: Adjust, spec: PointSpec) -> Iterator[str]:
    """Yield why a point cannot be adjusted so, in the language of the process."""
    if spec.kind not in {"float", "int"} or (isinstance(spec, RegisterPoint) and spec.labels):
        yield TEXTS.text("adjust_no_number", point=spec.key)
    elif spec.can_be_written:
        yield TEXTS.text("adjust_written", point=spec.key)
    elif adjust.mounting_height_m is not None and spec.unit != "m":
        yield TEXTS.text("adjust_no_distance", point=spec.key, unit=spec.unit or "-")


def adjusted(spec: PointSpec, adjust: Adjust) -> PointSpec:
    """Return a point as it is at this place: its value, unit, limits and steps in the new unit.

    The limits of the profile move along, so that what the instrument cannot measure stays out of range; `low` and
    `high` narrow them.

    Raises:
        ValueError: The point is no number, is written, or is no distance.
    """
    for reason in why_not(adjust, spec):
        raise ValueError(reason)
    factor, summand = adjust.factor, adjust.summand

    def moved(value: float) -> float:
        part = value * factor
        # 3.2 - 3.21 is -0.00999999999999979: the sum is no better than the greater of its parts.
        size = max(abs(part), abs(summand))
        return round(part + summand, _OWN_DIGITS - 1 - math.floor(math.log10(size))) if size else 0.0

    limits = [None if limit is None else moved(limit) for limit in (spec.low, spec.high)]
    low, high = limits if factor > 0 else limits[::-1]
    size = abs(factor)
    name = _NAMES.get(adjust.becomes or "")
    return spec.model_copy(
        update={
            "en": name[0] if name else spec.en,
            "vi": name[1] if name else spec.vi,
            "unit": {"level": "m", "fill": "%"}.get(adjust.becomes or "", adjust.unit or spec.unit),
            "scale": _clean(spec.scale * factor),
            "offset": _clean(spec.offset * factor + summand),
            # Other devices of the class give the same field with a fraction.
            "store_as": "float" if adjust.changes else spec.store_as,
            "low": max((limit for limit in (low, adjust.low) if limit is not None), default=None),
            "high": min((limit for limit in (high, adjust.high) if limit is not None), default=None),
            "max_rate": adjust.max_rate or (None if spec.max_rate is None else _clean(spec.max_rate * size)),
            "flat_after_s": adjust.flat_after_s or spec.flat_after_s,
            "deadband": _clean(spec.deadband * size),
            "rolls_over_at": None if spec.rolls_over_at is None else _clean(spec.rolls_over_at * size),
            "urgent_levels": tuple(sorted(moved(level) for level in spec.urgent_levels)),
        }
    )


def _clean(value: float) -> float:
    return float(f"{value:.{_OWN_DIGITS}g}")
