from __future__ import annotations

import asyncio
import json
import socket
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from edge_agent.shell import control
from edge_agent.shell.control import AgentRunningError, ControlError, ControlServer, ask
from edge_agent.shell.service import ServiceNotifier
from edge_agent.shell.sole_agent import SoleAgent


async def echo(request: dict[str, Any]) -> dict[str, Any]:
    return {"asked": request}


def with_server(path: Path, talk: Callable[[ControlServer], Awaitable[None]]) -> None:
    async def scenario() -> None:
        server = ControlServer(path, echo)
        await server.open()
        try:
            await talk(server)
        finally:
            await server.close()

    asyncio.run(scenario())


async def raw(path: Path, data: bytes) -> dict[str, Any]:
    reader, writer = await asyncio.open_unix_connection(str(path))
    writer.write(data)
    if not data.endswith(b"\n"):
        writer.write_eof()
    line = await reader.readline()
    writer.close()
    await writer.wait_closed()
    reply: dict[str, Any] = json.loads(line)
    return reply


def test_one_line_each_way_for_its_own_user_only(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"

    async def talk(_: ControlServer) -> None:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        reply = await asyncio.to_thread(ask, path, {"op": "status"}, 5.0)
        assert reply == {"asked": {"op": "status"}}

    with_server(path, talk)
    assert not path.exists()
    assert ask(path, {}, 1.0) is None


def test_a_slow_answer_is_announced_and_comes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "STILL_HERE_S", 0.005)
    path = tmp_path / "control.sock"

    async def scenario() -> tuple[dict[str, Any] | None, list[str]]:
        measured, told = asyncio.Event(), list[str]()
        loop = asyncio.get_running_loop()

        async def slow(request: dict[str, Any]) -> dict[str, Any]:
            await measured.wait()
            return {"asked": request}

        def waiting() -> None:
            told.append("waits")
            loop.call_soon_threadsafe(measured.set)

        server = ControlServer(path, slow)
        await server.open()
        try:
            return await asyncio.to_thread(ask, path, {"op": "read"}, 5.0, waiting), told
        finally:
            await server.close()

    assert asyncio.run(scenario()) == ({"asked": {"op": "read"}}, ["waits"])


def test_who_asked_and_went_leaves_no_work_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "STILL_HERE_S", 0.005)
    path = tmp_path / "control.sock"

    async def scenario() -> None:
        begun, given_up = asyncio.Event(), asyncio.Event()

        async def endless(_: dict[str, Any]) -> dict[str, Any]:
            begun.set()
            try:
                await asyncio.get_running_loop().create_future()
                return {}
            finally:
                given_up.set()

        server = ControlServer(path, endless)
        await server.open()
        try:
            _, writer = await asyncio.open_unix_connection(str(path))
            writer.write(b'{"op":"read"}\n')
            await begun.wait()
            writer.close()
            async with asyncio.timeout(5):
                await given_up.wait()
        finally:
            await server.close()

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"x" * 5000 + b"\n", "at most 4096 bytes"),
        (b"\xff\xfe\n", "not JSON"),
        (b"[" * 3000 + b"\n", "not JSON"),
        (b"[1]\n", "is an object"),
        (b"{}", "one line of JSON"),
    ],
)
def test_hostile_requests_get_an_answer_and_harm_nobody(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "control.sock"

    async def talk(_: ControlServer) -> None:
        assert words in (await raw(path, data))["error"]
        assert await raw(path, b'{"op":1}\n') == {"asked": {"op": 1}}

    with_server(path, talk)


def test_a_second_agent_is_refused_and_a_stale_socket_is_not(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))

    async def talk(_: ControlServer) -> None:
        with pytest.raises(AgentRunningError, match="another agent runs"):
            await ControlServer(path, echo).open()

    with_server(path, talk)


def test_a_folder_that_cannot_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ControlError, match="cannot listen on"):
        asyncio.run(ControlServer(tmp_path / "file" / "control.sock", echo).open())


def test_a_server_that_hangs_up_is_named(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"

    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()
        await writer.wait_closed()

    async def scenario() -> None:
        server = await asyncio.start_unix_server(hang_up, str(path))
        with pytest.raises(ControlError, match="does not answer"):
            await asyncio.to_thread(ask, path, {}, 5.0)
        server.close()
        await server.wait_closed()

    asyncio.run(scenario())


def test_the_service_manager_hears_of_each_state(tmp_path: Path) -> None:
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(path))
        manager.settimeout(5.0)
        notifier = ServiceNotifier({"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "60000000"})
        assert notifier.watchdog_s == 60.0
        notifier.ready()
        notifier.alive()
        notifier.stopping()
        assert [manager.recv(200).split(b"\n")[0] for _ in range(3)] == [b"READY=1", b"WATCHDOG=1", b"STOPPING=1"]
    notifier.alive()
    ServiceNotifier({}).ready()
    assert ServiceNotifier({"WATCHDOG_USEC": "5", "WATCHDOG_PID": "1"}).watchdog_s is None


def test_a_state_folder_has_one_agent(tmp_path: Path) -> None:
    first, second = SoleAgent(tmp_path / "state"), SoleAgent(tmp_path / "state")
    first.hold()
    with pytest.raises(AgentRunningError, match="state_dir"):
        second.hold()
    first.release()
    second.hold()
    second.release()


def test_a_disk_that_takes_no_lock_is_no_other_agent(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("no folder")
    sole = SoleAgent(tmp_path / "state")
    sole.hold()
    sole.release()
