"""The demonstration's time line: start the parts, let a night begin, break things, account for every reading."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from firmware_sim.demo.dusk import DuskPlace, place_of_dusk
from firmware_sim.demo.files import GATEWAYS, RTU_CABINET, TCP_CABINET, Ports, write_all
from firmware_sim.demo.interruption import Interruption
from firmware_sim.demo.ledger import Account, Ledger, Place, watch
from firmware_sim.demo.texts import COMMANDS_TO_TRY, TEXTS
from firmware_sim.demo.webhook import Message, Webhook

DUSK_S: Final = 20.0
ROOT: Final = "city/v1"
LIT_W: Final = 1000.0
"""Well above what a cabinet takes with its lamps off, well below 48 cold sodium lamps."""
RAISED_MAINS: Final = ("mains-lost", "raised", RTU_CABINET)
CLEARED_MAINS: Final = ("mains-lost", "cleared", RTU_CABINET)
RAISED_VOLTAGE: Final = ("overvoltage", "raised", TCP_CABINET)
CLEARED_VOLTAGE: Final = ("overvoltage", "cleared", TCP_CABINET)
EXPECTED: Final = {
    RAISED_MAINS: ("MẤT ĐIỆN", "MAINS LOST"),
    CLEARED_MAINS: ("ĐÃ CÓ ĐIỆN LẠI", "MAINS RESTORED"),
    RAISED_VOLTAGE: ("QUÁ ÁP", "OVERVOLTAGE"),
    CLEARED_VOLTAGE: ("ĐIỆN ÁP ĐÃ BÌNH THƯỜNG", "VOLTAGE NORMAL AGAIN"),
}
"""Each message that the crew must get, once, and what its first line begins with."""


class DemoError(Exception):
    """Something that the demonstration promises did not happen."""


def free_port() -> int:
    """Return a port on loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def message_kind(message: Message) -> tuple[str, str, str] | None:
    """Return (rule, transition, cabinet) of a message, None if it is none of the expected."""
    text = f"{message.title}\n{message.text}"
    for kind, words in EXPECTED.items():
        if kind[2].upper() in text and any(word in text for word in words):
            return kind
    return None


@dataclass(slots=True)
class Demo:
    """One run in one folder."""

    folder: Path
    language: str
    place: DuskPlace
    ports: Ports
    began_s: float
    webhook: Webhook
    interruption: Interruption
    ledger: Ledger = field(default_factory=Ledger)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)

    def say(self, key: str, **facts: object) -> None:
        """Print one line of the time line."""
        print(f"{time.time() - self.began_s:6.1f} s  {TEXTS.text(key, **facts)}", flush=True)

    def start(self, name: str, *arguments: str) -> None:
        """Start a Python module as a process; its output goes to a file in the folder."""
        with (self.folder / f"{name}.log").open("wb") as log, self.interruption.held():
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                stdout=log,
                stderr=log,
                env={**os.environ, "LAMPLIGHTER_LANG": self.language},
                start_new_session=True,
            )

    def stop(self) -> None:
        """Stop every process, the agents first; a second Ctrl-C does not hinder it."""
        self.interruption.ignore()
        for process in reversed(self.processes.values()):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.processes.values():
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.webhook.close()

    def wait(self, what: str, timeout_s: float, condition: Callable[[], bool]) -> None:
        """Wait for a condition, show messages meanwhile.

        Raises:
            DemoError: It did not come in time, or a process died.
        """
        end_s = time.monotonic() + timeout_s
        while not condition():
            for name, process in self.processes.items():
                if process.poll() is not None:
                    raise DemoError(f"{name} ended with {process.returncode}; see {self.folder / name}.log")
            if time.monotonic() > end_s:
                raise DemoError(f"not within {timeout_s:.0f} s: {what}; logs are in {self.folder}")
            self.show_messages()
            time.sleep(0.1)
        self.show_messages()

    def until(self, since_start_s: float) -> None:
        """Let the time line reach a second."""
        self.wait("time", 60, lambda: time.time() - self.began_s >= since_start_s)

    def show_messages(self) -> None:
        """Print what the crew got."""
        while not self.webhook.messages.empty():
            message = self.webhook.messages.get()
            self.messages.append(message)
            self.say("message", crew=message.crew)
            lines = [message.title, *message.text.splitlines()] if message.title else message.text.splitlines()
            for line in lines:
                print(f"  | {line}", flush=True)

    def act(self, **action: object) -> dict[str, Any]:
        """Tell the simulator; return its answer."""
        with socket.socket(socket.AF_UNIX) as control:
            control.settimeout(5)
            control.connect(str(self.folder / "sim.sock"))
            control.sendall(json.dumps(action).encode() + b"\n")
            answer: dict[str, Any] = json.loads(control.makefile().readline())
        if not answer.get("ok"):
            raise DemoError(f"the simulator refused {action}: {answer}")
        return answer

    def lit(self, cabinet: str) -> bool:
        """Return whether a simulated cabinet's lamps burn: the truth of the street, not a reading."""
        truth = self.act(do="status")["cabinets"][cabinet]
        return float(sum(truth["power_w"])) > LIT_W

    def got(self, kind: tuple[str, str, str]) -> bool:
        """Return whether the crew has a message."""
        return any(message_kind(message) == kind for message in self.messages)

    def command(self, *arguments: str) -> Any:
        """Return what one of our own commands prints as JSON."""
        output = subprocess.run(
            [sys.executable, "-m", *arguments, "--json"],
            capture_output=True,
            check=False,
            env={**os.environ, "LAMPLIGHTER_LANG": self.language},
        )
        try:
            return json.loads(output.stdout)
        except ValueError as error:
            raise DemoError(f"{' '.join(arguments)}: {output.stderr.decode()[-400:]}") from error

    def stored_rows(self, until_ms: int) -> list[tuple[Place, object]]:
        """Return what the store has, as `collector query` gives it."""
        answer = self.command(
            "collector", "query", "--config", str(self.folder / "collector.yaml"), "--limit", "1000000",
            "--from", _iso(self.began_s - 60), "--to", _iso(until_ms / 1000 + 0.001),
        )  # fmt: skip
        return [
            ((row["gw"], row["dev"], row["point"], row["ts"]), row["value"])
            for row in answer["readings"]
            if row["gw"] in GATEWAYS.values() and row["ts"] <= until_ms
        ]

    def undelivered(self, until_ms: int) -> bool:
        """Return whether a gateway still holds a reading from before a time."""
        for gateway in GATEWAYS.values():
            status = self.command("edge_agent", "status", "--config", str(self.folder / f"{gateway}.yaml"))
            oldest_age_s = status["delivery"]["spool"]["oldest_age_s"]
            if oldest_age_s is not None and time.time() - float(oldest_age_s) <= until_ms / 1000:
                return True
        return False


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def prepare(folder: Path, language: str, interruption: Interruption) -> Demo:
    """Write the files of a demonstration that begins now."""
    began_s = time.time()
    place = place_of_dusk(datetime.fromtimestamp(began_s, UTC) + timedelta(seconds=DUSK_S))
    webhook = Webhook()
    ports = Ports(broker=free_port(), modbus=free_port(), webhook=webhook.port)
    write_all(folder, place, ports, language)
    return Demo(folder, language, place, ports, began_s, webhook, interruption)


def start_parts(demo: Demo) -> None:
    """Start broker, cabinets, collector and agents, in any order that comes."""
    folder = demo.folder
    demo.start("broker", "firmware_sim.demo.broker", str(demo.ports.broker))
    demo.start(
        "cabinets", "firmware_sim", "run", str(folder / "sim.yaml"),
        "--control", str(folder / "sim.sock"), "--ready-file", str(folder / "sim.ready"),
    )  # fmt: skip
    demo.start("collector", "collector", "run", "--config", str(folder / "collector.yaml"))
    demo.wait("the simulated cabinets", 15, (folder / "sim.ready").exists)
    for gateway in GATEWAYS.values():
        demo.start(gateway, "edge_agent", "run", "--config", str(folder / f"{gateway}.yaml"))
    demo.wait("the embedded broker", 15, lambda: b"ready" in (folder / "broker.log").read_bytes())


def night(demo: Demo) -> list[str]:
    """Run the time line; return what went wrong with the street itself."""
    findings: list[str] = []
    zone = ZoneInfo(demo.place.timezone)
    dusk = datetime.fromtimestamp(demo.began_s + DUSK_S, zone)
    left_s = demo.began_s + DUSK_S - time.time()
    demo.say("start")
    where = {"latitude": demo.place.latitude, "longitude": demo.place.longitude}
    demo.say("place", **where, dusk=f"{dusk:%H:%M:%S}", seconds=left_s)
    client = watch(demo.ledger, demo.ports.broker, ROOT)
    try:
        demo.until(DUSK_S - 2)
        findings += [f"{cabinet}: lit before dusk" for cabinet in GATEWAYS if demo.lit(cabinet)]
        demo.wait("the lamps of both cabinets", 30, lambda: all(demo.lit(cabinet) for cabinet in GATEWAYS))
        demo.say("lamps_on")
        demo.until(32)
        demo.act(do="mains_lost", cabinet=RTU_CABINET)
        demo.say("mains_lost", cabinet=RTU_CABINET.upper())
        demo.until(38)
        demo.act(do="voltage", cabinet=TCP_CABINET, phase=3, voltage_v=257.0)
        demo.say("overvoltage", cabinet=TCP_CABINET.upper())
        demo.wait("the message of the mains loss", 45, lambda: demo.got(RAISED_MAINS))
        demo.wait("the message of the over-voltage", 45, lambda: demo.got(RAISED_VOLTAGE))
        demo.act(do="mains_restored", cabinet=RTU_CABINET)
        demo.act(do="voltage", cabinet=TCP_CABINET, phase=3, voltage_v=230.0)
        demo.say("restored")
        demo.wait("the message that the mains are back", 60, lambda: demo.got(CLEARED_MAINS))
        demo.wait("the message that the voltage is normal", 60, lambda: demo.got(CLEARED_VOLTAGE))
    finally:
        client.disconnect()
        client.loop_stop()
    return findings


def account(demo: Demo) -> tuple[Account, list[dict[str, Any]]]:
    """Compare every reading that was published with the store, once all of them were confirmed."""
    until_ms = int(time.time() * 1000) - 2000
    demo.say("account")
    demo.wait("every reading to be confirmed", 45, lambda: not demo.undelivered(until_ms))
    alarms = demo.command("collector", "alarms", "--config", str(demo.folder / "collector.yaml"), "--all")
    return demo.ledger.compare(demo.stored_rows(until_ms), until_ms), alarms["alarms"]


def findings_of(demo: Demo, result: Account, alarms: list[dict[str, Any]]) -> list[str]:
    """Return everything that is not as promised."""
    kinds = [message_kind(message) for message in demo.messages]
    findings = [f"{count} readings {what}" for what, count in _wrong(result).items() if count]
    findings += [f"{kinds.count(kind)} messages of {' '.join(kind)}" for kind in EXPECTED if kinds.count(kind) != 1]
    findings += [f"an unexpected message: {m.title or m.text}" for m in demo.messages if message_kind(m) is None]
    if kinds.count(RAISED_MAINS) == 1 and kinds.index(RAISED_MAINS) > kinds.index(CLEARED_MAINS):
        findings.append("the mains were reported back before they were reported lost")
    told = {(str(alarm["rule"]), str(alarm["site"])) for alarm in alarms}
    findings += [f"no alarm {rule} of {site}" for rule, _, site in EXPECTED if (rule, site) not in told]
    if result.stored == 0:
        findings.append("nothing was stored")
    return findings


def _wrong(result: Account) -> dict[str, int]:
    return {"lost": result.lost, "stored twice": result.duplicates, "changed": result.changed}


def run(folder: Path, language: str, *, keep: bool) -> int:
    """Run the demonstration; return the exit code: 0 only if everything was as promised, 130 if interrupted."""
    interruption = Interruption()
    interruption.watch()
    try:
        return _run(folder, language, interruption, keep=keep)
    except KeyboardInterrupt:
        print(f"\n{TEXTS.text('interrupted')}", file=sys.stderr)
        return 130


def _run(folder: Path, language: str, interruption: Interruption, *, keep: bool) -> int:
    demo = prepare(folder, language, interruption)
    with ExitStack() as stack:
        stack.callback(demo.stop)
        try:
            start_parts(demo)
            findings = night(demo)
            result, alarms = account(demo)
            findings += findings_of(demo, result, alarms)
        except DemoError as error:
            print(f"!! {error}", file=sys.stderr)
            return 1
        for finding in findings:
            print(f"!! {finding}", file=sys.stderr)
        if keep:
            _stay(demo)
        summary = {
            "readings_stored": result.stored,
            "readings_lost": result.lost,
            "duplicates": result.duplicates,
            "alarms": [f"{alarm['site']}/{alarm['rule']}" for alarm in alarms],
            "notifications": [(message.title or message.text).splitlines()[0] for message in demo.messages],
        }
        print(f"demo: {json.dumps(summary, ensure_ascii=False)}", flush=True)
        return 1 if findings else 0


def _stay(demo: Demo) -> None:
    binaries = Path(sys.executable).parent
    print(TEXTS.text("try"))
    for command in COMMANDS_TO_TRY:
        print(" ", command.format(bin=binaries, folder=demo.folder, port=demo.ports.broker, root=ROOT), flush=True)
    try:
        demo.wait("the end", 30 * 86_400, lambda: False)
    except KeyboardInterrupt:
        print()
