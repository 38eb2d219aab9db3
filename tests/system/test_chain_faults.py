"""Nothing lost, nothing twice: every process killed at random phase, outages with backlog, on real servers."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.servers import Influx, Mosquitto
from tests.system.chain import DATABASE, Chain, StoreKind

KILLS_A_PROCESS = 5
LEAST_READINGS = 2000

pytestmark = pytest.mark.system


@pytest.fixture
def chain(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Chain]:
    kind: StoreKind = request.param
    influx = Influx(tmp_path / "influx") if kind == "influxdb1" else None
    if influx:
        influx.start()
        influx.create_database(DATABASE)
    with Mosquitto(tmp_path / "broker") as broker:
        running = Chain(folder=tmp_path / "chain", broker=broker, influx=influx)
        try:
            running.start()
            yield running
        finally:
            running.stop()
            if influx:
                influx.stop()


def assert_nothing_lost(chain: Chain, until_ms: int) -> None:
    chain.wait_delivered(until_ms)
    verdict = chain.verdict(until_ms)
    assert (verdict.lost, verdict.duplicates, verdict.changed) == (0, 0, 0), verdict
    assert verdict.served * 10 >= LEAST_READINGS


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@pytest.mark.parametrize("chain", ["influxdb1"], indirect=True)
def test_every_process_is_killed_at_random_phase(chain: Chain) -> None:
    rng = random.Random(2026)
    influx = chain.influx
    assert influx is not None

    def restart(kill: Callable[[], None], start: Callable[[], None], away_reads: int) -> None:
        kill()
        if away_reads:
            chain.wait_reads(away_reads)
        start()

    faults = KILLS_A_PROCESS * ["agent", "collector", "broker", "database"]
    rng.shuffle(faults)
    for fault in faults:
        chain.wait_reads(rng.randint(20, 120))
        away_reads = rng.randint(0, 60)
        if fault == "agent":
            restart(chain.kill_agent, chain.programs["agent"].start, 0)
        elif fault == "collector":
            collector = chain.programs["collector"]
            restart(collector.kill9, collector.start, away_reads)
        elif fault == "broker":
            restart(chain.broker.kill9, chain.broker.start, away_reads)
        else:
            restart(influx.kill9, influx.start, away_reads)
    chain.wait_reads(60)
    assert_nothing_lost(chain, now_ms())


@pytest.mark.parametrize("chain", ["sqlite"], indirect=True)
def test_the_embedded_store_survives_kills_of_the_collector(chain: Chain) -> None:
    rng = random.Random(117)
    collector = chain.programs["collector"]
    for _ in range(KILLS_A_PROCESS):
        chain.wait_reads(rng.randint(40, 160))
        collector.kill9()
        chain.wait_reads(rng.randint(0, 80))
        collector.start()
    chain.wait_reads(60)
    assert_nothing_lost(chain, now_ms())


@pytest.mark.parametrize("chain", ["influxdb1"], indirect=True)
def test_a_broker_outage_costs_nothing(chain: Chain) -> None:
    chain.wait_reads(60)
    chain.broker.stop()
    chain.wait_reads(400)
    chain.broker.start()
    chain.wait_reads(60)
    assert_nothing_lost(chain, now_ms())


@pytest.mark.parametrize("chain", ["influxdb1"], indirect=True)
def test_live_data_flow_while_the_backlog_of_a_database_outage_drains(chain: Chain) -> None:
    influx = chain.influx
    assert influx is not None
    chain.wait_reads(60)
    influx.stop()
    began_ms = now_ms()
    chain.wait_reads(1200)
    influx.start()
    back_ms = now_ms()

    def newest_ms() -> int:
        return max((at_ms for _, at_ms, _ in chain.stored()), default=0)

    deadline = time.monotonic() + 60
    seen_live_before_drained = False
    while time.monotonic() < deadline:
        rows = [at_ms for _, at_ms, _ in chain.stored()]
        outage = [at_ms for at_ms in rows if began_ms + 3000 < at_ms < back_ms - 3000]
        drained = len(outage) >= 0.999 * chain.devices * (back_ms - began_ms - 6000) / (chain.interval_s * 1000)
        if newest_ms() > back_ms and not drained:
            seen_live_before_drained = True
        if drained:
            break
        chain.wait_reads(4)
    assert seen_live_before_drained
    assert_nothing_lost(chain, now_ms())
