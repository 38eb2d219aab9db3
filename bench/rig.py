"""What the benchmarks share: a subscriber that confirms like a collector, and the agent's files."""

from __future__ import annotations

import json
import subprocess
import threading
from pathlib import Path
from typing import Any, Final

import orjson
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from bench.measure import Window, cpu_s, wait_s
from contract.batch import Confirm
from contract.codec import encode
from contract.topics import GatewayTopics
from tests.servers import wait_until

GATEWAY: Final = "gw-bench"


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
            count = len(orjson.loads(message.payload)["values"])
        else:
            # Not decode_batch: checking a million values a second would take a core from those who are measured.
            batch = orjson.loads(message.payload)
            count = sum(
                len(column) - column.count(None)
                for device, columns in batch["d"].items()
                if device not in {"agent", "control"}
                for column in columns["m"].values()
            )
            confirm = Confirm.of({batch["epoch"]: {batch["seq"]}})
            client.publish(GatewayTopics(GATEWAY).confirm, encode(confirm), qos=1)
        with self.lock:
            self.points += count

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


def measured(process: subprocess.Popen[str], subscriber: Subscriber, warm_up_s: float, window_s: float) -> Window:
    """Return what the process cost over one window after its warm-up, which begins when its first points arrive."""
    begun = subscriber.points
    # On a busy machine an agent takes longer to start than it takes to warm up, and starting is not what is measured.
    wait_until(lambda: subscriber.points > begun, 60, "the first points")
    wait_s(warm_up_s)
    cpu, points = cpu_s(process.pid), subscriber.points
    wait_s(window_s)
    return Window(window_s, cpu_s(process.pid) - cpu, subscriber.points - points)


def agent_files(
    folder: Path, mqtt_port: int, registers: int, interval_s: float, lines: list[dict[str, Any]], units: int = 1
) -> Path:
    """Write a profile of n registers and the configuration of an agent with `units` devices on each line."""
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
        "lines": lines,
        "devices": [
            {"id": f"dev-{line['id']}-{unit}", "profile": "./registers.yaml", "line": line["id"], "unit": unit}
            for line in lines
            for unit in range(1, units + 1)
        ],
    }
    # JSON is YAML: the loader reads it as such.
    (folder / "registers.yaml").write_text(json.dumps(profile))
    path = folder / "agent.yaml"
    path.write_text(json.dumps(config))
    return path
