"""The control socket: who asks is the kernel's word, everything a peer sends is bounded, a restart is borne."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import socket
import stat
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from collector.shell import control_socket
from collector.shell.control_socket import MAX_CONNECTIONS, ControlClient, ControlError, ControlSocket


def answer(body: dict[str, Any], account: str) -> dict[str, Any]:
    return {"asked": body, "account": account}


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[Path]:
    control = ControlSocket(tmp_path / "c.sock", group=None, answer=answer)
    control.start()
    yield tmp_path / "c.sock"
    control.stop()


def raw(path: Path, sent: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(10)
        peer.connect(str(path))
        if sent:
            peer.sendall(sent)
        received = b""
        while not received.endswith(b"\n"):
            more = peer.recv(65_536)
            if not more:
                break
            received += more
        return received


def test_the_account_is_that_of_the_process_at_the_other_end(listening: Path) -> None:
    client = ControlClient(listening)
    told = client.ask("status", account="mallory", wards=["w1"])
    client.close()
    assert told["account"] == pwd.getpwuid(os.getuid()).pw_name
    assert told["asked"] == {"do": "status", "account": "mallory", "wards": ["w1"]}


def test_only_our_own_account_may_open_it(listening: Path) -> None:
    assert stat.S_IMODE(listening.stat().st_mode) == 0o600


@pytest.mark.parametrize("sent", [b"not json\n", b"[1]\n", b'"x"\n', b"\xff\xfe\n", b"\n"])
def test_what_is_no_request_is_said_to_be_none(listening: Path, sent: bytes) -> None:
    assert json.loads(raw(listening, sent))["error"] == "bad_request"


def test_a_line_without_an_end_is_cut_at_its_bound(listening: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_socket, "MAX_REQUEST_BYTES", 10_000)
    assert json.loads(raw(listening, b"x" * 20_000)) == {"error": "too_long"}


def test_more_peers_than_there_are_places_are_sent_away_and_the_rest_goes_on(listening: Path) -> None:
    with ExitStack() as stack:
        clients = [ControlClient(listening) for _ in range(MAX_CONNECTIONS + 1)]
        for client in clients:
            stack.callback(client.close)
        for client in clients[:-1]:
            assert "asked" in client.ask("x")
        assert json.loads(raw(listening, b"")) == {"error": "busy"}
        assert clients[-1].ask("x") == {"error": "busy"}
        assert "asked" in clients[0].ask("y")


def test_a_client_reaches_a_collector_that_was_started_again(tmp_path: Path) -> None:
    path = tmp_path / "c.sock"
    client = ControlClient(path)
    with pytest.raises(ControlError, match=r"c\.sock"):
        client.ask("x")
    for _ in range(2):
        control = ControlSocket(path, group=None, answer=answer)
        control.start()
        with contextlib.suppress(ControlError):
            # The connection of before is found dead by using it.
            client.ask("x")
        assert "asked" in client.ask("x")
        control.stop()
    client.close()


def test_an_unknown_group_ends_the_start(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        ControlSocket(tmp_path / "c.sock", group="no-such-group-here", answer=answer)


def test_what_is_no_socket_is_not_removed(tmp_path: Path) -> None:
    (tmp_path / "c.sock").write_text("mine", "utf-8")
    with pytest.raises(OSError, match="in use"):
        ControlSocket(tmp_path / "c.sock", group=None, answer=answer)
    assert (tmp_path / "c.sock").read_text("utf-8") == "mine"
