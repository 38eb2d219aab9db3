"""A process that drives an alarm desk through outages, from where the last one was killed; for the kill test."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from tests.system.alarm_rig import DeskNight
from tests.unit.collector.alarm_parts import GOOD, LOST

ROUNDS = 7
ROUND_S = 160
OUTAGE_S = 100
"""Lost from second 10 of a round to this one."""


def main(folder: Path, url: str) -> None:
    """Go on after the last second that was evaluated; a collector would get that second again too."""
    progress = folder / "progress"
    first_s = max(0, int(progress.read_text("utf-8") or 0) - 1)
    night = DeskNight(folder / "state", {"north": (url,)}, first_s=first_s)
    for at_s in range(first_s, ROUNDS * ROUND_S):
        night.second(at_s, {"gw-1": LOST if 10 <= at_s % ROUND_S < OUTAGE_S else GOOD})
        replaced = folder / "progress.new"
        replaced.write_text(str(at_s), "utf-8")
        os.replace(replaced, progress)  # noqa: PTH105 - one call, nothing between
        time.sleep(0.002)
    deadline_s = time.monotonic() + 60
    at_s = ROUNDS * ROUND_S
    while night.waiting() and time.monotonic() < deadline_s:
        # A try that failed waits on the night's clock, so the clock goes on.
        night.second(at_s, {"gw-1": GOOD})
        at_s += 1
        time.sleep(0.02)
    left = night.waiting()
    night.close()
    sys.exit(1 if left else 0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
