"""Alarm rules and the test files that stand beside them.

A rule file describes one alarm of every site that has the points it needs. A new threshold needs a file only.
"""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Final, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from config.document import read_document
from config.errors import ConfigErrors, ConfigProblem
from config.loader import StrictModel, load_document
from config.points import Name, PointId
from config.texts import TEXTS

RuleKind = Literal["mains_lost", "phase_loss", "meter_comm", "gateway_offline", "sensor_conflict", "threshold", "flag"]
Window = Literal["lamps_due", "always"]
DelaySeconds = Annotated[float, Field(ge=0, le=86_400)]
Ratio = Annotated[float, Field(gt=0, lt=2)]
ShortText = Annotated[str, Field(min_length=1, max_length=160)]
MAX_RULES: Final = 200
TEST_SUFFIX: Final = "_test.yaml"

TEXT_PLACES: Final = frozenset({"site", "phases", "voltages", "values", "limit", "lamps", "silent", "fleet"})
"""What a rule's texts may name in braces: facts of the alarm, each a short text."""


class Bilingual(StrictModel):
    """One text in both languages; `{phases}` and the like stand for facts (TEXT_PLACES)."""

    en: ShortText
    vi: ShortText

    @field_validator("en", "vi")
    @classmethod
    def _places(cls, text: str) -> str:
        try:
            parts = list(string.Formatter().parse(text))
        except ValueError as error:
            raise ValueError(TEXTS.text("braces", error=error)) from error
        for _, place, spec, conversion in parts:
            if place is not None and (place not in TEXT_PLACES or spec or conversion):
                raise ValueError(TEXTS.text("no_fact", place=place, names=", ".join(sorted(TEXT_PLACES))))
        return text


class BaseRule(StrictModel):
    """What every rule has.

    Attributes:
        rule: The alarm's name: in topics, in the store, on the command line.
        severity: 1 (now) to 4 (some day).
        on_delay_s: How long the condition must hold, by event time, before the alarm is raised.
        off_delay_s: How long its opposite must be seen before the alarm is cleared.
        window: When crews are told: while lamps are due (24-hour classes: always), or always.
        notice_hold_s: How long a notice waits for a higher cause that explains it.
        if_brief: What becomes of an alarm that clears while its notice waits: one quiet message, or history only.
        suppressed_by: Rules that explain this one; while one of them is active nobody is told of this one.
        raised: The message's first words, such as MAINS LOST.
        cleared: The first words of the message that it is over.
        advice: What to bring or to check first.
    """

    rule: Name
    severity: Annotated[int, Field(ge=1, le=4)]
    on_delay_s: DelaySeconds
    off_delay_s: DelaySeconds
    window: Window
    notice_hold_s: Annotated[float, Field(ge=0, le=3600)] = 0.0
    if_brief: Literal["tell", "log"] = "log"
    suppressed_by: tuple[Name, ...] = ()
    raised: Bilingual
    cleared: Bilingual
    advice: Bilingual

    @model_validator(mode="after")
    def _not_itself(self) -> BaseRule:
        if self.rule in self.suppressed_by:
            raise ValueError(TEXTS.text("suppressed_by_itself", rule=self.rule))
        return self


class MainsLostRule(BaseRule):
    """No phase has voltage; limits are shares of the cabinet's nominal voltage."""

    kind: Literal["mains_lost"]
    lost_below: Ratio = 0.5
    good_above: Ratio = 0.85


class PhaseLossRule(BaseRule):
    """One or two phases are missing while another is good; 0.7 lies above what a dead phase floats to."""

    kind: Literal["phase_loss"]
    lost_below: Ratio = 0.7
    good_above: Ratio = 0.85


class MeterCommRule(BaseRule):
    """The meter does not answer while its gateway does."""

    kind: Literal["meter_comm"]
    failed_polls: Annotated[int, Field(ge=1, le=1000)] = 5
    good_polls: Annotated[int, Field(ge=1, le=1000)] = 3


class GatewayOfflineRule(BaseRule):
    """Nothing is heard of a gateway: the power state of its cabinets is unknown.

    Attributes:
        on_delay_s: The silence that raises it; every gateway sends a batch at least every 30 s.
        will_hold_s: The same after the broker published the gateway's last will.
        start_grace_s: None is raised this long after the collector's own start or reconnect.
        heartbeats: Batches that clear it.
        fleet_share: More than this share of the fleet silent at once is one alarm about our own network.
        fleet_window_s: What counts as at once.
        fleet_least: Fewer silent gateways than this are never the fleet.
    """

    kind: Literal["gateway_offline"]
    will_hold_s: DelaySeconds = 90.0
    start_grace_s: DelaySeconds = 120.0
    heartbeats: Annotated[int, Field(ge=1, le=100)] = 2
    fleet_share: Annotated[float, Field(gt=0, le=1)] = 0.5
    fleet_window_s: DelaySeconds = 60.0
    fleet_least: Annotated[int, Field(ge=2, le=100_000)] = 4
    fleet_raised: Bilingual
    fleet_cleared: Bilingual
    fleet_advice: Bilingual


class SensorConflictRule(BaseRule):
    """The mains input says lost, and a voltage observed after it says good."""

    kind: Literal["sensor_conflict"]
    good_above: Ratio = 0.85


class ThresholdRule(BaseRule):
    """A measured value past a limit.

    Attributes:
        points: `meter/…` and `io/…` mean the cabinet's own meter and inputs, anything else `device/key`.
        above: Raised above this, or
        below: below this.
        clear_at: Cleared at this or better; the difference is the deadband.
        limits_in: The limits are in the point's unit, or shares of the cabinet's nominal voltage.
        unit: What stands behind values in messages.
    """

    kind: Literal["threshold"]
    points: Annotated[tuple[PointId, ...], Field(min_length=1, max_length=64)]
    above: float | None = None
    below: float | None = None
    clear_at: float
    limits_in: Literal["unit", "nominal_voltage"] = "unit"
    unit: Annotated[str, Field(max_length=8)] = ""

    @model_validator(mode="after")
    def _deadband(self) -> ThresholdRule:
        if (self.above is None) == (self.below is None):
            raise ValueError(TEXTS.text("one_limit"))
        if self.above is not None and self.clear_at > self.above:
            raise ValueError(TEXTS.text("clear_above", clear_at=self.clear_at, limit=self.above))
        if self.below is not None and self.clear_at < self.below:
            raise ValueError(TEXTS.text("clear_below", clear_at=self.clear_at, limit=self.below))
        return self


class FlagRule(BaseRule):
    """A point that says itself that something is wrong.

    Attributes:
        points: True, a number but 0, or a text of any of them raises; `centre/…` means what the collector itself knows
            of the cabinet, the rest as in a threshold rule.
        told: A point whose text stands in the message, as {values} and as its evidence.
    """

    kind: Literal["flag"]
    points: Annotated[tuple[PointId, ...], Field(min_length=1, max_length=64)]
    told: PointId | None = None


Rule = (
    MainsLostRule | PhaseLossRule | MeterCommRule | GatewayOfflineRule | SensorConflictRule | ThresholdRule | FlagRule
)
_MODELS: Final[dict[str, type[Rule]]] = {
    "mains_lost": MainsLostRule,
    "phase_loss": PhaseLossRule,
    "meter_comm": MeterCommRule,
    "gateway_offline": GatewayOfflineRule,
    "sensor_conflict": SensorConflictRule,
    "threshold": ThresholdRule,
    "flag": FlagRule,
}


class _KindOnly(BaseModel):
    """The one key that says which model a rule file follows."""

    model_config = ConfigDict(extra="ignore")
    kind: RuleKind


def load_rule(file: Path) -> Rule:
    """Read one rule file.

    Raises:
        ConfigErrors: Everything that is wrong with it, each with file, line and column.
    """
    kind = load_document(file, _KindOnly).kind
    return load_document(file, _MODELS[kind])


def shipped_rules() -> tuple[Path, ...]:
    """Return the rule files that the software ships."""
    folder = Path(str(files("config") / "alarms"))
    return tuple(file for file in sorted(folder.glob("*.yaml")) if not file.name.endswith(TEST_SUFFIX))


def _problem(file: Path, key: str, message: str) -> ConfigProblem:
    """Return a finding at a key of a rule file that has been read before."""
    mark = read_document(file.read_text("utf-8"), file).mark((key,))
    return ConfigProblem(file, mark.line + 1, mark.column + 1, message)


def _circles(loaded: Mapping[Path, Rule]) -> list[ConfigProblem]:
    """Find a rule that explains itself by way of others: all of them active, each would hide the next."""
    causes = {rule.rule: rule.suppressed_by for rule in loaded.values()}
    for file, rule in loaded.items():
        ways: list[tuple[str, ...]] = [(rule.rule, cause) for cause in rule.suppressed_by]
        seen: set[str] = set()
        while ways:
            way = ways.pop()
            if way[-1] == rule.rule:
                return [_problem(file, "suppressed_by", TEXTS.text("suppressed_in_a_circle", names=" > ".join(way)))]
            if way[-1] not in seen:
                seen.add(way[-1])
                ways += [(*way, cause) for cause in causes[way[-1]]]
    return []


def load_rules(rule_files: Sequence[Path] | None = None) -> tuple[Rule, ...]:
    """Read rule files, those that the software ships if None.

    Raises:
        ConfigErrors: Anything in any of them is wrong, or they do not fit together.
    """
    problems: list[ConfigProblem] = []
    loaded: dict[Path, Rule] = {}
    for file in shipped_rules() if rule_files is None else rule_files:
        try:
            loaded[file] = load_rule(file)
        except ConfigErrors as error:
            problems.extend(error.problems)
    names = [rule.rule for rule in loaded.values()]
    for file, rule in loaded.items():
        if names.count(rule.rule) > 1:
            problems.append(_problem(file, "rule", TEXTS.text("rule_twice", rule=rule.rule)))
        unknown = sorted(set(rule.suppressed_by) - set(names))
        if unknown and not problems:
            message = TEXTS.text("no_suppressor", unknown=", ".join(unknown), names=", ".join(names))
            problems.append(_problem(file, "suppressed_by", message))
    if not problems:
        problems += _circles(loaded)
    offline = [file for file, rule in loaded.items() if rule.kind == "gateway_offline"]
    problems += [_problem(file, "kind", TEXTS.text("one_offline_rule")) for file in offline[1:]]
    if len(loaded) > MAX_RULES:
        problems.append(
            ConfigProblem(next(iter(loaded)), 1, 1, TEXTS.text("too_many_rules", count=len(loaded), most=MAX_RULES))
        )
    if problems:
        raise ConfigErrors(problems)
    return tuple(loaded.values())


class Feed(StrictModel):
    """Readings of a rule test: the same values again and again.

    Attributes:
        from_s: Seconds after the test's start of the first reading.
        to_s: The last reading stands before this.
        every_s: Seconds between readings.
        values: Point to value; the name of a BAD cause such as timeout stands for a reading without a value.
        late_s: How much later than read they arrive.
        channel: The topic they come by.
    """

    from_s: Annotated[float, Field(ge=0, le=1e6)]
    to_s: Annotated[float, Field(ge=0, le=1e6)]
    every_s: Annotated[float, Field(ge=0.1, le=86_400)] = 1.0
    values: Annotated[dict[PointId, float | bool | str], Field(min_length=1, max_length=64)]
    late_s: Annotated[float, Field(ge=0, le=1e6)] = 0.0
    channel: Literal["live", "event", "history"] = "live"


class Presence(StrictModel):
    """What the gateway's `state/online` said at a time of a rule test."""

    at_s: Annotated[float, Field(ge=0, le=1e6)]
    online: bool


class Due(StrictModel):
    """When the lamps are due in a rule test, by the collector's own evaluation of the schedule."""

    from_s: Annotated[float, Field(ge=0, le=1e6)]
    to_s: Annotated[float, Field(ge=0, le=1e6)]


class ExpectedChange(StrictModel):
    """An alarm of a rule test; `at_s` is the event time of the cause, seconds after the start."""

    at_s: float
    rule: Name
    change: Literal["raised", "cleared"]


class ExpectedNotice(StrictModel):
    """A notice of a rule test; `at_s` is when it goes to the outbox."""

    at_s: float
    rule: Name
    notice: Literal["raised", "restored", "brief"]
    contains: str = ""


class RuleCase(StrictModel):
    """One course of events and what must come of it, nothing less and nothing more."""

    case: str
    cabinet_class: Literal["lighting", "alley", "traffic_signal", "warning_ac", "warning_solar"] = "lighting"
    until_s: Annotated[float, Field(gt=0, le=1e6)]
    lamps_due: tuple[Due, ...] = ()
    feeds: Annotated[tuple[Feed, ...], Field(max_length=100)]
    presence: tuple[Presence, ...] = ()
    alarms: tuple[ExpectedChange, ...] = ()
    notices: tuple[ExpectedNotice, ...] = ()


class RuleTest(StrictModel):
    """The test file of one rule."""

    tests: Name
    cases: Annotated[tuple[RuleCase, ...], Field(min_length=1, max_length=100)]


def load_rule_test(file: Path) -> RuleTest:
    """Read one `<rule>_test.yaml`.

    Raises:
        ConfigErrors: Everything that is wrong with it.
    """
    return load_document(file, RuleTest)


if set(get_args(RuleKind)) != set(_MODELS):
    raise AssertionError("a rule kind has no model")
