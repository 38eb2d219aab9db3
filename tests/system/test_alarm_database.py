"""No alarm waits for the database: real batches through a real collector, with InfluxDB hung or stopped, to the crews.

Event times and the notice's hold run on a virtual clock; only the servers run on the machine's.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from collector.app import Collector
from collector.core.received import Received
from collector.shell.alarm_desk import AlarmDesk
from collector.shell.desk import Desk
from collector.shell.stores import open_store
from config.collector import Channel, CollectorConfig, CrewChannels
from config.rules import load_rules
from contract.batch import ClockState, Priority
from contract.codec import batch_body, columns, stamped
from contract.reading import Value
from tests.servers import Influx, Mosquitto, wait_until
from tests.system.alarm_rig import MailServer, Webhook
from tests.system.collector_rig import EPOCH, FakeGateway
from tests.unit.collector.alarm_parts import START_MS, blocks, cabinet, city

LIT: dict[str, Value] = {"m1/u1": 230.0, "m1/u2": 231.0, "m1/u3": 229.0, "m2/mains_ok": True, "control/lamps_due": 1}
DARK: dict[str, Value] = {
    "m1/u1": "timeout",
    "m1/u2": "timeout",
    "m1/u3": "timeout",
    "m2/mains_ok": False,
    "control/lamps_due": 1,
}


class CabinetGateway(FakeGateway):
    """A gateway whose batches are one second of one cabinet."""

    def second(self, at_s: int, values: Mapping[str, Value]) -> None:
        """Commit and publish one second's readings."""
        self.seq += 1
        at_ms = START_MS + at_s * 1000
        body = batch_body(
            epoch=EPOCH,
            seq=self.seq,
            priority=Priority.NORMAL,
            clock=ClockState.SYNCED,
            device_columns=columns(blocks(values, at_ms)),
        )
        self.spool[self.seq] = stamped(body, sent_ms=at_ms, lowest_seq=1)
        self.publish("up/event", self.spool[self.seq])


class WatchedDesk(AlarmDesk):
    """The real desk, and the numbers of the batches that it has evaluated."""

    evaluated: frozenset[int] = frozenset()

    def evaluate(self, items: Sequence[Received]) -> None:
        """Note them once they are evaluated and committed."""
        super().evaluate(items)
        self.evaluated |= {item.batch.seq for item in items}


class CityNight:
    """A collector with its real alarm desk, and a night that is driven second by second."""

    def __init__(self, folder: Path, broker: Mosquitto, influx: Influx, gateway: CabinetGateway, *urls: str) -> None:
        self.now_ms = START_MS
        self._gateway = gateway
        inventory = city(cabinet(1, gateway=gateway.name, meter="m1", io="m2"))
        store = {"kind": "influxdb1", "url": influx.url, "database": "t", "timeout_s": 1.0, "batch_interval_s": 0.02}
        config = CollectorConfig.model_validate(
            {
                "name": f"collector-{gateway.name}",
                "city_file": "city.yaml",
                "state_dir": folder / "state",
                "mqtt": {"host": "127.0.0.1", "port": broker.port},
                "store": store,
            }
        )

        def make_desk(*, publish: Callable[[str, bytes | None], None]) -> Desk:
            channels = tuple(Channel(url=url) for url in urls)
            self.desk = WatchedDesk(
                state_dir=config.state_dir,
                city=inventory,
                rules=load_rules(),
                notify=[CrewChannels(crew="north", channels=channels)],
                publish=publish,
                root=config.mqtt.root,
                now_ms=lambda: self.now_ms,
            )
            return self.desk

        self.collector = Collector(
            config=config,
            named_gateways=frozenset({gateway.name}),
            store=open_store(config),
            make_desk=make_desk,
            now_ms=lambda: self.now_ms,
        )
        self._thread = threading.Thread(target=self.collector.run)

    def __enter__(self) -> Self:
        self._thread.start()
        wait_until(lambda: self.collector.broker.is_connected, 20, "the collector's subscriptions")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.collector.stop()
        self._thread.join(60)
        assert not self._thread.is_alive(), "the collector did not end"

    def seconds(self, first: int, end: int, values: Mapping[str, Value]) -> None:
        """Let seconds pass; each is evaluated before the next begins."""
        for at_s in range(first, end):
            self.now_ms = START_MS + at_s * 1000
            self._gateway.second(at_s, values)
            wait_until(lambda: self._gateway.seq in self.desk.evaluated, 30, f"second {at_s} evaluated")


@pytest.mark.parametrize("fault", ["hung", "stopped"])
def test_a_lost_mains_reaches_the_crew_while_the_database_does_not_answer_and_nothing_is_confirmed(
    fault: str, mosquitto: Mosquitto, tmp_path: Path
) -> None:
    with (
        Influx(tmp_path / "influx") as influx,
        Webhook() as webhook,
        MailServer() as mail,
        CabinetGateway(mosquitto, f"gw-{fault}", {"u1": "float", "mains_ok": "bool"}) as gateway,
    ):
        influx.create_database("t")
        with CityNight(tmp_path, mosquitto, influx, gateway, webhook.url, mail.url) as night:
            night.seconds(0, 10, LIT)
            gateway.wait_confirmed()
            well = set(gateway.confirmed)
            if fault == "hung":
                influx.suspend()
            else:
                influx.stop()
            try:
                night.seconds(10, 60, DARK)
                wait_until(lambda: len(webhook.posts) == 1 and len(mail.mail) == 1, 60, "the loss, by both channels")
                night.seconds(60, 75, LIT)
                wait_until(lambda: len(webhook.posts) == 2 and len(mail.mail) == 2, 60, "the restore, by both channels")
                wait_until(lambda: bool(night.collector.writer.trouble), 60, "the store's trouble")
                assert gateway.confirmed == well
                assert len(gateway.spool) == 65
            finally:
                if fault == "hung":
                    influx.resume()
                else:
                    influx.start()
            gateway.wait_confirmed()
            assert len(webhook.posts) == len(mail.mail) == 2, "repeats of what is stored late tell nobody again"
        stored = influx.rows("SELECT mains_ok FROM meter", database="t")

    assert [row["mains_ok"] for row in stored] == [*[True] * 10, *[False] * 50, *[True] * 15]
    lost, back = (post["message"].splitlines()[0] for post in webhook.posts)
    # The hold of 45 s began with the evaluation at 20:00:12: the words of a message are its time.
    assert lost == "MẤT ĐIỆN · tủ C-1 · Lê Duẩn · từ 20:00 (47 giây)"
    assert back == "ĐÃ CÓ ĐIỆN LẠI · tủ C-1 · Lê Duẩn · lúc 20:01, sau 50 giây (từ 20:00)"
    assert [subject.partition(" · ")[0] for subject, _ in mail.texts()] == ["MẤT ĐIỆN", "ĐÃ CÓ ĐIỆN LẠI"]
    assert sorted(gateway.confirmed) == list(range(1, 76))
