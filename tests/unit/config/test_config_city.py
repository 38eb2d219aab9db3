"""The inventory's circuits, classes and lamps: old files stay valid, and each mistake is told where it stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.city import City
from config.errors import ConfigErrors
from config.loader import load_text

FILE = Path("city.yaml")
HEAD = """city: Pleiku
place: {latitude: 13.983, longitude: 108.0, timezone: Asia/Ho_Chi_Minh}
crews: [{id: crew-1, name: Crew 1}]
wards: [{id: w, name: Ward}]
cabinets:
"""
PLAIN = "- {id: c-1, name: C, street: S, ward: w, crew: crew-1, gateway: gw-1, devices: {meter: m, io: r}%s}\n"
CIRCUIT = "{id: A, lamp_type: sodium, lamps: 24, lamp_power_w: 170}"


def city(*cabinets: str) -> City:
    return load_text(HEAD + "".join(cabinets), FILE, City)


def findings(*cabinets: str) -> list[str]:
    with pytest.raises(ConfigErrors) as raised:
        city(*cabinets)
    return [str(problem) for problem in raised.value.problems]


def test_a_file_of_before_stays_valid() -> None:
    cabinet = city(PLAIN % ", lamps: 71, schedule_file: s.yaml").cabinets[0]
    assert cabinet.circuits == ()
    assert cabinet.lamps == 71
    assert cabinet.calendar == Path("s.yaml")


def test_a_circuit_is_called_at_the_gateway_as_here_unless_told() -> None:
    given = ", circuits: [" + CIRCUIT + ", " + CIRCUIT.replace("A,", "B, gateway_circuit: k2,") + "]"
    first, second = city(PLAIN % given).cabinets[0].circuits
    assert (first.at_gateway, second.at_gateway) == ("A", "k2")
    assert first.phases == (1, 2, 3)


def test_lamps_are_those_of_the_circuits() -> None:
    two = ", circuits: [" + CIRCUIT + ", " + CIRCUIT.replace("id: A", "id: B") + "]"
    assert city(PLAIN % two).cabinets[0].lamps == 48
    assert findings(PLAIN % (", lamps: 47" + two)) == [
        "city.yaml:6:106: 47 lamps, but its circuits have 48: correct one of them, or leave lamps out"
    ]


def test_what_is_never_switched_has_neither_circuits_nor_a_calendar() -> None:
    for cabinet_class in ("traffic_signal", "warning_ac", "warning_solar"):
        extra = f", cabinet_class: {cabinet_class}, calendar_file: c.yaml, circuits: [{CIRCUIT}]"
        found = findings(PLAIN % extra)
        assert [text.partition("is never switched: ")[2] for text in found] == [
            "leave calendar_file out",
            "leave circuits out",
        ]
        assert not city(PLAIN % f", cabinet_class: {cabinet_class}").cabinets[0].is_switched
    assert city(PLAIN % ", cabinet_class: alley").cabinets[0].is_switched


def test_two_names_of_one_calendar_are_refused() -> None:
    assert findings(PLAIN % ", calendar_file: a, schedule_file: b") == [
        "city.yaml:6:132: schedule_file is the older name of calendar_file: keep calendar_file only"
    ]


def test_circuits_that_the_gateway_could_not_tell_apart_are_refused() -> None:
    small = CIRCUIT.replace("id: A", "id: a")
    assert findings(PLAIN % f", circuits: [{CIRCUIT}, {small}]") == [
        "city.yaml:6:173: circuit 'a' stands twice ('A'): capitals make no difference at the gateway"
    ]
    other = (PLAIN % f", circuits: [{CIRCUIT}]").replace("c-1", "c-2").replace("meter: m", "meter: m2")
    assert findings(PLAIN % f", circuits: [{CIRCUIT}]", other) == [
        "city.yaml:7:116: circuit 'A' of gateway 'gw-1' already belongs to cabinet 'c-1'"
    ]


def test_a_circuit_needs_something_that_measures_it() -> None:
    no_meter = (PLAIN % f", circuits: [{CIRCUIT}]").replace("meter: m, ", "")
    assert findings(no_meter) == [
        "city.yaml:6:105: circuit 'A' needs a meter: name it under devices.meter, or give power as device/point"
    ]
    own = (PLAIN % f", circuits: [{CIRCUIT[:-1]}, power: [m-b/p_total]}}]").replace("meter: m, ", "")
    assert city(own).cabinets[0].circuits[0].power == ("m-b/p_total",)


def test_a_lamp_that_reports_hangs_on_a_circuit_that_there_is() -> None:
    lamps = f", circuits: [{CIRCUIT}], reporting_lamps: [{{device: lamp-1, circuit: B}}, {{device: lamp-1}}]"
    assert [text.partition(": ")[2] for text in findings(PLAIN % lamps)] == [
        "no circuit 'B'; there are: A",
        "'lamp-1' stands twice; it is already number 1 of the list",
    ]


def test_findings_speak_vietnamese(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMPLIGHTER_LANG", "vi")
    assert findings(PLAIN % ", calendar_file: a, schedule_file: b") == [
        "city.yaml:6:132: schedule_file là tên cũ của calendar_file: chỉ giữ calendar_file"
    ]
