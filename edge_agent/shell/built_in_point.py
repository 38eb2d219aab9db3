"""A point of a device that every agent has; it has no register."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from config.points import FieldPoint, PointSpec
from contract.state import PointKind, PointMeta


@dataclass(frozen=True, slots=True)
class BuiltInPoint:
    """One point of a built-in device; it has no register, the rest is as in a profile."""

    key: str
    en: str
    vi: str
    kind: PointKind
    unit: str = ""
    urgent: bool = False
    priority: Literal["normal", "low"] = "normal"

    def spec(self) -> PointSpec:
        """Return what delivery goes by."""
        types: dict[PointKind, Literal["number", "integer", "bool", "text"]] = {
            "float": "number",
            "int": "integer",
            "bool": "bool",
            "text": "text",
        }
        return FieldPoint(
            key=self.key,
            en=self.en,
            vi=self.vi,
            unit=self.unit,
            field=self.key,
            type=types[self.kind],
            urgent=self.urgent,
            priority=self.priority,
        )

    def meta(self) -> PointMeta:
        """Return what `state/meta` says."""
        return PointMeta(en=self.en, vi=self.vi, unit=self.unit, kind=self.kind)
