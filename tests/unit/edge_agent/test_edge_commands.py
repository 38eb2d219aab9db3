from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from config.agent import Allowed, Commands
from contract.codec import encode
from contract.command import Command, Result, ResultState, SetArguments, signature
from drivers.errors import RefusedError
from edge_agent.core.commands import Origin, ulid
from edge_agent.shell.command_key import KeyFileError, read_key
from edge_agent.shell.commands import CommandService
from edge_agent.shell.devices import Fleet
from edge_agent.shell.journal import MAX_ROWS, CommandJournal
from edge_agent.shell.trusted_time import TrustedTime
from tests.unit.edge_agent.virtual_agent import VirtualClock, coil, memory_device, run_virtual, silent

KEY = bytes(range(32))


class Rig:
    """A command service over one relay board in memory."""

    def __init__(self, folder: Path, clock: VirtualClock | None = None) -> None:
        self.clock = clock or VirtualClock()
        self.file = folder / "commands.db"
        self.journal = CommandJournal(self.file)
        device, self.driver = memory_device(self.clock, [coil("k1"), coil("k2")], name="relay")
        self.results: list[Result] = []
        self.service = CommandService(
            gateway="gw-1",
            config=Commands(allow=(Allowed(point="relay/k1"),)),
            key=KEY,
            fleet=Fleet(devices=(device,)),
            journal=self.journal,
            clock=self.clock,
            now_ms=TrustedTime(self.clock, require_sync=True).now_ms,
            nonce=lambda: "n1",
            publish=self._publish,
        )

    async def _publish(self, result: Result) -> None:
        self.results.append(result)

    def command(
        self, number: int = 1, *, value: bool = True, point: str = "relay/k1", life_ms: int = 30_000
    ) -> Command:
        made = Command(
            id=ulid(self.clock.wall_ms(), number),
            nonce="n1",
            op="set",
            args=SetArguments(point=point, value=value),
            by="lan",
            not_after=self.clock.wall_ms() + life_ms,
        )
        return made.model_copy(update={"mac": signature(made, "gw-1", KEY)})

    def send(self, *commands: Command) -> list[tuple[ResultState, str]]:
        async def scenario() -> None:
            for one in commands:
                await self.service.receive(encode(one), False)
            await asyncio.gather(*self.service._tasks)

        run_virtual(self.clock, scenario())
        return [(result.state, result.reason) for result in self.results]

    def close(self) -> None:
        self.journal.close()


def test_a_command_is_accepted_carried_out_and_read_back(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    assert rig.send(rig.command()) == [(ResultState.ACCEPTED, ""), (ResultState.DONE, "")]
    assert [(key, value) for _, key, value in rig.driver.writes] == [("k1", True)]
    readback = rig.results[-1].readback
    assert readback is not None
    assert readback.value is True
    rig.close()


def test_the_id_is_on_the_disk_before_the_device_is_touched(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    kept: list[tuple[str, str]] = []

    async def look() -> None:
        with sqlite3.connect(f"file:{rig.file}?mode=ro", uri=True) as other:
            kept.extend(other.execute("SELECT id, state FROM command").fetchall())
        other.close()

    rig.driver.before_write = look
    one = rig.command()
    rig.send(one)
    assert kept == [(one.id, "accepted")]
    rig.close()


def test_a_repeat_gets_the_old_answer_and_writes_nothing(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    one = rig.command()
    outcomes = rig.send(one, one, one)
    assert [state for state, _ in outcomes] == [ResultState.ACCEPTED, *[ResultState.DONE] * 3]
    assert len(rig.driver.writes) == 1
    assert rig.service.counters["command_repeated"] == 2
    rig.close()


def test_an_older_command_never_overtakes_a_newer_one(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    older = rig.command(1, value=False)
    newer = rig.command(2, value=True)
    assert rig.send(newer, older)[-1] == (ResultState.REJECTED, "older_than_last_accepted")
    assert rig.driver.values["k1"] is True
    rig.close()


def test_a_stuck_contactor_is_a_failure_not_a_success(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.driver.stuck.add("k1")
    assert rig.send(rig.command())[-1] == (ResultState.FAILED, "read_back_differs")
    rig.close()


def test_a_lost_answer_is_settled_by_reading_back_not_by_writing_again(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.driver.write_error = silent()
    rig.driver.values["k1"] = True
    assert rig.send(rig.command())[-1][0] is ResultState.DONE
    rig.driver.values["k1"] = False
    assert rig.send(rig.command(2))[-1] == (ResultState.FAILED, "read_back_differs")
    assert len(rig.driver.writes) == 2
    rig.close()


def test_a_dead_device_fails_after_a_few_reads(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.driver.error = silent()
    state, reason = rig.send(rig.command())[-1]
    assert state is ResultState.FAILED
    assert "no answer" in reason
    assert (len(rig.driver.writes), len(rig.driver.reads)) == (1, 3)
    rig.close()


def test_a_device_that_refuses_is_not_asked_again(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.driver.write_error = RefusedError("illegal data value")
    assert rig.send(rig.command())[-1] == (ResultState.FAILED, "refused: illegal data value")
    assert rig.driver.reads == []
    rig.close()


def test_points_off_the_allow_list_are_refused_and_stay_refused(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    one = rig.command(point="relay/k2")
    assert rig.send(one, one) == [(ResultState.REJECTED, "not_allowed")] * 2
    assert rig.driver.writes == []
    rig.close()


def test_malformed_payloads_are_counted_by_kind(tmp_path: Path) -> None:
    rig = Rig(tmp_path)

    async def scenario() -> None:
        for payload in (b"\xff\x00", b"{}", b"[" * 100 + b"]" * 100, b"x" * 5000, b'{"id":1}'):
            await rig.service.receive(payload, False)

    run_virtual(rig.clock, scenario())
    assert dict(rig.service.counters) == {
        "command_not_json": 1,
        "command_invalid": 2,
        "command_nested": 1,
        "command_oversized": 1,
    }
    assert rig.results == []
    rig.close()


def test_a_flood_is_bounded(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.send(*(rig.command(number) for number in range(1, 100)))
    assert rig.service.counters["command_flood"] == 67
    rig.close()


@pytest.mark.parametrize(("shown", "state"), [(True, ResultState.DONE), (False, ResultState.FAILED)])
def test_after_a_crash_the_device_tells_and_nothing_is_written(
    tmp_path: Path, *, shown: bool, state: ResultState
) -> None:
    first = Rig(tmp_path)
    one = first.command()
    accepted = Result(id=one.id, state=ResultState.ACCEPTED, point="relay/k1", ts=first.clock.wall_ms())
    first.journal.keep(one, Origin.CENTRE, accepted)
    first.close()
    second = Rig(tmp_path)
    second.driver.values["k1"] = shown
    run_virtual(second.clock, second.service.recover())
    assert [(result.id, result.state, result.reason) for result in second.results] == [(one.id, state, "restarted")]
    assert second.send(one)[-1] == (state, "restarted")
    assert second.driver.writes == []
    second.close()


def test_after_a_crash_a_silent_device_means_failed(tmp_path: Path) -> None:
    first = Rig(tmp_path)
    one = first.command()
    accepted = Result(id=one.id, state=ResultState.ACCEPTED, point="relay/k1", ts=first.clock.wall_ms())
    first.journal.keep(one, Origin.CENTRE, accepted)
    first.close()
    second = Rig(tmp_path)
    second.driver.error = silent()
    run_virtual(second.clock, second.service.recover())
    assert second.results[0].state is ResultState.FAILED
    assert second.journal.unfinished() == []
    second.close()


def test_a_full_disk_refuses_the_centre_but_not_the_schedule(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.journal._database.execute("PRAGMA query_only = ON")
    assert rig.send(rig.command())[-1] == (ResultState.REJECTED, "cannot_be_kept")
    assert rig.driver.writes == []
    result = run_virtual(rig.clock, rig.service.set_by_schedule("relay/k1", True, 1000))
    assert result.state is ResultState.DONE
    assert rig.service.counters["command_not_kept"] == 3
    rig.close()


def test_without_a_disk_the_schedule_goes_on_and_the_centre_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder").write_text("in the way")
    rig = Rig(tmp_path / "folder")
    assert rig.send(rig.command())[-1] == (ResultState.REJECTED, "cannot_be_kept")
    result = run_virtual(rig.clock, rig.service.set_by_schedule("relay/k1", True, 1000))
    assert result.state is ResultState.DONE
    rig.close()


def test_a_record_that_cannot_be_read_refuses_the_centre(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.close()
    assert rig.send(rig.command())[-1] == (ResultState.REJECTED, "cannot_be_kept")
    assert rig.driver.writes == []


def test_the_record_is_bounded_in_time_and_number(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    with rig.journal.transaction() as database:
        rows = [
            (ulid(1000 + n, n), "centre", "relay/k1", "true", "lan", 1000 + n, "done", "{}")
            for n in range(MAX_ROWS + 50)
        ]
        database.executemany("INSERT INTO command VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)

    def count() -> int:
        found: int = rig.journal._database.execute("SELECT COUNT(*) FROM command").fetchone()[0]
        return found

    with rig.journal.transaction() as database:
        rig.journal._prune(database, 2000)
    assert count() == MAX_ROWS
    rig.send(rig.command())
    assert count() == 1
    rig.close()


def test_a_damaged_record_is_moved_aside(tmp_path: Path) -> None:
    (tmp_path / "commands.db").write_bytes(b"not a database" * 1000)
    rig = Rig(tmp_path)
    assert rig.send(rig.command())[-1][0] is ResultState.DONE
    assert (tmp_path / "commands.damaged").exists()
    rig.close()


def test_commands_for_one_point_wait_for_each_other(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    running: list[int] = []
    most = 0

    async def overlap() -> None:
        nonlocal most
        running.append(1)
        most = max(most, len(running))
        await asyncio.sleep(0.5)
        running.pop()

    rig.driver.before_write = overlap
    rig.send(*(rig.command(number, value=bool(number % 2)) for number in range(1, 6)))
    assert most == 1
    assert len(rig.driver.writes) == 5
    rig.close()


def test_keys_are_read_raw_and_in_hex_and_short_ones_refused(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(KEY.hex() + "\n")
    assert read_key(file) == KEY
    file.write_bytes(bytes(range(200, 240)))
    assert read_key(file) == bytes(range(200, 240))
    for bad in (b"", b"short", b"ab" * 31, b"a" * 63):
        file.write_bytes(bad)
        with pytest.raises(KeyFileError, match="32 bytes or more"):
            read_key(file)
    with pytest.raises(KeyFileError, match="cannot be read"):
        read_key(tmp_path / "missing")


def test_an_expired_command_touches_nothing(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.send(rig.command(life_ms=-1))
    assert rig.results[-1].state is ResultState.EXPIRED
    assert rig.driver.writes == []
    rig.close()


def test_a_wall_clock_set_back_revives_no_command(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.send(rig.command(1))
    captured = rig.command(2, value=False)
    rig.clock.now_s += 600.0
    # Somebody sets the clock by hand: the kernel no longer calls it synchronised.
    rig.clock.synced = False
    rig.clock.wall_offset_ms -= 600_000
    assert rig.send(captured)[-1] == (ResultState.EXPIRED, "past_not_after")
    assert rig.driver.values["k1"] is True
    assert rig.results[-1].ts == pytest.approx(captured.not_after - 30_000 + 600_000, abs=1000)
    rig.close()
