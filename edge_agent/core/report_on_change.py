"""Report on change: a value within the deadband is told again only after its greatest silence. Pure.

Only points with `max_silence_s` are held back, and never urgent ones. What is told is a change of more than the
deadband since what was told last (so that a slow drift is told as well), every change of cause, and the first reading
at or after `max_silence_s`: a value is silent for `max_silence_s` and one poll at most.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from config.points import PointSpec
from contract.reading import Block, Cause, Value
from edge_agent.core.quality import RAW_SUFFIX

MAX_PLANS: Final = 1024
_NOTHING: Final = (None, None, 0)


@dataclass(frozen=True, slots=True)
class _Rule:
    deadband: float
    silence_ms: float


@dataclass(frozen=True, slots=True)
class _Plan:
    always: tuple[int, ...]
    held: tuple[tuple[int, str, _Rule], ...]
    raw: dict[int, int]
    is_apart: bool


@dataclass(slots=True)
class ReportOnChange:
    """What of a device's readings is worth telling.

    Attributes:
        specs: The device's own points by key, without those that are made of them.
        suppressed: Readings held back so far.
    """

    specs: Mapping[str, PointSpec]
    suppressed: int = 0
    _told: dict[str, tuple[Value | None, Cause | None, int]] = field(default_factory=dict)
    _plans: dict[tuple[str, ...], _Plan] = field(default_factory=dict)

    @staticmethod
    def is_wanted(specs: Mapping[str, PointSpec]) -> bool:
        """Return whether any point is reported on change."""
        return any(_is_held(spec) for spec in specs.values())

    def pick(self, block: Block) -> list[Block]:
        """Return what of a block is told: nothing, the block, or parts of it."""
        plan = self._plans.get(block.keys) or self._plan(block.keys)
        if not plan.held:
            return [block]
        fresh = [index for index, key, rule in plan.held if self._is_fresh(block, index, key, rule)]
        if len(fresh) == len(plan.held) and not plan.is_apart:
            return [block]
        self.suppressed += len(plan.held) - len(fresh)
        # A raw value goes with the calibrated one that it belongs to.
        fresh = sorted([*fresh, *(plan.raw[index] for index in fresh if index in plan.raw)])
        if plan.is_apart:
            # Urgent points keep their own block: which points are in it must not change from read to read.
            return [_part(block, part) for part in (plan.always, fresh) if part]
        chosen = sorted([*plan.always, *fresh])
        return [_part(block, chosen)] if chosen else []

    def _is_fresh(self, block: Block, index: int, key: str, rule: _Rule) -> bool:
        value, cause = block.values[index], block.causes.get(key, Cause.OK)
        told, told_cause, told_ms = self._told.get(key, _NOTHING)
        if (
            cause is told_cause
            and block.monotonic_ms - told_ms < rule.silence_ms
            and not _differs(value, told, rule.deadband)
        ):
            return False
        self._told[key] = (value, cause, block.monotonic_ms)
        return True

    def _plan(self, keys: tuple[str, ...]) -> _Plan:
        held = tuple(
            (index, key, _Rule(spec.deadband, (spec.max_silence_s or 0) * 1000))
            for index, key in enumerate(keys)
            if (spec := self.specs.get(key)) is not None and _is_held(spec)
        )
        raw = {
            index: keys.index(key + RAW_SUFFIX)
            for index, key, _ in held
            if key + RAW_SUFFIX in keys and key + RAW_SUFFIX not in self.specs
        }
        indexes = {index for index, _, _ in held} | set(raw.values())
        always = tuple(index for index in range(len(keys)) if index not in indexes)
        is_apart = any((spec := self.specs.get(keys[index])) is not None and spec.urgent for index in always)
        if len(self._plans) >= MAX_PLANS:
            self._plans.clear()
        plan = self._plans[keys] = _Plan(always, held, raw, is_apart)
        return plan


def _is_held(spec: PointSpec) -> bool:
    return spec.max_silence_s is not None and not spec.urgent


def _differs(value: Value | None, told: Value | None, deadband: float) -> bool:
    if isinstance(value, str | bool) or isinstance(told, str | bool) or value is None or told is None:
        return value != told
    return abs(value - told) > deadband


def _part(block: Block, indexes: Sequence[int]) -> Block:
    keys = tuple(block.keys[index] for index in indexes)
    return Block(
        device=block.device,
        observed_at_ms=block.observed_at_ms,
        keys=keys,
        values=tuple(block.values[index] for index in indexes),
        causes={key: block.causes[key] for key in keys if key in block.causes},
        monotonic_ms=block.monotonic_ms,
    )
