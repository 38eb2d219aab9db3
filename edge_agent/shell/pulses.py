"""Pulse counters as devices: fed by polls, kept on disk, booked each interval."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

import structlog

from config.agent import PulseCounter as CounterConfig
from config.points import FieldPoint, PointSpec
from contract.reading import BAD_CAUSES, Block, Cause
from contract.state import DeviceMeta, PointMeta
from edge_agent.core.pulses import Booking, Count, PulseCounter
from edge_agent.shell.clock import GatewayClock
from edge_agent.shell.devices import Device, Fleet
from edge_agent.shell.whole_file import replace_whole

MAX_FILE_BYTES: Final = 64 * 1024
_log = structlog.get_logger("counters")


def specs_of(config: CounterConfig) -> dict[str, PointSpec]:
    """Return the points of a counter by key."""
    names = {
        "amount": ("amount", "lượng trong kỳ", config.unit, "number"),
        "total": ("total", "tổng cộng", config.unit, "number"),
        "pulses": ("pulses", "số xung", "", "integer"),
    }
    return {
        key: FieldPoint.model_validate(
            {
                "key": key,
                "en": f"{config.en}, {en}",
                "vi": f"{config.vi}, {vi}",
                "unit": unit,
                "field": key,
                "type": kind,
            }
        )
        for key, (en, vi, unit, kind) in names.items()
    }


def meta_of_counter(config: CounterConfig) -> DeviceMeta:
    """Return what `state/meta` says of a counter."""
    return DeviceMeta(
        device_class=config.device_class,
        profile="pulse-counter",
        profile_version="1",
        interval_s=config.interval_s,
        points={
            key: PointMeta(en=spec.en, vi=spec.vi, unit=spec.unit, kind=spec.kind)
            for key, spec in specs_of(config).items()
        },
    )


class CountFile:
    """The counts on disk: one small file, replaced whole, so that a power cut leaves the old or the new one."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def load(self) -> dict[str, Count]:
        """Return what was kept; a damaged file is moved aside, and counting begins anew."""
        try:
            with self._file.open("rb") as opened:
                content = json.loads(opened.read(MAX_FILE_BYTES + 1))
            return {str(name): _count(kept) for name, kept in content["counters"].items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            _log.exception("counts cannot be read", file=str(self._file), error=str(error))
            with contextlib.suppress(OSError):
                self._file.replace(self._file.with_suffix(".damaged"))
            return {}

    def save(self, counts: Mapping[str, Count]) -> None:
        """Put all counts on the disk, for certain.

        Raises:
            OSError: The disk refuses.
        """
        text = json.dumps({"version": 1, "counters": {name: asdict(count) for name, count in counts.items()}})
        replace_whole(self._file, text)


def _count(kept: Mapping[str, object]) -> Count:
    pulses, booked, level = kept["pulses"], kept["booked"], kept["level"]
    if not (isinstance(pulses, int) and isinstance(booked, int) and 0 <= booked <= pulses):
        raise ValueError("no counts")
    if not (level is None or isinstance(level, bool)):
        raise ValueError("no level")
    return Count(pulses=pulses, booked=booked, level=level)


class PulseCounting:
    """All counters of a gateway."""

    def __init__(
        self,
        *,
        configs: Sequence[CounterConfig],
        fleet: Fleet,
        file: Path,
        clock: GatewayClock,
        sink: Callable[[Block, Mapping[str, PointSpec]], None],
    ) -> None:
        """Continue from the disk.

        Raises:
            ValueError: A source is no point of its device, or no input.
        """
        self._clock = clock
        self._sink = sink
        self._file = CountFile(file)
        self._configs = {config.id: config for config in configs}
        self._specs = {config.id: specs_of(config) for config in configs}
        self._sources: dict[str, list[tuple[str, PulseCounter]]] = {}
        self._counters: dict[str, PulseCounter] = {}
        self._kept = self._file.load() if configs else {}
        for config in configs:
            check_source(config, fleet)
            device, _, key = config.source.partition("/")
            counter = self._counters[config.id] = PulseCounter(
                quantity=config.quantity_per_pulse,
                debounce_s=config.debounce_s,
                shortest_pulse_s=config.shortest_pulse_s,
                counts=config.counts,
                saved=self._kept.get(config.id),
            )
            self._sources.setdefault(device, []).append((key, counter))

    def observe(self, device: Device, block: Block) -> None:
        """Take what a poll shows of the inputs."""
        for key, counter in self._sources.get(device.id, ()):
            if key in block.keys:
                value = block.values[block.keys.index(key)]
                is_good = value is not None and block.causes.get(key, Cause.OK) not in BAD_CAUSES
                counter.sample(bool(value) if is_good else None, block.monotonic_ms / 1000)

    async def run(self) -> None:
        """Book each counter at its interval until cancelled; then keep what was counted since."""
        loop = asyncio.get_running_loop()
        due_s = {name: loop.time() + config.interval_s for name, config in self._configs.items()}
        try:
            while True:
                await asyncio.sleep(max(0.0, min(due_s.values()) - loop.time()))
                due = [name for name, at_s in due_s.items() if at_s <= loop.time()]
                for name in due:
                    due_s[name] += self._configs[name].interval_s
                await self.book(due)
        finally:
            self._save(self._counts())

    async def book(self, names: Sequence[str]) -> None:
        """Book an interval: first on the disk, so that no amount is ever told twice."""
        now_s = self._clock.monotonic_ms() / 1000
        bookings = {name: self._counters[name].book(now_s) for name in names}
        await asyncio.to_thread(self._save, self._counts())
        for name, booking in bookings.items():
            self._sink(self._block(name, booking), self._specs[name])

    def _counts(self) -> dict[str, Count]:
        # Counters that the configuration does not name at present keep their totals.
        return {**self._kept, **{name: counter.count for name, counter in self._counters.items()}}

    def _save(self, counts: dict[str, Count]) -> None:
        if counts == self._kept:
            return
        try:
            self._file.save(counts)
        except OSError as error:
            # The next booking tries again; a full disk must not stop the counting.
            _log.exception("counts not kept", error=str(error))
        else:
            self._kept = counts

    def _block(self, name: str, booking: Booking | None) -> Block:
        causes: dict[str, Cause]
        values: tuple[float | int | None, ...]
        if booking is None:
            values, causes = (None, None, None), dict.fromkeys(("amount", "total", "pulses"), Cause.TIMEOUT)
        elif not booking.was_seen:
            # An input that nobody saw gave no amount; 0 would be a dry day.
            values = (None, booking.total, booking.pulses)
            causes = {"amount": Cause.TIMEOUT, "total": Cause.STALE, "pulses": Cause.STALE}
        else:
            values = (booking.amount, booking.total, booking.pulses)
            causes = {} if booking.is_complete else {"amount": Cause.SUSPECT}
        return Block(
            device=name,
            observed_at_ms=self._clock.wall_ms(),
            keys=("amount", "total", "pulses"),
            values=values,
            causes=causes,
            monotonic_ms=self._clock.monotonic_ms(),
        )


def check_source(config: CounterConfig, fleet: Fleet) -> None:
    """Refuse a counter whose source is no input.

    Raises:
        ValueError: The message names the counter.
    """
    located = fleet.locate(config.source)
    if located is None:
        raise ValueError(f"counter '{config.id}': there is no point '{config.source}'")
    if located[1].spec.kind != "bool":
        raise ValueError(f"counter '{config.id}': '{config.source}' is a {located[1].spec.kind}, no input")
