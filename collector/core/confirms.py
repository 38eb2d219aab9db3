"""Which batches a gateway may be told are stored: exactly those, at most 64 ranges at a time."""

from __future__ import annotations

from typing import Final

from contract.batch import MAX_CONFIRM_RANGES, Confirm, ranges_of

MIN_INTERVAL_MS: Final = 300
MAX_EPOCHS: Final = 64
MAX_NUMBERS_PER_GATEWAY: Final = 20_000
"""Beyond it numbers are dropped: the gateway sends those batches again."""


class PendingConfirms:
    """Collects numbers for each gateway; time is an argument, monotonic milliseconds."""

    def __init__(self) -> None:
        self._numbers: dict[str, dict[str, set[int]]] = {}
        self._told_ms: dict[str, int] = {}

    def add(self, gateway: str, epoch: str, seq: int) -> bool:
        """Note one stored and evaluated batch; False if there was no room."""
        epochs = self._numbers.setdefault(gateway, {})
        if sum(map(len, epochs.values())) >= MAX_NUMBERS_PER_GATEWAY:
            return False
        epochs.setdefault(epoch, set()).add(seq)
        return True

    def due(self, now_ms: int) -> list[tuple[str, Confirm]]:
        """Return, once, what may be told now: for each gateway one confirm each 0.3 s; the rest stays."""
        told: list[tuple[str, Confirm]] = []
        for gateway in list(self._numbers):
            if now_ms - self._told_ms.get(gateway, -MIN_INTERVAL_MS) < MIN_INTERVAL_MS:
                continue
            told.append((gateway, self._take(gateway)))
            self._told_ms[gateway] = now_ms
        return told

    def clear(self) -> int:
        """Forget everything; return how many numbers that were."""
        count = len(self)
        self._numbers.clear()
        return count

    def __len__(self) -> int:
        return sum(len(numbers) for epochs in self._numbers.values() for numbers in epochs.values())

    def _take(self, gateway: str) -> Confirm:
        epochs = self._numbers[gateway]
        ok: dict[str, list[tuple[int, int]]] = {}
        room = MAX_CONFIRM_RANGES
        for epoch in list(epochs)[:MAX_EPOCHS]:
            taken = ranges_of(epochs[epoch])[:room]
            if not taken:
                break
            room -= len(taken)
            ok[epoch] = taken
            for first, last in taken:
                epochs[epoch].difference_update(range(first, last + 1))
            if not epochs[epoch]:
                del epochs[epoch]
        if not epochs:
            del self._numbers[gateway]
        return Confirm(ok=ok)
