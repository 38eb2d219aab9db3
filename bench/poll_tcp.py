"""50 Modbus TCP devices x 60 registers at 1 s: the edge agent with its disk spool against the afternoon script.

Both run in the same round against the same field and broker; a point counts when the subscriber has it.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from bench.measure import Window, rss_mb, running, wait_s, written_mb
from bench.rig import Subscriber, agent_files, measured
from tests.servers import Mosquitto

WARM_UP_S: Final = 8
WINDOW_S: Final = 20


def run(
    rounds: int = 3,
    devices: int = 50,
    registers: int = 60,
    interval_s: float = 1.0,
    script_interval_s: float | None = None,
) -> dict[str, Any]:
    """Return medians over the rounds, and the ratio of each round."""
    results: dict[str, list[Window]] = {"script": [], "agent": []}
    memory: list[float] = []
    flash_mb_a_day: list[float] = []
    with tempfile.TemporaryDirectory(prefix="bench.") as name, Mosquitto(Path(name) / "broker") as broker:
        folder = Path(name)
        with running(["-m", "bench.field", str(devices)], folder / "field.log") as field:
            assert field.stdout
            ports = json.loads(field.stdout.readline())
            subscriber = Subscriber(broker.port)
            script = {
                "mqtt_port": broker.port,
                "interval_s": interval_s if script_interval_s is None else script_interval_s,
                "devices": [
                    {"id": f"dev-{n}", "port": port, "unit": 1, "registers": registers} for n, port in enumerate(ports)
                ],
            }
            (folder / "field.json").write_text(json.dumps(script))
            lines = [
                {"id": f"line-{n}", "kind": "tcp", "host": "127.0.0.1", "port": port} for n, port in enumerate(ports)
            ]
            agent = agent_files(folder, broker.port, registers, interval_s, lines)
            for turn in range(rounds):
                with running(["-m", "bench.afternoon", str(folder / "field.json")], folder / "script.log") as process:
                    results["script"].append(measured(process, subscriber, WARM_UP_S, WINDOW_S))
                log = folder / f"agent-{turn}.log"
                with running(["-m", "edge_agent", "run", "--config", str(agent)], log) as process:
                    results["agent"].append(measured(process, subscriber, WARM_UP_S, WINDOW_S))
                    memory.append(rss_mb(process.pid))
                    before = written_mb(process.pid)
                    wait_s(5)
                    flash_mb_a_day.append((written_mb(process.pid) - before) * 86_400 / 5)
            subscriber.close()
    ratios = [a.cpu_us_a_point / s.cpu_us_a_point for a, s in zip(results["agent"], results["script"], strict=True)]
    return {
        "devices": devices,
        "registers": registers,
        "interval_s": interval_s,
        "rounds": rounds,
        "points_due_a_second": devices * registers / interval_s,
        "script_points_a_second": statistics.median(w.points / w.seconds for w in results["script"]),
        "agent_points_a_second": statistics.median(w.points / w.seconds for w in results["agent"]),
        "script_cpu_us_a_point": statistics.median(w.cpu_us_a_point for w in results["script"]),
        "agent_cpu_us_a_point": statistics.median(w.cpu_us_a_point for w in results["agent"]),
        "ratio": statistics.median(ratios),
        "ratios": ratios,
        "agent_rss_mb": max(memory),
        "agent_written_mb_a_day": statistics.median(flash_mb_a_day),
        "limit_ratio": 2.0,
        "limit_rss_mb": 60,
    }


if __name__ == "__main__":
    print(json.dumps(run(rounds=int(sys.argv[1]) if len(sys.argv) > 1 else 3), indent=2))
