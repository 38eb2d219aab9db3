"""What a process costs, read from /proc; and the processes of a benchmark."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


def cpu_s(pid: int) -> float:
    """Return the CPU seconds, user and system, that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_A_SECOND


def rss_mb(pid: int) -> float:
    """Return the resident memory of a process in MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def written_mb(pid: int) -> float:
    """Return the MB that a process caused to be written to disk."""
    for line in Path(f"/proc/{pid}/io").read_text().splitlines():
        if line.startswith("write_bytes:"):
            return int(line.split()[1]) / 1_000_000
    return 0.0


def commits(folder: Path) -> int:
    """Return how many commits an agent in this folder has made, by its own status."""
    command = [sys.executable, "-m", "edge_agent", "status", "--json", "--config", str(folder / "agent.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return int(json.loads(done.stdout)["delivery"]["spool"]["commits"])


@contextmanager
def running(arguments: Sequence[str], log: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a Python module (`-m …`) or command until the block ends; its output goes to a file."""
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, *arguments], stdout=subprocess.PIPE, stderr=output, text=True, start_new_session=True
        )
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout:
                process.stdout.close()


@dataclass(frozen=True, slots=True)
class Window:
    """One measured stretch of time of one process."""

    seconds: float
    cpu_s: float
    points: int

    @property
    def cpu_us_a_point(self) -> float:
        """CPU microseconds for each point that reached the subscriber."""
        return self.cpu_s / max(1, self.points) * 1e6


def wait_s(seconds: float) -> None:
    """Let a measured stretch pass."""
    time.sleep(seconds)
