"""Findings about the parts of cabinets and posts, and the parts alone: sky, battery, solar post."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.errors import ConfigErrors
from firmware_sim.core.battery import Battery
from firmware_sim.core.sky import illuminance_lux
from firmware_sim.core.solar_post import SolarPost, SolarPostDesign
from firmware_sim.scenario import load_config, load_scenario
from firmware_sim.scenarios import FOLDER
from firmware_sim.world import World

CABINET = """lines:
  - {id: bus, kind: tcp}
cabinets:
  - id: c-1
    circuits:
      - {id: A, lamps: 4, lamp_kind: led}
      - {id: B, lamps: 4}
    devices:
      - {kind: waveshare-relay-d, line: bus, unit: 1}
      - DEVICE
"""


@pytest.mark.parametrize(
    ("device", "column", "words"),
    [
        ("{id: x, kind: generic-lamp-controller, line: bus, unit: 2, circuit: C}", 77, "no circuit 'C'"),
        ("{id: x, kind: generic-lamp-controller, line: bus, unit: 2, circuit: B}", 77, "sodium lamps"),
        ("{id: x, kind: generic-lamp-controller, line: bus, unit: 2, circuit: A, lamp: 5}", 86, "has 4 lamps"),
        (
            "{kind: waveshare-analog-input-8, line: bus, unit: 2, channels: {1: {signal: lux, low: 5, high: 5}}}",
            104,
            "'high' is not above 'low'",
        ),
        (
            "{kind: waveshare-analog-input-8, line: bus, unit: 2, channels: {1: {signal: lx, high: 5}}}",
            85,
            "no signal 'lx'",
        ),
        ("{id: x, kind: generic-lamp-controller, line: bus, unit: 1, circuit: A}", 65, "unit 1 on line bus"),
    ],
)
def test_a_wrong_part_is_told_at_its_place(tmp_path: Path, device: str, column: int, words: str) -> None:
    file = tmp_path / "sim.yaml"
    file.write_text(CABINET.replace("DEVICE", device))
    with pytest.raises(ConfigErrors, match=words) as caught:
        load_config(file)
    (problem,) = caught.value.problems
    assert (problem.line, problem.column) == (10, column)


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ("{cabinet: c-2, do: lamp_cycling, circuit: A}", "no sodium lamps"),
        ("{cabinet: c-1, do: leakage, circuit: Z, leak_ma: 5}", "no circuit 'Z'"),
        ("{post: c-1, do: panel, share: 0}", "no post 'c-1'"),
        ("{device: c-1/analog, do: set, quantity: ai1, value: 4}", "'ai1' is what the cabinet or post gives"),
    ],
)
def test_a_step_that_cannot_be_is_told(tmp_path: Path, step: str, words: str) -> None:
    world = World(load_config(FOLDER / "street.yaml"), 0.0)
    file = tmp_path / "steps.yaml"
    file.write_text(f"steps:\n  - {step}\n")
    with pytest.raises(ConfigErrors, match=words):
        load_scenario(file, world)


@given(st.floats(-90.0, 90.0), st.floats(-90.0, 90.0))
def test_it_is_lighter_the_higher_the_sun_stands(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert 0.0 <= illuminance_lux(low) <= illuminance_lux(high) <= 100_000.0


def test_the_light_of_twilight_is_as_the_almanacs_say() -> None:
    assert illuminance_lux(0.0) == pytest.approx(400.0)
    assert illuminance_lux(-6.0) == pytest.approx(3.4, rel=0.01)


def test_a_battery_falls_evenly_and_lets_go_at_its_time() -> None:
    battery = Battery(3600.0)
    battery.feed(100.0, mains=False)
    assert battery.empty_at_s() == 3700.0
    assert battery.voltage_v(100.0) == pytest.approx(12.8)
    assert battery.voltage_v(1900.0) == pytest.approx((12.8 + 10.5) / 2)
    assert battery.is_ok(1900.0)
    assert not battery.is_ok(3600.0)
    battery.feed(3000.0, mains=True)
    assert battery.voltage_v(3000.0) == 13.6
    # Three short-circuited cells hold nothing at all.
    battery.lost_v = 6.3
    battery.feed(4000.0, mains=False)
    assert battery.empty_at_s() == 4000.0


@given(st.lists(st.floats(1.0, 40_000.0), min_size=1, max_size=12))
def test_a_post_charges_alike_whoever_looks_when(pauses: list[float]) -> None:
    design = SolarPostDesign(id="w", latitude_deg=13.983, longitude_deg=108.0, start_unix_s=1_795_169_760.0)
    often, rarely = SolarPost(design), SolarPost(design)
    now_s = 0.0
    for pause_s in pauses:
        now_s += pause_s
        often.advance(now_s)
        assert 0.0 <= often.charge() <= 1.0
    rarely.advance(now_s)
    assert rarely.charge() == pytest.approx(often.charge(), abs=1e-9)
    assert rarely.charger(now_s) == pytest.approx(often.charger(now_s))
