from __future__ import annotations

from collections.abc import Callable

import pytest

from firmware_sim.core.cabinet import DEFAULT_INPUTS, Cabinet
from firmware_sim.core.lamps import Circuit, CircuitDesign

Build = Callable[..., Cabinet]
RATED_W = 20 * 170.0


def lamps_on(cabinet: Cabinet, at_s: float = 0.0) -> None:
    cabinet.advance(at_s)
    cabinet.relay.set(0, closed=True)
    cabinet.advance(at_s)


def power_w(cabinet: Cabinet) -> list[float]:
    return [load.real for load in cabinet.electrical().load_va]


def test_a_cabinet_at_rest_has_voltage_and_no_current(build: Build) -> None:
    cabinet = build()
    state = cabinet.electrical()
    assert state.voltage_v == (230.0, 230.0, 230.0)
    assert power_w(cabinet) == [0.0, 0.0, 0.0]
    assert [state.current_a(phase) for phase in range(3)] == [0.0, 0.0, 0.0]
    assert state.line_v(0, 1) == pytest.approx(230.0 * 3**0.5)


def test_sodium_lamps_start_at_a_third_and_warm_up(build: Build) -> None:
    cabinet = build()
    lamps_on(cabinet)
    powers, currents = [], []
    for at_s in (0.0, 60.0, 120.0, 240.0, 420.0):
        cabinet.advance(at_s)
        powers.append(power_w(cabinet)[0] / RATED_W)
        currents.append(cabinet.electrical().current_a(0))
    assert powers[0] == pytest.approx(0.30)
    assert powers == sorted(powers)
    assert powers[-1] == pytest.approx(0.99)
    # The ballast draws its most while the arc is cold, although the active power is least.
    assert currents == sorted(currents, reverse=True)


def test_warm_lamps_have_the_power_factor_of_their_design(build: Build) -> None:
    cabinet = build()
    lamps_on(cabinet)
    cabinet.advance(36000.0)
    load = cabinet.electrical().load_va[0]
    assert load.real == pytest.approx(RATED_W, rel=1e-6)
    assert load.real / abs(load) == pytest.approx(0.85, abs=1e-6)
    assert cabinet.electrical().current_a(0) == pytest.approx(RATED_W / 0.85 / 230.0, rel=1e-6)


def test_power_follows_voltage_as_magnetic_ballasts_do(build: Build) -> None:
    cabinet = build()
    lamps_on(cabinet)
    cabinet.advance(36000.0)
    cabinet.supply.voltage_v[0] = 253.0
    cabinet.advance(36000.0)
    assert power_w(cabinet)[0] == pytest.approx(RATED_W * 1.1**1.8, rel=1e-6)
    assert power_w(cabinet)[1] == pytest.approx(RATED_W, rel=1e-6)


def test_equal_phases_cancel_in_the_neutral_and_unequal_ones_do_not(build: Build) -> None:
    cabinet = build()
    lamps_on(cabinet)
    cabinet.advance(36000.0)
    assert cabinet.electrical().neutral_a() == pytest.approx(0.0, abs=1e-6)
    cabinet.circuits["C"].fuse_blown = True
    cabinet.advance(36000.0)
    assert cabinet.electrical().neutral_a() == pytest.approx(cabinet.electrical().current_a(0), rel=1e-6)


def test_mains_lost_darkens_all_and_kills_the_meter_but_not_the_board(build: Build) -> None:
    cabinet = build()
    lamps_on(cabinet)
    cabinet.advance(600.0)
    cabinet.supply.mains = False
    cabinet.advance(600.0)
    assert not cabinet.meter_powered()
    assert cabinet.board_powered()
    assert power_w(cabinet) == [0.0, 0.0, 0.0]
    # mains_ok, feedback, door, dark, auto, breaker, rcd, spd
    assert cabinet.inputs()[:3] == [False, False, False]
    assert cabinet.inputs()[4:6] == [True, True]
    assert cabinet.relay.closed[0]


def test_the_meter_needs_its_start_after_an_outage(build: Build) -> None:
    cabinet = build(meter_start_s=2.0)
    assert cabinet.meter_powered()
    cabinet.supply.mains = False
    cabinet.advance(10.0)
    cabinet.supply.mains = True
    cabinet.advance(10.0)
    assert not cabinet.meter_powered()
    cabinet.advance(11.9)
    assert not cabinet.meter_powered()
    cabinet.advance(12.0)
    assert cabinet.meter_powered()


def test_an_empty_battery_silences_the_board_until_mains_are_back(build: Build) -> None:
    cabinet = build(battery_s=3600.0)
    cabinet.advance(100.0)
    cabinet.supply.mains = False
    cabinet.advance(100.0)
    cabinet.advance(3699.0)
    assert cabinet.board_powered()
    cabinet.advance(3700.0)
    assert not cabinet.board_powered()
    cabinet.supply.mains = True
    cabinet.advance(3700.0)
    assert cabinet.board_powered()


def test_hot_lamps_stay_dark_until_they_have_cooled(build: Build) -> None:
    cabinet = build()
    lamps_on(cabinet)
    cabinet.advance(3600.0)
    cabinet.supply.mains = False
    cabinet.advance(3600.0)
    cabinet.supply.mains = True
    cabinet.advance(3600.0)
    assert cabinet.inputs()[1]
    assert not cabinet.circuits["A"].lit
    cabinet.advance(3600.0 + 59.0)
    assert not cabinet.circuits["A"].lit
    cabinet.advance(3600.0 + 61.0)
    assert cabinet.circuits["A"].lit


def test_a_lost_phase_darkens_its_circuits_only(build: Build) -> None:
    cabinet = build()
    lamps_on(cabinet)
    cabinet.advance(600.0)
    cabinet.supply.present[1] = False
    cabinet.supply.phantom_v[1] = 112.0
    cabinet.advance(600.0)
    assert [circuit.lit for circuit in cabinet.circuits.values()] == [True, False, True]
    assert cabinet.electrical().voltage_v == (230.0, 112.0, 230.0)
    assert power_w(cabinet)[1] == 0.0
    assert cabinet.inputs()[0]
    assert cabinet.meter_powered()


def test_a_lost_control_phase_drops_the_contactor(build: Build) -> None:
    cabinet = build(control_phase=1)
    lamps_on(cabinet)
    cabinet.supply.present[0] = False
    cabinet.advance(1.0)
    assert not cabinet.contactor_closed(1)
    assert power_w(cabinet) == [0.0, 0.0, 0.0]
    assert cabinet.inputs()[0]


def test_a_breaker_trip_leaves_the_upstream_meter_alive(build: Build) -> None:
    cabinet = build()
    lamps_on(cabinet)
    cabinet.breaker_closed = False
    cabinet.advance(5.0)
    assert cabinet.meter_powered()
    assert cabinet.electrical().voltage_v == (230.0, 230.0, 230.0)
    assert power_w(cabinet) == [0.0, 0.0, 0.0]
    assert cabinet.inputs()[0] is True
    assert cabinet.inputs()[5] is False


def test_a_breaker_trip_kills_a_downstream_meter(build: Build) -> None:
    cabinet = build(meter_supply="downstream")
    cabinet.breaker_closed = False
    cabinet.advance(5.0)
    assert not cabinet.meter_powered()


def test_the_selector_overrides_the_relay(build: Build) -> None:
    cabinet = build()
    cabinet.selector = "manual_on"
    cabinet.advance(0.0)
    assert cabinet.contactor_closed(1)
    assert cabinet.inputs()[4] is False
    cabinet.relay.set(0, closed=True)
    cabinet.selector = "manual_off"
    cabinet.advance(0.0)
    assert not cabinet.contactor_closed(1)


def test_welded_and_jammed_contactors_ignore_the_relay(build: Build) -> None:
    cabinet = build()
    cabinet.contactors[0] = "welded"
    cabinet.advance(1.0)
    assert cabinet.circuits["A"].lit
    cabinet.contactors[0] = "jammed"
    lamps_on(cabinet, 1.0)
    assert not cabinet.circuits["A"].lit
    assert cabinet.inputs()[1] is False


def test_dead_lamps_take_their_power_with_them_and_leave_their_capacitor(build: Build) -> None:
    cabinet = build()
    lamps_on(cabinet)
    cabinet.advance(36000.0)
    before = cabinet.electrical().load_va[0]
    cabinet.circuits["A"].dead_lamps = 5
    cabinet.advance(36000.0)
    after = cabinet.electrical().load_va[0]
    assert before.real - after.real == pytest.approx(5 * 170.0, rel=1e-6)
    # Reactive power falls by the ballasts' full share: more than the net share of five sound lamps.
    assert before.imag - after.imag > 5 / 20 * before.imag * 2.0


def test_energy_is_the_integral_of_power(build: Build) -> None:
    cabinet = build()
    lamps_on(cabinet)
    cabinet.advance(36000.0)
    start_wh = cabinet.electrical().energy_wh[0]
    cabinet.advance(36000.0 + 3600.0)
    assert cabinet.electrical().energy_wh[0] - start_wh == pytest.approx(RATED_W, rel=1e-6)
    assert sum(cabinet.electrical().reactive_import_varh) > 0.0


def test_an_illegal_tap_is_counted_with_the_lamps_off(build: Build) -> None:
    cabinet = build()
    cabinet.extra_load_w[2] = 1200.0
    cabinet.advance(3600.0)
    assert power_w(cabinet) == [0.0, 0.0, 1200.0]
    assert cabinet.electrical().energy_wh[2] == pytest.approx(1200.0)


def test_relays_drop_with_the_battery_and_do_not_come_back_by_themselves(build: Build) -> None:
    cabinet = build(battery_s=3600.0)
    lamps_on(cabinet)
    cabinet.supply.mains = False
    cabinet.advance(0.0)
    cabinet.advance(3599.0)
    assert cabinet.relay.closed[0]
    # Nobody looks until mains are back.
    cabinet.advance(7200.0)
    cabinet.supply.mains = True
    cabinet.advance(7200.0)
    assert cabinet.board_powered()
    assert not any(cabinet.relay.closed)
    assert not cabinet.contactor_closed(1)
    assert power_w(cabinet) == [0.0, 0.0, 0.0]


def test_a_flash_does_not_outlive_its_board(build: Build) -> None:
    cabinet = build(battery_s=60.0)
    cabinet.supply.mains = False
    cabinet.advance(0.0)
    cabinet.relay.flash(0, closed=False, until_s=200.0)
    cabinet.advance(100.0)
    cabinet.supply.mains = True
    cabinet.advance(300.0)
    assert not cabinet.relay.closed[0]


def test_a_dead_board_follows_no_input(build: Build) -> None:
    cabinet = build(battery_s=60.0, input_link=True)
    cabinet.supply.mains = False
    cabinet.advance(0.0)
    cabinet.advance(100.0)
    cabinet.door_open = True
    cabinet.advance(100.0)
    assert not any(cabinet.relay.closed)


def test_the_factory_link_lets_relays_follow_inputs(build: Build) -> None:
    cabinet = build(input_link=True)
    # Input 1 is mains_ok: with the board as delivered the lamps burn by day.
    assert cabinet.relay.closed[0]
    assert cabinet.circuits["A"].lit
    cabinet.door_open = True
    cabinet.advance(1.0)
    assert cabinet.relay.closed[2]


def test_a_flash_ends_at_its_own_time_however_late_anyone_looks(build: Build) -> None:
    cabinet = build()
    cabinet.relay.flash(0, closed=True, until_s=3.0)
    cabinet.advance(1000.0)
    assert not cabinet.relay.closed[0]
    lit_for_3_s = build()
    lamps_on(lit_for_3_s)
    lit_for_3_s.advance(3.0)
    assert cabinet.electrical().energy_wh == pytest.approx(lit_for_3_s.electrical().energy_wh)


def test_the_photocell_follows_the_sun_unless_it_is_forced(build: Build) -> None:
    # 2026-11-24 in Pleiku: 12:00 and 19:00 local time.
    assert not build(start_unix_s=1795496400.0).dark()
    cabinet = build(start_unix_s=1795521600.0)
    assert cabinet.dark()
    cabinet.photocell = "light"
    assert not cabinet.dark()


def test_an_unwired_input_reads_open(build: Build) -> None:
    cabinet = build(inputs={1: "door_open"})
    assert cabinet.inputs() == [False] * 8
    cabinet.door_open = True
    assert cabinet.inputs() == [True] + [False] * 7


def test_the_default_wiring_is_the_documented_one() -> None:
    assert list(DEFAULT_INPUTS.values()) == [
        "mains_ok",
        "contactor_feedback_1",
        "door_open",
        "photocell_dark",
        "selector_auto",
        "main_breaker_ok",
        "rcd_trip",
        "spd_fail",
    ]


def test_led_lamps_have_full_power_at_once_and_hold_it_over_voltage() -> None:
    design = CircuitDesign(
        id="L", phase=1, contactor=1, lamps=10, lamp_power_w=60.0, lamp_kind="led", power_factor=0.95
    )
    circuit = Circuit(design, 230.0)
    circuit.advance(0.0, 230.0)
    assert circuit.load_va(230.0).real == pytest.approx(600.0)
    assert circuit.load_va(200.0).real == pytest.approx(600.0)
    circuit.advance(1.0, 0.0)
    assert circuit.load_va(0.0) == 0j
