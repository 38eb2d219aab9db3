"""Every fault scenario, played in simulated time: the registers change as the row of its alarm needs."""

from __future__ import annotations

import struct
from itertools import pairwise
from pathlib import Path

import pytest

from firmware_sim.core.codec import Request
from firmware_sim.scenario import load_config, load_scenario, time_line
from firmware_sim.scenarios import FOLDER
from firmware_sim.world import World

METER, RELAY, ANALOG = 1, 2, 3
NOON_S = 68_400.0
"""The morning after: 12:16."""


class Street:
    """A scenario's world, moved on by hand and read over its lines."""

    def __init__(self, scenario: str) -> None:
        config = load_config(FOLDER / "street.yaml")
        self.world = World(config, 0.0)
        self.left = time_line(load_scenario(FOLDER / f"{scenario}.yaml", self.world))
        self.now_s = 0.0

    def go_to(self, at_s: float) -> None:
        while self.left and self.left[0].at_s <= at_s:
            step = self.left.pop(0)
            self.world.apply(step.action, step.at_s)
        self.now_s = at_s
        self.world.advance(at_s)

    def ask(self, unit: int, pdu: bytes, line: str = "bus-1") -> bytes | None:
        found = self.world.answer(line, Request("tcp", unit, pdu, transaction=1), self.now_s)
        assert found is not None
        sendings = found[1].sendings
        if not sendings:
            return None
        assert sendings[0].data is not None
        return sendings[0].data[7:]

    def words(self, unit: int, function: int, address: int, count: int, line: str = "bus-1") -> list[int]:
        answer = self.ask(unit, struct.pack(">BHH", function, address, count), line)
        assert answer is not None
        return list(struct.unpack(f">{count}H", answer[2:]))

    def bits(self, unit: int, function: int, count: int, line: str = "bus-1", address: int = 0) -> list[int]:
        answer = self.ask(unit, struct.pack(">BHH", function, address, count), line)
        assert answer is not None
        return [answer[2] >> place & 1 for place in range(count)]

    def phases(self, address: int, line: str = "bus-1") -> tuple[float, ...]:
        words = self.words(METER, 4, address, 6, line)
        return struct.unpack(">fff", struct.pack(">6H", *words))

    def volts(self) -> tuple[float, ...]:
        return self.phases(0x00)

    def watts(self, line: str = "bus-1") -> tuple[float, ...]:
        return self.phases(0x0C, line)

    def vars(self) -> tuple[float, ...]:
        return self.phases(0x18)

    def meter_answers(self, line: str = "bus-1") -> bool:
        return self.ask(METER, struct.pack(">BHH", 4, 0, 2), line) is not None

    def inputs(self, line: str = "bus-1", unit: int = RELAY) -> dict[str, int]:
        cabinet = {"bus-1": "c-1", "bus-2": "c-2", "bus-3": "t-1", "bus-4": "w-1"}[line]
        wiring = self.world.cabinets[cabinet].design.inputs
        bits = self.bits(unit, 2, 8, line)
        return {signal: bits[number - 1] for number, signal in wiring.items()}

    def analog(self, channel: int, high: float, low: float = 0.0) -> float:
        milliamperes = self.words(ANALOG, 4, channel - 1, 1)[0] / 1000.0
        return low + (high - low) * (milliamperes - 4.0) / 16.0

    def relay(self, channel: int, *, closed: bool, line: str = "bus-1") -> None:
        answer = self.ask(RELAY, struct.pack(">BHH", 5, channel - 1, 0xFF00 if closed else 0), line)
        assert answer is not None
        assert answer[0] == 5

    def lamps(self, *, on: bool) -> None:
        for channel in (1, 2, 3):
            self.relay(channel, closed=on)


def leak_ma(street: Street) -> float:
    return street.analog(1, 3000.0)


def pilot_v(street: Street) -> float:
    return street.analog(2, 30.0)


LIT_W = 24 * 170.0


def lit(scenario: str) -> Street:
    """Return a street whose lamps were switched on at its first moment."""
    street = Street(scenario)
    street.go_to(0.0)
    street.lamps(on=True)
    return street


def test_mains_lost() -> None:
    street = lit("mains-lost")
    street.go_to(599.0)
    assert street.inputs()["mains_ok"] == 1
    street.go_to(601.0)
    assert not street.meter_answers()
    assert street.inputs()["mains_ok"] == 0
    assert street.bits(RELAY, 1, 3) == [1, 1, 1]
    street.go_to(1203.0)
    assert street.inputs()["mains_ok"] == 1
    assert street.meter_answers()


def test_sensor_conflict() -> None:
    street = lit("sensor-conflict")
    street.go_to(601.0)
    assert street.inputs()["mains_ok"] == 0
    assert street.volts() == pytest.approx([230.0] * 3)
    street.go_to(1201.0)
    assert street.inputs()["mains_ok"] == 1


def test_phase_loss() -> None:
    street = lit("phase-loss")
    street.go_to(601.0)
    assert street.volts() == pytest.approx((230.0, 112.0, 230.0))
    # Under 70 % of its voltage an arc is out, and its feedback still says closed.
    assert street.watts()[1] == pytest.approx(0.0)
    assert street.inputs()["contactor_feedback_2"] == 1
    street.go_to(1201.0)
    assert street.volts() == pytest.approx((0.0, 230.0, 230.0))
    assert [street.inputs()[f"contactor_feedback_{number}"] for number in (1, 2, 3)] == [0, 0, 0]
    assert street.watts() == pytest.approx((0.0, 0.0, 0.0))


def test_breaker_trip() -> None:
    street = lit("breaker-trip")
    street.go_to(601.0)
    assert street.inputs()["main_breaker_ok"] == 0
    assert street.inputs()["mains_ok"] == 1
    assert street.volts() == pytest.approx([230.0] * 3)
    assert street.watts() == pytest.approx((0.0, 0.0, 0.0))


def test_contactor_no_close() -> None:
    street = lit("contactor-no-close")
    street.go_to(900.0)
    assert street.bits(RELAY, 1, 3) == [1, 1, 1]
    assert street.inputs()["contactor_feedback_2"] == 0
    assert street.watts()[1] == pytest.approx(0.0)
    assert street.watts()[2] > 0.9 * LIT_W
    street.go_to(1201.0)
    assert street.inputs()["contactor_feedback_2"] == 1
    assert street.watts()[1] > 0.2 * LIT_W


def test_line_open() -> None:
    street = lit("line-open")
    street.go_to(599.0)
    assert street.watts()[1] > 0.9 * LIT_W
    street.go_to(601.0)
    assert street.inputs()["contactor_feedback_2"] == 1
    assert street.watts()[1] == pytest.approx(0.0)
    assert street.vars()[1] == pytest.approx(0.0)


def test_stuck_on() -> None:
    street = lit("stuck-on")
    street.go_to(700.0)
    street.lamps(on=False)
    assert street.inputs()["contactor_feedback_1"] == 1
    assert street.inputs()["contactor_feedback_3"] == 0
    assert street.watts()[0] > 0.9 * LIT_W
    street.go_to(1201.0)
    assert street.watts()[0] == pytest.approx(15.0)
    street.go_to(1700.0)
    assert street.inputs()["contactor_feedback_3"] == 0
    assert street.watts()[2] > 0.5 * LIT_W


@pytest.mark.parametrize(("scenario", "restored_s"), [("day-burn", 69_601.0), ("dark-day", 67_801.0)])
def test_darkness_by_day(scenario: str, restored_s: float) -> None:
    street = Street(scenario)
    cabinet = street.world.cabinets["c-1"]
    street.go_to(NOON_S - 2401.0)
    lux = street.analog(3, 2000.0)
    assert not cabinet.dark()
    street.go_to(66_600.0)
    assert cabinet.dark()
    # A dirty photocell lies alone; in a storm the light is gone as well.
    assert (street.analog(3, 2000.0) < 20.0) == (scenario == "dark-day")
    street.go_to(restored_s)
    assert not cabinet.dark()
    assert street.analog(3, 2000.0) == pytest.approx(lux)


def test_local_override() -> None:
    street = Street("local-override")
    street.go_to(601.0)
    assert street.inputs()["selector_auto"] == 0
    assert street.bits(RELAY, 1, 3) == [0, 0, 0]
    assert [street.inputs()[f"contactor_feedback_{number}"] for number in (1, 2, 3)] == [1, 1, 1]
    street.go_to(4201.0)
    assert street.inputs()["selector_auto"] == 1
    assert street.inputs()["contactor_feedback_1"] == 0


def test_lamps_out_takes_power_and_leaves_the_capacitor() -> None:
    street = lit("lamps-out")
    street.go_to(3599.0)
    power, reactive, current = street.watts()[1], street.vars()[1], street.phases(0x06)[1]
    assert power == pytest.approx(LIT_W, rel=1e-4)
    street.go_to(3601.0)
    assert power - street.watts()[1] == pytest.approx(170.0, rel=1e-3)
    # 170 W at power factor 0.45 of the bare ballast: its 337 var are gone, its capacitor's are not.
    assert reactive - street.vars()[1] == pytest.approx(170.0 * 1.9845, rel=1e-3)
    lost_lamp_share = 1.0 - street.watts()[1] / power
    assert lost_lamp_share == pytest.approx(1 / 24, rel=1e-3)
    assert street.phases(0x06)[1] < current
    street.go_to(7201.0)
    assert power - street.watts()[1] == pytest.approx(510.0, rel=1e-3)
    # With half of them dead the capacitors win: the current is more than half of what it was.
    street.world.cabinets["c-1"].circuits["B"].dead_lamps = 12
    assert street.watts()[1] == pytest.approx(power / 2, rel=1e-3)
    assert street.vars()[1] < 0.0
    assert street.phases(0x06)[1] > 0.52 * current
    street.world.cabinets["c-1"].circuits["B"].dead_lamps = 3
    street.go_to(10_801.0)
    assert street.watts()[1] == pytest.approx(power, rel=1e-3)


def test_cycling_makes_dips_of_one_lamp_that_recover() -> None:
    street = lit("cycling")
    street.go_to(1799.0)
    full = street.watts()[1]
    series = []
    for at_s in range(1800, 5400, 10):
        street.go_to(float(at_s))
        series.append(street.watts()[1])
    dips = [place for place in range(1, len(series)) if series[place - 1] - series[place] >= 0.7 * 170.0]
    assert 8 <= len(dips) <= 14
    assert min(series) == pytest.approx(full - 170.0, rel=1e-3)
    # Between two dips it is back at 97 % of its warmth.
    assert all(max(series[one:other]) > full - 170.0 * 0.05 for one, other in pairwise(dips))
    street.go_to(9001.0)
    assert street.watts()[1] == pytest.approx(full, rel=1e-3)


def test_tapping_behind_and_before_the_contactor() -> None:
    street = lit("tapping")
    street.go_to(3599.0)
    full = street.watts()[0]
    street.go_to(3601.0)
    assert street.watts()[0] - full == pytest.approx(1200.0, rel=1e-3)
    assert street.watts()[0] > 1.15 * full
    street.lamps(on=False)
    assert street.watts()[0] == pytest.approx(15.0)
    street.go_to(5401.0)
    assert street.watts()[2] == pytest.approx(900.0)
    assert street.watts()[2] > 0.03 * LIT_W
    street.go_to(9001.0)
    assert street.watts()[2] == pytest.approx(0.0)


def test_under_and_overvoltage() -> None:
    street = lit("under-overvoltage")
    street.go_to(1201.0)
    assert street.volts()[2] == pytest.approx(252.0)
    street.go_to(2401.0)
    assert street.volts() == pytest.approx([202.4] * 3)
    assert street.watts()[1] == pytest.approx(LIT_W * 0.88**1.8, rel=1e-3)
    street.go_to(2701.0)
    assert street.volts() == pytest.approx([230.0] * 3)
    # One second at 60 %: the arcs of L2 are out, and stay out until they have cooled.
    street.go_to(3601.5)
    assert street.volts() == pytest.approx([230.0] * 3)
    assert street.watts()[1] == pytest.approx(0.0)
    assert street.watts()[2] > 0.9 * LIT_W
    street.go_to(3670.0)
    assert street.watts()[1] > 0.5 * LIT_W
    street.go_to(4801.0)
    assert street.volts() == pytest.approx([257.6] * 3)


def test_leakage_flows_while_its_circuit_is_fed() -> None:
    street = lit("leakage")
    street.go_to(599.0)
    assert leak_ma(street) == pytest.approx(12.0, abs=0.2)
    street.go_to(601.0)
    assert leak_ma(street) == pytest.approx(192.0, abs=0.2)
    street.relay(2, closed=False)
    assert leak_ma(street) == pytest.approx(8.0, abs=0.2)
    assert street.inputs()["rcd_trip"] == 0


def test_rcd_trip() -> None:
    street = lit("rcd-trip")
    street.go_to(601.0)
    assert street.inputs()["rcd_trip"] == 1
    assert street.watts() == pytest.approx((0.0, 0.0, 0.0))
    assert leak_ma(street) == pytest.approx(0.0, abs=0.2)
    street.go_to(1201.0)
    assert street.inputs()["rcd_trip"] == 1
    street.go_to(1801.0)
    assert street.inputs()["rcd_trip"] == 0
    assert street.watts()[1] > 0.2 * LIT_W


def test_door() -> None:
    street = Street("door")
    street.go_to(601.0)
    assert street.inputs()["door_open"] == 1
    street.go_to(1201.0)
    assert street.inputs()["door_open"] == 0


def test_cable_theft() -> None:
    street = lit("cable-theft")
    street.go_to(7229.0)
    power, reactive = street.watts()[1], street.vars()[1]
    assert pilot_v(street) == pytest.approx(12.0, abs=0.01)
    assert street.inputs()["door_open"] == 1
    street.go_to(7231.0)
    assert pilot_v(street) == pytest.approx(24.0, abs=0.01)
    # Lamps and capacitors are gone alike, unlike those of dead lamps.
    assert street.watts()[1] == pytest.approx(power * 4 / 24, rel=1e-3)
    assert street.vars()[1] == pytest.approx(reactive * 4 / 24, rel=1e-3)
    street.go_to(43_200.0)
    street.lamps(on=False)
    assert pilot_v(street) == pytest.approx(12.0, abs=0.01)
    street.go_to(66_001.0)
    assert pilot_v(street) == pytest.approx(24.0, abs=0.01)
    assert street.watts() == pytest.approx((15.0, 0.0, 0.0))
    street.go_to(69_601.0)
    assert pilot_v(street) == pytest.approx(12.0, abs=0.01)


def test_meter_comm() -> None:
    street = lit("meter-comm")
    street.go_to(601.0)
    assert not street.meter_answers()
    assert street.inputs()["mains_ok"] == 1
    street.go_to(1201.0)
    assert street.meter_answers()


def test_battery() -> None:
    street = lit("battery")
    street.go_to(599.0)
    assert street.analog(5, 16.0) == pytest.approx(13.6, abs=0.01)
    street.go_to(601.0)
    assert street.analog(5, 16.0) == pytest.approx(11.5, abs=0.01)
    street.go_to(1801.0)
    # Worn, it looks sound while the charger holds it.
    assert street.analog(5, 16.0) == pytest.approx(13.6, abs=0.01)
    street.go_to(2500.0)
    assert street.analog(5, 16.0) == pytest.approx(12.8 - 2.3 * 100 / 144, abs=0.01)
    street.go_to(2545.0)
    assert street.ask(RELAY, struct.pack(">BHH", 2, 0, 8)) is None
    street.go_to(3001.0)
    # Its relays fell open with the board, and stay so.
    assert street.bits(RELAY, 1, 3) == [0, 0, 0]


def test_area_outage() -> None:
    street = Street("area-outage")
    street.go_to(601.0)
    lines = {"bus-1": RELAY, "bus-2": RELAY, "bus-3": RELAY, "bus-4": 1}
    assert [street.inputs(line, unit)["mains_ok"] for line, unit in lines.items()] == [0, 0, 0, 0]
    street.go_to(1201.0)
    assert [street.inputs(line, unit)["mains_ok"] for line, unit in lines.items()] == [1, 1, 0, 1]
    street.go_to(2401.0)
    assert street.inputs("bus-3")["mains_ok"] == 1


def test_traffic_signal() -> None:
    street = Street("traffic-signal")
    street.go_to(599.0)
    before = street.inputs("bus-3")
    assert before == {
        "mains_ok": 1, "controller_ok": 1, "flashing_mode": 0, "lamp_fault": 0, "door_open": 0, "battery_ok": 1,
    }  # fmt: skip
    assert street.watts("bus-3")[0] == pytest.approx(220.0)
    street.go_to(601.0)
    assert street.inputs("bus-3") == {**before, "controller_ok": 0, "flashing_mode": 1}
    assert street.watts("bus-3")[0] == pytest.approx(55.0)
    street.go_to(1201.0)
    assert street.inputs("bus-3") == {**before, "controller_ok": 0}
    assert street.watts("bus-3")[0] == pytest.approx(0.0)
    street.go_to(2401.0)
    assert street.inputs("bus-3") == {**before, "lamp_fault": 1}
    street.go_to(3601.0)
    assert street.inputs("bus-3") == {**before, "battery_ok": 0}


def charger(street: Street) -> dict[str, float]:
    panel = street.words(1, 4, 0x3100, 2, "bus-5")
    battery = street.words(1, 4, 0x3104, 1, "bus-5")
    load = street.words(1, 4, 0x310C, 2, "bus-5")
    return {
        "panel_a": panel[1] / 100.0,
        "battery_v": battery[0] / 100.0,
        "load_a": load[1] / 100.0,
        "charge": street.words(1, 4, 0x311A, 1, "bus-5")[0],
        "state": street.words(1, 4, 0x3200, 1, "bus-5")[0] & 0xF,
    }


def test_warning_light_on_the_sun() -> None:
    street = Street("warning-solar")
    charges = []
    for day in range(6):
        street.go_to(NOON_S + 86_400.0 * day)
        assert charger(street)["panel_a"] == 0.0
        charges.append(charger(street)["charge"])
    assert charges == sorted(charges, reverse=True)
    assert street.bits(2, 1, 2, "bus-5") == [0, 0]
    empty = charger(street)
    assert (empty["state"], empty["load_a"]) == (3, 0.0)
    assert empty["battery_v"] < 11.2
    street.go_to(NOON_S + 86_400.0 * 9)
    sunny = charger(street)
    assert sunny["panel_a"] > 0.0
    assert (sunny["state"], sunny["charge"] > 90) == (0, True)
    assert street.bits(2, 1, 2, "bus-5") == [1, 0]
    street.go_to(900_001.0)
    assert street.bits(2, 1, 2, "bus-5") == [0, 0]
    assert charger(street)["load_a"] == 0.0
    street.go_to(903_601.0)
    steady = charger(street)["load_a"]
    assert street.bits(2, 1, 2, "bus-5") == [0, 0]
    street.go_to(907_201.0)
    assert street.bits(2, 1, 2, "bus-5") == [1, 1]
    assert steady == pytest.approx(2.0 * charger(street)["load_a"], abs=0.03)
    street.go_to(910_801.0)
    assert charger(street)["charge"] == 100


def lamp(street: Street, unit: int) -> dict[str, float]:
    words = street.words(unit, 4, 0, 16, "bus-2")
    return {
        "burns": words[1],
        "level": words[2],
        "faults": words[3],
        "power_w": (words[6] << 16 | words[7]) / 10.0,
        "energy_wh": words[8] << 16 | words[9],
        "hours": (words[10] << 16 | words[11]) / 10.0,
        "starts": words[12] << 16 | words[13],
    }


def test_single_lamp() -> None:
    street = Street("single-lamp")
    # Fed by its circuit, it cannot speak while the contactor is open.
    assert street.ask(11, struct.pack(">BHH", 4, 0, 16), "bus-2") is None
    street.relay(1, closed=True, line="bus-2")
    street.go_to(3599.0)
    assert lamp(street, 11) == {
        "burns": 1, "level": 100, "faults": 0, "power_w": 60.0, "energy_wh": 60, "hours": 1.0, "starts": 1,
    }  # fmt: skip
    street.go_to(3601.0)
    dead = lamp(street, 11)
    assert (dead["burns"], dead["faults"], dead["power_w"]) == (0, 1, 0.0)
    assert (lamp(street, 12)["faults"], lamp(street, 12)["power_w"]) == (0, 60.0)
    assert street.watts("bus-2")[0] == pytest.approx(11 * 60.0)
    street.go_to(7201.0)
    assert (lamp(street, 11)["burns"], lamp(street, 11)["starts"]) == (1, 2)
    assert lamp(street, 11)["hours"] == pytest.approx(1.0)


def test_the_dimmer_dims_every_lamp_and_what_the_meter_sees() -> None:
    street = Street("single-lamp")
    street.relay(1, closed=True, line="bus-2")
    street.go_to(600.0)
    assert street.ask(10, struct.pack(">BHH", 6, 0, 40), "bus-2") == struct.pack(">BHH", 6, 0, 40)
    assert street.words(10, 3, 0, 1, "bus-2") == [40]
    assert street.watts("bus-2")[0] == pytest.approx(0.4 * 12 * 60.0)
    assert lamp(street, 12)["level"] == 40
    assert street.ask(10, struct.pack(">BHH", 6, 0, 101), "bus-2") == bytes([0x86, 3])
    # One lamp alone.
    assert street.ask(12, struct.pack(">BHH", 6, 0, 100), "bus-2") is not None
    assert street.watts("bus-2")[0] == pytest.approx(0.4 * 11 * 60.0 + 60.0)


def test_every_scenario_is_of_this_street_and_has_a_test() -> None:
    names = {file.stem for file in FOLDER.glob("*.yaml")} - {"street"}
    source = Path(__file__).read_text(encoding="utf-8")
    assert names
    assert {name for name in names if f'"{name}"' not in source} == set()
