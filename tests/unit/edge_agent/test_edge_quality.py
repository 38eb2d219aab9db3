from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from config.agent import AgentConfig, DeviceConfig
from config.points import PointSpec
from contract.reading import Block, Cause
from edge_agent.core.quality import Correction
from edge_agent.core.upkeep import Switch, UpkeepBoard
from edge_agent.shell.built_in import meta_of
from edge_agent.shell.devices import Device
from edge_agent.shell.poller import Poller
from edge_agent.shell.quality import Refinement
from tests.unit.edge_agent.virtual_agent import (
    VirtualClock,
    memory_device,
    run_for,
    run_virtual,
    silent,
    spec,
)

T = spec("t", unit="°C")
MINUTE_MS = 60_000


class Told(list[tuple[Block, Mapping[str, PointSpec]]]):
    def __call__(self, block: Block, specs: Mapping[str, PointSpec]) -> None:
        assert set(block.keys) <= set(specs)
        self.append((block, specs))

    def of(self, key: str) -> list[tuple[int, object, Cause]]:
        return [
            (block.observed_at_ms, block.values[block.keys.index(key)], block.causes.get(key, Cause.OK))
            for block, _ in self
            if key in block.keys
        ]


def configured(device: Device, *, warm_up_s: float = 0.0, **facts: Any) -> Device:
    config = DeviceConfig.model_validate({**device.config.model_dump(exclude_none=True), **facts})
    return replace(device, config=config, profile=device.profile.model_copy(update={"warm_up_s": warm_up_s}))


def build(clock: VirtualClock, device: Device, board: UpkeepBoard | None = None) -> tuple[Refinement, Poller, Told]:
    told = Told()
    refinement = Refinement(
        config=AgentConfig(gateway="gw"),
        devices=[device],
        upkeep=board or UpkeepBoard(),
        clock=clock,
        time_of=lambda monotonic_ms: monotonic_ms + clock.wall_offset_ms if clock.synced else None,
        sink=told,
    )
    return refinement, Poller((device,), clock, refinement.accept, refinement.found), told


def minute_clock() -> VirtualClock:
    """A clock that begins half a second before a full minute, so that no sample falls on a border."""
    clock = VirtualClock()
    clock.wall_offset_ms += MINUTE_MS - clock.wall_ms() % MINUTE_MS - 500
    return clock


def test_a_device_that_wants_nothing_of_this_goes_straight_through() -> None:
    clock = VirtualClock()
    device, _ = memory_device(clock, [T])
    refinement, _, told = build(clock, device)
    sample = Block(device="meter", observed_at_ms=1, keys=("t",), values=(1.0,), monotonic_ms=1)
    refinement.accept(device, sample)
    assert told[0][0] is sample
    assert told[0][1] is device.specs


def test_after_it_was_found_and_after_it_was_away_a_device_warms_up() -> None:
    clock = VirtualClock()
    device, driver = memory_device(clock, [T])
    _, poller, told = build(clock, configured(device, warm_up_s=12))

    async def away() -> None:
        await asyncio.sleep(40)
        driver.error = silent()
        await asyncio.sleep(20)
        driver.error = None
        await asyncio.sleep(1000)

    run_virtual(clock, run_for(120, poller.run(), away()))
    causes = [cause for _, _, cause in told.of("t")]
    first_good = causes.index(Cause.OK)
    assert causes[:first_good] == [Cause.WARM_UP] * 3
    last_aside = len(causes) - 1 - causes[::-1].index(Cause.SET_ASIDE)
    assert causes[last_aside + 1 : last_aside + 5] == [Cause.WARM_UP] * 3 + [Cause.OK]


def test_averages_go_out_at_full_minutes_between_the_samples_they_are_made_of() -> None:
    clock = minute_clock()
    device, _ = memory_device(clock, [T])
    refinement, poller, told = build(clock, configured(device, averages={"points": ["t"], "periods_s": [60]}))
    run_virtual(clock, run_for(200, poller.run(), refinement.run()))
    averages = told.of("t_avg_60s")
    assert [at_ms % MINUTE_MS for at_ms, _, _ in averages] == [0] * 4
    # The first period had half a second of samples.
    assert [(value, cause) for _, value, cause in averages] == [(None, Cause.INCOMPLETE), *[(230.0, Cause.OK)] * 3]
    stamps = [block.monotonic_ms for block, _ in told]
    assert stamps == sorted(stamps)


def test_a_dead_device_has_empty_averages_at_their_time() -> None:
    clock = minute_clock()
    device, driver = memory_device(clock, [T])
    driver.error = silent()
    refinement, poller, told = build(clock, configured(device, averages={"points": ["t"], "periods_s": [60]}))
    run_virtual(clock, run_for(130, poller.run(), refinement.run()))
    assert [cause for _, _, cause in told.of("t_avg_60s")] == [Cause.INCOMPLETE] * 2


def test_without_a_time_nothing_is_averaged_and_everything_else_is_told() -> None:
    clock = minute_clock()
    clock.synced = False
    device, _ = memory_device(clock, [T])
    refinement, poller, told = build(clock, configured(device, averages={"points": ["t"], "periods_s": [60]}))

    async def synchronise() -> None:
        await asyncio.sleep(90)
        clock.synced = True
        await asyncio.sleep(1000)

    run_virtual(clock, run_for(200, poller.run(), refinement.run(), synchronise()))
    assert len(told.of("t")) == 40
    assert [value for _, value, _ in told.of("t_avg_60s")] == [None, 230.0]


def test_maintenance_is_stored_and_stays_out_of_averages() -> None:
    clock = minute_clock()
    device, _ = memory_device(clock, [T])
    board = UpkeepBoard((Switch("meter/t", frozenset({"meter"})),))
    board.seen("meter/t", level=True)
    refinement, poller, told = build(clock, configured(device, averages={"points": ["t"], "periods_s": [60]}), board)
    run_virtual(clock, run_for(125, poller.run(), refinement.run()))
    assert {cause for _, _, cause in told.of("t")} == {Cause.MAINTENANCE}
    assert {value for _, value, _ in told.of("t")} == {230.0}
    assert {cause for _, _, cause in told.of("t_avg_60s")} == {Cause.INCOMPLETE}
    assert refinement.causes("meter") == {"t": "maintenance"}


def test_maintenance_marks_devices_and_counters_that_want_nothing_else() -> None:
    clock = VirtualClock()
    device, _ = memory_device(clock, [T])
    board = UpkeepBoard((Switch("io/di8", frozenset({"meter", "rain"})),))
    refinement, _, told = build(clock, device, board)
    sample = Block(device="meter", observed_at_ms=1, keys=("t",), values=(1.0,), monotonic_ms=1)
    rain = replace(sample, device="rain")
    board.seen("io/di8", level=True)
    refinement.accept(device, sample)
    refinement.accept_counter(rain, {"t": T})
    board.seen("io/di8", level=False)
    refinement.accept_counter(rain, {"t": T})
    assert [cause for _, _, cause in told.of("t")] == [Cause.MAINTENANCE, Cause.MAINTENANCE, Cause.OK]


def test_report_on_change_keeps_quiet_and_averages_see_every_sample() -> None:
    clock = minute_clock()
    quiet = spec("t", unit="°C", deadband=0.5, max_silence_s=60)
    device, _ = memory_device(clock, [quiet])
    refinement, poller, told = build(clock, configured(device, averages={"points": ["t"], "periods_s": [60]}))
    run_virtual(clock, run_for(190, poller.run(), refinement.run()))
    times = [at_ms for at_ms, _, _ in told.of("t")]
    assert len(times) == 4
    assert all(60_000 <= later - earlier <= 65_000 for earlier, later in itertools.pairwise(times))
    assert [value for _, value, _ in told.of("t_avg_60s")] == [None, 230.0, 230.0, 230.0]
    assert refinement.counted("meter") == {"unchanged": 38 - 4, "late": 0, "refused_counts": 0}


def test_a_calibrated_point_is_told_with_its_raw_value_and_both_are_described() -> None:
    clock = VirtualClock()
    device, _ = memory_device(clock, [T])
    device = replace(
        configured(device, averages={"points": ["t"], "periods_s": [60, 3600]}),
        corrections={"t": (Correction(from_ms=0, a=0.1, b=2.0),)},
        limits={"t": spec("t", unit="°C", low=-40, high=80)},
    )
    refinement, poller, told = build(clock, device)
    run_virtual(clock, run_for(4, poller.run()))
    assert [value for _, value, _ in told.of("t")] == [25.0]
    assert [value for _, value, _ in told.of("t_raw")] == [230.0]
    points = meta_of(AgentConfig(gateway="gw"), [device], refinement.made).devices["meter"].points
    assert {key: (point.unit, point.kind) for key, point in points.items()} == {
        "t": ("°C", "float"),
        "t_raw": ("°C", "float"),
        "t_avg_60s": ("°C", "float"),
        "t_avg_3600s": ("°C", "float"),
    }
    assert points["t_avg_3600s"].vi == "t, trung bình 1 giờ"


@pytest.mark.parametrize(
    ("points", "averages", "word"),
    [
        ([T], {"points": ["nope"]}, "nope"),
        ([spec("t", poll="once")], {"points": ["t"]}, "once"),
        ([spec("t", interval_s=120)], {"points": ["t"], "periods_s": [60]}, "120"),
        ([spec("t", type="bool", table="discrete")], {"points": ["t"]}, "no numbers"),
        ([spec("t", average="direction", average_with="speed")], {"points": ["t"]}, "speed"),
        ([spec("t", average="median", interval_s=0.1)], {"points": ["t"], "periods_s": [3600]}, "samples"),
        ([T, spec("t_avg_60s")], {"points": ["t"]}, "taken"),
        ([spec("t" * 60)], {"points": ["t" * 60]}, "longer"),
        ([T], {"points": ["t"], "ratings": {"t": 1.0}}, "counter"),
    ],
)
def test_what_cannot_be_averaged_is_refused_at_the_start(
    points: list[Any], averages: dict[str, Any], word: str
) -> None:
    clock = VirtualClock()
    device, _ = memory_device(clock, points)
    with pytest.raises(ValueError, match=word):
        build(clock, configured(device, averages=averages))


def test_a_point_that_commands_write_is_not_calibrated() -> None:
    clock = VirtualClock()
    device, _ = memory_device(clock, [spec("t", table="holding", writable=True)])
    with pytest.raises(ValueError, match="calibrated"):
        build(clock, replace(device, corrections={"t": (Correction(from_ms=0, a=1.0, b=1.0),)}))


def test_a_meter_that_was_away_and_counts_from_zero_books_what_its_rating_allows() -> None:
    clock = minute_clock()
    energy = spec("energy", unit="Wh", average="counter")
    device, driver = memory_device(clock, [energy])
    driver.values["energy"] = 50_000.0
    wanted = {"points": ["energy"], "periods_s": [60], "ratings": {"energy": 1.0}}
    refinement, poller, told = build(clock, configured(device, averages=wanted))

    async def replaced() -> None:
        await asyncio.sleep(180)
        driver.error = silent()
        await asyncio.sleep(40)
        driver.error = None
        driver.values["energy"] = 4.0
        await asyncio.sleep(1000)

    run_virtual(clock, run_for(365, poller.run(), refinement.run(), replaced()))
    rises = [(value, cause) for _, value, cause in told.of("energy_rise_60s")]
    assert sum(value for value, _ in rises if isinstance(value, float)) == 4.0
    assert (4.0, Cause.SUSPECT) in rises
    assert all(value is None or 0 <= float(str(value)) <= 4 for value, _ in rises)


def test_a_meter_that_shows_zero_for_a_moment_books_nothing() -> None:
    clock = minute_clock()
    energy = spec("energy", unit="Wh", average="counter")
    device, driver = memory_device(clock, [energy])
    driver.values["energy"] = 50_000.0
    refinement, poller, told = build(clock, configured(device, averages={"points": ["energy"], "periods_s": [60]}))

    async def lies() -> None:
        await asyncio.sleep(100)
        driver.values["energy"] = 0.0
        await asyncio.sleep(30)
        driver.values["energy"] = 50_003.0
        await asyncio.sleep(1000)

    run_virtual(clock, run_for(365, poller.run(), refinement.run(), lies()))
    assert sum(value for _, value, _ in told.of("energy_rise_60s") if isinstance(value, float)) == 3.0
    assert refinement.counted("meter") == {"unchanged": 0, "late": 0, "refused_counts": 6}


def test_who_reads_now_is_told_of_warm_up_and_maintenance() -> None:
    clock = VirtualClock()
    device, _ = memory_device(clock, [T])
    device = configured(device, warm_up_s=30.0)
    board = UpkeepBoard((Switch("io/di8", frozenset({"meter"})),))
    refinement, _, told = build(clock, device, board)
    begun_ms = clock.monotonic_ms()
    refinement.found(device)

    def causes(after_ms: int) -> Mapping[str, Cause]:
        at_ms = begun_ms + after_ms
        block = Block(device="meter", observed_at_ms=at_ms, keys=("t",), values=(1.0,), monotonic_ms=at_ms)
        return refinement.glance(device, block).causes

    assert (causes(29_999), causes(30_000)) == ({"t": Cause.WARM_UP}, {})
    board.seen("io/di8", True)
    assert causes(30_000) == {"t": Cause.MAINTENANCE}
    assert told == []
