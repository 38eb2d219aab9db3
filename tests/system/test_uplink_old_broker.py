"""A broker that speaks MQTT 3.1.1 alone, as the demonstration's does: taken only where the configuration allows it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.servers import free_port, wait_until
from tests.system.delivery_rig import Gateway, SmallCollector


@pytest.fixture
def old_broker(tmp_path: Path) -> Iterator[int]:
    port = free_port()
    log = tmp_path / "broker.log"
    with ExitStack() as ending:
        output = ending.enter_context(log.open("wb"))
        command = [sys.executable, "-m", "firmware_sim.demo.broker", str(port)]
        process = subprocess.Popen(command, stdout=output, stderr=output)
        ending.callback(process.wait, 20)
        ending.callback(process.terminate)
        wait_until(lambda: b"ready" in log.read_bytes(), 30, "the broker is ready")
        yield port


def test_mqtt_311_is_refused_unless_it_is_allowed(old_broker: int, tmp_path: Path) -> None:
    with Gateway(tmp_path / "strict", old_broker) as strict:
        strict.accept(1)
        wait_until(lambda: strict.metric("connection_failures") >= 2, 30, "two attempts")
        status = strict.status()
        assert status["connected"] is False
        assert status["broker_problem"] in {"closed", "silent", "protocol"}
        assert strict.metric("connects") == 0
    mqtt = {"allow_mqtt311": True}
    with SmallCollector(old_broker, protocol="3.1.1") as collector, Gateway(tmp_path / "g", old_broker, mqtt=mqtt) as g:
        wait_until(g.is_connected, 30, "connected by MQTT 3.1.1")
        g.accept(2)
        wait_until(lambda: set(g.ledger) <= set(collector.stored()), 30, "the reading is stored")
        wait_until(g.is_drained, 30, "and confirmed")
