"""Numbers and rows of the spool: one integer orders every batch by priority, epoch and sequence."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from contract.batch import Priority

SEQ_BITS: Final = 40
EPOCH_BITS: Final = 21
KEY_BITS: Final = SEQ_BITS + EPOCH_BITS
MAX_SEQ: Final = 2**SEQ_BITS - 1
MAX_EPOCH_NUMBER: Final = 2**EPOCH_BITS - 1
_KEY_MASK: Final = 2**KEY_BITS - 1


class Rank(IntEnum):
    """Order in which rows are given up when the disk is full: the lowest first."""

    LOW = 0
    NORMAL = 1
    URGENT = 2


RANK_OF: Final = {Priority.LOW: Rank.LOW, Priority.NORMAL: Rank.NORMAL, Priority.URGENT: Rank.URGENT}
PRIORITY_OF: Final = {rank: priority for priority, rank in RANK_OF.items()}


def key_of(epoch_number: int, seq: int) -> int:
    """Return what orders batches by age: the local number of their epoch, then their number in it."""
    return epoch_number << SEQ_BITS | seq


def row_id(rank: Rank, key: int) -> int:
    """Return the spool's primary key; rising ids are the order of eviction, so no further index is written."""
    return rank << KEY_BITS | key


def rank_of_id(identity: int) -> Rank:
    """Return the priority of a row."""
    return Rank(identity >> KEY_BITS)


def key_of_id(identity: int) -> int:
    """Return the age key of a row."""
    return identity & _KEY_MASK


def epoch_number_of(key: int) -> int:
    """Return the local number of the epoch of a key."""
    return key >> SEQ_BITS


def seq_of(key: int) -> int:
    """Return the number of a batch in its epoch."""
    return key & MAX_SEQ


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One batch as it is kept.

    Attributes:
        identity: Of `row_id`.
        born_ms: When it was committed first, milliseconds since 1970 UTC.
        first_ms: The oldest reading in it, milliseconds since 1970 UTC.
        last_ms: The newest.
        readings: How many readings it holds.
        body: The bytes that never change.
    """

    identity: int
    born_ms: int
    first_ms: int
    last_ms: int
    readings: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Fetched:
    """One row read back for sending, with the lowest number that its epoch still holds."""

    identity: int
    lowest_seq: int
    body: bytes


class KeyRanges:
    """A bounded set of keys as merged inclusive ranges.

    Past the bound further ranges are forgotten: what they named is sent once more, which does no harm.
    """

    def __init__(self, limit: int) -> None:
        """Hold at most `limit` ranges."""
        self._limit = limit
        self._first: list[int] = []
        self._last: list[int] = []

    def __len__(self) -> int:
        return len(self._first)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter(zip(self._first, self._last, strict=True))

    def __contains__(self, key: int) -> bool:
        place = bisect_right(self._first, key) - 1
        return place >= 0 and key <= self._last[place]

    def add(self, first: int, last: int) -> None:
        """Add first..last inclusive, merged with what touches it."""
        begin = bisect_left(self._last, first - 1)
        end = bisect_right(self._first, last + 1)
        if begin == end and len(self._first) >= self._limit:
            return
        if begin < end:
            first = min(first, self._first[begin])
            last = max(last, self._last[end - 1])
        self._first[begin:end] = [first]
        self._last[begin:end] = [last]

    def copied(self) -> KeyRanges:
        """Return a copy that another thread may read."""
        copy = KeyRanges(self._limit)
        copy._first, copy._last = self._first.copy(), self._last.copy()
        return copy

    def update(self, ranges: Iterable[tuple[int, int]]) -> None:
        """Add several ranges."""
        for first, last in ranges:
            self.add(first, last)
