"""`collector run` as a process: its signals, its service manager, its rivals, its end by kill -9."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.servers import Mosquitto, free_port, wait_until
from tests.system.collector_rig import FakeGateway, Rig

KILLS = 5


class Process:
    """A collector's files, and the process that runs on them."""

    def __init__(self, folder: Path, port: int, **config: Any) -> None:
        self.folder = folder
        self.log = folder / "collector.log"
        self.config_file = folder / "collector.yaml"
        crews = [{"id": "night", "name": "Tổ đêm"}]
        place = {"latitude": 13.98, "longitude": 108.0, "timezone": "Asia/Ho_Chi_Minh"}
        (folder / "city.yaml").write_text(json.dumps({"city": "Pleiku", "place": place, "crews": crews}), "utf-8")
        document = {
            "name": f"process-{port}-{folder.name[-12:].strip('_').replace('_', '-')}",
            "city_file": "city.yaml",
            "state_dir": "state",
            "mqtt": {"host": "127.0.0.1", "port": port},
        }
        self.config_file.write_text(json.dumps(document | config), "utf-8")
        self.running: subprocess.Popen[bytes] | None = None

    def start(self, **environment: str) -> None:
        with self.log.open("ab") as log:
            self.running = subprocess.Popen(
                [sys.executable, "-m", "collector", "run", "--config", str(self.config_file)],
                stdout=log,
                stderr=log,
                env=os.environ | environment,
            )

    def end(self, number: signal.Signals) -> int:
        assert self.running is not None
        assert self.running.poll() is None, self.log.read_text()[-2000:]
        self.running.send_signal(number)
        return self.running.wait(30)

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text("utf-8").splitlines() if line.startswith("{")]

    def command(self, *arguments: str) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-m", "collector", arguments[0], "--config", str(self.config_file), *arguments[1:]],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"LAMPLIGHTER_LANG": "en"},
        )
        return done.returncode, done.stdout + done.stderr

    def values(self) -> list[float]:
        connection = sqlite3.connect(self.folder / "state" / "samples.db")
        try:
            return [value for (value,) in connection.execute("SELECT v FROM sample ORDER BY v")]
        finally:
            connection.close()


@pytest.fixture
def process(mosquitto: Mosquitto, tmp_path: Path) -> Iterator[Process]:
    made = Process(tmp_path, mosquitto.port)
    yield made
    if made.running is not None and made.running.poll() is None:
        made.running.kill()
        made.running.wait()


def test_five_kills_at_random_phase_lose_nothing_and_store_nothing_twice(
    mosquitto: Mosquitto, process: Process
) -> None:
    rng = random.Random(16)
    with FakeGateway(mosquitto, "gw-kill9") as gateway:
        process.start()
        for _ in range(KILLS):
            enough = len(gateway.confirmed) + rng.randint(20, 60)
            while len(gateway.confirmed) < enough:
                seq = gateway.read([float(gateway.seq * 10 + n) for n in range(6)])
                gateway.publish("up/live", gateway.spool[seq])
                if gateway.seq % 20 == 0:
                    gateway.send(tail="up/history", most=100)
                gateway.settle()
            assert process.end(signal.SIGKILL) == -signal.SIGKILL
            kept = set(process.values())
            assert all(float((seq - 1) * 10 + n) in kept for seq in gateway.confirmed for n in range(6))
            process.start()
        while gateway.seq < 400:
            gateway.read([float(gateway.seq * 10 + n) for n in range(6)])
        gateway.wait_confirmed()
        assert process.end(signal.SIGTERM) == 0
        assert process.values() == [float(seq * 10 + n) for seq in range(gateway.seq) for n in range(6)]
        assert gateway.seq * 6 >= 2000


def test_the_service_manager_is_told_when_it_is_ready_alive_and_ending(process: Process) -> None:
    address = process.folder / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(address))
        manager.settimeout(20)
        process.start(NOTIFY_SOCKET=str(address), WATCHDOG_USEC="200000")
        told = [manager.recv(100).decode() for _ in range(4)]
        assert told.count("READY=1") == 1
        assert told.count("WATCHDOG=1") == 3
        assert process.end(signal.SIGTERM) == 0
        manager.settimeout(0.1)
        rest: list[str] = []
        while "STOPPING=1" not in rest:
            rest.append(manager.recv(100).decode())


def test_a_second_collector_on_the_same_folder_is_refused(process: Process) -> None:
    process.start()
    wait_until(lambda: "collector started" in process.log.read_text(), 20, "the start")
    exit_code, words = process.command("run")
    assert (exit_code, "used by another collector" in words) == (7, True)
    assert process.end(signal.SIGINT) == 0


def test_status_tells_of_a_collector_that_runs_and_of_one_that_was_killed(process: Process) -> None:
    process.start()
    wait_until(lambda: process.command("status")[0] == 0, 30, "a good status", poll_interval_s=0.2)
    process.end(signal.SIGKILL)
    exit_code, words = process.command("status", "--json")
    assert process.running is not None
    assert json.loads(words)["pid"] == process.running.pid
    assert exit_code == (0 if json.loads(words)["state"] == "running" else 1)


def test_a_configuration_that_is_wrong_ends_it_at_once(process: Process) -> None:
    process.config_file.write_text('{"city_file": "nowhere.yaml", "store": {"kind": "sqlight"}}')
    exit_code, words = process.command("run")
    assert exit_code == 3
    assert "collector.yaml:1:" in words
    assert "Traceback" not in words


def test_a_password_reaches_neither_log_nor_arguments(tmp_path: Path) -> None:
    secret = "a-secret-that-must-stay-one"
    (tmp_path / "password").write_text(f"{secret}\n")
    with Mosquitto(tmp_path / "broker", config="allow_anonymous false") as broker:
        mqtt = {"host": "127.0.0.1", "port": broker.port, "username": "u", "password_file": "password"}
        process = Process(tmp_path, broker.port, mqtt=mqtt)
        process.start()
        assert process.running is not None
        arguments = Path(f"/proc/{process.running.pid}/cmdline").read_bytes()
        try:
            wait_until(lambda: "Not authorized" in process.log.read_text(), 20, "the refusal")
        finally:
            process.end(signal.SIGTERM)
        lost = [event for event in process.events() if event["event"] == "broker lost"]
        assert len(lost) == 1, "a loss is one line, however long it lasts"
        assert secret not in process.log.read_text()
        assert secret.encode() not in arguments


def test_it_falls_back_to_mqtt_311_only_where_that_is_allowed(tmp_path: Path) -> None:
    port = free_port()
    log = tmp_path / "broker.log"
    with log.open("wb") as output:
        broker = subprocess.Popen(
            [sys.executable, "-m", "firmware_sim.demo.broker", str(port)], stdout=output, stderr=output
        )
    try:
        wait_until(lambda: b"ready" in log.read_bytes(), 30, "the embedded broker")
        stand_in = Mosquitto(tmp_path / "unused")
        stand_in.port = port
        with Rig(tmp_path, stand_in, {"kind": "sqlite"}, allow_mqtt311=True) as rig:
            wait_until(lambda: rig.collector.broker.is_connected, 40, "MQTT 3.1.1")
    finally:
        broker.terminate()
        broker.wait(20)
