from __future__ import annotations

from pathlib import Path

import pytest

from config.errors import ConfigErrors
from firmware_sim.app import Simulator
from firmware_sim.control import ControlSocket
from firmware_sim.core.codec import Request
from firmware_sim.models import SimulatorConfig
from firmware_sim.scenario import load_config, load_scenario, time_line, time_line_with_ends
from firmware_sim.steps import ActionError
from firmware_sim.world import World

EXAMPLES = Path(__file__).parents[3] / "config" / "examples"

CONFIG = """\
lines:
  - {id: bus-1, kind: rtu}
  - {id: tcp-1, kind: tcp}
cabinets:
  - id: c-1
    circuits: [{id: A, phase: 1}]
    devices:
      - {kind: sdm630, line: bus-1, unit: 1}
      - {kind: waveshare-relay-d, id: relay, line: bus-1, unit: 2}
  - id: c-2
    circuits: [{id: A, phase: 2, lamps: 10}]
    devices: [{kind: sdm630, line: tcp-1, unit: 1}]
"""


def write(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


def findings(error: ConfigErrors) -> list[tuple[int, int]]:
    return [(problem.line, problem.column) for problem in error.problems]


@pytest.fixture
def config(tmp_path: Path) -> SimulatorConfig:
    return load_config(write(tmp_path, "simulator.yaml", CONFIG))


@pytest.fixture
def world(config: SimulatorConfig) -> World:
    return World(config, 0.0)


def do(world: World, tmp_path: Path, steps: str) -> None:
    for timed in time_line(load_scenario(write(tmp_path, "s.yaml", f"steps:\n  - {{{steps}}}\n"), world)):
        world.apply(timed.action, timed.at_s)


def test_the_examples_fit_each_other() -> None:
    config = load_config(EXAMPLES / "simulator.yaml")
    assert config.scenario is not None
    scenario = load_scenario(EXAMPLES / config.scenario, World(config, 0.0))
    assert len(time_line_with_ends(scenario)) == len(scenario.steps) + 1


def test_every_error_of_a_scenario_has_its_line_and_column(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        "bad.yaml",
        "steps:\n"
        "  - {at_s: 1, cabinet: c-1, do: mains_lots}\n"
        "  - {at_s: -5, cabinet: c-1, do: mains_lost}\n"
        "  - {at_s: 2, cabinet: c-1, do: phase_lost, phase: 4}\n"
        "  - {at_s: 3, device: c-1/sdm630, do: missing, shares: 0.5}\n",
    )
    with pytest.raises(ConfigErrors) as caught:
        load_scenario(file)
    assert findings(caught.value) == [(2, 33), (3, 12), (4, 52), (5, 48)]
    assert str(caught.value).splitlines()[1].startswith(f"{file}:3:12: ")


def test_names_that_are_not_in_the_configuration_have_their_place_too(tmp_path: Path, world: World) -> None:
    file = write(
        tmp_path,
        "strange.yaml",
        "steps:\n"
        "  - {at_s: 1, cabinet: c-9, do: mains_lost}\n"
        "  - at_s: 2\n"
        "    cabinet: c-1\n"
        "    do: fuse_blown\n"
        "    circuit: Z\n"
        "  - {device: c-1/meter, do: fault, fault: late}\n"
        "  - {device: c-1/sdm630, do: fault, fault: disconnect}\n",
    )
    assert len(load_scenario(file).steps) == 4
    with pytest.raises(ConfigErrors) as caught:
        load_scenario(file, world)
    assert findings(caught.value) == [(2, 24), (6, 14), (7, 14), (8, 44)]
    assert "c-1 has no circuit 'Z'; it has A" in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "place", "words"),
    [
        ("line: tcp-1, unit: 1", "line: tcp-2, unit: 1", (12, 36), "no line 'tcp-2'"),
        ("id: relay, line: bus-1, unit: 2", "id: relay, line: bus-1, unit: 1", (9, 65), "unit 1 on line bus-1"),
        ("id: c-2", "id: c-1", (10, 9), "cabinet c-1 stands twice"),
        ("{id: tcp-1, kind: tcp}", "{id: bus-1, kind: tcp}", (3, 10), "line bus-1 stands twice"),
        (
            "{id: bus-1, kind: rtu}",
            "{id: bus-0, kind: rtu, link: /tmp/bus}\n  - {id: bus-1, kind: rtu, link: /tmp/bus}",
            (3, 34),
            "link /tmp/bus stands twice",
        ),
        (
            "{id: tcp-1, kind: tcp}",
            "{id: tcp-0, kind: tcp, port: 1502}\n  - {id: tcp-1, kind: tcp, port: 1502}",
            (4, 34),
            "port 127.0.0.1:1502 stands twice",
        ),
        ("kind: rtu}", "kind: rtu, baud: 9601}", (2, 34), "baud"),
        ("kind: rtu}", "kind: rtu, bauds: 9600}", (2, 28), "did you mean 'baud'"),
        ("{id: A, phase: 1}", "{id: A, phase: 1}, {id: A}", (6, 40), "circuit A stands twice"),
        ("kind: sdm630, line: bus-1, unit: 1", "kind: waveshare-relay-d, line: bus-1, unit: 1", (9, 16), "one relay"),
        ("  - id: c-2", "  - id: c-2\n    inputs: {1: mains_okay}", (11, 13), "no signal 'mains_okay'"),
    ],
)
def test_every_error_of_a_configuration_has_its_line_and_column(
    tmp_path: Path, old: str, new: str, place: tuple[int, int], words: str
) -> None:
    file = write(tmp_path, "simulator.yaml", CONFIG.replace(old, new, 1))
    with pytest.raises(ConfigErrors) as caught:
        load_config(file)
    assert place in findings(caught.value)
    assert words in str(caught.value)


def test_the_time_line_is_sorted_and_ends_faults(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        "s.yaml",
        "steps:\n"
        "  - {at_s: 30, cabinet: c-1, do: mains_restored}\n"
        "  - {at_s: 10, device: c-1/sdm630, do: fault, fault: crc, for_s: 15}\n"
        "  - {cabinet: c-1, do: mains_lost}\n",
    )
    line = [(timed.at_s, getattr(timed.action, "do", None)) for timed in time_line_with_ends(load_scenario(file))]
    assert line == [(0.0, "mains_lost"), (10.0, "fault"), (25.0, "clear_fault"), (30.0, "mains_restored")]


@pytest.mark.parametrize(
    ("steps", "path", "expected"),
    [
        ("cabinet: c-1, do: mains_lost", "supply.mains", False),
        ("cabinet: [c-1, c-2], do: breaker_trip", "breaker_closed", False),
        ('cabinet: "*", do: door_open', "door_open", True),
        ("cabinet: c-1, do: rcd_trip", "rcd_tripped", True),
        ("cabinet: c-1, do: spd_failed", "spd_failed", True),
        ("cabinet: c-1, do: selector, position: manual_on", "selector", "manual_on"),
        ("cabinet: c-1, do: photocell, state: dark", "photocell", "dark"),
        ("cabinet: c-1, do: frequency, frequency_hz: 49.5", "supply.frequency_hz", 49.5),
        ("cabinet: c-1, do: voltage, voltage_v: 250", "supply.voltage_v", [250.0, 250.0, 250.0]),
        ("cabinet: c-1, do: voltage, phase: 2, voltage_v: 262", "supply.voltage_v", [230.0, 262.0, 230.0]),
        ("cabinet: c-1, do: phase_lost, phase: 3", "supply.present", [True, True, False]),
        ("cabinet: c-1, do: phase_lost, phase: 3, voltage_v: 112", "supply.phantom_v", [0.0, 0.0, 112.0]),
        ("cabinet: c-1, do: extra_load, phase: 1, power_w: 900", "extra_load_w", [900.0, 0.0, 0.0]),
    ],
)
def test_actions_change_the_cabinet(world: World, tmp_path: Path, steps: str, path: str, expected: object) -> None:
    do(world, tmp_path, steps)
    value: object = world.cabinets["c-1"]
    for name in path.split("."):
        value = getattr(value, name)
    assert value == expected


@pytest.mark.parametrize(
    ("event", "opposite", "name"),
    [
        ("breaker_trip", "breaker_closed", "breaker_closed"),
        ("door_open", "door_closed", "door_open"),
        ("rcd_trip", "rcd_reset", "rcd_tripped"),
        ("spd_failed", "spd_replaced", "spd_failed"),
    ],
)
def test_each_event_has_its_way_back(world: World, tmp_path: Path, event: str, opposite: str, name: str) -> None:
    before = getattr(world.cabinets["c-1"], name)
    do(world, tmp_path, f"cabinet: c-1, do: {event}")
    assert getattr(world.cabinets["c-1"], name) is not before
    do(world, tmp_path, f"cabinet: c-1, do: {opposite}")
    assert getattr(world.cabinets["c-1"], name) is before


def test_lamps_fuses_and_contactors(world: World, tmp_path: Path) -> None:
    circuit = world.cabinets["c-2"].circuits["A"]
    do(world, tmp_path, "cabinet: c-2, do: lamp_dead, circuit: A, lamps: 3")
    assert circuit.dead_lamps == 3
    do(world, tmp_path, "cabinet: c-2, do: lamp_dead, circuit: A, lamps: 30")
    assert circuit.dead_lamps == 10
    do(world, tmp_path, "cabinet: c-2, do: lamp_replaced, circuit: A, lamps: 4")
    assert circuit.dead_lamps == 6
    do(world, tmp_path, "cabinet: c-2, do: fuse_blown, circuit: A")
    assert circuit.fuse_blown
    do(world, tmp_path, "cabinet: c-2, do: fuse_replaced, circuit: A")
    assert not circuit.fuse_blown
    for event, state in (("welded", "welded"), ("jammed", "jammed"), ("repaired", "sound")):
        do(world, tmp_path, f"cabinet: c-2, do: contactor_{event}, contactor: 1")
        assert world.cabinets["c-2"].contactors[0] == state


def test_faults_noise_and_missing_reach_their_devices(world: World, tmp_path: Path) -> None:
    do(world, tmp_path, 'device: "c-1/*", do: fault, fault: late, delay_s: 0.3, delay_max_s: 0.6, share: 0.1')
    fault = world.stations["c-1/relay"].faults["late"]
    assert (fault.delay_s, fault.delay_max_s, fault.share) == (0.3, 0.6, 0.1)
    assert world.stations["c-2/sdm630"].faults == {}
    do(world, tmp_path, "device: c-1/relay, do: clear_fault, fault: crc")
    assert list(world.stations["c-1/relay"].faults) == ["late"]
    do(world, tmp_path, "device: c-1/relay, do: clear_fault")
    assert world.stations["c-1/relay"].faults == {}
    do(world, tmp_path, "device: c-2/sdm630, do: missing, share: 0.05")
    assert world.stations["c-2/sdm630"].missing == 0.05
    do(world, tmp_path, "cabinet: c-1, do: noise, sigma: 0.02")
    assert world._meters["c-1"][0].sigma == 0.02
    assert world._meters["c-2"][0].sigma == 0.0


def active(world: World, at_s: float) -> list[str]:
    found: list[str] = world.status(at_s)["devices"]["c-1/sdm630"]["active_faults"]
    return found


def test_a_fault_of_the_control_socket_ends_by_itself(world: World) -> None:
    """Control commands are carried out at 1 s here, so 20 s of fault end at 21 s."""
    command = b'{"do":"fault","device":"c-1/sdm630","fault":"silent","for_s":20}'
    assert control(world).handle(command) == {"ok": True}
    assert active(world, 20.9) == ["silent"]
    assert active(world, 21.0) == []
    request = Request("rtu", 1, bytes.fromhex("04 00 00 00 02"))
    assert world.stations["c-1/sdm630"].exchange(request, 20.9).sendings == []
    assert world.stations["c-1/sdm630"].exchange(request, 21.0).sendings != []


def test_a_fault_that_begins_again_lasts_its_whole_time(world: World, tmp_path: Path) -> None:
    first = "at_s: 10, device: c-1/sdm630, do: fault, fault: crc, for_s: 10}"
    again = "{at_s: 15, device: c-1/sdm630, do: fault, fault: crc, for_s: 10"
    do(world, tmp_path, f"{first}\n  - {again}")
    assert active(world, 24.9) == ["crc"]
    assert active(world, 25.0) == []


def control(world: World) -> ControlSocket:
    return ControlSocket(Path("unused"), lambda action: world.apply(action, 1.0), lambda: world.status(1.0))


def test_the_control_socket_speaks_the_words_of_the_scenario(world: World) -> None:
    socket = control(world)
    assert socket.handle(b'{"do":"mains_lost","cabinet":"c-1"}') == {"ok": True}
    status = socket.handle(b'{"do":"status"}')
    assert status["ok"] is True
    assert status["cabinets"]["c-1"]["mains_ok"] is False
    assert status["cabinets"]["c-1"]["meter_powered"] is False
    assert status["cabinets"]["c-2"]["mains_ok"] is True
    assert status["devices"]["c-1/relay"]["unit"] == 2


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\xff\xfe",
        b"null",
        b"[]",
        b'"status"',
        b"{" * 60000,
        b"[" * 60000,
        b'{"do":"status"',
        b'{"do":["mains_lost"],"cabinet":"c-1"}',
        b'{"do":"mains_lost"}',
        b'{"do":"mains_lost","cabinet":"c-9"}',
        b'{"do":"voltage","cabinet":"c-1","voltage_v":NaN}',
        b'{"do":"voltage","cabinet":"c-1","voltage_v":1e400}',
        b'{"do":"fault","device":"c-1/sdm630","fault":"exception","code":12}',
        b'{"do":"fault","device":"c-1/sdm630","fault":"late","delay_s":2,"delay_max_s":1}',
        b'{"do":"fault","device":"c-1/sdm630","fault":"disconnect"}',
    ],
)
def test_a_bad_command_gets_an_error_and_changes_nothing(world: World, line: bytes) -> None:
    socket = control(world)
    before = socket.handle(b'{"do":"status"}')
    answer = socket.handle(line)
    assert answer["ok"] is False
    assert answer["error"]
    assert socket.handle(b'{"do":"status"}') == before


def test_an_action_on_several_cabinets_happens_on_all_or_none(world: World, tmp_path: Path) -> None:
    scenario = load_scenario(write(tmp_path, "s.yaml", "steps:\n  - {cabinet: [c-1, c-9], do: mains_lost}\n"))
    with pytest.raises(ActionError, match="no cabinet 'c-9'"):
        world.apply(scenario.steps[0], 0.0)
    assert world.cabinets["c-1"].supply.mains


def test_a_simulator_refuses_a_scenario_of_another_configuration(tmp_path: Path, config: SimulatorConfig) -> None:
    strange = load_scenario(write(tmp_path, "s.yaml", "steps:\n  - {line: bus-9, do: line_down}\n"))
    with pytest.raises(ActionError, match="no line 'bus-9'; there is: bus-1, tcp-1; did you mean 'bus-1'"):
        Simulator(config, strange)


def test_counters_are_numbered_by_unit(tmp_path: Path) -> None:
    text = "lines: [{id: t, kind: tcp}]\ndevices: [{id: k, kind: counter, line: t, unit: 5, count: 3}]\n"
    world = World(load_config(write(tmp_path, "k.yaml", text)), 0.0)
    assert list(world.stations) == ["k-5", "k-6", "k-7"]
    assert list(world.units["t"]) == [5, 6, 7]
    over = write(tmp_path, "over.yaml", text.replace("unit: 5", "unit: 246"))
    with pytest.raises(ConfigErrors, match=r"over\.yaml:2:11: .*last unit would be over 247"):
        load_config(over)


def test_findings_are_told_in_the_readers_language(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAMPLIGHTER_LANG", "vi")
    config = write(tmp_path, "simulator.yaml", CONFIG.replace("line: tcp-1, unit: 1", "line: tcp-2, unit: 1"))
    with pytest.raises(
        ConfigErrors, match="12:36: không có đường truyền 'tcp-2'; hiện có: bus-1, tcp-1; ý bạn là 'tcp-1'"
    ):
        load_config(config)
    step = write(tmp_path, "s.yaml", "steps:\n  - {cabinet: c-1, do: fuse_blown, circuit: Z}\n")
    with pytest.raises(ConfigErrors, match="2:45: c-1 không có lộ 'Z'; tủ này có: A"):
        load_scenario(step, world)
    refused = control(world).handle(b'{"do":"fault","device":"c-1/sdm630","fault":"late","delay_s":2,"delay_max_s":1}')
    assert "'delay_max_s' nhỏ hơn 'delay_s'" in refused["error"]
