"""Calibration, averages and maintenance in the running agent, over a kill and a restart, as they stand in its spool."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from contract.codec import decode_batch, stamped
from contract.reading import Block, Cause
from tests.servers import Mosquitto
from tests.servers.waiting import free_port, wait_until
from tests.system.test_edge_agent_process import AgentProcess, foreign, running, tcp_board

__all__ = ["foreign"]
CALIBRATION = {"point": "board/level", "a": 0.5, "b": 1.0, "valid_from": "2020-01-01T00:00Z", "by": "N. T. Hoa"}


def spooled(agent: AgentProcess) -> Iterator[Block]:
    with closing(sqlite3.connect(f"file:{agent.folder}/state/spool.db?mode=ro", uri=True)) as database:
        for (body,) in database.execute("SELECT body FROM batch ORDER BY id"):
            yield from decode_batch(stamped(body, sent_ms=2**41, lowest_seq=1, age_ms=None)).blocks()


def seen(agent: AgentProcess, key: str) -> list[tuple[int, Any, Cause]]:
    return [
        (block.observed_at_ms, block.values[block.keys.index(key)], block.causes.get(key, Cause.OK))
        for block in spooled(agent)
        if block.device == "board" and key in block.keys
    ]


def configured(folder: Path, foreign: Any, **facts: Any) -> AgentProcess:
    config = tcp_board(
        foreign.port,
        calibrations=[CALIBRATION],
        maintenance=[{"switch": "board/k1", "devices": ["board"]}],
        **facts,
    )
    config["devices"][0]["averages"] = {"points": ["level"], "periods_s": [10]}
    return AgentProcess(folder, config)


@pytest.fixture
def agent(tmp_path: Path, foreign: Any) -> AgentProcess:
    return configured(tmp_path, foreign, mqtt={"host": "127.0.0.1", "port": free_port()})


class Reader:
    """An integrator who reads the retained state."""

    def __init__(self, port: int) -> None:
        self.newest: dict[str, dict[str, Any]] = {}
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        self._client.on_message = self._message
        self._client.connect("127.0.0.1", port)
        self._client.subscribe("city/v1/gw-quality/state/+", 1)
        self._client.loop_start()

    def _message(self, _client: object, _data: object, message: paho.MQTTMessage) -> None:
        if message.payload:
            self.newest[message.topic.rpartition("/")[2]] = json.loads(message.payload)

    def average(self) -> float | None:
        value: float | None = self.newest.get("board", {}).get("v", {}).get("level_avg_10s")
        return value

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def test_values_are_corrected_averaged_and_described(tmp_path: Path, mosquitto: Mosquitto, foreign: Any) -> None:
    agent = configured(tmp_path, foreign, gateway="gw-quality", mqtt={"host": "127.0.0.1", "port": mosquitto.port})
    with closing(Reader(mosquitto.port)) as reader, running(agent):
        code, answer = agent.cli("read", "board", "level")
        assert code == 0
        values = {reading["point"]: reading["value"] for reading in answer["readings"]}
        # Whole numbers stay whole: 0.5 x 77 + 1 = 39.5 is rounded to the even one.
        assert values == {"board/level": 40, "board/level_raw": 77}
        assert "Level, before calibration" in agent.run("read", "board", "level").stdout
        wait_until(lambda: reader.average() is not None, 60, "a full period")
        assert reader.average() == 40.0
        points = reader.newest["meta"]["devices"]["board"]["points"]
        assert points["level_avg_10s"]["vi"] == "Mức, trung bình 10 giây"
        assert points["level_raw"]["kind"] == "int"
    averages = seen(agent, "level_avg_10s")
    assert [at_ms % 10_000 for at_ms, _, _ in averages] == [0] * len(averages)
    assert {value for _, value, cause in averages if cause is Cause.OK} == {40.0}
    assert {value for _, value, _ in seen(agent, "level_raw")} == {77}
    assert "N. T. Hoa" in agent.log.read_text("utf-8")


def test_maintenance_survives_a_kill_and_ends_by_word(agent: AgentProcess) -> None:
    with running(agent):
        code, reply = agent.cli("maintain", "board", "--for", "2h", "--reason", "buffers", "--by", "N. T. Hoa")
        assert (code, reply["kept"]) == (0, True)
        wait_until(lambda: agent.device("board")["bad_points"].get("level") == "maintenance", 20, "it is marked")
        agent.kill9()
        agent.start()
        (work,) = agent.cli("status")[1]["maintenance"]
        assert (work["device"], work["by"], work["reason"]) == ("board", "N. T. Hoa", "buffers")
        assert 0 < work["left_s"] <= 7200
        assert "Maintenance: board" in agent.run("status").stdout
        wait_until(lambda: agent.device("board")["bad_points"].get("level") == "maintenance", 20, "it is marked again")
        assert agent.cli("maintain", "board", "--end", "--by", "N. T. Hoa")[0] == 0
        wait_until(lambda: not agent.device("board")["bad_points"], 20, "it is good again")
        assert agent.cli("maintain", "nope", "--for", "2h", "--reason", "x", "--by", "y")[0] == 2
    assert {value for _, value, cause in seen(agent, "level") if cause is Cause.MAINTENANCE} == {40}
    assert agent.cli("maintain", "board", "--end", "--by", "x")[0] == 5


def test_a_switch_begins_and_ends_it(agent: AgentProcess, foreign: Any) -> None:
    with running(agent):
        wait_until(lambda: agent.device("board")["last_good_age_s"] is not None, 20, "a good poll")
        assert agent.cli("status")[1]["maintenance"] == []
        foreign.data_bank.set_coils(0, [True])
        wait_until(lambda: agent.cli("status")[1]["maintenance"] != [], 20, "the switch is seen")
        assert agent.cli("status")[1]["maintenance"] == [{"device": "board", "switch": "board/k1"}]
        foreign.data_bank.set_coils(0, [False])
        wait_until(lambda: agent.cli("status")[1]["maintenance"] == [], 20, "the switch is off")
        wait_until(lambda: not agent.device("board")["bad_points"], 20, "it is good again")
