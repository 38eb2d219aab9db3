"""The spool under kill -9 and under a file system that gives no more room."""

from __future__ import annotations

import json
import random
import resource
import subprocess
import sys
from pathlib import Path

from edge_agent.core.delivery import Request
from edge_agent.core.delivery_rows import KeyRanges, key_of
from edge_agent.shell.spool import Spool

KILLS = 8
ROWS_EACH = (260, 340)


def _held(path: Path) -> dict[tuple[str, int], list[float]]:
    spool = Spool(path, max_bytes=2**30)
    spool.open()
    everything = (0, key_of(2**21 - 1, 2**40 - 1), 10**6)
    request = Request(
        urgent=(), more_urgent=10**6, recent=(0, 0, 0), old=everything,
        known_urgent=frozenset(), in_flight=frozenset(), confirmed=KeyRanges(1),
    )  # fmt: skip
    answer = spool.fetch(request)
    bodies = [one.body for one in answer.history] + [spool._body(one) or b"" for one in answer.more_urgent]
    assert spool.counters.set_aside == spool.counters.corrupt_rows == 0
    spool.close()
    batches = [json.loads(body) for body in bodies]
    return {(batch["epoch"], batch["seq"]): batch["d"]["cab-1"]["m"]["u1"] for batch in batches}


def _write_until_killed(path: Path, first: int, commits: int) -> list[tuple[str, int, int, int]]:
    """Run a writer, kill it after so many commits it told of, and return all that it told."""
    arguments = [sys.executable, "-m", "tests.system.spool_writer", str(path), str(first)]
    told: list[str] = []
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        for line in writer.stdout:
            told.append(line)
            if len(told) == commits:
                writer.kill()
    assert len(told) >= commits, "the writer ended by itself"
    parts = [line.split() for line in told if line.endswith("\n") and len(line.split()) == 4]
    return [(epoch, int(seq), int(number), int(deleted)) for epoch, seq, number, deleted in parts]


def test_what_was_reported_as_kept_survives_kill_9_at_any_moment(tmp_path: Path) -> None:
    chance = random.Random(3)
    path = tmp_path / "spool.db"
    expected: dict[tuple[str, int], list[float]] = {}
    first = readings = 0
    for _ in range(KILLS):
        told = _write_until_killed(path, first, chance.randint(*ROWS_EACH) // 5)
        for epoch, seq, number, deleted in told:
            expected[epoch, seq] = [float(number + row) for row in range(5)]
            readings += 5
            expected.pop((epoch, deleted), None)
        held = _held(path)
        lost = {key for key in expected if key not in held}
        # The commit under way when the kill came may have reached the disk with its deletion.
        assert len(lost) <= 1
        assert all(key[0] == told[-1][0] and key[1] > told[-1][1] - 7 for key in lost)
        assert all(held[key] == values for key, values in expected.items() if key in held)
        expected = held
        first = told[-1][2] + 100
    assert readings >= 2000


def test_a_file_that_may_not_grow_is_reported_and_never_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "spool.db"

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, 600_000))

    arguments = [sys.executable, "-X", "dev", "-m", "tests.system.spool_writer", str(path), "0"]
    done = subprocess.run(arguments, preexec_fn=limit, capture_output=True, text=True, timeout=120, check=False)
    assert "not kept: " in done.stderr
    told = [line.split() for line in done.stdout.splitlines()]
    assert len(told) > 20
    expected = {(epoch, int(seq)) for epoch, seq, _, _ in told}
    deleted = {(epoch, int(number)) for epoch, _, _, number in told}
    held = _held(path)
    assert expected - deleted <= set(held)
