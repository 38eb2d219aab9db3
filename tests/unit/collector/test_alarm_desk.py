"""The desk: commit first, then topics and notices; a disk's bad minute loses nothing; what `collector alarms` shows."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from collector.cli.alarms import alarms
from collector.shell.alarm_desk import AlarmDesk
from collector.shell.alarm_store import FILE_NAME, read_alarms
from collector.shell.desk import AlarmStateError
from config.rules import load_rules
from contract.reading import Value
from contract.state import Online
from tests.unit.collector.alarm_parts import GOOD, LOST, START_MS, cabinet, city, received

INVENTORY = city(cabinet(1), cabinet(2, crew="south"))
TOPIC = "city/v1/alarm/c-1/mains-lost"


class Room:
    """A desk without channels, and what it published."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now_ms = START_MS
        self.published: list[tuple[str, dict[str, Any] | None]] = []
        self.desk = AlarmDesk(
            state_dir=folder,
            city=INVENTORY,
            rules=load_rules(),
            notify=(),
            publish=lambda topic, payload: self.published.append(
                (topic, None if payload is None else json.loads(payload))
            ),
            root="city/v1",
            now_ms=lambda: self.now_ms,
        )
        self.desk.connected(START_MS)

    def second(self, at_s: int, values: dict[str, Value]) -> None:
        self.now_ms = START_MS + at_s * 1000
        self.desk.evaluate([received(values, at_s, seq=at_s + 1)])
        self.desk.tick(self.now_ms)

    def last(self, topic: str) -> list[dict[str, Any] | None]:
        return [payload for told, payload in self.published if told == topic]

    def refuse(self, *, is_refused: bool) -> None:
        with sqlite3.connect(self.folder / FILE_NAME) as direct:
            if is_refused:
                direct.execute(
                    "CREATE TRIGGER full BEFORE INSERT ON engine BEGIN SELECT RAISE(ABORT, 'disk full'); END"
                )
            else:
                direct.execute("DROP TRIGGER full")
        direct.close()


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


def test_a_topic_is_retained_while_the_alarm_holds_and_empty_after(room: Room) -> None:
    for at_s in range(100):
        room.second(at_s, LOST if 10 <= at_s < 60 else GOOD)
    first, *_, end = room.last(TOPIC)
    assert first is not None
    assert first["since"] == START_MS + 10_000
    assert (first["rule"], first["site"], first["severity"]) == ("mains-lost", "c-1", 1)
    assert first["state"] == "unacked"
    assert first["text"] == {"en": "MAINS LOST · cabinet C-1 · Lê Duẩn", "vi": "MẤT ĐIỆN · tủ C-1 · Lê Duẩn"}
    assert end is None
    room.desk.close()


def test_nothing_is_published_before_it_is_on_the_disk_and_nothing_is_lost(room: Room) -> None:
    for at_s in range(11):
        room.second(at_s, GOOD)
    room.refuse(is_refused=True)
    for at_s in range(11, 16):
        with pytest.raises(AlarmStateError, match="disk full"):
            room.desk.evaluate([received(LOST, at_s, seq=at_s + 1)])
    assert room.last(TOPIC) == []
    assert read_alarms(room.folder, limit=10)[1] == []
    room.refuse(is_refused=False)
    # The agent repeats what was not confirmed.
    for at_s in range(11, 16):
        room.desk.evaluate([received(LOST, at_s, seq=at_s + 1)])
    history = read_alarms(room.folder, limit=10)[1]
    assert [(row["kind"], row["observed_at_ms"]) for row in history if row["rule"] == "mains-lost"] == [
        ("raised", START_MS + 11_000)
    ]
    assert room.last(TOPIC)[-1] is not None
    room.desk.close()


def test_a_new_connection_gets_every_alarm_again(room: Room) -> None:
    for at_s in range(70):
        room.second(at_s, LOST if at_s >= 10 else GOOD)
    room.published.clear()
    room.desk.disconnected(room.now_ms)
    room.desk.connected(room.now_ms)
    (payload,) = room.last(TOPIC)
    assert payload is not None
    room.desk.close()


def test_a_last_will_is_taken_and_gives_no_alarm_by_itself(room: Room) -> None:
    room.desk.online("gw-2", Online(online=False, nonce="n", sw="1", since=START_MS), START_MS)
    room.desk.online("gw-stranger", Online(online=False, nonce="n", sw="1", since=START_MS), START_MS)
    room.desk.tick(START_MS + 119_000)
    assert room.published == []
    room.desk.tick(START_MS + 121_000)
    assert [topic for topic, _ in room.published] == ["city/v1/alarm/gw-2/gateway-offline"]
    room.desk.close()


def test_a_restart_takes_the_state_up_and_one_unreadable_gateway_stops_none(room: Room) -> None:
    for at_s in range(30):
        room.desk.evaluate([received(LOST, at_s, gateway=name, seq=at_s + 1) for name in ("gw-1", "gw-2")])
    room.desk.close()
    with sqlite3.connect(room.folder / FILE_NAME) as direct:
        direct.execute("""UPDATE engine SET body = '{"heard": 1}' WHERE gateway = 'gw-2'""")
    direct.close()
    again = Room(room.folder)
    for at_s in range(30, 50):
        again.second(at_s, GOOD)
    assert again.last(TOPIC)[-1] is None
    again.desk.close()


def config_file(folder: Path) -> Path:
    (folder / "city.yaml").write_text(yaml.safe_dump(INVENTORY.model_dump(mode="json")), "utf-8")
    file = folder / "collector.yaml"
    file.write_text(f"city_file: {folder / 'city.yaml'}\nstate_dir: {folder}\n", "utf-8")
    return file


def test_the_command_lists_acknowledges_and_shows_history(room: Room) -> None:
    for at_s in range(70):
        room.second(at_s, LOST if at_s >= 10 else GOOD)
    config = str(config_file(room.folder))
    runner = CliRunner()

    plain = runner.invoke(alarms, ["--config", config])
    assert plain.exit_code == 0, plain.output
    assert "MAINS LOST" in plain.output
    left = runner.invoke(alarms, ["--config", config, "ack", "c-1", "mains-lost", "--by", "Lan"])
    assert left.exit_code == 0, left.output
    wrong = runner.invoke(alarms, ["--config", config, "ack", "c-1", "overvoltage", "--by", "Lan"])
    assert wrong.exit_code == 1
    room.desk.tick(room.now_ms + 1000)

    told = json.loads(runner.invoke(alarms, ["--config", config, "--json"]).output)["alarms"]
    states = {alarm["rule"]: (alarm["state"], alarm["acknowledged_by"]) for alarm in told}
    assert states["mains-lost"] == ("acked", "Lan")
    assert states["meter-comm"] == ("suppressed", "")

    for at_s in range(70, 100):
        room.second(at_s, GOOD)
    assert json.loads(runner.invoke(alarms, ["--config", config, "--json"]).output)["alarms"] == []
    everything = json.loads(runner.invoke(alarms, ["--config", config, "--json", "--all"]).output)
    kinds = [step["kind"] for step in everything["history"] if step["rule"] == "mains-lost"]
    assert kinds == ["cleared", "acknowledged", "raised"]
    room.desk.close()


def test_the_command_says_where_there_are_no_alarms(tmp_path: Path) -> None:
    answer = CliRunner().invoke(alarms, ["--config", str(config_file(tmp_path))])
    assert answer.exit_code == 1
    assert str(tmp_path) in answer.output
