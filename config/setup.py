"""What one device's own settings must be where its place wants another value than its profile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated

from pydantic import Field

from config.loader import StrictModel, no_such
from config.profile import ModbusProfile, SetupValue


class ChosenSetting(StrictModel):
    """A setting of this device that is to be other than its profile wants.

    Attributes:
        want: What it must be, in the point's unit; true or false for a coil.
        reason: Why this place differs, and who decided it: it is shown wherever the setting is.
    """

    want: float | bool
    reason: Annotated[str, Field(min_length=8, max_length=160)]


def wanted_settings(profile: ModbusProfile, chosen: Mapping[str, ChosenSetting]) -> tuple[SetupValue, ...]:
    """Return what a device's settings must be, in the order in which they are written.

    Args:
        profile: Its profile.
        chosen: What its place wants, by the profile's point key; other keys than those of the profile's setup count for
            nothing.
    """
    return tuple(
        one
        if one.point not in chosen
        else SetupValue(
            point=one.point,
            want=chosen[one.point].want,
            en=f"chosen here: {chosen[one.point].reason}",
            vi=f"chọn riêng ở đây: {chosen[one.point].reason}",
        )
        for one in profile.setup
    )


def setting_problems(profile: ModbusProfile, chosen: Mapping[str, ChosenSetting]) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with chosen settings: the key, and the finding."""
    known = [one.point for one in profile.setup]
    for key in chosen:
        if key not in known:
            yield key, no_such("point", key, known)
    for one in wanted_settings(profile, chosen):
        problem = one.why_not(profile.point(one.point)) if one.point in chosen else None
        if problem is not None:
            yield one.point, problem
