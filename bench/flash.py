"""What one cabinet writes to its flash: a relay board and two power meters at default intervals, one line on TCP.

`python -m bench.flash [SECONDS [COMMIT_INTERVAL_S]]`. Two runs, the centre confirming and the centre away, since a
batch that is confirmed soon costs its page of the log alone. The simulated meters have noise, so that values change as
in the street.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from bench.measure import commits, running, wait_s, written_mb
from bench.rig import GATEWAY, Subscriber
from config.agent import SpoolLimits
from tests.servers import Mosquitto
from tests.servers.waiting import free_port, wait_until

WARM_UP_S: Final = 20
WINDOW_S: Final = 120.0
DAY_S: Final = 86_400


def simulator(port: int) -> dict[str, Any]:
    """Return a cabinet by day and by night: three circuits, noise in every reading."""
    circuits = [
        {"id": name, "phase": phase, "contactor": 1, "lamps": 24, "lamp_power_w": 170}
        for phase, name in enumerate("ABC", start=1)
    ]
    devices = [
        {"kind": "sdm630", "line": "tcp-1", "unit": 1},
        {"kind": "waveshare-relay-d", "line": "tcp-1", "unit": 2},
        {"kind": "sdm630", "id": "second", "line": "tcp-1", "unit": 3},
    ]
    return {
        "place": {"latitude": 13.983, "longitude": 108.0},
        "lines": [{"id": "tcp-1", "kind": "tcp", "host": "127.0.0.1", "port": port}],
        "cabinets": [{"id": "c-1", "noise": 0.01, "circuits": circuits, "devices": devices}],
    }


def agent(folder: Path, port: int, mqtt_port: int, commit_interval_s: float) -> Path:
    """Write the agent's files; nothing else that costs writes is set, so the defaults count."""
    (folder / "schedule.yaml").write_text("periods: [{on: sunset, off: sunrise}]\n")
    config = {
        "gateway": GATEWAY,
        "place": {"latitude": 13.983, "longitude": 108.0, "timezone": "Asia/Ho_Chi_Minh"},
        "state_dir": str(folder / "state"),
        "runtime_dir": str(folder / "run"),
        "mqtt": {"host": "127.0.0.1", "port": mqtt_port},
        "clock": {"require_sync": False},
        "spool": {"commit_interval_s": commit_interval_s},
        "lines": [{"id": "tcp-1", "kind": "tcp", "host": "127.0.0.1", "port": port}],
        "devices": [
            {"id": "meter-1", "profile": "eastron-sdm630", "line": "tcp-1", "unit": 1},
            {"id": "meter-2", "profile": "eastron-sdm630", "line": "tcp-1", "unit": 3},
            {"id": "relay", "profile": "waveshare-relay-d", "line": "tcp-1", "unit": 2, "names": {"di1": "mains_ok"}},
        ],
        "commands": {"allow": [{"point": "relay/k1"}]},
        "lighting": {"schedule_file": "schedule.yaml", "outputs": ["relay/k1"]},
    }
    path = folder / "agent.yaml"
    path.write_text(json.dumps(config))
    return path


def written(folder: Path, port: int, mqtt_port: int, window_s: float, commit_interval_s: float) -> dict[str, float]:
    """Return what one agent wrote in a window, by day."""
    folder.mkdir()
    with running(
        ["-m", "edge_agent", "run", "--config", str(agent(folder, port, mqtt_port, commit_interval_s))], folder / "log"
    ) as process:
        wait_s(WARM_UP_S)
        mb, count = written_mb(process.pid), commits(folder)
        wait_s(window_s)
        mb, count = written_mb(process.pid) - mb, commits(folder) - count
    return {"mb_a_day": mb * DAY_S / window_s, "commits_a_day": count * DAY_S / window_s}


def run(window_s: float = WINDOW_S, commit_interval_s: float = SpoolLimits().commit_interval_s) -> dict[str, Any]:
    """Return MB and commits a day, with a centre that confirms and without."""
    with tempfile.TemporaryDirectory(prefix="bench.") as name, Mosquitto(Path(name) / "broker") as broker:
        folder, port = Path(name), free_port()
        (folder / "sim.yaml").write_text(json.dumps(simulator(port)))
        control = folder / "sim.sock"
        arguments = ["-m", "firmware_sim", "run", str(folder / "sim.yaml"), "--control", str(control)]
        with running(arguments, folder / "sim.log"):
            wait_until(control.exists, 15, "the simulated cabinet")
            subscriber = Subscriber(broker.port)
            connected = written(folder / "connected", port, broker.port, window_s, commit_interval_s)
            points_a_second = subscriber.points / (WARM_UP_S + window_s)
            subscriber.close()
            alone = written(folder / "alone", port, free_port(), window_s, commit_interval_s)
    return {
        "devices": 3,
        "window_s": window_s,
        "commit_interval_s": commit_interval_s,
        "points_a_second": points_a_second,
        "confirmed": connected,
        "centre_away": alone,
    }


if __name__ == "__main__":
    print(json.dumps(run(*map(float, sys.argv[1:3])), indent=2))
