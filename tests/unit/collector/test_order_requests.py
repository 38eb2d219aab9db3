"""Orders: who may, what is written down first, whom they reach, what becomes of them over time and restarts."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from collector.core.order_book import GRACE_MS
from collector.shell.command_store import open_command_store
from contract.batch import DeviceColumns
from contract.command import ResultState, signature_agrees
from tests.unit.collector.lights_parts import NOW_MS, Parts, cabinet, city

DONE, ACCEPTED, REJECTED = ResultState.DONE, ResultState.ACCEPTED, ResultState.REJECTED


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    made = Parts(tmp_path)
    yield made
    made.close()


def test_an_order_is_signed_for_each_gateway_with_its_present_connection(parts: Parts) -> None:
    parts.online("gw-1", "n1")
    parts.online("gw-2", "n2")
    order = parts.order(everything=True)["order"]
    assert [(gateway, command.nonce) for gateway, command in parts.sent] == [("gw-1", "n1"), ("gw-2", "n2")]
    assert all(signature_agrees(command, gateway, b"k" * 32) for gateway, command in parts.sent)
    assert all(command.id == order and command.by == "huong" for _, command in parts.sent)
    assert parts.progress(order)["gw-3"] == ("waiting", "")


def test_the_missing_are_asked_again_under_the_same_id_and_nobody_else(parts: Parts) -> None:
    for gateway in ("gw-1", "gw-2"):
        parts.online(gateway)
    order = parts.order(cabinets=["c-1", "c-2"])["order"]
    parts.result("gw-1", order, DONE)
    parts.pass_time(5)
    parts.pass_time(4)
    parts.pass_time(6)
    assert [gateway for gateway, _ in parts.sent] == ["gw-1", "gw-2", "gw-2", "gw-2"]
    assert {command.id for _, command in parts.sent} == {order}
    parts.result("gw-2", order, ACCEPTED)
    parts.pass_time(30)
    assert len(parts.sent) == 4
    parts.pass_time(31)
    assert len(parts.sent) == 5
    parts.result("gw-2", order, DONE)
    assert parts.progress(order) == {"gw-1": ("done", ""), "gw-2": ("done", "")}
    parts.pass_time(600)
    assert len(parts.sent) == 5


def test_a_gateway_that_comes_back_gets_it_until_it_expires(parts: Parts) -> None:
    order = parts.order(cabinets=["c-1", "c-2"], patience_s=60.0)["order"]
    parts.pass_time(50)
    parts.online("gw-1", "back")
    assert [(gateway, command.nonce) for gateway, command in parts.sent] == [("gw-1", "back")]
    parts.pass_time(11)
    assert parts.progress(order)["gw-2"] == ("expired", "gateway_away")
    parts.online("gw-2", "late")
    parts.pass_time(GRACE_MS / 1000 + 1)
    assert parts.progress(order)["gw-1"] == ("unknown", "no_answer")
    assert {gateway for gateway, _ in parts.sent} == {"gw-1"}


def test_a_rejection_of_the_moment_is_offered_again_and_any_other_is_the_end(parts: Parts) -> None:
    parts.online("gw-1")
    parts.online("gw-2")
    order = parts.order(cabinets=["c-1", "c-2"])["order"]
    parts.result("gw-1", order, REJECTED, "other_connection")
    parts.result("gw-2", order, REJECTED, "permit")
    parts.pass_time(6)
    assert [gateway for gateway, _ in parts.sent] == ["gw-1", "gw-2", "gw-1"]
    assert parts.progress(order) == {"gw-1": ("sent", "other_connection"), "gw-2": ("rejected", "permit")}
    assert ("cmd_reject", "permit") in parts.events()


def test_a_restart_goes_on_from_the_record(parts: Parts) -> None:
    parts.online("gw-1")
    order = parts.order(cabinets=["c-1", "c-2"])["order"]
    parts.close()
    parts.open()
    parts.result("gw-1", order, DONE)
    assert parts.progress(order)["gw-1"] == ("done", "")
    parts.online("gw-2", "n2")
    assert [(gateway, command.id) for gateway, command in parts.sent[-1:]] == [("gw-2", order)]
    parts.now_ms -= 3_600_000
    later = parts.order(cabinets=["c-3"])["order"]
    assert later > order


def test_the_same_request_again_is_the_same_order(parts: Parts) -> None:
    token = "ab" * 16
    first = parts.order(cabinets=["c-1"], token=token)
    assert parts.order(cabinets=["c-1"], token=token)["order"] == first["order"]
    assert parts.order("an", cabinets=["c-1"], token=token)["error"] == "changed_since"
    assert len(parts.ask("orders")["orders"]) == 1


@pytest.mark.parametrize(
    ("account", "facts", "error"),
    [
        ("mallory", {"cabinets": ["c-1"]}, "unknown_account"),
        ("look", {"cabinets": ["c-1"]}, "not_your_operation"),
        ("an", {"cabinets": ["c-1"], "op": "permit", "active": True, "reason": "x"}, "not_your_operation"),
        ("an", {"cabinets": ["c-1"]}, "nothing_to_touch"),
        ("huong", {"cabinets": ["c-9"]}, "unknown_names"),
        ("huong", {}, "nothing_chosen"),
        ("huong", {"cabinets": ["c-1"], "for_s": 3e6}, "until_out_of_range"),
        ("huong", {"cabinets": ["c-1"], "until_ms": NOW_MS - 1, "for_s": None}, "until_out_of_range"),
        ("huong", {"cabinets": ["c-1"], "reason": None}, "override_needs"),
        ("huong", {"cabinets": ["c-1"], "reason": "two\nlines"}, "bad_request"),
        ("huong", {"cabinets": ["c-1"], "level": 101}, "bad_request"),
        ("huong", {"cabinets": ["c-1"], "op": "permit", "reason": "x"}, "permit_needs"),
        ("huong", {"cabinets": ["x"] * 2001}, "bad_request"),
    ],
)
def test_what_may_not_be_is_refused_and_nothing_is_sent(
    parts: Parts, account: str, facts: dict[str, Any], error: str
) -> None:
    parts.online("gw-1")
    assert parts.order(account, **facts)["error"] == error
    assert parts.sent == []
    assert parts.ask("orders")["orders"] == []


def test_denials_are_written_down_for_the_audit_and_the_analysts_and_do_not_flood_them(parts: Parts) -> None:
    for _ in range(300):
        parts.order("mallory", cabinets=["c-1"])
    entries = parts.ask("audit", limit=1000)["entries"]
    assert 0 < len([entry for entry in entries if entry["action"] == "denied"]) <= 100
    assert entries[-1]["account"] == "mallory"
    assert ("api_auth_fail", "unknown_account") in parts.events()


def test_an_area_bounds_what_a_user_touches(tmp_path: Path) -> None:
    parts = Parts(tmp_path, city(cabinet(1), cabinet(2, ward="w2")))
    parts.online("gw-1")
    parts.online("gw-2")
    order = parts.order("an", everything=True)
    assert [gateway for gateway, _ in parts.sent] == ["gw-2"]
    assert parts.ask("progress", order=order["order"])["refused"] == {"c-1": "not_your_area"}
    parts.close()


def test_a_user_who_asks_too_much_waits(tmp_path: Path) -> None:
    parts = Parts(tmp_path, orders_per_minute=2)
    assert "order" in parts.order(cabinets=["c-1"])
    assert "order" in parts.order(cabinets=["c-1"])
    refused = parts.order(cabinets=["c-1"])
    assert refused["error"] == "too_many"
    assert refused["wait_s"] == pytest.approx(30, abs=0.2)
    assert ("cmd_rate", "too_many") in parts.events()
    parts.pass_time(31)
    assert "order" in parts.order(cabinets=["c-1"])
    parts.close()


def test_what_was_shown_is_what_is_done_or_nothing_is(parts: Parts) -> None:
    answer = parts.ask(
        "order",
        op="release",
        cabinets=["c-1", "c-2"],
        fingerprint=parts.ask("plan", operation="switch", cabinets=["c-1"])["fingerprint"],
        token="cd" * 16,
    )
    assert answer == {"error": "changed_since"}


def test_results_of_strangers_and_for_others_change_nothing(parts: Parts) -> None:
    parts.online("gw-1")
    order = parts.order(cabinets=["c-1", "c-3"])["order"]
    parts.result("gw-2", order, DONE)
    parts.result("gw-3", order, DONE)
    parts.result("gw-1", "0" * 26, DONE)
    parts.result("gw-99", order, DONE)
    assert parts.progress(order) == {"gw-1": ("sent", ""), "gw-3": ("waiting", "")}
    parts.result("gw-1", order, DONE)
    parts.result("gw-1", order, ResultState.FAILED)
    assert parts.progress(order)["gw-1"] == ("done", "")
    reasons = [reason for event, reason in parts.events() if event == "reading_forged"]
    assert reasons == ["not_asked", "not_asked", "unknown_id", "after_the_end"]


def test_a_permit_stays_until_it_is_closed_and_its_planned_end_reaches_the_alarms(parts: Parts) -> None:
    parts.online("gw-1")
    order = parts.order(op="permit", cabinets=["c-1"], active=True, reason="joint", for_s=3600.0)["order"]
    parts.result("gw-1", order, ResultState.FAILED, "did_not_open")
    parts.pass_time(60)
    assert parts.known("c-1")["permit_overdue"] == 0
    parts.close()
    parts.open()
    parts.pass_time(3600)
    known = parts.known("c-1")
    assert (known["permit_overdue"], known["permit_told"][:5]) == (1, "huong")
    parts.online("gw-1", "n2")
    closing = parts.order(op="permit", cabinets=["c-1"], active=False, reason="done")["order"]
    parts.result("gw-1", closing, DONE)
    parts.pass_time(31)
    assert parts.known("c-1")["permit_overdue"] == 0


def test_a_key_that_goes_missing_ends_the_order_there(parts: Parts) -> None:
    order = parts.order(cabinets=["c-1"])["order"]
    (parts.folder / "keys" / "gw-1.key").write_bytes(b"short")
    parts.online("gw-1")
    assert parts.progress(order) == {"gw-1": ("rejected", "no_key")}
    assert parts.ask("audit")["entries"][0]["facts"]["reason"] == "no_key"
    assert parts.sent == []


def test_an_audit_that_was_changed_behind_our_back_is_told(parts: Parts) -> None:
    for number in (1, 2, 3):
        parts.order(cabinets=[f"c-{number}"])
    assert parts.ask("audit", check=True)["broken"] is None
    other = sqlite3.connect(parts.folder / "commands.db")
    other.executescript("DROP TRIGGER audit_unchanged; UPDATE audit SET user = 'an' WHERE id = 2;")
    other.close()
    assert parts.ask("audit", check=True)["broken"] == 2


def test_a_damaged_database_is_set_aside_and_a_newer_one_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "commands.db").write_bytes(b"not a database, but long enough to be read as one" * 100)
    store = open_command_store(tmp_path)
    assert store.open_orders() == []
    store.close()
    assert (tmp_path / "commands.db.damaged-1").exists()
    connection = sqlite3.connect(tmp_path / "commands.db")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(sqlite3.OperationalError, match="newer version"):
        open_command_store(tmp_path)
    assert not (tmp_path / "commands.db.damaged-2").exists()


def test_what_cannot_be_written_down_is_not_sent_and_is_told(parts: Parts) -> None:
    parts.online("gw-1")
    other = sqlite3.connect(parts.folder / "commands.db", isolation_level=None)
    parts.store.connection.execute("PRAGMA busy_timeout = 1")
    other.execute("BEGIN EXCLUSIVE")
    assert parts.order(cabinets=["c-1"])["error"] == "not_kept"
    assert parts.sent == []
    other.execute("ROLLBACK")
    other.close()
    order = parts.order(cabinets=["c-1"])["order"]
    assert [command.id for _, command in parts.sent] == [order]


def say(parts: Parts, gateway: str, *, permit: bool) -> None:
    """Let a batch of a gateway tell whether it holds a permit."""
    parts.seen.read(gateway, DeviceColumns.model_validate({"t0": parts.now_ms, "dt": [0], "m": {"permit": [permit]}}))


def test_a_permit_that_a_gateway_lost_is_opened_again_under_a_new_id(parts: Parts) -> None:
    parts.online("gw-1")
    first = parts.order(op="permit", cabinets=["c-1"], circuits=["A"], active=True, reason="joint")["order"]
    parts.result("gw-1", first, DONE)
    say(parts, "gw-1", permit=True)
    parts.pass_time(120)
    say(parts, "gw-1", permit=False)
    parts.sent.clear()
    parts.pass_time(1)
    parts.pass_time(1)
    assert [(gateway, command.op) for gateway, command in parts.sent] == [("gw-1", "permit")]
    again = parts.sent[0][1]
    assert again.id > first
    assert again.args.model_dump() == {"circuits": ("A",), "active": True, "until": None, "reason": "joint"}
    parts.result("gw-1", again.id, DONE)
    say(parts, "gw-1", permit=True)
    parts.pass_time(200)
    assert len(parts.sent) == 1
    assert "permit_again" in [entry["action"] for entry in parts.ask("audit", limit=50)["entries"]]


def test_a_closed_permit_and_a_silent_gateway_are_not_asked_again(parts: Parts) -> None:
    parts.online("gw-1")
    parts.online("gw-2")
    for name in ("1", "2"):
        order = parts.order(op="permit", cabinets=[f"c-{name}"], active=True, reason="joint")["order"]
        parts.result(f"gw-{name}", order, DONE)
    say(parts, "gw-2", permit=False)
    closing = parts.order(op="permit", cabinets=["c-1"], active=False, reason="done")["order"]
    parts.result("gw-1", closing, DONE)
    parts.sent.clear()
    parts.pass_time(120)
    say(parts, "gw-1", permit=False)
    parts.pass_time(1)
    assert parts.sent == []


def test_an_order_that_no_command_can_carry_ends_and_holds_up_no_other(tmp_path: Path) -> None:
    named = tuple(
        {"id": f"k{n}", "lamp_type": "led", "lamps": 1, "lamp_power_w": 90.0, "phases": [1], "power": ["p1"]}
        for n in range(20)
    )
    together = [
        cabinet(number, gateway="gw", circuits=[{**one, "gateway_circuit": f"{number}-{one['id']}"} for one in named])
        for number in (1, 2)
    ]
    parts = Parts(tmp_path, city(*together, cabinet(3, gateway="gw"), cabinet(4)))
    parts.online("gw")
    parts.online("gw-4")
    order = parts.order(cabinets=["c-1", "c-2", "c-4"])["order"]
    assert parts.progress(order) == {"gw": ("rejected", "cannot_be_sent"), "gw-4": ("sent", "")}
    parts.close()


def test_a_defect_of_one_part_is_told_and_leaves_the_others_running(parts: Parts) -> None:
    def broken(_now_ms: int) -> None:
        raise ZeroDivisionError

    parts.service.each_pass(broken)
    parts.online("gw-1")
    assert "order" in parts.order(cabinets=["c-1"])
    assert len(parts.sent) == 1
    assert parts.service.trouble.startswith("defect: ZeroDivisionError")
    assert parts.metrics.value("handler_errors") > 0


def test_a_late_answer_corrects_what_was_given_up(parts: Parts) -> None:
    parts.online("gw-1")
    order = parts.order(op="permit", cabinets=["c-1"], active=True, reason="joint")["order"]
    parts.pass_time(600 + GRACE_MS / 1000 + 1)
    assert parts.progress(order)["gw-1"] == ("unknown", "no_answer")
    assert parts.ask("status", cabinets=["c-1"])["cabinets"][0]["permit"]["by"] == "huong"
    parts.result("gw-1", order, REJECTED, "no_such_circuit")
    assert parts.progress(order)["gw-1"] == ("rejected", "no_such_circuit")
    assert parts.ask("status", cabinets=["c-1"])["cabinets"][0]["permit"] is None
    assert not [reason for event, reason in parts.events() if event == "reading_forged"]
