"""Between the poller and delivery: each block is judged, corrected, doubted, averaged, thinned as configured.

A device whose profile and configuration use none of this goes straight through.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import structlog

from config.agent import AgentConfig
from config.points import PointSpec
from contract.reading import Block, Cause
from edge_agent.core.averages import LATE_MS, Averaged, DeviceAverages
from edge_agent.core.derived import average_problems, calibration_problem, derived_specs, doubt_problems, name_problems
from edge_agent.core.doubts import DoubtBoard
from edge_agent.core.quality import DeviceJudge, PointJudge, marked
from edge_agent.core.report_on_change import ReportOnChange
from edge_agent.core.upkeep import UpkeepBoard
from edge_agent.shell.clock import GatewayClock
from edge_agent.shell.devices import Device

TICK_S: Final = 1.0
Sink = Callable[[Block, Mapping[str, PointSpec]], None]
_log = structlog.get_logger("quality")


class DeviceStages:
    """What is made of one device's blocks.

    Attributes:
        judge: Judges and corrects; None if nothing of that is wanted.
        averages: None if nothing is averaged.
        doubts: None if its points neither are doubted nor make others doubted.
        on_change: None if every reading is told.
        made: The points that are made of the device's own ones.
        specs: All points of the device, what delivery goes by.
        causes: Of the points that are not good now, what was found here.
    """

    def __init__(self, device: Device, doubts: DoubtBoard | None = None) -> None:
        """Build the stages.

        Args:
            device: The device.
            doubts: All doubts of the gateway; none if not set.

        Raises:
            ValueError: The configuration wants what cannot be made; the message names the device.
        """
        specs, corrections = {**device.specs, **device.limits}, device.corrections
        config = device.config.averages
        problems = [calibration_problem(key, specs.get(key)) for key in corrections]
        if config is not None:
            found = average_problems(config, specs, device.interval_s, device.config.named)
            problems += [text for _, text in found]
        _refuse(device.id, problems)
        _refuse(device.id, name_problems(specs, config, corrections))
        self.made = derived_specs(specs, config, corrections)
        self.specs: dict[str, PointSpec] = {**specs, **self.made}
        judges = {
            key: judge
            for key, spec in specs.items()
            if (judge := PointJudge.of(spec, corrections.get(key, ()))) is not None
        }
        warm_up_ms = round(device.profile.warm_up_s * 1000)
        self.judge = DeviceJudge(judges, warm_up_ms) if judges or warm_up_ms else None
        self.doubts = doubts if doubts is not None and doubts.concerns(device.id) else None
        self.averages: DeviceAverages | None = None
        if config is not None:
            self.averages = DeviceAverages(
                device=device.id,
                points=[
                    Averaged(
                        key=key,
                        spec=specs[key],
                        interval_s=device.interval_s(specs[key]),
                        speed_key=_here(device, specs[key].average_with),
                        greatest_rate=config.ratings.get(key),
                    )
                    for key in config.points
                ],
                periods_s=config.periods_s,
            )
        self.on_change = ReportOnChange(specs) if ReportOnChange.is_wanted(specs) else None
        self.causes: dict[str, Cause] = {}

    @property
    def is_needed(self) -> bool:
        """Whether blocks must pass here at all."""
        return bool(self.judge or self.averages or self.on_change or self.doubts)

    def refine(self, block: Block, time_ms: int | None, *, in_maintenance: bool) -> list[Block]:
        """Return the blocks to be told, in the order of time."""
        if self.judge is not None:
            block = self.judge.judge(block, time_ms, in_maintenance=in_maintenance)
        elif in_maintenance:
            block = marked(block, Cause.MAINTENANCE)
        if self.doubts is not None:
            block = self.doubts.mark(block)
        self._note(block)
        told: list[Block] = []
        if self.averages is not None:
            if time_ms is None:
                self.averages.forget()
            else:
                told += self.averages.observe(block, time_ms)
        told += self.on_change.pick(block) if self.on_change is not None else [block]
        return told

    def _note(self, block: Block) -> None:
        if block.causes or self.causes:
            for key in block.keys:
                cause = block.causes.get(key)
                if cause is None:
                    self.causes.pop(key, None)
                else:
                    self.causes[key] = cause


class Refinement:
    """The stages of all devices."""

    def __init__(
        self,
        *,
        config: AgentConfig,
        devices: Iterable[Device],
        upkeep: UpkeepBoard,
        clock: GatewayClock,
        time_of: Callable[[int], int | None],
        sink: Sink,
    ) -> None:
        """Build the stages that are needed.

        Args:
            config: The gateway.
            devices: Its devices.
            upkeep: Who works on which of them.
            clock: The gateway's clocks.
            time_of: Milliseconds since 1970 UTC of a moment of the boot clock, as delivery will stamp it; None while
                the clock is not believed.
            sink: Takes the blocks to be delivered and the points of their device.

        Raises:
            ValueError: The configuration wants what cannot be made.
        """
        self._upkeep = upkeep
        self._clock = clock
        self._time_of = time_of
        self._sink = sink
        self._stages: dict[str, DeviceStages] = {}
        devices = list(devices)
        _check_doubts(config, devices)
        doubts = DoubtBoard(config.doubts)
        for device in devices:
            stages = DeviceStages(device, doubts)
            if stages.is_needed:
                self._stages[device.id] = stages
        for one in config.calibrations:
            _log.info("calibration", **one.model_dump(mode="json"))

    @property
    def made(self) -> dict[str, dict[str, PointSpec]]:
        """The points that are made of others, by device."""
        return {name: dict(stages.made) for name, stages in self._stages.items() if stages.made}

    def accept(self, device: Device, block: Block) -> None:
        """Take a block of the poller and pass on what is made of it."""
        stages = self._stages.get(device.id)
        in_maintenance = device.id in self._upkeep.active
        if stages is None:
            self._sink(marked(block, Cause.MAINTENANCE) if in_maintenance else block, device.specs)
            return
        time_ms = self._time_of(block.monotonic_ms)
        for told in stages.refine(block, time_ms, in_maintenance=in_maintenance):
            self._sink(told, stages.specs)

    def glance(self, device: Device, block: Block) -> Block:
        """Return a block that somebody asked for with what is known against it; it is neither told nor kept."""
        stages = self._stages.get(device.id)
        judge, doubts = (stages.judge, stages.doubts) if stages else (None, None)
        if device.id in self._upkeep.active:
            block = marked(block, Cause.MAINTENANCE)
        elif judge is not None and judge.is_warming_up(block.monotonic_ms):
            block = marked(block, Cause.WARM_UP)
        return block if doubts is None else doubts.mark(block)

    def accept_counter(self, block: Block, specs: Mapping[str, PointSpec]) -> None:
        """Take a block of a pulse counter: only maintenance concerns it."""
        self._sink(marked(block, Cause.MAINTENANCE) if block.device in self._upkeep.active else block, specs)

    def found(self, device: Device) -> None:
        """Take that a device was found, or found again."""
        stages = self._stages.get(device.id)
        if stages is not None and stages.judge is not None:
            stages.judge.found(self._clock.monotonic_ms())
        if stages is not None and stages.averages is not None:
            stages.averages.found()

    def causes(self, device: str) -> dict[str, str]:
        """Return what is not good of a device by what was found here."""
        stages = self._stages.get(device)
        return {key: str(cause) for key, cause in sorted(stages.causes.items())} if stages else {}

    def counted(self, device: str) -> dict[str, int]:
        """Return what was held back of a device, what came too late, and which counts were not followed."""
        stages = self._stages.get(device)
        on_change, averages = (stages.on_change, stages.averages) if stages else (None, None)
        return {
            "unchanged": on_change.suppressed if on_change else 0,
            "late": averages.late if averages else 0,
            "refused_counts": averages.refused if averages else 0,
        }

    async def run(self) -> None:
        """End periods at their time, also of devices that are silent, until cancelled."""
        while True:
            await asyncio.sleep(TICK_S)
            self.tick()

    def tick(self) -> None:
        """End the periods that are over."""
        monotonic_ms = self._clock.monotonic_ms()
        time_ms = self._time_of(monotonic_ms)
        for stages in self._stages.values():
            if stages.averages is None:
                continue
            if time_ms is None:
                stages.averages.forget()
                continue
            for ended in stages.averages.advance(time_ms, monotonic_ms, wait_ms=LATE_MS):
                self._sink(ended, stages.specs)


def _check_doubts(config: AgentConfig, devices: Sequence[Device]) -> None:
    """Refuse doubts of points that there are not, or that hold no numbers."""
    known = {device.id: device for device in devices}

    def find(point_id: str) -> tuple[PointSpec, float] | None:
        name, _, key = point_id.partition("/")
        device = known.get(name)
        point = device.by_key.get(key) if device else None
        return (point.spec, device.interval_s(point.spec)) if device and point else None

    for doubt in config.doubts:
        for place, text in doubt_problems(doubt, find):
            raise ValueError(f"doubts, {'.'.join(map(str, place))}: {text}")


def _here(device: Device, key: str | None) -> str | None:
    return None if key is None else device.config.named(key)


def _refuse(device: str, problems: Iterable[str | None]) -> None:
    first = next((problem for problem in problems if problem), None)
    if first is not None:
        raise ValueError(f"device '{device}': {first}")
