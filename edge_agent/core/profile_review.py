"""What is doubtful in a profile that is valid: what a technician wants to know before he trusts it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import combinations
from typing import Literal

from config.document import Location
from config.points import RegisterPoint
from config.profile import Condition, InstrumentProfile, ModbusProfile
from drivers.modbus.plan import BIT_TABLES, Wanted, plan_reads
from drivers.modbus.values import encode
from edge_agent.core.poll_cost import wanted_of
from edge_agent.core.unit_spelling import SCALED, STORED, spelt

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """One finding.

    Attributes:
        key: Of the text that says it.
        facts: What the text names.
        location: Where in the file it stands.
    """

    severity: Severity
    key: str
    location: Location
    facts: dict[str, object] = field(default_factory=dict)


def review(profile: ModbusProfile | InstrumentProfile) -> list[Doubt]:
    """Return all findings, in the order of the file where they have one."""
    doubts = [*_names(profile), *_units(profile)]
    if isinstance(profile, ModbusProfile):
        doubts += [*_unfetchable(profile), *_overlaps(profile), *_probe(profile), *_settings(profile)]
    return doubts


def _names(profile: ModbusProfile | InstrumentProfile) -> Iterator[Doubt]:
    named: list[tuple[Location, str, str]] = [((), profile.en, profile.vi)]
    named += [(("points", index), point.en, point.vi) for index, point in enumerate(profile.specs)]
    for place, english, vietnamese in named:
        for language, text in (("en", english), ("vi", vietnamese)):
            if not text.strip():
                yield Doubt(severity="warning", key="no_name", location=(*place, language), facts={"key": language})
        # A name of one word may be the same in both, such as pH or a type's own name.
        if place and english.strip() == vietnamese.strip() and " " in english.strip():
            yield Doubt(severity="warning", key="not_translated", location=(*place, "vi"), facts={"name": english})


def _units(profile: ModbusProfile | InstrumentProfile) -> Iterator[Doubt]:
    for index, point in enumerate(profile.specs):
        unit, place = point.unit, ("points", index, "unit")
        better = spelt(unit)
        if better in SCALED:
            stored, factor = SCALED[better]
            facts: dict[str, object] = {"unit": unit, "stored": stored, "factor": factor}
            yield Doubt(severity="warning", key="unit_scaled", location=place, facts=facts)
        elif better != unit:
            yield Doubt(severity="warning", key="unit_spelling", location=place, facts={"unit": unit, "better": better})
        elif unit not in STORED:
            yield Doubt(severity="warning", key="unit_unknown", location=place, facts={"unit": unit})


def _unfetchable(profile: ModbusProfile) -> Iterator[Doubt]:
    limits = profile.limits
    for index, point in enumerate(profile.points):
        for part in wanted_of([point]):
            try:
                plan_reads([part], limits)
            except ValueError:
                most = limits.max_bits if part.table in BIT_TABLES else limits.max_registers
                key = "too_wide" if part.width > most else "forbidden"
                facts: dict[str, object] = {"point": point.key, "width": part.width, "most": most}
                yield Doubt(severity="error", key=key, location=("points", index, "address"), facts=facts)
                break


def _overlaps(profile: ModbusProfile) -> Iterator[Doubt]:
    """Find points that share registers, but for bits of one register that differ."""
    for (first, one), (second, other) in combinations(enumerate(profile.points), 2):
        if one.table != other.table or not _share(one, other) or _different_bits(one, other):
            continue
        facts: dict[str, object] = {"point": other.key, "other": profile.points[first].key}
        same = (one.address, one.width) == (other.address, other.width)
        key = "same_registers" if same else "overlap"
        yield Doubt(severity="warning", key=key, location=("points", second, "address"), facts=facts)


def _share(one: Wanted, other: Wanted) -> bool:
    return one.address < other.address + other.width and other.address < one.address + one.width


def _different_bits(one: RegisterPoint, other: RegisterPoint) -> bool:
    if (one.address, one.width, one.order) != (other.address, other.width, other.order):
        return False
    if one.bits is None or other.bits is None:
        # The whole register beside its bits, such as an alarm word and single alarms.
        return (one.bits is None) != (other.bits is None)
    return one.bits[1] < other.bits[0] or other.bits[1] < one.bits[0]


def _probe(profile: ModbusProfile) -> Iterator[Doubt]:
    if profile.probe is None:
        yield Doubt(severity="note", key="no_probe", location=())
        return
    verdicts = [(index, _says_nothing(profile, one), one) for index, one in enumerate(profile.probe.conditions)]
    for index, says_nothing, condition in verdicts:
        place: Location = ("probe", "also", index - 1) if index else ("probe",)
        if says_nothing:
            facts: dict[str, object] = {"point": condition.point}
            yield Doubt(severity="warning", key="probe_empty", location=place, facts=facts)
    # One condition that no device answering 0 everywhere meets is enough.
    if not any(says_nothing for _, says_nothing, _ in verdicts) and all(_zero_passes(one) for _, _, one in verdicts):
        yield Doubt(severity="note", key="probe_zero", location=("probe",), facts={"point": profile.probe.point})


def _settings(profile: ModbusProfile) -> Iterator[Doubt]:
    """Find settings whose values do not fit their registers."""
    for index, one in enumerate(profile.setup):
        spec = profile.point(one.point)
        if spec.type == "bool":
            continue
        try:
            encode(spec, one.value_in(spec))
        except ValueError:
            facts: dict[str, object] = {"point": one.point, "want": f"{one.want:g}", "type": spec.type}
            yield Doubt(severity="error", key="setup_value", location=("setup", index, "want"), facts=facts)


def _zero_passes(condition: Condition) -> bool:
    return condition.holds(0) and 0 not in condition.inconclusive


def _says_nothing(profile: ModbusProfile, condition: Condition) -> bool:
    """Return whether every value that the point's registers can hold proves the type."""
    if condition.low is None or condition.high is None:
        return False
    spec = profile.point(condition.point)
    ends = _ends(spec)
    if ends is None or spec.sentinels:
        return False
    lowest, highest = ends
    if (spec.low is not None and spec.low > lowest) or (spec.high is not None and spec.high < highest):
        # What lies outside the point's own range is BAD, and refused.
        return False
    return condition.low <= lowest and condition.high >= highest


def _ends(spec: RegisterPoint) -> tuple[float, float] | None:
    """Return the smallest and greatest value that a plain point can have; None if its type tells nothing."""
    if spec.type == "bool":
        return (0.0, 1.0)
    if spec.companions or spec.labels or spec.type in {"string", "float32", "float64", "bcd16", "bcd32"}:
        return None
    if spec.bits is not None:
        raw = (0, (1 << (spec.bits[1] - spec.bits[0] + 1)) - 1)
    else:
        bits = 16 * spec.width
        raw = (-(1 << bits - 1), (1 << bits - 1) - 1) if spec.type.startswith("int") else (0, (1 << bits) - 1)
    first, last = sorted(number * spec.scale + spec.offset for number in raw)
    return (first, last)
