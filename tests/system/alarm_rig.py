"""An alarm desk with channels to real servers: a webhook and a mail server on loopback, and a night to drive it."""

from __future__ import annotations

import contextlib
import email
import email.policy
import json
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiosmtpd.controller import Controller

from collector.shell.alarm_desk import AlarmDesk
from config.collector import Channel, CrewChannels
from config.rules import Rule, load_rules
from contract.reading import Value
from tests.servers.waiting import free_port, wait_until
from tests.unit.collector.alarm_parts import START_MS, cabinet, city, received

INVENTORY = city(cabinet(1), cabinet(2, crew="south"))


class Webhook:
    """A web server that keeps what is posted to it.

    Args:
        port: Stays the same over restarts.
        before_answer: Called with each message before it is answered; may sleep.
        refusals: Statuses of its first answers; what it refuses it does not keep.
    """

    def __init__(
        self,
        port: int | None = None,
        before_answer: Callable[[], None] = lambda: None,
        refusals: Sequence[int] = (),
    ) -> None:
        self.refusals = refusals_left = list(refusals)
        self.port = port or free_port()
        self.posts: list[dict[str, Any]] = []
        posts = self.posts

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                post = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status = refusals_left.pop(0) if refusals_left else 200
                if status == 200:
                    posts.append(post)
                before_answer()
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_arguments: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_arguments: object) -> None:
                """A client that was killed while it sent is what some tests are about."""

        self._server = Server(("127.0.0.1", self.port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def url(self) -> str:
        return f"json://127.0.0.1:{self.port}/crew"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class HostileService:
    """A web server that takes what is posted to it, and whose answer never ends.

    Args:
        pause_s: Between the pieces of its answer; 0: as fast as it is read.
    """

    def __init__(self, pause_s: float) -> None:
        self.posts: list[bytes] = []
        self._ended = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._pause_s = pause_s
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    @property
    def url(self) -> str:
        return f"json://127.0.0.1:{self.port}/crew"

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        # A blocked accept does not see the end of its own socket.
        socket.create_connection(("127.0.0.1", self.port)).close()
        for thread in self._threads:
            thread.join(10)
        self._listener.close()

    def _accept(self) -> None:
        while not self._ended.is_set():
            connection, _ = self._listener.accept()
            self._threads.append(threading.Thread(target=self._answer, args=(connection,), daemon=True))
            self._threads[-1].start()

    def _answer(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            post = connection.recv(65_536)
            if not post:
                return
            self.posts.append(post)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
            while not self._ended.wait(self._pause_s):
                connection.sendall(b"." if self._pause_s else b"." * 65_536)


class MailServer:
    """An SMTP server that keeps its mail."""

    def __init__(self) -> None:
        self.mail: list[email.message.EmailMessage] = []
        self.port = free_port()
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)

    async def handle_DATA(self, _server: object, _session: object, envelope: Any) -> str:  # noqa: N802 - the library's
        self.mail.append(email.message_from_bytes(envelope.content, policy=email.policy.default))
        return "250 OK"

    @property
    def url(self) -> str:
        return f"mailto://127.0.0.1:{self.port}/?from=alarm@lamplighter.invalid&to=crew@lamplighter.invalid&format=text"

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._controller.stop()

    def texts(self) -> list[tuple[str, str]]:
        """Return (subject, body) of every mail."""
        found: list[tuple[str, str]] = []
        for message in self.mail:
            part = message.get_body(("plain", "html"))
            assert part is not None
            found.append((str(message["Subject"]), part.get_content()))
        return found


class DeskNight:
    """A desk whose time is driven by hand, second by second."""

    def __init__(
        self,
        state_dir: Path,
        channels: Mapping[str, tuple[str, ...]],
        rules: tuple[Rule, ...] | None = None,
        first_s: int = 0,
    ) -> None:
        state_dir.mkdir(exist_ok=True)
        self.now_ms = START_MS + first_s * 1000
        self.topics: dict[str, bytes | None] = {}
        self.desk = AlarmDesk(
            state_dir=state_dir,
            city=INVENTORY,
            rules=rules or load_rules(),
            notify=[
                CrewChannels(crew=crew, channels=tuple(Channel(url=url) for url in urls))
                for crew, urls in channels.items()
            ],
            publish=self._publish,
            root="city/v1",
            now_ms=lambda: self.now_ms,
        )
        self.desk.start()
        self.desk.connected(self.now_ms)

    def _publish(self, topic: str, payload: bytes | None) -> None:
        self.topics[topic] = payload

    def second(self, at_s: int, values: Mapping[str, Mapping[str, Value]]) -> None:
        """Evaluate one second's readings of some gateways."""
        self.now_ms = START_MS + at_s * 1000
        self.desk.evaluate(
            [received(readings, at_s, gateway=gateway, seq=at_s + 1) for gateway, readings in values.items()]
        )
        self.desk.tick(self.now_ms)

    def waiting(self) -> int:
        """Return how many messages no service has taken yet."""
        return self.desk._store.waiting_count()

    def close(self) -> None:
        self.desk.close()


def settled(count: Callable[[], int], expected: int) -> None:
    """Wait for a number of messages, and for none beyond it while the outbox looks once more."""
    wait_until(lambda: count() >= expected, 20, f"{expected} messages (there are {count()})")
    deadline_s = time.monotonic() + 1.5
    wait_until(lambda: time.monotonic() > deadline_s or count() > expected, 3, "time for one more")
    assert count() == expected
