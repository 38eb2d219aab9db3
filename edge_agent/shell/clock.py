"""The gateway's clocks: wall, boot, and whether the wall clock is synchronised."""

from __future__ import annotations

import ctypes
import time
import uuid
from pathlib import Path
from typing import Final, Protocol

TIMESYNC_MARK: Final = Path("/run/systemd/timesync/synchronized")
"""Touched by systemd-timesyncd at each synchronisation, gone after a boot: systemd-timesyncd.service(8)."""
STA_UNSYNC: Final = 0x0040
TIME_ERROR: Final = 5
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class GatewayClock(Protocol):
    """What delivery needs to know of time."""

    @property
    def boot_id(self) -> str:
        """What names the present boot."""

    def wall_ms(self) -> int:
        """Return milliseconds since 1970 UTC, right or wrong."""

    def monotonic_ms(self) -> int:
        """Return milliseconds since the boot, sleep included; it never steps."""

    def synchronised(self) -> bool:
        """Return whether the wall clock is disciplined by a time source."""


class _Timex(ctypes.Structure):
    # struct timex of <sys/timex.h>: only modes and status are looked at, the rest is room for the kernel to write in.
    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("room", ctypes.c_byte * 512),
    )


class SystemClock:
    """The clocks of Linux."""

    def __init__(self) -> None:
        """Find the boot's name and the C library."""
        try:
            self._boot_id = _BOOT_ID.read_text("ascii").strip()
        except OSError:
            # Without /proc every start counts as a boot of its own: held readings are then placed, never mixed.
            self._boot_id = str(uuid.uuid4())
        self._libc = ctypes.CDLL(None)

    @property
    def boot_id(self) -> str:
        """What names the present boot."""
        return self._boot_id

    def wall_ms(self) -> int:
        """Return milliseconds since 1970 UTC, right or wrong."""
        return time.time_ns() // 1_000_000

    def monotonic_ms(self) -> int:
        """Return milliseconds since the boot, sleep included; it never steps."""
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000

    def synchronised(self) -> bool:
        """Return whether the kernel's clock is disciplined: adjtimex(2) reports neither an error nor STA_UNSYNC.

        Where a hardened unit closes adjtimex (ProtectClock=yes), systemd-timesyncd's own mark is believed.
        """
        timex = _Timex()
        state: int = self._libc.adjtimex(ctypes.byref(timex))
        if state < 0:
            return TIMESYNC_MARK.exists()
        return state != TIME_ERROR and not timex.status & STA_UNSYNC
