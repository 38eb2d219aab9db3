"""A command to a whole city: how long until every gateway has answered, `done` or with a reason.

`python -m bench.fleet [CABINETS]`. Real are the collector's daemon, Mosquitto, the agents' code and the simulator's
city, as `firmware-sim city` writes it, with one Modbus/TCP port a gateway. The agents share a few processes
(bench/fleet_agents.py). An order goes the way of `collector lights`: plan and order over the control socket. The time
runs from the order's sending to the arrival of each gateway's last answer at a subscriber; 4 s for each staggered
circuit after the first are taken off, as the limit says.
"""

from __future__ import annotations

import contextlib
import getpass
import json
import math
import os
import secrets
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import paho.mqtt.client as mqtt
import yaml
from paho.mqtt.enums import CallbackAPIVersion

from bench.measure import running, wait_s
from collector.shell.control_socket import ControlClient
from collector.shell.records import read_overview
from firmware_sim.city.files import CityOptions, write_city
from firmware_sim.city.names import names
from firmware_sim.city.plan import numbers_for, plan_city
from tests.servers import Mosquitto
from tests.servers.waiting import wait_until

CABINETS: Final = 261
SEED: Final = 7
FIRST_PORT: Final = 21_000
POLL_S: Final = 5.0
"""So that two cores have the field, 261 agents, the broker and the centre, and are not busy with polling."""
AGENTS_A_PROCESS: Final = 66
STAGGER_S: Final = 4.0
LIMIT_S: Final = 5.0
START_PATIENCE_S: Final = 240.0
CALM_MESSAGES: Final = 200
"""A collector with fewer messages to evaluate and store keeps up: less than two seconds' worth of this city."""
ANSWER_PATIENCE_S: Final = 60.0
RESTRIKE_S: Final = 90.0
"""Sodium lamps that were just put out do not start for a minute."""
FINAL: Final = frozenset({"done", "rejected", "expired", "failed"})


class Watch:
    """Sees which gateways are there, and when each one's final answer to a command arrives."""

    def __init__(self, port: int) -> None:
        self.online: set[str] = set()
        self.answers: dict[str, tuple[float, dict[str, Any]]] = {}
        self._lock = threading.Lock()
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, "bench-fleet", protocol=mqtt.MQTTv5)
        self.client.on_message = self._take
        self.client.connect("127.0.0.1", port)
        self.client.subscribe([("city/v1/+/up/cmd", 1), ("city/v1/+/state/online", 1)])
        self.client.loop_start()

    def _take(self, client: mqtt.Client, _: object, message: mqtt.MQTTMessage) -> None:
        del client
        now_s, gateway = time.monotonic(), message.topic.split("/")[2]
        told = json.loads(message.payload)
        with self._lock:
            if message.topic.endswith("/online"):
                (self.online.add if told.get("online") else self.online.discard)(gateway)
            elif told["state"] in FINAL:
                self.answers.setdefault(gateway, (now_s, told))

    def forget(self) -> None:
        with self._lock:
            self.answers = {}

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


def share(values: list[float], part: float) -> float:
    """Return the value that this part of them does not exceed."""
    return sorted(values)[max(0, math.ceil(part * len(values)) - 1)]


def give(socket: Path, op: str, **facts: Any) -> float:
    """Give an order to the whole city; return when it was sent."""
    with contextlib.closing(ControlClient(socket)) as client:
        plan = client.ask("plan", operation="switch", everything=True)
        sent_s = time.monotonic()
        told = client.ask(
            "order", op=op, everything=True, fingerprint=plan["fingerprint"], token=secrets.token_hex(16), **facts
        )
    if "order" not in told:
        raise RuntimeError(f"the order was refused: {told}")
    return sent_s


def answered(watch: Watch, sent_s: float, circuits: dict[str, int]) -> dict[str, Any]:
    """Wait for the answers and return how long they took, and what they were."""
    with contextlib.suppress(TimeoutError):
        wait_until(lambda: len(watch.answers) >= len(circuits), ANSWER_PATIENCE_S, "every gateway answered")
    answers = dict(watch.answers)
    took_s = [at_s - sent_s - STAGGER_S * (circuits[gateway] - 1) for gateway, (at_s, _) in answers.items()]
    reasons = Counter(f"{told['state']} {told.get('reason') or _causes(told)}".strip() for _, told in answers.values())
    return {
        "answered": len(answers),
        "answers": dict(reasons.most_common(8)),
        "p50_s": round(share(took_s, 0.50), 2) if took_s else None,
        "p99_s": round(share(took_s, 0.99), 2) if took_s else None,
        "last_s": round(max(at_s for at_s, _ in answers.values()) - sent_s, 2) if answers else None,
        "load_1min": round(os.getloadavg()[0], 1),
    }


def _causes(told: dict[str, Any]) -> str:
    causes = {one.get("cause") or "" for one in (told.get("circuits") or {}).values()} - {""}
    return ",".join(sorted(causes))


def waiting(state_dir: Path) -> int:
    """Return how many messages wait at the collector, as it wrote last."""
    metrics = read_overview(state_dir).metrics
    return int(metrics.get("ingest_queue", 0)) + int(metrics.get("store_queue", 0))


@contextlib.contextmanager
def city_running(folder: Path, cabinets: int) -> Iterator[tuple[Watch, Path, dict[str, int]]]:
    """Run a whole city: broker, field, centre, agents; yield the watch, the way to the centre, circuits by gateway."""
    plan = plan_city(numbers_for(cabinets, alley_lamps=0, signals=0, warnings=0), SEED, names())
    with contextlib.ExitStack() as stack:
        broker = stack.enter_context(Mosquitto(folder / "broker", config="max_queued_messages 0"))
        city = folder / "city"
        options = CityOptions(first_port=FIRST_PORT, mqtt_port=broker.port, account=getpass.getuser(), fast_s=POLL_S)
        write_city(plan, city, options)
        arguments = ["-m", "firmware_sim", "run", str(city / "simulator.yaml"), "--json"]
        field = stack.enter_context(running(arguments, folder / "field.log"))
        assert field.stdout
        field.stdout.readline()
        stack.enter_context(
            running(["-m", "collector", "run", "--config", str(city / "collector.yaml")], folder / "c.log")
        )
        watch = Watch(broker.port)
        stack.callback(watch.close)
        files = sorted(str(file) for file in city.glob("gateways/*/agent.yaml"))
        for first in range(0, len(files), AGENTS_A_PROCESS):
            part = files[first : first + AGENTS_A_PROCESS]
            stack.enter_context(running(["-m", "bench.fleet_agents", *part], folder / f"agents-{first}.log"))
        wait_until(lambda: len(watch.online) == len(plan.sites), START_PATIENCE_S, "every gateway is connected")
        # Past the random wait of every gateway's first switching, and the first poll of every device.
        first_agent = yaml.safe_load(Path(files[0]).read_text(encoding="utf-8"))
        wait_s(first_agent["lighting"].get("start_wait_s", 30.0) + 2.0 * STAGGER_S + 2.0 * POLL_S)
        socket = city / "state" / "control.sock"
        wait_until(socket.exists, START_PATIENCE_S, "the collector listens")
        wait_until(
            lambda: waiting(city / "state") < CALM_MESSAGES,
            START_PATIENCE_S,
            "the collector has taken what came at the start",
            poll_interval_s=1.0,
        )
        yield watch, socket, {site.gateway: len(site.contactors) for site in plan.sites}


def run(cabinets: int = CABINETS) -> dict[str, Any]:
    """Return how long a city took to answer: all off, then all on."""
    with (
        tempfile.TemporaryDirectory(prefix="fleet.") as name,
        city_running(Path(name), cabinets) as (watch, socket, circuits),
    ):
        give(socket, "override", level=100, for_s=3600.0, reason="bench: a known beginning")
        answered(watch, time.monotonic(), circuits)
        results = {}
        for what, level in (("off", 0), ("on", 100)):
            wait_s(RESTRIKE_S)
            watch.forget()
            sent_s = give(socket, "override", level=level, for_s=3600.0, reason=f"bench: all {what}")
            results[what] = answered(watch, sent_s, circuits)
        p99 = [float(result["p99_s"] or math.inf) for result in results.values()]
        return {
            "gateways": len(circuits),
            "agents_a_process": AGENTS_A_PROCESS,
            **{f"{what}_{key}": value for what, result in results.items() for key, value in result.items()},
            "answered": min(int(result["answered"]) for result in results.values()),
            "p99_s": max(p99),
            "limit_p99_s": LIMIT_S,
        }


if __name__ == "__main__":
    print(json.dumps(run(int(sys.argv[1]) if len(sys.argv) > 1 else CABINETS), indent=2))
