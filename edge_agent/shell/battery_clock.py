"""The time by a battery-backed clock, for boots that no network has told the time yet."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from contract.batch import EARLIEST_MS
from edge_agent.shell.clock import GatewayClock

RTC: Final = Path("/sys/class/rtc/rtc0")
LONGEST_AWAY_MS: Final = 400 * 86_400_000
"""A clock that claims more time without power than this has rather lost its battery."""


def battery_backed(clock: GatewayClock, rtc: Path = RTC) -> Callable[[int | None], int | None]:
    """Return what gives the wall clock's time where the kernel set it from a battery-backed clock at boot.

    Without such a clock a machine wakes at the time of its last shutdown, or in 1970: neither is a time to switch by.

    Args:
        clock: The gateway's clocks.
        rtc: The kernel's folder of that clock; its file `hctosys` says whether the system's time came from it.
    """

    def time_ms(last_known_ms: int | None) -> int | None:
        """Return milliseconds since 1970 UTC; None without such a clock, or if it stands before the last known time."""
        try:
            if (rtc / "hctosys").read_text("ascii").strip() != "1":
                return None
        except (OSError, UnicodeDecodeError):
            return None
        wall_ms = clock.wall_ms()
        earliest_ms = EARLIEST_MS if last_known_ms is None else last_known_ms
        is_likely = earliest_ms <= wall_ms and (last_known_ms is None or wall_ms - last_known_ms <= LONGEST_AWAY_MS)
        return wall_ms if is_likely else None

    return time_ms
