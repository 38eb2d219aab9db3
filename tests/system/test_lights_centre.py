"""`collector lights` on a running collector, a real broker, and gateways that speak the contract."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import secrets
import sqlite3
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from config.language import cells
from contract.codec import encode
from contract.command import Result, ResultState
from tests.servers import Mosquitto
from tests.system.lights_rig import CALENDAR, Centre, StubGateway, cabinet, now_ms, until

CABINETS = [
    *(cabinet(number) for number in (1, 2, 3)),
    cabinet(4, ward="dien-hong", tags=["school"]),
    cabinet(5, cabinet_class="traffic_signal", street="Trần Phú"),
    cabinet(6, ward="dien-hong"),
]
OVERRIDE = ("--for", "2h", "--reason", "storm damage")


@pytest.fixture(scope="module")
def centre(mosquitto: Mosquitto, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Centre]:
    made = Centre(tmp_path_factory.mktemp("centre"), mosquitto.port, CABINETS, orders_per_minute=1000)
    made.keys = {f"gw-{number}": made.key_for(f"gw-{number}") for number in (1, 2, 3, 4)}
    made.start()
    yield made
    made.kill()


@pytest.fixture
def gateways(mosquitto: Mosquitto, centre: Centre) -> Iterator[dict[str, StubGateway]]:
    with ExitStack() as stack:
        yield {name: stack.enter_context(StubGateway(name, mosquitto.port, key)) for name, key in centre.keys.items()}


def test_lamps_of_a_ward_are_lit_after_their_count_is_named(centre: Centre, gateways: dict[str, StubGateway]) -> None:
    centre.wait_online(4)
    code, output = centre.run("lights", "on", "--ward", "Phường Pleiku", *OVERRIDE, "--yes-count", "2")
    assert (code, "3 cabinets would be touched, not 2" in output) == (1, True)
    assert not any(gateway.commands for gateway in gateways.values())

    code, output = centre.run("lights", "on", "--ward", "phuong pleiku", *OVERRIDE, "--yes-count", "3")

    assert code == 0, output
    assert "done at all 3" in output
    assert "c-5: never switched" in output
    commands = [gateways[f"gw-{number}"].commands for number in (1, 2, 3)]
    assert [len(received) for received in commands] == [1, 1, 1]
    assert {received[0].id for received in commands} == {commands[0][0].id}
    told = commands[0][0]
    assert (told.op, told.by, told.args.model_dump()["level"]) == ("override", "huong", 100)
    assert gateways["gw-4"].commands == []


def test_level_release_and_permits_reach_the_gateway_as_they_were_said(
    centre: Centre, gateways: dict[str, StubGateway]
) -> None:
    centre.wait_online(4)
    chosen = ("--cabinet", "c-4", "--yes-count", "1")
    assert centre.run("lights", "level", "67", *chosen, "--until", "05:00", "--reason", "trial")[0] == 0
    assert centre.run("lights", "release", *chosen)[0] == 0
    assert centre.run("lights", "permit", "open", *chosen, "--for", "2h", "--reason", "cable joint")[0] == 0
    assert "permit: huong" in centre.run("lights", "status", "--cabinet", "c-4")[1]
    assert centre.run("lights", "permit", "close", *chosen, "--reason", "finished")[0] == 0
    assert "permit" not in centre.run("lights", "status", "--cabinet", "c-4")[1]
    said = [(command.op, command.args.model_dump().get("active")) for command in gateways["gw-4"].commands]
    assert said == [("override", None), ("release", None), ("permit", True), ("permit", False)]


def test_a_gateway_that_fails_is_told_by_its_reason_and_the_exit_code(
    centre: Centre, gateways: dict[str, StubGateway]
) -> None:
    centre.wait_online(4)
    gateways["gw-2"].answers["override"] = (ResultState.FAILED, "did_not_close")
    gateways["gw-3"].answers["override"] = (ResultState.REJECTED, "permit")

    code, output = centre.run("lights", "on", "--ward", "pleiku", *OVERRIDE, "--yes-count", "3")

    assert code == 1
    assert "contactor did not close" in output
    assert "a work permit holds it" in output
    assert "done at 1 of 3" in output


def test_who_may_not_and_what_is_not_there_is_refused_with_its_reason(
    centre: Centre, gateways: dict[str, StubGateway]
) -> None:
    assert gateways
    code, output = centre.run("lights", "off", "--street", "Le Duan", "--cabinet", "c-11", *OVERRIDE)
    assert (code, "did you mean" in output) == (1, True)
    code, output = centre.run("lights", "off", "--cabinet", "c-6", *OVERRIDE)
    assert (code, "no command key" in output) == (7, True), output
    code, output = centre.run("lights", "off", "--cabinet", "c-6", *OVERRIDE, "--yes-count", "1", language="vi")
    assert (code, "gateway chưa có khóa lệnh" in output) == (7, True), output
    assert centre.run("lights", "off", "--cabinet", "c-1", "--reason", "x")[0] == 2
    assert centre.run("lights", "off", *OVERRIDE)[0] == 2
    code, output = centre.run("lights", "off", "--cabinet", "c-1", "--for", "40d", "--reason", "x", "--yes-count", "1")
    assert (code, "at most 31 days" in output) == (7, True)


def test_an_order_outlives_the_collector_and_reaches_a_gateway_that_was_away(
    mosquitto: Mosquitto, centre: Centre
) -> None:
    with StubGateway("gw-1", mosquitto.port, centre.keys["gw-1"]) as first:
        centre.wait_online(1)
        first.answers["override"] = None
        arguments = ("--cabinet", "c-1", "--cabinet", "c-2", *OVERRIDE, "--yes-count", "2", "--no-wait")
        order = centre.json("lights", "off", *arguments)["order"]
        until(lambda: len(first.commands) == 1, "the command")
        centre.kill()
        first.tell(order, ResultState.DONE)
        centre.start()
        with StubGateway("gw-2", mosquitto.port, centre.keys["gw-2"]) as second:
            code, output = centre.run("lights", "show", order)
            assert code == 0, output
            assert [command.id for command in second.commands] == [order]
        # The first was asked again under the same id, and answered from its record.
        assert {command.id for command in first.commands} == {order}
    assert "done at all 2" in output


def test_forged_results_and_floods_change_nothing_and_are_written_down(
    centre: Centre, gateways: dict[str, StubGateway]
) -> None:
    centre.wait_online(4)
    gateways["gw-1"].answers["override"] = None
    arguments = ("--cabinet", "c-1", *OVERRIDE, "--yes-count", "1", "--no-wait")
    order = centre.json("lights", "on", *arguments)["order"]
    until(lambda: len(gateways["gw-1"].commands) == 1, "the command")
    forger = gateways["gw-3"]
    forger.tell(order, ResultState.FAILED, "forged")
    forger.tell("0" * 26, ResultState.DONE)
    for number in range(2_000):
        flood = Result(id=f"{number:026d}", state=ResultState.DONE, ts=now_ms())
        forger.client.publish(forger.topics.result, encode(flood), qos=0)

    gateways["gw-1"].tell(order, ResultState.DONE)

    code, output = centre.run("lights", "show", order)
    assert (code, "done at all 1" in output) == (0, True), output
    until(lambda: _metric(centre, "command_results_flood") > 1_000, "the flood counted")
    assert _metric(centre, "command_results_odd") > 0
    until(lambda: "reading_forged" in _events(centre), "the security event stored")


def test_the_audit_names_who_ordered_what_and_notices_a_cut(centre: Centre, gateways: dict[str, StubGateway]) -> None:
    assert gateways
    assert centre.run("lights", "release", "--cabinet", "c-1", "--yes-count", "1")[0] == 0
    told = centre.json("lights", "audit", "--check")
    assert told["broken"] is None
    orders = [entry for entry in told["entries"] if entry["action"] == "order"]
    assert (orders[0]["user"], orders[0]["facts"]["op"], orders[0]["facts"]["cabinets"]) == (
        "huong",
        "release",
        ["c-1"],
    )
    connection = sqlite3.connect(centre.folder / "state" / "commands.db")
    with pytest.raises(sqlite3.IntegrityError, match="only grows"):
        connection.execute("DELETE FROM audit WHERE id = 1")
    connection.close()


def test_a_calendar_goes_out_in_stages_is_followed_and_rolled_back(
    centre: Centre, gateways: dict[str, StubGateway], tmp_path: Path
) -> None:
    centre.wait_online(4)
    file = tmp_path / "calendar.yaml"
    file.write_text(CALENDAR, "utf-8")
    chosen = ("--cabinet", "c-1", "--cabinet", "c-2", "--yes-count", "2", "--reason", "new evening times")
    published = centre.json("lights", "calendar", "publish", str(file), *chosen, "--first", "1")
    assert (published["published"], published["held"]) == (["gw-1"], ["gw-2"])
    until(lambda: _standing(centre, "gw-1") == "applied", "the first applied")
    assert gateways["gw-2"].wants == []

    rollout = str(published["rollout"])
    assert centre.run("lights", "calendar", "continue", rollout, "--reason", "first is fine")[0] == 0
    until(lambda: _standing(centre, "gw-2") == "applied", "the rest applied")

    file.write_text(CALENDAR.replace("22:30", "23:00"), "utf-8")
    gateways["gw-2"].refuses_wants = True
    assert centre.run("lights", "calendar", "publish", str(file), *chosen)[0] == 0
    until(lambda: _standing(centre, "gw-2") == "refused", "the refusal")
    code, output = centre.run("lights", "calendar", "status", "--cabinet", "c-2")
    assert (code, "REFUSED" in output, "calendar: cannot use it" in output) == (1, True, True)
    gateways["gw-2"].refuses_wants = False
    assert centre.run("lights", "calendar", "rollback", *chosen)[0] == 0
    until(lambda: _standing(centre, "gw-1") == _standing(centre, "gw-2") == "applied", "rolled back")
    wants = gateways["gw-1"].wants
    assert [want.rev for want in wants] == [1, 2, 3]
    assert wants[2].desired == wants[0].desired
    code, output = centre.run("lights", "calendar", "diff", "1", "2", "--nights", "30")
    assert (code, "30 of 30 nights differ" in output) == (1, True)

    gateways["gw-1"].rev = 9
    gateways["gw-1"].report(secrets.token_hex(32))
    until(lambda: _standing(centre, "gw-1") == "differs", "the drift")
    centre.kill()
    centre.start()
    assert _standing(centre, "gw-1") == "differs"
    assert centre.run("lights", "calendar", "publish", str(file), *chosen)[0] == 0
    until(lambda: _standing(centre, "gw-1") == "applied", "published above the gateway's own revision")
    assert gateways["gw-1"].wants[-1].rev == 10


def _read_more(terminal: int, shown: bytearray) -> bytes:
    # Nothing to read yet, or EIO: the other end has closed.
    with contextlib.suppress(OSError):
        shown += os.read(terminal, 65_536)
    return bytes(shown)


def test_at_a_terminal_the_count_is_asked_for_and_answers_are_counted_in_place(
    centre: Centre, gateways: dict[str, StubGateway]
) -> None:
    centre.wait_online(4)
    for name in ("gw-1", "gw-2"):
        gateways[name].answers["override"] = None
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    os.set_blocking(master, False)
    shown = bytearray()
    command = [sys.executable, "-m", "collector", "lights", "off", "--all", "--for", "1h", "--reason", "trial"]
    process = subprocess.Popen(
        [*command, "--config", str(centre.config_file)],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=os.environ | {"LAMPLIGHTER_LANG": "en", "TERM": "xterm"},
    )
    os.close(slave)
    try:
        until(lambda: b"type 4 to go on: " in _read_more(master, shown), "the question")
        assert not any(gateway.commands for gateway in gateways.values())
        os.write(master, b"4\n")
        until(lambda: b"] 2/4" in _read_more(master, shown), "the live count")
        order = gateways["gw-1"].commands[0].id
        gateways["gw-1"].tell(order, ResultState.DONE)
        gateways["gw-2"].tell(order, ResultState.FAILED, "did_not_open")
        until(lambda: bool(_read_more(master, shown)) and process.poll() is not None, "the end")
        _read_more(master, shown)
    finally:
        process.kill()
        process.wait()
        os.close(master)
    assert process.returncode == 1
    text = shown.decode().replace("\r\n", "\n")
    # Each frame goes back up over the one before, which all fitted the screen.
    ups = [int(up) for up in re.findall(r"\x1b\[(\d+)A", text)]
    assert 0 < max(ups) <= 24
    frames = text.partition("to go on: ")[2].split("\x1b[")
    assert max(cells(line) for frame in frames for line in frame.split("\n")[1:]) <= 80
    end = text.rpartition("\x1b[J")[2]
    assert "done at 3 of 4" in end
    assert "contactor did not open" in end


def _standing(centre: Centre, gateway: str) -> str:
    told = centre.json("lights", "calendar", "status")
    return str(next(each["standing"] for each in told["gateways"] if each["gateway"] == gateway))


def _metric(centre: Centre, name: str) -> int:
    connection = sqlite3.connect(centre.folder / "state" / "collector.db")
    try:
        found = connection.execute("SELECT value FROM metric WHERE name = ?", (name,)).fetchone()
        return int(found[0]) if found else 0
    finally:
        connection.close()


def _events(centre: Centre) -> set[str]:
    connection = sqlite3.connect(centre.folder / "state" / "samples.db")
    try:
        return {device for (device,) in connection.execute("SELECT DISTINCT device FROM series WHERE key = 'sev'")}
    finally:
        connection.close()
