"""What the machine of the circuits proves of a cabinet, and how long that takes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from edge_agent.core.lights.circuits import CircuitRules, Circuits
from edge_agent.core.lights.priority import Aim
from tests.property.edge_agent.lights_world import LAMP_W, Hardware, World, off, on


def world(*names: str, **facts: object) -> World:
    return World(Hardware(names or ("a",)), **facts)  # type: ignore[arg-type]  # the test's own


def settle(cabinet: World, aims: dict[str, Aim]) -> None:
    """Bring the cabinet to a proved state."""
    cabinet.run(10.0 * len(aims), aims)


def test_a_switch_is_done_when_contact_and_meter_agree() -> None:
    cabinet = world()
    settle(cabinet, off(["a"]))
    assert cabinet.proof("a") == ("done", "")
    begun_s = cabinet.now_s
    cabinet.run(1.5, on(["a"]))
    assert cabinet.proof("a") == ("done", "")
    proof = cabinet.machine.by_id["a"].proof
    assert (proof.feedback, proof.power_w) == (True, LAMP_W)
    assert cabinet.hardware.writes[-1][0] - begun_s < 0.5


def break_(what: str) -> Callable[[Hardware], None]:
    def broken(hardware: Hardware) -> None:
        if what in {"mute_meter", "mute_relay"}:
            setattr(hardware, what, True)
        elif what in {"mains", "auto"}:
            setattr(hardware, what, False)
        else:
            getattr(hardware, what).add("a")

    return broken


@pytest.mark.parametrize(
    ("fault", "goes_on", "cause"),
    [
        ("jammed", True, "did_not_close"),
        ("welded", False, "did_not_open"),
        ("cut", True, "line_open"),
        ("mute_meter", True, "meter_silent"),
        ("mains", True, "no_supply"),
        ("auto", True, "local_override"),
        ("auto", False, "local_override"),
    ],
)
def test_a_switch_that_is_not_proved_fails_within_five_seconds_with_its_cause(
    fault: str, goes_on: bool, cause: str
) -> None:
    cabinet = world()
    settle(cabinet, off(["a"]) if goes_on else on(["a"]))
    break_(fault)(cabinet.hardware)
    cabinet.run(2.0)
    cabinet.run(5.0, on(["a"]) if goes_on else off(["a"]))
    assert cabinet.proof("a") == ("failed", cause)


def test_a_relay_board_that_is_silent_is_the_cause() -> None:
    cabinet = world()
    settle(cabinet, off(["a"]))
    cabinet.hardware.mute_relay = True
    cabinet.run(5.0, on(["a"]))
    assert cabinet.proof("a") == ("failed", "relay_silent")
    cabinet.hardware.mute_relay = False
    cabinet.run(30.0)
    assert cabinet.proof("a") == ("done", "")


def test_a_coil_is_energised_once_more_before_its_contactor_is_given_up() -> None:
    cabinet = world()
    cabinet.hardware.sticky.add("a")
    settle(cabinet, off(["a"]))
    cabinet.run(5.0, on(["a"]))
    assert cabinet.proof("a") == ("done", "")
    assert [value for _, _, value in cabinet.hardware.writes] == [True, False, True]


def test_a_jammed_contactor_is_tried_twice_and_no_more() -> None:
    cabinet = world()
    settle(cabinet, off(["a"]))
    cabinet.hardware.jammed.add("a")
    cabinet.run(600.0, on(["a"]))
    assert [value for _, _, value in cabinet.hardware.writes] == [True, False, True]
    assert cabinet.proof("a") == ("failed", "did_not_close")


@pytest.mark.parametrize(("fault", "cause", "holds_s"), [("jammed", "did_not_close", 10.0), ("cut", "line_open", 60.0)])
def test_a_circuit_that_goes_dark_at_night_is_called_failed_after_its_hold(
    fault: str, cause: str, holds_s: float
) -> None:
    cabinet = world()
    settle(cabinet, on(["a"]))
    break_(fault)(cabinet.hardware)
    cabinet.run(holds_s - 2.0)
    assert cabinet.proof("a")[0] == "done"
    cabinet.run(5.0)
    assert cabinet.proof("a") == ("failed", cause)
    getattr(cabinet.hardware, fault).clear()
    cabinet.run(2.0)
    assert cabinet.proof("a") == ("done", "")


def test_power_that_remains_behind_an_open_contactor_is_told() -> None:
    cabinet = world()
    settle(cabinet, on(["a"]))
    cabinet.hardware.leak_w = 300.0  # tapped before the contactor
    cabinet.run(5.0, off(["a"]))
    assert cabinet.proof("a") == ("failed", "power_remains")


def test_without_contact_and_meter_nothing_is_proved_and_that_is_said() -> None:
    machine = Circuits([CircuitRules(id="k1", output="relay/k1")], stagger_s=4.0, begun_s=0.0, start_s=0.0)
    machine.show("relay/k1", False, 0.0)
    machine.aim({"k1": Aim(is_on=True, reason="program")}, 1.0)
    write = machine.due(1.0)
    assert write is not None
    machine.begin(write, 1.0)
    machine.wrote(write, confirmed=True, reached=True, ended_s=1.1)
    machine.look(1.2)
    proof = machine.by_id["k1"].proof
    assert (proof.state, proof.cause) == ("done", "not_proved")
    assert machine.by_id["k1"].actual() is True


def test_a_shared_meter_proves_by_the_step() -> None:
    shared = [
        CircuitRules(
            id=name, output=f"relay/{name}", feedback=None, power=("meter/p",), full_power_w=1000.0, shares_meter=True
        )
        for name in ("a", "b")
    ]
    machine = Circuits(shared, stagger_s=4.0, begun_s=0.0, start_s=0.0)
    for name in ("a", "b"):
        machine.show(f"relay/{name}", False, 0.0)
    machine.show("meter/p", 0.0, 0.0)
    machine.aim(on(["a", "b"]), 1.0)

    def switch(name: str, at_s: float, after_w: float) -> tuple[str, str]:
        write = machine.due(at_s)
        assert write is not None
        assert write.circuit == name
        machine.begin(write, at_s)
        machine.wrote(write, confirmed=True, reached=True, ended_s=at_s + 0.1)
        machine.look(at_s + 0.2)
        machine.show("meter/p", after_w, at_s + 1.0)
        machine.look(at_s + 1.0)
        machine.look(at_s + 4.9)
        return machine.by_id[name].proof.state, machine.by_id[name].proof.cause

    assert switch("a", 1.0, 950.0) == ("done", "")
    assert machine.due(5.0) is None or machine.due(5.1) is not None
    assert switch("b", 6.0, 960.0) == ("failed", "did_not_close")
    assert machine.by_id["a"].proof.state == "done"


def test_lamps_are_dimmed_only_when_warm_and_struck_at_full_power() -> None:
    machine = Circuits(
        [CircuitRules(id="a", output="relay/k", dimmer="driver/dim", full_power_before_dim_s=300.0)],
        stagger_s=4.0,
        begun_s=0.0,
        start_s=0.0,
    )
    machine.show("relay/k", False, 0.0)
    machine.show("driver/dim", 40, 0.0)
    written: list[tuple[float, str, object]] = []
    for second in range(1, 400):
        now_s = float(second)
        machine.aim({"a": Aim(is_on=True, dim=70, reason="program")}, now_s)
        while (write := machine.due(now_s)) is not None:
            written.append((now_s, write.point, write.value))
            machine.begin(write, now_s)
            machine.wrote(write, confirmed=True, reached=True, ended_s=now_s)
        machine.look(now_s)
    assert written == [(1.0, "driver/dim", 100), (1.0, "relay/k", True), (301.0, "driver/dim", 70)]


def test_hot_lamps_rest_before_they_are_struck_again() -> None:
    cabinet = world(rest_s=120.0)
    cabinet.run(150.0, on(["a"]))
    assert cabinet.hardware.writes[-1][0] == pytest.approx(120.0, abs=1.0), "after a boot nobody knows how hot they are"
    cabinet.run(5.0, off(["a"]))
    off_s = cabinet.hardware.writes[-1][0]
    cabinet.run(60.0, on(["a"]))
    assert cabinet.machine.holds_back("a", cabinet.now_s) == "resting"
    cabinet.run(120.0)
    assert cabinet.hardware.writes[-1][2] is True
    assert cabinet.hardware.writes[-1][0] - off_s == pytest.approx(120.0, abs=1.0)


def test_what_is_right_already_is_not_written_after_a_start() -> None:
    hardware = Hardware(("a", "b"), relay={"a": True, "b": False})
    cabinet = World(hardware, start_wait_s=5.0)
    cabinet.run(20.0, on(["a"]) | off(["b"]))
    assert hardware.writes == []
    assert [cabinet.proof(name) for name in ("a", "b")] == [("done", "")] * 2


def test_a_permit_waits_for_nothing() -> None:
    cabinet = World(Hardware(("a", "b", "c"), relay=dict.fromkeys("abc", True)), start_wait_s=30.0)
    cabinet.run(2.0, off(["a", "b", "c"], "permit", at_once=True))
    assert [name for _, name, value in cabinet.hardware.writes if not value] == ["a", "b", "c"]
    assert [cabinet.proof(name)[0] for name in "abc"] == ["done"] * 3


def test_the_ledger_counts_hours_and_switches() -> None:
    cabinet = world()
    settle(cabinet, off(["a"]))
    cabinet.run(3600.0, on(["a"]))
    cabinet.run(60.0, off(["a"]))
    ledger = cabinet.machine.by_id["a"].ledger
    assert ledger.switches == 2
    assert ledger.on_s == pytest.approx(3600.0, abs=3.0)
