"""Points that are doubtful while another instrument's point lies past a limit: optical dust while the air is wet. Pure.

Droplets scatter light as dust does, so that an optical sensor reads too high in wet air. Sensors that correct for it
disagree with one another; so the value stands as it is and is marked, and averages go without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from config.quality import Doubt
from contract.reading import Block, Cause
from edge_agent.core.quality import rank_of, worse


@dataclass(slots=True)
class Witness:
    """The newest value of one point that others are doubted by.

    Attributes:
        value: None while it is not known.
        monotonic_ms: When it was read, on the boot clock.
    """

    value: float | None = None
    monotonic_ms: int = 0

    def take(self, value: object, cause: Cause, monotonic_ms: int) -> None:
        """Take a reading; one that alarms would not believe tells nothing."""
        is_believed = isinstance(value, int | float) and rank_of(cause) <= rank_of(Cause.CLOCK)
        self.value = float(value) if is_believed and isinstance(value, int | float) else None
        self.monotonic_ms = monotonic_ms


@dataclass(frozen=True, slots=True)
class _Rule:
    doubt: Doubt
    witness: Witness

    def holds(self, monotonic_ms: int) -> bool:
        """Return whether the points are doubtful at a moment."""
        doubt, value = self.doubt, self.witness.value
        if value is None or monotonic_ms - self.witness.monotonic_ms > doubt.max_age_s * 1000:
            return doubt.unknown == "suspect"
        return (doubt.above is not None and value > doubt.above) or (doubt.below is not None and value < doubt.below)


@dataclass(slots=True)
class DoubtBoard:
    """All doubts of a gateway. Blocks are taken as they were judged, so that a calibrated witness counts as calibrated.

    Attributes:
        doubts: The rules.
    """

    doubts: Iterable[Doubt]
    _witnesses: dict[str, dict[str, Witness]] = field(default_factory=dict)
    _rules: dict[str, dict[str, list[_Rule]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for doubt in self.doubts:
            device, _, key = doubt.witness.partition("/")
            witness = self._witnesses.setdefault(device, {}).setdefault(key, Witness())
            for point in doubt.points:
                device, _, key = point.partition("/")
                self._rules.setdefault(device, {}).setdefault(key, []).append(_Rule(doubt, witness))

    def concerns(self, device: str) -> bool:
        """Return whether a device's blocks must pass here."""
        return device in self._witnesses or device in self._rules

    def mark(self, block: Block) -> Block:
        """Take what a block tells of witnesses, then return it with its doubtful values marked."""
        for key, witness in self._witnesses.get(block.device, {}).items():
            if key in block.keys:
                value = block.values[block.keys.index(key)]
                witness.take(value, block.causes.get(key, Cause.OK), block.monotonic_ms)
        rules = self._rules.get(block.device)
        causes = self._causes(block, rules) if rules else {}
        return replace(block, causes={**block.causes, **causes}) if causes else block

    def _causes(self, block: Block, rules: Mapping[str, list[_Rule]]) -> dict[str, Cause]:
        return {
            key: worse(block.causes.get(key, Cause.OK), Cause.SUSPECT)
            for key, value in zip(block.keys, block.values, strict=True)
            if value is not None and any(rule.holds(block.monotonic_ms) for rule in rules.get(key, ()))
        }
