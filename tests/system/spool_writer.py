"""A process that commits to a spool and says what was kept, until it is killed: `spool_writer.py FILE FIRST`."""

from __future__ import annotations

import sys
from pathlib import Path

import structlog

from contract.batch import ClockState
from contract.reading import Block
from edge_agent.core.delivery_batches import rows_of
from edge_agent.core.delivery_rows import Rank, key_of
from edge_agent.shell.spool import Commit, Spool

T0_MS = 1_790_000_000_000


def main() -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    spool = Spool(Path(sys.argv[1]), max_bytes=2**30)
    number = int(sys.argv[2])
    spool.open()
    while True:
        blocks = [
            Block(device="cab-1", observed_at_ms=T0_MS + number + row, keys=("u1",), values=(float(number + row),))
            for row in range(5)
        ]
        rank = Rank.URGENT if number % 3 == 0 else Rank.NORMAL
        rows = list(rows_of(blocks, rank=rank, clock=ClockState.SYNCED, numbering=spool.live, born_ms=T0_MS))
        # Every seventh commit also deletes, as a confirm does.
        deleted = spool.live.last_seq - 3 if number % 35 == 0 and spool.live.last_seq > 5 else 0
        ranges = [(key_of(spool.live.number, deleted),) * 2] if deleted else []
        if not spool.commit(Commit(rows=rows, confirmed=ranges)):
            sys.exit(f"not kept: {spool.failure}")
        sys.stdout.write(f"{spool.live.epoch} {spool.live.last_seq} {number} {deleted}\n")
        sys.stdout.flush()
        number += 5


if __name__ == "__main__":
    main()
