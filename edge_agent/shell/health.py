"""What an agent says of itself beside its readings: memory, malformed input, what the centre does not have yet."""

from __future__ import annotations

import os
import resource
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
MODBUS_FAULTS: Final = (
    "timeouts", "truncated", "crc_errors", "noise", "babble", "wrong_unit", "wrong_function", "wrong_length",
    "wrong_transaction", "wrong_protocol", "wrong_echo", "late_bytes",
)  # fmt: skip
_MALFORMED_KINDS: Final = ("_oversized", "_nested", "_not_json", "_invalid")
_NOT_MALFORMED: Final = frozenset({"modbus_timeouts"})


def resident_bytes() -> int:
    """Return the memory that this process has in use."""
    try:
        return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * _PAGE_BYTES
    except (OSError, ValueError, IndexError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def malformed_among(counted: Mapping[str, int]) -> dict[str, int]:
    """Return the metrics that speak of malformed input: damaged answers, and messages that are no commands."""
    return {
        name: count
        for name, count in counted.items()
        if name.endswith(_MALFORMED_KINDS) or (name.startswith("modbus_") and name not in _NOT_MALFORMED)
    }


def undelivered(delivered: Mapping[str, object]) -> dict[str, float | None]:
    """Return what the centre does not have yet, from delivery's own status."""
    spool = delivered["spool"]
    if not isinstance(spool, Mapping):
        raise TypeError("delivery's status has no spool")
    return {
        "spool_batches": sum(spool["rows"].values()) + spool["held"],
        "spool_bytes": spool["bytes"],
        "oldest_age_s": spool["oldest_age_s"],
    }
