"""One RS-485 line at 9600 baud 8N1, 10 units x 40 registers as fast as possible: the share of the wire's limit.

The limit: 8 + 5 + 2n characters of 10 bits and two gaps of 3.5 characters a read. The simulated line keeps the
wire's time and counts requests that begin inside the gap.
"""

from __future__ import annotations

import json
import socket
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from bench.measure import running, wait_s
from bench.rig import Subscriber, agent_files, measured
from tests.servers import Mosquitto
from tests.servers.waiting import wait_until

BAUD: Final = 9600
UNITS: Final = 10
REGISTERS: Final = 40
WARM_UP_S: Final = 10
WINDOW_S: Final = 30


def limit_points_a_second() -> float:
    """Return the most points a second that the wire can carry."""
    characters = 8 + 5 + 2 * REGISTERS + 2 * 3.5
    return REGISTERS / (characters * 10 / BAUD)


def line_counters(control: Path) -> dict[str, Any]:
    """Return what the simulated line has counted."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(control))
        connection.sendall(b'{"do":"status"}\n')
        answer = json.loads(connection.makefile().readline())
    counters: dict[str, Any] = answer["lines"]["bus"]
    return counters


def run() -> dict[str, Any]:
    """Return share of the wire and early requests of the script and of the agent, in one run."""
    result: dict[str, Any] = {
        "baud": BAUD,
        "units": UNITS,
        "registers": REGISTERS,
        "limit_points_a_second": limit_points_a_second(),
    }
    with tempfile.TemporaryDirectory(prefix="bench.") as name, Mosquitto(Path(name) / "broker") as broker:
        folder = Path(name)
        simulator = {
            "lines": [{"id": "bus", "kind": "rtu", "link": str(folder / "bus"), "baud": BAUD}],
            "devices": [{"id": "unit", "kind": "counter", "line": "bus", "unit": 1, "count": UNITS}],
        }
        (folder / "sim.yaml").write_text(json.dumps(simulator))
        script = {
            "mqtt_port": broker.port,
            "interval_s": 0.0,
            "baud": BAUD,
            "devices": [
                {"id": f"dev-{unit}", "tty": str(folder / "bus"), "unit": unit, "registers": REGISTERS}
                for unit in range(1, UNITS + 1)
            ],
        }
        (folder / "field.json").write_text(json.dumps(script))
        line = {"id": "bus", "kind": "serial", "port": str(folder / "bus"), "baud": BAUD, "timeout_s": 1.0}
        agent = agent_files(folder, broker.port, REGISTERS, 0.01, [line], UNITS)
        control = folder / "sim.sock"
        arguments = ["-m", "firmware_sim", "run", str(folder / "sim.yaml"), "--control", str(control)]
        with running(arguments, folder / "sim.log"):
            wait_until(control.exists, 15, "the simulated line")
            subscriber = Subscriber(broker.port)
            for who, command in (
                ("script", ["-m", "bench.afternoon", str(folder / "field.json")]),
                ("agent", ["-m", "edge_agent", "run", "--config", str(agent)]),
            ):
                before = line_counters(control)
                with running(command, folder / f"{who}.log") as process:
                    window = measured(process, subscriber, WARM_UP_S, WINDOW_S)
                    after = line_counters(control)
                requests = after["requests"] - before["requests"]
                result[f"{who}_share_of_wire"] = window.points / window.seconds / limit_points_a_second()
                result[f"{who}_early_requests"] = after["early_requests"] - before["early_requests"]
                result[f"{who}_requests"] = requests
                result[f"{who}_cpu_us_a_point"] = window.cpu_us_a_point
                wait_s(1)
            subscriber.close()
    result["limit_share_of_wire"] = 0.98
    result["limit_early_requests"] = 0
    return result


if __name__ == "__main__":
    sys.stdout.write(json.dumps(run(), indent=2) + "\n")
