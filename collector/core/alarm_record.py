"""What the alarm engine keeps of one alarm, and what it gives back: transitions, notices, changed alarms."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal

from collector.core.alarm_states import AlarmState
from collector.core.alarm_watch import Watch
from config.rules import Rule

EPISODES_KEPT: Final = 8
FLEET_SITE: Final = "collector"
FLEET_NAME: Final = "gateways-offline"
"""Site and name of the one alarm that says our own network has failed."""

Path = Literal["live", "history"]
TransitionKind = Literal["raised", "cleared", "onset_corrected", "acknowledged", "suppressed", "released"]
NoticeKind = Literal["raised", "restored", "brief"]
Key = tuple[str, str]
"""(site, rule)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """One step of one alarm; (rule, site, observed_at_ms, kind) is its identity, so a repeat changes nothing.

    Attributes:
        observed_at_ms: Event time of the first evidence.
        known_ms: When the collector knew, by its own clock.
        path: Seen live, or in readings that came too late to be.
        state: The alarm's state after it.
    """

    rule: str
    site: str
    observed_at_ms: int
    kind: TransitionKind
    known_ms: int
    path: Path
    state: AlarmState
    late: bool = False
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One thing that crews are told, before it is put into words.

    Attributes:
        name: The alarm's name: the rule's, but for the fleet's alarm.
        thread: The same for a loss and its restore.
        crews: Whom to tell.
        until_ms: When it ended; None in a notice of kind `raised`.
        wakes: False for what is over already: it may wait for the morning.
        at_ms: When it was decided.
        part: What tells one notice of a kind from another of the same thread: the phases of an alarm that grew worse.
    """

    kind: NoticeKind
    rule: str
    name: str
    site: str
    gateway: str
    thread: str
    crews: tuple[str, ...]
    severity: int
    since_ms: int
    until_ms: int | None
    late: bool
    wakes: bool
    at_ms: int
    facts: dict[str, str]
    part: str = ""


@dataclass(slots=True, kw_only=True)
class Alarm:
    """One rule at one site.

    Attributes:
        gateway: Whose readings it rests on; empty for the fleet's.
        name: The rule's name, but for the fleet's alarm.
        notice: `none`; `held` until hold_until_ms; `told`: crews know, and hear of the end too.
        hold_from_ms: Own time from which the hold counts: the raise, or the end of a suppression.
        late_evidence: Whether its newest evidence was late (sent more than 60 s after it was observed).
        late: Whether it was raised by late evidence and not confirmed by newer.
        episodes: (since, until) of the last times it was active, which late readings may tell of again.
        worse_ms: Event time since which phases are missing that crews were not told of.
    """

    rule: Rule
    site: str
    gateway: str
    name: str = ""
    watch: Watch = field(default_factory=Watch)
    state: AlarmState = AlarmState.NORMAL
    notice: Literal["none", "held", "told"] = "none"
    thread: str = ""
    hold_from_ms: int = 0
    hold_until_ms: int | None = None
    late_evidence: bool = False
    late: bool = False
    cleared_ms: int | None = None
    acknowledged_by: str = ""
    facts: dict[str, str] = field(default_factory=dict)
    episodes: list[tuple[int, int]] = field(default_factory=list)
    worse_ms: int | None = None

    def __post_init__(self) -> None:
        self.name = self.name or self.rule.rule

    @property
    def key(self) -> Key:
        """(site, name)."""
        return self.site, self.name

    def grows_worse(self, facts: dict[str, str], at_ms: int, on_delay_ms: int) -> bool:
        """Whether phases are missing, for the on-delay by now, that the facts that were told do not name."""
        told, missing = (set(kept.get("phases", "").split(", ")) for kept in (self.facts, facts))
        if missing <= told | {""}:
            self.worse_ms = None
            return False
        if self.worse_ms is None:
            self.worse_ms = at_ms
        return at_ms - self.worse_ms >= on_delay_ms

    def remember(self, since_ms: int, until_ms: int) -> None:
        """Keep one episode; the oldest go."""
        self.episodes = [*self.episodes, (since_ms, until_ms)][-EPISODES_KEPT:]

    def knows_of(self, at_ms: int, slack_ms: int) -> bool:
        """Whether the alarm was active at an event time."""
        if self.watch.since_ms is not None and at_ms >= self.watch.since_ms - slack_ms:
            return True
        return any(since - slack_ms <= at_ms <= until + slack_ms for since, until in self.episodes)

    def shift(self, by_ms: int) -> None:
        """Move own times along with a clock that was set."""
        self.hold_from_ms += by_ms
        if self.hold_until_ms is not None:
            self.hold_until_ms += by_ms

    def not_after(self, now_ms: int) -> None:
        """Bring own times out of the future."""
        ahead_ms = self.hold_from_ms - now_ms
        if ahead_ms > 0:
            self.shift(-ahead_ms)

    def dump(self) -> dict[str, Any]:
        """Return what a restart needs, as plain JSON data."""
        kept = {name: getattr(self, name) for name in _KEPT}
        return {**kept, "watch": asdict(self.watch), "state": str(self.state), "episodes": self.episodes}

    def restore(self, data: dict[str, Any]) -> None:
        """Take back what `dump` gave."""
        for name in _KEPT:
            setattr(self, name, data[name])
        self.watch = Watch(**data["watch"])
        self.state = AlarmState(data["state"])
        self.episodes = [(since, until) for since, until in data["episodes"]]


_KEPT: Final = (
    "notice",
    "thread",
    "hold_from_ms",
    "hold_until_ms",
    "late_evidence",
    "late",
    "cleared_ms",
    "acknowledged_by",
    "facts",
)


@dataclass(slots=True)
class Effects:
    """What one step gives: all of it is committed together, then published.

    Attributes:
        alarms: Alarms whose state people see, as they are now.
        gateways: Whose engine state must be saved with it.
    """

    transitions: list[Transition] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    alarms: dict[Key, Alarm] = field(default_factory=dict)
    gateways: set[str] = field(default_factory=set)

    def __bool__(self) -> bool:
        return bool(self.transitions or self.notices or self.alarms or self.gateways)

    def add(self, other: Effects) -> None:
        """Take over another step's effects, after one's own."""
        self.transitions += other.transitions
        self.notices += other.notices
        self.alarms |= other.alarms
        self.gateways |= other.gateways
