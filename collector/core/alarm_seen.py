"""Which batches the alarm engine has evaluated, as ranges of their numbers: a repeat of one changes nothing."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Any, Final

EPOCHS_KEPT: Final = 4
RANGES_KEPT: Final = 64
"""An epoch with more holes than this forgets its oldest batches: they are then judged as late readings are."""


@dataclass(slots=True)
class SeenBatches:
    """Epoch to inclusive ranges, rising; the newest epoch last."""

    epochs: dict[str, list[tuple[int, int]]] = field(default_factory=dict)

    def __contains__(self, batch: tuple[str, int]) -> bool:
        epoch, seq = batch
        ranges = self.epochs.get(epoch, [])
        index = bisect_right(ranges, (seq, 1 << 62)) - 1
        return index >= 0 and seq <= ranges[index][1]

    def any_between(self, epoch: str, first: int, last: int) -> bool:
        """Return whether a batch strictly between two numbers was evaluated."""
        return any(max(low, first + 1) <= min(high, last - 1) for low, high in self.epochs.get(epoch, []))

    def add(self, epoch: str, seq: int, lowest: int) -> None:
        """Take a batch as evaluated; what lies below `lowest` never comes again."""
        if epoch not in self.epochs and len(self.epochs) >= EPOCHS_KEPT:
            del self.epochs[next(iter(self.epochs))]
        ranges = self.epochs.setdefault(epoch, [])
        if ranges and ranges[-1][1] == seq - 1 and ranges[0][1] >= lowest:
            # The usual case: the next batch.
            ranges[-1] = (ranges[-1][0], seq)
            return
        merged: list[tuple[int, int]] = []
        for low, high in sorted([*ranges, (seq, seq)]):
            if merged and low <= merged[-1][1] + 1:
                merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
            else:
                merged.append((low, high))
        self.epochs[epoch] = [span for span in merged if span[1] >= lowest][-RANGES_KEPT:]

    def dump(self) -> list[Any]:
        """Return it as plain JSON data."""
        return [[epoch, ranges] for epoch, ranges in self.epochs.items()]

    @classmethod
    def restored(cls, data: list[Any]) -> SeenBatches:
        """Return what `dump` gave."""
        return cls({epoch: [(low, high) for low, high in ranges] for epoch, ranges in data})
