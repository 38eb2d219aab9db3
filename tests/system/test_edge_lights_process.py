"""A cabinet of the generated city under a real agent and broker: override, expiry, want, permit, kill, local hand."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import paho.mqtt.client as paho
import pytest
import yaml
from paho.mqtt.enums import CallbackAPIVersion

from contract.codec import decode, encode
from contract.command import Command, Result, ResultState, signature
from contract.command_arguments import ARGUMENTS, Operation
from contract.lights import Calendar
from contract.state import Online
from contract.topics import GatewayTopics
from contract.want import Desired, Want, WantReport, desired_hash, signed_want
from edge_agent.core.commands import ulid
from edge_agent.shell.control import ask, socket_path
from tests.servers import Mosquitto
from tests.servers.waiting import free_port, wait_until

GATEWAY = "gw-001"
DARK = "periods: [{on: '12:00', off: '12:00:01'}]\n"
ALWAYS = Calendar.model_validate({"name": "always", "periods": [{"on": "12:00", "off": "11:59:59"}]})
CIRCUITS = ["A", "B", "C"]


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Centre:
    """What a collector says to one gateway, and hears of it."""

    def __init__(self, port: int, key: bytes) -> None:
        self.topics = GatewayTopics(GATEWAY)
        self.key = key
        self.nonce = ""
        self.results: dict[str, Result] = {}
        self.report: WantReport | None = None
        self.control: dict[str, Any] = {}
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        self._client.on_message = self._heard
        self._client.on_connect = self._begin
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def _begin(self, client: paho.Client, *_rest: object) -> None:
        for topic in (self.topics.online, self.topics.result, self.topics.want_report, self.topics.state("control")):
            client.subscribe(topic, qos=1)

    def _heard(self, _client: object, _data: object, message: paho.MQTTMessage) -> None:
        payload = bytes(message.payload)
        if message.topic == self.topics.online:
            said = decode(payload, Online)
            self.nonce = said.nonce if said.online else ""
        elif message.topic == self.topics.result:
            result = decode(payload, Result)
            if result.state is not ResultState.ACCEPTED:
                self.results[result.id] = result
        elif message.topic == self.topics.want_report:
            self.report = decode(payload, WantReport)
        else:
            self.control = orjson.loads(payload)["v"]

    def send(self, op: Operation, **args: Any) -> Command:
        made = Command(
            id=ulid(now_ms(), int.from_bytes(os.urandom(10), "big")),
            nonce=self.nonce,
            op=op,
            args=ARGUMENTS[op].model_validate(args),
            by="huong",
            not_after=now_ms() + 20_000,
        )
        signed = made.model_copy(update={"mac": signature(made, GATEWAY, self.key)})
        self._client.publish(self.topics.command, encode(signed), qos=1)
        return signed

    def done(self, op: Operation, **args: Any) -> Result:
        command = self.send(op, **args)
        wait_until(lambda: command.id in self.results, 40, f"the end of {op}")
        return self.results[command.id]

    def wish(self, rev: int, calendar: Calendar, *, key: bytes | None = None) -> str:
        desired = Desired(calendar=calendar)
        want = signed_want(Want(rev=rev, by="huong", ts=now_ms(), desired=desired), GATEWAY, key or self.key)
        self._client.publish(self.topics.want, encode(want), qos=1, retain=True)
        return desired_hash(desired)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


class Cabinet:
    """The first cabinet of a generated city, with its simulator and its agent as processes."""

    def __init__(self, folder: Path, mqtt_port: int) -> None:
        self.folder = folder
        options = ["--cabinets", "1", "--seed", "3", "--alley-lamps", "0", "--signals", "0", "--warnings", "0"]
        ports = ["--first-port", str(free_port()), "--mqtt-port", str(mqtt_port), "--fast-s", "0.5"]
        self._run("firmware_sim", "city", *options, *ports, "--out", str(folder / "city"))
        self.config_file = folder / "city" / "gateways" / GATEWAY / "agent.yaml"
        document = yaml.safe_load(self.config_file.read_text("utf-8"))
        document["lighting"] |= {"stagger_s": 0.5, "start_wait_s": 0.0}
        document["runtime_dir"] = str(folder)
        self.config_file.write_text(json.dumps(document), "utf-8")
        (self.config_file.parent / "schedule.yaml").write_text(DARK, "utf-8")
        self.key = bytes.fromhex((folder / "city" / "keys" / f"{GATEWAY}.key").read_text("ascii").strip())
        self._processes: list[subprocess.Popen[bytes]] = []
        ready = folder / "ready.json"
        simulator = str(folder / "city" / "simulator.yaml")
        self._begin("firmware_sim", "run", simulator, "--ready-file", str(ready))
        wait_until(ready.exists, 20, "the simulated cabinet")
        self.agent = self.start()

    def _begin(self, *arguments: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{arguments[0]}.log").open("ab") as log:
            process = subprocess.Popen([sys.executable, "-m", *arguments], stdout=log, stderr=log)
        self._processes.append(process)
        return process

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", *arguments], capture_output=True, text=True, timeout=60, check=False
        )

    def start(self) -> subprocess.Popen[bytes]:
        self.agent = self._begin("edge_agent", "run", "--config", str(self.config_file))
        wait_until(lambda: bool(self.lights()), 30, "the agent answers")
        return self.agent

    def cli(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        done = self._run("edge_agent", "lights", *arguments, "--config", str(self.config_file), "--json")
        return done.returncode, json.loads(done.stdout) if done.stdout else {}

    def lights(self) -> dict[str, Any]:
        reply = ask(socket_path(self.folder), {"op": "lights"}, 10)
        return reply["lights"] if reply else {}

    def actual(self) -> list[bool | None]:
        return [circuit["actual"] for circuit in self.lights()["circuits"]]

    def kill(self) -> None:
        self.agent.send_signal(signal.SIGKILL)
        self.agent.wait(20)

    def close(self) -> None:
        for process in self._processes:
            if process.poll() is None:
                process.terminate()
                process.wait(20)


@pytest.fixture
def cabinet(short_path: Path, mosquitto: Mosquitto) -> Iterator[Cabinet]:
    made = Cabinet(short_path, mosquitto.port)
    try:
        yield made
    finally:
        made.close()


def until(told: Callable[[], bool], what: str) -> None:
    wait_until(told, 20, what)


def test_a_cabinet_is_commanded_proved_wished_locked_killed_and_switched_by_hand(
    cabinet: Cabinet, mosquitto: Mosquitto
) -> None:
    centre = Centre(mosquitto.port, cabinet.key)
    try:
        until(lambda: bool(centre.nonce) and centre.report is not None, "the gateway's presence")
        assert centre.report is not None
        assert (centre.report.rev, centre.report.error) == (0, None)

        result = centre.done("override", level=100, until=now_ms() + 7_000, reason="test")
        assert (result.state, result.reason) == (ResultState.DONE, "")
        assert result.circuits is not None
        assert [result.circuits[name].feedback for name in CIRCUITS] == [True] * 3
        assert all((result.circuits[name].power_w or 0) > 100 for name in CIRCUITS)
        until(lambda: centre.control.get("actual_c") is True, "the state of the circuits")
        assert centre.control["reason_a"] == "override by huong"

        # Without any word of the centre the override ends by itself.
        until(lambda: cabinet.actual() == [False] * 3, "the end of the override")

        wished = centre.wish(4, ALWAYS)
        until(lambda: centre.report is not None and centre.report.rev == 4, "the want is applied")
        assert (centre.report.hash, centre.report.error) == (wished, None)
        until(lambda: cabinet.actual() == [True] * 3, "the lights by the calendar of the centre")

        permit = centre.done("permit", active=True, reason="relamping")
        assert permit.state is ResultState.DONE
        assert cabinet.actual() == [False] * 3
        refused = centre.done("override", level=100, until=now_ms() + 60_000, reason="test")
        assert (refused.state, refused.reason) == (ResultState.REJECTED, "permit")

        centre.wish(5, Calendar.model_validate({"periods": [{"on": "18:00", "off": "06:00"}]}), key=bytes(32))
        until(lambda: centre.report is not None and centre.report.error is not None, "the forged want is told")
        assert (centre.report.rev, centre.report.hash) == (4, wished)

        cabinet.kill()
        centre.report = None
        cabinet.start()
        lights = cabinet.lights()
        assert [permit["by"] for permit in lights["permits"]] == ["huong"] * 3
        assert (lights["calendar"]["name"], lights["calendar"]["rev"]) == ("always", 4)
        until(lambda: cabinet.actual() == [False] * 3, "the permit holds after the kill")

        code, ended = cabinet.cli("permit", "--end", "--by", "nam", "--reason", "all away")
        assert (code, ended["state"]) == (0, "done")
        assert cabinet.actual() == [True] * 3
        code, off = cabinet.cli("off", "B", "--for", "1h", "--by", "nam", "--reason", "noise")
        assert (code, list(off["circuits"])) == (0, ["B"])
        assert cabinet.actual() == [True, False, True]
        assert cabinet.lights()["circuits"][1]["reason"] == "override by local:nam"
        code, released = cabinet.cli("release", "--by", "nam")
        assert (code, released["state"]) == (0, "done")
        _, plan = cabinet.cli("plan", "--days", "2")
        assert [len(night["steps"]) for night in plan["plan"]] == [1, 1]
    finally:
        centre.close()
