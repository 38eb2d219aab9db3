"""The readings of one gateway in the order of their time: newest of each point, and what they say of each rule."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from collector.core.alarm_record import Key
from collector.core.alarm_watch import Verdict, Watch
from collector.core.rules_evidence import (
    LAMPS_DUE,
    POLL_FAILED,
    CabinetView,
    Sample,
    judge,
    judged_by_readings,
    rule_points,
)
from config.city import Cabinet
from config.rules import MainsLostRule, MeterCommRule, Rule
from contract.reading import Block, Cause, Value


@dataclass(frozen=True, slots=True)
class Layout:
    """Which points of one gateway matter, and to which rules of which cabinets.

    Attributes:
        by_point: Point (`device/key`) to the (cabinet, rule) pairs that read it.
        by_meter: Meter device to the pairs that count its polls, and its cabinets.
    """

    cabinets: dict[str, Cabinet]
    rules: dict[str, Rule]
    by_point: dict[str, tuple[Key, ...]]
    by_meter: dict[str, tuple[Key, ...]]
    devices: frozenset[str]

    @classmethod
    def of(cls, cabinets: Sequence[Cabinet], rules: Sequence[Rule]) -> Layout:
        """Return the layout of one gateway's cabinets."""
        by_point: dict[str, list[Key]] = {LAMPS_DUE: []}
        by_meter: dict[str, list[Key]] = {}
        for cabinet in cabinets:
            meter = cabinet.devices.meter
            for rule in rules:
                key = (cabinet.id, rule.rule)
                for point in rule_points(cabinet, rule):
                    by_point.setdefault(point, []).append(key)
                if meter and isinstance(rule, MeterCommRule | MainsLostRule):
                    by_meter.setdefault(meter, []).append(key)
        return cls(
            cabinets={cabinet.id: cabinet for cabinet in cabinets},
            rules={rule.rule: rule for rule in rules if judged_by_readings(rule)},
            by_point={point: tuple(keys) for point, keys in by_point.items()},
            by_meter={meter: tuple(keys) for meter, keys in by_meter.items()},
            devices=frozenset({point.partition("/")[0] for point in by_point} | set(by_meter)),
        )


@dataclass(slots=True)
class Timeline:
    """One of a gateway's two lines of evidence: live, or what came too late to be."""

    layout: Layout
    samples: dict[str, Sample] = field(default_factory=dict)
    views: dict[str, CabinetView] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, cabinet in self.layout.cabinets.items():
            self.views.setdefault(name, CabinetView(cabinet, self.samples))

    def take(self, block: Block, keys: Sequence[str], at_ms: int, observed_at_ms: int) -> dict[Key, Verdict]:
        """Take the named points of one block, and return what is now to be said of the rules that they touch.

        Args:
            block: Readings of one device at one time.
            keys: The points of it that are newer than what this line has.
            at_ms: Event time.
            observed_at_ms: The gateway's own time.
        """
        touched: dict[Key, None] = {}
        values = dict(zip(block.keys, block.values, strict=True))
        for key in keys:
            point = f"{block.device}/{key}"
            readers = self.layout.by_point.get(point)
            if readers is not None:
                self._put(point, values[key], block.causes.get(key, Cause.OK), at_ms, observed_at_ms)
                touched.update(dict.fromkeys(readers))
        readers = self.layout.by_meter.get(block.device, ())
        if readers and keys:
            failed = all(block.causes.get(key) in POLL_FAILED for key in keys)
            for site in dict.fromkeys(site for site, _ in readers):
                self.views[site].count_poll(failed=failed)
            touched.update(dict.fromkeys(readers))
        return {(site, rule): judge(self.views[site], self.layout.rules[rule]) for site, rule in touched}

    def _put(self, point: str, value: Value | None, cause: Cause, at_ms: int, observed_at_ms: int) -> None:
        sample = self.samples.get(point)
        if sample is None:
            self.samples[point] = Sample(value, cause, at_ms, at_ms, observed_at_ms)
            return
        sample.cause, sample.at_ms, sample.observed_at_ms = cause, at_ms, observed_at_ms
        if sample.usable_with(value) and value != sample.value:
            sample.value, sample.changed_ms = value, at_ms

    def newer(self, block: Block, observed_at_ms: int) -> tuple[list[str], list[str]]:
        """Return the block's keys that are newer than this line's, and those of rules that are strictly older.

        Points that no rule reads are as new as their device's polls: the newest poll is kept as `device/`.
        """
        newer: list[str] = []
        older: list[str] = []
        for key in block.keys:
            point = f"{block.device}/{key}"
            read = point in self.layout.by_point
            sample = self.samples.get(point if read else f"{block.device}/")
            if sample is None or observed_at_ms > sample.observed_at_ms:
                newer.append(key)
            elif read and observed_at_ms < sample.observed_at_ms:
                older.append(key)
        return newer, older

    def polled(self, device: str, at_ms: int, observed_at_ms: int) -> None:
        """Remember a device's newest poll, for those of its points that no rule reads."""
        sample = self.samples.get(f"{device}/")
        if sample is None:
            self.samples[f"{device}/"] = Sample(None, Cause.OK, at_ms, at_ms, observed_at_ms)
        elif observed_at_ms > sample.observed_at_ms:
            sample.at_ms, sample.observed_at_ms = at_ms, observed_at_ms

    def dump(self) -> dict[str, Any]:
        """Return what a restart needs, as plain JSON data."""
        return {
            "samples": {
                point: [sample.value, str(sample.cause), sample.at_ms, sample.changed_ms, sample.observed_at_ms]
                for point, sample in self.samples.items()
            },
            "polls": {name: [view.failed_polls, view.good_polls] for name, view in self.views.items()},
        }

    def restore(self, data: dict[str, Any]) -> None:
        """Take back what `dump` gave; points and cabinets that no longer exist are dropped."""
        for point, (value, cause, at_ms, changed_ms, observed_at_ms) in data["samples"].items():
            if point in self.layout.by_point or point.removesuffix("/") in self.layout.devices:
                self.samples[point] = Sample(value, Cause(cause), at_ms, changed_ms, observed_at_ms)
        for name, (failed, good) in data["polls"].items():
            if name in self.views:
                self.views[name].failed_polls, self.views[name].good_polls = failed, good


@dataclass(slots=True)
class HistoryLine:
    """The second line of evidence of a gateway, over one unbroken stretch of late readings.

    Attributes:
        last_at_ms: Event time of its newest reading.
        received_ms: Own time at which its newest reading came.
        known: Alarms of this stretch that the live line knows of: nobody is told again.
        batch: Epoch and number of the last batch that added to it.
        facts: What its newest evidence of a condition said: its message may come when that is over.
    """

    timeline: Timeline
    last_at_ms: int
    received_ms: int
    watches: dict[Key, Watch] = field(default_factory=dict)
    known: set[Key] = field(default_factory=set)
    batch: tuple[str, int] = ("", 0)
    facts: dict[Key, dict[str, str]] = field(default_factory=dict)

    def active(self) -> Iterator[tuple[Key, Watch]]:
        """Yield the conditions that hold at its end."""
        return ((key, watch) for key, watch in self.watches.items() if watch.active)

    def dump(self) -> dict[str, Any]:
        """Return what a restart needs, as plain JSON data."""
        return {
            "line": self.timeline.dump(),
            "last": [self.last_at_ms, self.received_ms],
            "watches": [
                [*key, watch.since_ms, watch.pending_ms, watch.last_absent_ms] for key, watch in self.watches.items()
            ],
            "known": sorted(self.known),
            "batch": self.batch,
            "facts": [[*key, facts] for key, facts in self.facts.items()],
        }

    @classmethod
    def restored(cls, layout: Layout, data: dict[str, Any]) -> HistoryLine:
        """Return the line that `dump` gave."""
        line = cls(Timeline(layout), *data["last"])
        line.timeline.restore(data["line"])
        for site, rule, since_ms, pending_ms, last_absent_ms in data["watches"]:
            if site in layout.cabinets and rule in layout.rules:
                line.watches[(site, rule)] = Watch(since_ms, pending_ms, last_absent_ms)
        line.known = {(site, rule) for site, rule in data["known"]}
        line.batch = (data["batch"][0], data["batch"][1])
        line.facts = {(site, rule): dict(facts) for site, rule, facts in data.get("facts", [])}
        return line
