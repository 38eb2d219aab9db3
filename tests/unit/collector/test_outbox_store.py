"""alarms.db: all or nothing, order within a thread, bounds, forms of other versions."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from collector.core.alarm_record import Transition, TransitionKind
from collector.core.alarm_states import AlarmState
from collector.shell import alarm_store
from collector.shell.alarm_store import FILE_NAME, AlarmStore, Outgoing, Shown, read_alarms


def step(at_ms: int = 1_000, kind: TransitionKind = "raised") -> Transition:
    return Transition(
        rule="mains-lost",
        site="c-1",
        observed_at_ms=at_ms,
        kind=kind,
        known_ms=at_ms + 5,
        path="live",
        state=AlarmState.UNACKED,
    )


def message(kind: str = "raised", thread: str = "t1", channel: str = "a", crew: str = "north") -> Outgoing:
    return Outgoing(
        identity=f"{thread}/{kind}/{crew}/{channel}",
        thread=thread,
        crew=crew,
        channel=channel,
        title=kind,
        body=f"{kind} {thread}",
        written_ms=1_000,
    )


def shown(state: str = "unacked", *, active: bool = True) -> Shown:
    return Shown(site="c-1", name="mains-lost", active=active, state=state, changed_ms=1_000, body={"severity": 1})


@pytest.fixture
def store(tmp_path: Path) -> AlarmStore:
    return AlarmStore(tmp_path)


def put(store: AlarmStore, *messages: Outgoing) -> None:
    store.commit(states={}, shown=[], transitions=[], outgoing=messages)


def test_a_repeat_of_a_transition_and_of_a_message_changes_nothing(store: AlarmStore, tmp_path: Path) -> None:
    for _ in range(3):
        store.commit(
            states={"gw-1": {"n": 1}},
            shown=[shown()],
            transitions=[step(), step(2_000, "cleared")],
            outgoing=[message()],
        )
    alarms, history = read_alarms(tmp_path, limit=10)
    assert [(row["kind"], row["observed_at_ms"]) for row in history] == [("cleared", 2_000), ("raised", 1_000)]
    assert alarms == [shown()]
    assert store.waiting_count() == 1
    store.close()


def test_a_commit_that_fails_writes_nothing(store: AlarmStore, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / FILE_NAME) as direct:
        direct.execute("CREATE TRIGGER refuse BEFORE INSERT ON outbox BEGIN SELECT RAISE(ABORT, 'full'); END")
    direct.close()
    with pytest.raises(sqlite3.Error, match="full"):
        store.commit(states={"gw-1": {}}, shown=[shown()], transitions=[step()], outgoing=[message()])
    assert read_alarms(tmp_path, limit=10) == ([], [])
    assert store.engine_states() == {}
    with sqlite3.connect(tmp_path / FILE_NAME) as direct:
        direct.execute("DROP TRIGGER refuse")
    direct.close()
    store.commit(states={"gw-1": {}}, shown=[shown()], transitions=[step()], outgoing=[message()])
    assert store.waiting_count() == 1
    store.close()


def test_a_restore_waits_for_its_loss_and_holds_up_no_other_thread(store: AlarmStore) -> None:
    put(store, message("raised"), message("restored"), message("raised", thread="t2"))
    first = store.due("a", 0)
    assert first is not None
    assert first.title == "raised"
    store.failed(first.id, 9_000, "not taken")
    other = store.due("a", 5_000)
    assert other is not None
    assert other.body == "raised t2"
    store.sent(other.id, 5_000)
    assert store.due("a", 8_999) is None
    again = store.due("a", 9_000)
    assert again is not None
    assert (again.id, again.attempts) == (first.id, 1)
    store.sent(again.id, 9_000)
    last = store.due("a", 9_000)
    assert last is not None
    assert last.title == "restored"
    assert store.due("b", 9_000) is None
    store.close()


def test_the_channels_of_a_crew_do_not_wait_for_each_other(store: AlarmStore) -> None:
    put(store, message(channel="a"), message(channel="b"), message("restored", channel="b"))
    first = store.due("b", 0)
    assert first is not None
    store.sent(first.id, 1)
    second = store.due("b", 0)
    assert second is not None
    assert second.title == "restored"
    store.close()


def test_what_was_on_its_way_at_the_end_is_due_again(store: AlarmStore, tmp_path: Path) -> None:
    put(store, message())
    assert store.due("a", 0) is not None
    store.close()
    again = AlarmStore(tmp_path)
    waiting = again.due("a", 0)
    assert waiting is not None
    assert waiting.body == "raised t1"
    again.close()


def test_history_and_sent_messages_are_bounded_and_unsent_ones_are_kept(
    store: AlarmStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(alarm_store, "MAX_TRANSITIONS", 10)
    monkeypatch.setattr(alarm_store, "MAX_SENT", 10)
    put(store, message(thread="unsent"))
    for number in range(50):
        store.commit(
            states={},
            shown=[],
            transitions=[step(1_000 + number)],
            outgoing=[message(thread=f"n{number}", channel="b")],
        )
        waiting = store.due("b", 0)
        assert waiting is not None
        store.sent(waiting.id, 1)
    assert store.prune(2_000) == 0
    assert len(read_alarms(tmp_path, limit=1000)[1]) == 10
    assert store.waiting_count() == 1
    with sqlite3.connect(tmp_path / FILE_NAME) as direct:
        assert direct.execute("SELECT count(*) FROM outbox").fetchone() == (11,)
    direct.close()
    store.close()


def test_what_waits_for_a_service_that_never_comes_back_is_bounded_by_age_and_number(
    store: AlarmStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alarm_store, "MAX_WAITING", 10)
    put(store, *(message(thread=f"n{number}") for number in range(30)), message(thread="other", channel="b"))
    assert store.prune(2_000) == 20
    oldest = store.due("a", 2_000)
    assert oldest is not None
    assert oldest.body == "raised n20"
    assert store.prune(1_000 + alarm_store.WAITING_MS) == 0
    assert store.prune(1_001 + alarm_store.WAITING_MS) == 11
    assert store.waiting_count() == 0
    store.close()


def test_messages_of_a_channel_that_is_gone_go_to_the_new_one_of_their_crew_once(store: AlarmStore) -> None:
    put(store, message(), message("restored"), message(channel="b"), message("restored", channel="b"))
    for _ in range(2):
        ours = store.due("b", 0)
        assert ours is not None
        store.sent(ours.id, 1)
    # The password in the URL of a was changed, so that it has another name.
    assert store.adopt({"north": ["a2", "b"]}) == (2, 0)
    assert store.adopt({"north": ["a2", "b"]}) == (0, 0)
    assert store.due("a", 0) is None
    assert store.due("b", 0) is None
    for title in ("raised", "restored"):
        waiting = store.due("a2", 0)
        assert waiting is not None
        assert waiting.title == title
        store.sent(waiting.id, 1)
    store.close()


def test_messages_of_a_channel_that_was_taken_away_stay_with_the_others(store: AlarmStore) -> None:
    put(store, message(), message(channel="b"), message(crew="south"))
    assert store.adopt({"north": ["b"]}) == (0, 1)
    assert store.waiting_count() == 1
    # Away and back again: what waited for it in between is not lost.
    put(store, message("restored"))
    assert store.adopt({"north": ["a2"]}) == (2, 0)
    assert store.adopt({"north": ["a"]}) == (2, 0)
    assert store.waiting_count() == 2
    store.close()


def test_the_file_of_the_first_form_is_taken_over(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / FILE_NAME) as direct:
        direct.executescript(f"{alarm_store._MIGRATIONS[0]} PRAGMA user_version = 1;")
        direct.execute(
            "INSERT INTO outbox (identity, thread, crew, channel, title, body, written_ms)"
            " VALUES ('i', 't', 'north', 'a', 'title', 'body', 1)"
        )
    direct.close()
    store = AlarmStore(tmp_path)
    waiting = store.due("a", 0)
    assert waiting is not None
    assert (waiting.body, waiting.urgency) == ("body", "alarm")
    store.close()


def test_every_active_alarm_is_listed_however_many_there_are(store: AlarmStore, tmp_path: Path) -> None:
    rows = [
        Shown(site=f"c-{number}", name="n", active=number < 30, state="unacked", changed_ms=number, body={})
        for number in range(60)
    ]
    store.commit(states={}, shown=rows, transitions=[], outgoing=[])
    alarms, _ = read_alarms(tmp_path, limit=10)
    assert [alarm.site for alarm in alarms if alarm.active] == [f"c-{number}" for number in sorted(range(30), key=str)]
    assert sorted(alarm.changed_ms for alarm in alarms if not alarm.active) == list(range(50, 60))
    store.close()


def test_acknowledgements_pass_from_one_process_to_the_other(store: AlarmStore, tmp_path: Path) -> None:
    other = AlarmStore(tmp_path)
    other.ask_acknowledge("c-1", "mains-lost", "Lan" * 100)
    other.close()
    ((number, site, name, by),) = store.acknowledgements()
    assert (site, name, by) == ("c-1", "mains-lost", ("Lan" * 100)[:64])
    store.acknowledged(number)
    assert store.acknowledgements() == []
    store.close()


def test_a_file_of_a_later_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / FILE_NAME) as direct:
        direct.execute("PRAGMA user_version = 99")
    direct.close()
    with pytest.raises(sqlite3.DatabaseError, match="later version"):
        AlarmStore(tmp_path)
    with sqlite3.connect(tmp_path / FILE_NAME) as direct:
        assert direct.execute("PRAGMA user_version").fetchone() == (99,)
    direct.close()


def test_every_commit_is_on_the_disk(store: AlarmStore) -> None:
    # FULL is 2: with NORMAL, power cuts lost what was acknowledged.
    assert store._database.execute("PRAGMA synchronous").fetchone() == (2,)
    assert store._database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    store.close()
