"""Delivery end to end on a real Mosquitto."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.batch import ClockState
from edge_agent.shell import delivery
from tests.servers import Mosquitto, free_port, wait_until
from tests.system.delivery_rig import GATEWAY, ROOT, Gateway, SetClock, SmallCollector, states_of


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path / "broker") as running:
        yield running


def _feed(gateway: Gateway, first: int, count: int, *, pause_s: float = 0.0) -> None:
    for number in range(first, first + count):
        gateway.accept(number, mains_ok=number % 50 != 0, device=f"cab-{number % 5}")
        if pause_s:
            gateway.pause(pause_s)


def _all_stored(gateway: Gateway, collector: SmallCollector, timeout_s: float = 60) -> None:
    wait_until(lambda: set(gateway.ledger) <= set(collector.stored()), timeout_s, "every reading is stored")
    wait_until(gateway.is_drained, timeout_s, "the spool is empty")
    stored = collector.stored()
    assert set(stored) == set(gateway.ledger)
    changed = [key for key, copies in stored.items() if {value for _, value in copies} != {gateway.ledger[key]}]
    assert not changed
    twice = [key for key, copies in stored.items() if len({time_ms for time_ms, _ in copies}) != 1]
    assert not twice, "one reading with two times"


def test_readings_travel_live_and_leave_the_disk_when_confirmed(broker: Mosquitto, tmp_path: Path) -> None:
    with SmallCollector(broker.port) as collector, Gateway(tmp_path, broker.port) as gateway:
        wait_until(gateway.is_connected, 10, "connected")
        _feed(gateway, 0, 200, pause_s=0.005)
        _all_stored(gateway, collector)
        assert collector.topics() == {"up/live", "up/event"}
        assert all(batch.clk is ClockState.ASSUMED for _, batch in collector.batches)
        assert gateway.status()["history_backlog"] == 0


def test_everything_is_kept_while_the_broker_is_down_and_delivered_when_it_comes(tmp_path: Path) -> None:
    port = free_port()
    broker = Mosquitto(tmp_path / "broker")
    broker._choose_ports = lambda: setattr(broker, "port", port)  # type: ignore[method-assign]  # one port throughout
    with Gateway(tmp_path / "gateway", port) as gateway:
        _feed(gateway, 0, 300)
        wait_until(lambda: sum(gateway.status()["spool"]["rows"].values()) > 0, 10, "kept on disk")
        wait_until(lambda: "refused" in str(gateway.status()["broker_reason"]), 10, "the reason")
        with broker, SmallCollector(port) as collector:
            _all_stored(gateway, collector)


def test_broker_killed_five_times_loses_nothing(broker: Mosquitto, tmp_path: Path) -> None:
    chance = random.Random(11)
    with SmallCollector(broker.port) as collector, Gateway(tmp_path, broker.port) as gateway:
        wait_until(gateway.is_connected, 10, "connected")
        sent = 0
        for _ in range(5):
            count = chance.randint(400, 500)
            _feed(gateway, sent, count // 2, pause_s=0.001)
            broker.kill9()
            _feed(gateway, sent + count // 2, count - count // 2, pause_s=chance.choice((0.0, 0.002)))
            sent += count
            broker.start()
            wait_until(gateway.is_connected, 10, "connected again")
        _feed(gateway, sent, 100, pause_s=0.005)
        assert len(gateway.ledger) >= 2000
        _all_stored(gateway, collector, 90)
        assert gateway.metric("connects") >= 6


def test_a_restart_delivers_what_the_run_before_kept(broker: Mosquitto, tmp_path: Path) -> None:
    with Gateway(tmp_path, free_port()) as gateway:
        _feed(gateway, 0, 250)
        before = dict(gateway.ledger)
    with SmallCollector(broker.port) as collector, Gateway(tmp_path, broker.port) as gateway:
        _feed(gateway, 1000, 50, pause_s=0.005)
        gateway.ledger |= before
        _all_stored(gateway, collector)
        assert len({batch.epoch for _, batch in collector.batches}) == 2
        assert "up/history" in collector.topics()


def test_live_data_flow_while_a_backlog_drains(broker: Mosquitto, tmp_path: Path) -> None:
    with Gateway(tmp_path, free_port(), spool={"commit_interval_s": 0.05}) as gateway:
        for first in range(0, 400, 5):
            rows = sum(gateway.status()["spool"]["rows"].values())
            _feed(gateway, first, 5)
            wait_until(lambda rows=rows: sum(gateway.status()["spool"]["rows"].values()) > rows, 10, "a commit")  # type: ignore[misc]  # a bound default
        before = dict(gateway.ledger)
    with SmallCollector(broker.port) as collector, Gateway(tmp_path, broker.port) as gateway:
        wait_until(gateway.is_connected, 10, "connected")
        _feed(gateway, 1000, 1)
        key = next(iter(gateway.ledger))
        wait_until(lambda: key in collector.stored(), 20, "the live reading")
        assert len(set(before) - set(collector.stored())) > 0, "the backlog was there first"
        gateway.ledger |= before
        _all_stored(gateway, collector)


def test_a_denied_publish_is_seen_and_named(tmp_path: Path) -> None:
    acl = tmp_path / "acl"
    acl.write_text(f"topic readwrite {ROOT}/up/event\ntopic readwrite {ROOT}/state/#\ntopic read {ROOT}/down/#\n")
    with (
        Mosquitto(tmp_path / "broker", config=f"acl_file {acl}") as broker,
        Gateway(tmp_path / "gateway", broker.port) as gateway,
    ):
        wait_until(gateway.is_connected, 10, "connected")
        _feed(gateway, 1, 3)
        wait_until(lambda: gateway.metric("publish_denied") > 0, 20, "the denial")
        (denied,) = gateway.status()["denied"]
        assert denied["topic"] == f"{ROOT}/up/live"
        assert denied["reason"] == "Not authorized"
        assert sum(gateway.status()["spool"]["rows"].values()) > 0


def test_presence_meta_and_states_are_retained_and_the_will_is_contradicted(broker: Mosquitto, tmp_path: Path) -> None:
    with SmallCollector(broker.port) as collector:
        with Gateway(tmp_path, broker.port) as gateway:
            wait_until(gateway.is_connected, 10, "connected")
            gateway.accept(7)
            wait_until(lambda: states_of(collector, "state/cab-1").get("v", {}).get("u1") == 7.0, 10, "the state")
            wait_until(lambda: states_of(collector, "state/meta").get("devices"), 10, "meta")
            assert states_of(collector, "state/meta")["epoch"] == gateway.status()["epoch"]
            wait_until(lambda: states_of(collector, "state/online").get("online") is True, 10, "presence")
            nonce = states_of(collector, "state/online")["nonce"]
            assert nonce == gateway._delivery.nonce
            wait_until(lambda: gateway.metric("acknowledged") >= 3, 10, "a second of silence")
            collector.publish("state/online", b'{"online":false,"nonce":"","sw":"x","since":0}', retain=True)
            wait_until(lambda: gateway.metric("online_contradicted") > 0 or _deny(collector), 10, "presence again")
            wait_until(lambda: states_of(collector, "state/online").get("nonce") == nonce, 10, "online with its nonce")
        wait_until(lambda: states_of(collector, "state/online").get("online") is False, 10, "offline when stopped")


def _deny(collector: SmallCollector) -> bool:
    # Contradicted at most once a second, so a denial right after the connection is repeated.
    collector.publish("state/online", b'{"online":false,"nonce":"","sw":"x","since":0}', retain=True)
    return False


def test_confirms_that_are_none_are_counted_and_delete_nothing(broker: Mosquitto, tmp_path: Path) -> None:
    with SmallCollector(broker.port, confirms=False) as collector, Gateway(tmp_path, broker.port) as gateway:
        wait_until(gateway.is_connected, 10, "connected")
        gateway.accept(1)
        # Mains goes out at once, the voltage with the next commit.
        wait_until(lambda: {(b.pri, b.seq) for _, b in collector.batches} >= {("urgent", 1), ("normal", 2)}, 10, "both")
        rows = gateway.status()["spool"]["rows"]
        collector.publish("down/confirm", b"\xff\x00 no json")
        collector.publish("down/confirm", b"[" * 60_000)
        collector.publish("down/confirm", b"x" * 100_000)
        collector.publish("down/confirm", b'{"ok":{"x":[[1,2]]}}')
        collector.publish("down/confirm", b'{"ok":{"%s":[[1,9]]}}' % (b"0" * 32))
        epoch = str(gateway.status()["epoch"]).encode()
        collector.publish("down/confirm", b'{"ok":{"%s":[[1,9007199254740992]]}}' % epoch, retain=True)
        for kind in ("not_json", "nested", "oversized", "invalid", "foreign", "retained"):
            wait_until(lambda kind=kind: gateway.metric(f"confirm_{kind}") == 1, 10, kind)  # type: ignore[misc]  # a bound default
        assert gateway.status()["spool"]["rows"] == rows
        collector.publish("down/confirm", b"", retain=True)


def test_commands_reach_the_agent_with_their_retain_flag(broker: Mosquitto, tmp_path: Path) -> None:
    with SmallCollector(broker.port) as collector, Gateway(tmp_path, broker.port) as gateway:
        wait_until(gateway.is_connected, 10, "connected")
        collector.publish("down/cmd", b"first")
        collector.publish("down/cmd", b"kept", retain=True)
        collector.publish("down/cmd", b"x" * 5000)
        wait_until(lambda: gateway.metric("command_oversized") == 1, 10, "the long one")
        assert gateway.commands == [(b"first", False), (b"kept", True)]


def test_a_broker_that_hangs_is_noticed_within_one_and_a_half_keepalives(broker: Mosquitto, tmp_path: Path) -> None:
    with Gateway(tmp_path, broker.port, mqtt={"keepalive_s": 5}) as gateway:
        wait_until(gateway.is_connected, 10, "connected")
        broker.suspend()
        try:
            begun_s = time.monotonic()
            # The promise is 7.5 s; the rest is this machine's.
            wait_until(lambda: not gateway.is_connected(), 12, "noticed")
            assert time.monotonic() - begun_s > 1.0
        finally:
            broker.resume()
        wait_until(gateway.is_connected, 15, "connected again")


def test_without_a_synchronised_clock_urgent_readings_go_at_once_and_all_get_their_time_later(
    broker: Mosquitto, tmp_path: Path
) -> None:
    clock = SetClock()
    clock.is_synchronised = False
    true_offset_ms, clock.wall_offset_ms = clock.wall_offset_ms, 0
    with SmallCollector(broker.port) as collector, Gateway(tmp_path, broker.port, clock=clock) as gateway:
        wait_until(gateway.is_connected, 10, "connected")
        _feed(gateway, 1, 60, pause_s=0.005)
        wait_until(lambda: gateway.status()["spool"]["held"] > 0, 10, "held readings")
        wait_until(lambda: collector.batches, 10, "urgent readings at once")
        assert {batch.clk for _, batch in collector.batches} == {ClockState.WAITING}
        assert all(batch.age_ms is not None for _, batch in collector.batches)
        clock.wall_offset_ms = true_offset_ms
        clock.is_synchronised = True
        _feed(gateway, 100, 20, pause_s=0.005)
        _all_stored(gateway, collector)
        times = {key[2]: copies[0][0] for key, copies in collector.stored().items()}
        expected = [monotonic_ms + true_offset_ms for monotonic_ms in gateway.times_by_monotonic]
        assert all(
            abs(times[number] - right) <= 5 for number, right in zip(gateway_numbers(gateway), expected, strict=True)
        )
        assert {batch.clk for _, batch in collector.batches} == {ClockState.WAITING, ClockState.SYNCED}


def gateway_numbers(gateway: Gateway) -> list[int]:
    """Return the numbers in the order in which they were accepted."""
    return [number for _, _, number in gateway.ledger]


def test_a_boot_that_ended_without_time_is_placed_before_the_next(broker: Mosquitto, tmp_path: Path) -> None:
    first = SetClock(boot_id="boot-1")
    first.is_synchronised = False
    with Gateway(tmp_path, free_port(), clock=first) as gateway:
        _feed(gateway, 1, 100, pause_s=0.002)
        before = dict(gateway.ledger)
    second = SetClock(boot_id="boot-2")
    began_ms = second.wall_offset_ms
    with SmallCollector(broker.port) as collector, Gateway(tmp_path, broker.port, clock=second) as gateway:
        gateway.ledger |= before
        _all_stored(gateway, collector)
        placed = [batch for _, batch in collector.batches if batch.clk is ClockState.PLACED]
        readings = [reading for batch in placed for block in batch.blocks() for reading in block.readings()]
        assert {reading.cause for reading in readings} == {"clock"}
        assert max(reading.observed_at_ms for reading in readings) < began_ms


def test_two_gateways_with_one_name_are_named(broker: Mosquitto, tmp_path: Path) -> None:
    with Gateway(tmp_path / "a", broker.port) as first, Gateway(tmp_path / "b", broker.port) as second:
        wait_until(
            lambda: first.metric("session_takeovers") + second.metric("session_takeovers") > 0,
            20, f"{GATEWAY} is taken over",
        )  # fmt: skip


def test_many_readings_do_not_wait_for_the_interval(
    broker: Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "FULL_READINGS", 100)
    slow = {"commit_interval_s": 60}
    with SmallCollector(broker.port) as collector, Gateway(tmp_path, broker.port, spool=slow) as gateway:
        wait_until(gateway.is_connected, 10, "connected")
        _feed(gateway, 1, 1000)
        wait_until(lambda: len(collector.stored()) >= 950, 20, "all but what does not fill a commit")
        assert not gateway.metric("readings_dropped")
