from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from config.agent import Allowed, Commands, Place
from config.lighting import Lighting as LightingConfig
from config.points import PointSpec
from contract.command import Command, Result, SetArguments, signature
from contract.lights import Calendar
from contract.reading import Block, Value
from edge_agent.core.commands import Origin, ulid
from edge_agent.core.outputs import LONGEST_RETRY_S, Output
from edge_agent.shell.commands import CommandService
from edge_agent.shell.devices import Fleet
from edge_agent.shell.journal import CommandJournal
from edge_agent.shell.lighting import FALLBACK_AFTER_S, Lighting
from edge_agent.shell.poller import Poller
from edge_agent.shell.trusted_time import TrustedTime
from tests.unit.edge_agent.virtual_agent import VirtualClock, coil, memory_device, run_for, run_virtual, silent

PLEIKU = Place(latitude=13.983, longitude=108.0, timezone="Asia/Ho_Chi_Minh")
EVENING = Calendar.model_validate({"periods": [{"on": "18:00", "off": "22:00"}]})
KEY = bytes(32)


def wall(clock: VirtualClock, text: str) -> None:
    """Set the wall clock to a local time of Pleiku."""
    local = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(PLEIKU.timezone))
    clock.wall_offset_ms = round(local.timestamp() * 1000) - clock.monotonic_ms()


class Street:
    """A lighting agent without broker: poller, commands and schedule over one relay board in memory."""

    def __init__(self, folder: Path, clock: VirtualClock) -> None:
        self.clock = clock
        self.journal = CommandJournal(folder / "commands.db")
        self.device, self.driver = memory_device(clock, [coil("k1", poll="fast")], name="relay")
        self.blocks: list[tuple[float, dict[str, Value | None]]] = []
        self.time = TrustedTime(clock, require_sync=True)
        self.commands = CommandService(
            gateway="gw-1",
            config=Commands(allow=(Allowed(point="relay/k1"),)),
            key=KEY,
            fleet=Fleet(devices=(self.device,)),
            journal=self.journal,
            clock=clock,
            now_ms=self.time.now_ms,
            nonce=lambda: "n1",
            publish=self._publish,
        )
        self.lighting = Lighting(
            config=LightingConfig(schedule_file=Path("s.yaml"), outputs=("relay/k1",)),
            schedule=EVENING,
            place=PLEIKU,
            clock=clock,
            time=self.time,
            commands=self.commands,
            journal=self.journal,
            sink=self._told,
        )
        self.poller = Poller((self.device,), clock, self.lighting.observe)

    async def _publish(self, result: Result) -> None:
        assert result.point == "relay/k1"

    def _told(self, block: Block, specs: Mapping[str, PointSpec]) -> None:
        assert set(block.keys) <= set(specs)
        self.blocks.append((self.clock.now_s, dict(zip(block.keys, block.values, strict=True))))

    def writes(self) -> list[tuple[float, Value]]:
        return [(at_s - 1000.0, value) for at_s, _, value in self.driver.writes]

    def run(self, seconds: float, *events: tuple[float, object]) -> None:
        """Run for a while; each event is (second, callable or coroutine function)."""

        async def happen(at_s: float, event: object) -> None:
            await asyncio.sleep(at_s)
            outcome = event()  # type: ignore[operator] # given by the test
            if asyncio.iscoroutine(outcome):
                await outcome
            await asyncio.sleep(1e9)

        run_virtual(
            self.clock,
            run_for(seconds, self.poller.run(), self.lighting.run(), *(happen(at_s, event) for at_s, event in events)),
        )
        self.journal.close()

    async def remote(self, *, on: bool) -> None:
        made = Command(
            id=ulid(self.clock.wall_ms(), 1),
            nonce="n1",
            op="set",
            args=SetArguments(point="relay/k1", value=on),
            by="lan",
            not_after=self.clock.wall_ms() + 5000,
        )
        signed = made.model_copy(update={"mac": signature(made, "gw-1", KEY)})
        await self.commands.submit(signed, Origin.CENTRE, retained=False)


@pytest.fixture
def street(tmp_path: Path) -> Street:
    clock = VirtualClock()
    wall(clock, "2026-11-23T17:59:00")
    return Street(tmp_path, clock)


def test_lamps_come_on_and_go_off_at_their_second(street: Street) -> None:
    street.run(4 * 3600 + 120)
    assert [(round(at_s), value) for at_s, value in street.writes()] == [(0, False), (60, True), (4 * 3600 + 60, False)]
    due = [(round(at_s - 1000), values["lamps_due"]) for at_s, values in street.blocks]
    assert next(at_s for at_s, on in due if on) == 60


def test_control_is_told_at_changes_and_every_ten_seconds(street: Street) -> None:
    street.run(120)
    gaps = [later[0] - earlier[0] for earlier, later in itertools.pairwise(street.blocks)]
    assert max(gaps) <= 10.1
    last = street.blocks[-1][1]
    assert last["lamps_due"] is True
    assert last["reason"] == "program"
    assert last["commanded_k1"] is True
    assert last["next_change_ms"] == 1_795_446_000_000


def test_a_start_in_the_evening_lights_at_once(street: Street) -> None:
    wall(street.clock, "2026-11-23T20:00:00")
    street.run(10)
    assert [(round(at_s), value) for at_s, value in street.writes()] == [(0, True)]


def test_an_output_that_falls_off_is_asserted_again(street: Street) -> None:
    wall(street.clock, "2026-11-23T20:00:00")
    street.run(60, (30.2, lambda: street.driver.values.update(k1=False)))
    assert [value for _, value in street.writes()] == [True, True]
    assert street.writes()[1][0] == pytest.approx(31.5, abs=1.1)
    assert street.driver.values["k1"] is True


def test_a_contactor_that_never_obeys_is_asked_ever_more_slowly(street: Street) -> None:
    wall(street.clock, "2026-11-23T18:30:00")
    street.driver.stuck.add("k1")
    street.run(3 * 3600)
    times = [at_s for at_s, _ in street.writes()]
    pauses = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert pauses[0] < 5
    assert max(pauses) == pytest.approx(LONGEST_RETRY_S, abs=3)
    assert len(times) <= 8 + 3 * 3600 / LONGEST_RETRY_S + 1
    assert street.lighting.outputs["relay/k1"].commanded is None


def test_a_device_that_comes_back_is_set_right(street: Street) -> None:
    wall(street.clock, "2026-11-23T18:30:00")
    street.driver.error = silent()

    def heal() -> None:
        street.driver.error = None

    street.run(1200, (600.0, heal))
    assert street.driver.values["k1"] is True
    assert street.lighting.outputs["relay/k1"].commanded is True


def test_without_a_clock_the_street_is_lit_after_a_short_wait(street: Street) -> None:
    wall(street.clock, "2026-11-23T09:00:00")
    street.clock.synced = False
    street.run(120)
    assert [(round(at_s), value) for at_s, value in street.writes()] == [(FALLBACK_AFTER_S, True)]
    last = street.blocks[-1][1]
    assert (last["lamps_due"], last["reason"]) == (True, "fallback")
    assert "next_change_ms" not in last


def test_a_clock_that_comes_ends_the_fallback(street: Street) -> None:
    wall(street.clock, "2026-11-23T09:00:00")
    street.clock.synced = False

    def sync() -> None:
        street.clock.synced = True

    street.run(120, (60.0, sync))
    assert [value for _, value in street.writes()] == [True, False]


def test_a_clock_once_known_goes_on_without_its_source(street: Street) -> None:
    def lose() -> None:
        street.clock.synced = False
        street.clock.wall_offset_ms -= 6 * 3_600_000

    street.run(3600, (10.0, lose))
    assert [(round(at_s), value) for at_s, value in street.writes()] == [(0, False), (60, True)]


def test_the_centre_holds_an_output_until_the_next_change(street: Street) -> None:
    wall(street.clock, "2026-11-23T20:00:00")
    street.run(2 * 3600 + 60, (600.0, lambda: street.remote(on=False)))
    assert [(round(at_s), value) for at_s, value in street.writes()] == [(0, True), (600, False)]
    held = [values for at_s, values in street.blocks if 1700 < at_s - 1000 < 7100]
    assert {values["reason"] for values in held} == {"override"}
    assert {values["lamps_due"] for values in held} == {True}
    assert {values["commanded_k1"] for values in held} == {False}
    assert street.blocks[-1][1]["reason"] == "program"


def test_a_hold_survives_a_restart_but_not_an_unsynced_boot(tmp_path: Path) -> None:
    def start(text: str, *, synced: bool = True) -> Street:
        clock = VirtualClock(synced=synced)
        wall(clock, text)
        return Street(tmp_path, clock)

    first = start("2026-11-23T20:00:00")
    first.run(60, (10.0, lambda: first.remote(on=False)))
    again = start("2026-11-23T20:05:00")
    again.run(60)
    assert [value for _, value in again.writes()] == [False]
    unsynced = start("2026-11-23T20:10:00", synced=False)
    unsynced.run(60)
    assert [value for _, value in unsynced.writes()] == [True]


def test_an_old_poll_says_nothing_of_a_newer_command() -> None:
    output = Output("relay/k1")
    output.aim(True, 10.0)
    assert output.must_write(10.0)
    output.done(True, 10.5)
    output.show(False, 10.4)
    assert not output.must_write(20.0)
    output.show(False, 11.0)
    assert not output.must_write(12.0)
    assert output.must_write(12.5)


def test_a_street_does_not_wait_for_the_longest_pause_when_its_line_comes_back(street: Street) -> None:
    street.driver.error = silent()

    def mend() -> None:
        street.driver.error = None

    mended_s = 1500.0
    street.run(1800.0, (mended_s, mend))
    lit_s = next(at_s for at_s, value in street.writes() if at_s > mended_s and value is True)
    # The poller's own probe may take 20 times what a probe costs; the pause of the commands had grown to 300 s.
    assert lit_s - mended_s < 25
    assert street.driver.values["k1"] is True


def test_a_device_that_answers_polls_but_refuses_writes_is_asked_ever_more_slowly() -> None:
    output = Output("relay/k1")
    output.aim(True, 0.0)
    writes = 0
    for second in range(600):
        output.show(False, float(second))
        if output.must_write(float(second)):
            writes += 1
            output.done(False, second + 0.5)
    assert writes < 12
