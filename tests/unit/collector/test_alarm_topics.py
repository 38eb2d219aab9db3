"""What integrators read of an alarm is the message of the wire contract, nothing more and nothing less."""

from __future__ import annotations

from pathlib import Path

import orjson

from collector.shell.alarm_desk import AlarmDesk
from config.rules import load_rules
from contract.alarm import MAX_ALARM_BYTES, ActiveAlarm
from contract.codec import decode
from contract.state import Online
from tests.unit.collector.alarm_parts import GOOD, LOST, START_MS, cabinet, city, received


def test_every_alarm_topic_carries_the_message_of_the_contract(tmp_path: Path) -> None:
    published: list[tuple[str, bytes]] = []

    def publish(topic: str, payload: bytes | None) -> None:
        if payload is not None:
            published.append((topic, payload))

    desk = AlarmDesk(
        state_dir=tmp_path,
        city=city(cabinet(1), cabinet(2), cabinet(3)),
        rules=load_rules(),
        notify=(),
        publish=publish,
        root="city/v1",
        now_ms=lambda: START_MS,
    )
    desk.connected(START_MS)
    for at_s in range(60):
        desk.evaluate([received(LOST if at_s >= 10 else GOOD, at_s, seq=at_s + 1)])
        desk.tick(START_MS + at_s * 1000)
    for number in (2, 3):
        desk.online(f"gw-{number}", Online(online=False, nonce="n", sw="1", since=START_MS), START_MS + 60_000)
    for at_s in range(60, 400, 5):
        desk.tick(START_MS + at_s * 1000)
    desk.close()
    assert {topic.rpartition("/")[2] for topic, _ in published} >= {"mains-lost", "gateway-offline"}
    for topic, payload in published:
        alarm = decode(payload, ActiveAlarm, MAX_ALARM_BYTES)
        assert topic == f"city/v1/alarm/{alarm.site}/{alarm.alarm}"
        assert set(orjson.loads(payload)) == set(ActiveAlarm.model_fields)
        assert alarm.active
