"""The lights of an agent in virtual time: calendar, overrides, permits, proof, restarts, clocks."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from contract.command import Result, ResultState
from contract.lights import Calendar
from contract.reading import Value
from edge_agent.core.commands import Origin
from edge_agent.core.outputs import LONGEST_RETRY_S, Output
from edge_agent.shell.lights import FALLBACK_AFTER_S
from tests.unit.edge_agent.light_rig import Street, local_ms, wall
from tests.unit.edge_agent.virtual_agent import VirtualClock, silent


@pytest.fixture
def clock() -> VirtualClock:
    made = VirtualClock()
    wall(made, "2026-11-23T17:59:00")
    return made


@pytest.fixture
def street(tmp_path: Path, clock: VirtualClock) -> Street:
    return Street(tmp_path, clock)


def rounded(street: Street) -> list[tuple[int, Value]]:
    return [(round(at_s), value) for at_s, _, value in street.writes()]


def test_lamps_come_on_and_go_off_at_their_second_and_are_proved(street: Street) -> None:
    street.run(4 * 3600 + 120)
    assert rounded(street) == [(60, True), (4 * 3600 + 60, False)]
    due_s = next(at_s for at_s, values in street.blocks if values["lamps_due"])
    assert due_s - 1000 == pytest.approx(60, abs=0.2)
    proofs = [values.get("proof_a") for at_s, values in street.blocks if at_s > 1065]
    assert set(proofs) <= {"done", None}, "None: while it is being proved"


def test_control_is_told_at_changes_and_every_ten_seconds(street: Street) -> None:
    street.run(120)
    gaps = [later[0] - earlier[0] for earlier, later in itertools.pairwise(street.blocks)]
    assert max(gaps) <= 10.1
    last = street.last
    assert (last["lamps_due"], last["level"], last["reason"]) == (True, 100, "program")
    assert (last["wanted_a"], last["actual_a"], last["proof_a"], last["reason_a"]) == (True, True, "done", "program")
    assert last["next_change"] == local_ms("2026-11-23T22:00:00")
    assert (last["permit"], last["selector_local"], last["schedule_valid"]) == (False, False, True)
    assert last["switch_count_a"] in {0, 1}


def test_a_start_waits_and_writes_nothing_that_is_right_already(tmp_path: Path, clock: VirtualClock) -> None:
    wall(clock, "2026-11-23T20:00:00")
    street = Street(tmp_path, clock, names=("a", "b"), relays={"a": True, "b": False}, start_wait_s=17.0)
    street.run(60)
    assert [(round(at_s), key, value) for at_s, key, value in street.writes()] == [(17, "k_b", True)]


def test_circuits_are_switched_apart(tmp_path: Path, clock: VirtualClock) -> None:
    street = Street(tmp_path, clock, names=("a", "b", "c"))
    street.run(120)
    times = [at_s for at_s, _, value in street.writes() if value]
    assert [later - earlier for earlier, later in itertools.pairwise(times)] == pytest.approx([4.0, 4.0], abs=0.3)


def test_an_output_that_falls_off_is_asserted_again(street: Street) -> None:
    wall(street.clock, "2026-11-23T20:00:00")
    street.run(60, (30.2, lambda: street.driver.values.update(k_a=False)))
    assert [value for _, value in rounded(street)] == [True, True]
    assert street.driver.values["k_a"] is True


def test_a_relay_that_never_obeys_is_asked_ever_more_slowly(street: Street) -> None:
    wall(street.clock, "2026-11-23T18:30:00")
    street.driver.stuck.add("k_a")
    street.run(3 * 3600)
    times = [at_s for at_s, _, _ in street.writes()]
    pauses = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert pauses[0] < 5
    assert max(pauses) == pytest.approx(LONGEST_RETRY_S, abs=3)
    assert street.last["proof_a"] == "relay_differs"


def test_a_street_does_not_wait_for_the_longest_pause_when_its_line_comes_back(street: Street) -> None:
    street.driver.error = silent()

    def mend() -> None:
        street.driver.error = None

    mended_s = 1500.0
    street.run(1800.0, (mended_s, mend))
    lit_s = next(at_s for at_s, _, value in street.writes() if at_s > mended_s and value is True)
    # The poller's own probe may take 20 times what a probe costs; the pause of the writes had grown to 300 s.
    assert lit_s - mended_s < 25
    assert street.last["proof_a"] == "done"


def test_without_a_clock_the_street_is_lit_after_a_short_wait(street: Street) -> None:
    wall(street.clock, "2026-11-23T09:00:00")
    street.clock.synced = False
    street.run(120)
    assert rounded(street) == [(FALLBACK_AFTER_S, True)]
    last = street.last
    assert (last["lamps_due"], last["reason"], last["reason_a"]) == (True, "fallback", "fallback")
    assert "next_change" not in last


def test_without_a_clock_the_photocell_is_asked_first(tmp_path: Path, clock: VirtualClock) -> None:
    wall(clock, "2026-11-23T09:00:00")
    clock.synced = False
    street = Street(tmp_path, clock, photocell=True, relays={"a": True})
    street.run(240, (120.0, lambda: street.driver.values.update(dark=True)))
    assert [(round(at_s, -1), value) for at_s, _, value in street.writes()] == [(30, False), (120, True)]
    assert street.last["reason"] == "photocell"


def test_without_clock_and_photocell_a_battery_backed_clock_is_believed(tmp_path: Path, clock: VirtualClock) -> None:
    wall(clock, "2026-11-23T09:00:00")
    clock.synced = False
    street = Street(tmp_path, clock, other_ms=lambda _last_ms: clock.wall_ms())
    street.run(120)
    assert street.writes() == []
    assert street.last["reason"] == "program"


def test_a_clock_that_comes_ends_the_fallback(street: Street) -> None:
    wall(street.clock, "2026-11-23T09:00:00")
    street.clock.synced = False

    def sync() -> None:
        street.clock.synced = True

    street.run(120, (60.0, sync))
    assert [value for _, value in rounded(street)] == [True, False]


def test_a_clock_once_known_goes_on_without_its_source(street: Street) -> None:
    def lose() -> None:
        street.clock.synced = False
        street.clock.wall_offset_ms -= 6 * 3_600_000

    street.run(3600, (10.0, lose))
    assert rounded(street) == [(60, True)]


def test_an_override_is_proved_and_ends_by_itself(street: Street) -> None:
    wall(street.clock, "2026-11-23T20:00:00")
    street.run(3 * 3600, (600.0, lambda: street.override(0, minutes=30)))
    assert rounded(street) == [(5, True), (600, False), (2400, True), (7200, False)] or rounded(street)[1:] == [
        (600, False),
        (2400, True),
        (7200, False),
    ]
    result = street.results[-1]
    assert (result.state, result.reason) == (ResultState.DONE, "")
    assert result.circuits is not None
    assert (result.circuits["a"].feedback, result.circuits["a"].power_w) == (False, 0.0)
    held = [values for at_s, values in street.blocks if 1610 < at_s < 3390]
    assert {values["reason_a"] for values in held} == {"override by huong"}
    assert {values["lamps_due"] for values in held} == {True}


def test_a_day_of_wall_clock_lost_does_not_prolong_an_override(street: Street) -> None:
    wall(street.clock, "2026-11-23T09:00:00")

    def set_back() -> None:
        street.clock.wall_offset_ms -= 86_400_000

    street.run(2 * 3600, (60.0, lambda: street.override(100, minutes=60)), (600.0, set_back))
    assert rounded(street) == [(60, True), (3660, False)]


def test_an_override_survives_a_restart_but_not_an_unsynced_boot(tmp_path: Path) -> None:
    def start(text: str, *, synced: bool = True, boot: str = "boot", relays: bool = True) -> Street:
        clock = VirtualClock(synced=synced, boot_id=boot)
        wall(clock, text)
        return Street(tmp_path, clock, relays={"a": relays})

    first = start("2026-11-23T20:00:00")
    first.run(60, (10.0, lambda: first.override(0, minutes=60)))
    assert first.driver.values["k_a"] is False
    again = start("2026-11-23T20:05:00", relays=False, boot="second")
    again.run(60)
    assert again.writes() == []
    assert again.last["reason_a"] == "override by huong"
    unsynced = start("2026-11-23T20:10:00", synced=False, relays=False, boot="third")
    unsynced.run(60)
    assert [value for _, _, value in unsynced.writes()] == [True]
    after = start("2026-11-23T20:15:00", relays=True, boot="fourth")
    after.run(60)
    assert after.writes() == [], "what an unsynced boot dropped does not come back"


def test_a_permit_stands_above_everything_and_only_its_end_ends_it(tmp_path: Path, clock: VirtualClock) -> None:
    wall(clock, "2026-11-23T20:00:00")
    street = Street(tmp_path, clock, names=("a", "b"), relays={"a": True, "b": True})

    async def work() -> None:
        permit = await street.remote("permit", active=True, reason="relamping", until=clock.wall_ms() + 60_000)
        assert permit.state is ResultState.DONE
        refused = await street.override(100)
        assert (refused.state, refused.reason) == (ResultState.REJECTED, "permit")
        direct = await street.remote("set", point="relay/k_a", value=True)
        assert (direct.state, direct.reason) == (ResultState.REJECTED, "permit")

    street.run(600.0, (10.0, work), close=False)
    assert [(key, value) for _, key, value in street.writes()] == [("k_a", False), ("k_b", False)]
    assert (street.last["permit"], street.last["permit_by"], street.last["permit_overdue"]) == (True, "huong", True)
    street.journal.close()
    unsynced = VirtualClock(synced=False, boot_id="other")
    wall(unsynced, "2026-11-23T20:30:00")
    again = Street(tmp_path, unsynced, names=("a", "b"), relays={"a": True, "b": False})

    async def sync_and_end() -> None:
        unsynced.synced = True
        ended = await again.remote("permit", active=False, reason="done", number=9)
        assert ended.state is ResultState.DONE

    again.run(300.0, (200.0, sync_and_end))
    before = [(key, value) for at_s, key, value in again.writes() if at_s < 200]
    assert set(before) == {("k_a", False), ("k_b", False)}, "no fallback lights it; what a power cut left on goes off"
    assert [value for at_s, _, value in again.writes() if at_s >= 200] == [True, True]
    assert again.last["permit"] is False


def test_a_permit_on_one_circuit_leaves_the_others(tmp_path: Path, clock: VirtualClock) -> None:
    street = Street(tmp_path, clock, names=("a", "b"))
    outcomes: list[Result] = []

    async def work() -> None:
        outcomes.append(await street.remote("permit", circuits=("a",), active=True, reason="x"))
        outcomes.append(await street.override(100, minutes=5))

    street.run(60.0, (5.0, work))
    assert outcomes[1].state is ResultState.FAILED
    assert outcomes[1].reason == "a: permit"
    assert outcomes[1].circuits is not None
    assert {name: one.state for name, one in outcomes[1].circuits.items()} == {"a": "rejected", "b": "done"}
    assert [key for _, key, value in street.writes() if value] == ["k_b"]


def test_the_selector_out_of_automatic_is_told_and_fails_commands(street: Street) -> None:
    wall(street.clock, "2026-11-23T20:00:00")

    async def turn_and_ask() -> None:
        street.driver.values["auto"] = False

    street.run(120, (20.0, turn_and_ask), (30.0, lambda: street.override(0, minutes=10)))
    assert (street.results[-1].state, street.results[-1].reason) == (ResultState.FAILED, "a: local_override")
    assert (street.last["selector_local"], street.last["reason"], street.last["reason_a"]) == (True, "local", "local")


def test_a_set_of_a_relay_is_an_override_to_the_next_change(street: Street) -> None:
    wall(street.clock, "2026-11-23T20:00:00")
    street.run(2 * 3600 + 60, (600.0, lambda: street.remote("set", point="relay/k_a", value=False)))
    assert [value for _, value in rounded(street)][-1] is False
    assert street.results[-1].state is ResultState.DONE
    assert street.results[-1].point == "relay/k_a"
    assert street.results[-1].readback is not None
    assert street.results[-1].readback.value is False
    assert street.last["reason_a"] == "program"


def test_a_release_gives_back_at_once_and_a_lamp_test_lights_by_day(street: Street) -> None:
    wall(street.clock, "2026-11-23T09:00:00")
    street.run(
        1200,
        (10.0, lambda: street.override(100, minutes=60)),
        (100.0, lambda: street.remote("release")),
        (200.0, lambda: street.remote("lamp_test", minutes=5)),
        (600.0, lambda: street.remote("read")),
    )
    assert rounded(street) == [(10, True), (100, False), (200, True), (500, False)]
    assert street.results[-1].state is ResultState.DONE
    assert street.results[-1].circuits is not None
    assert street.results[-1].circuits["a"].power_w == 0.0


def test_a_command_is_answered_within_five_seconds_and_a_jammed_contactor_with_its_cause(street: Street) -> None:
    wall(street.clock, "2026-11-23T09:00:00")
    street.jammed.add("a")
    took: list[float] = []

    async def ask() -> None:
        begun_s = street.clock.now_s
        await street.override(100)
        took.append(street.clock.now_s - begun_s)

    street.run(60, (20.0, ask))
    assert (street.results[-1].state, street.results[-1].reason) == (ResultState.FAILED, "a: did_not_close")
    assert took[0] < 5.0


def test_a_later_command_takes_the_answer_of_an_earlier_one(tmp_path: Path, clock: VirtualClock) -> None:
    wall(clock, "2026-11-23T09:00:00")
    street = Street(tmp_path, clock, names=("a", "b", "c"))
    street.run(60, (10.0, lambda: street.override(100)), (10.5, lambda: street.remote("release", number=2)))
    finals = [result for result in street.results if result.circuits]
    causes = {one.cause for result in finals for one in (result.circuits or {}).values()}
    assert "superseded" in causes
    assert [key for _, key, value in street.writes() if value] in (["k_a"], [])


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        ({"circuits": ("z",), "level": 100, "until": "+60"}, "no_such_circuit"),
        ({"level": 100, "until": "-1"}, "until_has_passed"),
        ({"level": 100, "until": "+44641"}, "until_too_far"),
        ({"circuits": ("a",), "level": 50, "until": "+60"}, "no_dimmer"),
    ],
)
def test_an_override_that_cannot_be_is_refused_with_its_reason(
    street: Street, args: dict[str, object], reason: str
) -> None:
    until_ms = street.clock.wall_ms() + 10_000 + int(str(args["until"])) * 60_000

    async def ask() -> None:
        await street.remote("override", **(args | {"until": until_ms, "reason": "x"}))

    street.run(30, (10.0, ask))
    assert (street.results[-1].state, street.results[-1].reason) == (ResultState.REJECTED, reason)
    assert street.writes() == []


def test_the_centres_own_bound_of_overrides_holds_for_the_centre_alone(street: Street) -> None:
    outcomes: list[str] = []

    async def ask() -> None:
        street.lights.use(street.lights.backdrop.going, longest_override_h=1)
        outcomes.append((await street.override(0, minutes=61)).reason)
        local = street.made("override", level=0, until=street.clock.wall_ms() + 7_200_000, reason="x", number=5)
        outcomes.append((await street.commands.submit(local, Origin.LOCAL, retained=False)).reason)

    street.run(30, (10.0, ask))
    assert outcomes == ["until_too_far", ""]


def test_a_command_that_a_kill_cut_off_is_answered_after_the_restart(tmp_path: Path, clock: VirtualClock) -> None:
    wall(clock, "2026-11-23T09:00:00")
    street = Street(tmp_path, clock, names=("a", "b"))
    street.run(11.0, (10.0, lambda: street.override(100)))
    assert [result.state for result in street.results] == [ResultState.ACCEPTED]
    again = Street(tmp_path, clock, names=("a", "b"), relays={"a": bool(street.driver.values["k_a"])})
    again.run(60.0)
    assert [(result.state, result.reason) for result in again.results] == [(ResultState.DONE, "restarted")]
    written = [key for rig in (street, again) for _, key, _ in rig.writes()]
    assert sorted(written) == ["k_a", "k_b"], "each relay is written once"


def test_hours_and_switches_survive_a_restart(tmp_path: Path, clock: VirtualClock) -> None:
    wall(clock, "2026-11-23T17:59:00")
    first = Street(tmp_path, clock)
    first.run(3600.0)
    again = Street(tmp_path, clock, relays={"a": True})
    again.run(3600.0)
    assert again.last["switch_count_a"] == 1
    assert float(again.last["on_hours_a"] or 0) == pytest.approx(2 * 3600 / 3600 - 60 / 3600, abs=0.03)


def test_a_step_of_the_clock_switches_once_at_most(tmp_path: Path, clock: VirtualClock) -> None:
    wall(clock, "2026-11-23T20:00:00")
    street = Street(tmp_path, clock, relays={"a": True})

    def step(hours: int) -> None:
        street.clock.wall_offset_ms += hours * 3_600_000

    street.run(1000, (100.0, lambda: step(4)), (300.0, lambda: step(-5)), (500.0, lambda: step(24)))
    assert rounded(street) == [(100, False), (300, True)]


def test_levels_darken_a_third_of_the_street(tmp_path: Path, clock: VirtualClock) -> None:
    calendar = Calendar.model_validate(
        {
            "levels": {"100": ["a", "b", "c"], "67": ["a", "b"], "33": ["a"]},
            "programs": [
                {
                    "id": "two-mode",
                    "periods": [{"on": "18:00", "off": "22:00"}, {"on": "22:00", "off": "05:00", "level": 67}],
                }
            ],
            "default": "two-mode",
        }
    )
    street = Street(tmp_path, clock, names=("a", "b", "c"), calendar=calendar)
    street.run(5 * 3600)
    assert sorted(key for _, key, value in street.writes() if value) == ["k_a", "k_b", "k_c"]
    assert [(round(at_s), key) for at_s, key, value in street.writes() if not value] == [(4 * 3600 + 60, "k_c")]
    assert (street.last["level"], street.last["program"]) == (67, "two-mode")


def test_a_full_disk_refuses_the_centre_and_darkens_no_street(street: Street, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(street.journal, "durable", False)
    street.run(120, (10.0, lambda: street.override(0)))
    assert (street.results[-1].state, street.results[-1].reason) == (ResultState.REJECTED, "cannot_be_kept")
    assert rounded(street) == [(60, True)]


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


@pytest.mark.parametrize("damage", ["lost", "damaged"])
def test_a_permit_outlives_the_database_of_commands(tmp_path: Path, clock: VirtualClock, damage: str) -> None:
    wall(clock, "2026-11-23T20:00:00")
    first = Street(tmp_path, clock, relays={"a": True})
    first.run(60.0, (10.0, lambda: first.remote("permit", active=True, reason="relamping")))
    file = tmp_path / "commands.db"
    for tail in ("-wal", "-shm"):
        file.with_name(file.name + tail).unlink(missing_ok=True)
    if damage == "lost":
        file.unlink()
    else:
        file.write_bytes(b"no database at all" * 400)
    again = Street(tmp_path, clock, relays={"a": False})
    again.run(60.0, (30.0, lambda: again.remote("permit", active=False, reason="done", number=2)))
    assert [(round(at_s), value) for at_s, _, value in again.writes(since_s=1060.0)] == [(0, False), (30, True)]
    third = Street(tmp_path, clock, relays={"a": True})
    assert third.lights.permits == {}
    third.journal.close()


def test_a_disk_that_takes_no_tables_darkens_no_street(
    tmp_path: Path, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_agent.shell.light_record._SCHEMA", "CREATE TABLE override(")
    street = Street(tmp_path, clock)
    street.run(120, (10.0, lambda: street.override(100)))
    assert (street.results[-1].state, street.results[-1].reason) == (ResultState.REJECTED, "cannot_be_kept")
    assert rounded(street) == [(60, True)]


def test_what_is_stale_replayed_retained_or_forged_switches_nothing_and_says_why(street: Street) -> None:
    reasons: list[str] = []

    async def ask() -> None:
        until_ms = street.clock.wall_ms() + 3_600_000
        older = street.made("override", number=1, level=100, until=until_ms, reason="x")
        newer = street.made("release", number=2)
        for made, retained in (
            (older, True),
            (older.model_copy(update={"mac": "0" * 64}), False),
            (older.model_copy(update={"args": older.args.model_copy(update={"level": 0})}), False),
            (newer, False),
            (older, False),
            (street.made("override", number=3, level=100, until=until_ms, reason="x", life_ms=-1), False),
        ):
            reasons.append((await street.commands.submit(made, Origin.CENTRE, retained=retained)).reason)
        replayed = await street.commands.submit(newer, Origin.CENTRE, retained=False)
        assert replayed.state is ResultState.DONE

    street.run(30, (10.0, ask))
    assert reasons == ["retained", "bad_signature", "bad_signature", "", "older_than_last_accepted", "past_not_after"]
    assert street.writes() == []
    assert street.commands.counters["command_repeated"] == 1
