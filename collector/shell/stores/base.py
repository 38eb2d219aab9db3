"""What every store does, and the two ways in which it can fail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from collector.core.rows import Row
from contract.reading import Value


class StoreUnavailableError(Exception):
    """Weather: down, hung, full, throttled. Hold what was to be written, back off, try again.

    Attributes:
        reason: A fixed word, such as `unreachable`; the message has the facts.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class StoreRefusedError(Exception):
    """Configuration: wrong password, no such database. Hold, raise an alarm; somebody has to mend it."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """One row that the store will never take, isolated from all others; if fields are named, only these of it."""

    row: Row
    reason: str
    detail: str = ""
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a group: `stored` rows are on the disk but for the fields that `rejected` names, others in it."""

    stored: int
    rejected: tuple[RejectedRow, ...] = ()


@dataclass(frozen=True, slots=True)
class Sample:
    """One stored reading; value None where it was BAD, cause empty where it was GOOD."""

    time_ms: int
    value: Value | None
    cause: str = ""


@dataclass(frozen=True, slots=True, order=True)
class SeriesName:
    """One point that the store has ever seen; device is empty for what a gateway is as a whole."""

    gateway: str
    device: str
    key: str


class Store(Protocol):
    """A time-series store. Not safe for use by several threads at once."""

    def write(self, rows: Sequence[Row]) -> Written:
        """Store rows for good; the same (measurement, gateway, device, time) overwrites field by field.

        Raises:
            StoreUnavailableError: Perhaps later; some may be stored, so all must be written again.
            StoreRefusedError: Not before somebody mends the configuration.
        """

    def series(self, gateway: str | None = None, device: str | None = None) -> list[SeriesName]:
        """Return all points, or those of one gateway or device, in order.

        Raises:
            StoreUnavailableError, StoreRefusedError: As for write.
        """

    def latest(self, gateway: str, device: str) -> dict[str, Sample]:
        """Return the newest sample of each point of a device.

        Raises:
            StoreUnavailableError, StoreRefusedError: As for write.
        """

    def range(self, gateway: str, device: str, key: str, from_ms: int, to_ms: int, limit: int) -> list[Sample]:
        """Return the newest `limit` samples of one point with from_ms <= time < to_ms, oldest first.

        Raises:
            StoreUnavailableError, StoreRefusedError: As for write.
        """

    def close(self) -> None:
        """Give back connections; a closed store is not used again."""
