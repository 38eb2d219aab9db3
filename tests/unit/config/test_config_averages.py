"""How the shipped profiles say that their points are averaged."""

from __future__ import annotations

import pytest

from config.points import RegisterPoint
from config.profile import load_profile, shipped_profiles

PROFILES = sorted(shipped_profiles())


@pytest.mark.parametrize("name", PROFILES)
def test_a_direction_names_a_speed_that_is_read_as_often(name: str) -> None:
    specs = {spec.key: spec for spec in load_profile(name).specs}
    for spec in specs.values():
        if spec.average_with is not None:
            speed = specs[spec.average_with]
            assert (speed.unit, speed.poll, speed.interval_s) == ("m/s", spec.poll, spec.interval_s)


@pytest.mark.parametrize("name", PROFILES)
def test_no_counter_and_no_direction_is_averaged_as_a_number(name: str) -> None:
    for spec in load_profile(name).specs:
        if spec.kind not in {"float", "int"}:
            continue
        if spec.unit == "Wh":
            assert spec.average == "counter", spec.key
        if spec.unit == "°":
            assert spec.average == "direction", spec.key


@pytest.mark.parametrize(
    ("facts", "word"),
    [
        ({"average_with": "speed"}, "direction"),
        ({"average": "counter", "average_with": "speed"}, "direction"),
        ({"rolls_over_at": 1000}, "counter"),
        ({"average": "counter", "rolls_over_at": 0}, "greater than 0"),
        ({"average": "sum"}, "mean"),
    ],
)
def test_what_fits_no_way_of_averaging_is_refused(facts: dict[str, object], word: str) -> None:
    point = {"key": "t", "en": "t", "vi": "t", "table": "input", "address": 0, "type": "float32", **facts}
    with pytest.raises(ValueError, match=word):
        RegisterPoint.model_validate(point)
