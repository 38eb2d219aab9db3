"""Simulated instruments that measure wrongly: drift and flat line, in simulated time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from config.errors import ConfigErrors
from firmware_sim.actions import Action
from firmware_sim.core.codec import Request
from firmware_sim.scenario import Scenario, load_config, load_scenario
from firmware_sim.steps import ActionError
from firmware_sim.world import World

CONFIG = """\
lines: [{id: bus, kind: rtu}]
devices:
  - {id: ph, kind: instrument, model: generic-ph-orp, line: bus, unit: 1, values: {ph: 7.0, orp: 200}}
  - {id: bin, kind: instrument, model: generic-ultrasonic, line: bus, unit: 2, noise: 0.01}
  - {id: count, kind: counter, line: bus, unit: 3}
"""


@pytest.fixture
def world(tmp_path: Path) -> World:
    file = tmp_path / "sim.yaml"
    file.write_text(CONFIG, "utf-8")
    return World(load_config(file), 0.0)


def _act(world: World, now_s: float, **action: Any) -> None:
    (step,) = Scenario.model_validate({"steps": [action]}).steps
    one: Action = step
    world.apply(one, now_s)


def _read(world: World, unit: int, address: int, now_s: float) -> int:
    request = Request("rtu", unit, bytes([3, *address.to_bytes(2, "big"), 0, 1]))
    found = world.answer("bus", request, now_s)
    assert found is not None
    frame = found[1].sendings[0].data
    assert frame is not None
    assert frame[:3] == bytes([unit, 3, 2])
    return int.from_bytes(frame[3:5], "big")


def test_a_drift_runs_by_the_simulated_minute_and_leaves_the_truth(world: World) -> None:
    _act(world, 60.0, do="drift", device="ph", quantity="ph", per_minute=0.1)
    assert [_read(world, 1, 0, now_s) for now_s in (60.0, 90.0, 120.0, 660.0)] == [700, 705, 710, 800]
    assert _read(world, 1, 1, 660.0) == 200
    truth = world.status(660.0)["devices"]["ph"]
    assert (truth["values"]["ph"], truth["drifting"], truth["flat"]) == (7.0, ["ph"], [])
    # The truth moves on beneath it.
    _act(world, 660.0, do="set", device="ph", quantity="ph", value=6.0)
    assert _read(world, 1, 0, 660.0) == 700


def test_a_drift_of_a_time_stays_where_it_ended(world: World) -> None:
    _act(world, 0.0, do="drift", device="ph", quantity="ph", per_minute=-0.2, for_s=300)
    assert [_read(world, 1, 0, now_s) for now_s in (150.0, 300.0, 4000.0)] == [650, 600, 600]


def test_another_drift_goes_on_from_where_the_first_is(world: World) -> None:
    _act(world, 0.0, do="drift", device="ph", quantity="ph", per_minute=0.1)
    _act(world, 300.0, do="drift", device="ph", quantity="ph", per_minute=-0.05)
    assert [_read(world, 1, 0, now_s) for now_s in (300.0, 600.0)] == [750, 725]


def test_a_flat_line_stays_though_the_truth_moves(world: World) -> None:
    _act(world, 0.0, do="flat", device="ph", quantity="ph")
    _act(world, 10.0, do="set", device="ph", quantity="ph", value=4.5)
    assert (_read(world, 1, 0, 20.0), _read(world, 1, 1, 20.0)) == (700, 200)
    assert world.status(20.0)["devices"]["ph"]["flat"] == ["ph"]
    _act(world, 30.0, do="recover", device="ph")
    assert _read(world, 1, 0, 30.0) == 450


def test_a_flat_line_has_no_noise(world: World) -> None:
    noisy = {_read(world, 2, 0x0100, float(second)) for second in range(30)}
    assert len(noisy) > 10
    _act(world, 30.0, do="flat", device="bin", quantity="distance")
    assert len({_read(world, 2, 0x0100, float(second)) for second in range(30, 60)}) == 1


def test_what_drifts_can_be_held_and_both_end_together(world: World) -> None:
    _act(world, 0.0, do="drift", device="ph", quantity="ph", per_minute=1.0)
    _act(world, 60.0, do="flat", device="ph", quantity="ph")
    assert _read(world, 1, 0, 600.0) == 800
    _act(world, 600.0, do="recover", device="ph", quantity="ph")
    assert _read(world, 1, 0, 600.0) == 700


@pytest.mark.parametrize(
    ("action", "key", "english", "vietnamese"),
    [
        ({"device": "count", "quantity": "x"}, "device", "no instrument", "không phải thiết bị đo"),
        ({"device": "ph", "quantity": "phh"}, "quantity", "did you mean 'ph'?", "ý bạn là 'ph'?"),
        ({"device": "bin", "quantity": "echo"}, "quantity", "'echo' is a text", "'echo' là văn bản"),
    ],
)
@pytest.mark.parametrize("do", [{"do": "drift", "per_minute": 1.0}, {"do": "flat"}])
def test_what_cannot_be_is_said_in_both_languages(
    world: World,
    do: dict[str, Any],
    action: dict[str, Any],
    key: str,
    english: str,
    vietnamese: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for language, words in (("en", english), ("vi", vietnamese)):
        monkeypatch.setenv("LAMPLIGHTER_LANG", language)
        with pytest.raises(ActionError, match=words.replace("?", r"\?")) as found:
            _act(world, 0.0, **do, **action)
        assert found.value.key == key


def test_a_scenario_points_at_a_quantity_that_is_not_there(world: World, tmp_path: Path) -> None:
    file = tmp_path / "scenario.yaml"
    file.write_text("steps:\n  - {do: drift, device: ph, quantity: pH, per_minute: 0.1}\n", "utf-8")
    with pytest.raises(ConfigErrors) as found:
        load_scenario(file, world)
    (problem,) = found.value.problems
    assert (problem.line, problem.column) == (2, 39)


SERIAL = """\
lines:
  - {id: bus, kind: rtu}
  - {id: air, kind: instrument, instruments: [{id: pms, model: plantower-pms5003, values: {pm2_5: 10}}]}
  - {id: sdi, kind: instrument, instruments: [{id: soil, model: sdi12-soil}]}
devices:
  - {id: ph, kind: instrument, model: generic-ph-orp, line: bus, unit: 1}
"""


@pytest.fixture
def serial(tmp_path: Path) -> World:
    file = tmp_path / "serial.yaml"
    file.write_text(SERIAL, "utf-8")
    return World(load_config(file), 0.0)


def _pm2_5(world: World, now_s: float) -> int:
    instrument = world.instruments["air"]["pms"]
    instrument.simulated_s = now_s
    return int.from_bytes(instrument.frame(invalid=False)[12:14], "big")


def test_an_instrument_that_is_not_modbus_drifts_and_stands_still(serial: World) -> None:
    _act(serial, 60.0, do="drift", device="pms", quantity="pm2_5", per_minute=5.0, for_s=120)
    assert [_pm2_5(serial, now_s) for now_s in (60.0, 120.0, 180.0, 600.0)] == [10, 15, 20, 20]
    _act(serial, 600.0, do="flat", device="pms", quantity="pm2_5")
    _act(serial, 600.0, do="set", device="pms", quantity="pm2_5", value=90)
    assert _pm2_5(serial, 900.0) == 20
    instrument = serial.instruments["air"]["pms"]
    assert instrument.measuring() == {"values": dict(instrument.values), "drifting": ["pm2_5"], "flat": ["pm2_5"]}
    assert instrument.values["pm2_5"] == 90.0
    _act(serial, 900.0, do="recover", device="pms")
    assert _pm2_5(serial, 900.0) == 90


def test_one_action_reaches_devices_of_all_lines(serial: World) -> None:
    _act(serial, 0.0, do="fault", device="*", fault="silent", for_s=60)
    assert serial.instruments["air"]["pms"].named.keys() == {"silent"}
    assert serial.stations["ph"].faults.keys() == {"silent"}
    _act(serial, 1.0, do="clear_fault", device="*")
    assert (serial.instruments["air"]["pms"].named, serial.stations["ph"].faults) == ({}, {})
    _act(serial, 1.0, do="missing", device="*", share=0.25)
    assert (serial.instruments["sdi"]["soil"].faults.missing, serial.stations["ph"].missing) == (0.25, 0.25)


@pytest.mark.parametrize(
    ("device", "fault"),
    [
        ("pms", "wrong_unit"),
        ("soil", "wrong_function"),
        ("pms", "exception"),
        ("soil", "disconnect"),
        ("ph", "sentinel"),
    ],
)
def test_a_fault_that_its_protocol_cannot_have_is_refused(serial: World, device: str, fault: str) -> None:
    with pytest.raises(ActionError, match=f"'{fault}' has no meaning") as found:
        _act(serial, 0.0, do="fault", device=["ph", device], fault=fault)
    assert found.value.key == "fault"
    assert serial.stations["ph"].faults == {}
