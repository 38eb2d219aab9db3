"""Simulator, broker, database, collector and agent as real processes, and a ledger outside all of them.

The ledger is the simulator's journal: every answered read, written before its answer reaches the wire. Each device
counts its reads in its registers, so a stored row names the very read that it came from.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from tests.servers import Influx, Mosquitto
from tests.servers.waiting import free_port, wait_until

GATEWAY: Final = "gw-chain"
DATABASE: Final = "telemetry"
REGISTERS: Final = 10
COMMIT_INTERVAL_S: Final = 0.2
UNCOMMITTED_S: Final = 2.0
"""What a kill of the agent may cost: readings that were not committed yet, and the poll under way."""

StoreKind = Literal["influxdb1", "sqlite"]


class Program:
    """One of our own commands as a process that can be killed and started again."""

    def __init__(self, name: str, folder: Path, *arguments: str) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self.arguments = arguments
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *self.arguments], stdout=log, stderr=log, start_new_session=True
            )

    def kill9(self) -> None:
        assert self.process is not None
        assert self.process.poll() is None, f"{self.name} ended by itself: {self.log.read_text()[-2000:]}"
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """End by SIGTERM; return the exit code."""
        if self.process is None or self.process.poll() is not None:
            return self.process.returncode if self.process else 0
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a comparison of journal and store found."""

    served: int
    stored: int
    lost: int
    duplicates: int
    changed: int


@dataclass(slots=True)
class Chain:
    """Everything between a register and the store."""

    folder: Path
    broker: Mosquitto
    influx: Influx | None
    devices: int = 8
    interval_s: float = 0.1
    agent_kills_ms: list[int] = field(default_factory=list)
    programs: dict[str, Program] = field(default_factory=dict)

    def start(self) -> None:
        """Write all files and start all processes; return when readings are stored."""
        self.folder.mkdir(parents=True, exist_ok=True)
        port = free_port()
        self._write("sim.yaml", self._simulator(port))
        self._write("registers.yaml", _profile())
        self._write("agent.yaml", self._agent(port))
        self._write("city.yaml", _city())
        self._write("collector.yaml", self._collector())
        folder = self.folder
        self.programs = {
            "simulator": Program(
                "simulator", folder, "firmware_sim", "run", str(folder / "sim.yaml"),
                "--journal", str(folder / "journal.jsonl"), "--ready-file", str(folder / "ready"),
            ),
            "collector": Program("collector", folder, "collector", "run", "--config", str(folder / "collector.yaml")),
            "agent": Program("agent", folder, "edge_agent", "run", "--config", str(folder / "agent.yaml")),
        }  # fmt: skip
        self.programs["simulator"].start()
        wait_until((folder / "ready").exists, 20, "the simulated devices")
        self.programs["collector"].start()
        self.programs["agent"].start()
        wait_until(lambda: self.readings_served() > 0, 20, "the first poll")

    def stop(self) -> None:
        """Stop our own processes."""
        for name in ("agent", "collector", "simulator"):
            if name in self.programs:
                self.programs[name].stop()

    def kill_agent(self) -> None:
        """Kill the agent and remember when."""
        self.programs["agent"].kill9()
        self.agent_kills_ms.append(_now_ms())

    def reads_served(self) -> int:
        """Return how many reads the devices have answered."""
        journal = self.folder / "journal.jsonl"
        return journal.read_bytes().count(b"\n") if journal.exists() else 0

    def readings_served(self) -> int:
        """Return how many values that is."""
        return self.reads_served() * REGISTERS

    def wait_reads(self, count: int, timeout_s: float = 60.0) -> None:
        """Return when so many more reads have been answered."""
        target = self.reads_served() + count
        wait_until(lambda: self.reads_served() >= target, timeout_s, f"{count} more reads")

    def agent_status(self) -> dict[str, Any]:
        """Return what `edge-agent status --json` says."""
        return self.command("edge_agent", "status", "--config", str(self.folder / "agent.yaml"))

    def command(self, *arguments: str) -> dict[str, Any]:
        """Return what one of our commands prints as JSON."""
        result = subprocess.run(
            [sys.executable, "-m", *arguments, "--json"], capture_output=True, check=False, env=dict(os.environ)
        )
        assert result.stdout, result.stderr.decode()[-2000:]
        answer: dict[str, Any] = json.loads(result.stdout)
        return answer

    def wait_delivered(self, until_ms: int, timeout_s: float = 120.0) -> None:
        """Return when the gateway holds nothing that was observed up to a time."""
        # Readings of that moment are committed up to an interval later.
        committed_ms = until_ms + 5 * COMMIT_INTERVAL_S * 1000

        def delivered() -> bool:
            oldest_age_s = self.agent_status()["delivery"]["spool"]["oldest_age_s"]
            now_ms = time.time() * 1000
            oldest_ms = now_ms if oldest_age_s is None else now_ms - float(oldest_age_s) * 1000
            return oldest_ms > committed_ms

        wait_until(delivered, timeout_s, "everything to be confirmed", poll_interval_s=0.2)

    def stored(self) -> list[tuple[str, int, tuple[int, ...]]]:
        """Return (device, milliseconds, values) of every stored row."""
        return self._rows_of_influx() if self.influx else self._rows_of_query()

    def verdict(self, until_ms: int) -> Verdict:
        """Compare what was served with what is stored, up to a time."""
        # The store first: what is served meanwhile is in the journal, and no stored row is without its read.
        rows = [(device, 0, values) for device, _, values in self.stored()]
        served: Counter[tuple[str, int, tuple[int, ...]]] = Counter()
        due: list[tuple[str, int, tuple[int, ...]]] = []
        for line in (self.folder / "journal.jsonl").read_text().splitlines():
            entry = json.loads(line)
            read = (f"dev-{entry['unit']}", 0, tuple(entry["values"]))
            served[read] += 1
            if entry["t"] <= until_ms and not self._was_cut_off(entry["t"]):
                due.append(read)
        found = Counter(rows)
        assert max(served.values()) == 1, "the devices' counters ran over: the ledger cannot tell reads apart"
        return Verdict(
            served=len(due),
            stored=len(rows),
            lost=sum(read not in found for read in due),
            duplicates=sum(count - 1 for count in found.values()),
            changed=sum(read not in served for read in found),
        )

    def _was_cut_off(self, at_ms: int) -> bool:
        return any(kill - UNCOMMITTED_S * 1000 <= at_ms <= kill for kill in self.agent_kills_ms)

    def _rows_of_influx(self) -> list[tuple[str, int, tuple[int, ...]]]:
        assert self.influx is not None
        rows = self.influx.rows("SELECT * FROM meter", database=DATABASE)
        return [
            (row["dev"], row["time"], tuple(int(row[f"r{n}"]) for n in range(REGISTERS)))
            for row in rows
            if all(row.get(f"r{n}") is not None for n in range(REGISTERS))
        ]

    def _rows_of_query(self) -> list[tuple[str, int, tuple[int, ...]]]:
        config = str(self.folder / "collector.yaml")
        answer = self.command("collector", "query", "--config", config, "--last", "1h", "--limit", "1000000")
        values: dict[tuple[str, int], dict[str, int]] = {}
        for row in answer["readings"]:
            if row["dev"].startswith("dev-") and row["value"] is not None:
                values.setdefault((row["dev"], row["ts"]), {})[row["point"]] = int(row["value"])
        return [
            (device, at_ms, tuple(point[f"r{n}"] for n in range(REGISTERS)))
            for (device, at_ms), point in values.items()
        ]

    def _write(self, name: str, document: dict[str, Any]) -> None:
        # JSON is YAML: the loader reads it as such.
        (self.folder / name).write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")

    def _simulator(self, port: int) -> dict[str, Any]:
        return {
            "lines": [{"id": "lan", "kind": "tcp", "port": port}],
            "devices": [{"id": "counter", "kind": "counter", "line": "lan", "unit": 1, "count": self.devices}],
        }

    def _agent(self, port: int) -> dict[str, Any]:
        return {
            "gateway": GATEWAY,
            "state_dir": str(self.folder / "agent"),
            "runtime_dir": str(self.folder),
            "mqtt": {"host": "127.0.0.1", "port": self.broker.port},
            "clock": {"require_sync": False},
            "intervals": {"normal_s": self.interval_s},
            "spool": {"commit_interval_s": COMMIT_INTERVAL_S},
            "lines": [{"id": "lan", "kind": "tcp", "host": "127.0.0.1", "port": port}],
            "devices": [
                {"id": f"dev-{unit}", "profile": "./registers.yaml", "line": "lan", "unit": unit}
                for unit in range(1, self.devices + 1)
            ],
        }

    def _collector(self) -> dict[str, Any]:
        store: dict[str, Any] = {"kind": "sqlite"}
        if self.influx:
            store = {"kind": "influxdb1", "url": self.influx.url, "database": DATABASE, "timeout_s": 3}
        return {
            "city_file": "city.yaml",
            "state_dir": str(self.folder / "collector-state"),
            "mqtt": {"host": "127.0.0.1", "port": self.broker.port},
            "store": store,
            # Few, so that an outage of the database really leaves its backlog on the gateway's disk.
            "limits": {"store_batches": 10},
        }


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _profile() -> dict[str, Any]:
    return {
        "profile": "registers",
        "version": "1",
        "device_class": "meter",
        "en": "registers",
        "vi": "thanh ghi",
        "source": {"manual": "firmware_sim counter", "page": "1", "origin": "composed", "verified_by": "code"},
        "points": [
            {"key": f"r{n}", "en": f"r{n}", "vi": f"r{n}", "table": "holding", "address": n, "type": "uint16"}
            for n in range(REGISTERS)
        ],
    }


def _city() -> dict[str, Any]:
    return {
        "city": "Chain",
        "place": {"latitude": 13.983, "longitude": 108.0, "timezone": "Asia/Ho_Chi_Minh"},
        "crews": [{"id": "crew-1", "name": "Đội 1"}],
    }
