"""A pulse counter of a real agent: from an input to the retained state, over kill -9."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from queue import Queue
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from tests.servers import Mosquitto
from tests.servers.waiting import wait_until
from tests.system.test_edge_agent_process import AgentProcess, ScriptedServer, running, tcp_board

POLLS = 8
"""Requests that the board sees while each level lasts: four polls of two points, twice what the debounce needs."""


class States:
    """The retained states of the counter, as an integrator sees them."""

    def __init__(self, port: int) -> None:
        self.seen: Queue[dict[str, Any]] = Queue()
        self.meta: dict[str, Any] = {}
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        self._client.on_message = self._message
        self._client.connect("127.0.0.1", port)
        self._client.subscribe([("city/v1/gw-1/state/rain", 1), ("city/v1/gw-1/state/meta", 1)])
        self._client.loop_start()

    def _message(self, _client: object, _data: object, message: paho.MQTTMessage) -> None:
        found = json.loads(message.payload)
        if message.topic.endswith("meta"):
            self.meta = found
        else:
            self.seen.put(found)

    def until_total(self, total: float) -> dict[str, Any]:
        """Return the first state with a total."""
        while True:
            state = self.seen.get(timeout=40)
            if state["v"]["total"] == total:
                return state

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def pulse(board: ScriptedServer, times: int) -> None:
    for level in [True, False] * times:
        board.coil = level
        seen = board.reads
        wait_until(lambda seen=seen: board.reads >= seen + POLLS, 20, "the board is polled")  # type: ignore[misc] # mypy infers no lambda with a default


def test_pulses_become_amounts_and_a_total_that_survives_a_kill(tmp_path: Path, mosquitto: Mosquitto) -> None:
    with closing(ScriptedServer()) as board, closing(States(mosquitto.port)) as states:
        config = tcp_board(
            board.port,
            mqtt={"host": "127.0.0.1", "port": mosquitto.port},
            state_interval_s=0.5,
            counters=[
                {
                    "id": "rain", "source": "board/k1", "en": "Rain", "vi": "Mưa", "unit": "mm", "interval_s": 10,
                    "quantity_per_pulse": 0.2, "debounce_s": 0.1, "shortest_pulse_s": 0.8,
                }
            ],
        )  # fmt: skip
        with running(AgentProcess(tmp_path, config)) as agent:
            wait_until(lambda: board.reads >= POLLS, 20, "the board is polled")
            pulse(board, 3)
            first = states.until_total(0.6)
            assert first["v"]["pulses"] == 3
            agent.kill9()
            agent.start()
            wait_until(lambda reads=board.reads: board.reads >= reads + POLLS, 20, "the board is polled again")  # type: ignore[misc] # the same
            pulse(board, 2)
            second = states.until_total(1.0)
            assert second["v"]["pulses"] == 5
    points = states.meta["devices"]["rain"]["points"]
    assert {key: point["unit"] for key, point in points.items()} == {"amount": "mm", "total": "mm", "pulses": ""}
