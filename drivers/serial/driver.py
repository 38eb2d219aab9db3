"""One instrument that speaks something else than Modbus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from config.points import FieldPoint
from contract.reading import Block, Cause, Reading, Value
from drivers.base import DevicePoint, Line
from drivers.errors import RefusedError
from drivers.serial.families import Family, Sample
from drivers.serial.fields import value_of
from drivers.serial.texts import TEXTS, transient, unsupported

ABSENT_SAMPLES: Final = 20
"""A field that a talker has not sent in so many samples on end is one that it does not have."""


class InstrumentDriver:
    """One instrument on a serial line."""

    def __init__(self, device: str, points: tuple[DevicePoint, ...], family: Family, line: Line) -> None:
        self.device = device
        self.points = points
        self._family = family
        self._line = line
        self._absent: Counter[str] = Counter()

    @property
    def patience_s(self) -> float:
        """How long a read may take beside the line's own time-outs, in seconds."""
        return self._family.patience_s

    async def read(self, points: Sequence[DevicePoint]) -> Block:
        """Read points into one block; see Driver.read.

        What a talker has not sent this time is left out of the block: it has not been sampled.
        """
        if not points:
            raise unsupported("no_points")
        sample = await self._family.sample(self._line, frozenset(_field(point).field for point in points))
        found: dict[str, tuple[Value | None, Cause]] = {}
        for point in points:
            spec = _field(point)
            if spec.field in sample.fields:
                self._absent[spec.field] = 0
                found[point.key] = value_of(spec, sample.fields[spec.field])
            else:
                cause = self._why_absent(spec.field, sample)
                if cause is not None:
                    found[point.key] = (None, cause)
        if not found:
            raise transient(Cause.TIMEOUT, "nothing_wanted")
        return Block(
            device=self.device,
            observed_at_ms=sample.moment.wall_ms,
            keys=tuple(found),
            values=tuple(value for value, _ in found.values()),
            causes={key: cause for key, (_, cause) in found.items() if cause is not Cause.OK},
            monotonic_ms=sample.moment.monotonic_ms,
        )

    def _why_absent(self, field: str, sample: Sample) -> Cause | None:
        if sample.absent is not None:
            return sample.absent
        self._absent[field] += 1
        return Cause.UNSUPPORTED if self._absent[field] >= ABSENT_SAMPLES else None

    async def write(self, point: DevicePoint, value: Value) -> Reading:
        """Refuse: nothing of an instrument is written.

        Raises:
            RefusedError: Always.
        """
        del value
        name = f"{self.device}/{point.key}"
        raise RefusedError(TEXTS.text("no_writing", "en", point=name), vi=TEXTS.text("no_writing", "vi", point=name))

    async def probe(self) -> Reading | None:
        """Make it measure and prove its type, as far as it can be asked; see Driver.probe."""
        self._absent.clear()
        await self._family.prove(self._line)
        return None


def _field(point: DevicePoint) -> FieldPoint:
    assert isinstance(point.spec, FieldPoint)  # noqa: S101 - the points of an InstrumentProfile are
    return point.spec
