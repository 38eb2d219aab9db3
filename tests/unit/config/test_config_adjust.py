"""What a place makes of values: a level or a fill from a distance, a straight line for anything else."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.adjust import Adjust, adjusted
from config.agent import AgentConfig, DeviceConfig
from config.errors import ConfigErrors
from config.loader import load_text
from config.points import RegisterPoint
from config.profile import load_profile
from contract.reading import Cause
from drivers.modbus.values import converter
from drivers.registry import device_points

DISTANCE = RegisterPoint(
    key="distance",
    en="Distance",
    vi="Khoảng cách",
    unit="m",
    table="holding",
    address=0,
    type="uint16",
    scale=0.001,
    low=0.25,
    high=4.5,
    sentinels=(65533,),
    max_rate=0.5,
    deadband=0.01,
    urgent_levels=(0.5, 1.0),
)


def _converted(adjust: Adjust, raw: float) -> tuple[object, Cause]:
    spec = adjusted(DISTANCE, adjust)
    assert isinstance(spec, RegisterPoint)
    return converter(spec)(raw)


def test_a_level_is_the_height_less_the_distance() -> None:
    adjust = Adjust(mounting_height_m=3.2)
    assert _converted(adjust, 1234) == (1.966, Cause.OK)
    assert _converted(adjust, 3200) == (0.0, Cause.OK)
    # A little below the bottom: the instrument was hung 1 cm too low.
    assert _converted(adjust, 3210) == (-0.01, Cause.OK)


def test_a_fill_is_the_level_in_percent_of_the_depth() -> None:
    adjust = Adjust(mounting_height_m=1.5, depth_m=1.2)
    assert _converted(adjust, 1500) == (0.0, Cause.OK)
    assert _converted(adjust, 900) == (50.0, Cause.OK)
    assert _converted(adjust, 300) == (100.0, Cause.OK)
    spec = adjusted(DISTANCE, adjust)
    assert (spec.unit, spec.kind, spec.en) == ("%", "float", "Fill")


def test_what_the_instrument_cannot_measure_stays_out_of_range() -> None:
    adjust = Adjust(mounting_height_m=3.2)
    assert _converted(adjust, 4500) == (-1.3, Cause.OK)
    assert _converted(adjust, 4501) == (None, Cause.RANGE)
    assert _converted(adjust, 249) == (None, Cause.RANGE)
    assert _converted(adjust, 65533) == (None, Cause.SENTINEL)


def test_limits_of_the_place_narrow_those_of_the_instrument() -> None:
    adjust = Adjust(mounting_height_m=3.2, low=-0.1, high=2.5)
    assert _converted(adjust, 3301) == (None, Cause.RANGE)
    assert _converted(adjust, 3300) == (-0.1, Cause.OK)
    assert _converted(adjust, 699) == (None, Cause.RANGE)
    # They cannot widen them.
    assert adjusted(DISTANCE, Adjust(scale=2.0, low=-10.0, high=100.0)).low == 0.5


def test_steps_and_urgent_levels_move_along() -> None:
    spec = adjusted(DISTANCE, Adjust(mounting_height_m=2.0, depth_m=1.0))
    assert (spec.max_rate, spec.deadband, spec.urgent_levels) == (50.0, 1.0, (100.0, 150.0))


def test_a_counter_rolls_over_in_the_new_unit() -> None:
    pulses = DISTANCE.model_copy(update={"unit": "", "average": "counter", "rolls_over_at": 65536.0})
    assert adjusted(pulses, Adjust(scale=0.2, unit="mm")).rolls_over_at == 13107.2


@given(
    st.floats(-1000, 1000).filter(lambda scale: abs(scale) > 1e-3),
    st.floats(-1000, 1000),
    st.integers(0, 65535),
)
def test_a_value_is_in_range_exactly_if_the_instrument_can_measure_it(scale: float, offset: float, raw: int) -> None:
    value, cause = _converted(Adjust(scale=scale, offset=offset), raw)
    before, was = converter(DISTANCE)(raw)
    at_the_edge = raw in {250, 4500}
    assert cause is was or at_the_edge
    if cause is Cause.OK:
        assert isinstance(before, float)
        assert value == pytest.approx(before * scale + offset, rel=1e-9, abs=1e-9)


def _device(text: str) -> DeviceConfig:
    return load_text(f"{{id: d, profile: radar-level-ld8001h, line: bus, {text}}}", Path("d.yaml"), DeviceConfig)


def test_a_level_is_named_so_unless_the_device_names_it() -> None:
    profile = load_profile("radar-level-ld8001h")
    level = _device("adjust: {distance: {mounting_height_m: 3.2}}, points: [distance]")
    assert [point.key for point in device_points(level, profile)] == ["level"]
    named = _device("adjust: {distance: {mounting_height_m: 3.2}}, names: {distance: drain}, points: [distance]")
    assert [point.key for point in device_points(named, profile)] == ["drain"]
    both = _device("adjust: {distance: {mounting_height_m: 3.2}}")
    with pytest.raises(ValueError, match="two points are named level"):
        device_points(both, profile)


AGENT = "gateway: g\nlines: [{id: bus, kind: serial, port: /dev/null}]\ndevices:\n- id: d\n  profile: p\n  line: bus\n"


@pytest.mark.parametrize(
    ("adjust", "place", "english", "vietnamese"),
    [
        ("{mounting_height_m: 3.2, scale: 2}", "7:54", "leave this out", "bỏ mục này"),
        ("{depth_m: 1.2}", "7:32", "needs mounting_height_m", "cần có mounting_height_m"),
        ("{mounting_height_m: 1, depth_m: 1.2}", "7:54", "1 m above its bottom", "1 m so với đáy"),
        ("{}", "7:22", "say what becomes", "hãy ghi cách tính"),
        ("{scale: 0}", "7:30", "makes every value 0", "thành 0"),
        ("{scale: 2, low: 2, high: 1}", "7:38", "low must lie below high", "low phải nhỏ hơn high"),
        ("{mounting_height_m: -1}", "7:42", "must be above 0", "phải lớn hơn 0"),
    ],
)
def test_what_cannot_be_is_told_at_its_place(
    adjust: str, place: str, english: str, vietnamese: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f"{AGENT}  adjust: {{distance: {adjust}}}\n"
    for language, words in (("en", english), ("vi", vietnamese)):
        monkeypatch.setenv("LAMPLIGHTER_LANG", language)
        with pytest.raises(ConfigErrors) as found:
            load_text(text, Path("agent.yaml"), AgentConfig)
        (problem,) = found.value.problems
        assert f"{problem.line}:{problem.column}" == place
        assert words in problem.message


def test_limits_in_time_are_those_of_the_place() -> None:
    spec = adjusted(DISTANCE, Adjust(max_rate=0.02, flat_after_s=3600))
    assert (spec.max_rate, spec.flat_after_s) == (0.02, 3600.0)
    # Nothing else becomes of the value.
    assert spec.model_copy(update={"max_rate": DISTANCE.max_rate, "flat_after_s": DISTANCE.flat_after_s}) == DISTANCE
    level = adjusted(DISTANCE.model_copy(update={"max_rate": 0.5}), Adjust(mounting_height_m=1.5, depth_m=1.0))
    assert level.max_rate == 50.0
    assert adjusted(DISTANCE, Adjust(mounting_height_m=1.5, depth_m=1.0, max_rate=3)).max_rate == 3.0


@pytest.mark.parametrize("field", ["max_rate", "flat_after_s"])
def test_limits_in_time_are_greater_than_nothing(field: str) -> None:
    with pytest.raises(ValueError, match="greater than 0"):
        Adjust.model_validate({field: 0})
