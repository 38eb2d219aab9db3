"""Kills of agent, collector, broker and database at random phase, a large N: `python -m bench.faults [KILLS]`."""

from __future__ import annotations

import json
import random
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from tests.servers import Influx, Mosquitto
from tests.system.chain import DATABASE, Chain

KILLS_A_PROCESS: Final = 50


def run(kills: int = KILLS_A_PROCESS, seed: int = 1) -> dict[str, Any]:
    """Return what the ledger and the store say after so many kills of each process."""
    rng = random.Random(seed)
    order = kills * ["agent", "collector", "broker", "database"]
    rng.shuffle(order)
    with tempfile.TemporaryDirectory(prefix="bench.") as name:
        folder = Path(name)
        with Influx(folder / "influx") as influx, Mosquitto(folder / "broker") as broker:
            influx.create_database(DATABASE)
            chain = Chain(folder=folder / "chain", broker=broker, influx=influx)
            try:
                chain.start()
                for victim in order:
                    chain.wait_reads(rng.randint(20, 120))
                    away_reads = rng.randint(0, 60)
                    if victim == "agent":
                        chain.kill_agent()
                        chain.programs["agent"].start()
                    elif victim == "collector":
                        chain.programs["collector"].kill9()
                        chain.wait_reads(away_reads)
                        chain.programs["collector"].start()
                    else:
                        server = broker if victim == "broker" else influx
                        server.kill9()
                        chain.wait_reads(away_reads)
                        server.start()
                chain.wait_reads(60)
                until_ms = time.time_ns() // 1_000_000
                chain.wait_delivered(until_ms, timeout_s=600)
                verdict = chain.verdict(until_ms)
            finally:
                chain.stop()
    wrong = verdict.lost + verdict.duplicates + verdict.changed
    return {"kills_a_process": kills, "seed": seed, **asdict(verdict), "wrong": wrong}


if __name__ == "__main__":
    print(json.dumps(run(int(sys.argv[1]) if len(sys.argv) > 1 else KILLS_A_PROCESS), indent=2))
