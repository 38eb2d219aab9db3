"""50 Modbus TCP devices x 60 registers at 1 s: the edge agent with its disk spool against the afternoon script.

Both run in the same round against the same field and broker; a point counts when the subscriber has it.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from bench.measure import Window, cpu_s, rss_mb, running, wait_s, written_mb
from contract.batch import Confirm
from contract.codec import decode_batch, encode
from contract.topics import GatewayTopics
from tests.servers import Mosquitto

GATEWAY = "gw-bench"
WARM_UP_S = 8
WINDOW_S = 20


class Subscriber:
    """Counts points; of the agent's batches it also confirms each, as a collector would."""

    def __init__(self, port: int) -> None:
        self.points = 0
        self.lock = threading.Lock()
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, "bench", protocol=mqtt.MQTTv5)
        self.client.on_message = self._count
        self.client.connect("127.0.0.1", port)
        self.client.subscribe([("field/#", 1), (f"city/v1/{GATEWAY}/up/#", 1)])
        self.client.loop_start()

    def _count(self, client: mqtt.Client, _: object, message: mqtt.MQTTMessage) -> None:
        if message.topic.startswith("field/"):
            count = len(json.loads(message.payload)["values"])
        else:
            batch = decode_batch(bytes(message.payload))
            count = sum(
                len(column)
                for device, columns in batch.d.items()
                if device.startswith("dev")
                for column in columns.m.values()
            )
            confirm = Confirm.of({batch.epoch: {batch.seq}})
            client.publish(GatewayTopics(GATEWAY).confirm, encode(confirm), qos=1)
        with self.lock:
            self.points += count

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


def measured(process: subprocess.Popen[str], subscriber: Subscriber) -> Window:
    """Return what the process cost over one window after its warm-up."""
    wait_s(WARM_UP_S)
    cpu, points = cpu_s(process.pid), subscriber.points
    wait_s(WINDOW_S)
    return Window(WINDOW_S, cpu_s(process.pid) - cpu, subscriber.points - points)


def agent_files(folder: Path, mqtt_port: int, ports: list[int], registers: int, interval_s: float) -> Path:
    """Write a profile of n registers and an agent's configuration for the field."""
    profile = {
        "profile": "bench-registers",
        "version": "1",
        "device_class": "meter",
        "en": "registers",
        "vi": "thanh ghi",
        "source": {"manual": "bench/field.py", "page": "1", "origin": "composed", "verified_by": "code"},
        "points": [
            {"key": f"r{n}", "en": f"r{n}", "vi": f"r{n}", "table": "holding", "address": n, "type": "uint16"}
            for n in range(registers)
        ],
    }
    config = {
        "gateway": GATEWAY,
        "state_dir": str(folder / "state"),
        "runtime_dir": str(folder / "run"),
        "mqtt": {"port": mqtt_port},
        "clock": {"require_sync": False},
        "intervals": {"normal_s": interval_s},
        "lines": [
            {"id": f"line-{n}", "kind": "tcp", "host": "127.0.0.1", "port": port} for n, port in enumerate(ports)
        ],
        "devices": [
            {"id": f"dev-{n}", "profile": "./registers.yaml", "line": f"line-{n}", "unit": 1} for n in range(len(ports))
        ],
    }
    # JSON is YAML: the loader reads it as such.
    (folder / "registers.yaml").write_text(json.dumps(profile))
    path = folder / "agent.yaml"
    path.write_text(json.dumps(config))
    return path


def run(rounds: int = 3, devices: int = 50, registers: int = 60, interval_s: float = 1.0) -> dict[str, Any]:
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
                "interval_s": interval_s,
                "devices": [
                    {"id": f"dev-{n}", "port": port, "unit": 1, "registers": registers} for n, port in enumerate(ports)
                ],
            }
            (folder / "field.json").write_text(json.dumps(script))
            agent = agent_files(folder, broker.port, ports, registers, interval_s)
            for turn in range(rounds):
                with running(["-m", "bench.afternoon", str(folder / "field.json")], folder / "script.log") as process:
                    results["script"].append(measured(process, subscriber))
                log = folder / f"agent-{turn}.log"
                with running(["-m", "edge_agent", "run", "--config", str(agent)], log) as process:
                    before = None
                    results["agent"].append(measured(process, subscriber))
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
