"""What a faulty instrument or its line makes of a frame, by the names that the faults of Modbus devices have. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

from firmware_sim.core.faults import BABBLE_BYTES, STUCK_BYTES, STUCK_PIECES, STUCK_STEP_S, Fault, FaultName
from firmware_sim.core.noise import Noise

STRAY: Final = b"\x00\x7f\x7f"
"""Seven bits each, so that they can stand on any line."""
NAMED_FAULTS: Final[frozenset[FaultName]] = frozenset(
    {
        "silent", "late", "short", "crc", "wrong_unit", "wrong_function", "babble", "stuck", "noise_before",
        "noise_after", "previous", "twice", "sentinel",
    }
)  # fmt: skip
"""Those with a meaning outside Modbus."""


class Sent(NamedTuple):
    """Bytes that begin `delay_s` after what caused them."""

    delay_s: float
    data: bytes


class Speaker(Protocol):
    """Whose frame it is."""

    noise: Noise
    seven_bits: bool

    def has_check(self, data: bytes) -> bool:
        """Return whether a frame carries a check at all."""

    def with_wrong_check(self, data: bytes) -> bytes:
        """Return a frame whose check does not fit."""

    def of_another(self, data: bytes) -> bytes:
        """Return a sound frame of another address."""

    def of_another_kind(self, data: bytes) -> bytes:
        """Return a sound frame that says something else."""


def apply_fault(fault: Fault, speaker: Speaker, data: bytes, previous: bytes) -> list[Sent]:
    """Return what goes out instead of a frame, in order of its delays.

    Args:
        fault: One of NAMED_FAULTS but `sentinel`, which is in the frame already.
        speaker: Whose frame it is.
        data: The sound frame.
        previous: The frame that was due before it.
    """
    noise = speaker.noise
    match fault.name:
        case "silent":
            return []
        case "late":
            spread_s = max(0.0, (fault.delay_max_s or fault.delay_s) - fault.delay_s)
            return [Sent(fault.delay_s + spread_s * noise.uniform(), data)]
        case "stuck":
            return [Sent(place * STUCK_STEP_S, _octets(speaker, STUCK_BYTES)) for place in range(STUCK_PIECES)]
        case _:
            out = _changed(fault.name, speaker, data, previous)
            return [Sent(0.0, out)] if out else []


def _changed(name: FaultName, speaker: Speaker, data: bytes, previous: bytes) -> bytes:
    changes: dict[FaultName, Callable[[], bytes]] = {
        "short": lambda: data[: speaker.noise.integer(1, max(1, len(data) - 1))],
        "crc": lambda: speaker.with_wrong_check(data) if speaker.has_check(data) else data,
        "wrong_unit": lambda: speaker.of_another(data),
        "wrong_function": lambda: speaker.of_another_kind(data),
        "babble": lambda: _octets(speaker, BABBLE_BYTES),
        "noise_before": lambda: STRAY + data,
        "noise_after": lambda: data + STRAY,
        "previous": lambda: previous,
        "twice": lambda: data + data,
    }
    return changes[name]()


def _octets(speaker: Speaker, count: int) -> bytes:
    drawn = speaker.noise.octets(count)
    return bytes(one & 0x7F for one in drawn) if speaker.seven_bits else drawn
