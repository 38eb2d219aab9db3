"""What the newest readings of one cabinet say of each rule's condition."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from collector.core.alarm_watch import Verdict
from config.city import Cabinet
from config.rules import (
    BaseRule,
    FlagRule,
    GatewayOfflineRule,
    MainsLostRule,
    MeterCommRule,
    PhaseLossRule,
    Rule,
    SensorConflictRule,
    ThresholdRule,
)
from contract.reading import Cause, Value

USABLE: Final = frozenset({Cause.OK, Cause.CLOCK, Cause.SIMULATED})
"""Causes beside which a value is evidence; a spike, a flat line or a stale value neither raises nor clears."""
POLL_FAILED: Final = frozenset(
    {Cause.TIMEOUT, Cause.CRC, Cause.PROTOCOL, Cause.LINE_DOWN, Cause.SET_ASIDE, Cause.REFUSED}
)
PHASES: Final = ("u1", "u2", "u3")
LAMPS_DUE: Final = "control/lamps_due"
POWER_SOURCE: Final = "agent/power_source"
MUTE_AFTER_MS: Final = 60_000
"""How long after the mains input came back a meter may take to answer before it is judged without."""
SILENT_POLLS: Final = 3
"""Failed polls one after another that are no noise any more."""
OWN_ROLE: Final = "centre"
"""What stands before `/` in a rule's point that the collector itself knows of a cabinet."""
MAX_VALUES: Final = 6
VALUE_SEPARATOR: Final = ", "
COUNT_LIMIT: Final = 1_000
"""Where counts of polls stop counting."""


@dataclass(slots=True)
class Sample:
    """The newest reading of one point.

    Attributes:
        value: The last usable value; None if there never was one.
        at_ms: Event time of the newest reading.
        changed_ms: Event time at which the value became what it is.
        observed_at_ms: The gateway's own time of the newest reading: what an older or repeated one is told by.
    """

    value: Value | None
    cause: Cause
    at_ms: int
    changed_ms: int
    observed_at_ms: int

    @property
    def usable(self) -> bool:
        """Whether the newest reading is evidence."""
        return self.usable_with(self.value)

    def usable_with(self, value: Value | None) -> bool:
        """Whether a value beside the newest reading's cause is evidence."""
        return self.cause in USABLE and value is not None

    @property
    def number(self) -> float | None:
        """The value as a number if the newest reading is evidence."""
        return float(self.value) if self.usable and isinstance(self.value, int | float) else None


@dataclass(slots=True)
class CabinetView:
    """What is known of one cabinet, of one of the two time lines.

    Attributes:
        samples: Point (`device/key`) to its newest reading, only of points that a rule reads.
        failed_polls: Polls of the meter without any answer, one after another.
        good_polls: Polls of the meter that were answered, one after another.
    """

    cabinet: Cabinet
    samples: dict[str, Sample] = field(default_factory=dict)
    failed_polls: int = 0
    good_polls: int = 0

    def count_poll(self, *, failed: bool) -> None:
        """Count one poll of the meter."""
        if failed:
            self.failed_polls, self.good_polls = min(self.failed_polls + 1, COUNT_LIMIT), 0
        else:
            self.failed_polls, self.good_polls = 0, min(self.good_polls + 1, COUNT_LIMIT)

    def phases(self) -> list[tuple[str, Sample]]:
        """Return the phase voltages that the meter has, as (L1, sample)."""
        meter = self.cabinet.devices.meter
        if meter is None:
            return []
        found = ((f"L{number}", self.samples.get(f"{meter}/{key}")) for number, key in enumerate(PHASES, 1))
        return [(name, sample) for name, sample in found if sample is not None]

    def mains_input(self) -> Sample | None:
        """Return the mains input if the cabinet has one."""
        io = self.cabinet.devices.io
        return self.samples.get(f"{io}/mains_ok") if io else None

    def battery(self) -> Sample | None:
        """Return what says that the gateway runs on its battery; None where nothing does."""
        io = self.cabinet.devices.io
        for point in (POWER_SOURCE, f"{io}/power_source"):
            sample = self.samples.get(point)
            if sample is not None and sample.usable and sample.value == "battery":
                return sample
        return None


def own_device(cabinet: str) -> str:
    """Return the device of what the collector itself knows of a cabinet; the colon keeps gateways from naming it."""
    return f"{OWN_ROLE}:{cabinet}"


def resolve_point(cabinet: Cabinet, point: str) -> str | None:
    """Return a rule's point as the gateway names it; None where the cabinet has no such device."""
    role, _, key = point.partition("/")
    if role == OWN_ROLE:
        return f"{own_device(cabinet.id)}/{key}"
    if role not in {"meter", "io"}:
        return point
    device = cabinet.devices.meter if role == "meter" else cabinet.devices.io
    return f"{device}/{key}" if device else None


def rule_points(cabinet: Cabinet, rule: Rule) -> tuple[str, ...]:
    """Return the points of one cabinet that a rule reads."""
    wanted: tuple[str, ...]
    match rule:
        case MainsLostRule() | SensorConflictRule():
            wanted = (*(f"meter/{key}" for key in PHASES), "io/mains_ok", "io/power_source", POWER_SOURCE)
        case PhaseLossRule():
            wanted = tuple(f"meter/{key}" for key in PHASES)
        case ThresholdRule():
            wanted = rule.points
        case FlagRule():
            wanted = (*rule.points, *([rule.told] if rule.told else []))
        case _:
            wanted = ()
    return tuple(point for point in (resolve_point(cabinet, name) for name in wanted) if point)


def _mains_lost(view: CabinetView, rule: MainsLostRule) -> Verdict:
    nominal_v = view.cabinet.nominal_voltage_v
    phases = [sample for _, sample in view.phases()]
    good = [(sample, voltage) for sample in phases if (voltage := sample.number) is not None]
    mains = view.mains_input()
    is_good = bool(good) and len(good) == len(phases) and all(v > rule.good_above * nominal_v for _, v in good)
    if good and all(voltage < rule.lost_below * nominal_v for _, voltage in good):
        return Verdict.PRESENT
    # After the change only: the meter's last voltages before an outage are still good ones.
    opposed = mains is not None and any(
        voltage > rule.good_above * nominal_v and sample.at_ms > mains.changed_ms for sample, voltage in good
    )
    if mains is not None and mains.usable and not mains.value:
        # An input that stays open after the mains came back must not hold the alarm, which would hide SENSOR_CONFLICT.
        return (Verdict.ABSENT if is_good else Verdict.BETWEEN) if opposed else Verdict.PRESENT
    battery = view.battery()
    if phases and battery is not None and _mute_with(view, battery, phases[0]):
        return Verdict.PRESENT
    if mains is not None and not mains.usable:
        return Verdict.UNKNOWN
    # A meter that stays mute after the mains input came back is METER_COMM's matter, not the mains'.
    if phases and not _mute_after(view, mains, phases[0]):
        if len(good) < len(phases):
            return Verdict.UNKNOWN
        return Verdict.ABSENT if is_good else Verdict.BETWEEN
    return Verdict.ABSENT if mains is not None else Verdict.UNKNOWN


def _mute_after(view: CabinetView, mains: Sample | None, phase: Sample) -> bool:
    return mains is not None and view.failed_polls >= 5 and phase.at_ms > mains.changed_ms + MUTE_AFTER_MS


def _mute_with(view: CabinetView, battery: Sample, phase: Sample) -> bool:
    """Return whether the meter died with the gateway's supply.

    One failed poll says so beside a change of supply, which may be the last that is heard; where the gateway has long
    run on its battery (a fault of its charger), single failed polls are noise.
    """
    if not view.failed_polls:
        return False
    return view.failed_polls >= SILENT_POLLS or phase.at_ms - battery.changed_ms <= MUTE_AFTER_MS


def _phase_loss(view: CabinetView, rule: PhaseLossRule) -> Verdict:
    nominal_v = view.cabinet.nominal_voltage_v
    phases = view.phases()
    numbers = [voltage for _, sample in phases if (voltage := sample.number) is not None]
    lost = [voltage for voltage in numbers if voltage < rule.lost_below * nominal_v]
    good = [voltage for voltage in numbers if voltage > rule.good_above * nominal_v]
    if good and lost:
        return Verdict.PRESENT
    if not numbers or len(numbers) < len(phases):
        return Verdict.UNKNOWN
    return Verdict.ABSENT if len(good) == len(phases) else Verdict.BETWEEN


def _meter_comm(view: CabinetView, rule: MeterCommRule) -> Verdict:
    if view.failed_polls >= rule.failed_polls:
        return Verdict.PRESENT
    if view.good_polls >= rule.good_polls:
        return Verdict.ABSENT
    return Verdict.BETWEEN if view.good_polls else Verdict.UNKNOWN


def _sensor_conflict(view: CabinetView, rule: SensorConflictRule) -> Verdict:
    mains = view.mains_input()
    if mains is None or not mains.usable:
        return Verdict.UNKNOWN
    if mains.value:
        return Verdict.ABSENT
    numbers = [(sample, sample.number) for _, sample in view.phases()]
    limit_v = rule.good_above * view.cabinet.nominal_voltage_v
    if any(number is not None and number > limit_v and sample.at_ms > mains.changed_ms for sample, number in numbers):
        return Verdict.PRESENT
    if any(number is None for _, number in numbers):
        return Verdict.UNKNOWN
    return Verdict.ABSENT


def threshold_limits(cabinet: Cabinet, rule: ThresholdRule) -> tuple[float, float]:
    """Return (limit, clear_at) in the point's unit."""
    scale = cabinet.nominal_voltage_v if rule.limits_in == "nominal_voltage" else 1.0
    limit = rule.above if rule.above is not None else rule.below
    return (limit or 0.0) * scale, rule.clear_at * scale


def _past(value: float, limit: float, rule: ThresholdRule) -> bool:
    return value > limit if rule.above is not None else value < limit


def threshold_samples(view: CabinetView, rule: ThresholdRule) -> list[tuple[str, Sample]]:
    """Return the points of a threshold rule that the cabinet has, with their newest readings."""
    points = (resolve_point(view.cabinet, point) for point in rule.points)
    return [(point, view.samples[point]) for point in points if point in view.samples]


def _threshold(view: CabinetView, rule: ThresholdRule) -> Verdict:
    limit, clear_at = threshold_limits(view.cabinet, rule)
    numbers = [sample.number for _, sample in threshold_samples(view, rule)]
    known = [number for number in numbers if number is not None]
    if any(_past(number, limit, rule) for number in known):
        return Verdict.PRESENT
    if not known or len(known) < len(numbers):
        return Verdict.UNKNOWN
    return Verdict.BETWEEN if any(_past(number, clear_at, rule) for number in known) else Verdict.ABSENT


def _flag(view: CabinetView, rule: FlagRule) -> Verdict:
    points = (resolve_point(view.cabinet, point) for point in rule.points)
    samples = [view.samples[point] for point in points if point in view.samples]
    if any(sample.usable and sample.value for sample in samples):
        return Verdict.PRESENT
    return Verdict.ABSENT if samples and all(sample.usable for sample in samples) else Verdict.UNKNOWN


def _told(view: CabinetView, rule: FlagRule) -> str:
    point = resolve_point(view.cabinet, rule.told) if rule.told else None
    sample = view.samples.get(point) if point else None
    return str(sample.value) if sample is not None and sample.usable else ""


_JUDGES: Final[dict[type[BaseRule], Callable[[CabinetView, Any], Verdict]]] = {
    MainsLostRule: _mains_lost,
    PhaseLossRule: _phase_loss,
    MeterCommRule: _meter_comm,
    SensorConflictRule: _sensor_conflict,
    ThresholdRule: _threshold,
    FlagRule: _flag,
}


def judge(view: CabinetView, rule: Rule) -> Verdict:
    """Return what the newest readings of a cabinet say of a rule's condition.

    Raises:
        KeyError: The rule is about gateways, not about readings.
    """
    return _JUDGES[type(rule)](view, rule)


def judged_by_readings(rule: Rule) -> bool:
    """Whether a rule's condition stands in readings; a silent gateway's does not."""
    return not isinstance(rule, GatewayOfflineRule)


def _volts(sample: Sample) -> str:
    number = sample.number
    return "?" if number is None else f"{number:.0f} V"


def facts_of(view: CabinetView, rule: Rule) -> dict[str, str]:
    """Return the facts that an alarm's message names, each a short text of either language."""
    cabinet = view.cabinet
    phases = view.phases()
    facts = {
        "site": cabinet.id,
        "lamps": str(cabinet.lamps),
        "voltages": ", ".join(f"{name} {_volts(sample)}" for name, sample in phases),
    }
    mains = view.mains_input()
    if mains is not None and mains.usable:
        facts["mains_ok"] = "1" if mains.value else "0"
    if view.battery() is not None:
        facts["battery"] = "1"
    if view.failed_polls:
        facts["meter_silent"] = "1"
    match rule:
        case PhaseLossRule():
            limit_v = rule.lost_below * cabinet.nominal_voltage_v
            low = [name for name, sample in phases if sample.number is not None and sample.number < limit_v]
            facts["phases"] = ", ".join(low)
        case ThresholdRule():
            limit, clear_at = threshold_limits(cabinet, rule)
            over = [
                (point, f"{_point_name(point)} {sample.number:.4g} {rule.unit}".strip())
                for point, sample in threshold_samples(view, rule)
                if sample.number is not None and _past(sample.number, clear_at, rule)
            ][:MAX_VALUES]
            facts["values"] = VALUE_SEPARATOR.join(text for _, text in over)
            facts["points"] = " ".join(point for point, _ in over)
            facts["limit"] = f"{limit:.4g} {rule.unit}".strip()
        case FlagRule():
            facts["values"] = _told(view, rule)
        case _:
            pass
    return facts


def with_cause(now: dict[str, str], then: dict[str, str]) -> dict[str, str]:
    """Return the facts of what is over, with the phases or values that it was about."""
    return now | {place: then[place] for place in ("phases", "values", "points") if then.get(place)}


def _point_name(point: str) -> str:
    key = point.partition("/")[2]
    return f"L{key[1]}" if key in PHASES else key
