"""What `edge-agent check` finds of lines: names of ports that do not last, one port twice, settings that cannot be."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, Literal

from config.agent import AgentConfig, SerialLine, TcpLine
from config.document import Location
from config.profile import InstrumentProfile, ModbusProfile
from config.texts import TEXTS as FINDINGS
from edge_agent.cli.words import TEXTS

STABLE_FOLDERS: Final = (Path("/dev/lamplighter"), Path("/dev/serial/by-path"))
"""Of the udev rules that we ship, and of udev's own."""
_NUMBERED: Final = re.compile(r"/dev/tty(USB|ACM)[0-9]+")
"""In the order in which the kernel found them: after a restart or a pulled plug another adapter may have the name."""

Profiles = Mapping[str, ModbusProfile | InstrumentProfile | None]
Tell = Callable[[Literal["error", "warning"], Location, str], None]
"""Takes severity, place and message."""


def check_lines(config: AgentConfig, profiles: Profiles, tell: Tell, folders: Iterable[Path] = STABLE_FOLDERS) -> None:
    """Find what is wrong with the lines of a gateway; only ports of this machine are looked at, none is opened."""
    owners: dict[Path, SerialLine] = {}
    folders = tuple(folders)
    for index, line in enumerate(config.lines):
        if not isinstance(line, SerialLine):
            continue
        place: Location = ("lines", index, "port")
        port = Path(line.port)
        if _NUMBERED.fullmatch(line.port):
            stable = stable_name(port, folders)
            key = "port_unstable_name" if stable else "port_unstable"
            tell("warning", place, TEXTS.text(key, port=line.port, stable=stable))
        if not port.exists():
            tell("warning", place, TEXTS.text("port_missing", port=line.port, line=line.id))
            continue
        owner = owners.setdefault(port.resolve(), line)
        if owner is not line:
            facts = {"port": line.port, "address": owner.port, "other": owner.id}
            tell("error", place, FINDINGS.text("same_port", **facts))
    seven = {
        line.id
        for line in config.lines
        if isinstance(line, SerialLine) and (line.framing, line.data_bits) == ("rtu", 7)
    }
    for index, device in enumerate(config.devices):
        if device.line in seven and isinstance(profiles.get(device.profile), ModbusProfile):
            tell("error", ("devices", index, "line"), FINDINGS.text("seven_bits", line=device.line))


def stable_name(port: Path, folders: Iterable[Path]) -> Path | None:
    """Return the name of a port that stays, if udev has given it one."""
    for folder in folders:
        for link in sorted(folder.iterdir()) if folder.is_dir() else ():
            if link.resolve() == port.resolve():
                return link
    return None


def tls_files(config: AgentConfig) -> Iterator[tuple[Location, Path | None]]:
    """Yield the files that the lines' TLS needs, and where they are named."""
    for index, line in enumerate(config.lines):
        if isinstance(line, TcpLine) and line.tls:
            for name in ("ca_file", "cert_file", "key_file"):
                yield ("lines", index, "tls", name), getattr(line.tls, name)
