"""The Mosquitto broker, as Debian ships it."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from tests.servers.process import ServerProcess
from tests.servers.provision import MOSQUITTO
from tests.servers.waiting import accepts_connections, free_port

if TYPE_CHECKING:
    from pathlib import Path

_DROPPED = re.compile(r"Outgoing messages are being dropped for client (.+)\.$", re.MULTILINE)


class Mosquitto(ServerProcess):
    """A broker on 127.0.0.1; anonymous and without persistence unless the configuration says otherwise."""

    program = MOSQUITTO

    def __init__(self, folder: Path, *, config: str = "") -> None:
        """Prepare a broker.

        Args:
            folder: Its own folder: `mosquitto.conf`, `server.log`, persistence.
            config: Lines of mosquitto.conf(5) added to the listener; `persistence true` keeps state in the folder.
        """
        super().__init__(folder)
        self.port = 0
        self.config = config

    def dropped_for(self) -> list[str]:
        """Give the clients whose queue was full: what came then was acknowledged, and is lost."""
        return _DROPPED.findall(self.log_text())

    def _choose_ports(self) -> None:
        self.port = free_port()

    def _arguments(self) -> list[str]:
        lines = [f"listener {self.port} 127.0.0.1", f"persistence_location {self.folder}/", "log_type all"]
        if "allow_anonymous" not in self.config:
            lines.append("allow_anonymous true")
        if os.geteuid() == 0:
            # As root Mosquitto changes to the user `mosquitto`, who exists only where the package was installed.
            lines.append("user root")
        path = self.folder / "mosquitto.conf"
        path.write_text("\n".join([*lines, self.config, ""]), "utf-8")
        return ["-c", str(path)]

    def _is_ready(self) -> bool:
        return accepts_connections(self.port)
