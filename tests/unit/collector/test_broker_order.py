"""What is published first when much waits: commands, then alarms, then confirms."""

from __future__ import annotations

from typing import Any, cast

import paho.mqtt.client as paho

from collector.shell.broker import MAX_TRANSIENT, Broker
from collector.shell.metrics import Metrics
from config.agent import Mqtt


class Client:
    """Writes down what it is to publish."""

    def __init__(self) -> None:
        self.topics: list[str] = []

    def publish(self, topic: str, _payload: bytes | None, **_options: Any) -> paho.MQTTMessageInfo:
        self.topics.append(topic)
        return paho.MQTTMessageInfo(len(self.topics))


class Nobody:
    def message(self, topic: str, payload: bytes, *, retained: bool) -> None:
        raise AssertionError(topic, payload, retained)

    def connected(self) -> None:
        """Nothing depends on it."""

    def disconnected(self) -> None:
        """Nothing depends on it."""


def test_a_command_does_not_stand_behind_the_confirms_of_a_city() -> None:
    metrics = Metrics()
    broker = Broker(mqtt=Mqtt(), client_id="c", filters=(), listener=Nobody(), metrics=metrics)
    assert not broker.publish("gw/down/cmd", b"x", first=True)
    broker._subscribed = True
    for number in range(MAX_TRANSIENT + 5):
        broker.publish(f"gw-{number}/down/confirm", b"{}")
    broker.publish_retained("alarm/c-1/mains-lost", b"{}")
    assert broker.publish("gw-1/down/cmd", b"{}", first=True)
    assert broker.publish("gw-2/down/cmd", b"{}", first=True)
    client = Client()
    for _ in range(4):
        broker._publish_next(cast("paho.Client", client), {})
    assert client.topics == ["gw-1/down/cmd", "gw-2/down/cmd", "alarm/c-1/mains-lost", "gw-0/down/confirm"]
    assert metrics.value("publishes_dropped") == 6
