"""The agent as a real process: against a foreign Modbus server, a scripted one, and a real broker."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from queue import Empty, Queue
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from pyModbusTCP.server import ModbusServer

from contract.command import Command, ResultState, SetArguments, signature
from edge_agent.core.commands import ulid
from tests.servers import Mosquitto
from tests.servers.waiting import free_port, wait_until

KEY = bytes(range(32))
PROFILE = """\
profile: board
version: "1"
device_class: relay
en: Board
vi: Bo mạch
source: {manual: none, page: none, origin: composed, verified_by: secondary}
points:
  - {key: k1, en: Relay 1, vi: Rơ-le 1, table: coil, address: 0, type: bool, poll: fast, urgent: true, writable: true}
  - {key: level, en: Level, vi: Mức, table: holding, address: 3, type: uint16, poll: fast}
"""


class ScriptedServer:
    """A Modbus TCP server of one coil that can hold back what it is told to.

    Attributes:
        hold_reads: Reads get no answer.
        hold_write_answers: A write is carried out, and gets no answer.
        writes: Every write that arrived.
    """

    def __init__(self) -> None:
        self.coil = False
        self.hold_reads = threading.Event()
        self.hold_write_answers = threading.Event()
        self.held = threading.Event()
        self.reads = 0
        self.writes: list[bool] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as stream:
            try:
                while len(head := stream.read(7)) == 7:
                    self._answer(connection, head, stream.read(int.from_bytes(head[4:6], "big") - 1))
            except OSError:
                return

    def _answer(self, connection: socket.socket, head: bytes, request: bytes) -> None:
        if request[0] == 5:
            self.coil = request[3] == 0xFF
            self.writes.append(self.coil)
            if self.hold_write_answers.is_set():
                self.held.set()
                return
            reply = request
        else:
            self.reads += 1
            if self.hold_reads.is_set():
                self.held.set()
                return
            reply = bytes([1, 1, self.coil]) if request[0] == 1 else bytes([3, 2, 0, 42])
        connection.sendall(head[:4] + (len(reply) + 1).to_bytes(2, "big") + head[6:7] + reply)


class AgentProcess:
    """`edge-agent` in a folder of its own."""

    def __init__(self, folder: Path, config: dict[str, Any]) -> None:
        self.folder = folder
        self.config_file = folder / "agent.yaml"
        (folder / "board.yaml").write_text(PROFILE, "utf-8")
        (folder / "key").write_bytes(KEY.hex().encode())
        base = {
            "gateway": "gw-1",
            "state_dir": "state",
            "runtime_dir": ".",
            "clock": {"require_sync": False},
            "intervals": {"fast_s": 0.2, "normal_s": 0.5, "slow_s": 2},
        }
        self.config_file.write_text(json.dumps(base | config), "utf-8")
        self.process: subprocess.Popen[bytes] | None = None
        self.log = folder / "agent.log"

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "edge_agent", "run", "--config", str(self.config_file)], stdout=log, stderr=log
            )
        wait_until(lambda: self.cli("status")[0] != 5, 30, "the agent answers")

    def kill9(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        if self.process is None:
            return 0
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(20)
        self.process = None
        return code

    def cli(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        """Run a command with --json; return its exit code and object."""
        done = self.run(*arguments, "--json")
        reply: dict[str, Any] = json.loads(done.stdout) if done.stdout else {}
        return done.returncode, reply

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "edge_agent", *arguments, "--config", str(self.config_file)]
        environment = os.environ | {"LAMPLIGHTER_LANG": "en"}
        return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment, check=False)

    def device(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = next(one for one in self.cli("status")[1]["devices"] if one["device"] == name)
        return found


@contextmanager
def running(agent: AgentProcess) -> Iterator[AgentProcess]:
    agent.start()
    try:
        yield agent
    finally:
        if agent.process is not None and agent.process.poll() is None:
            agent.stop()


def tcp_board(port: int, **facts: Any) -> dict[str, Any]:
    return {
        "lines": [{"id": "t", "kind": "tcp", "host": "127.0.0.1", "port": port, "timeout_s": 1.0}],
        "devices": [{"id": "board", "profile": "board.yaml", "line": "t"}],
    } | facts


@pytest.fixture
def foreign() -> Iterator[Any]:
    server: Any = ModbusServer(host="127.0.0.1", port=free_port(), no_block=True)  # type: ignore[no-untyped-call] # it has no annotations
    server.start()
    server.data_bank.set_holding_registers(3, [77])
    yield server
    server.stop()


def test_polls_status_and_read_without_a_broker(tmp_path: Path, foreign: Any) -> None:
    config = tcp_board(foreign.port, mqtt={"host": "127.0.0.1", "port": free_port()})
    with running(AgentProcess(tmp_path, config)) as agent:
        wait_until(lambda: agent.device("board")["last_good_age_s"] is not None, 10, "a good poll")
        code, status = agent.cli("status")
        assert code == 6
        assert status["schema"] == 1
        assert status["connected"] is False
        assert status["undelivered"]["spool_batches"] > 0
        assert status["rss_bytes"] < 60 * 1024 * 1024
        code, answer = agent.cli("read", "board", "level")
        assert code == 0
        (reading,) = answer["readings"]
        assert (reading["point"], reading["value"], reading["quality"]) == ("board/level", 77, "GOOD")
        page = agent.run("status")
        assert "Connected: NO" in page.stdout
        assert page.stderr == ""
        assert agent.run("run").returncode == 4
        twin = tmp_path / "twin.yaml"
        twin.write_text(agent.config_file.read_text("utf-8").replace('"runtime_dir": "."', '"runtime_dir": "twin"'))
        done = subprocess.run(
            [sys.executable, "-m", "edge_agent", "run", "--config", str(twin)],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 4
        assert "another agent runs with state_dir" in done.stderr
        assert agent.cli("status")[1]["delivery"]["spool"]["failure"] is None
        foreign.stop()
        wait_until(lambda: agent.device("board")["set_aside"], 20, "the dead device is set aside")
        assert agent.cli("read", "board")[0] == 5
        foreign.start()
        wait_until(lambda: not agent.device("board")["bad_points"], 30, "the device is back")
        assert agent.stop() == 0
    code, left = agent.cli("status")
    assert (code, left["running"]) == (5, False)
    assert left["undelivered"]["spool_batches"] > 0
    code, answer = agent.cli("read", "board", "level")
    assert (code, answer["readings"][0]["value"]) == (0, 77)


def test_a_busy_port_and_a_silent_line_have_their_exit_codes(tmp_path: Path) -> None:
    master, slave = pty.openpty()
    try:
        port = os.ttyname(slave)
        config = {
            "lines": [{"id": "s", "kind": "serial", "port": port, "timeout_s": 0.1}],
            "devices": [{"id": "board", "profile": "board.yaml", "line": "s"}],
        }
        agent = AgentProcess(tmp_path, config)
        assert agent.cli("read", "board")[0] == 5
        with Path(port).open("rb+", buffering=0) as other:
            fcntl.flock(other, fcntl.LOCK_EX)
            code, answer = agent.cli("read", "board")
        assert code == 4
        assert "in use by another process" in answer["errors"]["board"]
    finally:
        os.close(master)
        os.close(slave)


def test_a_wrong_configuration_ends_run_with_its_place(tmp_path: Path) -> None:
    agent = AgentProcess(tmp_path, {"gatewy": "x"})
    done = agent.run("run")
    assert done.returncode == 3
    assert f"{agent.config_file}:1:" in done.stderr
    assert "did you mean 'gateway'" in done.stderr


def test_a_broken_configuration_stops_no_gateway_and_is_told(tmp_path: Path, board: ScriptedServer) -> None:
    agent = AgentProcess(tmp_path, tcp_board(board.port, mqtt={"host": "127.0.0.1", "port": free_port()}))
    with running(agent):
        wait_until(lambda: board.reads, 10, "a poll")
        assert agent.cli("status")[1]["config_problem"] is None
    agent.config_file.write_text(agent.config_file.read_text("utf-8").replace('"line": "t"', '"line": "u"'), "utf-8")
    before = board.reads
    with running(agent):
        wait_until(lambda: board.reads > before, 10, "a poll by the last good configuration")
        code, status = agent.cli("status")
        assert code != 0
        assert f"{agent.config_file}:1:" in status["config_problem"]
        assert "Configuration file WRONG, the last good one goes on" in agent.run("status").stdout
        assert agent.cli("read", "board")[1]["ok"] is True
    assert "configuration wrong, the last good one goes on" in agent.log.read_text("utf-8")
    assert agent.run("check").returncode == 3


class Centre:
    """The other side of the broker: sends signed commands, collects answers."""

    def __init__(self, port: int) -> None:
        self.results: Queue[dict[str, Any]] = Queue()
        self.nonce = ""
        self._sent = 0
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        self._client.on_message = self._message
        self._client.connect("127.0.0.1", port)
        self._client.subscribe([("city/v1/gw-1/up/cmd", 1), ("city/v1/gw-1/state/online", 1)])
        self._client.loop_start()

    def _message(self, _client: object, _data: object, message: paho.MQTTMessage) -> None:
        if message.topic.endswith("online"):
            online = json.loads(message.payload)
            self.nonce = online["nonce"] if online["online"] else ""
        else:
            self.results.put(json.loads(message.payload))

    def send(self, *, on: bool, retain: bool = False) -> Command:
        wait_until(lambda: self.nonce, 20, "the agent is online")
        self._sent += 1
        now_ms = time.time_ns() // 1_000_000
        made = Command(
            id=ulid(now_ms, self._sent),
            nonce=self.nonce,
            op="set",
            args=SetArguments(point="board/k1", value=on),
            by="lan",
            not_after=now_ms + 30_000,
        )
        signed = made.model_copy(update={"mac": signature(made, "gw-1", KEY)})
        self.send_raw(signed.model_dump_json().encode(), retain=retain)
        return signed

    def send_raw(self, payload: bytes, *, retain: bool = False) -> None:
        self._client.publish("city/v1/gw-1/down/cmd", payload, qos=1, retain=retain).wait_for_publish(10)

    def answer(self, command: Command) -> dict[str, Any]:
        """Return the next answer to a command."""
        deadline_s = time.monotonic() + 30
        while time.monotonic() < deadline_s:
            try:
                result = self.results.get(timeout=1)
            except Empty:
                continue
            if result["id"] == command.id:
                return result
        raise TimeoutError(f"no answer to {command.id}")

    def last_answer(self, command: Command) -> dict[str, Any]:
        """Return the answer after `accepted`, which a killed agent may or may not have sent."""
        result = self.answer(command)
        return self.answer(command) if result["state"] == ResultState.ACCEPTED else result

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def board() -> Iterator[ScriptedServer]:
    with closing(ScriptedServer()) as server:
        yield server


@pytest.fixture
def centre(mosquitto: Mosquitto) -> Iterator[Centre]:
    made = Centre(mosquitto.port)
    yield made
    made.send_raw(b"", retain=True)
    made.close()


def commanded(folder: Path, board: ScriptedServer, mosquitto: Mosquitto) -> AgentProcess:
    config = tcp_board(
        board.port,
        mqtt={"host": "127.0.0.1", "port": mosquitto.port},
        commands={"key_file": "key", "allow": [{"point": "board/k1"}]},
    )
    config["lines"][0]["timeout_s"] = 10.0
    return AgentProcess(folder, config)


def kept_states(agent: AgentProcess) -> list[str]:
    file = agent.folder / "state" / "commands.db"
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
        return [row[0] for row in database.execute("SELECT state FROM command")]


def test_a_signed_command_switches_and_hostile_ones_do_not(
    tmp_path: Path, board: ScriptedServer, mosquitto: Mosquitto, centre: Centre
) -> None:
    with running(commanded(tmp_path, board, mosquitto)) as agent:
        sent = centre.send(on=True)
        assert centre.answer(sent)["state"] == ResultState.ACCEPTED
        done = centre.answer(sent)
        assert (done["state"], done["readback"]["value"]) == (ResultState.DONE, True)
        centre.send_raw(sent.model_dump_json().encode())
        assert centre.answer(sent) == done
        for payload in (b"\x00\xff", b"{}", b"[" * 400 + b"]" * 400, b"z" * 100_000):
            centre.send_raw(payload)
        retained = centre.send(on=False, retain=True)
        assert centre.answer(retained)["reason"] == "retained"
        forged = centre.send(on=False)
        centre.send_raw(forged.model_copy(update={"by": "eve"}).model_dump_json().encode())
        assert centre.answer(forged)["state"] == ResultState.ACCEPTED
        reasons = [centre.answer(forged).get("reason", ""), centre.answer(forged).get("reason", "")]
        assert "bad_signature" in reasons
        wait_until(lambda: board.writes == [True, False], 10, "the two true commands")
        malformed = agent.cli("status")[1]["malformed"]
        assert {key for key, count in malformed.items() if count} >= {
            "command_not_json",
            "command_invalid",
            "command_nested",
            "command_oversized",
        }


def test_killed_between_kept_and_written_it_answers_failed_and_never_writes(
    tmp_path: Path, board: ScriptedServer, mosquitto: Mosquitto, centre: Centre
) -> None:
    agent = commanded(tmp_path, board, mosquitto)
    with running(agent):
        wait_until(lambda: board.reads > 3, 10, "polls")
        board.hold_reads.set()
        assert board.held.wait(10)
        sent = centre.send(on=True)
        wait_until(lambda: kept_states(agent) == ["accepted"], 10, "the id is kept")
        agent.kill9()
    assert board.writes == []
    board.hold_reads.clear()
    with running(agent):
        result = centre.last_answer(sent)
        assert (result["state"], result["reason"]) == (ResultState.FAILED, "restarted")
        reads = board.reads
        wait_until(lambda: board.reads > reads + 5, 10, "further polls")
        assert board.writes == []
        assert kept_states(agent) == ["failed"]


def test_killed_between_written_and_answered_it_answers_done_and_never_writes_again(
    tmp_path: Path, board: ScriptedServer, mosquitto: Mosquitto, centre: Centre
) -> None:
    agent = commanded(tmp_path, board, mosquitto)
    with running(agent):
        wait_until(lambda: board.reads > 3, 10, "polls")
        board.hold_write_answers.set()
        sent = centre.send(on=True)
        assert board.held.wait(10)
        assert kept_states(agent) == ["accepted"]
        agent.kill9()
    board.hold_write_answers.clear()
    with running(agent):
        result = centre.last_answer(sent)
        assert (result["state"], result["readback"]["value"]) == (ResultState.DONE, True)
        reads = board.reads
        wait_until(lambda: board.reads > reads + 5, 10, "further polls")
        assert board.writes == [True]


def test_the_schedule_lights_and_the_service_manager_is_fed(tmp_path: Path, board: ScriptedServer) -> None:
    (tmp_path / "schedule.yaml").write_text("periods: [{on: 12:00, off: 11:59:59}]\n", "utf-8")
    config = tcp_board(
        board.port,
        mqtt={"host": "127.0.0.1", "port": free_port()},
        place={"latitude": 13.983, "longitude": 108.0, "timezone": "Asia/Ho_Chi_Minh"},
        commands={"allow": [{"point": "board/k1"}]},
        lighting={"schedule_file": "schedule.yaml", "outputs": ["board/k1"], "start_wait_s": 0},
    )
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(20)
        os.environ["NOTIFY_SOCKET"] = str(tmp_path / "notify")
        try:
            agent = AgentProcess(tmp_path, config)
            with running(agent):
                wait_until(lambda: board.coil, 10, "the lamps")
                board.coil = False
                wait_until(lambda: board.coil, 10, "the lamps again")
                heard = {manager.recv(200).split(b"\n")[0] for _ in range(4)}
                assert heard == {b"READY=1", b"WATCHDOG=1"}
                assert agent.cli("status")[1]["lighting"]["lamps_due"] is True
        finally:
            del os.environ["NOTIFY_SOCKET"]


def test_a_broken_schedule_file_darkens_no_street_and_a_reload_takes_the_mended_one(
    tmp_path: Path, board: ScriptedServer
) -> None:
    always, never = ("periods: [{on: 12:00, off: 11:59:59}]\n", "periods: [{on: 12:00, off: 12:00:01}]\n")
    schedule = tmp_path / "schedule.yaml"
    schedule.write_text(always, "utf-8")
    config = tcp_board(
        board.port,
        mqtt={"host": "127.0.0.1", "port": free_port()},
        place={"latitude": 13.983, "longitude": 108.0, "timezone": "Asia/Ho_Chi_Minh"},
        commands={"allow": [{"point": "board/k1"}]},
        lighting={"schedule_file": "schedule.yaml", "outputs": ["board/k1"], "start_wait_s": 0},
    )
    agent = AgentProcess(tmp_path, config)
    with running(agent):
        wait_until(lambda: board.coil, 10, "the lamps")
    board.coil = False
    schedule.write_text("periods: [{on: 25:00, off: 06:00}]\n", "utf-8")
    with running(agent):
        wait_until(lambda: board.coil, 10, "the lamps by the last good schedule")
        assert f"{schedule}:1:" in agent.cli("status")[1]["lighting"]["calendar"]["problem"]
        assert "the last good one goes on" in agent.run("status").stdout
        assert agent.process is not None
        agent.process.send_signal(signal.SIGHUP)
        schedule.write_text(never, "utf-8")
        agent.process.send_signal(signal.SIGHUP)
        wait_until(lambda: not board.coil, 10, "the lamps by the mended schedule")
        assert agent.cli("status")[1]["lighting"]["calendar"]["problem"] is None
        schedule.write_text("periods: []\n", "utf-8")
        agent.process.send_signal(signal.SIGHUP)
        wait_until(lambda: agent.cli("status")[1]["lighting"]["calendar"]["problem"], 10, "the mistake is told")
        assert agent.cli("status")[1]["lighting"]["lamps_due"] is False
