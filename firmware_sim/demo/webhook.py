"""A crew's phone: a webhook on loopback that keeps and shows what a notification service would deliver."""

from __future__ import annotations

import json
import queue
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

MAX_BODY_BYTES: Final = 65_536


@dataclass(frozen=True, slots=True)
class Message:
    """One notification as it arrived."""

    crew: str
    title: str
    text: str


class Webhook:
    """Takes Apprise's JSON posts; the last part of the path names the crew."""

    def __init__(self) -> None:
        self.messages: queue.Queue[Message] = queue.Queue()
        received = self.messages

        class Handler(BaseHTTPRequestHandler):
            timeout = 10

            def do_POST(self) -> None:
                length = min(int(self.headers.get("Content-Length", "0")), MAX_BODY_BYTES)
                body = json.loads(self.rfile.read(length))
                crew = self.path.rstrip("/").rsplit("/", 1)[-1]
                received.put(Message(crew, str(body.get("title", "")), str(body.get("message", ""))))
                self.send_response(204)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's signature
                """Say nothing: the demonstration prints the messages itself."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port: int = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, name="webhook", daemon=True)
        self.thread.start()

    def close(self) -> None:
        """Stop listening."""
        self.server.shutdown()
        self.server.server_close()
