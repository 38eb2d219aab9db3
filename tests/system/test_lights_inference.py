"""Nights of a cabinet through a real broker into a running collector: a dead lamp becomes an alarm, and a report."""

from __future__ import annotations

import csv
import json
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from collector.shell.records import read_overview
from contract.batch import ClockState, Priority
from contract.codec import batch_body, columns, stamped
from contract.topics import GatewayTopics
from tests.servers import Mosquitto, wait_until
from tests.system.lights_rig import Centre, cabinet
from tests.unit.collector.lights_gateway import FIRST_DAY, Gateway
from tests.unit.collector.lights_street import DAY_S

CALENDAR = """\
name: test
levels: {100: [A, B, C], 67: [A, B]}
programs:
  - id: p
    periods:
      - {on: "18:00", off: "22:30"}
      - {on: "22:30", off: "05:00", level: 67}
default: p
"""
NIGHTS = 11
DIED = 9
NOON_S = DAY_S // 2
HOUR_S = 3600


def circuits() -> list[dict[str, object]]:
    return [
        {"id": name, "phases": [number], "lamp_type": "sodium", "lamps": 8, "lamp_power_w": 170}
        for number, name in enumerate("ABC", 1)
    ]


class Sender:
    """Publishes a gateway's hours, each as one batch, in order."""

    def __init__(self, port: int, gateway: Gateway) -> None:
        self._gateway, self._seq, self._epoch = gateway, 0, "cd" * 16
        self._topics = GatewayTopics("gw-1")
        self.alarms: dict[str, bytes] = {}
        self._client = paho.Client(CallbackAPIVersion.VERSION2, "gw-1", protocol=MQTTProtocolVersion.MQTTv5)
        self._client.on_message = self._heard
        self._client.connect("127.0.0.1", port)
        self._client.subscribe("city/v1/alarm/c-1/+", qos=1)
        self._client.loop_start()

    def _heard(self, _client: object, _data: object, message: paho.MQTTMessage) -> None:
        self.alarms[message.topic.rpartition("/")[2]] = bytes(message.payload)

    def send(self, first_s: float, end_s: float) -> int:
        """Send some hours and return how many batches have been sent so far."""
        waiting = []
        for hour_s in range(int(first_s), int(end_s), HOUR_S):
            blocks = self._gateway.blocks(hour_s, hour_s + HOUR_S)
            self._seq += 1
            body = batch_body(
                epoch=self._epoch,
                seq=self._seq,
                priority=Priority.NORMAL,
                clock=ClockState.SYNCED,
                device_columns=columns(blocks),
            )
            payload = stamped(body, sent_ms=blocks[-1].observed_at_ms + 500, lowest_seq=1)
            waiting.append(self._client.publish(self._topics.live, payload, qos=1))
        for message in waiting:
            message.wait_for_publish(20)
        return self._seq

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def centre(mosquitto: Mosquitto, tmp_path: Path) -> Centre:
    made = Centre(tmp_path, mosquitto.port, [cabinet(1, circuits=circuits(), calendar_file="calendar.yaml")])
    (tmp_path / "calendar.yaml").write_text(CALENDAR, "utf-8")
    return made


def evaluated(centre: Centre, count: int) -> bool:
    try:
        return read_overview(centre.folder / "state").metrics.get("batches", 0) >= count
    except FileNotFoundError:
        return False


def test_a_dead_lamp_is_an_alarm_after_a_restart_and_the_month_has_its_nights(
    mosquitto: Mosquitto, centre: Centre, tmp_path: Path
) -> None:
    now = datetime.fromtimestamp(time.time(), UTC).astimezone(ZoneInfo("Asia/Ho_Chi_Minh"))
    first_day = now.date() - timedelta(days=NIGHTS + 1)
    shift_days = (first_day - FIRST_DAY).days
    gateway = Gateway(step_s=180, noise=0.01, shift_ms=shift_days * DAY_S * 1000)
    gateway.streets["B"].each[2].dead_from_s = DIED * DAY_S
    sender = Sender(mosquitto.port, gateway)
    try:
        centre.start()
        count = sender.send(NOON_S, NOON_S + 8 * DAY_S)
        wait_until(lambda: evaluated(centre, count), 60, "eight nights evaluated")
        assert "lamps-out" not in sender.alarms
        centre.stop()
        centre.start()
        count = sender.send(NOON_S + 8 * DAY_S, NOON_S + NIGHTS * DAY_S)
        wait_until(lambda: bool(sender.alarms.get("lamps-out")), 60, f"the alarm; {centre.log}")
        alarm = json.loads(sender.alarms["lamps-out"])
        assert "B: ~1/8" in alarm["text"]["en"]
        assert "ĐÈN KHÔNG SÁNG" in alarm["text"]["vi"]
        assert {name for name, payload in sender.alarms.items() if payload} == {"lamps-out"}
        centre.stop()
    finally:
        sender.close()
        centre.kill()
    nights = sum(_nights(centre, month, tmp_path) for month in _months(first_day))
    assert nights == NIGHTS


def _months(first_day: date) -> set[str]:
    return {f"{first_day + timedelta(days=number):%Y-%m}" for number in range(NIGHTS)}


def _nights(centre: Centre, month: str, folder: Path) -> int:
    """Return how many nights a month's report has measured; their energy is that of the plan but for the dead lamp."""
    file = folder / f"{month}.csv"
    code, output = centre.run("lights", "report", "--month", month, "--csv", str(file))
    assert code == 0, output
    with file.open(encoding="utf-8-sig", newline="") as stream:
        total = list(csv.DictReader(stream))[-1]
    assert total["scope"] == "total"
    assert float(total["energy_kwh"]) == pytest.approx(float(total["plan_kwh"]), rel=0.15)
    assert 0 < float(total["saved_percent"]) < 40
    assert total["lamps_out"] == "1"
    return int(total["nights_measured"])
