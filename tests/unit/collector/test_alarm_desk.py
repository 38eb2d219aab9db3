"""The desk: commit first, then topics and notices; a disk's bad minute loses nothing; what `collector alarms` shows."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from collector.cli.alarms import alarms
from collector.core.alarm_record import Effects, Notice
from collector.core.received import Received
from collector.shell.alarm_desk import AlarmDesk
from collector.shell.alarm_store import FILE_NAME, Outgoing, read_alarms
from collector.shell.desk import AlarmStateError
from collector.shell.notify import ChannelRoad
from collector.shell.notify_sender import AppriseSender
from config.city import City
from config.rules import load_rules
from contract.reading import Value
from contract.state import Online
from tests.unit.collector.alarm_parts import GOOD, LOST, START_MS, cabinet, city, received

INVENTORY = city(cabinet(1), cabinet(2, crew="south"))
TOPIC = "city/v1/alarm/c-1/mains-lost"


class Room:
    """A desk without channels, and what it published."""

    def __init__(
        self,
        folder: Path,
        *,
        first_s: int = 0,
        inventory: City = INVENTORY,
        is_steady: bool = False,
        roads: Sequence[ChannelRoad] = (),
    ) -> None:
        self.folder = folder
        self.now_ms = START_MS + first_s * 1000
        self.steady_ms = 0
        self.published: list[tuple[str, dict[str, Any] | None]] = []
        self.desk = AlarmDesk(
            state_dir=folder,
            city=inventory,
            rules=load_rules(),
            notify=(),
            publish=lambda topic, payload: self.published.append(
                (topic, None if payload is None else json.loads(payload))
            ),
            root="city/v1",
            now_ms=lambda: self.now_ms,
            steady_ms=(lambda: self.steady_ms) if is_steady else None,
            roads=roads,
        )
        self.desk.connected(self.now_ms)

    def told(self) -> list[str]:
        with sqlite3.connect(self.folder / FILE_NAME) as direct:
            rows = direct.execute("SELECT name FROM alarm WHERE active ORDER BY name").fetchall()
        direct.close()
        return [name for (name,) in rows]

    def silence(self, seconds: int) -> None:
        for _ in range(seconds):
            self.now_ms += 1000
            self.steady_ms += 1000
            self.desk.tick(self.now_ms)

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


def test_a_batch_that_fails_takes_nothing_of_those_before_it_along(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    for at_s in range(12):
        room.second(at_s, LOST if at_s >= 10 else GOOD)
    really = room.desk._engine.step

    def step(item: Received) -> Effects:
        if item.gateway == "gw-2":
            raise ValueError("a rule's defect")
        return really(item)

    monkeypatch.setattr(room.desk._engine, "step", step)
    items = [received(LOST, 12, seq=13), received(GOOD, 12, gateway="gw-2", seq=1)]
    with pytest.raises(ValueError, match="defect"):
        room.desk.evaluate(items)
    # The collector tries them one by one; the first was evaluated already.
    room.desk.evaluate(items[:1])
    assert "mains-lost" in room.told()
    assert [row["kind"] for row in read_alarms(room.folder, limit=10)[1] if row["rule"] == "mains-lost"] == ["raised"]
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


def test_the_end_of_an_alarm_of_a_slow_clock_is_published_again_too(room: Room) -> None:
    for at_s in range(60):
        room.now_ms = START_MS + at_s * 1000
        readings = received(LOST if 10 <= at_s < 30 else GOOD, at_s, seq=at_s + 1, offset_s=-3 * 86_400.0)
        room.desk.evaluate([readings])
        room.desk.tick(room.now_ms)
    room.published.clear()
    room.desk.connected(room.now_ms)
    assert room.last(TOPIC) == [None]
    room.published.clear()
    room.desk.connected(room.now_ms + 2 * 86_400_000)
    assert room.last(TOPIC) == []
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


def test_state_that_is_no_json_costs_its_gateway_alone(room: Room) -> None:
    for at_s in range(30):
        room.second(at_s, LOST)
    room.desk.close()
    with sqlite3.connect(room.folder / FILE_NAME) as direct:
        direct.execute("""INSERT INTO engine VALUES ('gw-2', '{"heard": ') ON CONFLICT DO UPDATE SET body = '{'""")
    direct.close()
    again = Room(room.folder)
    again.desk.close()
    assert "mains-lost" in again.told()


def test_a_gateway_named_like_one_of_its_cabinets_speaks_for_all_of_them(tmp_path: Path) -> None:
    inventory = city(cabinet(1, gateway="c-1"), cabinet(2, gateway="c-1", meter="m2", io="d2"))
    room = Room(tmp_path, inventory=inventory)
    room.desk.evaluate([received(GOOD, 0, gateway="c-1", seq=1)])
    room.silence(130)
    (payload,) = room.last("city/v1/alarm/c-1/gateway-offline")
    assert payload is not None
    assert "cabinet C-2" in payload["text"]["en"]
    room.desk.close()


def test_of_a_silent_gateway_each_crew_hears_of_its_own_cabinets(tmp_path: Path) -> None:
    behind = (cabinet(1, gateway="gw"), cabinet(2, gateway="gw", meter="m2", io="d2", crew="south"))
    roads = [ChannelRoad(crew, crew, "en", AppriseSender("json://127.0.0.1:9/")) for crew in ("north", "south")]
    room = Room(tmp_path, inventory=city(*behind), roads=roads)
    room.desk.evaluate([received(GOOD, 0, gateway="gw", seq=1)])
    room.silence(200)
    with sqlite3.connect(tmp_path / FILE_NAME) as direct:
        told = dict(direct.execute("SELECT crew, title FROM outbox").fetchall())
    direct.close()
    assert "cabinet C-1 [" in told["north"]
    assert "cabinet C-2 [" in told["south"]
    room.desk.close()


def test_an_alarm_whose_cabinet_left_the_inventory_ends(room: Room) -> None:
    for at_s in range(30):
        room.second(at_s, LOST)
    room.desk.close()
    assert "mains-lost" in room.told()
    without = Room(room.folder, first_s=60, inventory=city(cabinet(2, crew="south")))
    assert without.told() == []
    assert without.last(TOPIC) == [None]
    without.desk.close()


@pytest.mark.parametrize("by_s", [-7_200, -60, 60, 7_200])
def test_a_clock_that_is_set_makes_no_gateway_silent_and_hides_no_silence(tmp_path: Path, by_s: int) -> None:
    room = Room(tmp_path, is_steady=True)
    room.silence(130)
    room.desk.evaluate([received(GOOD, 130, seq=1)])
    room.silence(10)
    room.now_ms += by_s * 1000
    room.silence(75)
    assert room.told() == []
    room.silence(10)
    assert room.told() == ["gateway-offline"]
    room.desk.close()


@pytest.mark.parametrize("by_s", [-7_200, 7_200])
def test_a_clock_that_is_set_moves_the_end_of_a_hold_along(tmp_path: Path, by_s: int) -> None:
    room = Room(tmp_path, is_steady=True)
    said = notices_of(room)
    room.silence(5)
    room.desk.evaluate([received(LOST, 5, seq=1)])
    room.silence(3)
    room.now_ms += by_s * 1000
    room.silence(42)
    assert said == []
    room.silence(5)
    assert len(said) == 1
    room.desk.close()


def test_a_process_that_stood_still_takes_nobody_for_silent(tmp_path: Path) -> None:
    room = Room(tmp_path, is_steady=True)
    room.silence(130)
    room.desk.evaluate([received(GOOD, 130, seq=1)])
    room.silence(1)
    room.now_ms += 600_000
    room.steady_ms += 600_000
    room.silence(119)
    assert room.told() == []
    room.silence(2)
    assert room.told() == ["gateway-offline"]
    room.desk.close()


def test_what_a_wrong_clock_put_into_the_future_waits_no_longer_after_a_restart(tmp_path: Path) -> None:
    room = Room(tmp_path, first_s=86_400, is_steady=True)
    room.desk.evaluate([received(LOST, 86_400, seq=1)])
    room.silence(10)
    room.desk.close()
    again = Room(tmp_path, is_steady=True)
    said = notices_of(again)
    again.silence(50)
    assert len(said) == 1
    again.desk.close()


def notices_of(room: Room) -> list[Notice]:
    """Return a list that grows with every notice."""
    said: list[Notice] = []

    def messages(notice: Notice) -> list[Outgoing]:
        said.append(notice)
        return []

    room.desk._messages = messages  # type: ignore[method-assign]  # crews have no channels here
    return said


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
