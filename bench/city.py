"""A whole city in one process: 261 TCP devices x 60 registers at 1 s, ten x 120 as fast as possible, and latency.

`python -m bench.city [ROUNDS]`. The first two measure against the afternoon script in the same run; the third is the
time from the last byte of a reply to the subscriber, for urgent points that change at every poll.

As fast as possible means for the script: no pause between two reads of a device. For the agent: an interval of 1 ms,
the shortest that it takes, since readings are dated in milliseconds. Neither waits for the other's rate, both meet the
same field and broker, and each pays for all of its own way: read, decode, encode, publish, and of the agent the disk
and the confirms as well. CPU a point is of the process, user and system, over the points that the subscriber got.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Final

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from bench import poll_tcp
from bench.measure import running, wait_s
from bench.rig import GATEWAY, agent_files
from contract.batch import Confirm
from contract.codec import decode_batch, encode
from contract.topics import GatewayTopics
from tests.servers import Mosquitto

CABINETS: Final = 261
FAST_INTERVAL_S: Final = 0.001
LATENCY_WINDOW_S: Final = 30.0


class Stopwatch:
    """Takes the age of each urgent reading as it first arrives, in milliseconds, and confirms its batch."""

    def __init__(self, port: int) -> None:
        self.ages_ms: list[int] = []
        self._seen: set[tuple[str, int]] = set()
        self._lock = threading.Lock()
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, "bench-latency", protocol=mqtt.MQTTv5)
        self.client.on_message = self._take
        self.client.connect("127.0.0.1", port)
        self.client.subscribe(f"city/v1/{GATEWAY}/up/#", qos=1)
        self.client.loop_start()

    def _take(self, client: mqtt.Client, _: object, message: mqtt.MQTTMessage) -> None:
        now_ms = time.time_ns() // 1_000_000
        batch = decode_batch(bytes(message.payload))
        confirm = Confirm.of({batch.epoch: {batch.seq}})
        client.publish(GatewayTopics(GATEWAY).confirm, encode(confirm), qos=1)
        with self._lock:
            if not message.topic.endswith("/event") or (batch.epoch, batch.seq) in self._seen:
                return
            self._seen.add((batch.epoch, batch.seq))
            newest = [columns.t0 + columns.dt[-1] for name, columns in batch.d.items() if name.startswith("dev")]
            self.ages_ms += [now_ms - at_ms for at_ms in newest]

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


def latency() -> dict[str, Any]:
    """Return the median and the 99th percentile of the way from a reply to the subscriber, for urgent points."""
    with tempfile.TemporaryDirectory(prefix="bench.") as name, Mosquitto(Path(name) / "broker") as broker:
        folder = Path(name)
        with running(["-m", "bench.field", "1"], folder / "field.log") as field:
            assert field.stdout
            (port,) = json.loads(field.stdout.readline())
            line = {"id": "line-0", "kind": "tcp", "host": "127.0.0.1", "port": port}
            agent = agent_files(folder, broker.port, 1, 1.0, [line])
            profile = json.loads((folder / "registers.yaml").read_text())
            # It counts seconds, so that every poll at 1 s finds another state.
            profile["points"][0]["urgent"] = True
            (folder / "registers.yaml").write_text(json.dumps(profile))
            watch = Stopwatch(broker.port)
            with running(["-m", "edge_agent", "run", "--config", str(agent)], folder / "agent.log"):
                wait_s(LATENCY_WINDOW_S)
            watch.close()
    ages = sorted(watch.ages_ms)
    return {
        "urgent_readings": len(ages),
        "read_to_mqtt_p50_ms": statistics.median(ages),
        "read_to_mqtt_p99_ms": ages[int(0.99 * (len(ages) - 1))],
        "limit_p50_ms": 5,
    }


def run(rounds: int = 3) -> dict[str, Any]:
    """Return all three."""
    city = poll_tcp.run(rounds, devices=CABINETS)
    fast = poll_tcp.run(rounds, devices=10, registers=120, interval_s=FAST_INTERVAL_S, script_interval_s=0.0)
    return {
        **{f"city_{key}": city[key] for key in ("agent_points_a_second", "points_due_a_second", "ratio", "ratios")},
        "city_agent_rss_mb": city["agent_rss_mb"],
        "limit_city_ratio": 1.5,
        **{f"fast_{key}": fast[key] for key in ("agent_points_a_second", "script_points_a_second", "ratio", "ratios")},
        "limit_fast_ratio": 0.3,
        **latency(),
    }


if __name__ == "__main__":
    print(json.dumps(run(int(sys.argv[1]) if len(sys.argv) > 1 else 3), indent=2))
