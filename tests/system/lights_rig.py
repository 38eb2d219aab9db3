"""A collector that commands lights, as a process, and gateways that speak the contract's commands and wants."""

from __future__ import annotations

import json
import os
import pwd
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import orjson
import paho.mqtt.client as paho
from click.testing import CliRunner
from click.testing import Result as Outcome
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from collector.cli import main
from contract.codec import decode, encode
from contract.command import MAX_COMMAND_BYTES, Command, Result, ResultState, signature_agrees
from contract.topics import GatewayTopics
from contract.want import MAX_WANT_BYTES, Want, WantError, WantReport, desired_hash, want_signature_agrees
from tests.servers import wait_until

CALENDAR = """\
name: pleiku-standard
levels: {100: [A, B, C], 67: [A, B]}
programs:
  - id: standard
    periods:
      - {on: {at: sunset-10, not_before: "17:15"}, off: "22:30"}
      - {on: "22:30", off: sunrise+5, level: 67}
default: standard
"""


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def account() -> str:
    return pwd.getpwuid(os.getuid()).pw_name


def cabinet(number: int, **more: Any) -> dict[str, Any]:
    return {
        "id": f"c-{number}",
        "name": f"Tủ C-{number}",
        "street": "Lê Duẩn" if number % 2 else "Hùng Vương",
        "ward": "pleiku",
        "crew": "night",
        "gateway": f"gw-{number}",
        "devices": {"meter": "meter", "io": "relay"},
        "lamps": 24,
        **more,
    }


class Centre:
    """A collector's files, the process on them, and its command line in this process."""

    def __init__(self, folder: Path, port: int, cabinets: Sequence[Mapping[str, Any]], **commands: Any) -> None:
        self.folder = folder
        self.log = folder / "collector.log"
        self.config_file = folder / "collector.yaml"
        self.keys: dict[str, bytes] = {}
        (folder / "keys").mkdir()
        city = {
            "city": "Pleiku",
            "place": {"latitude": 13.98, "longitude": 108.0, "timezone": "Asia/Ho_Chi_Minh"},
            "crews": [{"id": "night", "name": "Tổ đêm"}],
            "wards": [{"id": "pleiku", "name": "Phường Pleiku"}, {"id": "dien-hong", "name": "Phường Diên Hồng"}],
            "cabinets": list(cabinets),
        }
        (folder / "city.yaml").write_text(json.dumps(city), "utf-8")
        users = [{"name": "huong", "accounts": [account()], "operations": ["switch", "permit", "calendar"]}]
        document = {
            "name": f"lights-{secrets.token_hex(4)}",
            "city_file": "city.yaml",
            "state_dir": "state",
            "mqtt": {"host": "127.0.0.1", "port": port},
            "commands": {"users": users, "keys_folder": "keys", **commands},
        }
        self.config_file.write_text(json.dumps(document), "utf-8")
        self._running: subprocess.Popen[bytes] | None = None

    def key_for(self, gateway: str) -> bytes:
        key = secrets.token_bytes(32)
        (self.folder / "keys" / f"{gateway}.key").write_text(key.hex() + "\n", "ascii")
        return key

    def start(self) -> None:
        """Start it, and wait until it answers and hears the broker: what is sent earlier reaches nobody."""
        connections = self._connections()
        with self.log.open("ab") as log:
            self._running = subprocess.Popen(
                [sys.executable, "-m", "collector", "run", "--config", str(self.config_file)], stdout=log, stderr=log
            )
        wait_until(lambda: self.run("lights", "orders")[0] == 0, 60, f"the control socket; {self.log}")
        wait_until(lambda: self._connections() > connections, 60, f"its subscription; {self.log}")

    def _connections(self) -> int:
        return self.log.read_text("utf-8").count("broker connected") if self.log.exists() else 0

    def kill(self) -> None:
        if self._running is not None and self._running.poll() is None:
            self._running.send_signal(signal.SIGKILL)
            self._running.wait(30)

    def stop(self) -> None:
        """End it as systemd does: it saves what it has."""
        if self._running is not None and self._running.poll() is None:
            self._running.terminate()
            self._running.wait(30)

    def run(self, *arguments: str, language: str = "en") -> tuple[int, str]:
        """Run the command line; `--config` is put behind the command's words."""
        done = self._run(arguments, language)
        return done.exit_code, done.output

    def json(self, *arguments: str) -> Any:
        done = self._run((*arguments, "--json"), "en")
        assert done.exit_code in {0, 1}, done.output
        return json.loads(done.stdout)

    def _run(self, arguments: Sequence[str], language: str) -> Outcome:
        done = CliRunner().invoke(
            main,
            [*arguments, "--config", str(self.config_file)],
            env={"LAMPLIGHTER_LANG": language, "COLUMNS": "80"},
        )
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done

    def wait_online(self, count: int) -> None:
        def online() -> bool:
            told = self.json("lights", "status")
            return bool(sum(cabinet["online"] for cabinet in told["cabinets"]) >= count)

        wait_until(online, 60, f"{count} gateways online")


class StubGateway:
    """Answers as the contract says; what it does with a command is up to the test.

    Attributes:
        answers: Operation to (state, reason) of its end; None: it begins and never says more.
    """

    def __init__(self, name: str, port: int, key: bytes) -> None:
        self.name = name
        self.topics = GatewayTopics(name)
        self.key = key
        self.commands: list[Command] = []
        self.wants: list[Want] = []
        self.answers: dict[str, tuple[ResultState, str] | None] = {}
        self.refuses_wants = False
        self.rev = 0
        self._results: dict[str, Result] = {}
        self.nonce = ""
        self._ready = threading.Event()
        self.client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id=f"stub-{name}", protocol=MQTTProtocolVersion.MQTTv5
        )
        self.client.on_connect = self._on_connect
        self.client.on_subscribe = lambda *_arguments: self._on_subscribe()
        self.client.on_message = lambda _client, _data, message: self._on_message(message)
        will = {"online": False, "nonce": "", "sw": "1", "since": now_ms()}
        self.client.will_set(self.topics.online, orjson.dumps(will), qos=1, retain=True)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        assert self._ready.wait(40)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.leave()

    def leave(self) -> None:
        will = {"online": False, "nonce": "", "sw": "1", "since": now_ms()}
        self.client.publish(self.topics.online, orjson.dumps(will), qos=1, retain=True).wait_for_publish(5)
        self.client.disconnect()
        self.client.loop_stop()

    def _on_connect(self, client: paho.Client, *_arguments: object) -> None:
        client.subscribe([(self.topics.command, 1), (self.topics.want, 1)])

    def _on_subscribe(self) -> None:
        self.nonce = secrets.token_hex(8)
        online = {"online": True, "nonce": self.nonce, "sw": "1", "since": now_ms()}
        self.client.publish(self.topics.online, orjson.dumps(online), qos=1, retain=True)
        self._ready.set()

    def _on_message(self, message: paho.MQTTMessage) -> None:
        if message.topic == self.topics.want:
            self._on_want(decode(bytes(message.payload), Want, MAX_WANT_BYTES))
            return
        command = decode(bytes(message.payload), Command, MAX_COMMAND_BYTES)
        if not signature_agrees(command, self.name, self.key):
            self.tell(command.id, ResultState.REJECTED, "bad_signature")
            return
        if command.nonce != self.nonce:
            other = Result(id=command.id, state=ResultState.REJECTED, reason="other_connection", ts=now_ms())
            self.client.publish(self.topics.result, encode(other), qos=1)
            return
        self.commands.append(command)
        if command.id in self._results:
            self.client.publish(self.topics.result, encode(self._results[command.id]), qos=1)
            return
        self.tell(command.id, ResultState.ACCEPTED)
        end = self.answers.get(command.op, (ResultState.DONE, ""))
        if end is not None:
            self.tell(command.id, *end)

    def tell(self, order: str, state: ResultState, reason: str = "") -> None:
        self._results[order] = Result(id=order, state=state, reason=reason, ts=now_ms())
        self.client.publish(self.topics.result, encode(self._results[order]), qos=1)

    def _on_want(self, want: Want) -> None:
        assert want_signature_agrees(want, self.name, self.key)
        self.wants.append(want)
        error = None
        if self.refuses_wants:
            error = WantError(rev=want.rev, where="calendar", text_en="cannot use it", text_vi="không dùng được")
        elif want.rev > self.rev:
            self.rev = want.rev
        applied = next((each for each in reversed(self.wants) if each.rev == self.rev), None)
        self.report(desired_hash(applied.desired) if applied and error is None else "0" * 64, error)

    def report(self, digest: str, error: WantError | None = None) -> None:
        report = WantReport(rev=self.rev, hash=digest, applied_ts=now_ms(), error=error)
        self.client.publish(self.topics.want_report, encode(report), qos=1, retain=True)


def until(told: Callable[[], bool], what: str, timeout_s: float = 40.0) -> None:
    wait_until(told, timeout_s, what)
