"""From the operator's words to a proved contactor and back: collector, agent, broker and simulated cabinet."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from firmware_sim.app import Simulator, running
from firmware_sim.city.files import CityOptions, write_city
from firmware_sim.city.names import names
from firmware_sim.city.plan import numbers_for, plan_city
from firmware_sim.scenario import load_config
from tests.servers import Mosquitto
from tests.system.lights_rig import Centre, account, until
from tests.system.test_sim_city_read import consecutive_ports

pytestmark = pytest.mark.system
CHOSEN = ("--cabinet", "c-001", "--yes-count", "1")
OVERRIDE = (*CHOSEN, "--for", "1h", "--reason", "trial")
DARK = """\
name: dark
programs: [{id: dark, periods: []}]
default: dark
"""


class City(Centre):
    """The centre of a written city, whose files are there already."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "collector.log"
        self.config_file = folder / "collector.yaml"
        self._running = None

    def lit(self) -> str:
        """Return the proved states of circuits A, B and C, such as `110`."""
        control = self.json("lights", "status", "--cabinet", "c-001")["cabinets"][0]["control"]
        return "".join(str(int(control.get(f"actual_{name}", 9))) for name in "abc")

    def standing(self) -> str:
        return str(self.json("lights", "calendar", "status", "--cabinet", "c-001")["gateways"][0]["standing"])


@contextmanager
def agent(folder: Path) -> Iterator[None]:
    with (folder / "agent.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "edge_agent", "run", "--config", str(folder / "agent.yaml")],
            stdout=log,
            stderr=log,
            env=os.environ | {"LAMPLIGHTER_LANG": "en"},
        )
    try:
        yield
    finally:
        process.terminate()
        process.wait(20)


def test_the_whole_way_of_a_command_and_of_a_calendar(mosquitto: Mosquitto, short_path: Path) -> None:
    folder = short_path / "city"
    plan = plan_city(numbers_for(1, alley_lamps=0, signals=1, warnings=0), 1, names())
    ports = consecutive_ports(len(plan.sites))
    write_city(plan, folder, CityOptions(first_port=ports, mqtt_port=mosquitto.port, account=account(), fast_s=0.3))
    gateway = folder / "gateways" / "gw-001"
    configured = (gateway / "agent.yaml").read_text("utf-8")
    pace = "lighting:\n  start_wait_s: 0\n  stagger_s: 0.2\n"
    (gateway / "agent.yaml").write_text(configured.replace("lighting:\n", pace), "utf-8")
    centre = City(folder)
    try:
        with running(Simulator(load_config(folder / "simulator.yaml"))) as simulator:
            cabinet = simulator.world.cabinets["c-001"]
            centre.start()
            with agent(gateway):
                centre.wait_online(1)

                code, output = centre.run("lights", "on", *OVERRIDE)
                assert (code, "done at all 1" in output) == (0, True), output
                assert [cabinet.contactor_closed(number) for number in (1, 2, 3)] == [True] * 3
                until(lambda: centre.lit() == "111", "the proved state at the centre")

                cabinet.contactors[2] = "welded"
                code, output = centre.run("lights", "off", *OVERRIDE)
                assert (code, "C: contactor did not open" in output) == (1, True), output
                until(lambda: centre.lit() == "001", "the welded contactor at the centre")
                cabinet.contactors[2] = "sound"

                (folder / "dark.yaml").write_text(DARK, "utf-8")
                assert centre.run("lights", "release", *CHOSEN)[0] == 0
                code, output = centre.run(
                    "lights", "calendar", "publish", str(folder / "dark.yaml"), *CHOSEN, "--reason", "trial"
                )
                assert code == 0, output
                until(lambda: centre.standing() == "applied", "the calendar applied")
                until(lambda: centre.lit() == "000", "a dark night by the calendar")
                nights = centre.json("lights", "plan", "--cabinet", "c-001")["cabinets"][0]
                assert (nights["calendar"], nights["nights"][0]["steps"]) == ("dark", [])

            order = centre.json("lights", "on", *OVERRIDE, "--no-wait")
            assert order["counts"]["waiting"] == 1
            with agent(gateway):
                code, output = centre.run("lights", "show", order["order"])
                assert (code, "done at all 1" in output) == (0, True), output
                # The gateway kept the calendar, and the override stands above it.
                assert centre.standing() == "applied"
                until(lambda: centre.lit() == "111", "lit above a dark calendar")
    finally:
        centre.kill()
