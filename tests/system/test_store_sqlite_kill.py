"""The embedded store under kill -9: what was answered is there, and the file is whole."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO

from tests.servers import wait_until

WRITER = """
import sys
from pathlib import Path
from typing import IO
from collector.core.rows import Row
from collector.shell.stores.sqlite import SqliteStore
store = SqliteStore(Path(sys.argv[1]), retention_days=3650)
number = int(sys.argv[2])
while True:
    rows = [
        Row(measurement="meter", gateway="gw-1", device=f"m{n}", time_ms=1_760_000_000_000 + number,
            fields={"u1": float(number), "n": n})
        for n in range(50)
    ]
    store.write(rows)
    print(number, flush=True)
    number += 1
"""
KILLS = 5


def test_five_kills_at_random_phase_lose_no_answered_write(tmp_path: Path) -> None:
    file = tmp_path / "samples.db"
    rng = random.Random(3)
    answered: list[int] = []
    for _ in range(KILLS):
        begin = answered[-1] + 1 if answered else 0
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(file), str(begin)], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        output = writer.stdout

        def listen(output: IO[str] = output) -> None:
            note = answered.append
            for line in output:
                if line.endswith("\n"):
                    note(int(line))

        listener = threading.Thread(target=listen)
        listener.start()
        target = len(answered) + rng.randint(10, 40)
        wait_until(lambda enough=target: len(answered) >= enough, 60, "answered writes")  # type: ignore[misc]  # binds now
        writer.kill()
        writer.wait()
        listener.join()
        output.close()
        _assert_whole(file, answered)
    assert len(answered) * 100 >= 2000


def _assert_whole(file: Path, answered: list[int]) -> None:
    connection = sqlite3.connect(file)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        stored = dict(connection.execute("SELECT ts - 1760000000000, count(*) FROM sample GROUP BY ts").fetchall())
        newest = connection.execute("SELECT min(ts) - 1760000000000 FROM latest").fetchone()[0]
    finally:
        connection.close()
    assert {number for number in answered if stored.get(number) != 100} == set()
    assert set(stored.values()) == {100}, "half a write is visible"
    assert newest == max(stored), "latest and sample were committed apart"
