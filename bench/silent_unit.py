"""What silent devices cost the others: one of twelve units on a 9600 baud line, five of 50 on TCP.

The line: 20 registers a unit, as fast as possible; the share of the wire's limit that good values reach at the
subscriber, of the script and of the agent. The limit is that of `bench/wire_rtu.py`: 8 + 5 + 2n characters of 10 bits
and two gaps of 3.5 characters a read. TCP: 60 registers a device at 1 s; the 45 others' values a second and the p99 of
how far two of their readings are from a second apart, with five silent devices against none, in turns.

    python -m bench.silent_unit [ROUNDS [WINDOW_S]]
"""

from __future__ import annotations

import itertools
import json
import math
import statistics
import sys
import tempfile
import threading
from collections import defaultdict
from pathlib import Path
from typing import Any, Final

import paho.mqtt.client as mqtt

from bench.measure import running, wait_s
from bench.rig import GATEWAY, Subscriber, agent_files
from contract.batch import Confirm
from contract.codec import decode_batch, encode
from contract.topics import GatewayTopics
from tests.servers import Mosquitto
from tests.servers.waiting import wait_until

BAUD: Final = 9600
UNITS: Final = 12
REGISTERS: Final = 20
SILENT_UNIT: Final = 7
DEVICES: Final = 50
SILENT_DEVICES: Final = 5
DEVICE_REGISTERS: Final = 60
LIMIT_SHARE: Final = 0.90
LIMIT_JITTER: Final = 1.2
RESOLUTION_MS: Final = 1
"""Times of readings are whole milliseconds: a p99 cannot be told from one that is a millisecond off."""
SET_ASIDE_S: Final = 15
"""Until a silent device is set aside: three failures in 5 s, and what the start takes."""


class GoodValues(Subscriber):
    """Counts values alone, not what is BAD, and keeps when each device was read."""

    def __init__(self, port: int) -> None:
        self.read_ms: dict[str, list[int]] = defaultdict(list)
        self.keeping = threading.Event()
        super().__init__(port)

    def _count(self, client: mqtt.Client, _: object, message: mqtt.MQTTMessage) -> None:
        if message.topic.startswith("field/"):
            count = len(json.loads(message.payload)["values"])
        else:
            count = self._of_batch(client, bytes(message.payload))
        with self.lock:
            self.points += count

    def _of_batch(self, client: mqtt.Client, payload: bytes) -> int:
        batch = decode_batch(payload)
        client.publish(GatewayTopics(GATEWAY).confirm, encode(Confirm.of({batch.epoch: {batch.seq}})), qos=1)
        count = 0
        for device, columns in batch.d.items():
            if not device.startswith("dev"):
                continue
            count += sum(value is not None for column in columns.m.values() for value in column)
            if self.keeping.is_set():
                first = next(iter(columns.m.values()))
                rows = zip(columns.dt, first, strict=True)
                self.read_ms[device] += [columns.t0 + offset for offset, value in rows if value is not None]
        return count


def limit_points_a_second() -> float:
    """Return the most points a second that the wire can carry."""
    return REGISTERS / ((8 + 5 + 2 * REGISTERS + 2 * 3.5) * 10 / BAUD)


def serial_shares(folder: Path, broker: Mosquitto, window_s: float) -> dict[str, float]:
    """Return the share of the wire's limit of the script and of the agent, one unit of the line silent."""
    units = [(1, SILENT_UNIT - 1, 0.0), (SILENT_UNIT, 1, 1.0), (SILENT_UNIT + 1, UNITS - SILENT_UNIT, 0.0)]
    simulator = {
        "lines": [{"id": "bus", "kind": "rtu", "link": str(folder / "bus"), "baud": BAUD}],
        "devices": [
            {"id": f"unit-{first}", "kind": "counter", "line": "bus", "unit": first, "count": count, "missing": missing}
            for first, count, missing in units
        ],
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
    line = {"id": "bus", "kind": "serial", "port": str(folder / "bus"), "baud": BAUD}
    agent = agent_files(folder, broker.port, REGISTERS, 0.01, [line], UNITS)
    control = folder / "sim.sock"
    arguments = ["-m", "firmware_sim", "run", str(folder / "sim.yaml"), "--control", str(control)]
    shares: dict[str, float] = {}
    with running(arguments, folder / "sim.log"):
        wait_until(control.exists, 15, "the simulated line")
        subscriber = GoodValues(broker.port)
        for who, command in (
            ("script", ["-m", "bench.afternoon", str(folder / "field.json")]),
            ("agent", ["-m", "edge_agent", "run", "--config", str(agent)]),
        ):
            with running(command, folder / f"{who}.log"):
                wait_s(SET_ASIDE_S)
                before = subscriber.points
                wait_s(window_s)
                shares[who] = (subscriber.points - before) / window_s / limit_points_a_second()
            wait_s(1)
        subscriber.close()
    return shares


def jitter_p99_ms(read_ms: dict[str, list[int]], devices: int, interval_ms: int = 1000) -> float:
    """Return how far 99 of 100 intervals between two readings of a device are from the due one, at most, in ms."""
    away = sorted(
        abs(later - earlier - interval_ms)
        for device, times in read_ms.items()
        if int(device.split("-")[2]) < devices
        for earlier, later in itertools.pairwise(sorted(times))
    )
    return float(away[math.ceil(0.99 * len(away)) - 1]) if away else math.nan


def tcp_turn(folder: Path, broker: Mosquitto, silent: int, window_s: float) -> tuple[float, float]:
    """Return the values a second of the devices that always answer, and the p99 of their jitter in ms."""
    always = DEVICES - SILENT_DEVICES
    with running(["-m", "bench.field", str(DEVICES), str(silent)], folder / "field.log") as field:
        assert field.stdout
        ports = json.loads(field.stdout.readline())
        lines = [{"id": f"line-{n}", "kind": "tcp", "host": "127.0.0.1", "port": port} for n, port in enumerate(ports)]
        agent = agent_files(folder, broker.port, DEVICE_REGISTERS, 1.0, lines)
        subscriber = GoodValues(broker.port)
        with running(["-m", "edge_agent", "run", "--config", str(agent)], folder / f"agent-{silent}.log"):
            wait_s(SET_ASIDE_S)
            subscriber.keeping.set()
            wait_s(window_s)
            subscriber.keeping.clear()
        subscriber.close()
    times = {device: read for device, read in subscriber.read_ms.items() if int(device.split("-")[2]) < always}
    spans = [(max(read) - min(read)) / 1000 for read in times.values() if len(read) > 1]
    reads = sum(len(read) - 1 for read in times.values())
    values_a_second = reads * DEVICE_REGISTERS / statistics.mean(spans) if spans else 0.0
    return values_a_second, jitter_p99_ms(times, always)


def run(rounds: int = 3, window_s: float = 60.0) -> dict[str, Any]:
    """Return both figures with their limits."""
    turns: dict[int, list[tuple[float, float]]] = {0: [], SILENT_DEVICES: []}
    with tempfile.TemporaryDirectory(prefix="bench.") as name, Mosquitto(Path(name) / "broker") as broker:
        shares = serial_shares(Path(name), broker, window_s)
        for number in range(2 * rounds):
            silent = SILENT_DEVICES if number % 2 else 0
            folder = Path(name) / f"tcp-{number}"
            folder.mkdir()
            turns[silent].append(tcp_turn(folder, broker, silent, window_s / 2))
    rate = {silent: statistics.median(values for values, _ in turns[silent]) for silent in turns}
    jitter = {silent: statistics.median(p99 for _, p99 in turns[silent]) for silent in turns}
    return {
        "units": UNITS,
        "registers": REGISTERS,
        "script_share_of_wire": shares["script"],
        "agent_share_of_wire": shares["agent"],
        "limit_share_of_wire": LIMIT_SHARE,
        "tcp_values_a_second": rate,
        "tcp_rate_ratio": rate[SILENT_DEVICES] / rate[0],
        "limit_rate_ratio": 0.99,
        "tcp_jitter_p99_ms": jitter,
        "tcp_jitter_ratio": jitter[SILENT_DEVICES] / max(jitter[0], RESOLUTION_MS),
        "limit_jitter_ratio": LIMIT_JITTER,
        "tcp_turns": turns,
    }


if __name__ == "__main__":
    arguments = sys.argv[1:]
    result = run(*map(int, arguments[:1]), *map(float, arguments[1:2]))
    sys.stdout.write(json.dumps(result, indent=2) + "\n")
