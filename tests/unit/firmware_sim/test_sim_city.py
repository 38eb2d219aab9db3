from __future__ import annotations

import stat
from collections import Counter
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from collector.cli import main as collector
from config.city import City
from config.loader import load_document
from edge_agent.cli.commands import edge_agent
from firmware_sim.city.files import CityOptions, laboratory_key, write_city
from firmware_sim.city.names import names
from firmware_sim.city.plan import CityPlan, numbers_for, plan_city, shared_out
from firmware_sim.cli import main
from firmware_sim.scenario import load_config
from firmware_sim.world import World

SMALL = numbers_for(6, alley_lamps=60, signals=1, warnings=2)


def planned(seed: int = 7) -> CityPlan:
    return plan_city(SMALL, seed, names())


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a small city."""
    folder = tmp_path_factory.mktemp("city") / "out"
    write_city(planned(), folder, CityOptions(account="huong"))
    return folder


def test_the_first_city_has_what_it_has() -> None:
    plan = plan_city(numbers_for(261), 7, names())
    classes = Counter(site.post_class for site in plan.sites)
    assert classes == {"lighting": 261, "alley": 116, "traffic_signal": 25, "warning_solar": 28, "warning_ac": 12}
    lighting = [site for site in plan.sites if site.post_class == "lighting"]
    assert sum(site.lamps for site in lighting) == 7690
    assert sum(site.lamps for site in plan.sites if site.post_class == "alley") == 2776
    assert len({site.street for site in lighting}) == 207
    assert len(plan.wards) == 23
    assert min(site.lamps for site in lighting) >= 6
    assert len({site.gateway for site in plan.sites}) == len(plan.sites) == 442
    sizes = Counter(site.feeder for site in lighting)
    assert len(plan.feeders) == len(sizes) == 22
    assert max(sizes.values()) == 12
    # Both kinds of cabinet, and lamps that report.
    assert {len(site.contactors) for site in lighting} == {1, 3}
    assert sum(site.lamps for site in plan.sites if site.reporting) > 0


@pytest.mark.parametrize("cabinets", [1, 5, 37, 300, 1000])
def test_any_other_city_is_in_proportion(cabinets: int) -> None:
    numbers = numbers_for(cabinets)
    plan = plan_city(numbers, 1, names())
    classes = Counter(site.post_class for site in plan.sites)
    assert sum(site.lamps for site in plan.sites if site.post_class == "lighting") == round(7690 * cabinets / 261)
    assert classes["traffic_signal"] == max(1, round(25 * cabinets / 261))
    assert classes["warning_ac"] + classes["warning_solar"] == max(1, round(40 * cabinets / 261))
    assert sum(classes.values()) == numbers.gateways
    ids = [site.id for site in plan.sites]
    assert len(set(ids)) == len(ids)


def test_shares_add_up() -> None:
    assert shared_out(10, [1.0, 1.0, 1.0]) == [4, 3, 3]
    assert shared_out(7, [0.1, 0.1, 9.8], least=2) == [2, 2, 3]
    assert sum(shared_out(7690, [0.37 * place for place in range(1, 262)], least=6)) == 7690


def everything(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_the_same_seed_makes_the_same_files_and_another_seed_others(city: Path, tmp_path: Path) -> None:
    write_city(planned(), tmp_path / "same", CityOptions(account="huong"))
    write_city(planned(8), tmp_path / "other", CityOptions(account="huong"))
    assert everything(tmp_path / "same") == everything(city)
    assert everything(tmp_path / "other")["city.yaml"] != everything(city)["city.yaml"]


def test_every_file_of_a_city_passes_its_check(city: Path) -> None:
    agents = sorted(city.glob("gateways/*/agent.yaml"))
    assert len(agents) == SMALL.gateways
    for file in agents:
        checked = CliRunner().invoke(edge_agent, ["check", "--config", str(file)])
        assert (checked.exit_code, checked.output.count("\n")) == (0, 1), checked.output
    checked = CliRunner().invoke(collector, ["check", "--config", str(city / "collector.yaml")])
    assert checked.exit_code == 0, checked.output
    world = World(load_config(city / "simulator.yaml"), 0.0)
    assert len(world.cabinets) + len(world.posts) == SMALL.gateways


def test_gateways_inventory_and_field_tell_the_same_lamps(city: Path) -> None:
    inventory = load_document(city / "city.yaml", City)
    world = World(load_config(city / "simulator.yaml"), 0.0)
    lit = 0
    for cabinet in inventory.cabinets:
        if not cabinet.is_switched:
            continue
        agent = yaml.safe_load((city / "gateways" / cabinet.gateway / "agent.yaml").read_text(encoding="utf-8"))
        simulated = world.cabinets[cabinet.id]
        for number, circuit in enumerate(agent["lighting"]["circuits"]):
            known = cabinet.circuits[number]
            assert (circuit["id"], circuit["output"]) == (known.at_gateway, f"relay/k{number + 1}")
            assert circuit["full_power_w"] == known.lamps * known.lamp_power_w
            simulated.relay.set(number, closed=True)
            simulated.advance(simulated.now_s)
            simulated.advance(simulated.now_s + 7200.0)
            phases = [int(point[-1]) - 1 for point in circuit["power"]]
            load = simulated.electrical().load_va
            power_w = sum(load[phase].real for phase in phases)
            # Up to 4 % of voltage more or less make 7 % of power.
            assert power_w == pytest.approx(circuit["full_power_w"], rel=0.075)
            assert simulated.inputs()[list(simulated.design.inputs.values()).index(f"contactor_feedback_{number + 1}")]
            lit += 1
    assert lit >= SMALL.cabinets


def test_the_gateway_makes_of_a_loop_what_the_transducer_made_of_the_quantity(city: Path) -> None:
    world = World(load_config(city / "simulator.yaml"), 0.0)
    cabinet = world.cabinets["c-001"]
    cabinet.earth_leak_ma, cabinet.daylight, cabinet.temperature_c = 150.0, 0.001, 41.5
    agent = yaml.safe_load((city / "gateways" / "gw-001" / "agent.yaml").read_text(encoding="utf-8"))
    (device,) = [one for one in agent["devices"] if one["id"] == "analog"]
    analog = world.stations["c-001/analog"].device
    found = {}
    for number, (key, name) in enumerate(device["names"].items()):
        (word,) = analog.read_words(4, number, 1, 0.0)
        found[name] = word * 1e-6 * device["adjust"][key]["scale"] + device["adjust"][key]["offset"]
    assert found == {
        "leakage": pytest.approx(0.150, abs=2e-4),
        "pilot_voltage": pytest.approx(12.0, abs=2e-3),
        "illuminance": pytest.approx(min(cabinet.lux(), 2000.0), abs=0.2),
        "temperature": pytest.approx(41.5, abs=0.01),
        "battery_voltage": pytest.approx(13.6, abs=2e-3),
    }


def test_what_is_never_switched_has_no_relay_that_may_be_written(city: Path) -> None:
    inventory = load_document(city / "city.yaml", City)
    watched = [cabinet for cabinet in inventory.cabinets if not cabinet.is_switched]
    assert {cabinet.cabinet_class for cabinet in watched} == {"traffic_signal", "warning_ac", "warning_solar"}
    for cabinet in watched:
        agent = yaml.safe_load((city / "gateways" / cabinet.gateway / "agent.yaml").read_text(encoding="utf-8"))
        assert "lighting" not in agent
        assert "commands" not in agent
        assert not (city / "keys" / f"{cabinet.gateway}.key").exists()


def test_keys_are_the_owners_alone_and_follow_from_the_seed(city: Path) -> None:
    key = city / "keys" / "gw-001.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert key.read_text("ascii").strip() == laboratory_key(7, "gw-001")
    assert len(bytes.fromhex(laboratory_key(7, "gw-001"))) == 32
    assert laboratory_key(7, "gw-001") != laboratory_key(7, "gw-002") != laboratory_key(8, "gw-002")


def test_the_command_writes_a_city_and_says_what_is_in_it(tmp_path: Path) -> None:
    told = CliRunner().invoke(
        main, ["city", "--cabinets", "3", "--seed", "7", "--out", str(tmp_path / "a"), "--lang", "en"]
    )
    assert told.exit_code == 0, told.output
    assert "5 gateways" not in told.output
    assert "3 lighting cabinets on 2 streets with 88 lamps" in told.output
    as_json = CliRunner().invoke(
        main, ["city", "--cabinets", "3", "--out", str(tmp_path / "b"), "--signals", "0", "--json"]
    )
    assert '"signals": 0' in as_json.output


def test_a_folder_that_is_not_empty_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    for language, words in (("en", "is not empty"), ("vi", "không trống")):
        refused = CliRunner().invoke(
            main, ["city", "--cabinets", "1", "--out", str(tmp_path)], env={"LAMPLIGHTER_LANG": language}
        )
        assert refused.exit_code == 2
        assert words in refused.output
    assert [file.name for file in tmp_path.iterdir()] == ["mine"]


def test_ports_past_the_last_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    folder = tmp_path / "city"
    refused = CliRunner().invoke(main, ["city", "--cabinets", "3", "--first-port", "65534", "--out", str(folder)])
    assert refused.exit_code == 2
    assert not folder.exists()
